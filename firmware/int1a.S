// INT 1Ah: the tick count, the real-time clock, its alarm, and PCI.
// Source: PS/2 and PC BIOS Interface Technical Reference, "INT 1Ah"; PCI BIOS Specification 2.1.

#include "bios.h"

.section .code, "ax"
.code16

.globl int1A
int1A:
  cmp ah, 0xB1
  je int1A_pci
  enter_service
  mov ax, BDA_SEGMENT
  mov ds, ax
  and rFLAGS, 0xFE
  movzx bx, rAH
  cmp bx, 9
  ja 1f
  shl bx, 1
  CALL word ptr cs:[clock_functions + bx]
  jmp 2f
1:
  or rFLAGS, 1
2:
  leave_service
clock_functions:
  .word ticks_read, ticks_set, time_read, time_set, date_read, date_set, alarm_set, alarm_reset
  .word clock_none, alarm_read
clock_none:
  or rFLAGS, 1
  ret

ticks_read:
  call rest_if_idle
  cli
  mov ax, [BDA_TICKS]
  mov rDX, ax
  mov ax, [BDA_TICKS + 2]
  mov rCX, ax
  mov al, 0
  xchg al, [BDA_MIDNIGHT]
  mov rAL, al
  mov rAH, 0
  ret
ticks_set:
  mov ax, rDX
  mov [BDA_TICKS], ax
  mov ax, rCX
  mov [BDA_TICKS + 2], ax
  mov byte ptr [BDA_MIDNIGHT], 0
  mov rAH, 0
  ret

time_read:
  call rtc_settled
  mov bl, 0
  call cmos_read
  mov rDH, al
  mov bl, 2
  call cmos_read
  mov rCL, al
  mov bl, 4
  call cmos_read
  mov rCH, al
  mov bl, 0x0B
  call cmos_read
  and al, 1
  mov rDL, al
  mov rAH, 0
  mov al, rCH
  mov rAL, al
  ret
time_set:
  call clock_stop
  mov ah, rDH
  mov al, 0
  call cmos_write
  mov ah, rCL
  mov al, 2
  call cmos_write
  mov ah, rCH
  mov al, 4
  call cmos_write
  mov bl, 0x0B
  call cmos_read
  and al, 0x7E
  mov ah, rDL
  and ah, 1
  or ah, al
  or ah, 2
  mov al, 0x0B
  mov rAH, 0
  mov rAL, ah
  jmp cmos_write
date_read:
  call rtc_settled
  mov bl, 7
  call cmos_read
  mov rDL, al
  mov bl, 8
  call cmos_read
  mov rDH, al
  mov bl, 9
  call cmos_read
  mov rCL, al
  mov bl, 0x32
  call cmos_read
  mov rCH, al
  mov rAL, al
  mov rAH, 0
  ret
date_set:
  call clock_stop
  mov ah, rDL
  mov al, 7
  call cmos_write
  mov ah, rDH
  mov al, 8
  call cmos_write
  mov ah, rCL
  mov al, 9
  call cmos_write
  mov ah, rCH
  mov al, 0x32
  call cmos_write
  mov bl, 0x0B
  call cmos_read
  and al, 0x7F
  mov ah, al
  mov al, 0x0B
  mov rAH, 0
  jmp cmos_write

clock_stop:
  mov bl, 0x0B
  call cmos_read
  or al, 0x80
  mov ah, al
  mov al, 0x0B
  jmp cmos_write

// An alarm that is set already stays: CF.
alarm_set:
  mov bl, 0x0B
  call cmos_read
  test al, 0x20
  jnz clock_none
  push ax
  mov ah, rDH
  mov al, 1
  call cmos_write
  mov ah, rCL
  mov al, 3
  call cmos_write
  mov ah, rCH
  mov al, 5
  call cmos_write
  in al, 0xA1
  and al, 0xFE
  out 0xA1, al
  pop ax
  or al, 0x20
  mov ah, al
  mov al, 0x0B
  mov rAH, 0
  jmp cmos_write
alarm_reset:
  mov bl, 0x0B
  call cmos_read
  and al, 0xDF
  mov ah, al
  mov al, 0x0B
  mov rAH, 0
  jmp cmos_write
alarm_read:
  mov bl, 1
  call cmos_read
  mov rDH, al
  mov bl, 3
  call cmos_read
  mov rCL, al
  mov bl, 5
  call cmos_read
  mov rCH, al
  mov bl, 0x0B
  call cmos_read
  shr al, 5
  and al, 1
  mov rDL, al
  mov rAH, 0
  ret

// PCI BIOS in real mode: a far call to the code that serves all modes.
int1A_pci:
  push bp
  mov bp, sp
  push cs
  call pci_bios16
  // RETF took CS; the flags go to the frame.
  pushf
  push ax
  mov ax, [bp - 2]
  and ax, 1
  and word ptr [bp + 6], 0xFFFE
  or [bp + 6], ax
  pop ax
  popf
  pop bp
  iret
