// Calls every function of INT 10h, 13h, 15h, 16h and 1Ah with registers out of a generator with a fixed seed,
// and says in the end whether the BIOS, the vectors and the memory that it had no business with are as
// before.
//
// Left out are calls that may do what they are told: wait for a key (INT 16h 00h, 10h), write to disks (INT
// 13h 03h, 0Bh, 43h), move memory and leave real mode (INT 15h 87h, 89h), switch off (5307h), install a far
// call (C207h), restore the adapter's state out of garbage (INT 10h 1Ch, 4F04h), write PCI configuration
// (B10Bh-B10Fh). Buffers are in 128 KiB from 20000h and 30000h; waits and repetitions are kept short.

#include "guest.h"

#define SANDBOX 0x2000
#define GUARD 0x6000
#define ROM_COPY 0x7000
#define PASSES 4
// The registers of the last call, for whoever looks at a machine that hangs: interrupt, then AX, BX, CX, DX,
// SI, DI, BP.
#define LAST_CALL 0x600

.text
.code16
.globl start
start:
  load_image fuzz
#include "print.inc"

seed: .long 0x41505553
// AX = the next number: the high half of a linear congruential generator.
random:
  push edx
  mov eax, [seed]
  mov edx, 1664525
  mul edx
  add eax, 1013904223
  mov [seed], eax
  shr eax, 16
  pop edx
  ret

vectors: .byte 0x10, 0x13, 0x15, 0x16, 0x1A, 0
packet: .byte 16, 0
  .word 1, 0, SANDBOX
  .quad 0
saved_stack: .word 0
calls: .word 0

fuzz:
  say "\r\nfuzz\r\n"
  // Copies of the adapter's BIOS and of the vectors, zeros to the guard.
  push 0xC000
  pop ds
  push ROM_COPY
  pop es
  xor si, si
  xor di, di
  mov cx, 0x4000
  rep movsw
  push 0
  pop ds
  push SANDBOX + 0x3000
  pop es
  xor si, si
  xor di, di
  mov cx, 0x200
  rep movsw
  push GUARD
  pop es
  xor di, di
  mov cx, 0x8000
  xor ax, ax
  rep stosw
  mov cx, PASSES
1:
  push cx
  mov si, offset vectors
2:
  lodsb
  test al, al
  jz 4f
  mov [number], al
  push si
  mov bp, 0
3:
  push bp
  call one_call
  pop bp
  inc bp
  cmp bp, 256
  jb 3b
  pop si
  jmp 2b
4:
  pop cx
  loop 1b
  jmp verdict

// Function BP of the interrupt `number`.
one_call:
  call random
  mov bx, ax
  call random
  mov cx, ax
  call random
  mov dx, ax
  call random
  mov si, ax
  call random
  mov di, ax
  call random
  // Small numbers are what most functions know.
  test ah, 1
  jz 1f
  and al, 0x0F
1:
  test ah, 2
  jz 2f
  and bx, 0x0F0F
2:
  mov ah, 0
  xchg bp, ax
  xchg al, ah
  xchg bp, ax
  or bp, ax
  call restrain
  jc 9f
  mov al, [number]
  mov [LAST_CALL], al
  mov [LAST_CALL + 2], bp
  mov [LAST_CALL + 4], bx
  mov [LAST_CALL + 6], cx
  mov [LAST_CALL + 8], dx
  mov [LAST_CALL + 10], si
  mov [LAST_CALL + 12], di
  inc word ptr [calls]
  mov [saved_stack], sp
  push SANDBOX
  pop es
  push bp
  call random
  pop bp
  xchg ax, bp
  cmp ah, 0x42
  jb 3f
  cmp ah, 0x49
  ja 3f
  cmp byte ptr [number], 0x13
  jne 3f
  // A packet at DS:SI, with a buffer in the sandbox.
  mov [packet + 8], edi
  and di, 0x7F
  mov [packet + 2], di
  mov si, offset packet
  // 48h writes there.
  cmp ah, 0x48
  jne 4f
3:
  push SANDBOX + 0x1000
  pop ds
4:
  .byte 0xCD
number: .byte 0
  cld
  sti
  xor ax, ax
  mov ds, ax
  mov es, ax
  cmp sp, [saved_stack]
  je 9f
  mov sp, [saved_stack]
  say "stack differs\r\n"
9:
  ret

// CF for a call BP that is left out; else what would take too long is cut. An entry is an interrupt, the
// function, the subfunction or FFh for all, and what to do: 0 leaves it out, 1 makes CX a byte, 2 makes it 0.
restrain:
  push si
  mov si, offset restraints
1:
  cmp byte ptr [si], 0
  je 8f
  mov al, [number]
  cmp [si], al
  jne 7f
  mov ax, bp
  cmp [si + 1], ah
  jne 7f
  cmp byte ptr [si + 2], 0xFF
  je 2f
  cmp [si + 2], al
  jne 7f
2:
  cmp byte ptr [si + 3], 1
  jb 9f
  mov ch, 0
  je 8f
  mov cl, 0
  jmp 8f
7:
  add si, 4
  jmp 1b
8:
  pop si
  clc
  ret
9:
  pop si
  stc
  ret
restraints:
  .byte 0x10, 0x13, 0xFF, 1
  .byte 0x10, 0x1C, 0x02, 0
  .byte 0x10, 0x4F, 0x04, 0
  .byte 0x13, 0x03, 0xFF, 0
  .byte 0x13, 0x0B, 0xFF, 0
  .byte 0x13, 0x43, 0xFF, 0
  .byte 0x15, 0x53, 0x07, 0
  .byte 0x15, 0x86, 0xFF, 2
  .byte 0x15, 0x87, 0xFF, 0
  .byte 0x15, 0x89, 0xFF, 0
  .byte 0x15, 0xC2, 0x07, 0
  .byte 0x16, 0x00, 0xFF, 0
  .byte 0x16, 0x10, 0xFF, 0
  .byte 0x1A, 0xB1, 0x0B, 0
  .byte 0x1A, 0xB1, 0x0C, 0
  .byte 0x1A, 0xB1, 0x0D, 0
  .byte 0x1A, 0xB1, 0x0E, 0
  .byte 0x1A, 0xB1, 0x0F, 0
  .byte 0

verdict:
  mov ax, 0x4F02
  mov bx, 3
  int 0x10
  mov ax, 0x0500
  int 0x10
  mov ax, 0x1201
  mov bl, 0x32
  mov al, 0
  int 0x10
  say "calls "
  mov ax, [calls]
  call hex
  // Vectors, but for the fonts' (1Fh, 43h) that INT 10h AH=11h sets.
  say "\r\nvectors"
  push SANDBOX + 0x3000
  pop es
  xor di, di
1:
  mov eax, [di]
  cmp eax, es:[di]
  je 2f
  cmp di, 0x1F * 4
  je 2f
  cmp di, 0x43 * 4
  je 2f
  say " differ at "
  mov ax, di
  call hex
2:
  add di, 4
  cmp di, 0x400
  jb 1b
  say "\r\nguard "
  push GUARD
  pop es
  xor di, di
  mov cx, 0x8000
  xor ax, ax
  repe scasw
  mov ax, cx
  call hex
  // Some of its bytes are variables.
  say "\r\nadapter's BIOS "
  push ds
  push 0xC000
  pop ds
  push ROM_COPY
  pop es
  xor si, si
  xor bx, bx
  mov cx, 0x8000
5:
  lodsb
  cmp al, es:[si - 1]
  je 6f
  inc bx
6:
  loop 5b
  pop ds
  cmp bx, 64
  mov ax, bx
  ja 7f
  xor ax, ax
7:
  call hex
  // The services still do what they should.
  say "\r\nservices "
  mov ah, 0x0F
  int 0x10
  call hex
  say " "
  mov ax, 0x0201
  mov bx, 0x9000
  mov cx, 1
  mov dx, 0x0080
  push 0
  pop es
  mov word ptr [packet + 2], 1
  mov dword ptr [packet + 8], 0
  mov word ptr [packet + 6], 0x900
  mov word ptr [packet + 4], 0
  mov si, offset packet
  mov ah, 0x42
  int 0x13
  mov al, 0
  adc al, 0
  call hex
  say " "
  mov ax, [0x9000 + 510]
  call hex
  say " "
  mov ah, 0
  int 0x1A
  mov bx, dx
3:
  mov ah, 0
  int 0x1A
  cmp dx, bx
  je 3b
  say "ticks\r\ndone\r\n"
  mov al, 0
  out 0xF4, al
4:
  hlt
  jmp 4b
