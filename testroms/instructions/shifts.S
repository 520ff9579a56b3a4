// One-byte map: shifts and rotations, C0, C1, D0-D3. A count is taken modulo 32, or 64 for 64-bit operands;
// what happens to the flags depends on it (SDM Vol. 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR").

#include "tests.h"

// \one: flags for a count of 1; \more: for more; \most: for counts beyond the operand of 8 or 16 bits
.macro shift op, name, n, one, more, most
L("\name D0/\n Eb,1")
  I(\one, \op al, 1)
  I(\one, \op byte ptr [NBX], 1)
  I(\one|FEW, \op dh, 1)
L("\name C0/\n Eb,Ib")
  I(\more, .byte 0xC0, 0xC0 + 8 * \n, 3)
  I(\one|FEW, .byte 0xC0, 0xC2 + 8 * \n, 1)
  I(ALL|FEW, .byte 0xC0, 0xC2 + 8 * \n, 0x20)
  I(\more|FEW, \op byte ptr [NBX + 45], 5)
L("\name D2/\n Eb,CL")
  .irp count, 2, 5, 7
  I(\more, mov cl, \count; \op al, cl)
  .endr
  .irp count, 8, 9, 10, 15, 16, 17, 18, 24, 27, 31
  I(\most|FEW, mov cl, \count; \op al, cl)
  I(\most|FEW, mov cl, \count; \op byte ptr [NBX + 45], cl)
  .endr
  I(ALL|FEW, mov cl, 0; \op al, cl)
  I(ALL|FEW, mov cl, 0xE0; \op byte ptr [NBX], cl)
  I(\one|FEW, mov cl, 0x41; \op ah, cl)
  sizes shift_v, \op, \name, \n, \one, \more, \most
.endm

.macro shift_v s, z, a, d, c, ptr, op, name, n, one, more, most
L("\name D1/\n E\s,1")
  I(\one, \op \a, 1)
  I(\one, \op \ptr ptr [NBX], 1)
  I(\one|FEW, \op \ptr ptr [NBX + 45], 1)
L("\name C1/\n E\s,Ib")
  I(\more, o\z; .byte 0xC1, 0xC2 + 8 * \n, 7)
  I(\one|FEW, o\z; .byte 0xC1, 0xC2 + 8 * \n, 1)
  I(ALL|FEW, o\z; .byte 0xC1, 0xC2 + 8 * \n, 0x40)
  I(\more|FEW, \op \ptr ptr [NBX + 45], 13)
L("\name D3/\n E\s,CL")
  .irp count, 2, 8, 15
  I(\more, mov cl, \count; \op \a, cl)
  I(\more|FEW, mov cl, \count; \op \ptr ptr [NBX + 45], cl)
  .endr
  .irp count, 16, 17, 18, 24, 31
  .if \z == 16
  I(\most|FEW, mov cl, \count; \op \a, cl)
  .else
  I(\more|FEW, mov cl, \count; \op \a, cl)
  .endif
  .endr
  .if \z == 64
  I(\one|FEW, mov cl, 0x41; \op rax, cl)
  .irp count, 32, 33, 48, 63, 0xBF
  I(\more|FEW, mov cl, \count; \op rax, cl)
  .endr
  .else
  I(\one|FEW, mov cl, 0x21; \op \a, cl)
  I(ALL|FEW, mov cl, 0x20; \op \a, cl)
  .endif
  I(ALL|FEW, mov cl, 0; \op \a, cl)
  I(ALL|FEW, mov cl, 0xC0; \op \ptr ptr [NBX], cl)
.endm

shift rol, ROL, 0, ALL, NO_O, NO_O
shift ror, ROR, 1, ALL, NO_O, NO_O
shift rcl, RCL, 2, ALL, NO_O, NO_O
shift rcr, RCR, 3, ALL, NO_O, NO_O
shift shl, SHL, 4, NO_A, NO_AO, NO_AOC
shift shr, SHR, 5, NO_A, NO_AO, NO_AOC
shift sar, SAR, 7, NO_A, NO_AO, NO_AO

// Group 2 /6 is an alias of SHL (AMD APM Vol. 3, "ModRM.reg Extensions for the Primary Opcode Map").
L("SHL D0/6 Eb,1")
  I(NO_A, .byte 0xD0, 0xF0)
L("SHL C0/6 Eb,Ib")
  I(NO_AO, .byte 0xC0, 0xF2, 5)
L("SHL D2/6 Eb,CL")
  I(NO_AO, mov cl, 6; .byte 0xD2, 0xF0)
.macro alias s, z, a, d, c, ptr, none
L("SHL D1/6 E\s,1")
  I(NO_A, o\z; .byte 0xD1, 0xF2)
L("SHL C1/6 E\s,Ib")
  I(NO_AO, o\z; .byte 0xC1, 0xF2, 11)
L("SHL D3/6 E\s,CL")
  I(NO_AO, mov cl, 9; o\z; .byte 0xD3, 0xF0)
.endm
sizes alias

// All counts: the flags that are undefined for some of them stay out.
#if BITS != 64
L("RCL D3/2 any count")
  I(NO_O, rcl eax, cl; rcl dx, cl)
  I(NO_O, rcl al, cl)
L("RCR D3/3 any count")
  I(NO_O, rcr eax, cl; rcr dx, cl)
  I(NO_O, rcr al, cl)
#else
L("RCL D3/2 any count")
  I(NO_O, rcl rax, cl; rcl r8d, cl; rcl dx, cl)
L("RCR D3/3 any count")
  I(NO_O, rcr rax, cl; rcr r8d, cl; rcr dx, cl)
L("SHL D3/4 any count")
  I(NONE, shl rax, cl; shl r8d, cl; shl dx, cl)
#endif
