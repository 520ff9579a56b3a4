// Short pieces of code that each raise one exception, and the way back from it.
//
// probe() notes where the stack is and calls a piece; the exception handler returns to probe_recover
// whatever the piece was doing: in 64-bit code, in 32-bit compatibility mode or in ring 3.

.intel_syntax noprefix
.code64
.text

.set selector_code, 0x08
.set selector_data, 0x10
.set selector_user_data, 0x18 + 3
.set selector_user_code, 0x20 + 3
.set selector_code32, 0x28
.set selector_not_present, 0x30
.set selector_tss, 0x38

.globl probe, probe_recover, probe_stack, probe_piece, probe_culprit

// probe(piece number)
.balign 16
probe:
  push rbp
  push rbx
  push r12
  push r13
  push r14
  push r15
  pushfq
  cli
  mov [rip + probe_stack], rsp
  lea rax, [rip + pieces]
  shl rdi, 4
  call [rax + rdi]
probe_recover:
  mov rsp, [rip + probe_stack]
  mov eax, selector_data
  mov ds, eax
  mov es, eax
  mov ss, eax
  popfq
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbx
  pop rbp
  ret

// probe_culprit(piece number) -> linear address of the instruction that raises the exception
.balign 16
probe_culprit:
  lea rax, [rip + pieces]
  shl rdi, 4
  mov rax, [rax + rdi + 8]
  ret

.macro piece name
.balign 8
piece_\name:
.endm

piece divide_by_zero
  xor ecx, ecx
  mov eax, 1
  xor edx, edx
culprit_divide_by_zero:
  div ecx
  ret

piece divide_overflow
  mov eax, 0x80000000
  cdq
  mov ecx, -1
culprit_divide_overflow:
  idiv ecx
  ret

piece single_step
  pushfq
  or dword ptr [rsp], 0x100
  popfq
culprit_single_step:
  nop
  ret

piece instruction_breakpoint
  lea rax, [rip + culprit_instruction_breakpoint]
  mov dr0, rax
  mov eax, 0x402                   // G0, execution, 1 byte
  mov dr7, rax
culprit_instruction_breakpoint:
  nop
  ret

piece data_breakpoint
  lea rax, [rip + watched]
  mov dr0, rax
  mov eax, 0xD0402                 // G0, writes, 4 bytes
  mov dr7, rax
culprit_data_breakpoint:
  mov dword ptr [rip + watched], 1
  ret

piece breakpoint
culprit_breakpoint:
  int3
  ret

piece overflow
  lea rax, [rip + start_overflow]
  jmp enter_code32

piece bound
  lea rax, [rip + start_bound]
  jmp enter_code32

piece undefined
culprit_undefined:
  ud2
  ret

piece device_not_available
  mov rax, cr0
  or eax, 8                        // CR0.TS
  mov cr0, rax
culprit_device_not_available:
  fnop
  ret

// The handler of #GP was marked not present: #GP, then #NP while delivering it, make a double fault.
piece double_fault
  mov rax, 0x8000000000000000
culprit_double_fault:
  mov al, [rax]
  ret

piece not_present
  mov eax, selector_not_present
culprit_not_present:
  mov es, eax
  ret

piece stack_segment
  mov eax, selector_not_present
culprit_stack_segment:
  mov ss, eax
  ret

piece non_canonical
  mov rax, 0x8000000000000000
culprit_non_canonical:
  mov al, [rax]
  ret

piece selector
  mov eax, 0xFFF0
culprit_selector:
  mov ds, eax
  ret

piece busy_tss
  mov eax, selector_tss
culprit_busy_tss:
  ltr ax
  ret

piece read_unmapped
  xor eax, eax
culprit_read_unmapped:
  mov al, [rax + 0x10]
  ret

piece write_unmapped
  lea rax, [rip + stack_guard]
culprit_write_unmapped:
  mov [rax + 0x800], al
  ret

piece write_text
  lea rax, [rip + kernel_start]
culprit_write_text:
  mov [rax], al
  ret

piece execute_data
  lea rax, [rip + watched]
culprit_execute_data:
  jmp rax

.macro user_piece name
piece user_\name
  lea rax, [rip + start_user_\name]
  jmp enter_ring3
.endm
user_piece read
user_piece write
user_piece execute
user_piece halt
user_piece port
user_piece cli
user_piece call

// Ring 3 with its own stack and code page; interrupts stay off.
enter_ring3:
  push selector_user_data
  lea rcx, [rip + user_stack_top]
  push rcx
  push 2
  push selector_user_code
  push rax
  iretq

enter_code32:
  push selector_code32
  push rax
  retfq

.code32
start_overflow:
  mov eax, 0x7FFFFFFF
  inc eax
culprit_overflow:
  into
  hlt

start_bound:
  mov eax, 9
culprit_bound:
  bound eax, [bounds]
  hlt

.section .user, "ax"
.code64
.globl user_entry
user_entry:
start_user_read:
  lea rax, [rip + kernel_start]
culprit_user_read:
  mov al, [rax]
  hlt
start_user_write:
  lea rax, [rip + user_entry]
culprit_user_write:
  mov [rax], al
  hlt
start_user_execute:
  lea rax, [rip + kernel_start]
culprit_user_execute:
  jmp rax
start_user_halt:
culprit_user_halt:
  hlt
start_user_port:
  mov edx, 0x3F8
culprit_user_port:
  in al, dx
  hlt
start_user_cli:
culprit_user_cli:
  cli
  hlt
start_user_call:
culprit_user_call:
  int 0x30
  hlt

.section .rodata
.balign 8
bounds:
  .long 1, 8

.macro row name, culprit
  .quad piece_\name, \culprit
.endm
pieces:
  row divide_by_zero, culprit_divide_by_zero
  row divide_overflow, culprit_divide_overflow
  row single_step, culprit_single_step
  row instruction_breakpoint, culprit_instruction_breakpoint
  row data_breakpoint, culprit_data_breakpoint
  row breakpoint, culprit_breakpoint
  row overflow, culprit_overflow
  row bound, culprit_bound
  row undefined, culprit_undefined
  row device_not_available, culprit_device_not_available
  row double_fault, culprit_double_fault
  row not_present, culprit_not_present
  row stack_segment, culprit_stack_segment
  row non_canonical, culprit_non_canonical
  row selector, culprit_selector
  row busy_tss, culprit_busy_tss
  row read_unmapped, culprit_read_unmapped
  row write_unmapped, culprit_write_unmapped
  row write_text, culprit_write_text
  row execute_data, culprit_execute_data
  row user_read, culprit_user_read
  row user_write, culprit_user_write
  row user_execute, culprit_user_execute
  row user_halt, culprit_user_halt
  row user_port, culprit_user_port
  row user_cli, culprit_user_cli
  row user_call, culprit_user_call

.bss
.balign 8
probe_stack:
  .quad 0
watched:
  .quad 0
