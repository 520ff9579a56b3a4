// Runs the cases of the lists in 64-bit mode at privilege level 3 and prints a line of output for each line of
// the lists. It asks the system below it for Linux's write and exit, and for an exception that a case causes:
// `trap` to be filled and the case to go on at `done` with its registers.

#include "tests.h"

#ifdef SIMD
#define VALUES 18
#else
#define VALUES 14
#endif
#define SEED 0x9E3779B97F4A7C15
#define FACTOR 0xFF51AFD7ED558CCD

.text
.globl run_tests, done, trap, fold
run_tests:
  mov rsp, offset stack_top
  mov dword ptr [cursor], offset cases_begin
next_entry:
  mov esi, [cursor]
  cmp esi, offset cases_end
  jae finish
  mov eax, [rsi]
  mov edx, [rsi + 4]
  add esi, 8
  mov [cursor], esi
  test eax, eax
  jnz run_case
  push rdx
  call end_line
  pop rdx
  mov rax, SEED
  mov [hash], rax
  mov [name], edx
  jmp next_entry
finish:
  call end_line
  mov eax, 60                      // exit(0)
  xor edi, edi
  syscall

// EAX: the case's code; EDX: flags and FEW.
run_case:
  mov [snippet], eax
  mov [config], edx
  mov dword ptr [index_a], 0
outer:
  mov dword ptr [index_b], 0
  test dword ptr [config], FEW
  jz inner
  // One B for each A: the multiplier is prime to the number of values, so that each B occurs.
  imul eax, [index_a], 5
  add eax, 3
  xor edx, edx
  mov ecx, VALUES
  div ecx
  mov [index_b], edx
inner:
  mov eax, [flags_state]
  imul eax, eax, 0x9E3779B1
  add eax, 0x7F4A7C15
  mov [flags_state], eax
  shr eax, 7
  and eax, 0x8D5
  or eax, 0x202
  mov [flags_in], eax
  call run_input
  xor dword ptr [flags_in], 0x8D5
  call run_input
  test dword ptr [config], FEW
  jnz next_a
  inc dword ptr [index_b]
  cmp dword ptr [index_b], VALUES
  jb inner
next_a:
  inc dword ptr [index_a]
  cmp dword ptr [index_a], VALUES
  jb outer
  jmp next_entry

run_input:
  mov ecx, [index_a]
  mov rax, [values + rcx * 8]
  mov ecx, [index_b]
  mov rdx, [values + rcx * 8]
  mov r8, rax
  mov r9, rdx
  not r8
  not r9
  mov [BLOCK], r8
  mov [BLOCK + 8], r9
  mov edi, BLOCK + 16
  mov [rdi], rdx
  mov [rdi + 8], rax
  mov [rdi + 16], rax
  mov [rdi + 24], rdx
  mov [rdi + 32], rax
  mov [rdi + 40], rdx
  mov [rdi + 48], rdx
  mov [rdi + 56], rax
  mov [rdi + 64], rdx
  mov [rdi + 72], rax
  mov [rdi + 80], r8
  mov [rdi + 88], r9
  mov [rdi + 96], rdx
  mov [rdi + 104], rax
  xor ecx, ecx
  mov [trap], rcx
  mov [trap + 8], rcx
  mov [trap + 16], rcx
  mov [trap + 24], rcx
#ifdef SIMD
  call load_vectors
#endif
  push qword ptr [flags_in]
  popfq
  mov [stack_kept], rsp
  mov r8, rdx
  mov r9, rax
  mov r10, [BLOCK]
  mov r11, [BLOCK + 8]
  mov r12d, BLOCK + 16
  mov r13d, BLOCK + 16
  mov r14d, 2
  lea r15, [rax + rdx]
  mov rcx, 0x5A5AA5A5C3C30F07
  lea rcx, [rcx + rax]
  mov ebx, BLOCK + 16
  mov esi, BLOCK + 32
  mov edi, BLOCK + 64
  mov ebp, BLOCK + 88
  mov esp, BLOCK + 104
  jmp qword ptr [snippet]

done:
  mov [record + 8 * 4], rsp
  mov rsp, [stack_kept]
  mov [record + 8 * 0], rax
  pushfq
  pop rax
  cld
  mov [record + 8 * 16], rax
  mov [record + 8 * 1], rcx
  mov [record + 8 * 2], rdx
  mov [record + 8 * 3], rbx
  mov [record + 8 * 5], rbp
  mov [record + 8 * 6], rsi
  mov [record + 8 * 7], rdi
  mov [record + 8 * 8], r8
  mov [record + 8 * 9], r9
  mov [record + 8 * 10], r10
  mov [record + 8 * 11], r11
  mov [record + 8 * 12], r12
  mov [record + 8 * 13], r13
  mov [record + 8 * 14], r14
  mov [record + 8 * 15], r15
  mov eax, [config]
  and eax, 0xFFFF
  and [record + 8 * 16], rax
  // The exception's address counts from the case's start, so that it does not depend on the other cases.
  mov eax, [snippet]
  cmp qword ptr [trap], 0
  cmove eax, [trap]
  sub [trap + 16], rax
  mov esi, offset record
  mov ecx, 21
  call fold
  mov esi, BLOCK
  mov ecx, BLOCK_SIZE / 8
  call fold
#ifdef SIMD
  call save_vectors
#endif
#ifdef TRACE
  mov byte ptr [buffer], 10
  mov edx, 1
  call write_buffer
#endif
  ret

// Folds ECX words at RSI into the line's checksum.
fold:
#ifdef TRACE
  push rsi
  push rcx
1:
  mov rax, [rsi]
  push rsi
  push rcx
  mov edi, offset buffer
  mov byte ptr [rdi], 32
  inc edi
  call hexadecimal
  mov edx, 17
  call write_buffer
  pop rcx
  pop rsi
  add rsi, 8
  dec ecx
  jnz 1b
  pop rcx
  pop rsi
#endif
  mov rax, [hash]
  mov rdx, FACTOR
2:
  xor rax, [rsi]
  imul rax, rdx
  rol rax, 27
  add rsi, 8
  dec ecx
  jnz 2b
  mov [hash], rax
  ret

end_line:
  mov esi, [name]
  test esi, esi
  jz 9f
  mov edi, offset buffer
1:
  mov al, [rsi]
  test al, al
  jz 2f
  mov [rdi], al
  inc esi
  inc edi
  jmp 1b
2:
  mov byte ptr [rdi], 32
  inc edi
  mov rax, [hash]
  call hexadecimal
  mov byte ptr [rdi], 10
  inc edi
  mov edx, edi
  sub edx, offset buffer
write_buffer:
  mov eax, 1                       // write(1, buffer, EDX)
  mov edi, 1
  mov esi, offset buffer
  syscall
9:
  ret

// Writes RAX as 16 digits to RDI.
hexadecimal:
  mov ecx, 16
1:
  rol rax, 4
  mov edx, eax
  and edx, 15
  mov dl, [digits + rdx]
  mov [rdi], dl
  inc edi
  dec ecx
  jnz 1b
  ret

.section .rodata
digits:
  .ascii "0123456789ABCDEF"
#ifndef SIMD
.balign 8
values:
  .quad 0, 1, -1, 0x80, 0x7F, 0x8000, 0x7FFF, 0x80000000, 0x7FFFFFFF
  .quad 0x8000000000000000, 0x7FFFFFFFFFFFFFFF, 0x0123456789ABCDEF, 0xFEDCBA98765432A6, 0x0000001300000025
#endif

.data
.balign 8
flags_state:
  .quad 1

.bss
.balign 8
record:                            // RAX ... R15, RFLAGS, and the exception, folded together
  .space 17 * 8
trap:                              // vector + 1, or 0; error code; RIP; CR2 of a page fault
  .space 4 * 8
hash:
  .space 8
stack_kept:
  .space 8
snippet:
  .space 8
flags_in:
  .space 8
.globl index_a, index_b
index_a:
  .space 4
index_b:
  .space 4
config:
  .space 4
cursor:
  .space 4
name:
  .space 4
buffer:
  .space 100
.balign 16
  .space 1024
stack_top:
