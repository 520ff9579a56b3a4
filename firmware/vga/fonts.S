// INT 10h AH=11h: character generators.

#include "vga.h"

.section .code, "ax"
.code16

.globl font_functions
font_functions:
  push bp
  call font_function
  pop bp
  ret
font_function:
  cmp al, 0x30
  je font_information
  cmp al, 0x24
  ja 9f
  cmp al, 0x20
  jae font_graphics
  // 00h-04h load, 10h-14h load and set the number of lines.
  mov ah, al
  and ah, 0x0F
  cmp ah, 4
  ja 9f
  cmp al, 3
  je font_select
  mov si, offset font8x14
  mov cl, 14
  cmp ah, 1
  je 1f
  mov si, offset font8x8
  mov cl, 8
  cmp ah, 2
  je 1f
  mov si, offset font8x16
  mov cl, 16
  cmp ah, 4
  je 1f
  cmp ah, 3
  je 9f
  // The caller's: ES:BP, CX characters from DX, BH bytes each, block BL. The generator has room for 32 lines.
  cmp bh, 32
  ja 9f
  cmp bh, 1
  jbe 9f
  mov es, rES
  mov di, rBP
  mov cx, rCX
  push ax
  push bx
  call font_load
  pop bx
  pop ax
  mov cl, bh
  jmp 2f
1:
  push ax
  push cx
  push cs
  pop es
  mov di, si
  mov bh, cl
  mov cx, 256
  xor dx, dx
  call font_load
  pop cx
  pop ax
2:
  test al, 0x10
  jz 9f
  jmp font_lines
9:
  ret

// Writes glyphs into plane 2: ES:DI = data, CX = count, DX = first character, BH = bytes of each, BL = block.
.globl font_load
font_load:
  push ds
  push si
  push di
  push dx
  // Plane 2 alone, without odd and even addresses, at A000h.
  mov dx, 0x3C4
  mov ax, 0x0402
  out dx, ax
  mov ax, 0x0704
  out dx, ax
  mov dx, 0x3CE
  mov ax, 0x0204
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0406
  out dx, ax
  pop dx
  push dx
  mov si, di
  // Blocks 0-7 start at 0, 4000h, 8000h, C000h, 2000h, 6000h, A000h, E000h.
  movzx ax, bl
  mov ah, al
  and ax, 0x0403
  shl al, 6
  shl ah, 3
  or ah, al
  mov al, 0
  mov di, ax
  shl dx, 5
  add di, dx
  mov ax, es
  mov ds, ax
  mov ax, 0xA000
  mov es, ax
  jcxz 3f
1:
  push cx
  movzx cx, bh
  cmp cx, 32
  jbe 2f
  mov cx, 32
2:
  mov ax, cx
  rep movsb
  mov cx, 32
  sub cx, ax
  mov al, 0
  rep stosb
  pop cx
  loop 1b
3:
  mov dx, 0x3C4
  mov ax, 0x0302
  out dx, ax
  mov ax, 0x0304
  out dx, ax
  pop dx
  pop di
  pop si
  pop ds
  push dx
  mov dx, 0x3CE
  mov ax, 0x0004
  out dx, ax
  mov ax, 0x1005
  out dx, ax
  mov ax, 0x0E06
  cmp byte ptr [BDA_MODE], 7
  jne 4f
  mov ah, 0x0A
4:
  out dx, ax
  pop dx
  ret

// Characters of CL lines from now on: CRTC, rows, cursor.
font_lines:
  movzx cx, cl
  mov [BDA_CHAR_HEIGHT], cx
  mov dx, [BDA_CRTC]
  mov al, 9
  out dx, al
  inc dx
  in al, dx
  and al, 0xE0
  mov ah, cl
  dec ah
  or al, ah
  out dx, al
  dec dx
  // Lines of the picture from vertical display end, 10 bits in 12h and 07h, doubled by 09h bit 7.
  mov al, 0x12
  out dx, al
  inc dx
  in al, dx
  mov bl, al
  dec dx
  mov al, 7
  out dx, al
  inc dx
  in al, dx
  dec dx
  mov bh, 0
  test al, 2
  jz 1f
  or bh, 1
