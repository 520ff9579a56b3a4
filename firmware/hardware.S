// Hardware interrupts: timer, clock, coprocessor, disks, NMI, and those that nobody expects.
// Source: IBM AT Technical Reference, "System BIOS"; PS/2 and PC BIOS Interface Technical Reference.

#include "bios.h"

.section .code, "ax"
.code16

// IRQ 0: the tick count, midnight, the diskette motors, INT 1Ch.
.globl int08
int08:
  push eax
  push dx
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov eax, [BDA_TICKS]
  inc eax
  // 1800B0h ticks make a day.
  cmp eax, 0x1800B0
  jb 1f
  xor eax, eax
  inc byte ptr [BDA_MIDNIGHT]
1:
  mov [BDA_TICKS], eax
  cmp byte ptr [BDA_FLOPPY_TIMEOUT], 0
  je 2f
  dec byte ptr [BDA_FLOPPY_TIMEOUT]
  jnz 2f
  and byte ptr [BDA_FLOPPY_MOTOR], 0xF0
  mov dx, 0x3F2
  mov al, 0x0C
  out dx, al
2:
  int 0x1C
  cli
  mov al, 0x20
  out 0x20, al
  pop ds
  pop dx
  pop eax
  iret

// Acknowledges an interrupt without a handler and masks it, unless it is the spurious one or the cascade.
.globl spurious_master, spurious_slave
spurious_master:
  push ax
  mov al, 0x0B
  out 0x20, al
  in al, 0x20
  test al, al
  jz 1f
  and al, 0xFB
  mov ah, al
  in al, 0x21
  or al, ah
  out 0x21, al
  mov al, 0x20
  out 0x20, al
1:
  pop ax
  iret
spurious_slave:
  push ax
  mov al, 0x0B
  out 0xA0, al
  in al, 0xA0
  test al, al
  jz 1f
  mov ah, al
  in al, 0xA1
  or al, ah
  out 0xA1, al
  mov al, 0x20
  out 0xA0, al
1:
  mov al, 0x20
  out 0x20, al
  pop ax
  iret

// IRQ 8: the wait of INT 15h AH=83h and 86h on the periodic interrupt, 976 microseconds each, and the alarm.
.globl int70
int70:
  push eax
  push bx
  push es
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov bl, 0x0C
  call cmos_read
  mov ah, al
  mov bl, 0x0B
  call cmos_read
  and al, ah
  mov ah, al
  test ah, 0x20
  jz 1f
  push ax
  sti
  int 0x4A
  cli
  pop ax
1:
  test ah, 0x40
  jz 3f
  test byte ptr [BDA_WAIT_ACTIVE], 1
  jz 2f
  sub dword ptr [BDA_WAIT_COUNT], 976
  jnc 3f
  mov byte ptr [BDA_WAIT_ACTIVE], 0
  les bx, [BDA_WAIT_POINTER]
  or byte ptr es:[bx], 0x80
2:
  mov bl, 0x0B
  call cmos_read
  and al, 0xBF
  mov ah, al
  mov al, 0x0B
  call cmos_write
3:
  mov al, 0x20
  out 0xA0, al
  out 0x20, al
  pop ds
  pop es
  pop bx
  pop eax
  iret

// IRQ 9 is the PC's IRQ 2.
.globl int71
int71:
  push ax
  mov al, 0x20
  out 0xA0, al
  pop ax
  int 0x0A
  iret

// IRQ 13: the coprocessor's error, to the NMI handler as on the PC.
.globl int75
int75:
  push ax
  mov al, 0
  out 0xF0, al
  mov al, 0x20
  out 0xA0, al
  out 0x20, al
  pop ax
  int 0x02
  iret

// IRQ 14 and 15: a disk has finished.
.globl int76
int76:
  push ax
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov byte ptr [BDA_DISK_FLAG], 0xFF
  mov al, 0x20
  out 0xA0, al
  out 0x20, al
  pop ds
  pop ax
  iret

.globl int02
int02:
  iret

.globl int10_none
int10_none:
  iret
.globl int10_forward
int10_forward:
  int 0x10
  iret
