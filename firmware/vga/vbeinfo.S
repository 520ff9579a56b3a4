// VBE's information: 4F00h and 4F01h. Source: VESA BIOS Extension Core Functions 3.0.

#include "vga.h"

.section .code, "ax"
.code16

// 4F00h: the controller information, 512 bytes with "VBE2", else 256.
.globl vbe_controller
vbe_controller:
  mov es, rES
  mov di, rDI
  push dword ptr es:[di]
  mov cx, 128
  xor ax, ax
  push di
  rep stosw
  pop di
  mov dword ptr es:[di], 0x41534556
  mov word ptr es:[di + 4], 0x0300
  mov word ptr es:[di + 6], offset vbe_name
  mov es:[di + 8], cs
  // The DAC can have 8 bits.
  mov byte ptr es:[di + 10], 1
  lea ax, [di + 0x22]
  mov es:[di + 14], ax
  mov es:[di + 16], es
  mov ax, cs:[vbe_memory]
  mov es:[di + 18], ax
  pop eax
  cmp eax, 0x32454256
  jne 1f
  mov word ptr es:[di + 20], 0x0001
  mov word ptr es:[di + 22], offset vbe_vendor
  mov es:[di + 24], cs
  mov word ptr es:[di + 26], offset vbe_name
  mov es:[di + 28], cs
  mov word ptr es:[di + 30], offset vbe_revision
  mov es:[di + 32], cs
1:
  // The list of modes fits into the reserved part.
  add di, 0x22
  mov si, offset vbe_modes
2:
  mov ax, cs:[si]
  cmp ax, 0xFFFF
  je 4f
  call vbe_fits
  jc 3f
  stosw
3:
  add si, 8
  jmp 2b
4:
  stosw
  ret
vbe_name: .asciz "Apus VBE 3.0"
vbe_vendor: .asciz "Apus"
vbe_revision: .asciz "1"

// 4F01h: information about mode CX.
.globl vbe_mode_info
vbe_mode_info:
  mov bx, rCX
  call vbe_find
  jc vbe_failed
  mov es, rES
  mov di, rDI
  push di
  mov cx, 128
  xor ax, ax
  rep stosw
  pop di
  // Supported, colour, graphics; text by INT 10h but with planes; linear frame buffer where there is one.
  mov ax, 0x001B
  cmp byte ptr cs:[si + 6], 4
  je 1f
  or al, 0x04
  cmp dword ptr cs:[frame_buffer], 0
  je 1f
  or al, 0x80
1:
  mov es:[di], ax
  mov byte ptr es:[di + 2], 7
  mov word ptr es:[di + 4], 64
  mov word ptr es:[di + 6], 64
  mov word ptr es:[di + 8], 0xA000
  mov word ptr es:[di + 12], offset vbe_window_far
  mov es:[di + 14], cs
  call vbe_line_bytes
  mov es:[di + 16], ax
  mov es:[di + 50], ax
  mov ax, cs:[si + 2]
  mov es:[di + 18], ax
  mov ax, cs:[si + 4]
  mov es:[di + 20], ax
  mov word ptr es:[di + 22], 0x1008
  mov byte ptr es:[di + 24], 1
  mov al, cs:[si + 6]
  mov es:[di + 25], al
  mov byte ptr es:[di + 26], 1
  // Memory model: 3 planes, 4 packed pixels, 6 direct colour.
  mov ah, 4
  cmp al, 8
  je 2f
  mov ah, 6
  ja 2f
  mov ah, 3
  mov byte ptr es:[di + 24], 4
2:
  mov es:[di + 27], ah
  // Pages beyond the first.
  call vbe_line_bytes
  movzx ecx, word ptr cs:[si + 4]
  mul ecx
  cmp byte ptr cs:[si + 6], 4
  jne 3f
  shl eax, 2
3:
  mov ecx, eax
  movzx eax, word ptr cs:[vbe_memory]
  shl eax, 16
  xor edx, edx
  div ecx
  dec ax
  cmp ax, 255
  jbe 4f
  mov ax, 255
4:
  mov es:[di + 29], al
  mov es:[di + 52], al
  mov es:[di + 53], al
  mov byte ptr es:[di + 30], 1
  // Colour fields: size and position of red, green, blue, rest.
  mov bx, offset fields_15
  mov al, cs:[si + 6]
  cmp al, 15
  jb 6f
  je 5f
  mov bx, offset fields_16
  cmp al, 16
  je 5f
  mov bx, offset fields_24
  cmp al, 24
  je 5f
  mov bx, offset fields_32
5:
  mov eax, cs:[bx]
  mov es:[di + 31], eax
  mov es:[di + 54], eax
  mov eax, cs:[bx + 4]
  mov es:[di + 35], eax
  mov es:[di + 58], eax
  // The rest is free for programs.
  mov byte ptr es:[di + 39], 2
6:
  mov eax, cs:[frame_buffer]
  cmp byte ptr cs:[si + 6], 4
  jne 7f
  xor eax, eax
7:
  mov es:[di + 40], eax
  mov dword ptr es:[di + 62], 0x0FFFFFFF
  ret
fields_15: .byte 5, 10, 5, 5, 5, 0, 1, 15
fields_16: .byte 5, 11, 6, 5, 5, 0, 0, 0
fields_24: .byte 8, 16, 8, 8, 8, 0, 0, 0
fields_32: .byte 8, 16, 8, 8, 8, 0, 8, 24