1:
  test al, 0x40
  jz 2f
  or bh, 2
2:
  inc bx
  mov al, 9
  out dx, al
  inc dx
  in al, dx
  dec dx
  test al, 0x80
  jz 3f
  shr bx, 1
3:
  // Rows, as many as text memory has room for and 40:84 can say.
  push dx
  mov ax, 0x4000
  xor dx, dx
  div word ptr [BDA_COLUMNS]
  cmp ax, 255
  jbe 5f
  mov ax, 255
5:
  mov dx, ax
  mov al, cl
  mul dl
  cmp ax, bx
  mov al, dl
  jbe 6f
  mov ax, bx
  div cl
6:
  pop dx
  push ax
  dec al
  mov [BDA_ROWS], al
  pop ax
  // The display ends with the last whole line.
  push ax
  mul cl
  dec ax
  mov ah, al
  mov al, 0x12
  out dx, ax
  pop ax
  mov ah, 0
  mul byte ptr [BDA_COLUMNS]
  shl ax, 1
  // Pages start at multiples of 256 bytes, as ever.
  add ax, 0xFF
  mov al, 0
  mov [BDA_PAGE_SIZE], ax
  // The cursor: the last line but one.
  mov ch, cl
  sub ch, 2
  dec cl
  cmp cl, 13
  jb 4f
  dec ch
  dec cl
4:
  mov word ptr [BDA_CURSOR_SHAPE], 0x0607
  mov al, 0x0A
  mov ah, ch
  out dx, ax
  inc al
  mov ah, cl
  out dx, ax
  ret

// BL to the character map select register.
font_select:
  mov dx, 0x3C4
  mov al, 3
  mov ah, bl
  out dx, ax
  ret

// Graphics fonts: 20h INT 1Fh = ES:BP; 21h INT 43h = ES:BP, CX bytes; 22h 8x14, 23h 8x8, 24h 8x16. BL = rows:
// 0 DL, 1 14, 2 25, 3 43.
font_graphics:
  push es
  xor si, si
  mov es, si
  mov si, rBP
  mov di, rES
  cmp al, 0x21
  jb 7f
  je 2f
  mov di, cs
  mov cx, 14
  mov si, offset font8x14
  cmp al, 0x23
  jb 2f
  mov cx, 8
  mov si, offset font8x8
  je 2f
  mov cx, 16
  mov si, offset font8x16
2:
  // A glyph has 1 to 32 lines.
  dec cx
  cmp cx, 32
  jae 8f
  inc cx
  mov es:[0x43 * 4], si
  mov es:[0x43 * 4 + 2], di
  // Text modes have their rows from the font in plane 2.
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  je 8f
  mov [BDA_CHAR_HEIGHT], cx
  movzx si, bl
  cmp si, 3
  ja 8f
  mov al, cs:[font_rows + si]
  test si, si
  jnz 3f
  mov al, dl
3:
  dec al
  mov [BDA_ROWS], al
  jmp 8f
7:
  mov es:[0x1F * 4], si
  mov es:[0x1F * 4 + 2], di
8:
  pop es
  ret
font_rows: .byte 0, 14, 25, 43

// AL=30h: ES:BP = a font by BH, CX = bytes of a character, DL = rows less one.
font_information:
  mov cx, [BDA_CHAR_HEIGHT]
  mov rCX, cx
  mov dl, [BDA_ROWS]
  mov rDL, dl
  xor ax, ax
  mov es, ax
  movzx si, bh
  cmp si, 7
  ja 9f
  cmp si, 2
  jae 2f
  mov bx, 0x1F * 4
  test si, si
  jz 1f
  mov bx, 0x43 * 4
1:
  mov ax, es:[bx]
  mov rBP, ax
  mov ax, es:[bx + 2]
  mov rES, ax
9:
  ret
2:
  shl si, 1
  mov ax, cs:[font_table + si - 4]
  mov rBP, ax
  mov rES, cs
  ret
font_table:
  .word font8x14, font8x8, font8x8 + 128 * 8, font8x14_wide, font8x16, font8x16_wide
// Replacements for 9-dot characters: none differ.
font8x14_wide: .byte 0
font8x16_wide: .byte 0
