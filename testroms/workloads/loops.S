// The loops whose instructions are what is to be measured. C calling convention.

.intel_syntax noprefix
.code64
.text

.macro function name
.globl \name
.balign 16
\name:
.endm

// copy_vectors(target, source, bytes): 64 bytes a round by SSE2; the target is aligned, the source need not be
function copy_vectors
1:
  movdqu xmm0, [rsi]
  movdqu xmm1, [rsi + 16]
  movdqu xmm2, [rsi + 32]
  movdqu xmm3, [rsi + 48]
  movdqa [rdi], xmm0
  movdqa [rdi + 16], xmm1
  movdqa [rdi + 32], xmm2
  movdqa [rdi + 48], xmm3
  add rsi, 64
  add rdi, 64
  sub rdx, 64
  jnz 1b
  ret

// copy_string(target, source, bytes)
function copy_string
  mov rcx, rdx
  rep movsb
  ret

// byte_length(text) -> bytes before the zero
function byte_length
  mov rax, rdi
1:
  cmp byte ptr [rax], 0
  lea rax, [rax + 1]
  jne 1b
  dec rax
  sub rax, rdi
  ret

// chase(node, steps, &sum) -> the node arrived at; a node is the address of the next and a number to add up
function chase
  mov rax, rdi
  xor ecx, ecx
1:
  add rcx, [rax + 8]
  mov rax, [rax]
  dec rsi
  jnz 1b
  mov [rdx], rcx
  ret

// mix_vectors(block, rounds): 4 KiB of packed integers, changed in place; as many rounds over all of it
function mix_vectors
  movdqa xmm0, [rdi]
  movdqa xmm1, [rdi + 16]
  pcmpeqd xmm7, xmm7
1:
  xor eax, eax
2:
  movdqa xmm2, [rdi + rax]
  paddd xmm0, xmm2
  pshufd xmm3, xmm0, 0x39
  pmuludq xmm3, xmm1
  pxor xmm1, xmm2
  movdqa xmm4, xmm0
  pslld xmm0, 7
  psrld xmm4, 25
  por xmm0, xmm4
  paddq xmm1, xmm3
  punpckhdq xmm3, xmm2
  psubd xmm3, xmm7
  pcmpgtd xmm2, xmm0
  pand xmm2, xmm1
  pxor xmm0, xmm3
  paddw xmm2, xmm4
  movdqa [rdi + rax], xmm2
  add eax, 16
  cmp eax, 4096
  jne 2b
  dec rsi
  jnz 1b
  movdqa [rdi], xmm0
  movdqa [rdi + 16], xmm1
  ret

.section .note.GNU-stack, "", @progbits
