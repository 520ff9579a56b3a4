// Keyboard and mouse by the BIOS: keys are echoed on the screen and told with their codes, packets of the
// mouse are told as text. What is told goes to the screen, to port E9h and to COM1. Escape ends it. Sources:
// PS/2 and PC BIOS Interface Technical Reference, "INT 16h" and "INT 15h, Pointing Device BIOS Interface";
// Ralf Brown's Interrupt List, INT 15/AX=C207h for the handler's stack.

#include "guest.h"

.text
.code16
.globl start
start:
  load_image input

.macro say text
  call print
  .asciz "\text"
.endm
print:
  pop si
1:
  lodsb
  test al, al
  jz 2f
  call put
  jmp 1b
2:
  jmp si
put:
  push ax
  push bx
  push dx
  out 0xE9, al
  push ax
  mov ah, 0x0E
  mov bx, 7
  int 0x10
  pop ax
  mov ah, 1
  xor dx, dx
  int 0x14
  pop dx
  pop bx
  pop ax
  ret
// AX in hexadecimal, AL in hexadecimal.
word_out:
  push ax
  mov al, ah
  call byte_out
  pop ax
byte_out:
  push ax
  shr al, 4
  call digit_out
  pop ax
  and al, 15
digit_out:
  cmp al, 10
  sbb al, 0x69
  .byte 0x2F
  jmp put
// AX with its sign, in decimal.
signed_out:
  push bx
  push cx
  push dx
  mov cx, ax
  mov al, '+'
  test cx, cx
  jns 1f
  neg cx
  mov al, '-'
1:
  call put
  mov ax, cx
  mov bx, 10
  xor cx, cx
2:
  xor dx, dx
  div bx
  push dx
  inc cx
  test ax, ax
  jnz 2b
3:
  pop ax
  add al, '0'
  call put
  loop 3b
  pop dx
  pop cx
  pop bx
  ret

input:
  mov ax, 0x00E3
  xor dx, dx
  int 0x14
  say "input\r\n"
  call mouse_start
ready:
  say "ready\r\n"
next:
  // A packet that the handler has left, then a key: 01h looks, 00h takes, 02h tells the shift keys. Tab
  // exchanges them for 11h, 10h and 12h and back.
  call mouse_report
  mov ah, 0x01
  or ah, [enhanced]
  int 0x16
  jz idle
  push ax
  say "key "
  mov ah, [enhanced]
  int 0x16
  pop bx
  cmp ax, bx
  je 1f
  say "taken is not what was seen, "
1:
  push ax
  call word_out
  say " shift "
  mov ah, 0x02
  or ah, [enhanced]
  int 0x16
  cmp byte ptr [enhanced], 0
  je 2f
  push ax
  mov al, ah
  call byte_out
  pop ax
2:
  call byte_out
  say " echo "
  pop ax
  push ax
  cmp al, ' '
  jb 3f
  cmp al, 0xE0
  je 3f
  call put
3:
  say "\r\n"
  pop ax
  cmp al, 9
  jne 4f
  xor byte ptr [enhanced], 0x10
4:
  cmp al, 27
  jne next
  say "end\r\n"
  mov al, 0
  out 0xF4, al
5:
  hlt
  jmp 5b
enhanced: .byte 0
idle:
  // Interrupts stay off from the last look to the halt, so that none is missed.
  cli
  mov al, [packet_tail]
  cmp al, [packet_head]
  jne 1f
  mov ax, [0x41A]
  cmp ax, [0x41C]
  jne 1f
  sti
  hlt
1:
  sti
  jmp next

// Resets the mouse, asks for packets with a wheel by the rates 200, 100, 80 and for its type; one without a
// wheel is reset for packets of three bytes.
mouse_start:
  mov ax, 0xC205
  mov bh, 4
  int 0x15
  jc none
  mov si, offset wheel_rates
1:
  mov bh, [si]
  inc si
  mov ax, 0xC202
  push si
  int 0x15
  pop si
  jc none
  cmp byte ptr [si], 0xFF
  jne 1b
  mov ax, 0xC204
  int 0x15
  jc none
  say "mouse type "
  mov al, bh
  push ax
  call byte_out
  say "\r\n"
  pop ax
  cmp al, 3
  je 2f
  mov ax, 0xC205
  mov bh, 3
  int 0x15
  jc none
2:
  mov ax, 0xC207
  mov bx, offset mouse_handler
  int 0x15
  jc none
  mov ax, 0xC200
  mov bh, 1
  int 0x15
  jc none
  ret
none:
  push ax
  say "no mouse: "
  pop ax
  call word_out
  say "\r\n"
  ret
wheel_rates: .byte 6, 5, 4, 0xFF

// Called with status, X, Y and Z on the stack: keeps them for the main loop in a ring of 16.
mouse_handler:
  push bp
  mov bp, sp
  push ax
  push bx
  push ds
  xor bx, bx
  mov ds, bx
  mov bl, [packet_head]
  shl bx, 2
  mov al, [bp + 12]
  mov [packets + bx], al
  mov al, [bp + 10]
  mov [packets + bx + 1], al
  mov al, [bp + 8]
  mov [packets + bx + 2], al
  mov al, [bp + 6]
  mov [packets + bx + 3], al
  mov bl, [packet_head]
  inc bl
  and bl, 15
  cmp bl, [packet_tail]
  je 1f
  mov [packet_head], bl
1:
  pop ds
  pop bx
  pop ax
  pop bp
  .byte 0xCB
packet_head: .byte 0
packet_tail: .byte 0
.balign 4
packets: .skip 64

mouse_report:
  movzx bx, byte ptr [packet_tail]
  cmp bl, [packet_head]
  je 4f
  mov si, bx
  shl si, 2
  inc bl
  and bl, 15
  mov bp, [packets + si]
  mov di, [packets + si + 2]
  mov [packet_tail], bl
  say "mouse "
  // Bits 4 and 5 of the status are the signs of X and Y.
  mov dx, bp
  movzx ax, dh
  test dl, 0x10
  jz 1f
  mov ah, 0xFF
1:
  call signed_out
  say " "
  mov ax, di
  mov ah, 0
  test dl, 0x20
  jz 2f
  mov ah, 0xFF
2:
  call signed_out
  say " wheel "
  mov ax, di
  mov al, ah
  cbw
  call signed_out
  say " buttons "
  mov ax, bp
  and al, 7
  add al, '0'
  call put
  say "\r\n"
  jmp mouse_report
4:
  ret
