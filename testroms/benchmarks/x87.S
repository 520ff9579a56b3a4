// The x87 guest's loop. C calling convention.

.intel_syntax noprefix
.code64
.text

// x87_loop(table, rounds) -> checksum. The table has 256 doubles of 1 to 2, then 256 integers of 32 bits, each
// twice, so that a round may read the entry behind its own. The first value stays between 1 and 3, as s is to be
// the root of a*s + b; the rest of a round starts from it, so that no round brings an infinity or a NaN.
.globl x87_loop
.balign 16
x87_loop:
  push rbp
  mov rbp, rsp
  and rsp, -16
  sub rsp, 64
  fninit
  xor eax, eax
  xor ecx, ecx
  fld1                                   // s
1:
  fld qword ptr [rdi + rcx * 8]          // a s
  fmul st, st(1)                         // a*s s
  fadd qword ptr [rdi + rcx * 8 + 8]     // a*s+b s
  fxch st(1)                             // s t
  fld st(1)                              // t s t
  fsqrt                                  // s' s t
  fst dword ptr [rsp]
  fld dword ptr [rsp]                    // r s' s t
  fsub st, st(1)                         // r-s' s' s t
  fabs
  fadd qword ptr [rdi + rcx * 8]
  fxch st(2)                             // s s' e t
  fdiv qword ptr [rdi + rcx * 8 + 8]     // s/b s' e t
  fmulp st(3), st                        // s' e u
  fld st(2)                              // u s' e u
  fstp tbyte ptr [rsp + 16]
  fild dword ptr [rdi + rcx * 4 + 4096]  // i s' e u
  fchs
  fmul st, st(2)                         // -i*e s' e u
  faddp st(3), st                        // s' e v
  fld tbyte ptr [rsp + 16]               // u s' e v
  fsubrp st(3), st                       // s' e w
  fxch st(1)                             // e s' w
  fsub dword ptr [rsp]                   // x s' w
  fxch st(2)                             // w s' x
  fistp qword ptr [rsp + 32]             // s' x
  fxch st(1)
  fstp qword ptr [rsp + 40]              // s'
  rol rax, 9
  xor rax, [rsp + 32]
  add rax, [rsp + 40]
  inc ecx
  and ecx, 255
  dec rsi
  jnz 1b
  fstp qword ptr [rsp]
  add rax, [rsp]
  leave
  ret
