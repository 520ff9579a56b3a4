// Colours: the palettes that a mode set loads, INT 10h AH=0Bh and AH=10h.

#include "vga.h"

.section .code, "ax"
.code16

// Loads the DAC for mode SI.
.globl palette_load
palette_load:
  pushad
  mov dx, 0x3C8
  mov al, 0
  out dx, al
  inc dx
  movzx bx, byte ptr cs:[si + MODE_PALETTE]
  cmp bl, PALETTE_256
  je 3f
  shl bx, 1
  mov bx, cs:[palette_makers + bx]
  mov cx, 0
1:
  mov al, cl
  and al, 0x3F
  CALL bx
  inc cx
  cmp cx, 64
  jb 1b
  // The rest is black.
  mov cx, 192 * 3
2:
  mov al, 0
  out dx, al
  loop 2b
  jmp 4f
3:
  call palette_256
4:
  test byte ptr [BDA_VIDEO_FLAGS], 0x02
  jz 5f
  mov bx, 0
  mov cx, 256
  call grey_sums
5:
  popad
  ret
palette_makers: .word colour_cga, colour_ega, 0, colour_mono

// Colour AL of 64 as the EGA has them, rgbRGB: a third for the lower case bits, two thirds for the others.
colour_ega:
  mov ah, al
  mov al, 0
  test ah, 0x20
  jz 1f
  add al, 0x15
1:
  test ah, 0x04
  jz 2f
  add al, 0x2A
2:
  out dx, al
  mov al, 0
  test ah, 0x10
  jz 3f
  add al, 0x15
3:
  test ah, 0x02
  jz 4f
  add al, 0x2A
4:
  out dx, al
  mov al, 0
  test ah, 0x08
  jz 5f
  add al, 0x15
5:
  test ah, 0x01
  jz 6f
  add al, 0x2A
6:
  out dx, al
  ret

// Colour AL as IRGB with bit 4 the intensity; dark yellow is brown.
colour_cga:
  and al, 0x17
  cmp al, 6
  je 7f
  test al, 0x10
  jz colour_ega
  or al, 0x38
  jmp colour_ega
7:
  mov al, 0x2A
  out dx, al
  mov al, 0x15
  out dx, al
  mov al, 0
  out dx, al
  ret

// Black, normal, dim, bright in groups of eight.
colour_mono:
  push bx
  movzx bx, al
  shr bx, 3
  and bx, 3
  mov al, cs:[greys_mono + bx]
  out dx, al
  out dx, al
  out dx, al
  pop bx
  ret
greys_mono: .byte 0, 0x2A, 0x15, 0x3F

// 16 colours of the CGA, 16 greys, nine circles of 24 hues, 8 times black.
palette_256:
  mov cx, 0
1:
  mov al, cl
  test al, 8
  jz 2f
  xor al, 0x18
2:
  push cx
  call colour_cga
  pop cx
  inc cx
  cmp cx, 16
  jb 1b
  mov bx, offset greys
3:
  mov al, cs:[bx]
  out dx, al
  out dx, al
  out dx, al
  inc bx
  cmp bx, offset greys + 16
  jb 3b
  // A circle: of each five levels, the hue goes from blue over red and green back to blue.
  mov bx, offset circles
4:
  mov si, 0
5:
  mov di, si
  call hue_level
  mov di, si
  add di, 8
  call hue_level
  mov di, si
  add di, 16
  call hue_level
  inc si
  cmp si, 24
  jb 5b
  add bx, 5
  cmp bx, offset circles + 45
  jb 4b
  mov cx, 24
6:
  mov al, 0
  out dx, al
  loop 6b
  ret
// Writes the level at place DI of the cycle: red starts at 0, green eight places before, blue sixteen.
hue_level:
  cmp di, 24
  jb 1f
  sub di, 24
  jmp hue_level
1:
  // Rising in places 0-4, high to 12, falling to 16, low to 23.
  mov ax, di
  cmp al, 4
  jbe 3f
  mov al, 4
  cmp di, 12
  jbe 3f
  mov ax, 16
  sub ax, di
  jnc 3f
  mov ax, 0
