// Runs the cases of the lists in 32-bit code at privilege level 3, or in real mode (BITS 16), where the
// segments DS, ES and SS start like CS. See harness64.S; here Linux's INT 80h is asked, in real mode port E9h
// written.

#include "tests.h"

#define VALUES 13
#define SEED 0x9E3779B9
#define SEED2 0x85EBCA6B
#define FACTOR 0xCC9E2D51
#define FACTOR2 0x1B873593

#if BITS == 16
#define OWN cs:                    // whatever a case did to DS
#define NATURAL word
#else
#define OWN
#define NATURAL dword
#endif

.text
.globl run_tests, done, trap
run_tests:
  mov esp, offset stack_top
  mov dword ptr [cursor], offset cases_begin
next_entry:
  mov esi, [cursor]
  cmp esi, offset cases_end
  jae finish
  mov eax, [esi]
  mov edx, [esi + 4]
  add esi, 8
  mov [cursor], esi
  test eax, eax
  jnz run_case
  push edx
  call end_line
  pop edx
  mov dword ptr [hash], SEED
  mov dword ptr [hash2], SEED2
  mov [name], edx
  jmp next_entry
finish:
  call end_line
#if BITS == 32
  mov eax, 1                       // exit(0)
  xor ebx, ebx
  int 0x80
#else
  xor eax, eax
  out 0xF4, al
1:
  hlt
  jmp 1b
#endif

run_case:
  mov [snippet], eax
  mov [config], edx
  mov dword ptr [index_a], 0
outer:
  mov dword ptr [index_b], 0
  test dword ptr [config], FEW
  jz inner
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
#if BITS == 32
  or eax, 0x202
#else
  or eax, 2                        // nobody asks for interrupts
#endif
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
  mov eax, [values + ecx * 4]
  mov ecx, [index_b]
  mov edx, [values + ecx * 4]
  mov ebx, eax
  mov esi, edx
  not ebx
  not esi
  mov ebp, BLOCK
  mov [ebp], ebx
  mov [ebp + 4], esi
  mov [ebp + 8], edx
  mov [ebp + 12], ebx
  mov [ebp + 16], edx
  mov [ebp + 20], eax
  mov [ebp + 24], ebx
  mov [ebp + 28], esi
  mov edi, BLOCK + 32
  mov ecx, 4
1:
  mov [edi], eax
  mov [edi + 4], edx
  mov [edi + 32], edx
  mov [edi + 36], eax
  mov [edi + 64], esi
  mov [edi + 68], eax
  add edi, 8
  dec ecx
  jnz 1b
  xor ecx, ecx
  mov [trap], ecx
  mov [trap + 4], ecx
  mov [trap + 8], ecx
  mov [trap + 12], ecx
  push dword ptr [flags_in]
  popfd
  mov [stack_kept], esp
  mov ebx, 0x5A3CA5C3
  lea ecx, [ebx + eax]
  mov ebx, BLOCK + 16
  mov esi, BLOCK + 32
  mov edi, BLOCK + 64
  mov ebp, BLOCK + 88
  mov esp, BLOCK + 104
  jmp NATURAL ptr [snippet]

done:
  mov dword ptr OWN[record + 4 * 4], esp
  mov dword ptr OWN[record + 4 * 0], eax
#if BITS == 16
  mov ax, cs
  mov ss, ax
#endif
  mov esp, dword ptr OWN[stack_kept]
  pushfd
  pop eax
  cld
  mov dword ptr OWN[record + 4 * 8], eax
  mov dword ptr OWN[record + 4 * 1], ecx
  mov dword ptr OWN[record + 4 * 2], edx
  mov dword ptr OWN[record + 4 * 3], ebx
  mov dword ptr OWN[record + 4 * 5], ebp
  mov dword ptr OWN[record + 4 * 6], esi
  mov dword ptr OWN[record + 4 * 7], edi
#if BITS == 16
  mov ax, cs
#else
  mov eax, ss
#endif
  mov ds, ax
  mov es, ax
