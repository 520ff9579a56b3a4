// Two-byte map (0F): the general-purpose part.

#include "tests.h"

.irp condition, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
L("Jcc 80-8F Jz condition \condition")
#if BITS == 16
  I(ALL, .byte 0x0F, 0x80 + \condition, 2, 0; mov dl, 0x11)
  I(ALL|FEW, .byte 0x66, 0x0F, 0x80 + \condition, 2, 0, 0, 0; mov dl, 0x11)
#else
  I(ALL, .byte 0x0F, 0x80 + \condition, 2, 0, 0, 0; mov dl, 0x11)
#endif
L("SETcc 90-9F Eb condition \condition")
  I(ALL, .byte 0x0F, 0x90 + \condition, 0xC0)
  I(ALL|FEW, .byte 0x0F, 0x90 + \condition, 0xC7)
#if BITS == 64
  I(ALL|FEW, .byte 0x0F, 0x90 + \condition, 0x43, 45)
  I(ALL|FEW, .byte 0x41, 0x0F, 0x90 + \condition, 0xC1)
#else
  I(ALL|FEW, .byte 0x0F, 0x90 + \condition, 0x47 - BITS / 32 * 4, 45)
#endif
L("CMOVcc 40-4F Gv,Ev condition \condition")
  I(ALL, o16; .byte 0x0F, 0x40 + \condition, 0xC2)
  I(ALL, o32; .byte 0x0F, 0x40 + \condition, 0xC2)
#if BITS == 64
  I(ALL, o64; .byte 0x0F, 0x40 + \condition, 0xC2)
  I(ALL|FEW, .byte 0x44, 0x0F, 0x40 + \condition, 0x43, 45)     // 32 bits into R8: clears the upper half always
  I(ALL|FEW, .byte 0x0F, 0x40 + \condition, 0x04, 0x25; .long GUARD)    // reads whatever the condition
#endif
.endr

.macro bits op, name, row_v, n, s, z, a, d, c, ptr
L("\name \row_v E\s,G\s")
  I(ONLY_C_Z, \op \a, \d)
  I(ONLY_C_Z|FEW, and \d, 63; \op [NBX], \d)
  I(ONLY_C_Z|FEW, mov \d, -17; \op [NBX + 40], \d)
  I(ONLY_C_Z|FEW, mov \d, 0x123; \op [NBX], \d)
L("\name BA/\n E\s,Ib")
  I(ONLY_C_Z, \op \a, 7)
  I(ONLY_C_Z|FEW, \op \a, 0xFD)
  I(ONLY_C_Z|FEW, \op \ptr ptr [NBX + 45], 0x4E)
.endm
.macro two_v s, z, a, d, c, ptr, none
  bits bt, BT, A3, 4, \s, \z, \a, \d, \c, \ptr
  bits bts, BTS, AB, 5, \s, \z, \a, \d, \c, \ptr
  bits btr, BTR, B3, 6, \s, \z, \a, \d, \c, \ptr
  bits btc, BTC, BB, 7, \s, \z, \a, \d, \c, \ptr
  double shld, SHLD, A4, A5, \s, \z, \a, \d, \c, \ptr
  double shrd, SHRD, AC, AD, \s, \z, \a, \d, \c, \ptr
L("IMUL AF G\s,E\s")
  I(ONLY_OC, imul \a, \d)
  I(ONLY_OC|FEW, imul \c, [NBX])
  I(ONLY_OC|FEW, imul \c, [NBX + 45])
// Without a bit set the destination is undefined, or unchanged: it is set so that it does not show.
L("BSF BC G\s,E\s")
  I(ONLY_Z, mov \c, 0; bsf \c, \d; mov \c, \c; jnz 1f; mov \c, 0x55; 1:)
  I(ONLY_Z|FEW, mov \c, [NBX + 45]; or \c, 0x4000; mov [NBX + 45], \c; bsf \c, [NBX + 45])
L("BSR BD G\s,E\s")
  I(ONLY_Z, mov \c, 0; bsr \c, \d; jnz 1f; mov \c, 0x55; 1:)
  I(ONLY_Z|FEW, mov \c, [NBX + 45]; or \c, 2; mov [NBX + 45], \c; bsr \c, [NBX + 45])
L("TZCNT BC G\s,E\s")
  I(ONLY_C_Z, tzcnt \c, \d)
  I(ONLY_C_Z|FEW, tzcnt \a, [NBX + 45])
L("LZCNT BD G\s,E\s")
  I(ONLY_C_Z, lzcnt \c, \d)
  I(ONLY_C_Z|FEW, lzcnt \a, [NBX + 45])
L("POPCNT B8 G\s,E\s")
  I(ALL, popcnt \c, \d)
  I(ALL|FEW, popcnt \a, [NBX + 45])
L("MOVZX B6 G\s,Eb")
  I(ALL, movzx \a, dl)
  .if \z != 64
  I(ALL|FEW, movzx \c, ah)
  .endif
  I(ALL|FEW, movzx \c, byte ptr [NBX + 45])
L("MOVZX B7 G\s,Ew")
  I(ALL, o\z; .byte 0x0F, 0xB7, 0xC2)
  I(ALL|FEW, movzx ecx, word ptr [NBX + 47])
L("MOVSX BE G\s,Eb")
  I(ALL, movsx \a, dl)
  I(ALL|FEW, movsx \c, byte ptr [NBX + 45])
L("MOVSX BF G\s,Ew")
  I(ALL, o\z; .byte 0x0F, 0xBF, 0xC2)
  I(ALL|FEW, movsx ecx, word ptr [NBX + 47])
L("CMPXCHG B1 E\s,G\s")
  I(ALL, cmpxchg \c, \d)
  I(ALL, cmpxchg [NBX], \c)
  I(ALL|FEW, lock cmpxchg [NBX + 45], \d)
  I(ALL|FEW, cmpxchg [NBX + 8], \d)
L("XADD C1 E\s,G\s")
  I(ALL, xadd \a, \d)
  I(ALL|FEW, xadd [NBX], \a)
  I(ALL|FEW, lock xadd [NBX + 45], \d)
  I(ALL|FEW, xadd \c, \c)
  .if \z >= 32
L("BSWAP C8-CF Z\s")
  I(ALL|FEW, bswap \a; bswap \d; bswap \c)
L("MOVNTI C3 M\s,G\s")
  I(ALL|FEW, movnti [NBX + 45], \a)
  .endif
L("NOP 18-1D E\s")
  .irp row, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D
  I(ALL|FEW, o\z; .byte 0x0F, \row, 0xE0)
  .endr
L("NOP 1F E\s")
  I(ALL|FEW, nop \ptr ptr [NBX])
  I(ALL|FEW, nop \a)
L("NOP 1E E\s")
  I(ALL|FEW, o\z; .byte 0x0F, 0x1E, 0xC0; .byte 0xF3, 0x0F, 0x1E, 0xC0; .byte 0xF2, 0x0F, 0x1E, 0xC0)
.endm
.macro double op, name, row_i, row_c, s, z, a, d, c, ptr
L("\name \row_i E\s,G\s,Ib")
  I(NO_A, \op \a, \d, 1)
  I(NO_AO, \op \a, \d, 13)
  I(ALL|FEW, \op \a, \d, 0)
  I(NO_AO|FEW, \op [NBX + 45], \a, 7)
L("\name \row_c E\s,G\s,CL")
  .irp count, 1, 3, 15
  I(NO_AO, mov cl, \count; \op \a, \d, cl)
  I(NO_AO|FEW, mov cl, \count; \op [NBX + 45], \d, cl)
  .endr
  .if \z >= 32
  .irp count, 16, 17, 31
  I(NO_AO, mov cl, \count; \op \a, \d, cl)
  .endr
  .endif
  .if \z == 64
  I(NO_AO, mov cl, 63; \op \a, \d, cl)
  .endif
  I(ALL|FEW, mov cl, 0xC0; \op \a, \d, cl)
.endm
sizes two_v

.macro bit_locked op, name, row
L("\name \row lock")
  I(ONLY_C_Z|FEW, and edx, 31; lock \op dword ptr [NBX], edx)
  I(ONLY_C_Z|FEW, lock \op dword ptr [NBX], 5)
.endm
bit_locked bts, BTS, AB
bit_locked btr, BTR, B3
bit_locked btc, BTC, BB

L("CMPXCHG B0 Eb,Gb")
  I(ALL, cmpxchg dl, cl)
  I(ALL|FEW, cmpxchg [NBX], dh)
  I(ALL|FEW, lock cmpxchg [NBX + 8], ch)
L("XADD C0 Eb,Gb")
  I(ALL, xadd al, dl)
  I(ALL|FEW, lock xadd [NBX], ah)
L("CMPXCHG8B C7/1 M")
  I(ALL, cmpxchg8b [NBX])
  I(ALL|FEW, mov ecx, 7; mov eax, [NBX + 24]; mov edx, [NBX + 28]; lock cmpxchg8b [NBX + 24])
  I(ALL|FEW, mov eax, [NBX + 45]; mov edx, [NBX + 49]; cmpxchg8b [NBX + 45])
  I(ALL|FEW, .byte 0x0F, 0xC7, 0xC8)     // a register: #UD
#if BITS == 64
L("CMPXCHG8B C7/1 16 bytes")
  I(ALL, cmpxchg16b [rbx])
  I(ALL|FEW, mov rax, [rbx + 32]; mov rdx, [rbx + 40]; mov ecx, 7; lock cmpxchg16b [rbx + 32])
  I(ALL|FEW, cmpxchg16b [rbx + 8])       // not aligned: #GP
L("BT A3 large offset")
  I(ONLY_C_Z|FEW, mov rax, -400; bt [rbx + 64], rax; mov ecx, 250; bts qword ptr [rbx], rcx)
L("BSWAP C8-CF REX registers")
  I(ALL|FEW, bswap r8; bswap r15d; bswap rdi)
L("MOVZX B6 REX registers")
  I(ALL|FEW, movzx eax, sil; movzx r9d, r8b; movsx r10, bpl; movzx cx, r15b; movsx r11w, dil)
L("SETcc 90-9F REX registers")
  I(ALL|FEW, sete sil; setc r8b; setg bpl; setp r15b)
#endif

L("PREFETCHW 0D Mb")
  I(ALL|FEW, prefetchw [NBX]; prefetch [NBX])
L("NOP 18-1D prefetch")
  I(ALL|FEW, prefetchnta [NBX]; prefetcht0 [NBX]; prefetcht1 [NBX]; prefetcht2 [NBX])
#if BITS != 16
  I(ALL|FEW, mov NBX, GUARD; prefetchnta [NBX])    // never faults
  I(ALL|FEW, mov NBX, GUARD; nop dword ptr [NBX])
#endif
L("UD2 0B -")
  I(ALL|FEW, ud2)
L("UD1 B9 Gv,Ev")
  I(ALL|FEW, .byte 0x0F, 0xB9, 0xC0)
L("UD0 FF Gv,Ev")
  I(ALL|FEW, .byte 0x0F, 0xFF, 0xC0)
L("LFENCE AE/5 -")
  I(ALL|FEW, lfence)
L("MFENCE AE/6 -")
  I(ALL|FEW, mfence)
L("SFENCE AE/7 -")
  I(ALL|FEW, sfence)
L("CLFLUSH AE/7 Mb")
  I(ALL|FEW, clflush [NBX])
#if BITS != 16
  I(ALL|FEW, clflush [GUARD])
#endif
L("CLFLUSHOPT AE/7 Mb")
  I(ALL|FEW, clflushopt [NBX])
// What these read differs from machine to machine: here only which registers they write, and the flags.
L("RDTSC 31 -")
  I(ALL|FEW, rdtsc; mov eax, 0; mov edx, 0)
L("RDTSCP 01/7 -")
  I(ALL|FEW, rdtscp; mov eax, 0; mov edx, 0; mov ecx, 0)
L("CPUID A2 -")
  I(ALL|FEW, mov eax, 1; mov ecx, 0; cpuid; mov eax, 0; mov ecx, 0; mov edx, 0; mov ebx, 0)
// The upper half of a doubleword that holds a selector is zero, or what was there (SDM Vol. 2, "PUSH").
#if BITS == 32
#define SELECTOR_PUSH(row) .byte 0x0F, row; mov word ptr [esp + 2], 0
#else
#define SELECTOR_PUSH(row) .byte 0x0F, row
#endif
L("PUSH A0 FS")
  I(ALL|FEW, SELECTOR_PUSH(0xA0); .byte 0x66, 0x0F, 0xA0)
L("PUSH A8 GS")
  I(ALL|FEW, SELECTOR_PUSH(0xA8); .byte 0x66, 0x0F, 0xA8)
#if BITS == 16
L("POP A1 FS")
  I(ALL|FEW, .byte 0x0F, 0xA1; mov ax, fs)
L("POP A9 GS")
  I(ALL|FEW, .byte 0x66; .byte 0x0F, 0xA9; mov ax, gs)
L("LSS B2 Gv,Mp")
  I(ALL|FEW, lss cx, [bx]; mov sp, BLOCK + 104; mov dx, ss)
L("LFS B4 Gv,Mp")
  I(ALL|FEW, lfs cx, [bx]; mov dx, fs)
L("LGS B5 Gv,Mp")
  I(ALL|FEW, lgs ecx, [bx + 45]; mov dx, gs)
#else
L("POP A1 FS")
  I(ALL|FEW, push 0x2B; .byte 0x0F, 0xA1; mov eax, fs; push 0; .byte 0x0F, 0xA1; mov edx, fs)
L("POP A9 GS")
  I(ALL|FEW, push 0x2B; .byte 0x0F, 0xA9; mov eax, gs; push 0; .byte 0x66; .byte 0x0F, 0xA9; mov edx, gs)
L("LSS B2 Gv,Mp")
  I(ALL|FEW, mov word ptr [NBX + 4], 0x2B; lss ecx, [NBX]; mov edx, ss)
  I(ALL|FEW, mov word ptr [NBX + 4], 0x18; lss ecx, [NBX])
L("LFS B4 Gv,Mp")
  I(ALL|FEW, mov word ptr [NBX + 4], 0x2B; lfs ecx, [NBX]; mov edx, fs; mov word ptr [NBX + 4], 3;
    lfs ecx, [NBX])
L("LGS B5 Gv,Mp")
  I(ALL|FEW, mov word ptr [NBX + 4], 0x2B; lgs ecx, [NBX]; mov edx, gs; mov word ptr [NBX + 4], 0;
    lgs ecx, [NBX])
// Of the table that Linux and the bare guest have in common. 10h and 18h are the kernel's, 40h its TSS.
.macro selectors op, name, row, form
L("\name \row \form")
  .irp selector, 0, 3, 0x2B, 0x28, 0x23, 0x10, 0x18, 0x40, 0x8000
  I(ALL, mov ecx, \selector; \op)
  .endr
.endm
.macro lar_
  lar eax, ecx
  setz dh
  and eax, 0xFFF0FFFF              // bits 19:16 are undefined (SDM Vol. 2, "LAR")
  .byte 0x66, 0x0F, 0x02, 0xD1
.endm
.macro lsl_
  lsl eax, ecx
  .byte 0x66, 0x0F, 0x03, 0xD1
