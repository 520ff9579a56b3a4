// What Swift has no words for: ports, control registers, interrupt entry. C calling convention
// (System V AMD64 ABI: arguments in RDI, RSI, RDX, RCX; result in RAX).

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

function port_read32
  mov edx, edi
  in eax, dx
  ret

function port_write32
  mov edx, edi
  mov eax, esi
  out dx, eax
  ret

// cpu_id(leaf, subleaf, out: UInt32 x 4 = EAX, EBX, ECX, EDX)
function cpu_id
  push rbx
  mov r8, rdx
  mov eax, edi
  mov ecx, esi
  cpuid
  mov [r8], eax
  mov [r8 + 4], ebx
  mov [r8 + 8], ecx
  mov [r8 + 12], edx
  pop rbx
  ret

function read_msr
  mov ecx, edi
  rdmsr
  shl rdx, 32
  or rax, rdx
  ret

function write_msr
  mov ecx, edi
  mov eax, esi
  mov rdx, rsi
  shr rdx, 32
  wrmsr
  ret

.macro control_register name
function read_\name
  mov rax, \name
  ret
function write_\name
  mov \name, rdi
  ret
.endm
control_register cr0
control_register cr2
control_register cr3
control_register cr4
control_register dr0
control_register dr6
control_register dr7

// load_tables(gdt register image, idt register image): also reloads every segment and the task register
function load_tables
  lgdt [rdi]
  lidt [rsi]
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  xor eax, eax
  mov fs, eax
  mov gs, eax
  lldt ax
  lea rax, [rip + 1f]
  push 0x08
  push rax
  retfq
1:
  mov eax, 0x38
  ltr ax
  ret

function interrupts_off
  cli
  ret

function interrupts_on
  sti
  ret

// An interrupt that is already pending is taken after HLT begins, never between STI and HLT.
function wait_for_interrupt
  sti
  hlt
  ret

function halt_forever
  cli
1:
  hlt
  jmp 1b

// Shuts the processor down: a breakpoint with an empty IDT is a triple fault.
function triple_fault
  push 0
  push 0
  lidt [rsp]
  int3
  jmp halt_forever

function read_ticks
  mov rax, [rip + tick_count]
  ret

function read_probe_stack
  mov rax, [rip + probe_stack]
  ret

function count_tick
  inc qword ptr [rip + tick_count]
  ret

// capture_registers(out: UInt64 x 18 = RAX RBX RCX RDX RSI RDI RBP RSP R8-R15 RIP RFLAGS)
function capture_registers
  mov [rdi], rax
  mov [rdi + 8], rbx
  mov [rdi + 16], rcx
  mov [rdi + 24], rdx
  mov [rdi + 32], rsi
  mov [rdi + 40], rdi
  mov [rdi + 48], rbp
  mov [rdi + 56], rsp
  mov [rdi + 64], r8
  mov [rdi + 72], r9
  mov [rdi + 80], r10
  mov [rdi + 88], r11
  mov [rdi + 96], r12
  mov [rdi + 104], r13
  mov [rdi + 112], r14
  mov [rdi + 120], r15
  mov rax, [rsp]
  mov [rdi + 128], rax
  pushfq
  pop rax
  mov [rdi + 136], rax
  ret

// capture_selectors(out: UInt64 x 8 = CS DS ES FS GS SS TR LDTR)
function capture_selectors
  xor eax, eax
  mov ax, cs
  mov [rdi], rax
  mov ax, ds
  mov [rdi + 8], rax
  mov ax, es
  mov [rdi + 16], rax
  mov ax, fs
  mov [rdi + 24], rax
  mov ax, gs
  mov [rdi + 32], rax
  mov ax, ss
  mov [rdi + 40], rax
  str ax
  mov [rdi + 48], rax
  sldt ax
  mov [rdi + 56], rax
  ret

// capture_table_registers(out: 16 bytes GDTR, 16 bytes IDTR; each a limit word, then a base)
function capture_table_registers
  sgdt [rdi]
  sidt [rdi + 16]
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

// Interrupt entry. One stub per vector makes every frame look the same: an error code, a vector number.
.macro entry vector
.balign 16
  .if (\vector == 8) | ((\vector >= 10) & (\vector <= 14)) | (\vector == 17) | (\vector == 21)
  .else
  push 0
  .endif
  push \vector
  jmp interrupt_common
.endm

.globl interrupt_entries
.balign 16
interrupt_entries:
.set vector_number, 0
.rept 49
  entry vector_number
  .set vector_number, vector_number + 1
.endr

interrupt_common:
  push rax
  push rbx
  push rcx
  push rdx
  push rsi
  push rdi
  push rbp
  push r8
  push r9
  push r10
  push r11
  push r12
  push r13
  push r14
  push r15
  cld
  mov rdi, rsp
  mov rbp, rsp
  and rsp, -16
  call interrupt
  mov rsp, rbp
  pop r15
  pop r14
  pop r13
  pop r12
  pop r11
  pop r10
  pop r9
  pop r8
  pop rbp
  pop rdi
  pop rsi
  pop rdx
  pop rcx
  pop rbx
  pop rax
  add rsp, 16
  iretq

// layout(index) -> a linear address that the linker or this file decided; see Layout in Machine.swift
function layout
  lea rax, [rip + layout_table]
  mov rax, [rax + rdi * 8]
  ret

.section .rodata
.balign 8
layout_table:
  .quad kernel_start, user_text_start, text_end, rodata_end, kernel_end, bss_end
  .quad stack_guard, stack_top, stack_ring0_top, stack_double_fault_top, stack_debug_top
  .quad user_data, interrupt_entries, probe_recover

.bss
.balign 8
tick_count:
  .quad 0

// Stacks. The page below the kernel's own is never mapped.
.globl stack_guard, stack_top, stack_ring0_top, stack_double_fault_top, stack_debug_top
.globl user_data, user_stack_top
.balign 4096
stack_guard:
  .space 4096
  .space 28672
stack_top:
  .space 4096
stack_ring0_top:
  .space 4096
stack_double_fault_top:
  .space 4096
stack_debug_top:
user_data:
  .space 4096
user_stack_top:
