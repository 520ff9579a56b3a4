// The VGA BIOS: the adapter's own, from its expansion ROM, or the one that lies in this image.

#include "bios.h"

.section .video, "a"
video_image:
.incbin "vga.bin"

.section .code, "ax"
.code16

.globl video_init
video_init:
  cmp word ptr cs:[vga_function], 0xFFFF
  je own
  mov word ptr cs:[rom_segment], VGA_SEGMENT
  mov bx, cs:[vga_function]
  call pci_rom_copy
  jnc start
own:
  // Is there a VGA at all? Its miscellaneous output register does not read as FFh.
  mov dx, 0x3CC
  in al, dx
  cmp al, 0xFF
  je none
  mov ax, VGA_SEGMENT
  mov es, ax
  mov ax, 0xE000
  mov ds, ax
  xor si, si
  xor di, di
  mov cx, 0x8000
  rep movsb
  xor ax, ax
  mov ds, ax
  // The checksum goes into the last byte.
  xor si, si
  mov cx, 0x7FFF
  mov al, 0
1:
  sub al, es:[si]
  inc si
  loop 1b
  mov es:[0x7FFF], al
start:
  mov bx, cs:[vga_function]
  call rom_start
none:
  xor ax, ax
  mov ds, ax
  mov es, ax
  ret
