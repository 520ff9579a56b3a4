// Booting from CD-ROM and the drives that it emulates. Source: El Torito Bootable CD-ROM Format 1.0.

#include "bios.h"

.section .code, "ax"
.code16

#define CATALOG 0x8000

// Boots from the CD-ROM of number DL; returns when it cannot.
.globl boot_cdrom
boot_cdrom:
  push ds
  push es
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov byte ptr [EBDA_TORITO + TORITO_ACTIVE], 0
  mov cl, dl
  sub cl, 0xE0
  mov [EBDA_TORITO + TORITO_CDROM], cl
  call cdrom_find
  jc 9f
  call cdrom_ready
  jc 9f
  // The boot record volume descriptor is block 17 and names the catalogue.
  mov eax, 17
  call catalog_read
  jc 9f
  xor ax, ax
  mov es, ax
  mov di, CATALOG
  cmp dword ptr es:[di], 0x30444300
  jne 9f
  cmp word ptr es:[di + 4], 0x3130
  jne 9f
  cmp dword ptr es:[di + 7], 0x54204C45
  jne 9f
  mov eax, es:[di + 0x47]
  call catalog_read
  jc 9f
  // Validation entry: ID 1, key 55AA, words that sum to 0. Then the initial entry: 88h is bootable.
  cmp byte ptr es:[di], 1
  jne 9f
  cmp word ptr es:[di + 30], 0xAA55
  jne 9f
  xor ax, ax
  xor bx, bx
1:
  add ax, es:[di + bx]
  add bx, 2
  cmp bx, 32
  jb 1b
  test ax, ax
  jnz 9f
  add di, 32
  cmp byte ptr es:[di], 0x88
  jne 9f
  mov al, es:[di + 1]
  and al, 0x0F
  cmp al, 4
  ja 9f
  mov byte ptr [EBDA_TORITO + TORITO_PACKET_SIZE], 0x13
  mov [EBDA_TORITO + TORITO_MEDIA], al
  mov ax, es:[di + 2]
  test ax, ax
  jnz 2f
  mov ax, 0x07C0
2:
  mov [EBDA_TORITO + TORITO_SEGMENT], ax
  mov ax, es:[di + 6]
  test ax, ax
  jnz 3f
  inc ax
3:
  mov [EBDA_TORITO + TORITO_COUNT], ax
  mov eax, es:[di + 8]
  mov [EBDA_TORITO + TORITO_LBA], eax
  mov al, [si + DRIVE_INDEX]
  mov ah, al
  shr al, 1
  and ah, 1
  mov [EBDA_TORITO + TORITO_CONTROLLER], al
  mov [EBDA_TORITO + TORITO_DEVICE], ah
  mov byte ptr [EBDA_TORITO + TORITO_DEVICE + 1], 0
  mov word ptr [EBDA_TORITO + TORITO_BUFFER], 0
  call torito_drive
  jc 9f
  call torito_load
  jc 9f
  mov byte ptr [EBDA_TORITO + TORITO_ACTIVE], 1
  mov dl, [EBDA_TORITO + TORITO_DRIVE]
  mov ax, [EBDA_TORITO + TORITO_SEGMENT]
  jmp boot_start
9:
  pop es
  pop ds
  ret

// Block EAX of CD-ROM SI to 0:8000h.
catalog_read:
  mov [REQUEST_LBA], eax
  mov word ptr [REQUEST_COUNT], 1
  mov dword ptr [REQUEST_BUFFER], CATALOG
  mov byte ptr [REQUEST_KIND], KIND_READ
  mov byte ptr [REQUEST_PART], 0
  jmp cdrom_transfer

// What the emulated drive looks like: number and geometry by its media type.
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
  // The machine has one diskette drive more now.
  push ds
  mov cx, BDA_SEGMENT
  mov ds, cx
  test byte ptr [BDA_EQUIPMENT], 1
  jz 2f
  add byte ptr [BDA_EQUIPMENT], 0x40
2:
  or byte ptr [BDA_EQUIPMENT], 1
  pop ds
  jmp 3f
1:
  // A hard disk's geometry is what its first partition entry ends with.
  mov eax, [EBDA_TORITO + TORITO_LBA]
  call catalog_read
  jc 9f
  xor ax, ax
  mov es, ax
  mov al, es:[CATALOG + 0x1BE + 5]
  mov ah, 0
  inc ax
  mov [EBDA_TORITO + TORITO_HEAD_COUNT], ax
  mov al, es:[CATALOG + 0x1BE + 6]
  and ax, 0x3F
  jnz 4f
  mov al, 63
4:
  mov [EBDA_TORITO + TORITO_SPT], ax
  mov ah, es:[CATALOG + 0x1BE + 6]
  shr ah, 6
  mov al, es:[CATALOG + 0x1BE + 7]
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
  .byte 0x4B
  .word torito_status
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

// AH = 4Bh: AL = 0 ends the emulation, 1 does not; DS:SI receives the specification packet.
.globl torito_status
torito_status:
  cmp rAL, 1
  ja 8f
  cmp byte ptr [EBDA_TORITO + TORITO_ACTIVE], 0
  je 8f
  push es
  mov es, rDS
  mov di, rSI
  mov si, EBDA_TORITO
  mov cx, 0x13
  rep movsb
  pop es
  cmp rAL, 0
  jne 1f
  mov byte ptr [EBDA_TORITO + TORITO_ACTIVE], 0
1:
  mov ah, 0
  ret
8:
  mov ah, STATUS_BAD_COMMAND
  ret
