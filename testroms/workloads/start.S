// Entry of the program, system calls, and the functions that compiled code calls by name.

.intel_syntax noprefix
.code64
.text

.macro function name
.globl \name
.balign 16
\name:
.endm

// The stack holds the argument count, the arguments, a null pointer, the environment and another, and the
// auxiliary vector (System V ABI for AMD64, "Process Initialization"). It is aligned to 16 bytes.
function _start
  xor ebp, ebp
  mov rdi, rsp
  call workloads_main
  ud2

// system_call(number, six arguments) -> what Linux returns
function system_call
  mov eax, edi
  mov rdi, rsi
  mov rsi, rdx
  mov rdx, rcx
  mov r10, r8
  mov r8, r9
  mov r9, [rsp + 8]
  syscall
  ret

// comparison() -> compare_numbers: a pointer that the compiler cannot see through
function comparison
  lea rax, [rip + compare_numbers]
  ret

function memcpy
  mov rax, rdi
  mov rcx, rdx
  rep movsb
  ret

function memmove
  mov rax, rdi
  mov rcx, rdx
  mov r8, rdi
  sub r8, rsi
  cmp r8, rdx
  jb 1f
  rep movsb
  ret
1:
  lea rdi, [rdi + rdx - 1]
  lea rsi, [rsi + rdx - 1]
  std
  rep movsb
  cld
  ret

function memset
  mov r8, rdi
  mov eax, esi
  mov rcx, rdx
  rep stosb
  mov rax, r8
  ret

.section .note.GNU-stack, "", @progbits
