// The small services: equipment, memory, serial and parallel ports, print screen, no boot device.
// Source: PS/2 and PC BIOS Interface Technical Reference, "Interrupts"; Ralf Brown's Interrupt List.

#include "bios.h"

.section .code, "ax"
.code16

.globl int11
int11:
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov ax, [BDA_EQUIPMENT]
  pop ds
  iret

.globl int12
int12:
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov ax, [BDA_MEMORY]
  pop ds
  iret

// INT 14h: serial ports. AH: 0 initialise, 1 send, 2 receive, 3 status, 4 extended initialise, 5 modem
// control.
.globl int14
int14:
  sti
  enter_service
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov si, rDX
  cmp si, 4
  jae 9f
  mov bx, si
  shl bx, 1
  mov dx, [BDA_COM + bx]
  test dx, dx
  jz 9f
  mov ah, rAH
  cmp ah, 5
  ja 8f
  movzx bx, ah
  shl bx, 1
  CALL word ptr cs:[serial_functions + bx]
  jmp 9f
8:
  mov rAH, 0x80
9:
  leave_service
serial_functions: .word serial_init, serial_send, serial_receive, serial_status, serial_extended, serial_modem

// AL: bits 7:5 rate, 4:3 parity, 2 stop bits, 1:0 length.
serial_init:
  mov al, rAL
  movzx bx, al
  shr bx, 5
  shl bx, 1
  mov bx, cs:[serial_divisors + bx]
  and al, 0x1F
serial_set:
  push ax
  add dx, 3
  mov al, 0x80
  out dx, al
  sub dx, 3
  mov al, bl
  out dx, al
  inc dx
  mov al, bh
  out dx, al
  add dx, 2
  pop ax
  out dx, al
  sub dx, 2
  mov al, 0
  out dx, al
  dec dx
serial_status:
  push dx
  add dx, 5
  in al, dx
  mov rAH, al
  inc dx
  in al, dx
  mov rAL, al
  pop dx
  ret
serial_divisors: .word 1047, 768, 384, 192, 96, 48, 24, 12

serial_extended:
  // AL break, BH parity, BL stop bits, CH length, CL rate.
  movzx bx, rCL
  cmp bl, 11
  ja serial_status
  shl bx, 1
  mov bx, cs:[serial_divisors2 + bx]
  mov al, rBH
  and al, 7
  mov ah, al
  // 0 none, 1 odd, 2 even, 3 stick odd, 4 stick even: the line control register's bits 5:3.
  movzx si, ah
  mov al, 0
  cmp si, 4
  ja 1f
  mov al, cs:[serial_parities + si]
1:
  test rBL, 1
  jz 2f
  or al, 4
2:
  mov ah, rCH
  and ah, 3
  or al, ah
  test rAL, 1
  jz 3f
  or al, 0x40
3:
  jmp serial_set
serial_divisors2: .word 1047, 768, 384, 192, 96, 48, 24, 12, 6, 3, 2, 1
serial_parities: .byte 0x00, 0x08, 0x18, 0x28, 0x38

// AL = 0 reads the modem control register into BL, 1 writes it from BL.
serial_modem:
  add dx, 4
  cmp rAL, 0
  jne 1f
  in al, dx
  mov rBL, al
  jmp 2f
1:
  mov al, rBL
  out dx, al
2:
  sub dx, 4
  jmp serial_status

serial_send:
  push dx
  add dx, 4
  in al, dx
  or al, 3
  out dx, al
  inc dx
  mov bl, 0x20
  call serial_wait
  pop dx
  jc 1f
  push ax
  mov al, rAL
  out dx, al
  pop ax
1:
  mov rAH, ah
  ret

serial_receive:
  push dx
  add dx, 5
  mov bl, 0x01
  call serial_wait
  pop dx
  jc 1f
  and ah, 0x1E
  in al, dx
  mov rAL, al
1:
  mov rAH, ah
  ret

// Waits for a bit of BL in the line status at DX; AH = that status, with bit 7 and CF after the time-out.
serial_wait:
  push ecx
  push si
  movzx ecx, byte ptr [BDA_COM_TIMEOUT + si]
  test cl, cl
  jnz 1f
  inc cx
1:
  shl ecx, 16
2:
  in al, dx
  mov ah, al
  test al, bl
  jnz 3f
  push cx
  mov cx, 1
  call delay
  pop cx
  dec ecx
  jnz 2b
  or ah, 0x80
  pop si
  pop ecx
  stc
  ret
3:
  and ah, 0x7F
  pop si
  pop ecx
  clc
  ret

// INT 17h: printers. AH: 0 print AL, 1 initialise, 2 status.
.globl int17
int17:
  sti
  enter_service
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov si, rDX
  cmp si, 3
  jae 9f
  mov bx, si
  shl bx, 1
  mov dx, [BDA_LPT + bx]
  test dx, dx
  jz 9f
  mov ah, rAH
  cmp ah, 1
  jb printer_send
  je printer_init
  cmp ah, 2
  jne 9f
printer_status:
  inc dx
  in al, dx
  // Busy, paper, select and error, with acknowledge and error inverted.
  and al, 0xF8
  xor al, 0x48
  mov rAH, al
9:
  leave_service
printer_init:
  add dx, 2
  mov al, 0x08
  out dx, al
  mov cx, 4
  call delay
  mov al, 0x0C
  out dx, al
  sub dx, 2
  jmp printer_status
printer_send:
  mov al, rAL
  out dx, al
  inc dx
  mov bl, [BDA_LPT_TIMEOUT + si]
  mov cx, 0
1:
  in al, dx
  test al, 0x80
  jnz 2f
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 1b
  dec bl
  jnz 1b
  and al, 0xF8
  xor al, 0x48
  or al, 1
  mov rAH, al
  jmp 9b
2:
  inc dx
  mov al, 0x0D
  out dx, al
  mov al, 0x0C
  out dx, al
  sub dx, 2
  jmp printer_status

// INT 5: prints the text screen on LPT1. 50:0 is 1 while it works, FFh after an error.
.globl int05
int05:
  sti
  enter_service
  mov ax, 0x50
  mov ds, ax
  cmp byte ptr [0], 1
  je 9f
  mov byte ptr [0], 1
  mov ah, 0x0F
  int 0x10
  mov cl, ah
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov ch, [BDA_ROWS]
  pop ds
  inc ch
  mov ah, 3
  push cx
  int 0x10
  pop cx
  push dx
  call print_line_end
  xor dx, dx
1:
  mov ah, 2
  int 0x10
  mov ah, 8
  int 0x10
  test al, al
  jnz 2f
  mov al, ' '
2:
  call print_byte
  jc 8f
  inc dl
  cmp dl, cl
  jb 1b
  call print_line_end
  jc 8f
  mov dl, 0
  inc dh
  cmp dh, ch
  jb 1b
  mov byte ptr [0], 0
  jmp 3f
8:
  mov byte ptr [0], 0xFF
3:
  pop dx
  mov ah, 2
  int 0x10
9:
  leave_service
print_line_end:
  mov al, 13
  call print_byte
  jc 1f
  mov al, 10
print_byte:
  push dx
  mov ah, 0
  xor dx, dx
  int 0x17
  pop dx
  test ah, 0x29
  jz 1f
  stc
1:
  ret