3:
  mov di, ax
  mov al, cs:[bx + di]
  out dx, al
  ret
greys: .byte 0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63
circles:
  .byte 0, 16, 31, 47, 63, 31, 39, 47, 55, 63, 45, 49, 54, 58, 63
  .byte 0, 7, 14, 21, 28, 14, 17, 21, 24, 28, 20, 22, 24, 26, 28
  .byte 0, 4, 8, 12, 16, 8, 10, 12, 14, 16, 11, 12, 13, 15, 16

// AH=0Bh. BH = 0: border and background BL; 1: palette BL of modes 4 and 5.
.globl palette_cga
palette_cga:
  mov cl, [BDA_CGA_PALETTE]
  cmp bh, 1
  je 2f
  ja 9f
  and cl, 0xE0
  mov ch, bl
  and ch, 0x1F
  or cl, ch
  mov [BDA_CGA_PALETTE], cl
  cmp byte ptr [BDA_MODE], 3
  jbe 1f
  // Graphics: background too.
  mov bh, bl
  call irgb_attribute
  mov bl, 0
  call attribute_set
  mov bl, rBL
1:
  mov bh, bl
  call irgb_attribute
  mov bl, 0x11
  jmp attribute_set
2:
  and cl, 0xDF
  test bl, 1
  jz 3f
  or cl, 0x20
3:
  mov [BDA_CGA_PALETTE], cl
  // Green, red, brown or cyan, magenta, white.
  mov ch, 2
  test bl, 1
  jz 4f
  mov ch, 3
4:
  test cl, 0x10
  jz 5f
  or ch, 0x10
5:
  mov bl, 1
6:
  mov bh, ch
  call attribute_set
  add ch, 2
  inc bl
  cmp bl, 4
  jb 6b
9:
  ret
// BH = IRGB colour as an attribute value.
irgb_attribute:
  and bh, 0x0F
  test bh, 8
  jz 1f
  xor bh, 0x18
1:
  ret

// Attribute register BL = BH; palette stays on.
attribute_set:
  push dx
  push ax
  mov dx, [BDA_CRTC]
  add dx, 6
  in al, dx
  mov dx, 0x3C0
  mov al, bl
  out dx, al
  mov al, bh
  out dx, al
  mov al, 0x20
  out dx, al
  pop ax
  pop dx
  ret
// AL = attribute register BL.
attribute_get:
  push dx
  mov dx, [BDA_CRTC]
  add dx, 6
  in al, dx
  mov dx, 0x3C0
  mov al, bl
  out dx, al
  inc dx
  in al, dx
  push ax
  mov dx, [BDA_CRTC]
  add dx, 6
  in al, dx
  mov dx, 0x3C0
  mov al, 0x20
  out dx, al
  pop ax
  pop dx
  ret

// AH=10h, AL = function.
.globl palette_functions
palette_functions:
  cmp al, 0x1B
  ja 1f
  movzx si, al
  shl si, 1
  jmp word ptr cs:[palette_table + si]
1:
  ret
palette_table:
  .word palette_00, palette_01, palette_02, palette_03, palette_none, palette_none, palette_none, palette_07
  .word palette_08, palette_09, palette_none, palette_none, palette_none, palette_none, palette_none
  .word palette_none, palette_10, palette_none, palette_12, palette_13, palette_none, palette_15
  .word palette_none, palette_17, palette_18, palette_19, palette_1A, palette_1B
palette_none:
  ret
palette_00:
  cmp bl, 0x14
  ja palette_none
  jmp attribute_set
palette_01:
  mov bl, 0x11
  jmp attribute_set
palette_02:
  // 16 registers and the border from ES:DX.
  mov es, rES
  mov si, dx
  mov bl, 0
1:
  mov bh, es:[si]
  inc si
  call attribute_set
  inc bl
  cmp bl, 16
  jb 1b
  mov bh, es:[si]
  jmp palette_01
