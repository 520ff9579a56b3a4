// From the PVH entry (32-bit, flat, paging off, EBX = hvm_start_info; Xen "x86/HVM direct boot ABI") to
// 64-bit mode under 4-level paging with 4 KiB pages: 64 MiB are mapped to themselves.

.intel_syntax noprefix

.section .note.pvh, "a", @note
.balign 4
  .long 4                          // name size
  .long 8                          // descriptor size
  .long 18                         // XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .quad start

.section .start, "ax"
.code32
.globl start
start:
  cli
  cld
  mov esp, offset stack_top
  mov esi, ebx

  // 32 page tables of 512 entries, then the three tables above them.
  mov edi, offset page_tables
  mov eax, 3                       // present, writable
  mov ecx, 32 * 512
1:
  mov [edi], eax
  mov dword ptr [edi + 4], 0
  add eax, 0x1000
  add edi, 8
  dec ecx
  jnz 1b
  mov edi, offset page_directory
  mov eax, offset page_tables + 3
  mov ecx, 32
2:
  mov [edi], eax
  add eax, 0x1000
  add edi, 8
  dec ecx
  jnz 2b
  mov dword ptr [pdpt], offset page_directory + 3
  mov dword ptr [pml4], offset pdpt + 3

  mov eax, cr4
  or eax, 0x220                    // PAE, OSFXSR
  mov cr4, eax
  mov eax, offset pml4
  mov cr3, eax
  mov ecx, 0xC0000080              // IA32_EFER
  rdmsr
  or eax, 0x100                    // LME
  wrmsr
  mov eax, 0x80010033              // PG, WP, NE, ET, MP, PE
  mov cr0, eax
  lgdt [gdtr]
  .byte 0xEA                       // JMP ptr16:32
  .long start64
  .word 0x08

.code64
start64:
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  xor eax, eax
  mov fs, eax
  mov gs, eax
  mov esp, offset stack_top
  xor ebp, ebp
  mov edi, esi
  call benchmark_main
1:
  cli
  hlt
  jmp 1b

.section .rodata
.balign 8
gdt:
  .quad 0
  .quad 0x00AF9B000000FFFF         // 08h code, 64-bit
  .quad 0x00CF93000000FFFF         // 10h data
gdt_end:
gdtr:
  .word gdt_end - gdt - 1
  .long gdt

.bss
.balign 4096
pml4:
  .space 4096
pdpt:
  .space 4096
page_directory:
  .space 4096
page_tables:
  .space 32 * 4096
  .space 65536
stack_top:
