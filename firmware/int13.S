// INT 13h: which drive a request is for, hard disks by CHS, and EDD for hard disks and CD-ROMs.
// Sources: PS/2 and PC BIOS Interface Technical Reference, "INT 13h"; BIOS Enhanced Disk Drive Services 3.0.

#include "bios.h"

.section .code, "ax"
.code16

// INT 40h holds the diskettes' part, where it has been since hard disks came.
.globl int13_floppy
int13_floppy:
  sti
  enter_service
  mov ax, EBDA_SEGMENT
  mov ds, ax
  call floppy_service
  jmp int13_end

.globl int13
int13:
  sti
  enter_service
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov dl, rDL
  mov ah, rAH
  cmp ah, 0x4A
  jb 1f
  cmp ah, 0x4D
  jbe torito_control_request
1:
  cmp byte ptr [EBDA_TORITO + TORITO_ACTIVE], 0
  je 2f
  cmp dl, [EBDA_TORITO + TORITO_DRIVE]
  je torito_request
  // An emulated drive moves the others of its kind up by one.
  mov al, [EBDA_TORITO + TORITO_DRIVE]
  xor al, dl
  js 2f
  cmp dl, 0xE0
  jae 2f
  cmp byte ptr [EBDA_TORITO + TORITO_MEDIA], 0
  je 2f
  dec dl
2:
  cmp dl, 0x80
  jb 3f
  cmp dl, 0xE0
  jae cdrom_request
  call disk_find
  jc 9f
  call disk_service
  jmp int13_disk_end
3:
  call floppy_service
  jmp int13_end
9:
  mov ah, STATUS_BAD_COMMAND
int13_disk_end:
  push ds
  mov bx, BDA_SEGMENT
  mov ds, bx
  mov [BDA_DISK_STATUS], ah
  pop ds
// AH = status; AH FFh means that the registers are complete and there was no error.
int13_end:
  and rFLAGS, 0xFE
  cmp ah, 0xFF
  je 1f
  mov rAH, ah
  cmp ah, 0
  je 1f
  or rFLAGS, 1
1:
  leave_service

torito_control_request:
  call torito_control
  jmp int13_disk_end
torito_request:
  call torito_service
  jmp int13_disk_end

cdrom_request:
  call cdrom_find
  jc 9b
  call cdrom_service
  jmp int13_disk_end

// SI = the hard disk of number DL; CF when there is none.
disk_find:
  push es
  mov ax, BDA_SEGMENT
  mov es, ax
  movzx bx, dl
  sub bl, 0x80
  cmp bl, es:[BDA_DISK_COUNT]
  pop es
  jae 1f
  cmp bl, 4
  jae 1f
  movzx si, byte ptr [EBDA_HARD_DISKS + bx]
  shl si, 5
  add si, EBDA_DRIVES
  clc
  ret
1:
  stc
  ret
// SI = the CD-ROM of number DL.
.globl cdrom_find
cdrom_find:
  movzx bx, dl
  sub bl, 0xE0
  cmp bl, [EBDA_CDROM_COUNT]
  jae 1b
  movzx si, byte ptr [EBDA_CDROMS + bx]
  shl si, 5
  add si, EBDA_DRIVES
  clc
  ret

disk_service:
  mov ah, rAH
  mov di, offset disk_functions
// Calls the function AH from the list at DI.
.globl service_find
service_find:
  cmp byte ptr cs:[di], 0xFF
  je 1f
  cmp cs:[di], ah
  je 2f
  add di, 3
  jmp service_find
1:
  mov ah, STATUS_BAD_COMMAND
  ret
2:
  jmp word ptr cs:[di + 1]

.macro service number, target
  .byte \number
  .word \target
.endm
disk_functions:
  service 0x00, disk_reset
  service 0x01, disk_status
  service 0x02, disk_read
  service 0x03, disk_write
  service 0x04, disk_verify
  service 0x05, disk_nothing
  service 0x08, disk_parameters
  service 0x09, disk_nothing
  service 0x0C, disk_seek
  service 0x0D, disk_reset
  service 0x10, disk_ready
  service 0x11, disk_nothing
  service 0x14, disk_nothing
  service 0x15, disk_type
  service 0x41, edd_check
  service 0x42, edd_read
  service 0x43, edd_write
  service 0x44, edd_verify
  service 0x45, edd_lock
  service 0x46, edd_eject
  service 0x47, edd_seek
  service 0x48, edd_parameters
  service 0x49, edd_change
  service 0x4E, edd_hardware
  .byte 0xFF

disk_reset:
  call ata_reset
.globl disk_nothing
disk_nothing:
  mov ah, 0
  ret
.globl disk_status
disk_status:
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov ah, [BDA_DISK_STATUS]
  pop ds
  mov rAH, ah
  and rFLAGS, 0xFE
  cmp ah, 0
  je 1f
  or rFLAGS, 1
1:
  add sp, 2
  leave_service
disk_ready:
  call ata_select
  jc 1f
  mov ah, STATUS_NOT_READY
  test al, 0x40
  jz 1f
  mov ah, 0
1:
  ret

disk_read:
  mov al, KIND_READ
  jmp disk_chs
disk_write:
  mov al, KIND_WRITE
  jmp disk_chs
disk_verify:
  mov al, KIND_VERIFY
disk_chs:
  mov [REQUEST_KIND], al
  movzx ax, rAL
  mov [REQUEST_COUNT], ax
  cmp ax, 0
  je 8f
  cmp ax, 128
  ja 8f
  mov bx, [si + DRIVE_LOGICAL_HEADS]
  mov cx, [si + DRIVE_SPT]
  mov di, [si + DRIVE_LOGICAL_CYLINDERS]
  call chs_to_block
  jc 9f
  call request_check
  jc 9f
  call request_buffer
  call ata_transfer
  mov al, [REQUEST_DONE]
  mov rAL, al
  ret
8:
  mov ah, STATUS_BAD_COMMAND
9:
  mov rAL, 0
  ret

// The caller's CH, CL, DH in a geometry of DI cylinders, BX heads and CX sectors, as the block number EAX in
// the request. CF and AH on a place that is not there.
.globl chs_to_block
chs_to_block:
  push cx
  push si
  movzx si, rCL
  and si, 0x3F
  jz 9f
  cmp si, cx
  ja 9f
  movzx ax, rDH
  cmp ax, bx
  jae 9f
  mov al, rCH
  mov ah, rCL
  shr ah, 6
  cmp ax, di
  jae 9f
  mul bx
  movzx dx, rDH
  movzx eax, ax
  movzx edx, dx
  add eax, edx
  movzx ecx, cx
  mul ecx
  movzx esi, si
  lea eax, [eax + esi - 1]
  mov [REQUEST_LBA], eax
  mov dword ptr [REQUEST_LBA + 4], 0
  pop si
  pop cx
  clc
  ret
9:
  pop si
  pop cx
  mov ah, STATUS_NOT_FOUND
  stc
  ret

// The buffer of the request = ES:BX of the caller.
.globl request_buffer
request_buffer:
  push eax
  push edx
  movzx eax, rES
  shl eax, 4
  movzx edx, rBX
  add eax, edx
  mov [REQUEST_BUFFER], eax
  pop edx
  pop eax
  ret

// CF and AH when the request reaches beyond the end of drive SI.
.globl request_check
request_check:
  mov eax, [REQUEST_LBA]
  mov edx, [REQUEST_LBA + 4]
  movzx ecx, word ptr [REQUEST_COUNT]
  add eax, ecx
  adc edx, 0
  jc 1f
  cmp edx, [si + DRIVE_SECTORS + 4]
  ja 1f
  jb 2f
  cmp eax, [si + DRIVE_SECTORS]
  ja 1f
2:
  clc
  ret
1:
  mov ah, STATUS_NOT_FOUND
  stc
  ret

disk_parameters:
  mov ax, [si + DRIVE_LOGICAL_CYLINDERS]
  dec ax
  mov rCH, al
  shl ah, 6
  mov al, [si + DRIVE_SPT]
  and al, 0x3F
  or al, ah
  mov rCL, al
  mov al, [si + DRIVE_LOGICAL_HEADS]
  dec al
  mov rDH, al
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov al, [BDA_DISK_COUNT]
  pop ds
  cmp byte ptr [EBDA_TORITO + TORITO_ACTIVE], 0
  je 1f
  cmp byte ptr [EBDA_TORITO + TORITO_DRIVE], 0x80
  jne 1f
  inc al
1:
  mov rDL, al
  mov rAL, 0
  mov ah, 0
  ret

disk_seek:
  mov bx, [si + DRIVE_LOGICAL_HEADS]
  mov cx, [si + DRIVE_SPT]
  mov di, [si + DRIVE_LOGICAL_CYLINDERS]
  call chs_to_block
  jc 1f
  mov ah, 0
1:
  ret

// AH = 3: a hard disk of CX:DX sectors.
disk_type:
  movzx eax, word ptr [si + DRIVE_LOGICAL_CYLINDERS]
  movzx ecx, word ptr [si + DRIVE_LOGICAL_HEADS]
  mul ecx
  movzx ecx, word ptr [si + DRIVE_SPT]
  mul ecx
  mov rDX, ax
  shr eax, 16
  mov rCX, ax
  mov rAX, 0x0300
  mov ah, 0xFF
  ret