#if BITS == 16
  mov fs, ax
  mov gs, ax
#endif
  mov eax, [config]
  and eax, 0xFFFF
  and [record + 4 * 8], eax
  mov eax, [snippet]
  cmp dword ptr [trap], 0
  cmove eax, [trap]
  sub [trap + 8], eax
  mov esi, offset record
  mov ecx, 13
  call fold
  mov esi, BLOCK
  mov ecx, BLOCK_SIZE / 4
  call fold
#ifdef TRACE
  mov byte ptr [buffer], 10
  mov edx, 1
  call write_buffer
#endif
  ret

// Folds ECX words at ESI into the line's two checksums.
fold:
#ifdef TRACE
  push esi
  push ecx
1:
  mov eax, [esi]
  push esi
  push ecx
  mov edi, offset buffer
  mov byte ptr [edi], 32
  inc edi
  call hexadecimal
  mov edx, 9
  call write_buffer
  pop ecx
  pop esi
  add esi, 4
  dec ecx
  jnz 1b
  pop ecx
  pop esi
#endif
  mov eax, [hash]
  mov edx, [hash2]
2:
  xor eax, [esi]
  imul eax, eax, FACTOR
  rol eax, 13
  add edx, [esi]
  imul edx, edx, FACTOR2
  rol edx, 17
  add esi, 4
  dec ecx
  jnz 2b
  mov [hash], eax
  mov [hash2], edx
  ret

end_line:
  mov esi, [name]
  test esi, esi
  jz 9f
  mov edi, offset buffer
1:
  mov al, [esi]
  test al, al
  jz 2f
  mov [edi], al
  inc esi
  inc edi
  jmp 1b
2:
  mov byte ptr [edi], 32
  inc edi
  mov eax, [hash]
  call hexadecimal
  mov eax, [hash2]
  call hexadecimal
  mov byte ptr [edi], 10
  inc edi
  mov edx, edi
  sub edx, offset buffer
write_buffer:
#if BITS == 32
  mov eax, 4                       // write(1, buffer, EDX)
  mov ebx, 1
  mov ecx, offset buffer
  int 0x80
#else
  mov ecx, edx
  mov si, offset buffer
  mov dx, 0xE9
  rep outsb
#endif
9:
  ret

// Writes EAX as 8 digits to EDI.
hexadecimal:
  mov ecx, 8
1:
  rol eax, 4
  mov edx, eax
  and edx, 15
  mov dl, [digits + edx]
  mov [edi], dl
  inc edi
  dec ecx
  jnz 1b
  ret

#if BITS == 16
// The vectors of real mode lead here: each CALL leaves its number's address. An exception or INT n of a case
// goes on at `done` as one of protected mode does, but has no error code.
.globl stubs
.balign 4
stubs:
.rept 32
  .byte 0xE8
  .word interrupt - (. + 2)
  nop
.endr
interrupt:
  mov dword ptr cs:[kept], eax
  pop ax
  sub ax, offset stubs + 3
  shr ax, 2
  inc ax
  mov word ptr cs:[trap], ax
  pop ax
  mov word ptr cs:[trap + 8], ax
  push offset done
  mov eax, dword ptr cs:[kept]
  iret
#endif

.section .rodata
digits:
  .ascii "0123456789ABCDEF"
.balign 4
values:
  .long 0, 1, -1, 0x80, 0x7F, 0x8000, 0x7FFF, 0x80000000, 0x7FFFFFFF
  .long 0x01234567, 0xFEDC98A6, 0x00130025, 0xFFFF8080

.data
.balign 4
flags_state:
  .long 1

.bss
.balign 4
record:                            // EAX ... EDI, EFLAGS, and the exception, folded together
  .space 9 * 4
trap:                              // vector + 1, or 0; error code; EIP; CR2 of a page fault
  .space 4 * 4
hash:
  .space 4
hash2:
  .space 4
stack_kept:
  .space 4
snippet:
  .space 4
flags_in:
  .space 4
kept:
  .space 4
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
  .space 512
stack_top:
