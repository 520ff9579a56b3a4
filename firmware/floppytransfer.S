// Diskettes: transfers, formatting, and what drives and media there are. DS is the BDA and DL the drive.
// Sources: as floppy.S.

#include "bios.h"

.section .code, "ax"
.code16

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
  mov dx, ax
  out 0x04, al
  mov al, ah
  out 0x04, al
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

.globl floppy_read
floppy_read:
  mov al, 0x46
  mov ah, 0xE6
  jmp floppy_transfer
.globl floppy_write
floppy_write:
  mov al, 0x4A
  mov ah, 0xC5
  jmp floppy_transfer
.globl floppy_verify
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
.globl floppy_format
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

.globl floppy_parameters
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
.globl floppy_drive_kind
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

.globl floppy_change
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
.globl floppy_set_kind
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
.globl floppy_set_media
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
