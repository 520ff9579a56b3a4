// ATA disks: reading, writing and verifying, by DMA (atadma.S) or PIO. DS is the EBDA and SI a drive in it.
// Source: ATA/ATAPI-7.

#include "bios.h"

.section .code, "ax"
.code16

// Carries out the request for drive SI: AH = status, CF.
.globl ata_transfer
ata_transfer:
  mov word ptr [REQUEST_DONE], 0
  mov byte ptr [REQUEST_PIO], 0
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x0A
  out dx, al
  mov byte ptr [REQUEST_TRIES], 3
1:
  mov cx, [REQUEST_COUNT]
  sub cx, [REQUEST_DONE]
  jz 8f
  cmp cx, 128
  jbe 2f
  mov cx, 128
2:
  mov [REQUEST_CHUNK], cx
  call ata_chunk
  jnc 1b
  // What was transferred before the error is counted; the rest is tried again.
  cmp ah, STATUS_BAD_COMMAND
  je 9f
  cmp ah, STATUS_NOT_FOUND
  je 9f
  dec byte ptr [REQUEST_TRIES]
  jz 9f
  cmp ah, STATUS_TIMEOUT
  jne 1b
  call ata_reset
  jmp 1b
8:
  mov ah, 0
9:
  mov dx, [si + DRIVE_COMMAND]
  add dx, 7
  in al, dx
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x08
  out dx, al
  cmp ah, 1
  cmc
  ret

ata_chunk:
  call dma_sectors
  call ata_select
  jc 9f
  mov eax, [REQUEST_LBA]
  movzx ebx, word ptr [REQUEST_DONE]
  add eax, ebx
  movzx ebx, word ptr [REQUEST_LBA + 4]
  adc bx, 0
  movzx ecx, word ptr [REQUEST_CHUNK]
  test byte ptr [si + DRIVE_FLAGS], DRIVE_LBA
  jz ata_setup_chs
  // 28 bits serve unless the range ends beyond them.
  mov edi, eax
  add edi, ecx
  jc ata_setup48
  cmp edi, 0x10000000
  ja ata_setup48
  test bx, bx
  jnz ata_setup48
  mov bh, 0
  call ata_task_file
  shr eax, 24
  or al, 0x40
  or al, [si + DRIVE_SELECT]
  out dx, al
  jmp ata_issue
ata_setup48:
  // The high halves go first: count 15:8, LBA 31:24, 39:32, 47:40.
  push eax
  push cx
  movzx edi, bx
  mov cl, ch
  shr eax, 24
  shl edi, 8
  or eax, edi
  call ata_task_file
  sub dx, 6
  pop cx
  pop eax
  call ata_task_file
  mov al, 0x40
  or al, [si + DRIVE_SELECT]
  out dx, al
  mov bh, 3
  jmp ata_issue
ata_setup_chs:
  xor edx, edx
  movzx ebx, word ptr [si + DRIVE_SPT]
  div ebx
  inc dx
  mov di, dx
  xor edx, edx
  movzx ebx, word ptr [si + DRIVE_HEADS]
  div ebx
  shl eax, 8
  mov ebx, edx
  mov dx, di
  mov al, dl
  mov dx, [si + DRIVE_COMMAND]
  push bx
  call ata_task_file
  pop bx
  mov al, bl
  or al, [si + DRIVE_SELECT]
  out dx, al
  mov bh, 0
// DX is the device register; BH = 0 for 28-bit commands, 3 for 48-bit ones.
ata_issue:
  inc dx
  movzx di, byte ptr [REQUEST_KIND]
  cmp dword ptr [REQUEST_BYTES], 0
  je 10f
  add di, 12
  jmp 1f
10:
  cmp byte ptr [si + DRIVE_MULTIPLE], 1
  je 1f
  cmp di, KIND_VERIFY
  je 1f
  add di, 6
1:
  cmp bh, 0
  je 2f
  add di, 3
2:
  mov al, cs:[ata_commands + di]
  out dx, al
  sub dx, 7
  cmp byte ptr [REQUEST_KIND], KIND_VERIFY
  je 7f
  cmp dword ptr [REQUEST_BYTES], 0
  jne ata_dma
3:
  call ata_wait_data
  jc 9f
  movzx cx, byte ptr [si + DRIVE_MULTIPLE]
  cmp cx, [REQUEST_CHUNK]
  jbe 4f
  mov cx, [REQUEST_CHUNK]
4:
  push cx
  shl cx, 7
  call ata_data
  pop cx
  add [REQUEST_DONE], cx
  sub [REQUEST_CHUNK], cx
  jnz 3b
  cmp byte ptr [REQUEST_KIND], KIND_WRITE
  jne 8f
  call ata_wait
  jc 9f
  test al, 0x21
  jnz ata_error
  jmp 8f
7:
  call ata_wait
  jc 9f
  test al, 0x21
  jnz ata_error
  mov cx, [REQUEST_CHUNK]
  add [REQUEST_DONE], cx
8:
  call dma_judge
  clc
9:
  ret
ata_dma:
  call dma_run
  jnc 9b
  mov byte ptr [REQUEST_PIO], 1
  jmp ata_chunk
// READ, WRITE, READ VERIFY: plain, EXT; then READ MULTIPLE, WRITE MULTIPLE; READ DMA, WRITE DMA.
ata_commands:
  .byte 0x20, 0x30, 0x40, 0x24, 0x34, 0x42
  .byte 0xC4, 0xC5, 0x40, 0x29, 0x39, 0x42
  .byte 0xC8, 0xCA, 0x40, 0x25, 0x35, 0x42

// Count CL and block number bits 23:0 of EAX to the registers at DX; DX = the device register.
ata_task_file:
  push eax
  add dx, 2
  push ax
  mov al, cl
  out dx, al
  pop ax
  inc dx
  out dx, al
  shr eax, 8
  inc dx
  out dx, al
  shr eax, 8
  inc dx
  out dx, al
  inc dx
  pop eax
  ret

// CX doublewords between the data port DX and the buffer, which moves on.
.globl ata_data
ata_data:
  push es
  push eax
  push si
  push edi
  mov eax, [REQUEST_BUFFER]
  movzx edi, cx
  shl edi, 2
  add [REQUEST_BUFFER], edi
  add edi, eax
  cmp edi, 0x100000
  ja 5f
  mov edi, eax
  shr eax, 4
  mov es, ax
  and di, 15
  cmp byte ptr [REQUEST_KIND], KIND_WRITE
  je 1f
  rep insd
  jmp 9f
1:
  push ds
  mov si, di
  mov ax, es
  mov ds, ax
  rep outsd
  pop ds
  jmp 9f
// A flat address (EDD 3.0), or the last 64 KiB below FFFF:FFFF: doubleword by doubleword through FS.
5:
  push fs
  call enter_unreal
  mov edi, eax
6:
  cmp byte ptr [REQUEST_KIND], KIND_WRITE
  je 7f
  in eax, dx
  mov fs:[edi], eax
  jmp 8f
7:
  mov eax, fs:[edi]
  out dx, eax
8:
  add edi, 4
  loop 6b
  pop fs
9:
  pop edi
  pop si
  pop eax
  pop es
  ret
