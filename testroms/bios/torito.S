// A bootable CD-ROM: the initial entry of its catalogue is an emulated hard disk, whose boot sector looks at
// the emulation and then asks for the second entry, without emulation; that one makes a diskette for a while.
// What they find is said at port E9h and on the screen. Sources: El Torito Bootable CD-ROM Format 1.0;
// ECMA-119 (ISO 9660), "Volume Descriptors".

#include "guest.h"

#define DISK_BLOCK 22
#define PLAIN_BLOCK 24

.section .volume, "a"
// Block 16: a primary volume descriptor, without files.
  .byte 1
  .ascii "CD001"
  .byte 1
.org 40
  .ascii "APUS TORITO                     "
.org 2048
// Block 17: the boot record.
  .byte 0
  .ascii "CD001"
  .byte 1
  .ascii "EL TORITO SPECIFICATION"
.org 2048 + 0x47
  .long 19
.org 2 * 2048
// Block 18: the end.
  .byte 255
  .ascii "CD001"
  .byte 1
.org 3 * 2048
// Blocks 19 and 20: validation entry, whose words sum to 0; initial entry, a hard disk. The rest of the first
// block are a section for another machine and its extensions, so that the second section is in the next
// block.
  .byte 1, 0
  .org 3 * 2048 + 28
  .word 0x55AA, 0xAA55
  .byte 0x88, 4
  .word 0
  .byte 6, 0
  .word 1
  .long DISK_BLOCK
  .org 3 * 2048 + 64
  .byte 0x90, 0xEF
  .word 1
  .org 3 * 2048 + 96
  .byte 0x88, 0x20
  .org 3 * 2048 + 128
.rept 60
  .byte 0x44, 0x20
  .skip 30
.endr
  .byte 0x91, 0
  .word 2
  .org 4 * 2048 + 32
  .byte 0, 0
  .org 4 * 2048 + 64
  .byte 0x88, 0
  .word 0
  .byte 0, 0
  .word 4
  .long PLAIN_BLOCK
  .org 4 * 2048 + 96

.text
.code16
.globl start
start:
  cli
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7C00
  sti
  mov [drive], dl
  // The disk's second to fourth sectors: track 0 has more.
  mov ax, 0x0203
  mov bx, 0x7E00
  mov cx, 2
  mov dh, 0
  int 0x13
  jnc disk
  mov al, '!'
  out 0xE9, al
1:
  hlt
  jmp 1b
drive: .byte 0
// One partition: 40 cylinders, 4 heads, 32 sectors.
.org 0x1BE
  .byte 0x80, 0, 1, 0, 6, 3, 32, 39
  .long 0, 5120
.org 510
  .word 0xAA55
#include "print.inc"

// Prints AH, the status, and CF.
status:
  pushf
  mov al, 0
  popf
  adc al, 0
  jmp hex

// Prints the specification packet.
packet_out:
  mov cx, 10
  mov si, offset packet
1:
  lodsw
  push si
  push ax
  say " "
  pop ax
  call hex
  pop si
  loop 1b
  say "\r\n"
  ret
.balign 2
packet: .skip 20

