// Exercises the BIOS services from a boot sector and says on the screen and at port E9h what they did.
// The image is a diskette's first sectors; the first loads the rest with INT 13h.

#include "guest.h"

.text
.code16
.globl start
start:
  xor ax, ax
  mov ds, ax
  mov es, ax
  cli
  mov ss, ax
  mov sp, 0x7C00
  sti
  mov [drive], dl
  // Sectors 2 to 9, on the same track of any diskette and of any disk.
  mov ax, 0x0208
  mov bx, 0x7E00
  mov cx, 2
  mov dh, 0
  int 0x13
  jc failed
  jmp tests
#include "print.inc"
failed:
  say "cannot load\r\n"
  hlt
drive: .byte 0

line:
  say "\r\n"
  ret
.org 510
  .word 0xAA55

// Each test prints a name and what came back.
tests:
  say "\r\nINT 11h "
  int 0x11
  and ax, 0x01FF
  call hex
  say "\r\nINT 12h "
  int 0x12
  call hex
  say "\r\nINT 10h 0F "
  mov ah, 0x0F
  int 0x10
  call hex
  say " 1A "
  mov ax, 0x1A00
  int 0x10
  mov ax, bx
  call hex
  say " 12 "
  mov ah, 0x12
  mov bl, 0x10
  int 0x10
  mov ax, bx
  call hex
  say "\r\nwrite, read "
  mov ah, 3
  mov bh, 0
  int 0x10
  push dx
  mov dx, 0x1845
  mov ah, 2
  int 0x10
  mov ax, 0x0941
  mov bx, 0x1E
  mov cx, 3
  int 0x10
  mov ah, 8
  mov bh, 0
  int 0x10
  pop dx
  push ax
  mov ah, 2
  int 0x10
  pop ax
  call hex
  say "\r\nINT 13h 08 "
  mov dl, [drive]
  mov ah, 8
  push es
  int 0x13
  pop es
  mov ax, cx
  push dx
  call hex
  pop ax
  mov al, 0
  call hex
  say " 15 "
  mov dl, [drive]
  mov ah, 0x15
  int 0x13
  mov al, 0
  call hex
  say " verify "
  mov ax, 0x0401
  mov cx, 1
  mov dh, 0
  mov dl, [drive]
  int 0x13
  mov al, 0
  call hex
  say " bad function "
  mov ah, 0x77
  mov dl, [drive]
  int 0x13
  mov al, 0
  adc al, 0
  call hex
  say " EDD "
  mov ah, 0x41
  mov bx, 0x55AA
  mov dl, 0x80
  int 0x13
  mov ax, bx
  jnc 1f
  xor ax, ax
1:
  call hex
  say "\r\nINT 15h C0 "
  mov ah, 0xC0
  int 0x15
  mov ax, es:[bx + 2]
  push 0
  pop es
  call hex
  say " 88 "
  mov ah, 0x88
  int 0x15
  call hex
  say " E801 "
  mov ax, 0xE801
  int 0x15
  mov ax, bx
  call hex
  say " 2402 "
  mov ax, 0x2402
  int 0x15
  mov ah, 0
  call hex
  say "\r\nE820"
  xor ebx, ebx
2:
  mov eax, 0xE820
  mov edx, 0x534D4150
  mov ecx, 20
  mov di, 0xA000
  int 0x15
  jc 3f
  push ebx
  say "\r\n  "
  mov di, 0xA000
  mov ax, [0xA002]
  call hex
  mov ax, [0xA000]
  call hex
  say " "
  mov ax, [0xA00A]
  call hex
  mov ax, [0xA008]
  call hex
  say " "
  mov ax, [0xA010]
  call hex
  pop ebx
  test ebx, ebx
  jnz 2b
3:
  say "\r\nINT 15h 87 "
  mov dword ptr [0xB000], 0x12345678
  mov si, offset move_up
  mov cx, 2
  mov ah, 0x87
  int 0x15
  mov dword ptr [0xB000], 0
  mov si, offset move_down
  mov cx, 2
  mov ah, 0x87
  int 0x15
  mov ax, [0xB002]
  call hex
  mov ax, [0xB000]
  call hex
  say "\r\nINT 16h 05, 01, 00 "
  mov ax, 0x0500
  mov cx, 0x1E61
  int 0x16
  mov ah, 1
  int 0x16
  jz 4f
  mov ah, 0
  int 0x16
  call hex
4:
  mov ah, 1
  int 0x16
  jnz 5f
  say " empty"
5:
  say "\r\nINT 1Ah 00 "
  mov ah, 0
  int 0x1A
  mov di, dx
6:
  mov ah, 0
  int 0x1A
  cmp dx, di
  je 6b
  say "ticks"
  say " 04 "
  mov ah, 4
  int 0x1A
  mov ax, cx
  and ax, 0xFF00
  call hex
  say " B101 "
  mov ax, 0xB101
  int 0x1A
  mov ax, bx
  call hex
  say " B103 "
  mov ax, 0xB103
  mov ecx, 0x030000
  xor si, si
  int 0x1A
  mov al, 0
  call hex
  say " B102 "
  mov ax, 0xB102
  mov cx, 0x7000
  mov dx, 0x8086
  xor si, si
  int 0x1A
  mov ax, bx
  call hex
  say "\r\nVBE "
  mov ax, 0x4F00
  mov di, 0xC000
  mov dword ptr [0xC000], 0x32454256
  int 0x10
  call hex
  say " "
  mov ax, [0xC004]
  call hex
  say " 4F01 "
  mov ax, 0x4F01
  mov cx, 0x115
  mov di, 0xC000
  int 0x10
  call hex
  say " "
  mov ax, [0xC012]
  call hex
  say " "
  mov ax, [0xC014]
  call hex
  say "\r\n4F0A "
  mov ax, 0x4F0A
  mov bl, 0
  int 0x10
  push 0
  pop es
  call hex
  say " 4F10 "
  mov ax, 0x4F10
  mov bl, 0
  int 0x10
  mov ax, bx
  call hex
  say " 4F15 "
  mov ax, 0x4F15
  mov bl, 1
  xor cx, cx
  xor dx, dx
  mov di, 0xC000
  int 0x10
  call hex
  say " EDID sum, dots, lines "
  mov si, 0xC000
  mov cx, 128
  mov bl, 0
7:
  lodsb
  add bl, al
  loop 7b
  mov al, bl
  mov ah, 0
  call hex
  say " "
  mov al, [0xC000 + 56]
  mov ah, [0xC000 + 58]
  shr ah, 4
  call hex
  say " "
  mov al, [0xC000 + 59]
  mov ah, [0xC000 + 61]
  shr ah, 4
  call hex
  say "\r\nmode 13h pixel "
  mov ax, 0x0013
  int 0x10
  mov ax, 0x0C2A
  mov cx, 100
  mov dx, 50
  mov bh, 0
  int 0x10
  mov ah, 0x0D
  int 0x10
  mov ah, 0
  push ax
  mov ax, 0x0012
  int 0x10
  mov ax, 0x0C05
  mov cx, 300
  mov dx, 400
  mov bh, 0
  int 0x10
  mov ah, 0x0D
  int 0x10
  mov ah, 0
  push ax
  mov al, 'Q'
  mov ah, 0x0E
  mov bx, 0x0F
  int 0x10
  mov ah, 2
  xor dx, dx
  mov bh, 0
  int 0x10
  mov ah, 8
  int 0x10
  mov ah, 0
  push ax
  mov ax, 0x0004
  int 0x10
  mov ax, 0x0C03
  mov cx, 33
  mov dx, 77
  mov bh, 0
  int 0x10
  mov ah, 0x0D
  int 0x10
  mov ah, 0
  push ax
  mov ax, 0x4F02
  mov bx, 0x4115
  int 0x10
  push ax
  mov ax, 0x4F03
  int 0x10
  push bx
  mov ax, 3
  int 0x10
  pop ax
  call hex
  say " "
  pop ax
  call hex
  say " "
  pop ax
  call hex
  say " "
  pop ax
  call hex
  say " "
  pop ax
  call hex
  say " "
  pop ax
  call hex
  say "\r\nmouse "
  mov ax, 0xC205
  mov bh, 3
  int 0x15
  push bx
  mov al, 0
  adc al, 0
  call hex
  pop ax
  call hex
  say "\r\ndone\r\n"
  // QEMU's isa-debug-exit, where it is there.
  mov al, 0
  out 0xF4, al
1:
  hlt
  jmp 1b

.balign 8
move_up:
  .quad 0, 0
  .word 0xFFFF, 0xB000
  .byte 0, 0x93, 0, 0
  .word 0xFFFF, 0x0000
  .byte 0x20, 0x93, 0, 0
  .quad 0, 0
move_down:
  .quad 0, 0
  .word 0xFFFF, 0x0000
  .byte 0x20, 0x93, 0, 0
  .word 0xFFFF, 0xB000
  .byte 0, 0x93, 0, 0
  .quad 0, 0
.org 4608
