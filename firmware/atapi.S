// CD-ROMs by ATAPI packets, and their part of INT 13h. DS is the EBDA and SI a drive in it.
// Sources: ATA/ATAPI-7, "PACKET"; MMC-3; EDD 3.0.

#include "bios.h"

.section .code, "ax"
.code16

// Sends the packet at EBDA_PACKET to drive SI, to receive at most CX bytes for each data request. AH =
// status, CF; DX = the first port, at which the first data wait.
packet_send:
  mov al, 0
  call packet_issue
  jc 9f
  mov cx, 1
  call delay
  call ata_wait
  jc 9f
  test al, 1
  jnz 8f
  clc
  ret
8:
  mov ah, STATUS_CONTROLLER
  stc
9:
  ret
// The command and the packet, without waiting for what comes of it. AL = the features: bit 0 is DMA.
packet_issue:
  push bx
  mov bl, al
  call ata_select
  mov al, bl
  pop bx
  jc 9f
  inc dx
  out dx, al
  add dx, 3
  mov al, cl
  out dx, al
  inc dx
  mov al, ch
  out dx, al
  add dx, 2
  mov al, 0xA0
  out dx, al
  sub dx, 7
  call ata_wait_data
  jc 9f
  push si
  mov si, EBDA_PACKET
  mov cx, 6
  rep outsw
  pop si
  clc
9:
  ret

packet_clear:
  mov dword ptr [EBDA_PACKET], 0
  mov dword ptr [EBDA_PACKET + 4], 0
  mov dword ptr [EBDA_PACKET + 8], 0
  ret

.globl interrupts_off, interrupts_on
interrupts_off:
  push ax
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x0A
  out dx, al
  pop ax
  ret
interrupts_on:
  pushf
  push ax
  mov dx, [si + DRIVE_COMMAND]
  add dx, 7
  in al, dx
  mov dx, [si + DRIVE_CONTROL]
  mov al, 0x08
  out dx, al
  pop ax
  popf
  ret

// TEST UNIT READY until the drive is ready or has no medium: AH = status, CF.
.globl cdrom_ready
cdrom_ready:
  push cx
  push bx
  call interrupts_off
  mov bx, 200
1:
  call packet_clear
  mov cx, 0
  call packet_send
  jnc 8f
  cmp ah, STATUS_TIMEOUT
  je 7f
  call packet_sense
  jc 7f
  // Sense key 2 with 3Ah: no medium. 6: the medium changed, ask again.
  mov al, [EBDA_SENSE + 2]
  and al, 0x0F
  cmp al, 2
  jne 2f
  cmp byte ptr [EBDA_SENSE + 12], 0x3A
  je 6f
2:
  mov cx, 660
  call delay
  dec bx
  jnz 1b
6:
  mov ah, STATUS_NOT_READY
7:
  stc
  jmp 9f
8:
  mov ah, 0
  clc
9:
  call interrupts_on
  pop bx
  pop cx
  ret

// REQUEST SENSE, 18 bytes, to EBDA_SENSE.
packet_sense:
  push es
  push di
  call packet_clear
  mov byte ptr [EBDA_PACKET], 0x03
  mov byte ptr [EBDA_PACKET + 4], 18
  mov cx, 18
  call packet_send
  jc 9f
  test al, 8
  jz 8f
  push ds
  pop es
  mov di, EBDA_SENSE
  mov cx, 9
  rep insw
  call ata_wait
8:
  clc
9:
  pop di
  pop es
  ret

// Carries out the request in blocks of 2048 bytes, of which REQUEST_FIRST and
// REQUEST_LIMIT may select a part. AH = status, CF.
.globl cdrom_transfer
cdrom_transfer:
  mov word ptr [REQUEST_DONE], 0
  mov byte ptr [REQUEST_PIO], 0
  mov byte ptr [REQUEST_TRIES], 5
  call interrupts_off
1:
  mov cx, [REQUEST_COUNT]
  sub cx, [REQUEST_DONE]
  jz 8f
  cmp cx, 32
  jbe 2f
  mov cx, 32
2:
  mov [REQUEST_CHUNK], cx
  // A block that failed is read again, to the same place.
  push dword ptr [REQUEST_BUFFER]
  push dword ptr [REQUEST_FIRST]
  call cdrom_chunk
  pop edx
  pop ecx
  jnc 1b
  mov [REQUEST_FIRST], edx
  mov [REQUEST_BUFFER], ecx
  cmp ah, STATUS_TIMEOUT
  je 9f
  push ax
  call packet_sense
  pop ax
  mov al, [EBDA_SENSE + 2]
  and al, 0x0F
  // By DMA only "not ready" and "unit attention" are taken at their word.
  cmp dword ptr [REQUEST_BYTES], 0
  je 4f
  cmp al, 2
  je 4f
  cmp al, 6
  je 4f
  mov byte ptr [REQUEST_PIO], 1
  jmp 1b
4:
  cmp al, 5
  mov ah, STATUS_NOT_FOUND
  je 9f
  mov ah, STATUS_NOT_READY
  cmp byte ptr [EBDA_SENSE + 12], 0x3A
  je 9f
  mov ah, STATUS_BAD_CRC
  cmp al, 3
  je 3f
  mov ah, STATUS_CONTROLLER
3:
  dec byte ptr [REQUEST_TRIES]
  jnz 1b
9:
  stc
  call interrupts_on
  ret
8:
  mov ah, 0
  clc
  call interrupts_on
  ret

// READ(10) of REQUEST_CHUNK blocks, fewer by PIO.
cdrom_chunk:
  call dma_blocks
  cmp dword ptr [REQUEST_BYTES], 0
  je cdrom_pio
  call cdrom_packet
  mov al, 1
  mov cx, 0x8000
  call packet_issue
  jc 2f
  call dma_run
  jc 1f
  mov word ptr [REQUEST_FIRST], 0
  mov ecx, [REQUEST_BYTES]
  shr ecx, 2
  sub [REQUEST_LIMIT], cx
  clc
  ret
1:
  // The drive itself says why by its sense data; after any other failure there is none.
  cmp word ptr [si + DRIVE_DMA], 0
  mov ah, STATUS_CONTROLLER
  stc
  jne 2f
  mov dword ptr [REQUEST_BYTES], 0
cdrom_pio:
  cmp word ptr [REQUEST_CHUNK], 16
  jbe 1f
  mov word ptr [REQUEST_CHUNK], 16
1:
  call cdrom_packet
  mov cx, 0x8000
  call packet_send
  jnc cdrom_receive
2:
  ret
cdrom_packet:
  call packet_clear
  mov byte ptr [EBDA_PACKET], 0x28
  mov eax, [REQUEST_LBA]
  movzx ebx, word ptr [REQUEST_DONE]
  add eax, ebx
  xchg al, ah
  rol eax, 16
  xchg al, ah
  mov [EBDA_PACKET + 2], eax
  mov ax, [REQUEST_CHUNK]
  xchg al, ah
  mov [EBDA_PACKET + 7], ax
  ret
cdrom_receive:
1:
  // Each data request tells its bytes in LBA mid and high.
  call ata_wait
  jc 9f
  test al, 0x21
  jnz 8f
  test al, 8
  jz 7f
  add dx, 4
  in al, dx
  mov cl, al
  inc dx
  in al, dx
  mov ch, al
  sub dx, 5
  jcxz 8f
  call cdrom_data
  push cx
  mov cx, 1
  call delay
  pop cx
  jmp 1b
7:
  mov cx, [REQUEST_CHUNK]
  add [REQUEST_DONE], cx
  call dma_judge
  clc
  ret
8:
  mov ah, STATUS_CONTROLLER
  stc
9:
  ret

// CX bytes to the buffer, or to nowhere for a verify. With a part selected, only that.
cdrom_data:
  cmp byte ptr [REQUEST_KIND], KIND_VERIFY
  je 3f
  cmp byte ptr [REQUEST_PART], 0
  jne 5f
  push cx
  add cx, 3
  shr cx, 2
  call ata_data
  pop cx
  ret
3:
  shr cx, 1
4:
  in ax, dx
  loop 4b
  ret
5:
  // Doubleword by doubleword; REQUEST_FIRST counts those to drop, REQUEST_LIMIT those to keep.
  shr cx, 2
6:
  cmp word ptr [REQUEST_FIRST], 0
  jne 7f
  cmp word ptr [REQUEST_LIMIT], 0
  je 8f
  dec word ptr [REQUEST_LIMIT]
  push cx
  mov cx, 1
  call ata_data
  pop cx
  loop 6b
  ret
