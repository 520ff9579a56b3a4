// The expansion ROM's header and its initialisation.

#include "vga.h"

.section .header, "ax"
.code16
.globl header
header:
  .byte 0x55, 0xAA
  .byte 64
  jmp initialize
.org 0x18
  .word pcir
  .word 0
.org 0x1E
  .ascii "IBM"
  .byte 0
.org 0x30
  .asciz "Apus VGA BIOS"
.balign 4
pcir:
  .ascii "PCIR"
  .word 0x1234, 0x1111
  .word 0
  .word 0x18
  .byte 0
  .byte 0, 0, 3
  .word 64
  .word 1
  .byte 0, 0x80
  .word 0

.section .code, "ax"
// AX = bus and function of the VGA.
initialize:
  pushad
  push ds
  push es
  movzx ebx, ax
  xor ax, ax
  mov ds, ax
  cmp bx, 0xFFFF
  je 1f
  // Base address register 0 is the frame buffer.
  shl ebx, 8
  lea eax, [ebx + 0x80000010]
  mov dx, 0xCF8
  out dx, eax
  mov dx, 0xCFC
  in eax, dx
  test al, 1
  jnz 1f
  and al, 0xF0
  mov cs:[frame_buffer], eax
1:
  mov word ptr [0x10 * 4], offset int10
  mov [0x10 * 4 + 2], cs
  mov word ptr [0x1F * 4], offset font8x8 + 128 * 8
  mov [0x1F * 4 + 2], cs
  mov word ptr [0x43 * 4], offset font8x8
  mov [0x43 * 4 + 2], cs
  mov word ptr [0x42 * 4], offset int10
  mov [0x42 * 4 + 2], cs
  mov word ptr [0x6D * 4], offset int10
  mov [0x6D * 4 + 2], cs
  mov word ptr [0x400 + BDA_VIDEO_SAVE], offset save_pointers
  mov [0x400 + BDA_VIDEO_SAVE + 2], cs
  mov byte ptr [0x400 + BDA_VIDEO_CONTROL], 0x60
  mov byte ptr [0x400 + BDA_VIDEO_SWITCHES], 0xF9
  mov byte ptr [0x400 + BDA_VIDEO_FLAGS], 0x11
  mov byte ptr [0x400 + BDA_DISPLAY_CODE], 0x08
  mov cs:[save_pointers + 2], cs
  call vbe_init
  mov ax, 3
  int 0x10
  pop es
  pop ds
  popad
  retf
.globl frame_buffer
frame_buffer: .long 0

// The video save pointer table: the parameter tables, and nothing else.
.balign 4
save_pointers:
  .word parameter_tables, VGA_SEGMENT
  .skip 24
