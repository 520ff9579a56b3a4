// One-byte map: moves, stack, exchange, conversion, flags, 50-5F, 60-63, 68, 6A, 86-99, 9B-A3, B0-BF, C4-C9,
// D7, F5-FD.

#include "tests.h"

.macro move_v s, z, a, d, c, ptr, none
L("MOV 89 E\s,G\s")
  I(ALL, mov \a, \d)
  I(ALL|FEW, mov [NBX], \a)
  I(ALL|FEW, mov [NBX + 45], \c)
L("MOV 8B G\s,E\s")
  I(ALL|FEW, o\z; .byte 0x8B, 0xC2)
  I(ALL, mov \c, [NBX])
  I(ALL|FEW, mov \c, [NBX + 45])
L("XCHG 87 E\s,G\s")
  I(ALL|FEW, xchg \d, \c)
  I(ALL|FEW, xchg [NBX], \a)
  I(ALL|FEW, lock xchg [NBX + 45], \d)
L("XCHG 90-97 Z\s,rAX")
  I(ALL|FEW, xchg \a, \d; xchg \c, \a)
  I(ALL|FEW, o\z; .byte 0x93; o\z; .byte 0x94; o\z; .byte 0x95; o\z; .byte 0x96; o\z; .byte 0x97; o\z;
    .byte 0x90)
L("MOV C7/0 E\s,Iz")
  I(ALL|FEW, mov \ptr ptr [NBX], 0x7A5A)
  I(ALL|FEW, mov \ptr ptr [NBX + 45], 0x1234)
  .if \z == 16
  I(ALL|FEW, o16; .byte 0xC7, 0xC2; .word 0x8421)
  .else
  I(ALL|FEW, o\z; .byte 0xC7, 0xC2; .long 0x87654321)
  .endif
L("MOV B8-BF Z\s,Iv")
  I(ALL|FEW, mov \a, 0x1234; mov \d, 0x5678; mov \c, 0x7FFF)
  .if \z == 64
  I(ALL|FEW, movabs rbx, 0x123456789ABCDEF0; movabs r15, 0xFEDCBA9876543210; mov r9d, 0x87654321; mov bp, 7)
  .endif
L("MOV A1 rAX,Ov \z")
  I(ALL|FEW, o\z; .byte 0xA1; address BLOCK + 21)
L("MOV A3 Ov,rAX \z")
  I(ALL|FEW, o\z; .byte 0xA3; address BLOCK + 60)
L("LEA 8D G\s,M")
  I(ALL|FEW, lea \a, [NBX + NSI + 0x1234]; lea \d, [NBP - 3])
L("CBW 98 \z")
  .if \z == 16
  I(ALL, cbw)
  .elseif \z == 32
  I(ALL, cwde)
  .else
  I(ALL, cdqe)
  .endif
L("CWD 99 \z")
  .if \z == 16
  I(ALL, cwd)
  .elseif \z == 32
  I(ALL, cdq)
  .else
  I(ALL, cqo)
  .endif
.endm

// An offset of the address size, after A0-A3.
.macro address value
#if BITS == 64
  .quad \value
#elif BITS == 32
  .long \value
#else
  .word \value
#endif
.endm

sizes move_v

L("MOV 88 Eb,Gb")
  I(ALL, mov al, dl)
  I(ALL|FEW, mov ah, dl; mov ch, ah; mov [NBX], dh)
L("MOV 8A Gb,Eb")
  I(ALL, mov ch, [NBX])
  I(ALL|FEW, .byte 0x8A, 0xE2; mov al, [NBX + 45])
L("MOV C6/0 Eb,Ib")
  I(ALL|FEW, mov byte ptr [NBX], 0xA5; .byte 0xC6, 0xC4, 0x77)
L("MOV B0-B7 Zb,Ib")
  I(ALL|FEW, mov al, 1; mov cl, 2; mov dl, 3; mov bl, 4; mov ah, 5; mov ch, 6; mov dh, 7; mov bh, 8)
L("MOV A0 AL,Ob")
  I(ALL|FEW, .byte 0xA0; address BLOCK + 17)
L("MOV A2 Ob,AL")
  I(ALL|FEW, .byte 0xA2; address BLOCK + 63)
L("XCHG 86 Eb,Gb")
  I(ALL|FEW, xchg al, dh; xchg ah, cl)
  I(ALL|FEW, xchg [NBX], dl; lock xchg [NBX + 45], ch)
L("XLAT D7 -")
  I(ALL, and al, 31; xlatb)
#if BITS == 64
L("MOV B0-B7 REX registers")
  I(ALL|FEW, mov spl, 5; mov bpl, 6; mov sil, 7; mov dil, 8; mov r8b, 9; mov r15b, 10)
L("MOV 88 REX registers")
  I(ALL|FEW, mov sil, dil; mov r9b, spl; mov [r13], bpl; mov bpl, [r12 + 1])
L("XCHG 90-97 REX registers")
  I(ALL|FEW, xchg rax, r8; xchg eax, r9d; xchg ax, r15w; .byte 0x41, 0x90; .byte 0x48, 0x90)
L("MOVSXD 63 Gv,Ed")
  I(ALL, movsxd rax, edx)
  I(ALL|FEW, movsxd rcx, dword ptr [rbx + 45])
  I(ALL|FEW, .byte 0x63, 0xC2; .byte 0x66, 0x63, 0xCA)
L("MOV A1 67h")
  I(ALL|FEW, .byte 0x67, 0xA1; .long BLOCK + 21)
#else
L("ARPL 63 Ew,Gw")
#if BITS == 32
  I(ALL, arpl ax, dx)
  I(ALL, arpl [ebx], ax)
#else
  I(ALL|FEW, .byte 0x63, 0xD0)     // #UD in real mode
#endif
#endif

L("MOV 8C Ev,Sw")
#if BITS == 16
  I(ALL|FEW, mov ax, ds; mov [NBX], es; mov dx, cs; mov cx, ss)
#else
  I(ALL|FEW, mov ax, cs; mov edx, ss; mov [NBX], cs; mov cx, ds)
  I(ALL|FEW, .byte 0x8C, 0xF0)     // segment register 6: #UD
#endif
L("MOV 8E Sw,Ew")
#if BITS == 16
  I(ALL|FEW, mov cx, 0xE00; mov es, cx; mov ax, es:[BLOCK - 0xE000 + 16])
  I(ALL|FEW, mov fs, dx; mov gs, [NBX + 45]; mov ax, fs; mov cx, gs)
#else
  I(ALL|FEW, mov ecx, 0x2B; mov es, cx; mov eax, es; mov ecx, 0; mov es, cx; mov edx, es)
  I(ALL|FEW, mov ecx, 0x2B; mov ss, cx; nop; mov eax, ss)
  I(ALL|FEW, mov ecx, 0x18; mov es, cx)             // #GP: privileged
  I(ALL|FEW, mov ecx, 0x23; mov ss, cx)             // #GP: code
  I(ALL|FEW, mov ecx, 0x3FB; mov ds, cx)            // #GP: beyond the table
#endif
  I(ALL|FEW, .byte 0x8E, 0xC8)     // MOV CS: #UD

L("PUSH 50-57 Zv")
  I(ALL|FEW, push NAX; push NDX; push NCX; push NSP; push NBP)
  I(ALL|FEW, push NBX; push NSI; push NDI; push ax)
L("POP 58-5F Zv")
  I(ALL|FEW, pop NAX; pop NDX)
  I(ALL|FEW, pop cx; pop NSI)
  I(ALL|FEW, pop NSP)
L("PUSH 68 Iz")
  I(ALL|FEW, push 0x7EDC)
#if BITS == 16
  I(ALL|FEW, .byte 0x66, 0x68; .long 0x87654321)
#else
  I(ALL|FEW, push 0x76543210; .byte 0x66, 0x68; .word 0x8421)
  I(ALL|FEW, .byte 0x68; .long 0x87654321)
#endif
L("PUSH 6A sIb")
  I(ALL|FEW, push -5; .byte 0x66, 0x6A, 0x85)
L("PUSH FF/6 Ev")
  I(ALL|FEW, push NPTR [NBX]; push NPTR [NBX + 45]; push word ptr [NBX + 1])
#if BITS != 16
  I(ALL|FEW, push NPTR [NSP])      // the address is formed before the decrement
#endif
  I(ALL|FEW, .byte 0xFF, 0xF0)
L("POP 8F/0 Ev")
  I(ALL|FEW, pop NPTR [NBX]; pop word ptr [NBX + 45])
  I(ALL|FEW, .byte 0x8F, 0xC2)
#if BITS != 16
  I(ALL|FEW, pop NPTR [NSP - 32])  // the address is formed after the increment
#endif
L("PUSHF 9C -")
  I(ALL, pushf)
#if BITS != 16
  I(ALL|FEW, pushfw; pop cx)
#else
  I(ALL|FEW, pushfd; pop ecx)
#endif
#if BITS == 16
#define POPF16 popf
#else
#define POPF16 popfw
#endif
L("POPF 9D -")
  I(ALL, and NAX, 0xCD5; push NAX; popf)
  I(ALL|FEW, and NAX, 0xCD5; push ax; POPF16)
