// Bus-master DMA for the drives on the compatible IDE ports. DS is the EBDA and SI a drive in it.
// Sources: SFF-8038i, "Programming Interface for Bus Master IDE Controller"; Intel 82371SB datasheet, "Bus
// Master IDE I/O Registers"; ATA/ATAPI-7, "DMA command protocol".

#include "bios.h"

.section .code, "ax"
.code16

// Of a channel: command, status, table of physical regions.
#define MASTER_STATUS 2
#define MASTER_TABLE 4
#define MASTER_START 0x01
#define MASTER_TO_MEMORY 0x08
#define MASTER_ACTIVE 0x01
#define MASTER_ERROR 0x02
#define MASTER_INTERRUPT 0x04

// POST: AX = the bus master's ports for the first channel, 0 without one.
.globl dma_find
dma_find:
  push bx
  push ecx
  push di
  mov bx, 0xFFFF
1:
  call pci_next
  mov ax, 0
  jc 9f
  mov di, 0x0A
  call pci_read_word
  cmp cx, 0x0101
  jne 1b
  // Programming interface bit 7: a bus master; 0 and 2: a channel that is not at the compatible ports.
  mov di, 0x09
  call pci_read_byte
  and cl, 0x85
  cmp cl, 0x80
  jne 1b
  mov di, 0x04
  call pci_read_byte
  and cl, 5
  cmp cl, 5
  jne 1b
  mov di, 0x20
  call pci_read_dword
  test cl, 1
  jz 1b
  and ecx, 0xFFFFFFF0
  jz 1b
  mov ax, cx
9:
  pop di
  pop ecx
  pop bx
  ret

// POST: decides by the IDENTIFY data at 0:8000h whether drive SI gets DMA. Words 49 and 63: DMA, multiword
// modes; 62: a packet device that wants DMADIR. The status register tells drivers of it.
.globl dma_drive
dma_drive:
  mov dx, [si + DRIVE_DMA]
  test dx, dx
  jz 9f
  test byte ptr es:[IDENTIFY_BUFFER + 2 * 49 + 1], 1
  jz 8f
  test byte ptr es:[IDENTIFY_BUFFER + 2 * 63], 7
  jz 8f
  test byte ptr es:[IDENTIFY_BUFFER + 2 * 62 + 1], 0x80
  jnz 8f
  mov ah, 0x20
  test byte ptr [si + DRIVE_INDEX], 1
  jz 1f
  mov ah, 0x40
1:
  add dx, MASTER_STATUS
  in al, dx
  and al, 0x60
  or al, ah
  out dx, al
  ret
8:
  mov word ptr [si + DRIVE_DMA], 0
9:
  ret

// Whether ECX bytes may move between drive SI and the request's buffer by DMA: CF if not.
dma_allowed:
  push eax
  push edx
  cmp word ptr [si + DRIVE_DMA], 0
  je 8f
  cmp byte ptr [REQUEST_PIO], 0
  jne 8f
  cmp byte ptr [REQUEST_KIND], KIND_VERIFY
  je 8f
  // In virtual 8086 mode a memory manager may have mapped the buffer elsewhere.
  smsw ax
  test al, 1
  jnz 8f
  mov eax, [REQUEST_BUFFER]
  test al, 1
  jnz 8f
  mov edx, eax
  add edx, ecx
  jc 8f
  // RAM only: adapters' memory and ROM shadows are not a bus master's to write.
  cmp edx, 0xA0000
  jbe 7f
  cmp eax, 0x100000
  jb 8f
  cmp edx, cs:[low_memory_end]
  ja 8f
  call dma_sees_a20
  jc 8f
7:
  clc
  jmp 9f
8:
  stc
9:
  pop edx
  pop eax
  ret

// The A20 gate is the processor's alone. It is open where memory at 1 MiB differs from the vectors at 0; CF
// if that does not show.
dma_sees_a20:
  push cx
  push si
  push di
  push ds
  push es
  xor si, si
  mov ds, si
  mov di, 0xFFFF
  mov es, di
  mov di, 16
  mov cx, 64
  repe cmpsd
  pop es
  pop ds
  pop di
  pop si
  pop cx
  jne 1f
  stc
  ret
1:
  clc
  ret

// ATA: the table for REQUEST_CHUNK sectors. REQUEST_BYTES stays 0 where PIO has to serve.
.globl dma_sectors
dma_sectors:
  mov dword ptr [REQUEST_BYTES], 0
  movzx ecx, word ptr [REQUEST_CHUNK]
  shl ecx, 9
  call dma_allowed
  jc 9f
  mov di, EBDA_REGIONS
  mov eax, [REQUEST_BUFFER]
  mov ebx, ecx
  call region_add
  call dma_ready
9:
  ret

