// Writes known sectors to the hard disk that it is and reads them again, through INT 13h's CHS functions and
// EDD, with even and odd buffers, across lines of 64 KiB and at the disk's end; says at port E9h what came
// back. Source: BIOS Enhanced Disk Drive Services 3.0, "Disk Address Packet", functions 42h-44h and 48h.

#include "guest.h"

.text
.code16
.globl start
start:
  load_image tests

#include "print.inc"

// Buffers lie between these, and what is between them and is no buffer must keep its bytes.
#define AREA 0x20000
#define AREA_END 0x50000
#define UNTOUCHED 0xEEEEEEEE
#define FIRST_BLOCK 2048

// Copies, as linear addresses.
write_buffer: .long 0
read_buffer: .long 0
block: .long 0
count: .word 0
seed: .long 0x12345678
sectors: .long 0
heads: .word 0
track: .word 0
// Whether by CHS, and whether by a flat address.
chs: .byte 0
flat: .byte 0
.balign 4
packet:
  .byte 16, 0
packet_count: .word 0
packet_buffer: .long 0
packet_block: .quad 0
packet_flat: .quad 0
parameters: .fill 32, 1, 0

buffers: .long 0x24000, 0x24001, 0x2FE02, 0x2FE03, 0
edd_counts: .word 1, 2, 16, 64, 127, 0
chs_counts: .word 1, 2, 17, 63, 0

tests:
  call geometry
  say "\r\nEDD"
  mov word ptr [counts], offset edd_counts
  call pairs
  say "\r\nEDD, flat addresses"
  mov byte ptr [flat], 1
  call pairs
  say "\r\nCHS"
  mov byte ptr [flat], 0
  mov byte ptr [chs], 1
  mov word ptr [counts], offset chs_counts
  call pairs
  say "\r\nCHS, 64 KiB"
  mov word ptr [counts], offset chs_all
  mov dword ptr [write_buffer], 0x20000
  mov dword ptr [read_buffer], 0x38000
  call pair
  mov byte ptr [chs], 0
  call disk_end
  call errors
  say "\r\ndone\r\n"
  mov dx, 0xF4
  mov al, 0x10
  out dx, al
1:
  hlt
  jmp 1b
chs_all: .word 128, 0
counts: .word 0

geometry:
  mov ah, 8
  mov dl, [boot_drive]
  push es
  int 0x13
  pop es
  movzx ax, dh
  inc ax
  mov [heads], ax
  and cx, 0x3F
  mov [track], cx
  mov word ptr [parameters], 30
  mov si, offset parameters
  mov ah, 0x48
  mov dl, [boot_drive]
  int 0x13
  mov eax, [parameters + 16]
  mov [sectors], eax
  say "\r\nsectors "
  mov ax, [sectors + 2]
  call hex
  mov ax, [sectors]
  jmp hex

// Every buffer written from, every one read to.
pairs:
  mov si, offset buffers
1:
  mov eax, [si]
  test eax, eax
  jz 3f
  mov [write_buffer], eax
  mov di, offset buffers
2:
  mov eax, [di]
  add di, 4
  test eax, eax
  jz 4f
  mov [read_buffer], eax
  push si
  push di
  call pair
  pop di
  pop si
  jmp 2b
4:
  add si, 4
  jmp 1b
3:
  ret

// Every count of the list.
pair:
  say "\r\n  "
  mov eax, [write_buffer]
  call hex32
  say " "
  mov eax, [read_buffer]
  call hex32
  mov dword ptr [block], FIRST_BLOCK
  mov si, [counts]
1:
  mov ax, [si]
  test ax, ax
  jz 2f
  mov [count], ax
  push si
  call round_trip
  pop si
  add si, 2
  // Blocks that are a multiple of nothing.
  add dword ptr [block], 129
  jmp 1b
2:
  ret

// Writes, verifies, reads and compares `count` sectors at `block`.
round_trip:
  call space
  mov ax, [count]
  call hex
  add dword ptr [seed], 0x01000193
  call wipe
  mov eax, [write_buffer]
  mov bx, offset fill_sector
  call each_sector
  mov eax, [write_buffer]
  mov ah, 3
  mov ecx, [write_buffer]
  call disk
  jc 8f
  mov ah, 4
  mov ecx, [write_buffer]
  call disk
  jc 8f
  call wipe
  mov ah, 2
  mov ecx, [read_buffer]
  call disk
  jc 8f
  mov eax, [read_buffer]
  mov bx, offset compare_sector
  call each_sector
  jc 7f
  call compare_rest
  jc 6f
  say " ok"
  ret
6:
  say " stray bytes"
  ret
7:
  say " differs"
  ret
8:
  push ax
  say " error "
  pop ax
  jmp hex

// Function AH = 2, 3 or 4 with the buffer ECX: CF, AX.
disk:
  cmp byte ptr [chs], 0
  jne disk_chs
  push ax
  mov ax, [count]
  mov [packet_count], ax
  mov eax, [block]
  mov [packet_block], eax
  mov byte ptr [packet], 16
  cmp byte ptr [flat], 0
  je 1f
  mov byte ptr [packet], 24
  mov [packet_flat], ecx
  mov ecx, 0xFFFFFFFF
  jmp 2f
1:
  mov eax, ecx
  and eax, 15
  shl ecx, 12
  mov cx, ax
2:
  mov [packet_buffer], ecx
  pop ax
  add ah, 0x40
  mov al, 0
  mov dl, [boot_drive]
  mov si, offset packet
  int 0x13
  jc 9f
  mov ax, [packet_count]
  cmp ax, [count]
  je 9f
  stc
9:
  ret
disk_chs:
  push ax
  mov eax, ecx
  shr eax, 4
  mov es, ax
  mov di, cx
  and di, 15
  // Sector, head, cylinder of `block`.
  xor edx, edx
  mov eax, [block]
  movzx ebx, word ptr [track]
  div ebx
  lea cx, [edx + 1]
  xor edx, edx
  movzx ebx, word ptr [heads]
  div ebx
  mov dh, dl
  mov ch, al
  shl ah, 6
  or cl, ah
  mov dl, [boot_drive]
  pop ax
  mov al, [count]
  mov bx, di
  push ds
  int 0x13
  pop ds
  push 0
  pop es
  jc 9b
  cmp al, [count]
  je 9b
  stc
  ret

// Calls BX for each sector of `count` at EAX with ES:DI there and EDX = its pattern's start; ends at CF.
each_sector:
  mov edx, [block]
  mov cx, [count]
1:
  push cx
  push eax
  push edx
  mov edi, eax
  shr eax, 4
  mov es, ax
  and di, 15
  imul edx, edx, 0x9E3779B1
  xor edx, [seed]
  mov cx, 128
  CALL bx
  pop edx
  pop eax
  pop cx
  jc 2f
  add eax, 512
  inc edx
  loop 1b
  clc
2:
  push 0
  pop es
  ret
fill_sector:
  mov es:[di], edx
  add di, 4
  imul edx, edx, 69069
  inc edx
  loop fill_sector
  clc
  ret
compare_sector:
  cmp es:[di], edx
  stc
  jne 1f
  add di, 4
  imul edx, edx, 69069
  inc edx
  loop compare_sector
  clc
1:
  ret

// The whole area gets UNTOUCHED.
wipe:
  mov dx, AREA / 16
1:
  mov es, dx
  xor di, di
  mov cx, 0x4000
  mov eax, UNTOUCHED
  rep stosd
  add dx, 0x1000
  cmp dx, AREA_END / 16
  jb 1b
  push 0
  pop es
  ret
// CF unless all of the area but the buffer that was read to is as it was.
compare_rest:
  mov eax, AREA
  mov ecx, [read_buffer]
  call untouched
  jc 1f
  movzx eax, word ptr [count]
  shl eax, 9
  add eax, [read_buffer]
  mov ecx, AREA_END
  call untouched
1:
  ret
// From EAX up to ECX.
untouched:
  sub ecx, eax
  jz 2f
  mov edi, eax
  shr eax, 4
  mov es, ax
  and di, 15
1:
  cmp byte ptr es:[di], UNTOUCHED & 0xFF
  stc
  jne 3f
  inc di
  jnz 4f
  mov ax, es
  add ax, 0x1000
  mov es, ax
4:
  dec ecx
  jnz 1b
2:
  clc
3:
  push 0
  pop es
  ret

// The last sectors, and one more than there are.
disk_end:
  say "\r\nend"
  mov dword ptr [write_buffer], 0x24000
  mov dword ptr [read_buffer], 0x24001
  mov eax, [sectors]
  dec eax
  mov word ptr [count], 1
  mov [block], eax
  call round_trip
  mov eax, [sectors]
  sub eax, 127
  mov [block], eax
  mov word ptr [count], 127
  call round_trip
  xchg eax, [read_buffer]
  xchg eax, [write_buffer]
  xchg eax, [read_buffer]
  jmp round_trip

.macro expect_error sector, number
  mov eax, \sector
  mov [block], eax
  mov word ptr [count], \number
  call expect
.endm
errors:
  say "\r\nbeyond"
  call wipe
  mov eax, [sectors]
  sub eax, 126
  expect_error eax, 127
  mov eax, [sectors]
  expect_error eax, 1
  expect_error 0xFFFFFFFF, 1
  // A cylinder that is not there.
  mov byte ptr [chs], 1
  expect_error 1000000, 1
  mov byte ptr [chs], 0
  // The disk still answers by either way.
  say "\r\nafter"
  mov dword ptr [block], FIRST_BLOCK
  mov word ptr [count], 16
  call round_trip
  mov dword ptr [read_buffer], 0x24000
  jmp round_trip
// A read that must fail: says AH, the sectors that the packet counts, and whether memory is as it was.
expect:
  call space
  mov ah, 2
  mov ecx, [write_buffer]
  call disk
  jnc 1f
  mov al, 0
  call hex
  call space
  mov ax, [packet_count]
  call hex
  mov dword ptr [read_buffer], AREA_END
  mov word ptr [count], 0
  mov eax, AREA
  mov ecx, AREA_END
  call untouched
  jc 2f
  mov dword ptr [read_buffer], 0x24001
  ret
1:
  say "read"
  ret
2:
  say " stray bytes"
  ret

// EAX in hexadecimal.
hex32:
  ror eax, 16
  call hex
  shr eax, 16
  jmp hex
space:
  mov al, ' '
  jmp put
