// ATA drives: finding them, geometry, waiting for them. DS is the EBDA and SI a drive in it.
// Sources: ATA/ATAPI-7; EDD 3.0 (T13 1572D) for the tables.

#include "bios.h"

.section .code, "ax"
.code16

// POST: resets both channels and identifies their devices.
.globl disks_init
disks_init:
  push ds
  push es
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov si, EBDA_DRIVES
  mov di, 0
  call dma_find
  mov bx, ax
1:
  mov dx, cs:[channel_ports + di]
  mov [si + DRIVE_COMMAND], dx
  mov [si + DRIVE_SIZE + DRIVE_COMMAND], dx
  mov ax, cs:[channel_ports + di + 2]
  mov [si + DRIVE_CONTROL], ax
  mov [si + DRIVE_SIZE + DRIVE_CONTROL], ax
  mov al, cs:[channel_irqs + di]
  mov [si + DRIVE_IRQ], al
  mov [si + DRIVE_SIZE + DRIVE_IRQ], al
  mov [si + DRIVE_DMA], bx
  mov [si + DRIVE_SIZE + DRIVE_DMA], bx
  mov byte ptr [si + DRIVE_SELECT], 0xA0
  mov byte ptr [si + DRIVE_SIZE + DRIVE_SELECT], 0xB0
  mov ax, si
  sub ax, EBDA_DRIVES
  shr ax, 5
  mov [si + DRIVE_INDEX], al
  inc ax
  mov [si + DRIVE_SIZE + DRIVE_INDEX], al
  // A bus without devices floats.
  add dx, 7
  in al, dx
  cmp al, 0xFF
  je 2f
  call ata_reset
  push bx
  call drive_identify
  add si, DRIVE_SIZE
  call drive_identify
  sub si, DRIVE_SIZE
  pop bx
2:
  // The second channel's registers of the bus master follow.
  test bx, bx
  jz 3f
  add bx, 8
3:
  add si, 2 * DRIVE_SIZE
  add di, 4
  cmp di, 8
  jb 1b
  call drive_tables
  pop es
  pop ds
  ret
channel_ports: .word 0x1F0, 0x3F6, 0x170, 0x376
channel_irqs: .byte 14, 0, 0, 0, 15, 0, 0, 0

// Software reset of the channel of drive SI (ATA/ATAPI-7, "Software reset protocol").
.globl ata_reset
ata_reset:
  push ax
  push cx
  push dx
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x0E
  out dx, al
  mov cx, 1
  call delay
  mov al, 0x0A
  out dx, al
  mov cx, 140
  call delay
  mov dx, [si + DRIVE_COMMAND]
  call ata_wait
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x08
  out dx, al
  pop dx
  pop cx
  pop ax
  ret

// Waits until BSY is clear at the channel whose first port is DX; AL = status; CF and AH = time-out after
// ten seconds. An absent device reads 0 or floats.
.globl ata_wait
ata_wait:
  push ecx
  push dx
  add dx, 7
  mov ecx, 660000
1:
  in al, dx
  test al, 0x80
  jz 2f
  push cx
  mov cx, 1
  call delay
  pop cx
  dec ecx
  jnz 1b
  mov ah, STATUS_TIMEOUT
  stc
2:
  pop dx
  pop ecx
  ret
// As above, and for DRQ; CF and AH = status for INT 13h on an error.
.globl ata_wait_data
ata_wait_data:
  call ata_wait
  jc 9f
  test al, 0x21
  jnz ata_error
  test al, 8
  jnz 9f
  // DRQ may follow BSY a little later.
  push cx
  mov cx, 1
  call delay
  pop cx
  call ata_wait
  jc 9f
  test al, 0x21
  jnz ata_error
  test al, 8
  mov ah, STATUS_CONTROLLER
  jnz 9f
  stc
9:
  ret

// AH = status for INT 13h from the error register of the channel at DX; CF set.
.globl ata_error
ata_error:
  push dx
  mov ah, STATUS_CONTROLLER
  test al, 0x20
  jnz 1f
  inc dx
  in al, dx
  mov ah, STATUS_BAD_SECTOR
  test al, 0x80
  jnz 1f
  mov ah, STATUS_BAD_CRC
  test al, 0x40
  jnz 1f
  mov ah, STATUS_NOT_FOUND
  test al, 0x10
  jnz 1f
  mov ah, STATUS_BAD_COMMAND
  test al, 0x04
  jnz 1f
  mov ah, STATUS_SEEK
  test al, 0x02
  jnz 1f
  mov ah, STATUS_NO_ADDRESS_MARK
  test al, 0x01
  jnz 1f
  mov ah, STATUS_CONTROLLER
1:
  pop dx
  stc
  ret

// Selects drive SI and waits; DX = its first port.
.globl ata_select
ata_select:
  mov dx, [si + DRIVE_COMMAND]
  call ata_wait
  jc 1f
  add dx, 6
  mov al, [si + DRIVE_SELECT]
  out dx, al
  sub dx, 6
  // 400 ns until the status is the new drive's.
  add dx, 7
  in al, dx
  in al, dx
  in al, dx
  in al, dx
  sub dx, 7
  call ata_wait
1:
  ret

// Finds what device SI is. Its registers keep what is written; then IDENTIFY DEVICE or IDENTIFY PACKET
// DEVICE.
drive_identify:
  push di
  push es
  call ata_select
  jc 9f
  add dx, 2
  mov al, 0x55
  out dx, al
  inc dx
  mov al, 0xAA
  out dx, al
  dec dx
  in al, dx
  mov ah, al
  inc dx
  in al, dx
  sub dx, 3
  cmp ax, 0x55AA
  jne 9f
  mov al, DRIVE_ATA
  mov [si + DRIVE_TYPE], al
  mov al, 0xEC
  call identify
  jnc ata_found
  mov al, 0xA1
  call identify
  jnc atapi_found
  mov byte ptr [si + DRIVE_TYPE], 0
9:
  pop es
  pop di
  ret

// Command AL, whose 512 bytes go to 0:8000h. CF on failure.
identify:
  push ax
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x0A
  out dx, al
  call ata_select
  pop ax
  jc 9f
  add dx, 7
  out dx, al
  in al, dx
  sub dx, 7
  test al, al
  stc
  jz 9f
  call ata_wait_data
  jc 9f
  xor cx, cx
  mov es, cx
  mov di, IDENTIFY_BUFFER
  mov cx, 256
  rep insw
  add dx, 7
  in al, dx
  clc
9:
  pushf
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x08
  out dx, al
  popf
  ret

atapi_found:
  mov byte ptr [si + DRIVE_TYPE], DRIVE_ATAPI
  mov byte ptr [si + DRIVE_FLAGS], DRIVE_REMOVABLE
  // Bits 12:8 of word 0: 5 is a CD-ROM. Others are not used.
  mov al, es:[IDENTIFY_BUFFER + 1]
  and al, 0x1F
  cmp al, 5
  jne 1f
  movzx bx, byte ptr [EBDA_CDROM_COUNT]
  mov al, [si + DRIVE_INDEX]
  mov [EBDA_CDROMS + bx], al
  inc byte ptr [EBDA_CDROM_COUNT]
  call dma_drive
  pop es
  pop di
  ret
1:
  mov byte ptr [si + DRIVE_TYPE], 0
  pop es
  pop di
  ret

ata_found:
  mov di, IDENTIFY_BUFFER
  mov ax, es:[di + 2]
  mov [si + DRIVE_CYLINDERS], ax
  mov ax, es:[di + 6]
  mov [si + DRIVE_HEADS], ax
  mov ax, es:[di + 12]
  mov [si + DRIVE_SPT], ax
  mov al, 0
  mov ecx, es:[di + 120]
  xor edx, edx
  test byte ptr es:[di + 99], 2
  jz 1f
  or al, DRIVE_LBA
  test byte ptr es:[di + 167], 4
  jz 2f
  or al, DRIVE_LBA48
  mov ecx, es:[di + 200]
  mov edx, es:[di + 204]
  jmp 2f
1:
  movzx eax, word ptr [si + DRIVE_CYLINDERS]
  movzx ecx, word ptr [si + DRIVE_HEADS]
  mul ecx
  movzx ecx, word ptr [si + DRIVE_SPT]
  mul ecx
  mov ecx, eax
  mov al, 0
2:
  mov [si + DRIVE_FLAGS], al
  mov [si + DRIVE_SECTORS], ecx
  mov [si + DRIVE_SECTORS + 4], edx
  // Multiple mode: as many sectors for each interrupt as there may be, at most 16.
  mov byte ptr [si + DRIVE_MULTIPLE], 1
  mov al, es:[di + 94]
  cmp al, 16
  jbe 3f
  mov al, 16
3:
  cmp al, 2
  jb 4f
  mov bl, al
  call ata_select
  jc 4f
  add dx, 2
  mov al, bl
  out dx, al
  add dx, 5
  mov al, 0xC6
  out dx, al
  sub dx, 7
  call ata_wait
  jc 4f
  test al, 1
  jnz 4f
  mov [si + DRIVE_MULTIPLE], bl
4:
  call dma_drive
  call drive_geometry
  push ds
  xor ax, ax
  mov ds, ax
  movzx bx, byte ptr [0x400 + BDA_DISK_COUNT]
  inc byte ptr [0x400 + BDA_DISK_COUNT]
  pop ds
  mov al, [si + DRIVE_INDEX]
  mov [EBDA_HARD_DISKS + bx], al
  pop es
  pop di
  ret

// Logical geometry: the drive's own up to 1024 cylinders, else 63 sectors and as many heads as are needed
// ("LBA-assisted translation", ATA/ATAPI technical report on large disks, EDD 3.0 annex).
drive_geometry:
  mov ax, [si + DRIVE_SPT]
  test ax, ax
  jnz 1f
  mov word ptr [si + DRIVE_SPT], 63
1:
  cmp word ptr [si + DRIVE_HEADS], 0
  jne 2f
  mov word ptr [si + DRIVE_HEADS], 16
2:
  mov ax, [si + DRIVE_CYLINDERS]
  mov bx, [si + DRIVE_HEADS]
  cmp ax, 1024
  jbe 6f
  mov eax, [si + DRIVE_SECTORS]
  cmp dword ptr [si + DRIVE_SECTORS + 4], 0
  je 3f
  mov eax, 0xFFFFFFFF
3:
  mov word ptr [si + DRIVE_SPT], 63
  xor edx, edx
  mov ecx, 63
  div ecx
  mov ebx, 16
4:
  // Heads times 1024 cylinders.
  mov edx, ebx
  shl edx, 10
  cmp eax, edx
  jbe 5f
  shl ebx, 1
  cmp ebx, 256
  jb 4b
  mov ebx, 255
5:
  xor edx, edx
  div ebx
  cmp eax, 1024
  jbe 6f
  mov eax, 1024
6:
  mov [si + DRIVE_LOGICAL_CYLINDERS], ax
  mov [si + DRIVE_LOGICAL_HEADS], bx
  ret

// The tables of INT 41h and 46h, in the form for translated geometry (EDD 3.0, "Fixed disk parameter table").
drive_tables:
  mov di, EBDA_DISK_PARAMETERS
  xor bx, bx
1:
  cmp bl, 2
  jae 9f
  push ds
  xor ax, ax
  mov ds, ax
  mov al, [0x400 + BDA_DISK_COUNT]
  pop ds
  cmp bl, al
  jae 9f
  movzx si, byte ptr [EBDA_HARD_DISKS + bx]
  shl si, 5
  add si, EBDA_DRIVES
  mov ax, [si + DRIVE_LOGICAL_CYLINDERS]
  mov [di], ax
  mov al, [si + DRIVE_LOGICAL_HEADS]
  mov [di + 2], al
  mov byte ptr [di + 3], 0xA0
  mov al, [si + DRIVE_SPT]
  mov [di + 4], al
  mov [di + 14], al
  mov word ptr [di + 5], 0xFFFF
  mov byte ptr [di + 8], 0xC8
  mov ax, [si + DRIVE_CYLINDERS]
  mov [di + 9], ax
  mov al, [si + DRIVE_HEADS]
  mov [di + 11], al
  mov ax, [si + DRIVE_CYLINDERS]
  mov [di + 12], ax
  mov cx, 15
  mov al, 0
  push di
2:
  sub al, [di]
  inc di
  loop 2b
  mov [di], al
  pop di
  add di, 16
  inc bx
  jmp 1b
9:
  ret
