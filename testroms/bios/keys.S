// Prints what INT 16h AH=10h and AH=12h give for every key, until Escape.

.intel_syntax noprefix
#define ret .byte 0xC3
#define call call16
.macro call16 target
  .byte 0xE8
  .word \target - . - 2
.endm
.macro say text
  call print
  .asciz "\text"
.endm

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
  say "\r\nkeys\r\n"
1:
  mov ah, 0x10
  int 0x16
  push ax
  call hex
  say " "
  mov ah, 0x12
  int 0x16
  call hex
  say "\r\n"
  pop ax
  cmp al, 27
  jne 1b
  mov al, 0
  out 0xF4, al
2:
  hlt
  jmp 2b

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
  out 0xE9, al
  mov ah, 0x0E
  mov bx, 7
  int 0x10
  ret
// Prints AX in hexadecimal.
hex:
  mov cx, 4
1:
  rol ax, 4
  push ax
  and al, 15
  cmp al, 10
  sbb al, 0x69
  .byte 0x2F
  call put
  pop ax
  loop 1b
  ret
.org 510
  .word 0xAA55
