// The forms of memory operands: SDM Vol. 2, "Addressing-Mode Encoding of ModR/M and SIB Bytes".

#include "tests.h"

L("MOV 8B base")
#if BITS == 64
  .irp base, rax, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
  I(ALL|FEW, mov \base, rbx; mov ecx, [\base])
  I(ALL|FEW, lea \base, [rbx - 3]; mov rcx, [\base + 3])
  I(ALL|FEW, lea \base, [rbx - 0x12345]; mov rcx, [\base + 0x12345])
  I(ALL|FEW, lea \base, [rbx + 0x45]; mov cl, [\base - 0x44])
  .endr
  I(ALL|FEW, mov ecx, [rsp]; mov rdx, [rsp + 8]; mov eax, [rsp - 0x20]; add [rsp], rdx)
L("MOV 8B index")
  .irp index, rax, rcx, rdx, rsi, rdi, rbp, r9, r10, r11, r12, r13, r14, r15
  I(ALL|FEW, mov \index, 5; mov r8d, [rbx + \index * 1]; add [rbx + \index * 2 + 7], r8d)
  I(ALL|FEW, mov \index, -2; mov r8, rbx; mov rbx, [rbx + \index * 8 + 16];
    add [r8 + \index * 4 + 0x100 - 0xF0], rbx)
  .endr
  I(ALL|FEW, mov eax, [r14 * 8 + BLOCK]; mov rcx, [r14 * 4 + BLOCK + 3]; mov edx, [r12 + r14])
  I(ALL|FEW, mov rcx, [rbp + r14 * 8]; mov rdx, [r13 + r14 * 4]; mov eax, [rsp + r14 * 2])
L("MOV 89 base and index")
  I(ALL|FEW, mov [rbx + r14 * 8 + 1], rax; mov [r13], edx; mov [r12 + 40], cx; mov [rbp], r9)
  I(ALL|FEW, mov [rsp + 8], dl; mov [rbp + r14 * 4 - 8], r10d; mov [r13 + r14], r11w)
L("MOV 8B displacement only")
  I(ALL|FEW, mov ecx, [BLOCK + 19]; mov rax, [BLOCK + 61])
L("MOV 8B RIP-relative")
  I(ALL|FEW, mov ecx, [rip + BLOCK + 19]; add [rip + BLOCK + 40], rax; cmp dword ptr [rip + BLOCK + 64], 5)
  I(ALL|FEW, lea rax, [rip + BLOCK]; mov qword ptr [rip + BLOCK + 8], 0x12345678;
    imul ecx, [rip + BLOCK + 24], 77)
L("MOV 8B 67h")
  I(ALL|FEW, mov rax, 0x100000000; add rbx, rax; mov ecx, [ebx + 3]; mov rdx, [ebx + r14d * 8])
  I(ALL|FEW, mov r8, -1; mov ecx, [r8d + BLOCK + 9]; mov eax, [eip + BLOCK + 8])
  I(ALL|FEW, mov rdx, -1; lea rcx, [edx + eax * 2 + 5]; lea r9, [rdx + rax * 2 + 5];
    lea r10d, [rdx + rax * 2 + 5])
  I(ALL|FEW, lea cx, [rdx + rax * 8 - 0x77777777]; lea r11w, [edx - 1])
#elif BITS == 32
  .irp base, eax, ecx, edx, esi, edi, ebp
  I(ALL|FEW, mov \base, ebx; mov ecx, [\base])
  I(ALL|FEW, lea \base, [ebx - 3]; mov ecx, [\base + 3])
  I(ALL|FEW, lea \base, [ebx - 0x12345]; mov ecx, [\base + 0x12345])
  I(ALL|FEW, lea \base, [ebx + 0x45]; mov cl, [\base - 0x44])
  .endr
  I(ALL|FEW, mov ecx, [esp]; mov edx, [esp + 8]; add [esp - 0x20], edx)
L("MOV 8B index")
  .irp index, eax, ecx, edx, esi, edi, ebp
  I(ALL|FEW, mov \index, 5; add [ebx + \index * 1], esp; add [ebx + \index * 2 + 7], esp)
  I(ALL|FEW, mov \index, -2; add [ebx + \index * 8 + 16], esp; add [ebx + \index * 4 + 0x100 - 0xF8], esp)
  .endr
L("MOV 8B displacement only")
  I(ALL|FEW, mov ecx, [BLOCK + 19]; add [BLOCK + 61], eax)
L("LEA 8D 67h")
  // Memory below 64 KiB is not there on Linux; the addresses show all the same.
  I(ALL|FEW, .byte 0x67, 0x8D, 0x00; .byte 0x67, 0x8D, 0x49, 0x85; .byte 0x67, 0x8D, 0x92; .word 0x9234)
  I(ALL|FEW, .byte 0x67, 0x8D, 0x03; .byte 0x67, 0x8D, 0x4C, 0x7F; .byte 0x67, 0x8D, 0x95; .word 0x9234)
  I(ALL|FEW, .byte 0x67, 0x8D, 0x16; .word 0x1234; .byte 0x67, 0x8D, 0x46, 0xFF; .byte 0x67, 0x8D, 0x0F)
#else
  // The eight pairs of 16-bit addressing, which wraps at 64 KiB; BP implies SS.
  I(ALL|FEW, mov di, 5; mov si, 9; mov ax, [bx + si]; mov cx, [bx + di]; mov edx, [bx])
  I(ALL|FEW, mov ax, [si]; mov cx, [di]; mov edx, [BLOCK + 19])
  I(ALL|FEW, mov di, 5; mov si, -9; mov ax, [bp + si]; mov cx, [bp + di]; mov edx, [bp])
  I(ALL|FEW, mov bx, 0xF000; mov si, BLOCK - 0xF000 + 0x10000 - 4; mov ax, [bx + si + 7];
    mov dx, [bx + si + 0x10])
  I(ALL|FEW, add [bx + 8], ax; add [si - 8], dx; add [bp + 0x1234 - 0x1230], cx; add [di + 1], eax)
L("MOV 8B segment override")
  I(ALL|FEW, mov cx, 0x1E00; mov fs, cx; mov ax, fs:[BLOCK - 0xE000 + 16]; mov gs, cx;
    mov edx, gs:[BLOCK - 0xE000 + 3])
  I(ALL|FEW, mov cx, 0x1E00; mov es, cx; add es:[BLOCK - 0xE000 + 16], ax; mov dx, cs:[bx]; mov cx, ss:[bx])
  I(ALL|FEW, mov cx, 0x1E00; mov ds, cx; mov ax, [BLOCK - 0xE000 + 16]; mov dx, [bp]; mov cx, ds:[bp - 0xE000])
L("MOV 8B 67h")
  I(ALL|FEW, mov ecx, [ebx + 3]; mov edx, [ebx + esi * 1 - BLOCK]; mov eax, [ebp])
  I(ALL|FEW, mov ecx, 2; mov eax, [esp + ecx * 4 - 8]; mov dx, [ecx * 8 + BLOCK]; add [edi + ecx], al)
L("LEA 8D 67h")
  I(ALL|FEW, lea eax, [edx + eax * 4 + 5]; lea cx, [edx - 3]; lea edx, [bx + si + 0x7000])
#endif

#if BITS != 16
L("ADD 01 page fault")
  I(ALL|FEW, lock add [GUARD], eax)
L("MOV 89 page fault")
  I(ALL|FEW, mov [GUARD + 0x7F0], eax)
  I(ALL|FEW, mov NBX, GUARD - 1; mov [NBX], dx)
  I(ALL|FEW, mov NBX, GUARD - 3; mov [NBX], NAX)
L("MOV 8B page fault")
  I(ALL|FEW, mov NBX, GUARD; mov eax, [NBX + 0xFFC])
  I(ALL|FEW, mov NBX, GUARD - 3; mov ecx, [NBX]; mov edx, [NBX - 1])
L("PUSH 50-57 page fault")
  I(ALL|FEW, mov NSP, GUARD + 0x1000; push NAX)
L("POP 58-5F page fault")
  I(ALL|FEW, mov NSP, GUARD - 2; pop NAX)
L("CMP 38 page fault")
  I(ALL|FEW, cmp [GUARD + 5], al)
L("TEST 84 page fault")
  I(ALL|FEW, test byte ptr [GUARD], 1)
L("XCHG 86 page fault")
  I(ALL|FEW, xchg [GUARD], al)
L("CALL E8 page fault")
  I(ALL|FEW, mov NSP, GUARD + 8; call 1f; 1:)
#endif
#if BITS == 64
L("MOV 8B not canonical")
  I(ALL|FEW, mov rbx, 0x8000000000000000; mov eax, [rbx])
  I(ALL|FEW, mov rbp, 0x8000000000000000; mov [rbp], eax)     // #SS
  I(ALL|FEW, mov rsp, 0x8000000000000000; push rax)
#endif
