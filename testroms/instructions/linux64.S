// The tests as a Linux program: exceptions arrive as signals, whose handler hands them to the harness.
// Numbers: Linux arch/x86/entry/syscalls/syscall_64.tbl; structures: arch/x86/include/uapi/asm/sigcontext.h.

.intel_syntax noprefix
.code64

.section .platform, "ax", @progbits
.globl _start
_start:
  mov eax, 131                     // sigaltstack: a case's stack pointer is not for a handler to use
  mov edi, offset alternative
  xor esi, esi
  syscall
  mov ebx, offset signals
1:
  movzx edi, byte ptr [rbx]
  test edi, edi
  jz 2f
  mov eax, 13                      // rt_sigaction
  mov esi, offset action
  xor edx, edx
  mov r10d, 8
  syscall
  inc ebx
  jmp 1b
2:
  jmp run_tests

// RDX: the ucontext, whose registers start at 40 with R8: RIP is the 17th, then EFLAGS, CS/GS/FS/SS, the error
// code, the vector, the old mask, CR2.
handler:
  mov rax, [rdx + 40 + 8 * 20]
  lea rcx, [rax + 1]
  mov [trap], rcx
  mov rcx, [rdx + 40 + 8 * 19]
  mov [trap + 8], rcx
  mov rcx, [rdx + 40 + 8 * 16]
  mov [trap + 16], rcx
  cmp eax, 14
  jne 3f
  mov rcx, [rdx + 40 + 8 * 22]
  mov [trap + 24], rcx
3:
  mov dword ptr [rdx + 40 + 8 * 16], offset done
  and dword ptr [rdx + 40 + 8 * 17], ~0x100  // TF
  ret

restorer:
  mov eax, 15                      // rt_sigreturn
  syscall

.balign 8
signals:
  .byte 4, 5, 7, 8, 11, 0          // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV
.balign 8
action:
  .quad handler, 0x0C000004, restorer, 0   // SA_ONSTACK, SA_RESTORER, SA_SIGINFO
alternative:
  .quad handler_stack, 0, 65536

.section .platformbss, "aw", @nobits
.balign 16
handler_stack:
  .space 65536
