// Takes the tests from where the loader put them to 1000:0000 and starts them there in real mode, with all
// vectors leading to the harness.

.intel_syntax noprefix

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
  mov esp, 0x9000
  mov al, 0xFF                     // no device may interrupt
  out 0x21, al
  out 0xA1, al

  mov esi, offset body_load
  mov edi, 0x10000
  mov ecx, 0x10000 / 4
  rep movsd
  mov esi, offset real             // the last steps must lie below 1 MiB
  mov edi, 0x8000
  mov ecx, 128
  rep movsb
  xor edi, edi
  mov eax, 0x10000000
  mov ax, offset stubs
  mov ecx, 32
1:
  stosd
  add eax, 4
  loop 1b

  xor eax, eax
  mov cr4, eax
  lgdt [gdtr]
  lidt [idtr]
  .byte 0xEA                       // JMP ptr16:32
  .long 0x8000
  .word 0x08

.code16
real:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov eax, 0x10                    // all that is there stays off: ET
  mov cr0, eax
  .byte 0xEA                       // JMP ptr16:16
  .word 0x8000 + 1f - real, 0
1:
  mov ax, 0x1000
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov esp, 0xF000
  .byte 0xEA
  .word run_tests, 0x1000
real_end:

.balign 8
gdt:
  .quad 0
  .quad 0x00009B000000FFFF         // 08h code, 16-bit, limit FFFFh
  .quad 0x000093000000FFFF         // 10h data, 16-bit, limit FFFFh
gdtr:
  .word 23
  .long gdt
idtr:
  .word 0x3FF
  .long 0
