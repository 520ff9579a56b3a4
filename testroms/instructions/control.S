// One-byte map: control transfer, 70-7F, 9A, C2, C3, CA-CF, E0-E3, E8-EB, F1, FF/2-5. A jump is seen by the MOV
// that it skips or reaches. Selectors are Linux's: 23h 32-bit code, 33h 64-bit code, 2Bh data.

#include "tests.h"

// The assembler's CALL and RET of 16-bit code have an operand-size prefix.
#if BITS == 16
#define CALL(label) .byte 0xE8; .word label - (. + 2)
#define RET .byte 0xC3
#define RET_(count) .byte 0xC2; .word count
#else
#define CALL(label) call label
#define RET ret
#define RET_(count) ret count
#endif

// The operand [rBX] of a far CALL or JMP, with ModRM.reg.
.macro far reg
#if BITS == 16
  .byte \reg * 8 + 7
#else
  .byte \reg * 8 + 3
#endif
.endm
#if BITS == 64
// 32-bit code, where 41h is INC ECX and not a prefix, and the way back.
.macro inc_and_back
  .byte 0x41, 0x41, 0x4A
  .byte 0xEA
  .long 2f
  .word 0x33
2:
.endm
#endif

// LOCATE(label): rAX = the label's address.
#if BITS == 16
#define LOCATE(label) .byte 0xB8; .word label
#else
#define LOCATE(label) .byte 0xB8; .long label
#endif

.irp condition, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
L("Jcc 70-7F Jb condition \condition")
  I(ALL, .byte 0x70 + \condition, 2; mov dl, 0x11)
  I(ALL|FEW, jmp 2f; 1: mov dl, 0x22; jmp done; 2: .byte 0x70 + \condition; .byte 1b - (. + 1))
.endr

.macro loops name, row
L("\name \row Jb")
  I(ALL, mov NCX, 1; .byte 0x\row, 2; mov dl, 0x11)
  I(ALL, mov NCX, 0; .byte 0x\row, 2; mov dl, 0x11)
  I(ALL|FEW, mov NCX, 5; 1: lea NSI, [NSI + 3]; .byte 0x\row; .byte 1b - (. + 1))
  I(ALL|FEW, mov ecx, 0x10000; .byte 0x67, 0x\row, 2; mov dl, 0x11)
  I(ALL|FEW, mov ecx, 1; .byte 0x67, 0x\row, 2; mov dl, 0x11)
#if BITS == 64
  I(ALL|FEW, mov rcx, 0x500000001; .byte 0x67, 0x\row, 2; mov dl, 0x11)
  I(ALL|FEW, mov rcx, 0x500000000; .byte 0x\row, 2; mov dl, 0x11)
#endif
.endm
loops LOOPNE, E0
loops LOOPE, E1
loops LOOP, E2
loops JrCXZ, E3

L("CALL E8 Jz")
  I(ALL|FEW, CALL(1f); mov dl, 0x11; 1:)
  I(ALL|FEW, jmp 2f; 1: pop NCX; jmp done; 2: CALL(1b); mov dl, 0x22)
#if BITS == 16
  I(ALL|FEW, .byte 0x66, 0xE8; .long 1f - (. + 4); mov dl, 0x11; 1:)
#endif
L("JMP E9 Jz")
#if BITS == 16
  I(ALL|FEW, .byte 0xE9; .word 1f - (. + 2); mov dl, 0x11; 1:)
  I(ALL|FEW, .byte 0x66, 0xE9; .long 1f - (. + 4); mov dl, 0x11; 1:)
#else
  I(ALL|FEW, .byte 0xE9; .long 1f - (. + 4); mov dl, 0x11; 1:)
#endif
L("JMP EB Jb")
  I(ALL|FEW, .byte 0xEB, 2; mov dl, 0x11)
L("RET C3 -")
  I(ALL|FEW, CALL(1f); mov dl, 0x11; jmp done; 1: RET)
  I(ALL|FEW, LOCATE(1f); push NAX; RET; mov dl, 0x11; 1:)
L("RET C2 Iw")
  I(ALL|FEW, CALL(1f); mov dl, 0x11; jmp done; 1: RET_(6))
#if BITS != 16
  I(ALL|FEW, LOCATE(1f); push NAX; RET_(0x8010); mov dl, 0x11; 1:)
#endif
#if BITS == 16
  I(ALL|FEW, .byte 0x66, 0xE8; .long 1f - (. + 4); mov dl, 0x11; jmp done; 1: .byte 0x66, 0xC2, 3, 0)
#endif
L("CALL FF/2 Ev")
  I(ALL|FEW, LOCATE(1f); call NAX; mov dl, 0x11; jmp done; 1: mov cl, 0x22)
  I(ALL|FEW, LOCATE(1f); mov [NBX + 45], NAX; call NPTR [NBX + 45]; mov dl, 0x11; jmp done; 1: mov cl, 0x22)
#if BITS != 16
  I(ALL|FEW, LOCATE(1f); push NAX; call NPTR [NSP]; mov dl, 0x11; 1:)
#endif
L("JMP FF/4 Ev")
  I(ALL|FEW, LOCATE(1f); jmp NAX; mov dl, 0x11; 1:)
  I(ALL|FEW, LOCATE(1f); mov [NBX + 45], NAX; jmp NPTR [NBX + 45]; mov dl, 0x11; 1:)

#if BITS == 64
#define CODE 0x33
#elif BITS == 32
#define CODE 0x23
#else
#define CODE 0x1000
#endif

#if BITS == 16
#define STORE_FAR(at) mov [at], ax; mov word ptr [at + 2], CODE
#else
#define STORE_FAR(at) mov [at], eax; mov word ptr [at + 4], CODE
#endif
L("CALL FF/3 Mp")
  I(ALL|FEW, LOCATE(1f); STORE_FAR(NBX); .byte 0xFF; far 3; mov dl, 0x11; 1:)
L("JMP FF/5 Mp")
  I(ALL|FEW, LOCATE(1f); STORE_FAR(NBX); .byte 0xFF; far 5; mov dl, 0x11; 1:)
#if BITS != 16
  I(ALL|FEW, LOCATE(1f); STORE_FAR(NBX); mov word ptr [NBX + 4], 0x10; .byte 0xFF; far 5; mov dl, 0x11; 1:)
  I(ALL|FEW, LOCATE(1f); STORE_FAR(NBX); mov word ptr [NBX + 4], 0x2B; .byte 0xFF; far 5; mov dl, 0x11; 1:)
  I(ALL|FEW, LOCATE(1f); STORE_FAR(NBX); mov word ptr [NBX + 4], 0; .byte 0xFF; far 5; mov dl, 0x11; 1:)
#endif
  I(ALL|FEW, .byte 0xFF, 0xE8)     // a register: #UD
L("RETF CB -")
#if BITS == 16
  I(ALL|FEW, LOCATE(1f); push CODE; push ax; .byte 0xCB; mov dl, 0x11; 1:)
  I(ALL|FEW, mov eax, CODE; push eax; mov eax, 0; LOCATE(1f); push eax; .byte 0x66, 0xCB; mov dl, 0x11; 1:)
L("RETF CA Iw")
  I(ALL|FEW, LOCATE(1f); push CODE; push ax; .byte 0xCA, 4, 0; mov dl, 0x11; 1:)
L("IRET CF -")
  I(ALL, LOCATE(1f); and dx, 0xCD5; push dx; push CODE; push ax; iret; mov dl, 0x11; 1:)
  I(ALL|FEW, LOCATE(1f); and edx, 0xCD5; push edx; mov ecx, CODE; push ecx; movzx eax, ax; push eax;
    .byte 0x66, 0xCF; mov dl, 0x11; 1:)
#else
  I(ALL|FEW, LOCATE(1f); sub NSP, 8; STORE_FAR(NSP); .byte 0xCB; mov dl, 0x11; 1:)
  I(ALL|FEW, LOCATE(1f); sub NSP, 8; STORE_FAR(NSP); mov byte ptr [NSP + 4], 0x10; .byte 0xCB; mov dl, 0x11; 1:)
#if BITS == 64
  I(ALL|FEW, LOCATE(1f); push CODE; push rax; .byte 0x48, 0xCB; mov dl, 0x11; 1:)
L("RETF CA Iw")
  I(ALL|FEW, LOCATE(1f); push CODE; push rax; .byte 0x48, 0xCA, 8, 0; mov dl, 0x11; 1:)
  I(ALL|FEW, LOCATE(1f); sub NSP, 8; STORE_FAR(NSP); .byte 0xCA, 4, 0; mov dl, 0x11; 1:)
L("IRET CF -")
  I(ALL, LOCATE(1f); and edx, 0xCD5; push 0x2B; push rsi; push rdx; push CODE; push rax; iretq;
    mov dl, 0x11; 1:)
#else
L("RETF CA Iw")
  I(ALL|FEW, LOCATE(1f); sub NSP, 8; STORE_FAR(NSP); .byte 0xCA, 4, 0; mov dl, 0x11; 1:)
L("IRET CF -")
  I(ALL, LOCATE(1f); and edx, 0xCD5; push edx; push CODE; push eax; iretd; mov dl, 0x11; 1:)
#endif
#endif
L("INT3 CC -")
  I(ALL|FEW, int3)
L("INT CD Ib")
  I(ALL|FEW, .byte 0xCD, 3)
  I(ALL|FEW, .byte 0xCD, 4)
#if BITS != 16
  I(ALL|FEW, .byte 0xCD, 0)        // #GP: gates of privilege level 0
  I(ALL|FEW, .byte 0xCD, 14)
#else
  I(ALL|FEW, .byte 0xCD, 0x1F)
#endif

#if BITS != 64
L("INTO CE -")
  I(ALL, into)
L("CALL 9A Ap")
#if BITS == 32
  I(ALL|FEW, .byte 0x9A; .long 1f; .word CODE; mov dl, 0x11; 1:)
  I(ALL|FEW, .byte 0x9A; .long 1f; .word 0x2B; mov dl, 0x11; 1:)
L("JMP EA Ap")
  I(ALL|FEW, .byte 0xEA; .long 1f; .word CODE; mov dl, 0x11; 1:)
#else
  I(ALL|FEW, .byte 0x9A; .word 1f; .word CODE; mov dl, 0x11; 1:)
  I(ALL|FEW, .byte 0x66, 0x9A; .word 1f, 0; .word CODE; mov dl, 0x11; 1:)
L("JMP EA Ap")
  I(ALL|FEW, .byte 0xEA; .word 1f; .word CODE; mov dl, 0x11; 1:)
  I(ALL|FEW, .byte 0x66, 0xEA; .word 1f, 0; .word CODE; mov dl, 0x11; 1:)
#endif
#else
L("JMP FF/5 compatibility mode")
  I(ALL|FEW, LOCATE(1f); mov [rbx], eax; mov word ptr [rbx + 4], 0x23; .byte 0xFF; far 5; 1: inc_and_back)
L("ADD invalid in 64-bit mode")
  .irp byte, 0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F
  I(ALL|FEW, .byte \byte, 0xC0)
  .endr
  .irp byte, 0x60, 0x61, 0x9A, 0xCE, 0xD4, 0xD5, 0xD6, 0xEA
  I(ALL|FEW, .byte \byte, 0xC0)
  .endr
  .irp modrm, 0xC0, 0xC8, 0xD0, 0xD8, 0xE0, 0xE8, 0xF0, 0xF8
  I(ALL|FEW, .byte 0x82, \modrm, 5)
  .endr
#endif

// LOCK before anything but a write to memory by the instructions that allow it (SDM Vol. 2, "LOCK").
L("LOCK invalid")
  I(ALL|FEW, .byte 0xF0; add al, dl)
#if BITS != 16                      // QEMU, from which real mode's results come, lets these pass
  I(ALL|FEW, .byte 0xF0; mov [NBX], al)
  I(ALL|FEW, .byte 0xF0; cmp [NBX], al)
  I(ALL|FEW, .byte 0xF0; add al, [NBX])
  I(ALL|FEW, .byte 0xF0; nop)
  I(ALL|FEW, .byte 0xF0; shl byte ptr [NBX], 1)
  I(ALL|FEW, .byte 0xF0; imul eax, [NBX])
  I(ALL|FEW, .byte 0xF0; bt [NBX], eax)
  I(ALL|FEW, .byte 0xF0; jmp done)
  I(ALL|FEW, .byte 0xF0; movsb)
#endif

#if BITS != 16
// At privilege level 3 with IOPL 0 and no I/O permission map.
.macro privileged name, code:vararg
L("\name privileged")
  I(ALL|FEW, .byte \code)
.endm
privileged "INS 6C", 0x6C
privileged "INS 6D", 0x6D
privileged "OUTS 6E", 0x6E
privileged "OUTS 6F", 0x6F
privileged "IN E4", 0xE4, 0x80
privileged "IN E5", 0xE5, 0x80
privileged "OUT E6", 0xE6, 0x80
privileged "OUT E7", 0xE7, 0x80
privileged "IN EC", 0xEC
privileged "IN ED", 0xED
privileged "OUT EE", 0xEE
privileged "OUT EF", 0xEF
privileged "HLT F4", 0xF4
privileged "CLI FA", 0xFA
privileged "STI FB", 0xFB
#endif
