// Saving and restoring the adapter's state for INT 10h AH=1Ch and VBE 4F04h: CX bit 0 registers, bit 1 BDA,
// bit 2 palette, at ES:DI (save) or ES:SI (restore). Layout: registers at 0, BDA at 80h, palette at C0h.

#include "vga.h"

.section .code, "ax"
.code16

.globl registers_save
registers_save:
  push cx
  test cl, 1
  jz 4f
  push di
  mov dx, 0x3CC
  in al, dx
  stosb
  mov dl, 0xC4
  mov cx, 5
  call save_indexed
  mov dx, [BDA_CRTC]
  mov cx, 25
  call save_indexed
  mov dx, 0x3CE
  mov cx, 9
  call save_indexed
  mov ah, 0
1:
  mov dx, [BDA_CRTC]
  add dx, 6
  in al, dx
  mov dx, 0x3C0
  mov al, ah
  out dx, al
  inc dx
  in al, dx
  stosb
  inc ah
  cmp ah, 0x15
  jb 1b
  mov dx, [BDA_CRTC]
  add dx, 6
  in al, dx
  mov dx, 0x3C0
  mov al, 0x20
  out dx, al
  pop di
4:
  pop cx
  push cx
  test cl, 2
  jz 5f
  push di
  add di, 0x80
  mov si, BDA_MODE
  mov cx, 30
  rep movsb
  mov si, BDA_ROWS
  mov cx, 7
  rep movsb
  push ds
  xor ax, ax
  mov ds, ax
  mov eax, [0x43 * 4]
  stosd
  mov eax, [0x1F * 4]
  stosd
  pop ds
  pop di
5:
  pop cx
  test cl, 4
  jz 7f
  push di
  add di, 0xC0
  mov dx, 0x3C6
  in al, dx
  stosb
  inc dx
  mov al, 0
  out dx, al
  mov dl, 0xC9
  mov cx, 768
6:
  in al, dx
  stosb
  loop 6b
  pop di
7:
  ret
save_indexed:
  mov ah, 0
1:
  mov al, ah
  out dx, al
  inc dx
  in al, dx
  dec dx
  stosb
  inc ah
  loop 1b
  ret

.globl registers_restore
registers_restore:
  push cx
  test cl, 2
  jz 1f
  push si
  add si, 0x80
  push ds
  mov di, BDA_MODE
  call swap_segments
  mov cx, 30
  rep movsb
  mov di, BDA_ROWS
  mov cx, 7
  rep movsb
  xor ax, ax
  mov es, ax
  lodsd
  mov es:[0x43 * 4], eax
  lodsd
  mov es:[0x1F * 4], eax
  mov ax, ds
  mov es, ax
  pop ds
  pop si
1:
  pop cx
  push cx
  test cl, 1
  jz 3f
  push si
  mov dx, 0x3C2
  lodsb es:[si]
  out dx, al
  mov dx, 0x3D4
  test al, 1
  jnz 2f
  mov dl, 0xB4
2:
  push dx
  mov dx, 0x3C4
  mov cx, 5
  call restore_indexed
  pop dx
  mov [BDA_CRTC], dx
  push dx
  mov al, 0x11
  out dx, al
  inc dx
  in al, dx
  and al, 0x7F
  out dx, al
  dec dx
  mov cx, 25
  call restore_indexed
  mov dx, 0x3CE
  mov cx, 9
  call restore_indexed
  pop dx
  add dx, 6
  in al, dx
  mov dx, 0x3C0
  mov ah, 0
4:
  mov al, ah
  out dx, al
  lodsb es:[si]
  out dx, al
  inc ah
  cmp ah, 0x15
  jb 4b
  mov al, 0x20
  out dx, al
  pop si
3:
  pop cx
  test cl, 4
  jz 6f
  add si, 0xC0
  mov dx, 0x3C6
  lodsb es:[si]
  out dx, al
  mov dl, 0xC8
  mov al, 0
  out dx, al
  inc dx
  mov cx, 768
5:
  lodsb es:[si]
  out dx, al
  loop 5b
6:
  ret
restore_indexed:
  mov bl, 0
1:
  lodsb es:[si]
  mov ah, al
  mov al, bl
  out dx, ax
  inc bl
  loop 1b
  ret
swap_segments:
  push ds
  push es
  pop ds
  pop es
  ret
