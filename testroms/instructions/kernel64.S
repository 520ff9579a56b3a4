// Starts the tests at privilege level 3 in 64-bit mode on a bare machine, and does for them what Linux does:
// write and exit by SYSCALL, and exceptions handed to the harness. The selectors are Linux's, because tests use
// them (Linux arch/x86/include/asm/segment.h).

.intel_syntax noprefix

.set KERNEL_CODE, 0x10
.set KERNEL_DATA, 0x18
.set USER_DATA, 0x2B
.set USER_CODE, 0x33
.set TSS, 0x40
.set GUARD, 0x430000

.section .note.pvh, "a", @note
.balign 4
  .long 4                          // name size
  .long 8                          // descriptor size
  .long 18                         // XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .quad start

.section .kernel, "ax", @progbits
.code32
.globl start
start:
  cli
  cld
  mov esp, offset kernel_stack_top

  // Pages of 4 KiB map 4 MiB + 2 MiB to themselves: the kernel for itself, the tests from 4 MiB on for both.
  mov edi, offset page_tables
  mov eax, 3                       // present, writable
  mov ecx, 3 * 512
1:
  cmp eax, 0x400003
  jne 2f
  or eax, 4                        // user
2:
  mov [edi], eax
  add eax, 0x1000
  add edi, 8
  dec ecx
  jnz 1b
  mov dword ptr [page_tables + GUARD / 0x1000 * 8], 0
  mov dword ptr [page_directory], offset page_tables + 7
  mov dword ptr [page_directory + 8], offset page_tables + 0x1007
  mov dword ptr [page_directory + 16], offset page_tables + 0x2007
  mov dword ptr [pdpt], offset page_directory + 7
  mov dword ptr [pml4], offset pdpt + 7

  // No device may interrupt: all inputs of both 8259A are masked.
  mov al, 0xFF
  out 0x21, al
  out 0xA1, al

  mov eax, 1
  cpuid
  mov ebx, ecx
  mov eax, cr4
  or eax, 0x10620                  // FSGSBASE, OSXMMEXCPT, OSFXSR, PAE
  bt ebx, 26                       // XSAVE
  jnc 3f
  or eax, 0x40000                  // OSXSAVE
3:
  mov cr4, eax
  mov eax, offset pml4
  mov cr3, eax
  mov ecx, 0xC0000080              // IA32_EFER
  rdmsr
  or eax, 0x101                    // LME, SCE
  wrmsr
  mov eax, 0x80010033              // PG, WP, NE, ET, MP, PE
  mov cr0, eax
  lgdt [gdtr]
  .byte 0xEA                       // JMP ptr16:32
  .long start64
  .word KERNEL_CODE

.code64
start64:
  mov eax, KERNEL_DATA
  mov ss, eax
  xor eax, eax
  mov ds, eax
  mov es, eax
  mov fs, eax
  mov gs, eax

  bt ebx, 26
  jnc 1f
  xor ecx, ecx
  xor edx, edx
  mov eax, 3                       // x87, SSE
  xsetbv
1:
  // An entry of the IDT for each exception, each with a stub of 16 bytes.
  mov edi, offset idt
  mov eax, offset stubs
  mov ecx, 32
2:
  mov [rdi], ax
  mov word ptr [rdi + 2], KERNEL_CODE
  mov word ptr [rdi + 4], 0x8E00   // interrupt gate
  mov edx, eax
  shr edx, 16
  mov [rdi + 6], dx
  mov qword ptr [rdi + 8], 0
  add eax, 16
  add edi, 16
  dec ecx
  jnz 2b
  mov byte ptr [idt + 3 * 16 + 5], 0xEE    // INT3 and INT 4 are for everyone
  mov byte ptr [idt + 4 * 16 + 5], 0xEE
  lidt [idtr]
  mov qword ptr [tss + 4], offset kernel_stack_top
  mov word ptr [tss + 102], 104    // no I/O permission map
  mov eax, TSS
  ltr ax

  mov ecx, 0xC0000081              // STAR
  xor eax, eax
  mov edx, KERNEL_CODE | 0x23 << 16
  wrmsr
  inc ecx                          // LSTAR
  mov eax, offset system_call
  xor edx, edx
  wrmsr
  add ecx, 2                       // FMASK
  mov eax, 0x47700
  wrmsr

  push USER_DATA
  push 0
  push 0x202
  push USER_CODE
  push offset run_tests
  iretq

system_call:
  cmp eax, 1
  jne 2f
  mov [kernel_rdx], rdx
  mov [kernel_rsi], rsi
  mov rax, rcx                     // where SYSRET returns to
  mov rcx, rdx
  mov edx, 0xE9
  rep outsb
  mov rcx, rax
  mov rdx, [kernel_rdx]
  mov rsi, [kernel_rsi]
  mov rax, rdx
  sysretq
2:
  mov eax, edi
  out 0xF4, al
3:
  hlt
  jmp 3b

.balign 16
stubs:
.set vector, 0
.rept 32
  .balign 16
  .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
  .else
  .byte 0x6A, 0                    // PUSH 0
  .endif
  .byte 0x6A, vector               // PUSH
  jmp exception
  .set vector, vector + 1
.endr

// Stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. The case's registers stay as they are.
exception:
  test byte ptr [rsp + 24], 3
  jz broken
  push rax
  mov rax, [rsp + 8]
  inc eax
  mov [trap], rax
  mov rax, [rsp + 16]
  mov [trap + 8], rax
  mov rax, [rsp + 24]
  mov [trap + 16], rax
  cmp dword ptr [rsp + 8], 14
  jne 1f
  mov rax, cr2
  mov [trap + 24], rax
1:
  mov qword ptr [rsp + 24], offset done
  and dword ptr [rsp + 40], ~0x100 // TF
  pop rax
  add rsp, 16
  iretq

// An exception in the kernel itself ends the run.
broken:
  mov al, 0x7F
  out 0xF4, al
  hlt
  jmp broken

.balign 8
gdt:
  .quad 0
  .quad 0x00CF9B000000FFFF         // 08h kernel code, 32-bit
  .quad 0x00AF9B000000FFFF         // 10h kernel code, 64-bit
  .quad 0x00CF93000000FFFF         // 18h kernel data
  .quad 0x00CFFB000000FFFF         // 23h user code, 32-bit
  .quad 0x00CFF3000000FFFF         // 2Bh user data
  .quad 0x00AFFB000000FFFF         // 33h user code, 64-bit
  .quad 0
  .quad 0x0000891100000067         // 40h TSS at 110000h, where the link script puts it
  .quad 0
gdt_end:
gdtr:
  .word gdt_end - gdt - 1
  .quad gdt
idtr:
  .word 32 * 16 - 1
  .quad idt

.section .kernelbss, "aw", @nobits
.globl tss
tss:
  .space 4096
kernel_rdx:
  .space 8
kernel_rsi:
  .space 4088
idt:
  .space 4096
pml4:
  .space 4096
pdpt:
  .space 4096
page_directory:
  .space 4096
page_tables:
  .space 3 * 4096
  .space 4096
kernel_stack_top:
