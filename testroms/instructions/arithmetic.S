// One-byte map: arithmetic and logic, 00-3F, 80-85, 69, 6B, FE, F6, F7.

#include "tests.h"

// The eight operations with the pattern of rows 00-05; \n is ModRM.reg of group 1.
.macro alu op, name, n, flags, row0, row1, row2, row3, row4, row5
L("\name \row0 Eb,Gb")
  I(\flags, \op al, dl)
  I(\flags, \op [NBX], dl)
  I(\flags|FEW, \op ah, dl)
  I(\flags|FEW, \op ch, dh)
  I(\flags|FEW, \op bl, ah)
  I(\flags|FEW, \op [NBX + 45], dh)
#if BITS == 64
  I(\flags|FEW, \op sil, al)
  I(\flags|FEW, \op r9b, r15b)
  I(\flags|FEW, \op [r12], r10b)
#endif
L("\name \row2 Gb,Eb")
  I(\flags, .byte 0x\row2, 0xC2)
  I(\flags, \op al, [NBX])
  I(\flags|FEW, .byte 0x\row2, 0xE6)     // AH, DH
  I(\flags|FEW, \op dh, [NBX + 45])
#if BITS == 64
  I(\flags|FEW, \op r11b, [r13])
  I(\flags|FEW, .byte 0x45, 0x\row2, 0xC7)
#endif
L("\name \row4 AL,Ib")
  I(\flags, \op al, 0x7F)
  I(\flags, \op al, -128)
L("\name 80/\n Eb,Ib")
  I(\flags, \op dl, 0x5A)
  I(\flags, \op byte ptr [NBX], 1)
  I(\flags|FEW, \op bh, 0xFF)
  I(\flags|FEW, \op byte ptr [NBX + 45], 0x80)
#if BITS != 64
L("\name 82/\n Eb,Ib")
  I(\flags, .byte 0x82, 0xC2 + 8 * \n, 0xA5)
#else
  I(\flags|FEW, \op r8b, 3)
  I(\flags|FEW, \op bpl, 3)
#endif
  sizes aluv, \op, \name, \n, \flags, \row1, \row3, \row5
.endm

.macro aluv s, z, a, d, c, ptr, op, name, n, flags, row1, row3, row5
L("\name \row1 E\s,G\s")
  I(\flags, \op \a, \d)
  I(\flags, \op [NBX], \d)
  I(\flags|FEW, \op \c, \c)
  I(\flags|FEW, \op [NBX + 45], \a)
L("\name \row3 G\s,E\s")
  I(\flags, o\z; .byte 0x\row3, 0xC2)
  I(\flags, \op \a, [NBX])
  I(\flags|FEW, \op \c, [NBX + 45])
L("\name \row5 rAX,Iz \z")
  I(\flags, \op \a, 0x7FFF)
L("\name 81/\n E\s,Iz")
  I(\flags, \op \d, 0x5AA5)
  I(\flags, \op \ptr ptr [NBX], 0x7FFF)
  I(\flags|FEW, \op \ptr ptr [NBX + 45], 0x1234)
  .if \z >= 32
  I(\flags|FEW, \op \ptr ptr [NBX], -0x7FFFFFF0)
  .endif
L("\name 83/\n E\s,sIb")
  I(\flags, \op \d, -128)
  I(\flags, \op \ptr ptr [NBX], 0x7F)
  I(\flags|FEW, \op \c, -1)
  I(\flags|FEW, \op \ptr ptr [NBX + 45], -1)
.endm

alu add, ADD, 0, ALL, 00, 01, 02, 03, 04, 05
alu or, OR, 1, NO_A, 08, 09, 0A, 0B, 0C, 0D
alu adc, ADC, 2, ALL, 10, 11, 12, 13, 14, 15
alu sbb, SBB, 3, ALL, 18, 19, 1A, 1B, 1C, 1D
alu and, AND, 4, NO_A, 20, 21, 22, 23, 24, 25
alu sub, SUB, 5, ALL, 28, 29, 2A, 2B, 2C, 2D
alu xor, XOR, 6, NO_A, 30, 31, 32, 33, 34, 35
alu cmp, CMP, 7, ALL, 38, 39, 3A, 3B, 3C, 3D

