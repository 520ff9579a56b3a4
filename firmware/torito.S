// The drives that a bootable CD-ROM emulates: making and ending them, INT 13h AH=4Ah-4Dh, and INT 13h for
// them. Source: El Torito Bootable CD-ROM Format 1.0; PS/2 and PC BIOS Interface Technical Reference, "INT
// 13h".

#include "bios.h"

.section .code, "ax"
.code16

// Makes the drive that EBDA_TORITO describes, of CD-ROM SI, and boots from it; returns only with CF and AH.
.globl torito_start, torito_stop
torito_start:
  call torito_begin
  jc 1f
  call torito_load
  jc 2f
  mov dl, [EBDA_TORITO + TORITO_DRIVE]
  mov ax, [EBDA_TORITO + TORITO_SEGMENT]
  jmp boot_start
2:
  push ax
  call torito_stop
  pop ax
  stc
1:
  ret
// The drive without the boot.
torito_begin:
  mov byte ptr [EBDA_TORITO + TORITO_PACKET_SIZE], 0x13
  cmp word ptr [EBDA_TORITO + TORITO_SEGMENT], 0
  jne 1f
  mov word ptr [EBDA_TORITO + TORITO_SEGMENT], 0x07C0
1:
  cmp word ptr [EBDA_TORITO + TORITO_COUNT], 0
  jne 2f
  mov word ptr [EBDA_TORITO + TORITO_COUNT], 1
2:
  call torito_drive
  jc 9f
  mov byte ptr [EBDA_TORITO + TORITO_ACTIVE], 1
  call torito_is_diskette
  ja 8f
  // The machine has one diskette drive more now.
  push ds
  push BDA_SEGMENT
  pop ds
  mov al, [BDA_EQUIPMENT]
  mov ah, al
  test al, 1
  jz 3f
  add al, 0x40
3:
  or al, 1
  mov [BDA_EQUIPMENT], al
  pop ds
  mov [EBDA_TORITO + TORITO_EQUIPMENT], ah
8:
  clc
9:
  ret
// Ends the emulation, if there is one.
torito_stop:
  push ax
  mov al, 0
  xchg al, [EBDA_TORITO + TORITO_ACTIVE]
  test al, al
  jz 1f
  call torito_is_diskette
  ja 1f
  mov al, [EBDA_TORITO + TORITO_EQUIPMENT]
  push ds
  push BDA_SEGMENT
  pop ds
  mov [BDA_EQUIPMENT], al
  pop ds
1:
  pop ax
  ret
// BE if the media type is a diskette's, 1 to 3.
torito_is_diskette:
  mov al, [EBDA_TORITO + TORITO_MEDIA]
  dec al
  cmp al, 2
  ret

// What the emulated drive looks like: number and geometry by its media type.
.globl torito_drive, torito_load
torito_drive:
  movzx bx, byte ptr [EBDA_TORITO + TORITO_MEDIA]
  mov al, [EBDA_TORITO + TORITO_CDROM]
  add al, 0xE0
  cmp bl, 0
  je 3f
  cmp bl, 4
  je 1f
  mov al, cs:[torito_sectors + bx - 1]
  mov ah, 0
  mov [EBDA_TORITO + TORITO_SPT], ax
  mov word ptr [EBDA_TORITO + TORITO_HEAD_COUNT], 2
  mov word ptr [EBDA_TORITO + TORITO_CYLINDER_COUNT], 80
  mov al, 0
  jmp 3f
1:
  // A hard disk's geometry is what its first partition entry ends with: head, sector and cylinder at 1C3h.
  // The doublewords 111 to 115 of the first sector are read.
  mov eax, [EBDA_TORITO + TORITO_LBA]
  mov [REQUEST_LBA], eax
  mov word ptr [REQUEST_COUNT], 1
  mov dword ptr [REQUEST_BUFFER], EBDA_SEGMENT * 16 + EBDA_PARTITION
  mov byte ptr [REQUEST_KIND], KIND_READ
  mov byte ptr [REQUEST_PART], 1
  mov word ptr [REQUEST_FIRST], 111
  mov word ptr [REQUEST_LIMIT], 5
  call cdrom_transfer
  jc 9f
  mov al, [EBDA_PARTITION + 7]
  mov ah, 0
  inc ax
  mov [EBDA_TORITO + TORITO_HEAD_COUNT], ax
  mov al, [EBDA_PARTITION + 8]
  and ax, 0x3F
  jnz 4f
  mov al, 63
4:
  mov [EBDA_TORITO + TORITO_SPT], ax
  mov ah, [EBDA_PARTITION + 8]
  shr ah, 6
  mov al, [EBDA_PARTITION + 9]
  inc ax
  mov [EBDA_TORITO + TORITO_CYLINDER_COUNT], ax
  mov al, 0x80