L("SAHF 9E -")
  I(ALL, sahf)
L("LAHF 9F -")
  I(ALL, lahf)
L("FWAIT 9B -")
  I(ALL|FEW, fwait)
L("CMC F5 -")
  I(ALL|FEW, cmc)
L("CLC F8 -")
  I(ALL|FEW, clc)
L("STC F9 -")
  I(ALL|FEW, stc)
L("CLD FC -")
  I(ALL|FEW, std; cld)
L("STD FD -")
  I(ALL|FEW, std)

L("ENTER C8 Iw,Ib")
  I(ALL|FEW, enter 8, 0)
  I(ALL|FEW, enter 16, 1)
  I(ALL|FEW, enter 0, 3)
  I(ALL|FEW, .byte 0x66; enter 4, 2)
L("LEAVE C9 -")
  I(ALL|FEW, leave)
  I(ALL|FEW, .byte 0x66; leave)

#if BITS != 64
L("PUSHA 60 -")
  I(ALL|FEW, o16; .byte 0x60)
  I(ALL|FEW, o32; .byte 0x60)
L("POPA 61 -")
  I(ALL|FEW, sub NSP, 32; o16; .byte 0x61)
  I(ALL|FEW, sub NSP, 32; o32; .byte 0x61)
L("BOUND 62 Gv,M")
  I(ALL, bound ax, [NBX])
  I(ALL, bound edx, [NBX + 24])
  I(ALL|FEW, .byte 0x62, 0xC0)     // a register: #UD
#if BITS == 32
L("LES C4 Gv,Mp")
  I(ALL|FEW, mov word ptr [ebx + 4], 0x2B; les ecx, [ebx]; mov edx, es)
  I(ALL|FEW, mov word ptr [ebx + 2], 0; .byte 0x66; les ecx, [ebx]; mov edx, es)
  I(ALL|FEW, mov word ptr [ebx + 4], 0x18; les ecx, [ebx])
L("LDS C5 Gv,Mp")
  I(ALL|FEW, mov word ptr [ebx + 4], 0x2B; lds ecx, [ebx]; mov edx, ds)
  I(ALL|FEW, mov word ptr [ebx + 2], 0x2B; .byte 0x66; lds ecx, [ebx]; mov edx, ds)
// The upper half of a doubleword that holds a selector is zero, or what was there (SDM Vol. 2, "PUSH").
L("PUSH 06 ES")
  I(ALL|FEW, .byte 0x06; mov word ptr [esp + 2], 0; .byte 0x66, 0x06)
L("PUSH 0E CS")
  I(ALL|FEW, .byte 0x0E; mov word ptr [esp + 2], 0; .byte 0x66, 0x0E)
L("PUSH 16 SS")
  I(ALL|FEW, .byte 0x16; mov word ptr [esp + 2], 0; .byte 0x66, 0x16)
L("PUSH 1E DS")
  I(ALL|FEW, .byte 0x1E; mov word ptr [esp + 2], 0; .byte 0x66, 0x1E)
L("POP 07 ES")
  I(ALL|FEW, push 0; .byte 0x07; mov eax, es)
L("POP 17 SS")
  I(ALL|FEW, push 0x2B; .byte 0x17; nop; mov eax, ss)
  I(ALL|FEW, push 0; .byte 0x17)   // #GP: null
L("POP 1F DS")
  I(ALL|FEW, .byte 0x66, 0x6A, 0x2B; .byte 0x66, 0x1F; mov eax, ds)
#else
L("LES C4 Gv,Mp")
  I(ALL, les cx, [bx]; mov dx, es)
  I(ALL, les ecx, [bx + 45]; mov dx, es)
L("LDS C5 Gv,Mp")
  I(ALL, lds cx, [bx]; mov dx, ds)
  I(ALL, lds ecx, [bx + 3]; mov dx, ds)
  I(ALL|FEW, .byte 0xC5, 0xC0)     // a register: #UD
L("PUSH 06 ES")
  I(ALL|FEW, .byte 0x06, 0x66, 0x06; mov word ptr [bp + 12], 0)
L("PUSH 0E CS")
  I(ALL|FEW, .byte 0x0E)
L("PUSH 16 SS")
  I(ALL|FEW, .byte 0x16)
L("PUSH 1E DS")
  I(ALL|FEW, .byte 0x1E)
L("POP 07 ES")
  I(ALL, .byte 0x07; mov ax, es)
L("POP 17 SS")
  I(ALL, push ax; .byte 0x17; mov sp, BLOCK + 104; mov ax, ss)
L("POP 1F DS")
  I(ALL, .byte 0x66; .byte 0x1F; mov ax, ds)
#endif
#endif