.endm
.macro verr_
  verr cx
.endm
.macro verw_
  verw cx
.endm
selectors verr_, VERR, 00/4, Ew
selectors verw_, VERW, 00/5, Ew
selectors lar_, LAR, 02, "Gv,Ew"
selectors lsl_, LSL, 03, "Gv,Ew"

.macro privileged name, code:vararg
L("\name privileged")
  I(ALL|FEW, .byte 0x0F, \code)
.endm
privileged "LLDT 00/2", 0x00, 0xD0
privileged "LTR 00/3", 0x00, 0xD8
privileged "LGDT 01/2", 0x01, 0x13
privileged "LIDT 01/3", 0x01, 0x1B
privileged "LMSW 01/6", 0x01, 0xF0
privileged "INVLPG 01/7", 0x01, 0x3B
privileged "MONITOR 01/1", 0x01, 0xC8
privileged "MWAIT 01/1", 0x01, 0xC9
privileged "CLAC 01/1", 0x01, 0xCA
privileged "STAC 01/1", 0x01, 0xCB
privileged "XSETBV 01/2", 0x01, 0xD1
privileged "SWAPGS 01/7", 0x01, 0xF8
privileged "CLTS 06", 0x06
#if BITS == 64
privileged "SYSRET 07", 0x07
#endif
privileged "INVD 08", 0x08
privileged "WBINVD 09", 0x09
privileged "MOV 20", 0x20, 0xC0
privileged "MOV 21", 0x21, 0xF8
privileged "MOV 22", 0x22, 0xC0
privileged "MOV 23", 0x23, 0xF8
privileged "WRMSR 30", 0x30
privileged "RDMSR 32", 0x32
privileged "RSM AA", 0xAA
privileged "XRSTORS C7/3", 0xC7, 0x1B
privileged "XSAVES C7/5", 0xC7, 0x2B
#endif

#if BITS == 64
L("SYSCALL 05 -")
  // write(1, block, 0): zero. Afterwards RCX is RIP, and R11 RFLAGS.
  I(ALL|FEW, mov eax, 1; mov edi, 1; mov edx, 0; syscall)
L("XGETBV 01/2 -")
  I(ALL|FEW, xor ecx, ecx; xgetbv; and eax, 3)
  I(ALL|FEW, mov ecx, 5; xgetbv)         // #GP
L("RDFSBASE AE/0 Ry")
  I(ALL|FEW, mov ecx, 0x12345678; wrfsbase rcx; rdfsbase rax; rdfsbase edx)
L("WRFSBASE AE/2 Ry")
  I(ALL|FEW, mov ecx, BLOCK; wrfsbase rcx; mov eax, fs:[0x10]; mov rdx, fs:[r14 * 4 + 5]; add fs:[0x20], ax)
  I(ALL|FEW, mov rcx, -0x1000; wrfsbase rcx; mov eax, fs:[rbx + 0x1000]; mov ecx, 0x400; wrfsbase ecx;
    rdfsbase r9)
  I(ALL|FEW, mov rcx, 0x8000000000000000; wrfsbase rcx)
L("RDGSBASE AE/1 Ry")
  I(ALL|FEW, mov ecx, 0x12345678; wrgsbase rcx; rdgsbase r10; rdgsbase r11d)
L("WRGSBASE AE/3 Ry")
  I(ALL|FEW, mov ecx, BLOCK; wrgsbase rcx; mov eax, gs:[0x10]; mov gs:[0x41], rdx; lea r9, gs:[0x50])
  I(ALL|FEW, mov ecx, BLOCK; wrgsbase rcx; mov rsi, 0; .byte 0x65, 0x48, 0xA5; mov rax, -0x30;
    mov rdx, gs:[eax + 0x40])
L("RDPID C7/7 Ry")
  I(ALL|FEW, rdpid rax; mov eax, 0)
#endif