disk:
  say "\r\ndisk, 4B01 "
  mov ax, 0x4B01
  mov dl, [drive]
  mov si, offset packet
  int 0x13
  call status
  call packet_out
  say "other drive "
  mov ax, 0x4B01
  mov dl, 0x85
  mov si, offset packet
  int 0x13
  call status
  say " 08 "
  mov ah, 8
  mov dl, 0x80
  int 0x13
  mov ax, cx
  push dx
  call hex
  pop ax
  call hex
  say " write "
  mov ax, 0x0301
  mov bx, 0x9000
  mov cx, 3
  mov dx, 0x0080
  int 0x13
  call status
  say " beyond "
  mov ax, 0x0201
  mov bx, 0x9000
  mov cx, 0x2821
  mov dx, 0x0080
  int 0x13
  call status
  say "\r\n4D "
  mov ax, 0x4D00
  mov si, offset catalog_packet
  int 0x13
  call status
  say " "
  mov ax, [0x9000 + 32]
  call hex
  say " "
  mov ax, [0x9800]
  call hex
  say " "
  mov ax, [0x9800 + 64]
  call hex
  say " bad packet "
  mov ax, 0x4D00
  mov si, offset drive
  int 0x13
  call status
  say " bad controller "
  mov byte ptr [plain_packet + 3], 7
  mov ax, 0x4C00
  mov si, offset plain_packet
  int 0x13
  call status
  say "\r\n4C\r\n"
  mov al, [packet + 3]
  mov [plain_packet + 3], al
  mov al, [packet + 8]
  mov [plain_packet + 8], al
  mov ax, 0x4C00
  mov si, offset plain_packet
  int 0x13
  call status
  say " came back\r\n"
1:
  hlt
  jmp 1b
.balign 2
catalog_packet:
  .byte 8, 2
  .word 0x9000, 0, 0
plain_packet:
  .byte 0x13, 0, 0, 0
  .long PLAIN_BLOCK
  .word 0, 0, 0x7C0, 4
  .byte 0, 0, 0

.section .plain, "ax"
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov [plain_drive], dl
  call plain_say
  .asciz "\r\nplain, drive "
  movzx ax, byte ptr [plain_drive]
  call plain_hex
  call plain_say
  .asciz " 4B01 "
  mov ax, 0x4B01
  mov si, 0x9000
  call plain_call
  call plain_say
  .asciz " block 16 "
  mov ah, 0x42
  mov si, offset plain_read
  call plain_call
  mov cx, 5
  mov si, 0x9001
1:
  lodsb
  out 0xE9, al
  loop 1b
  // A diskette of 1.44 MB out of the same blocks, made and ended.
  mov ax, 0x4B01
  mov si, offset plain_packet2
  call plain_call
  mov byte ptr [plain_packet2 + 1], 2
  mov dword ptr [plain_packet2 + 4], PLAIN_BLOCK
  mov word ptr [plain_packet2 + 12], 0x7C0
  call plain_say
  .asciz " 4A "
  mov ax, 0x4A00
  mov si, offset plain_packet2
  call plain_call
  int 0x11
  and ax, 0xC1
  call plain_hex
  call plain_say
  .asciz " read "
  mov ax, 0x0201
  mov bx, 0x9000
  mov cx, 1
  mov dx, 0
  int 0x13
  call plain_status
  mov ax, [0x9000]
  call plain_hex
  call plain_say
  .asciz " 4B00 "
  mov ax, 0x4B00
  mov si, 0x9000
  mov dl, 0x7F
  int 0x13
  call plain_status
  int 0x11
  and ax, 0xC1
  call plain_hex
  call plain_say
  .asciz " 4B00 "
  mov ax, 0x4B00
  mov si, 0x9000
  mov dl, 0x7F
  int 0x13
  call plain_status
  call plain_say
  .asciz "\r\ndone\r\n"
  mov al, 0
  out 0xF4, al
2:
  hlt
  jmp 2b

plain_call:
  mov dl, [plain_drive]
  int 0x13
plain_status:
  mov al, 0
  adc al, 0
plain_hex:
  mov cx, 4
1:
  rol ax, 4
  push ax
  and al, 15
  cmp al, 10
  sbb al, 0x69
  .byte 0x2F
  out 0xE9, al
  pop ax
  loop 1b
  mov al, ' '
  out 0xE9, al
  ret
plain_say:
  pop si
1:
  lodsb
  test al, al
  jz 2f
  out 0xE9, al
  jmp 1b
2:
  jmp si
plain_drive: .byte 0
.balign 4
plain_read:
  .byte 16, 0
  .word 1, 0x9000, 0
  .quad 16
plain_packet2: .skip 20