7:
  dec word ptr [REQUEST_FIRST]
8:
  in eax, dx
  loop 6b
  ret

// INT 13h for a CD-ROM: blocks of 2048 bytes by EDD.
.globl cdrom_service
cdrom_service:
  mov ah, rAH
  mov di, offset cdrom_functions
  jmp service_find
cdrom_functions:
  .byte 0x00
  .word cdrom_reset
  .byte 0x01
  .word disk_status
  .byte 0x0D
  .word cdrom_reset
  .byte 0x10
  .word cdrom_ready
  .byte 0x11
  .word disk_nothing
  .byte 0x15
  .word cdrom_type
  .byte 0x41
  .word edd_check
  .byte 0x42
  .word cdrom_read
  .byte 0x43
  .word cdrom_write
  .byte 0x44
  .word cdrom_verify
  .byte 0x45
  .word cdrom_lock
  .byte 0x46
  .word cdrom_eject
  .byte 0x47
  .word disk_nothing
  .byte 0x48
  .word edd_parameters
  .byte 0x49
  .word cdrom_change
  .byte 0x4E
  .word edd_hardware
  .byte 0xFF

cdrom_reset:
  // DEVICE RESET leaves the other device alone.
  call ata_select
  add dx, 7
  mov al, 0x08
  out dx, al
  sub dx, 7
  call ata_wait
  mov ah, 0
  ret
// AH = 2: a removable medium with a change line.
cdrom_type:
  mov rAX, 0x0200
  mov ah, 0xFF
  ret
cdrom_write:
  mov ah, STATUS_WRITE_PROTECTED
  ret
cdrom_read:
  mov al, KIND_READ
  jmp 1f
cdrom_verify:
  mov al, KIND_VERIFY
1:
  mov [REQUEST_KIND], al
  mov byte ptr [REQUEST_PART], 0
  call edd_packet
  jc 2f
  mov ah, STATUS_NOT_FOUND
  cmp dword ptr [REQUEST_LBA + 4], 0
  jne 2f
  call cdrom_transfer
  jmp edd_done
2:
  mov word ptr [REQUEST_DONE], 0
  jmp edd_done

// AL: 0 lock, 1 unlock, 2 state. PREVENT ALLOW MEDIUM REMOVAL.
cdrom_lock:
  movzx bx, byte ptr [si + DRIVE_INDEX]
  mov al, rAL
  cmp al, 2
  ja 8f
  je 7f
  cmp al, 0
  je 1f
  cmp byte ptr [EBDA_CDROM_LOCKS + bx], 0
  mov ah, 0xB0
  je 9f
  dec byte ptr [EBDA_CDROM_LOCKS + bx]
  jnz 6f
  mov al, 0
  jmp 2f
1:
  cmp byte ptr [EBDA_CDROM_LOCKS + bx], 0xFF
  mov ah, 0xB4
  je 9f
  inc byte ptr [EBDA_CDROM_LOCKS + bx]
  mov al, 1
2:
  call packet_clear
  mov byte ptr [EBDA_PACKET], 0x1E
  mov [EBDA_PACKET + 4], al
  call cdrom_command
6:
  mov ah, 0
7:
  mov al, 0
  cmp byte ptr [EBDA_CDROM_LOCKS + bx], 0
  je 3f
  mov al, 1
3:
  mov rAL, al
  mov ah, 0
  ret
8:
  mov ah, STATUS_BAD_COMMAND
9:
  ret
// START STOP UNIT with LoEj.
cdrom_eject:
  movzx bx, byte ptr [si + DRIVE_INDEX]
  cmp byte ptr [EBDA_CDROM_LOCKS + bx], 0
  mov ah, 0xB1
  jne 9b
  call packet_clear
  mov byte ptr [EBDA_PACKET], 0x1B
  mov byte ptr [EBDA_PACKET + 4], 2
  call cdrom_command
  ret
cdrom_command:
  call interrupts_off
  mov cx, 0
  call packet_send
  call interrupts_on
  jc 1f
  mov ah, 0
1:
  ret
cdrom_change:
  call cdrom_ready
  jc 1f
  mov ah, 0
1:
  ret
