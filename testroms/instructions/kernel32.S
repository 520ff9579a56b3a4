// Starts the tests at privilege level 3 in 32-bit protected mode on a bare machine, and does for them what
// Linux does; see kernel64.S.

.intel_syntax noprefix

.set KERNEL_CODE, 0x08
.set KERNEL_DATA, 0x18
.set USER_CODE, 0x23
.set USER_DATA, 0x2B
.set TSS, 0x40
.set GUARD, 0x430000

.section .note.pvh, "a", @note
.balign 4
  .long 4                          // name size
  .long 4                          // descriptor size
  .long 18                         // XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long start

.section .kernel, "ax", @progbits
.code32
.globl start
start:
  cli
  cld
  mov esp, offset kernel_stack_top

  // Two page tables map 4 MiB + 4 MiB to themselves: the kernel for itself, the tests from 4 MiB on for both.
  mov edi, offset page_tables
  mov eax, 3                       // present, writable
  mov ecx, 2 * 1024
1:
  cmp eax, 0x400003
  jne 2f
  or eax, 4                        // user
2:
  mov [edi], eax
  add eax, 0x1000
  add edi, 4
  dec ecx
  jnz 1b
  mov dword ptr [page_tables + GUARD / 0x1000 * 4], 0
  mov dword ptr [page_directory], offset page_tables + 7
  mov dword ptr [page_directory + 4], offset page_tables + 0x1007

  // No device may interrupt: all inputs of both 8259A are masked.
  mov al, 0xFF
  out 0x21, al
  out 0xA1, al

  mov eax, 1
  cpuid
  mov eax, cr4
  or eax, 0x600                    // OSXMMEXCPT, OSFXSR
  bt ecx, 26                       // XSAVE
  jnc 3f
  or eax, 0x40000                  // OSXSAVE
3:
  mov cr4, eax
  mov eax, offset page_directory
  mov cr3, eax
  mov eax, 0x80010033              // PG, WP, NE, ET, MP, PE
  mov cr0, eax
  lgdt [gdtr]
  .byte 0xEA                       // JMP ptr16:32
  .long 1f
  .word KERNEL_CODE
1:
  mov eax, KERNEL_DATA
  mov ss, eax
  mov ds, eax
  mov es, eax

  mov edi, offset idt
  mov eax, offset stubs
  mov ecx, 32
2:
  mov [edi], ax
  mov word ptr [edi + 2], KERNEL_CODE
  mov word ptr [edi + 4], 0x8E00   // interrupt gate
  mov edx, eax
  shr edx, 16
  mov [edi + 6], dx
  add eax, 16
  add edi, 8
  dec ecx
  jnz 2b
  mov byte ptr [idt + 3 * 8 + 5], 0xEE         // INT3 and INTO are for everyone
  mov byte ptr [idt + 4 * 8 + 5], 0xEE
  mov eax, offset system_call
  mov [idt + 0x80 * 8], ax
  mov word ptr [idt + 0x80 * 8 + 2], KERNEL_CODE
  mov word ptr [idt + 0x80 * 8 + 4], 0xEE00
  shr eax, 16
  mov [idt + 0x80 * 8 + 6], ax
  lidt [idtr]
  mov dword ptr [tss + 4], offset kernel_stack_top
  mov dword ptr [tss + 8], KERNEL_DATA
  mov word ptr [tss + 102], 104    // no I/O permission map
  mov eax, TSS
  ltr ax

  mov eax, USER_DATA
  mov ds, eax
  mov es, eax
  xor eax, eax
  mov fs, eax
  mov gs, eax
  push USER_DATA
  push 0
  push 0x202
  push USER_CODE
  mov eax, offset run_tests
  push eax
  iretd

system_call:
  cmp eax, 4
  jne 2f
  push edx
  push esi
  mov esi, ecx
  mov ecx, edx
  mov edx, 0xE9
  rep outsb
  pop esi
  pop edx
  mov eax, edx
  iretd
2:
  mov eax, ebx
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

// Stack: vector, error code, EIP, CS, EFLAGS, ESP, SS. The case may have changed DS.
exception:
  test byte ptr [esp + 12], 3
  jz broken
  push eax
  mov eax, ds
  push eax
  mov eax, USER_DATA
  mov ds, eax
  mov eax, [esp + 8]
  inc eax
  mov [trap], eax
  mov eax, [esp + 12]
  mov [trap + 4], eax
  mov eax, [esp + 16]
  mov [trap + 8], eax
  cmp dword ptr [esp + 8], 14
  jne 1f
  mov eax, cr2
  mov [trap + 12], eax
1:
  mov dword ptr [esp + 16], offset done
  and dword ptr [esp + 24], ~0x100 // TF
  pop eax
  mov ds, eax
  pop eax
  add esp, 8
  iretd

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
gdt_end:
gdtr:
  .word gdt_end - gdt - 1
  .long gdt
idtr:
  .word 129 * 8 - 1
  .long idt

.section .kernelbss, "aw", @nobits
.globl tss
tss:
  .space 4096
idt:
  .space 4096
page_directory:
  .space 4096
page_tables:
  .space 2 * 4096
  .space 4096
kernel_stack_top:
