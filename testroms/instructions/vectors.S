// The vector registers of the cases of simd.S: load_vectors before and save_vectors after each; see
// harness64.S.

#include "tests.h"

#define VALUES 18

.text
.globl load_vectors, save_vectors, values
// RAX: A; RDX: B. Both stay.
load_vectors:
  movq xmm0, rax
  movq mm0, rax
  movq xmm1, rdx
  movq mm1, rdx
  mov ecx, [index_a]
  movq xmm3, [following + rcx * 8]
  mov ecx, [index_b]
  movq xmm4, [following + 4 * 8 + rcx * 8]
  movdq2q mm2, xmm3
  movaps xmm2, xmm3
  punpcklqdq xmm2, xmm1
  punpcklqdq xmm0, xmm3
  punpcklqdq xmm1, xmm4
  movaps xmm8, xmm1
  movaps xmm15, xmm0
  mov ecx, [turn]
  inc ecx
  cmp ecx, 5
  jb 1f
  xor ecx, ecx
1:
  mov [turn], ecx
  ldmxcsr [controls + rcx * 4]
  ret

save_vectors:
  stmxcsr [vectors]
  movaps [vectors + 16], xmm0
  movaps [vectors + 32], xmm1
  movaps [vectors + 48], xmm2
  movaps [vectors + 64], xmm8
  movaps [vectors + 80], xmm15
  movq [vectors + 96], mm0
  movq [vectors + 104], mm1
  movq [vectors + 112], mm2
  emms
  ldmxcsr [controls]
  mov esi, offset vectors
  mov ecx, 15
  jmp fold

.section .rodata
.balign 8
// Bit patterns that are something as doubles, as pairs of singles, and as integers.
values:
  .quad 0, 0x8000000000000000, 0x3FF0000000000000, 0xBFF8000000000000, 0x7FF0000000000000, 0xFFF8000000000123
  .quad 0x7FF4000000000001, 0x0000000000000001, 0x7FEFFFFFFFFFFFFF, 0x41DFFFFFFFE00000, 0x3FB999999999999A
  .quad 0x3F800000BF800000, 0x7F800000FF800000, 0x7FC00001FF812345, 0x007FFFFF80000001, 0x7F7FFFFF4F000000
  .quad 0x0123456789ABCDEF, 0x3EAAAAABC0490FDB
// The value after, and the fourth after that.
following:
  .quad 0x8000000000000000, 0x3FF0000000000000, 0xBFF8000000000000, 0x7FF0000000000000, 0xFFF8000000000123
  .quad 0x7FF4000000000001, 0x0000000000000001, 0x7FEFFFFFFFFFFFFF, 0x41DFFFFFFFE00000, 0x3FB999999999999A
  .quad 0x3F800000BF800000, 0x7F800000FF800000, 0x7FC00001FF812345, 0x007FFFFF80000001, 0x7F7FFFFF4F000000
  .quad 0x0123456789ABCDEF, 0x3EAAAAABC0490FDB, 0xC1E0000000000001, 0x4160000020000000, 0x7F7FFFFFFF7FFFFF
  .quad 0x4B8000014B000001, 0x47EFFFFFF0000000
.balign 4
controls:                          // round to nearest, down, up, toward zero; FZ and DAZ
  .long 0x1F80, 0x3F80, 0x5F80, 0x7F80, 0x9FC0

.bss
.balign 16
vectors:
  .space 128
turn:
  .space 4
