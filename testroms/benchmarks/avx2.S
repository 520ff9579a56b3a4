// The AVX2 guest: whether the processor has AVX2, and the loop. C calling convention.

.intel_syntax noprefix
.code64
.text

// avx2_start() -> 1 if the processor has AVX2, whose registers may be used from then on; else 0
.globl avx2_start
.balign 16
avx2_start:
  push rbx
  xor eax, eax
  cpuid
  cmp eax, 7
  jb 1f
  mov eax, 1
  cpuid
  and ecx, 0x14000000              // XSAVE, AVX
  cmp ecx, 0x14000000
  jne 1f
  mov eax, 7
  xor ecx, ecx
  cpuid
  test ebx, 0x20                   // AVX2
  jz 1f
  mov rax, cr4
  or eax, 0x40000                  // OSXSAVE
  mov cr4, rax
  xor ecx, ecx
  xor edx, edx
  mov eax, 7                       // x87, SSE, AVX
  xsetbv
  mov eax, 1
  pop rbx
  ret
1:
  xor eax, eax
  pop rbx
  ret

// avx2_loop(block, rounds) -> checksum. The block of 8 KiB is read and changed once a round, 32 bytes at a time.
.globl avx2_loop
.balign 16
avx2_loop:
  vmovdqu ymm0, [rdi + 3]
  vmovdqu ymm1, [rdi + 64]
  vmovdqa ymm8, [rip + order]
  vmovdqa ymm9, [rip + counts]
  vpcmpeqd ymm10, ymm10, ymm10
1:
  xor eax, eax
2:
  vmovdqu ymm2, [rdi + rax]
  vpaddd ymm0, ymm0, [rdi + rax]
  vpmulld ymm3, ymm0, ymm2
  vpxor ymm1, ymm1, ymm3
  vpshufd ymm4, ymm1, 0x93
  vpermd ymm5, ymm8, [rdi + rax]
  vpsrlvd ymm6, ymm5, ymm9
  vpsllvd ymm7, ymm0, ymm9
  vpor ymm6, ymm6, ymm7
  vpmuludq ymm3, ymm4, ymm6
  vpaddq ymm1, ymm1, ymm3
  vpshufb ymm4, ymm6, [rip + bytes]
  vpblendd ymm5, ymm4, ymm5, 0x5A
  vpsubd ymm5, ymm5, ymm10
  vpcmpgtd ymm7, ymm2, ymm0
  vpand ymm7, ymm7, ymm1
  vperm2i128 ymm4, ymm5, ymm7, 0x21
  vpsrld ymm3, ymm4, 3
  vpaddd ymm0, ymm0, ymm3
  vpunpckldq ymm4, ymm4, ymm6
  vpminsd ymm6, ymm4, ymm2
  vpbroadcastd ymm3, [rdi + rax + 12]
  vpxor ymm5, ymm6, ymm3
  vpaddw ymm5, ymm5, ymm7
  vmovdqu [rdi + rax], ymm5
  add eax, 32
  cmp eax, 8192
  jne 2b
  dec rsi
  jnz 1b
  vpaddq ymm0, ymm0, ymm1
  vextracti128 xmm1, ymm0, 1
  vpxor xmm0, xmm0, xmm1
  vpshufd xmm1, xmm0, 0x4E
  vpaddq xmm0, xmm0, xmm1
  vmovq rax, xmm0
  xor ecx, ecx
3:
  rol rax, 5
  add rax, [rdi + rcx]
  add ecx, 8
  cmp ecx, 8192
  jne 3b
  vzeroupper
  ret

.section .rodata
.balign 32
order:
  .long 5, 2, 7, 0, 3, 6, 1, 4
counts:
  .long 1, 4, 9, 15, 22, 28, 31, 33
bytes:
  .byte 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14
  .byte 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 0x80
