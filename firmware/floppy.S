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
floppy_table:
  xor si, si
  mov es, si
  les si, es:[0x1E * 4]
  ret

// Waits for IRQ 6: CF after two seconds.
floppy_wait:
  push cx
  push ax
  mov cx, 65000
  sti
1:
  test byte ptr [BDA_FLOPPY_SEEK], 0x80
  jnz 2f
  push cx
  mov cx, 2
  call delay
  pop cx
  loop 1b
  stc
  jmp 3f
2:
  and byte ptr [BDA_FLOPPY_SEEK], 0x7F
  clc
3:
  pop ax
  pop cx
  ret

// AL to the controller; CF when it does not take it.
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
media_lists: .word media_1440, media_360, media_1200, media_720, media_1440, media_2880

// Finds which medium is in drive DL unless that is known; CF and AH = 6 after a change, or the error.
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
floppy_rate:
  push dx
  shr al, 6
  mov dx, 0x3F7
  out dx, al
  pop dx
  clc
  ret

// DMA channel 2, mode AL, CX bytes - 1 at ES:BX of the caller: CF and AH = 9 across 64 KiB.
floppy_dma:
  push ax
  push dx
  push cx
  mov ah, al
  cli
  out 0x0C, al
  mov al, ah
  out 0x0B, al
  movzx eax, rES
  shl eax, 4
  movzx edx, rBX
  add eax, edx
  out 0x04, al
  mov al, ah
  out 0x04, al
  mov dx, ax
  shr eax, 16
  out 0x81, al
  mov al, cl
  out 0x05, al
  mov al, ch
  out 0x05, al
  sti
  mov al, 2
  out 0x0A, al
  add dx, cx
  pop cx
  pop dx
  pop ax
  mov ah, STATUS_DMA_BOUNDARY
  ret

floppy_read:
  mov al, 0x46
  mov ah, 0xE6
  jmp floppy_transfer
floppy_write:
  mov al, 0x4A
  mov ah, 0xC5
  jmp floppy_transfer
floppy_verify:
  mov al, 0x42
  mov ah, 0xE6
floppy_transfer:
  push ax
  call floppy_medium
  pop si
  jc 9f
  movzx cx, rAL
  mov ah, STATUS_BAD_COMMAND
  jcxz 8f
  cmp cx, 72
  ja 8f
  shl cx, 9
  dec cx
  mov ax, si
  call floppy_dma
  jc 9f
  mov ch, rCH
  call floppy_seek
  jc 9f
  // The command: drive and head, C, H, R, N, EOT, GPL, DTL.
  mov ax, si
  mov al, ah
  call floppy_put
  jc 7f
  mov al, rDH
  and al, 1
  shl al, 2
  or al, dl
  call floppy_put
  mov al, rCH
  call floppy_put
  mov al, rDH
  call floppy_put
  mov al, rCL
  and al, 0x3F
  call floppy_put
  push es
  call floppy_table
  mov al, es:[si + 3]
  call floppy_put
  call floppy_last_sector
  call floppy_put
  mov al, es:[si + 5]
  call floppy_put
  mov al, es:[si + 6]
  call floppy_put
  pop es
  call floppy_wait
  jc 7f
  call floppy_results
  call floppy_motor_later
  call floppy_result_status
  jc 9f
  ret
7:
  mov byte ptr [BDA_FLOPPY_SEEK], 0
  mov ah, STATUS_TIMEOUT
  jmp 9f
8:
9:
  call floppy_motor_later
  mov rAL, 0
  ret

// AL = EOT: that of the parameters at ES:SI if a program has set its own, else what the medium has.
floppy_last_sector:
  push bx
  mov bx, es
  cmp bx, BIOS_SEGMENT
  mov al, es:[si + 4]
  jne 9f
  push si
  push dx
  call floppy_type
  movzx si, al
  shl si, 1
  mov si, cs:[media_lists + si]
  movzx bx, dl
  mov bl, [BDA_FLOPPY_MEDIA + bx]
1:
  mov al, cs:[si + 1]
  cmp byte ptr cs:[si], 0
  je 2f
  cmp cs:[si], bl
  je 2f
  add si, 2
  jmp 1b
2:
  pop dx
  pop si
9:
  pop bx
  ret

// AH = status from ST0-ST2; CF on failure.
floppy_result_status:
  mov ah, 0
  mov al, [BDA_FLOPPY_RESULT]
  test al, 0xC0
  jz 9f
  mov ah, STATUS_NOT_READY
  test al, 0x08
  jnz 8f
  mov al, [BDA_FLOPPY_RESULT + 1]
  mov ah, STATUS_NOT_FOUND
  test al, 0x84
  jnz 8f
  mov ah, STATUS_BAD_CRC
  test al, 0x20
  jnz 8f
  mov ah, STATUS_DMA_OVERRUN
  test al, 0x10
  jnz 8f
  mov ah, STATUS_WRITE_PROTECTED
  test al, 0x02
  jnz 8f
  mov ah, STATUS_NO_ADDRESS_MARK
  test al, 0x01
  jnz 7f
  mov ah, STATUS_CONTROLLER
  jmp 8f
7:
  // A wrong rate shows so: look for the medium again.
  movzx bx, dl
  and byte ptr [BDA_FLOPPY_MEDIA + bx], 0xEF
8:
  stc
9:
  ret