// ATAPI: the table for REQUEST_CHUNK blocks, of which REQUEST_PART may want only a part; the rest goes to
// EBDA_NOWHERE. REQUEST_BYTES as above.
.globl dma_blocks
dma_blocks:
  mov dword ptr [REQUEST_BYTES], 0
  movzx eax, word ptr [REQUEST_CHUNK]
  shl eax, 11
  xor edx, edx
  mov ecx, eax
  cmp byte ptr [REQUEST_PART], 0
  je 1f
  movzx edx, word ptr [REQUEST_FIRST]
  shl edx, 2
  cmp edx, NOWHERE_MOST
  ja 9f
  sub eax, edx
  movzx ecx, word ptr [REQUEST_LIMIT]
  shl ecx, 2
  jz 9f
  cmp ecx, eax
  jbe 1f
  mov ecx, eax
1:
  sub eax, ecx
  cmp eax, NOWHERE_MOST
  ja 9f
  call dma_allowed
  jc 9f
  mov ebx, ecx
  mov di, EBDA_REGIONS
  push eax
  mov ecx, edx
  call region_nowhere
  mov eax, [REQUEST_BUFFER]
  mov ecx, ebx
  call region_add
  pop ecx
  call region_nowhere
  call dma_ready
9:
  ret

// Appends ECX bytes at EAX to the table, whose end is DI. No region crosses a line of 64 KiB; 0 bytes are
// 64 KiB.
region_add:
  push edx
1:
  test ecx, ecx
  jz 2f
  mov [di], eax
  mov edx, 0x10000
  sub dx, ax
  jz 3f
  and edx, 0xFFFF
3:
  cmp edx, ecx
  jbe 4f
  mov edx, ecx
4:
  mov [di + 4], dx
  mov word ptr [di + 6], 0
  add di, 8
  add eax, edx
  sub ecx, edx
  jmp 1b
2:
  pop edx
  ret
// ECX bytes for which there is no use.
region_nowhere:
  push ebx
1:
  test ecx, ecx
  jz 3f
  mov ebx, ecx
  cmp ecx, NOWHERE_SIZE
  jbe 2f
  mov ecx, NOWHERE_SIZE
2:
  sub ebx, ecx
  mov eax, EBDA_SEGMENT * 16 + EBDA_NOWHERE
  call region_add
  mov ecx, ebx
  jmp 1b
3:
  pop ebx
  ret

// Ends the table at DI and gives it to the bus master. REQUEST_BYTES = EBX unless its ports do not answer,
// as after a driver moved them.
dma_ready:
  or byte ptr [di - 1], 0x80
  mov dx, [si + DRIVE_DMA]
  call dma_direction
  out dx, al
  add dx, MASTER_TABLE
  mov eax, EBDA_SEGMENT * 16 + EBDA_REGIONS
  out dx, eax
  in eax, dx
  cmp eax, EBDA_SEGMENT * 16 + EBDA_REGIONS
  jne 1f
  sub dx, MASTER_TABLE - MASTER_STATUS
  in al, dx
  or al, MASTER_ERROR | MASTER_INTERRUPT
  out dx, al
  mov [REQUEST_BYTES], ebx
1:
  ret
// AL = the command register without MASTER_START.
dma_direction:
  mov al, 0
  cmp byte ptr [REQUEST_KIND], KIND_WRITE
  je 1f
  mov al, MASTER_TO_MEMORY
1:
  ret

// The drive has its command: moves the data, at most for ten seconds. CF on failure; where that was not the
// drive's own word, the drive is reset and has no DMA any more. Without interrupts (nIEN) the end shows in
// the alternate status and in the bus master's activity.
.globl dma_run
dma_run:
  push ecx
  mov dx, [si + DRIVE_DMA]
  call dma_direction
  or al, MASTER_START
  out dx, al
  mov ecx, 660000
1:
  mov dx, [si + DRIVE_CONTROL]
  in al, dx
  mov ah, al
  mov dx, [si + DRIVE_DMA]
  add dx, MASTER_STATUS
  in al, dx
  test al, MASTER_ERROR
  jnz 7f
  test ah, 0x88
  jnz 2f
  test ah, 0x21
  jnz 6f
  test al, MASTER_ACTIVE
  jz 8f
2:
  push cx
  mov cx, 1
  call delay
  pop cx
  dec ecx
  jnz 1b
  jmp 7f
6:
  call dma_stop
  stc
  jmp 9f
7:
  call dma_stop
  mov word ptr [si + DRIVE_DMA], 0
  call ata_reset
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x0A
  out dx, al
  stc
  jmp 9f
8:
  call dma_stop
  mov ecx, [REQUEST_BYTES]
  add [REQUEST_BUFFER], ecx
  mov cx, [REQUEST_CHUNK]
  add [REQUEST_DONE], cx
  clc
9:
  pop ecx
  ret
dma_stop:
  mov dx, [si + DRIVE_DMA]
  call dma_direction
  out dx, al
  ret

// After a success by PIO: what DMA could not do and PIO could speaks against DMA with this drive.
.globl dma_judge
dma_judge:
  cmp byte ptr [REQUEST_PIO], 0
  je 1f
  mov word ptr [si + DRIVE_DMA], 0
1:
  ret