#if BITS == 64
L("ADD 01 REX registers")
  I(ALL|FEW, add r8, r9; add r10d, r11d; add r14w, r15w; add r12, rax; add rdx, r13)
  I(ALL|FEW, adc r8, r15; sbb r15d, r8d; xor r9w, ax; sub rsp, r14)
  I(NO_A|FEW, .byte 0x48, 0x66, 0x01, 0xD0; or eax, eax)  // REX before a legacy prefix has no effect
  I(ALL|FEW, .byte 0x66, 0x48, 0x01, 0xD0)                // REX.W wins over 66h
#endif

.macro locked op, name
L("\name lock memory")
  I(ALL & NO_A, lock \op [NBX], dl)
  I(ALL & NO_A|FEW, lock \op dword ptr [NBX], eax)
  I(ALL & NO_A|FEW, lock \op word ptr [NBX + 45], 0x12)
.endm
locked add, ADD
locked or, OR
locked adc, ADC
locked sbb, SBB
locked and, AND
locked sub, SUB
locked xor, XOR

.macro test_v s, z, a, d, c, ptr, none
L("TEST 85 E\s,G\s")
  I(NO_A, test \a, \d)
  I(NO_A, test [NBX], \a)
  I(NO_A|FEW, test [NBX + 45], \c)
L("TEST A9 rAX,Iz \z")
  I(NO_A, test \a, 0x7FFF)
L("TEST F7/0 E\s,Iz")
  I(NO_A, test \d, 0x5AA5)
  I(NO_A|FEW, test \ptr ptr [NBX], 0x7001)
#if BITS != 16                      // QEMU, from which real mode's results come, has not got the alias
L("TEST F7/1 E\s,Iz")
  .if \z == 16
  I(NO_A|FEW, o16; .byte 0xF7, 0xCA; .word 0x8421)
  .else
  I(NO_A|FEW, o\z; .byte 0xF7, 0xCA; .long 0x84218421)
  .endif
#endif
L("NOT F7/2 E\s")
  I(ALL, not \a)
  I(ALL|FEW, not \ptr ptr [NBX])
  I(ALL|FEW, not \ptr ptr [NBX + 45])
L("NEG F7/3 E\s")
  I(ALL, neg \a)
  I(ALL, neg \ptr ptr [NBX])
  I(ALL|FEW, neg \ptr ptr [NBX + 45])
L("MUL F7/4 E\s")
  I(ONLY_OC, mul \d)
  I(ONLY_OC|FEW, mul \ptr ptr [NBX])
  I(ONLY_OC|FEW, mul \ptr ptr [NBX + 45])
L("IMUL F7/5 E\s")
  I(ONLY_OC, imul \d)
  I(ONLY_OC|FEW, imul \ptr ptr [NBX])
  I(ONLY_OC|FEW, imul \ptr ptr [NBX + 45])
L("DIV F7/6 E\s")
  I(NONE, div \ptr ptr [NBX])
  I(NONE, mov \c, \d; and \d, 15; div \c)
  I(NONE, xor edx, edx; mov cl, 9; movzx ecx, cl; div \c)
// SAR leaves AF undefined, and the frame of #DE would show it.
L("IDIV F7/7 E\s")
  I(NONE, idiv \ptr ptr [NBX])
  I(NONE, mov \c, \d; sar \d, \z - 5; test \d, \d; idiv \c)
  I(NONE, mov \c, \d; mov \d, \a; sar \d, \z - 1; test \d, \d; idiv \c)
L("INC FF/0 E\s")
  I(ALL, inc \a)
  I(ALL, inc \ptr ptr [NBX])
  I(ALL|FEW, inc \ptr ptr [NBX + 45])
L("DEC FF/1 E\s")
  I(ALL, dec \a)
  I(ALL, dec \ptr ptr [NBX])
  I(ALL|FEW, dec \ptr ptr [NBX + 45])
