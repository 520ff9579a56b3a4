// Diskettes: the 82077AA with DMA channel 2, and their part of INT 13h.
// Sources: Intel 82077AA datasheet; Intel 8237A datasheet; PS/2 and PC BIOS Interface Technical Reference,
// "INT 13h - Diskette".
//
// The motor counts as up to speed at once; a drive that needs longer fails the first try with a time-out or
// a missing address mark, and callers try again.

#include "bios.h"

.section .code, "ax"
.code16

// IRQ 6.
.globl int0E
int0E:
  push ax
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  or byte ptr [BDA_FLOPPY_SEEK], 0x80
  mov al, 0x20
  out 0x20, al
  pop ds
  pop ax
  iret

// POST: the equipment word and a reset.
.globl floppy_init
floppy_init:
  mov bl, 0x10
  call cmos_read
  test al, 0xF0
  jz 2f
  or byte ptr [0x400 + BDA_EQUIPMENT], 1
  test al, 0x0F
  jz 1f
  or byte ptr [0x400 + BDA_EQUIPMENT], 0x40
1:
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  call floppy_controller_reset
  pop ds
2:
  ret

// AL = the type of drive DL by CMOS 10h, 0 for none.
.globl floppy_type
floppy_type:
  push bx
  mov al, 0
  cmp dl, 1
  ja 1f
  mov bl, 0x10
  call cmos_read
  jz 2f
2:
  cmp dl, 1
  je 3f
  shr al, 4
3:
  and al, 0x0F
  cmp al, 5
  jbe 1f
  mov al, 5
1:
  pop bx
  ret

// The diskette functions: DL = drive. DS becomes the BDA.
.globl floppy_service
floppy_service:
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov ah, rAH
  cmp ah, 0x01
  je floppy_status
  cmp ah, 0x08
  je 1f
  cmp ah, 0x00
  je 1f
  call floppy_type
  test al, al
  mov ah, rAH
  jnz 1f
  cmp ah, 0x15
  je 1f
  mov ah, STATUS_TIMEOUT
  jmp 2f
1:
  mov di, offset floppy_functions
  call service_find
2:
  cmp ah, 0xFF
  je 3f
  mov [BDA_FLOPPY_STATUS], ah
3:
  pop ds
  ret
floppy_status:
  mov ah, [BDA_FLOPPY_STATUS]
  jmp 3b

floppy_functions:
  .byte 0x00
  .word floppy_reset
  .byte 0x02
  .word floppy_read
  .byte 0x03
  .word floppy_write
  .byte 0x04
  .word floppy_verify
  .byte 0x05
  .word floppy_format
  .byte 0x08
  .word floppy_parameters
  .byte 0x15
  .word floppy_drive_kind
  .byte 0x16
  .word floppy_change
  .byte 0x17
  .word floppy_set_kind
  .byte 0x18
  .word floppy_set_media
  .byte 0xFF

floppy_reset:
  call floppy_controller_reset
  mov ah, 0
  ret

// Reset through the digital output register; four sense interrupts follow (82077AA, "Reset").
floppy_controller_reset:
  cli
  and byte ptr [BDA_FLOPPY_SEEK], 0x70
  mov dx, 0x3F2
  mov al, [BDA_FLOPPY_MOTOR]
  shl al, 4
  and al, 0x30
  out dx, al
  mov cx, 1
  call delay
  or al, 0x0C
  out dx, al
  sti
  call floppy_wait
  mov cx, 4
1:
  push cx
  mov al, 0x08
  call floppy_put
  call floppy_results
  pop cx
  loop 1b
  // SPECIFY with the first two bytes of the diskette parameters.
  push es
  call floppy_table
  mov al, 0x03
  call floppy_put
  mov al, es:[si]
  call floppy_put
  mov al, es:[si + 1]
  call floppy_put
  pop es
  ret

// ES:SI = the parameters of INT 1Eh.
.globl floppy_table
floppy_table:
  xor si, si
  mov es, si
  les si, es:[0x1E * 4]
  ret

