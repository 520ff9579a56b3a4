// APM by INT 15h and by both protected mode interfaces, PCI services, and other functions whose errors are
// documented. Ends by switching the machine off. Sources: Advanced Power Management BIOS Interface
// Specification 1.2; PCI BIOS Specification 2.1; Ralf Brown's Interrupt List, INT 15/AH=84h.

#include "guest.h"

.text
.code16
.globl start
start:
  load_image power
#include "print.inc"

// Calls INT 15h AX=`function` with BX and CX, and prints whether it failed, AX, BX and CX.
.macro apm function, bx_value = 0, cx_value = 0
  mov ax, \function
  mov bx, \bx_value
  mov cx, \cx_value
  call apm_call
.endm
apm_call:
  pop word ptr [caller]
  push ax
  int 0x15
  push word ptr [caller]
  jmp tell
caller: .word 0
// Behind an INT whose function was pushed: prints that, CF, AX, BX, CX.
tell:
  pop di
  pop si
  push di
  push cx
  push bx
  push ax
  mov al, 'c'
  jc 1f
  mov al, ' '
1:
  push ax
  push si
  say "\r\n"
  pop ax
  call hex
  pop ax
  call put
  mov cx, 3
2:
  say " "
  pop ax
  call hex
  loop 2b
  ret

power:
  say "\r\npower"
  apm 0x5304
  apm 0x5300
  apm 0x5300, 1
  apm 0x5307, 1, 1
  apm 0x5301
  apm 0x5301
  apm 0x5302
  apm 0x530E, 0, 0x0102
  apm 0x530E, 0, 0x0101
  apm 0x530E, 0, 0x0009
  apm 0x530A, 1
  apm 0x530A, 0x8001
  apm 0x530B
  apm 0x530C, 1
  apm 0x5308, 1, 0
  apm 0x5300
  apm 0x5307, 1, 3
  apm 0x5309, 1
  apm 0x530F, 1, 0
  apm 0x5300
  apm 0x5307, 1, 3
  apm 0x530F, 1, 1
  apm 0x530F, 1, 2
  apm 0x5310
  apm 0x5311, 0, 1
  apm 0x5380, 0x7F
  apm 0x5307, 1, 2
  apm 0x5307, 1, 7
  apm 0x5307, 0x0100, 1
  apm 0x5305
  apm 0x5304
  call protected16
  call protected32
  say "\r\njoystick"
  mov ax, 0x8400
  push ax
  xor bx, bx
  xor cx, cx
  mov dx, 1
  int 0x15
  call tell
  say "\r\nPCI"
  // A special cycle, then PIRQ routes: refused for the timer's interrupt, taken for 11 of 00:02.0, and back.
  mov ax, 0xB106
  push ax
  xor bx, bx
  xor cx, cx
  mov edx, 0
  int 0x1A
  call tell
  mov ax, 0xB10F
  push ax
  mov bx, 0x0010
  mov cx, 0x000A
  int 0x1A
  call tell
  mov ax, 0xB10F
  push ax
  mov bx, 0x0010
  mov cx, 0x0B0A
  int 0x1A
  call tell
  mov ax, 0xB108
  push ax
  mov bx, 0x0008
  mov di, 0x61
  xor cx, cx
  int 0x1A
  call tell
  mov ax, 0xB10F
  push ax
  mov bx, 0x0010
  mov cx, 0x0A0A
  int 0x1A
  call tell
  say "\r\noff\r\n"
  apm 0x5301
  apm 0x530E, 0, 0x0102
  apm 0x5307, 1, 3
  say "\r\nstill on\r\n"
1:
  hlt
  jmp 1b

// Descriptors: 08h flat data, 10h 16-bit code of this image; then from 18h those of APM: 32-bit code, 16-bit
// code, data.
.balign 8
gdt:
  .quad 0, 0x00CF92000000FFFF, 0x00009A000000FFFF
  .quad 0x00409A0F0000FFFF, 0x00009A0F0000FFFF, 0x000092000000FFFF
gdtr:
  .word 47
  .long gdt
entry: .long 0
entry_selector: .word 0
results: .skip 12

// The version and the power status by far calls with AX, BX, CX.
.macro protected_calls
  mov ax, 0x530E
  mov bx, 0
  mov cx, 0x0102
  lcall [entry]
  mov [results], ax
  mov ax, 0x530A
  mov bx, 1
  lcall [entry]
  mov [results + 2], bx
  mov [results + 4], cx
  // An error, with CF.
  mov ax, 0x5333
  mov cx, 0
  lcall [entry]
  adc cx, 0
  mov [results + 6], ax
  mov [results + 8], cx
.endm

protected16:
  mov ax, 0x5302
  mov bx, 0
  push ax
  int 0x15
  // Where the entry is changes from one BIOS to the next.
  mov bx, 0
  call tell
  apm 0x5303
  apm 0x5304
  mov ax, 0x5302
  mov bx, 0
  int 0x15
  mov [entry], bx
  mov word ptr [entry + 2], 0x20
  call data_descriptor
  call protected_enter
  .byte 0xEA
  .word 1f, 0x10
1:
  protected_calls
  jmp protected_leave
protected32:
  mov ax, 0x5303
  mov bx, 0
  int 0x15
  mov [entry], ebx
  mov word ptr [entry_selector], 0x18
  mov cx, dx
  call data_descriptor
  mov word ptr [gdt + 0x16], 0x00CF
  mov byte ptr [gdt + 0x15], 0x9A
  call protected_enter
  .byte 0xEA
  .word 1f, 0x10
.code32
1:
  movzx esp, sp
  protected_calls
  mov byte ptr [gdt + 0x16], 0
  // Reloads CS as 16 bits.
  .byte 0xEA
  .long protected_leave
  .word 0x10
.code16
// The base of 28h = paragraph CX.
data_descriptor:
  movzx ecx, cx
  shl ecx, 4
  mov [gdt + 0x2A], cx
  shr ecx, 16
  mov [gdt + 0x2C], cl
  ret
protected_enter:
  cli
  lgdtd [gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  mov ax, 8
  mov ds, ax
  mov ss, ax
  ret
protected_leave:
  mov eax, cr0
  and al, 0xFE
  mov cr0, eax
  .byte 0xEA
  .word 1f, 0
1:
  xor ax, ax
  mov ds, ax
  mov ss, ax
  sti
  say "\r\nprotected"
  mov bp, offset results
  mov cx, 5
2:
  say " "
  mov ax, [bp]
  call hex
  add bp, 2
  loop 2b
  mov ax, 0x5304
  mov bx, 0
  int 0x15
  ret