// BL = 0: intensive backgrounds, 1: blinking.
palette_03:
  mov cl, bl
  mov bl, 0x10
  call attribute_get
  and al, 0xF7
  and byte ptr [BDA_MODE_SELECT], 0xDF
  test cl, 1
  jz 1f
  or al, 8
  or byte ptr [BDA_MODE_SELECT], 0x20
1:
  mov bh, al
  jmp attribute_set
palette_07:
  cmp bl, 0x14
  ja palette_none
  call attribute_get
  mov rBH, al
  ret
palette_08:
  mov bl, 0x11
  call attribute_get
  mov rBH, al
  ret
palette_09:
  mov es, rES
  mov di, dx
  mov bl, 0
1:
  call attribute_get
  stosb
  inc bl
  cmp bl, 16
  jb 1b
  inc bl
  call attribute_get
  stosb
  ret
// DAC register BX = DH, CH, CL.
palette_10:
  push dx
  mov dx, 0x3C8
  mov al, bl
  out dx, al
  inc dx
  pop ax
  mov al, ah
  out dx, al
  mov al, ch
  out dx, al
  mov al, cl
  out dx, al
  test byte ptr [BDA_VIDEO_FLAGS], 0x02
  jz 1f
  mov cx, 1
  jmp grey_sums
1:
  ret
// CX registers from BX at ES:DX.
palette_12:
  jcxz 2f
  mov es, rES
  mov si, dx
  mov dx, 0x3C8
  mov al, bl
  out dx, al
  inc dx
  push cx
  mov di, cx
  shl di, 1
  add cx, di
1:
  mov al, es:[si]
  inc si
  out dx, al
  loop 1b
  pop cx
  test byte ptr [BDA_VIDEO_FLAGS], 0x02
  jnz grey_sums
2:
  ret
// BL = 0: BH selects four blocks of 64 or sixteen of 16; 1: BH selects the block.
palette_13:
  mov cl, bl
  mov ch, bh
  mov bl, 0x10
  call attribute_get
  mov ah, al
  test cl, cl
  jnz 1f
  and al, 0x7F
  test ch, 1
  jz 3f
  or al, 0x80
3:
  mov bh, al
  jmp attribute_set
1:
  test ah, 0x80
  jnz 2f
  shl ch, 2
2:
  and ch, 0x0F
  mov bl, 0x14
  mov bh, ch
  jmp attribute_set
palette_15:
  mov dx, 0x3C7
  mov al, bl
  out dx, al
  mov dl, 0xC9
  in al, dx
  mov rDH, al
  in al, dx
  mov rCH, al
  in al, dx
  mov rCL, al
  ret
palette_17:
  jcxz 2b
  mov es, rES
  mov di, dx
  mov dx, 0x3C7
  mov al, bl
  out dx, al
  mov dl, 0xC9
  mov ax, cx
  shl cx, 1
  add cx, ax
  rep insb
  ret
palette_18:
  mov dx, 0x3C6
  mov al, bl
  out dx, al
  ret
palette_19:
  mov dx, 0x3C6
  in al, dx
  mov rBL, al
  ret
palette_1A:
  mov bl, 0x10
  call attribute_get
  mov ah, al
  shr ah, 7
  mov rBL, ah
  mov bl, 0x14
  call attribute_get
  and al, 0x0F
  test ah, ah
  jnz 1f
  shr al, 2
1:
  mov rBH, al
  ret
palette_1B:
  jcxz 2b
// CX registers from BX become grey: 30 % red, 59 % green, 11 % blue.
grey_sums:
  mov dx, 0x3C7
  mov al, bl
  out dx, al
  mov dl, 0xC9
  in al, dx
  mov ah, 77
  mul ah
  mov si, ax
  in al, dx
  mov ah, 151
  mul ah
  add si, ax
  in al, dx
  mov ah, 28
  mul ah
  add si, ax
  add si, 0x80
  mov dl, 0xC8
  mov al, bl
  out dx, al
  inc dx
  mov ax, si
  mov al, ah
  out dx, al
  out dx, al
  out dx, al
  inc bx
  loop grey_sums
  ret