3:
  mov [EBDA_TORITO + TORITO_DRIVE], al
  // In the packet: cylinder low, cylinder high and sectors, heads, as INT 13h AH=08h gives them.
  mov ax, [EBDA_TORITO + TORITO_CYLINDER_COUNT]
  dec ax
  mov [EBDA_TORITO + TORITO_CYLINDERS], al
  shl ah, 6
  or ah, [EBDA_TORITO + TORITO_SPT]
  mov [EBDA_TORITO + TORITO_SECTORS], ah
  mov al, [EBDA_TORITO + TORITO_HEAD_COUNT]
  dec al
  mov [EBDA_TORITO + TORITO_HEADS], al
  clc
9:
  ret
torito_sectors: .byte 15, 18, 36

// The boot image's first sectors to its segment.
torito_load:
  mov byte ptr [REQUEST_KIND], KIND_READ
  movzx eax, word ptr [EBDA_TORITO + TORITO_SEGMENT]
  shl eax, 4
  mov [REQUEST_BUFFER], eax
  mov eax, 0
  mov cx, [EBDA_TORITO + TORITO_COUNT]
  cmp cx, 256
  jbe torito_transfer
  // More than a part's counters hold: whole blocks.
  mov byte ptr [REQUEST_PART], 0
  mov eax, [EBDA_TORITO + TORITO_LBA]
  mov [REQUEST_LBA], eax
  shr cx, 1
  adc cx, 0
  shr cx, 1
  adc cx, 0
  mov [REQUEST_COUNT], cx
  jmp cdrom_transfer
// CX sectors of 512 bytes from sector EAX of the image.
torito_transfer:
  mov byte ptr [REQUEST_PART], 1
  mov bx, ax
  and bx, 3
  mov di, bx
  shl di, 7
  mov [REQUEST_FIRST], di
  mov di, cx
  shl di, 7
  mov [REQUEST_LIMIT], di
  shr eax, 2
  add eax, [EBDA_TORITO + TORITO_LBA]
  mov [REQUEST_LBA], eax
  add cx, bx
  add cx, 3
  shr cx, 2
  mov [REQUEST_COUNT], cx
  jmp cdrom_transfer

// INT 13h for the emulated drive, or for the CD-ROM itself that was booted without emulation.
.globl torito_service
torito_service:
  mov ah, rAH
  mov dl, [EBDA_TORITO + TORITO_CDROM]
  add dl, 0xE0
  call cdrom_find
  cmp byte ptr [EBDA_TORITO + TORITO_MEDIA], 0
  je cdrom_service
  mov di, offset torito_functions
  jmp service_find
torito_functions:
  .byte 0x00
  .word disk_nothing
  .byte 0x01
  .word disk_status
  .byte 0x02
  .word torito_read
  .byte 0x03
  .word torito_write
  .byte 0x04
  .word torito_verify
  .byte 0x08
  .word torito_parameters
  .byte 0x09
  .word disk_nothing
  .byte 0x0C
  .word disk_nothing
  .byte 0x0D
  .word disk_nothing
  .byte 0x10
  .word disk_nothing
  .byte 0x11
  .word disk_nothing
  .byte 0x14
  .word disk_nothing
  .byte 0x15
  .word torito_type
  .byte 0x16
  .word disk_nothing
  .byte 0xFF

torito_write:
  mov rAL, 0
  mov ah, STATUS_WRITE_PROTECTED
  ret
torito_read:
  mov al, KIND_READ
  jmp 1f
torito_verify:
  mov al, KIND_VERIFY
1:
  mov [REQUEST_KIND], al
  movzx cx, rAL
  mov ah, STATUS_BAD_COMMAND
  jcxz 9f
  push cx
  mov bx, [EBDA_TORITO + TORITO_HEAD_COUNT]
  mov cx, [EBDA_TORITO + TORITO_SPT]
  mov di, [EBDA_TORITO + TORITO_CYLINDER_COUNT]
  call chs_to_block
  pop cx
  jc 9f
  call request_buffer
  mov eax, [REQUEST_LBA]
  call torito_transfer
  jc 9f
  mov ah, 0
  ret
9:
  mov rAL, 0
  ret

torito_parameters:
  mov al, [EBDA_TORITO + TORITO_CYLINDERS]
  mov rCH, al
  mov al, [EBDA_TORITO + TORITO_SECTORS]
  mov rCL, al
  mov al, [EBDA_TORITO + TORITO_HEADS]
  mov rDH, al
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov bl, [BDA_DISK_COUNT]
  mov al, [BDA_EQUIPMENT]
  pop ds
  inc bl
  test byte ptr [EBDA_TORITO + TORITO_DRIVE], 0x80
  jnz 1f
  shr al, 6
  inc al
  mov bl, al
  movzx si, byte ptr [EBDA_TORITO + TORITO_MEDIA]
  mov al, cs:[torito_types + si - 1]
  mov rBL, al
  mov rES, cs
  mov ax, offset diskette_parameters
  mov rDI, ax
1:
  mov rDL, bl
  mov rAL, 0
  mov ah, 0
  ret
torito_types: .byte 2, 4, 6

torito_type:
  mov rAH, 1
  test byte ptr [EBDA_TORITO + TORITO_DRIVE], 0x80
  jz 1f
  mov rAH, 3
  mov ax, [EBDA_TORITO + TORITO_CYLINDER_COUNT]
  mul word ptr [EBDA_TORITO + TORITO_HEAD_COUNT]
  mul word ptr [EBDA_TORITO + TORITO_SPT]
  mov rCX, dx
  mov rDX, ax
1:
  mov ah, 0xFF
  ret

// AH = 4Ah to 4Dh, which are about no drive in particular. DL is left out of account but by 4Bh.
.globl torito_control
torito_control:
  cmp byte ptr [EBDA_CDROM_COUNT], 0
  je torito_refused
  cmp ah, 0x4B
  jb torito_initiate
  je torito_terminate
  cmp ah, 0x4C
  jne torito_catalog
  // 4Ch: emulation by the packet at DS:SI, and booting.
  call torito_packet
  jc 1f
  jmp torito_start
// 4Ah: emulation by the packet at DS:SI.
torito_initiate:
  call torito_packet
  jc 1f
  call torito_begin
  jc 1f
  mov ah, 0
1:
  ret
torito_refused:
  mov ah, STATUS_BAD_COMMAND
  stc
  ret

// Takes over the specification packet at the caller's DS:SI; SI = its CD-ROM. CF and AH.
torito_packet:
  push es
  mov es, rDS
  mov di, rSI
  mov al, es:[di + TORITO_MEDIA]
  and al, 0x0F
  cmp byte ptr es:[di + TORITO_PACKET_SIZE], 0x13
  jb 8f
  cmp al, 4
  ja 8f
  // The drive by its controller, and whether it is the slave.
  mov bl, es:[di + TORITO_CONTROLLER]
  cmp bl, 1
  ja 8f
  shl bl, 1
  mov bh, es:[di + TORITO_DEVICE]
  and bh, 1
  or bl, bh
  mov dl, 0xE0
1:
  push bx
  call cdrom_find
  pop bx
  jc 8f
  inc dl
  cmp [si + DRIVE_INDEX], bl
  jne 1b
  call torito_stop
  sub dl, 0xE1
  mov [EBDA_TORITO + TORITO_CDROM], dl
  // From the controller to the sector count.
  push si
  push di
  push ds
  push es
  push ds
  push es
  pop ds
  pop es
  lea si, [di + TORITO_CONTROLLER]
  mov di, EBDA_TORITO + TORITO_CONTROLLER
  mov cx, TORITO_CYLINDERS - TORITO_CONTROLLER
  rep movsb
  pop es
  pop ds
  pop di
  pop si
  mov [EBDA_TORITO + TORITO_MEDIA], al
  clc
  jmp 9f
8:
  mov ah, STATUS_BAD_COMMAND
  stc
9:
  pop es
  ret

// 4Bh: AL = 0 ends the emulation, 1 does not; DS:SI receives the specification packet. DL = the drive, or
// 7Fh.
torito_terminate:
  cmp rAL, 1
  ja torito_refused
  cmp byte ptr [EBDA_TORITO + TORITO_ACTIVE], 0
  je torito_refused
  mov dl, rDL
  cmp dl, 0x7F
  je 1f
  cmp dl, [EBDA_TORITO + TORITO_DRIVE]
  jne torito_refused
1:
  push es
  mov es, rDS
  mov di, rSI
  mov si, EBDA_TORITO
  mov cx, 0x13
  rep movsb
  pop es
  cmp rAL, 0
  jne 2f
  call torito_stop
2:
  mov ah, 0
  ret

// 4Dh: blocks of the boot catalogue by the command packet at DS:SI: size, count, far address, first block.
// The boot record, which tells where the catalogue is, passes through the caller's buffer.
torito_catalog:
  cmp rAL, 0
  jne torito_refused
  mov es, rDS
  mov di, rSI
  cmp byte ptr es:[di], 8
  jb torito_refused
  movzx cx, byte ptr es:[di + 1]
  test cx, cx
  jz torito_refused
  movzx ebx, word ptr es:[di + 6]
  push ebx
  push cx
  movzx eax, word ptr es:[di + 4]
  shl eax, 4
  movzx ebx, word ptr es:[di + 2]
  add eax, ebx
  mov [REQUEST_BUFFER], eax
  les di, es:[di + 2]
  mov dl, [EBDA_TORITO + TORITO_CDROM]
  add dl, 0xE0
  call cdrom_find
  jc 8f
  push dword ptr [REQUEST_BUFFER]
  mov dword ptr [REQUEST_LBA], 17
  mov word ptr [REQUEST_COUNT], 1
  mov byte ptr [REQUEST_KIND], KIND_READ
  mov byte ptr [REQUEST_PART], 0
  push di
  push es
  call cdrom_transfer
  pop es
  pop di
  pop dword ptr [REQUEST_BUFFER]
  jc 9f
  call boot_record
  jc 8f
  pop cx
  pop ebx
  add eax, ebx
  mov [REQUEST_LBA], eax
  mov [REQUEST_COUNT], cx
  call cdrom_transfer
  jc 1f
  mov ah, 0
1:
  ret
8:
  mov ah, STATUS_NOT_FOUND
9:
  pop cx
  pop ebx
  stc
  ret