L("IMUL 69 G\s,E\s,Iz")
  I(ONLY_OC, imul \a, \d, 0x7001)
  I(ONLY_OC|FEW, imul \a, [NBX], -0x7001)
L("IMUL 6B G\s,E\s,sIb")
  I(ONLY_OC, imul \a, \d, -3)
  I(ONLY_OC|FEW, imul \c, [NBX + 45], 0x7F)
.endm

L("TEST 84 Eb,Gb")
  I(NO_A, test al, dl)
  I(NO_A|FEW, test [NBX], ah)
L("TEST A8 AL,Ib")
  I(NO_A, test al, 0x81)
L("TEST F6/0 Eb,Ib")
  I(NO_A, test dl, 0x5A)
  I(NO_A|FEW, test byte ptr [NBX], 0x80)
#if BITS != 16
L("TEST F6/1 Eb,Ib")
  I(NO_A, .byte 0xF6, 0xCA, 0xF0)
#endif
L("NOT F6/2 Eb")
  I(ALL, not al)
  I(ALL|FEW, not byte ptr [NBX])
  I(ALL|FEW, lock not byte ptr [NBX])
L("NEG F6/3 Eb")
  I(ALL, neg al)
  I(ALL|FEW, neg dh)
  I(ALL|FEW, lock neg byte ptr [NBX])
L("MUL F6/4 Eb")
  I(ONLY_OC, mul dl)
  I(ONLY_OC|FEW, mul byte ptr [NBX])
  I(ONLY_OC|FEW, mul ah)
L("IMUL F6/5 Eb")
  I(ONLY_OC, imul dl)
  I(ONLY_OC|FEW, imul byte ptr [NBX])
L("DIV F6/6 Eb")
  I(NONE, div dl)
  I(NONE|FEW, div byte ptr [NBX])
  I(NONE, mov ah, 3; div dl)
  I(NONE|FEW, div ah)
L("IDIV F6/7 Eb")
  I(NONE, idiv dl)
  I(NONE|FEW, idiv byte ptr [NBX])
  I(NONE, cbw; idiv dl)
L("INC FE/0 Eb")
  I(ALL, inc al)
  I(ALL, inc byte ptr [NBX])
  I(ALL|FEW, lock inc byte ptr [NBX + 45]; inc dh)
L("DEC FE/1 Eb")
  I(ALL, dec al)
  I(ALL, dec byte ptr [NBX])
  I(ALL|FEW, lock dec byte ptr [NBX + 45]; dec ah)
sizes test_v

#if BITS != 64
.macro inc_dec s, z, a, d, c, ptr, none
L("INC 40-47 Z\s")
  I(ALL, inc \a)
  I(ALL|FEW, inc \d; inc \c; o\z; .byte 0x43; o\z; .byte 0x44; o\z; .byte 0x45; o\z; .byte 0x46; o\z;
    .byte 0x47)
L("DEC 48-4F Z\s")
  I(ALL, dec \a)
  I(ALL|FEW, dec \d; dec \c; o\z; .byte 0x4B; o\z; .byte 0x4C; o\z; .byte 0x4D; o\z; .byte 0x4E; o\z;
    .byte 0x4F)
.endm
sizes inc_dec

L("DAA 27 -")
  I(NO_O, daa)
  I(NO_O, add al, dl; daa)
L("DAS 2F -")
  I(NO_O, das)
  I(NO_O, sub al, dl; das)
L("AAA 37 -")
  I(ONLY_AC, aaa)
  I(ONLY_AC, add al, dl; aaa)
L("AAS 3F -")
  I(ONLY_AC, aas)
  I(ONLY_AC, sub al, dl; aas)
L("AAM D4 Ib")
  I(NO_AOC, aam)
  I(NO_AOC, aam 7)
  I(NONE|FEW, .byte 0xD4, 0)
L("AAD D5 Ib")
  I(NO_AOC, aad)
  I(NO_AOC, aad 0x83)
L("SALC D6 -")
  I(ALL, .byte 0xD6)
#endif
