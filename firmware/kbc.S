// The 8042: its bytes, its and the keyboard's initialisation. Source: IBM PS/2 Hardware Interface Technical
// Reference, "Keyboard and Auxiliary Device Controller".

#include "bios.h"

.section .code, "ax"
.code16

// Waits until the controller takes a byte; CF after about a third of a second.
.globl kbc_wait_input
kbc_wait_input:
  push ax
  push cx
  mov cx, 20000
1:
  in al, 0x64
  test al, 2
  jz 2f
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 1b
  stc
2:
  pop cx
  pop ax
  ret
// Command AL to the controller.
.globl kbc_command, kbc_data
kbc_command:
  call kbc_wait_input
  out 0x64, al
  ret
kbc_data:
  call kbc_wait_input
  out 0x60, al
  ret
// AL = the next byte from the controller; CF when none comes within CX periods of 15 microseconds. CX is
// kept.
.globl kbc_read
kbc_read:
  push cx
1:
  in al, 0x64
  test al, 1
  jnz 2f
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 1b
  pop cx
  stc
  ret
2:
  in al, 0x60
  pop cx
  clc
  ret

.globl keyboard_init
keyboard_init:
  in al, 0x21
  push ax
  or al, 2
  out 0x21, al
  // Keyboard with 101 keys.
  mov byte ptr [0x400 + BDA_KEY_MODE], 0x10
  mov al, 0xAD
  call kbc_command
  mov al, 0xA7
  call kbc_command
  mov cx, 16
1:
  in al, 0x64
  test al, 1
  jz 2f
  in al, 0x60
  loop 1b
2:
  mov cx, 20000
  mov al, 0xAA
  call kbc_command
  call kbc_read
  jc 8f
  cmp al, 0x55
  jne 8f
  mov al, 0xAB
  call kbc_command
  call kbc_read
  jc 8f
  // Command byte: translation, system flag, keyboard enabled without interrupt.
  mov al, 0x60
  call kbc_command
  mov al, 0x64
  call kbc_data
  // The keyboard's reset answers FAh, then AAh.
  mov al, 0xFF
  call kbc_data
  call kbc_read
  jc 7f
  cmp al, 0xFA
  jne 7f
  mov cx, 60000
  call kbc_read
  jc 7f
  mov cx, 20000
  mov al, 0xF4
  call kbc_data
  call kbc_read
  // Command byte: as above, with IRQ 1.
7:
  mov al, 0x60
  call kbc_command
  mov al, 0x65
  call kbc_data
  jmp 9f
8:
  say "Keyboard controller error\r\n"
9:
  pop ax
  out 0x21, al
  ret