// Waits for IRQ 6: CF after two seconds. The processor halts meanwhile, unless the timer, which has to wake it
// when no drive answers, is masked.
.globl floppy_wait
floppy_wait:
  push cx
  push ax
  mov cx, 65000
  mov ah, [BDA_TICKS]
1:
  cli
  test byte ptr [BDA_FLOPPY_SEEK], 0x80
  jnz 2f
  in al, 0x21
  test al, 1
  jnz 4f
  sti
  hlt
  mov al, [BDA_TICKS]
  sub al, ah
  cmp al, 38
  jb 1b
  stc
  jmp 3f
4:
  sti
  push cx
  mov cx, 2
  call delay
  pop cx
  loop 1b
  stc
  jmp 3f
2:
  sti
  and byte ptr [BDA_FLOPPY_SEEK], 0x7F
  clc
3:
  pop ax
  pop cx
  ret

// AL to the controller; CF when it does not take it.
.globl floppy_put
floppy_put:
  push dx
  push cx
  push ax
  mov dx, 0x3F4
  mov cx, 2000
1:
  in al, dx
  and al, 0xC0
  cmp al, 0x80
  je 2f
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 1b
  pop ax
  stc
  jmp 3f
2:
  pop ax
  inc dx
  out dx, al
  clc
3:
  pop cx
  pop dx
  ret

// The result bytes, at most seven, to 40:42.
.globl floppy_results
floppy_results:
  push dx
  push cx
  push di
  push ax
  mov di, BDA_FLOPPY_RESULT
  mov dx, 0x3F4
1:
  mov cx, 2000
2:
  in al, dx
  mov ah, al
  and ah, 0xC0
  cmp ah, 0xC0
  je 3f
  // Ready for a command: no more.
  cmp ah, 0x80
  je 4f
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 2b
  jmp 4f
3:
  inc dx
  in al, dx
  dec dx
  mov [di], al
  inc di
  cmp di, BDA_FLOPPY_RESULT + 7
  jb 1b
4:
  pop ax
  pop di
  pop cx
  pop dx
  ret

// Turns the motor of drive DL on and selects it.
.globl floppy_motor
floppy_motor:
  push dx
  push cx
  push es
  push si
  mov byte ptr [BDA_FLOPPY_TIMEOUT], 0xFF
  mov cl, dl
  mov al, 0x10
  shl al, cl
  mov ah, al
  shr ah, 4
  or [BDA_FLOPPY_MOTOR], ah
  mov ah, [BDA_FLOPPY_MOTOR]
  and ah, 3
  shl ah, 4
  or al, ah
  or al, dl
  or al, 0x0C
  mov dx, 0x3F2
  out dx, al
  pop si
  pop es
  pop cx
  pop dx
  ret
// The time from here until it stops.
.globl floppy_motor_later
floppy_motor_later:
  push es
  push si
  call floppy_table
  push ax
  mov al, es:[si + 2]
  mov [BDA_FLOPPY_TIMEOUT], al
  pop ax
  pop si
  pop es
  ret

// RECALIBRATE drive DL: CF and AH on failure. Tried twice, as one command steps 77 tracks.
floppy_recalibrate:
  push bx
  mov bl, 2
1:
  mov al, 0x07
  call floppy_put
  mov al, dl
  call floppy_put
  call floppy_sense
  jnc 2f
  dec bl
  jnz 1b
  stc
2:
  movzx bx, dl
  mov byte ptr [BDA_FLOPPY_TRACK + bx], 0
  pop bx
  ret
// Waits and senses the interrupt after a seek.
floppy_sense:
  call floppy_wait
  mov ah, STATUS_TIMEOUT
  jc 1f
  mov al, 0x08
  call floppy_put
  call floppy_results
  test byte ptr [BDA_FLOPPY_RESULT], 0xC0
  jz 1f
  mov ah, STATUS_SEEK
  stc
1:
  ret

