// EDD: INT 13h AH=41h-48h for hard disks, and what CD-ROMs share of it. Source: BIOS Enhanced Disk Drive
// Services 3.0 (Phoenix).

#include "bios.h"

.section .code, "ax"
.code16

// EDD. BX = AA55h: version 3.0; fixed disk access, locking, enhanced support.
.globl edd_check
edd_check:
  cmp rBX, 0x55AA
  mov ah, STATUS_BAD_COMMAND
  jne 1f
  mov rBX, 0xAA55
  mov rAH, 0x30
  mov rCX, 0x0007
  mov ah, 0xFF
1:
  ret

.globl edd_read
edd_read:
  mov al, KIND_READ
  jmp edd_transfer
.globl edd_write
edd_write:
  mov al, KIND_WRITE
  jmp edd_transfer
.globl edd_verify
edd_verify:
  mov al, KIND_VERIFY
edd_transfer:
  mov [REQUEST_KIND], al
  call edd_packet
  jc 9f
  cmp word ptr [REQUEST_COUNT], 0
  je 8f
  call request_check
  jc 9f
  call ata_transfer
edd_done:
  // The packet's count says how many blocks were transferred.
  push es
  mov di, rSI
  mov es, rDS
  mov cx, [REQUEST_DONE]
  mov es:[di + 2], cx
  pop es
  ret
8:
  mov ah, 0
  ret
9:
  mov word ptr [REQUEST_DONE], 0
  jmp edd_done

// The disk address packet at the caller's DS:SI as a request.
.globl edd_packet, edd_done
edd_packet:
  push es
  mov di, rSI
  mov es, rDS
  cmp byte ptr es:[di], 16
  jb 9f
  movzx eax, word ptr es:[di + 2]
  mov [REQUEST_COUNT], ax
  mov eax, es:[di + 8]
  mov [REQUEST_LBA], eax
  mov eax, es:[di + 12]
  mov [REQUEST_LBA + 4], eax
  mov ecx, es:[di + 4]
  cmp ecx, 0xFFFFFFFF
  je 1f
  movzx eax, cx
  shr ecx, 16
  shl ecx, 4
  add eax, ecx
  jmp 2f
1:
  // A flat 64-bit address follows; this BIOS reaches 4 GiB.
  cmp byte ptr es:[di], 24
  jb 9f
  cmp dword ptr es:[di + 20], 0
  jne 9f
  mov eax, es:[di + 16]
2:
  mov [REQUEST_BUFFER], eax
  pop es
  clc
  ret
9:
  pop es
  mov ah, STATUS_BAD_COMMAND
  stc
  ret

.globl edd_seek
edd_seek:
  call edd_packet
  jc 1f
  mov word ptr [REQUEST_COUNT], 1
  call request_check
  jc 1f
  mov ah, 0
1:
  ret
.globl edd_lock
edd_lock:
  // Media that cannot be removed cannot be locked.
  mov ah, 0xB2
  ret
.globl edd_eject
edd_eject:
  mov ah, 0xB2
  ret
.globl edd_change
edd_change:
  mov ah, 0
  ret
// AL: 0-1 prefetch, 2-3 PIO modes, 4-6 DMA. Nothing changes by it.
.globl edd_hardware
edd_hardware:
  cmp rAL, 6
  mov ah, STATUS_BAD_COMMAND
  ja 1f
  mov rAL, 0
  mov ah, 0
1:
  ret

// The result buffer at the caller's DS:SI: 26, 30 or 66 bytes as there is room.
.globl edd_parameters
edd_parameters:
  push es
  mov di, rSI
  mov es, rDS
  mov cx, es:[di]
  cmp cx, 26
  mov ah, STATUS_BAD_COMMAND
  jb 9f
  mov word ptr es:[di], 26
  mov ax, 2
  cmp byte ptr [si + DRIVE_TYPE], DRIVE_ATAPI
  jne 1f
  // Removable, change line, lockable; no geometry.
  mov ax, 0x34
1:
  mov es:[di + 2], ax
  cmp ax, 2
  je 2f
  mov dword ptr es:[di + 4], 0xFFFFFFFF
  mov dword ptr es:[di + 8], 0xFFFFFFFF
  mov dword ptr es:[di + 12], 0xFFFFFFFF
  mov dword ptr es:[di + 16], 0xFFFFFFFF
  mov dword ptr es:[di + 20], 0xFFFFFFFF
  mov word ptr es:[di + 24], 2048
  jmp 3f
2:
  movzx eax, word ptr [si + DRIVE_CYLINDERS]
  mov es:[di + 4], eax
  movzx eax, word ptr [si + DRIVE_HEADS]
  mov es:[di + 8], eax
  movzx eax, word ptr [si + DRIVE_SPT]
  mov es:[di + 12], eax
  mov eax, [si + DRIVE_SECTORS]
  mov es:[di + 16], eax
  mov eax, [si + DRIVE_SECTORS + 4]
  mov es:[di + 20], eax
  mov word ptr es:[di + 24], 512
3:
  cmp cx, 30
  jb 8f
  mov word ptr es:[di], 30
  call dpt_extension
  mov word ptr es:[di + 26], EBDA_DPT_EXTENSION
  mov word ptr es:[di + 28], EBDA_SEGMENT
  cmp cx, 66
  jb 8f
  call device_path
8:
  mov ah, 0
9:
  pop es
  ret

// The device parameter table extension of drive SI.
dpt_extension:
  push cx
  push di
  mov di, EBDA_DPT_EXTENSION
  mov ax, [si + DRIVE_COMMAND]
  mov [di], ax
  mov ax, [si + DRIVE_CONTROL]
  mov [di + 2], ax
  mov al, [si + DRIVE_SELECT]
  or al, 0x40
  mov [di + 4], al
  mov byte ptr [di + 5], 0
  mov al, [si + DRIVE_IRQ]
  mov [di + 6], al
  mov al, [si + DRIVE_MULTIPLE]
  mov [di + 7], al
  mov word ptr [di + 8], 0
  // CHS translation, LBA, 32-bit transfers; for ATAPI removable, ATAPI.
  mov ax, 0x0090
  mov bx, [si + DRIVE_LOGICAL_HEADS]
  cmp bx, [si + DRIVE_HEADS]
  je 1f
  or al, 0x08
1:
  test byte ptr [si + DRIVE_FLAGS], DRIVE_LBA
  jnz 2f
  and al, 0xEF
2:
  cmp byte ptr [si + DRIVE_TYPE], DRIVE_ATAPI
  jne 3f
  mov ax, 0x00F0
3:
  cmp byte ptr [si + DRIVE_MULTIPLE], 1
  jbe 4f
  or al, 0x04
4:
  mov [di + 10], ax
  mov word ptr [di + 12], 0
  mov byte ptr [di + 14], 0x30
  mov cx, 15
  mov al, 0
5:
  sub al, [di]
  inc di
  loop 5b
  mov [di], al
  pop di
  pop cx
  ret

// Device path information, from offset 30 of the buffer at ES:DI.
device_path:
  push cx
  push bx
  mov word ptr es:[di], 66
  mov word ptr es:[di + 30], 0xBEDD
  mov word ptr es:[di + 32], 36
  mov word ptr es:[di + 34], 0
  mov dword ptr es:[di + 36], 0x20494350
  mov dword ptr es:[di + 40], 0x20415441
  cmp byte ptr [si + DRIVE_TYPE], DRIVE_ATAPI
  jne 1f
  mov dword ptr es:[di + 40], 0x50415441
1:
  mov dword ptr es:[di + 44], 0x20202020
  cmp byte ptr [si + DRIVE_TYPE], DRIVE_ATAPI
  jne 2f
  mov dword ptr es:[di + 44], 0x20202049
2:
  // Bus, device, function, channel of the IDE controller, 00:01.1; then which of the two devices.
  mov dword ptr es:[di + 48], 0x00010100
  mov al, [si + DRIVE_INDEX]
  mov ah, al
  shr ah, 1
  mov es:[di + 51], ah
  mov dword ptr es:[di + 52], 0
  and ax, 1
  mov es:[di + 56], ax
  mov word ptr es:[di + 58], 0
  mov dword ptr es:[di + 60], 0
  mov byte ptr es:[di + 64], 0
  mov cx, 35
  mov bx, 30
  mov al, 0
3:
  sub al, es:[di + bx]
  inc bx
  loop 3b
  mov es:[di + bx], al
  pop bx
  pop cx
  ret
