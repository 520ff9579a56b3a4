// Loops whose instruction counts are known: each runs RDI times.

.intel_syntax noprefix
.code64
.text

.macro loop_function name
.globl loop_\name
.balign 16
loop_\name:
.endm

// 8 instructions a round
loop_function integer
  xor eax, eax
  mov ecx, 1
1:
  add rax, rcx
  xor rcx, rax
  lea rdx, [rax + rcx * 2 + 5]
  shr rdx, 3
  imul rax, rdx
  inc rcx
  dec rdi
  jnz 1b
  ret

// 6 instructions a round, over 32 KiB at RSI
loop_function memory
  xor eax, eax
  xor ecx, ecx
1:
  add rax, [rsi + rcx]
  mov [rsi + rcx], rax
  add ecx, 8
  and ecx, 0x7FFF
  dec rdi
  jnz 1b
  ret

// 6 instructions a round
loop_function call
1:
  call 2f
  call 2f
  dec rdi
  jnz 1b
  ret
2:
  ret

// 5 instructions a round; the jump goes either way in a pattern of 16
loop_function branch
  xor eax, eax
  mov ecx, 0x5A3C
1:
  rol cx, 1
  jc 2f
  inc eax
  dec rdi
  jnz 1b
  ret
2:
  dec eax
  dec rdi
  jnz 1b
  ret

// 6 instructions a round, one of which copies 4096 bytes from RSI to RDX
loop_function string
  mov r8, rdi
  mov r9, rsi
1:
  mov rsi, r9
  mov rdi, rdx
  mov ecx, 512
  rep movsq
  dec r8
  jnz 1b
  ret