// Seeks drive DL to cylinder CH.
.globl floppy_seek
floppy_seek:
  movzx bx, dl
  push cx
  mov cl, dl
  mov al, 1
  shl al, cl
  pop cx
  test [BDA_FLOPPY_SEEK], al
  jnz 1f
  or [BDA_FLOPPY_SEEK], al
  call floppy_recalibrate
  jc 9f
1:
  // 40:90 bit 5: double stepping.
  mov al, ch
  test byte ptr [BDA_FLOPPY_MEDIA + bx], 0x20
  jz 2f
  shl al, 1
2:
  cmp al, [BDA_FLOPPY_TRACK + bx]
  je 8f
  mov [BDA_FLOPPY_TRACK + bx], al
  push ax
  mov al, 0x0F
  call floppy_put
  mov al, rDH
  and al, 1
  shl al, 2
  or al, dl
  call floppy_put
  pop ax
  call floppy_put
  call floppy_sense
  ret
8:
  clc
9:
  ret

// Media by drive type, in the order of trial: 40:90 byte (rate in bits 7:6, double stepping 5, established 4,
// kind 2:0), sectors of a track. 0 ends.
media_360: .byte 0x93, 9, 0
media_1200: .byte 0x15, 15, 0x74, 9, 0
media_720: .byte 0x97, 9, 0
media_1440: .byte 0x17, 18, 0x97, 9, 0
media_2880: .byte 0xD7, 36, 0x17, 18, 0x97, 9, 0
.globl media_lists
media_lists: .word media_1440, media_360, media_1200, media_720, media_1440, media_2880

// Finds which medium is in drive DL unless that is known; CF and AH = 6 after a change, or the error.
.globl floppy_medium
floppy_medium:
  movzx bx, dl
  call floppy_motor
  mov dx, 0x3F7
  in al, dx
  mov dl, bl
  test al, 0x80
  jz 2f
  // Changed: a step clears the line (82077AA, "DSKCHG"). If it stays there is no diskette.
  mov al, [BDA_FLOPPY_MEDIA + bx]
  push ax
  mov byte ptr [BDA_FLOPPY_MEDIA + bx], 0
  mov ch, 1
  call floppy_seek
  mov ch, 0
  call floppy_seek
  call floppy_recalibrate
  mov dx, 0x3F7
  in al, dx
  mov dl, bl
  test al, 0x80
  pop ax
  mov ah, STATUS_TIMEOUT
  jnz 9f
  // Only a change of what was in use is worth telling.
  test al, 0x10
  mov ah, STATUS_MEDIA_CHANGED
  jnz 9f
2:
  test byte ptr [BDA_FLOPPY_MEDIA + bx], 0x10
  jz 3f
  mov al, [BDA_FLOPPY_MEDIA + bx]
  jmp floppy_rate
3:
  call floppy_type
  movzx si, al
  shl si, 1
  mov si, cs:[media_lists + si]
4:
  mov al, cs:[si]
  test al, al
  mov ah, STATUS_NO_MEDIA_TYPE
  jz 9f
  mov [BDA_FLOPPY_MEDIA + bx], al
  call floppy_rate
  mov ch, 0
  call floppy_seek
  jc 5f
  // READ ID succeeds at the right rate.
  mov al, 0x4A
  call floppy_put
  mov al, dl
  call floppy_put
  call floppy_wait
  jc 6f
  call floppy_results
  test byte ptr [BDA_FLOPPY_RESULT], 0xC0
  jz 8f
5:
  add si, 2
  jmp 4b
6:
  push dx
  call floppy_controller_reset
  pop dx
  jmp 5b
8:
  clc
  ret
9:
  mov byte ptr [BDA_FLOPPY_MEDIA + bx], 0
  stc
  ret
// The rate in AL bits 7:6 to the configuration control register.
.globl floppy_rate
floppy_rate:
  push dx
  shr al, 6
  mov dx, 0x3F7
  out dx, al
  pop dx
  clc
  ret
