// Ports, and the memory loops whose shape matters. C calling convention.

.intel_syntax noprefix
.code64
.text

.macro function name
.globl \name
.balign 16
\name:
.endm

function port_read8
  mov edx, edi
  xor eax, eax
  in al, dx
  ret

function port_write8
  mov edx, edi
  mov eax, esi
  out dx, al
  ret

function port_write16
  mov edx, edi
  mov eax, esi
  out dx, ax
  ret

function port_write32
  mov edx, edi
  mov eax, esi
  out dx, eax
  ret

function read_tsc
  rdtsc
  shl rdx, 32
  or rax, rdx
  ret

function halt_forever
  cli
1:
  hlt
  jmp 1b

// fill_words(target, value, count): one 8-byte store a round
function fill_words
1:
  mov [rdi], rsi
  add rdi, 8
  dec rdx
  jnz 1b
  ret

// copy_words(target, source, count): one 8-byte load and store a round
function copy_words
1:
  mov rax, [rsi]
  mov [rdi], rax
  add rsi, 8
  add rdi, 8
  dec rdx
  jnz 1b
  ret

// copy_bytes(target, source, count): one 1-byte load and store a round
function copy_bytes
1:
  movzx eax, byte ptr [rsi]
  mov [rdi], al
  inc rsi
  inc rdi
  dec rdx
  jnz 1b
  ret

// sum_words(source, count) -> rotating sum
function sum_words
  xor eax, eax
1:
  rol rax, 1
  add rax, [rdi]
  add rdi, 8
  dec rsi
  jnz 1b
  ret

// rep_fill8(target, value, bytes)
function rep_fill8
  mov eax, esi
  mov rcx, rdx
  rep stosb
  ret

// rep_fill64(target, value, words)
function rep_fill64
  mov rax, rsi
  mov rcx, rdx
  rep stosq
  ret

// rep_copy8(target, source, bytes)
function rep_copy8
  mov rcx, rdx
  rep movsb
  ret

// rep_copy64(target, source, words)
function rep_copy64
  mov rcx, rdx
  rep movsq
  ret

// rep_copy8_down(target end, source end, bytes): backwards, the direction flag set
function rep_copy8_down
  mov rcx, rdx
  std
  rep movsb
  cld
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

// The compiler recognises a loop that looks for a zero byte.
function strlen
  mov rax, rdi
1:
  cmp byte ptr [rax], 0
  lea rax, [rax + 1]
  jne 1b
  dec rax
  sub rax, rdi
  ret
