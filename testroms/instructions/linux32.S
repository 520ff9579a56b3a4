// The tests as a 32-bit Linux program; see linux64.S. Numbers: Linux arch/x86/entry/syscalls/syscall_32.tbl;
// the structures: arch/x86/include/uapi/asm/sigcontext.h.

.intel_syntax noprefix
.code32

.section .platform, "ax", @progbits
.globl _start
_start:
  mov eax, 186                     // sigaltstack
  mov ebx, offset alternative
  xor ecx, ecx
  int 0x80
  mov ebp, offset signals
1:
  movzx ebx, byte ptr [ebp]
  test ebx, ebx
  jz 2f
  mov eax, 174                     // rt_sigaction
  mov ecx, offset action
  xor edx, edx
  mov esi, 8
  int 0x80
  inc ebp
  jmp 1b
2:
  jmp run_tests

// The third argument is the ucontext, whose registers start at 20 with GS: the vector is the 13th, then the
// error code, EIP, CS, EFLAGS, ESP, SS, the x87 state, the old mask, CR2. A case may have changed DS.
handler:
  mov eax, ss
  mov ds, ax
  mov edx, [esp + 12]
  mov eax, [edx + 20 + 4 * 12]
  lea ecx, [eax + 1]
  mov [trap], ecx
  mov ecx, [edx + 20 + 4 * 13]
  mov [trap + 4], ecx
  mov ecx, [edx + 20 + 4 * 14]
  mov [trap + 8], ecx
  cmp eax, 14
  jne 3f
  mov ecx, [edx + 20 + 4 * 21]
  mov [trap + 12], ecx
3:
  mov dword ptr [edx + 20 + 4 * 14], offset done
  and dword ptr [edx + 20 + 4 * 16], ~0x100  // TF
  ret

restorer:
  mov eax, 173                     // rt_sigreturn
  int 0x80

.balign 4
signals:
  .byte 4, 5, 7, 8, 11, 0          // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV
.balign 4
action:
  .long handler, 0x0C000004, restorer, 0, 0    // SA_ONSTACK, SA_RESTORER, SA_SIGINFO
alternative:
  .long handler_stack, 0, 65536

.section .platformbss, "aw", @nobits
.balign 16
handler_stack:
  .space 65536