// FORMAT TRACK: ES:BX holds C, H, R, N for each of the track's sectors.
floppy_format:
  movzx bx, dl
  test byte ptr [BDA_FLOPPY_MEDIA + bx], 0x10
  jnz 1f
  call floppy_medium
  jnc 1f
  // A blank diskette: the drive's own format.
  call floppy_type
  movzx si, al
  shl si, 1
  mov si, cs:[media_lists + si]
  mov al, cs:[si]
  movzx bx, dl
  mov [BDA_FLOPPY_MEDIA + bx], al
1:
  call floppy_motor
  mov al, [BDA_FLOPPY_MEDIA + bx]
  call floppy_rate
  push es
  call floppy_table
  call floppy_last_sector
  pop es
  movzx cx, al
  push cx
  shl cx, 2
  dec cx
  mov al, 0x4A
  call floppy_dma
  pop cx
  jc 9f
  push cx
  mov ch, rCH
  call floppy_seek
  pop cx
  jc 9f
  mov al, 0x4D
  call floppy_put
  mov al, rDH
  and al, 1
  shl al, 2
  or al, dl
  call floppy_put
  push es
  call floppy_table
  mov al, es:[si + 3]
  call floppy_put
  mov al, cl
  call floppy_put
  mov al, es:[si + 7]
  call floppy_put
  mov al, es:[si + 8]
  call floppy_put
  pop es
  call floppy_wait
  mov ah, STATUS_TIMEOUT
  jc 9f
  call floppy_results
  call floppy_result_status
9:
  call floppy_motor_later
  ret

// The parameters of each drive type, as INT 1Eh has them.
drive_parameters:
  .byte 0xAF, 0x02, 0x25, 0x02, 18, 0x1B, 0xFF, 0x6C, 0xF6, 15, 8
  .byte 0xDF, 0x02, 0x25, 0x02, 9, 0x2A, 0xFF, 0x50, 0xF6, 15, 8
  .byte 0xDF, 0x02, 0x25, 0x02, 15, 0x1B, 0xFF, 0x54, 0xF6, 15, 8
  .byte 0xDF, 0x02, 0x25, 0x02, 9, 0x2A, 0xFF, 0x50, 0xF6, 15, 8
  .byte 0xAF, 0x02, 0x25, 0x02, 18, 0x1B, 0xFF, 0x6C, 0xF6, 15, 8
  .byte 0xAF, 0x02, 0x25, 0x02, 36, 0x1B, 0xFF, 0x53, 0xF6, 15, 8
drive_cylinders: .byte 0, 39, 79, 79, 79, 79

floppy_parameters:
  call floppy_type
  movzx bx, al
  mov rBX, bx
  mov rAX, 0
  mov rCX, 0
  mov rDX, 0
  mov al, [BDA_EQUIPMENT]
  test al, 1
  jz 1f
  shr al, 6
  inc al
  mov rDL, al
1:
  test bx, bx
  jz 2f
  mov al, cs:[drive_cylinders + bx]
  mov rCH, al
  imul bx, bx, 11
  mov al, cs:[drive_parameters + bx + 4]
  mov rCL, al
  mov rDH, 1
  lea ax, [bx + drive_parameters]
  mov rDI, ax
  mov rES, cs
2:
  mov ah, 0
  ret

// AH: 0 no drive, 1 without change line, 2 with.
floppy_drive_kind:
  call floppy_type
  mov rAX, 0
  cmp al, 0
  je 1f
  mov rAH, 1
  cmp al, 1
  je 1f
  mov rAH, 2
1:
  mov ah, 0xFF
  ret

floppy_change:
  call floppy_motor
  push dx
  mov dx, 0x3F7
  in al, dx
  pop dx
  call floppy_motor_later
  mov ah, 0
  test al, 0x80
  jz 1f
  mov ah, STATUS_MEDIA_CHANGED
1:
  ret

// AL: 1 360K in 360K, 2 360K in 1.2M, 3 1.2M, 4 720K.
floppy_set_kind:
  movzx si, rAL
  mov ah, STATUS_BAD_COMMAND
  dec si
  cmp si, 3
  ja 1f
  mov al, cs:[set_kinds + si]
  movzx bx, dl
  mov [BDA_FLOPPY_MEDIA + bx], al
  mov ah, 0
1:
  ret
set_kinds: .byte 0x93, 0x74, 0x15, 0x97

// CH cylinders - 1, CL sectors: finds the medium that the drive can format so; ES:DI = its parameters.
floppy_set_media:
  call floppy_type
  movzx si, al
  shl si, 1
  mov si, cs:[media_lists + si]
1:
  cmp byte ptr cs:[si], 0
  mov ah, STATUS_NO_MEDIA_TYPE
  je 9f
  mov al, rCL
  and al, 0x3F
  cmp cs:[si + 1], al
  je 2f
  add si, 2
  jmp 1b
2:
  movzx bx, dl
  mov al, cs:[si]
  mov [BDA_FLOPPY_MEDIA + bx], al
  mov cl, cs:[si + 1]
  mov bx, 1
3:
  imul di, bx, 11
  cmp cs:[drive_parameters + di + 4], cl
  je 4f
  inc bx
  cmp bx, 5
  jbe 3b
4:
  lea ax, [di + drive_parameters]
  mov rDI, ax
  mov rES, cs
  mov ah, 0
9:
  ret
