// The reset vector, what CMOS register 0Fh asks of a reset, and the copy of the ROM into shadow RAM.

#include "bios.h"

.section .code, "ax"
.code16

.globl reset_start
reset_start:
  cli
  cld
  // The shutdown status (IBM AT Technical Reference, "CMOS RAM: Shutdown Status Byte") names what to do after
  // a processor reset that a program used to leave protected mode.
  mov al, 0x8F
  out 0x70, al
  in al, 0x71
  mov ah, al
  mov al, 0x8F
  out 0x70, al
  mov al, 0
  out 0x71, al
  mov bx, BDA_SEGMENT
  mov ds, bx
  cmp ah, 0x05
  je resume_with_EOI
  cmp ah, 0x0A
  je resume
  cmp ah, 0x09
  je resume_block_move
  cmp ah, 0x0C
  je resume_return
  jmp cold_start

resume_with_EOI:
  mov al, 0x20
  out 0xA0, al
  out 0x20, al
  // Discard a byte that the keyboard controller may hold.
  in al, 0x60
resume:
  ljmp [BDA_RESUME]

// As the AT's block move did: the stack holds ES, DS, the general registers, and a frame for IRET.
resume_block_move:
  lss sp, [BDA_RESUME]
  pop es
  pop ds
  popaw
  iret
resume_return:
  lss sp, [BDA_RESUME]
  iret

cold_start:
  // The copy at the top of 4 GiB has address bit 20 set.
  in al, 0x92
  or al, 2
  and al, 0xFE
  out 0x92, al
  lgdtd cs:[gdtr_high]
  mov eax, cr0
  or al, 1
  and eax, 0x9FFFFFFF
  mov cr0, eax
  .byte 0x66, 0xEA
  .long shadow32 + 0xFFFF0000
  .word 0x08

// PAM registers: 59h-5Fh of the 440FX (datasheet 290549, "Programmable Attribute Map Registers"), 90h-96h of
// the Q35's MCH. Runs from the ROM below 4 GiB, as what lies at F0000h changes under way.
.code32
#undef call
#undef ret
shadow32:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x7000
  mov eax, 0x80000000
  mov dx, 0xCF8
  out dx, eax
  mov dx, 0xCFC
  in eax, dx
  mov ebx, 0x80000058
  mov cl, 1
  cmp eax, 0x12378086
  je 1f
  mov ebx, 0x80000090
  mov cl, 0
  cmp eax, 0x29C08086
  jne shadowed
1:
  // BL + CL is the register; the first holds F0000h-FFFFFh in bits 5:4, the others 16 KiB in each half.
  mov ch, 7
  mov ah, 0x30
2:
  movzx edi, cl
  lea eax, [ebx + edi]
  and al, 0xFC
  mov dx, 0xCF8
  out dx, eax
  lea edx, [ebx + edi]
  and edx, 3
  add dx, 0xCFC
  mov al, 0x30
  cmp ch, 7
  je 3f
  mov al, 0x33
3:
  out dx, al
  inc cl
  dec ch
  jnz 2b
  // The board may have put ACPI tables into the RAM at F0000h-F3FFFh. Those that this BIOS made itself before
  // a reset are not kept.
  mov esi, 0xF0000
4:
  cmp dword ptr [esi], 0x20445352
  jne 5f
  cmp dword ptr [esi + 4], 0x20525450
  jne 5f
  xor eax, eax
  mov ecx, 20
6:
  add al, [esi + ecx - 1]
  loop 6b
  test al, al
  jz 7f
5:
  add esi, 16
  cmp esi, 0xF4000
  jb 4b
  mov edi, 0xF0000
  mov ecx, 0x1000
  xor eax, eax
  rep stosd
  xor esi, esi
7:
  mov ebp, esi
  mov esi, 0xFFFE0000
  mov edi, 0xE0000
  mov ecx, 0x4000
  rep movsd
  mov esi, 0xFFFF4000
  mov edi, 0xF4000
  mov ecx, 0x3000
  rep movsd
  mov [0xF0000 + board_rsdp], ebp
shadowed:
  .byte 0xEA
  .long leave_protected
  .word 0x18

.code16
leave_protected:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov eax, cr0
  and al, 0xFE
  mov cr0, eax
  far_jump BIOS_SEGMENT, post

// Descriptors: 08h flat 32-bit code, 10h flat data, 18h this segment as 16-bit code, 20h 16-bit data.
.balign 8
.globl gdt
gdt:
  .quad 0
  .quad 0x00CF9B000000FFFF
  .quad 0x00CF93000000FFFF
  .quad 0x00009B0F0000FFFF
  .quad 0x000093000000FFFF
gdt_end:
gdtr_high:
  .word gdt_end - gdt - 1
  .long gdt + 0xFFFF0000
.globl gdtr
gdtr:
  .word gdt_end - gdt - 1
  .long gdt + 0xF0000

// Physical address of an RSDP that the board has placed, or 0.
.globl board_rsdp
board_rsdp: .long 0
