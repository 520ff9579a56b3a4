// Prints what INT 16h AH=10h and AH=12h give for every key, until Escape.

#include "guest.h"

.text
.code16
.globl start
start:
  jmp begin
#include "print.inc"
begin:
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

.org 510
  .word 0xAA55
