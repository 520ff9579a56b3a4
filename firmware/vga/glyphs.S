// Characters as glyphs in graphics modes: INT 43h and 1Fh have them. Packed pixels of VBE: packed.S.

#include "vga.h"

.section .code, "ax"
.code16

// DI = offset of line AX (mode SI), page BH left out; changes AX.
.globl line_address
line_address:
  push dx
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  je 1f
  mov dx, [BDA_COLUMNS]
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  jne 2f
  mov dx, 320
2:
  mul dx
  mov di, ax
  pop dx
  ret
1:
  // Even lines, then odd ones from 2000h. Of the 32 KiB from B8000h, beyond which lies this BIOS, 16 KiB are
  // used.
  mov di, 0
  shr ax, 1
  jnc 3f
  mov di, 0x2000
3:
  mov dx, 80
  mul dx
  add di, ax
  and di, 0x3FFF
  pop dx
  ret

// AL = bytes that a character is wide.
.globl char_bytes
char_bytes:
  mov al, 8
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  je 1f
  mov al, 1
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 1f
  mov al, cs:[si + MODE_BITS]
1:
  ret

// FS:BX = the glyph of AL: INT 43h, and INT 1Fh for the upper half in modes 4 to 6.
glyph_find:
  push ax
  xor bx, bx
  mov fs, bx
  mov bx, 0x43 * 4
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  jne 1f
  test al, 0x80
  jz 1f
  and al, 0x7F
  mov bx, 0x1F * 4
1:
  mul byte ptr [BDA_CHAR_HEIGHT]
  lfs bx, fs:[bx]
  add bx, ax
  pop ax
  ret

// DI = offset of the first line of the character at DH, DL of page BH.
glyph_address:
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je 2f
  push ax
  mov al, dh
  mul byte ptr [BDA_CHAR_HEIGHT]
  call line_address
  call char_bytes
  mul dl
  add di, ax
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  jne 1f
  push dx
  movzx ax, bh
  mul word ptr [BDA_PAGE_SIZE]
  add di, ax
  pop dx
1:
  pop ax
2:
  mov es, cs:[si + MODE_SEGMENT]
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je packed_find
  ret

// A if DH, DL is not on the screen.
glyph_visible:
  cmp dh, [BDA_ROWS]
  ja line_done
  push cx
  mov ch, 0
  mov cl, dl
  inc cx
  cmp cx, [BDA_COLUMNS]
  pop cx
line_done:
  ret

// DI to the next line.
line_next:
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je packed_next
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  je 1f
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  je 2f
  add di, [BDA_COLUMNS]
  ret
2:
  add di, 320
  ret
1:
  xor di, 0x2000
  test di, 0x2000
  jnz 3f
  add di, 80
3:
  ret

// Draws character AL in colour BL at DH, DL of page BH; bit 7 of BL: exclusive or (not with 256 colours).
.globl glyph_draw
glyph_draw:
  call glyph_visible
  ja line_done
  pushad
  push fs
  push es
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  jne 7f
  call packed_open
7:
  call glyph_address
  mov dl, bl
  call glyph_find
  movzx cx, byte ptr [BDA_CHAR_HEIGHT]
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 4f
1:
  push cx
  push di
  mov ah, fs:[bx]
  inc bx
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  je 2f
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je 8f
  call glyph_line_cga
  jmp 3f
2:
  mov cx, 8
5:
  shl ah, 1
  mov al, 0
  jnc 6f
  mov al, dl
6:
  stosb
  loop 5b
3:
  pop di
  pop cx
  call line_next
  loop 1b
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  jne 9f
  call packed_close
  jmp 9f
8:
  call packed_line_draw
  jmp 3b
4:
  call glyph_planar
9:
  pop es
  pop fs
  popad
  ret

// One line AH of a glyph in colour DL at ES:DI, 1 or 2 bits for a pixel.
glyph_line_cga:
  cmp byte ptr cs:[si + MODE_BITS], 1
  jne 2f
  mov al, ah
  test dl, 1
  jnz 1f
  test dl, 0x80
  jnz 1f
  mov al, 0
1:
  test dl, 0x80
  jz 3f
  xor al, es:[di]
3:
  mov es:[di], al
  ret
2:
  push bx
  push cx
  mov bl, dl
  and bl, 3
  mov bh, ah
  xor ax, ax
  mov cx, 8
4:
  shl ax, 2
  shl bh, 1
  jnc 5f
  or al, bl
5:
  loop 4b
  xchg al, ah
  pop cx
  pop bx
  test dl, 0x80
  jz 8f
  xor ax, es:[di]
8:
  mov es:[di], ax
  ret

// Planes: set/reset gives the colour, the bit mask the glyph.
glyph_planar:
  push dx
  mov dx, 0x3C4
  mov ax, 0x0F02
  out dx, ax
  pop dx
  push dx
  mov ah, dl
  mov dx, 0x3CE
  push ax
  mov ax, 0x0F01
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  pop ax
  test ah, 0x80
  jnz 2f
  // Background first.
  push ax
  mov ax, 0x0000
  out dx, ax
  mov ax, 0xFF08
  out dx, ax
  push di
  push cx
  mov al, 0
1:
  mov es:[di], al
  add di, [BDA_COLUMNS]
  loop 1b
  pop cx
  pop di
  pop ax
  jmp 3f
2:
  push ax
  mov ax, 0x1803
  out dx, ax
  pop ax
3:
  and ah, 0x0F
  mov al, 0
  out dx, ax
4:
  mov ah, fs:[bx]
  inc bx
  mov al, 8
  out dx, ax
  mov al, es:[di]
  mov es:[di], al
  add di, [BDA_COLUMNS]
  loop 4b
  call planes_default
  pop dx
  ret

// The graphics controller as a mode set leaves it.
.globl planes_default
planes_default:
  push ax
  push dx
  mov dx, 0x3CE
  mov ax, 0x0000
  out dx, ax
  mov ax, 0x0001
  out dx, ax
  mov ax, 0x0003
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0xFF08
  out dx, ax
  pop dx
  pop ax
  ret

// AL = the character whose glyph is at DH, DL of page BH, 0 when there is none. The pattern is collected on
// the stack.
.globl glyph_read
glyph_read:
  mov ax, 0
  call glyph_visible
  ja line_done
  push bp
  push fs
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  jne 6f
  call packed_open
6:
  call glyph_address
  movzx cx, byte ptr [BDA_CHAR_HEIGHT]
  mov bp, sp
  sub sp, 32
  push si
  mov ax, bp
  sub ax, 32
  mov bp, ax
  push bp
1:
  push cx
  push di
  call line_read
  mov [bp], ah
  inc bp
  pop di
  pop cx
  call line_next
  loop 1b
  pop bp
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  jne 7f
  call packed_close
7:
  mov ax, 0
2:
  call glyph_find
  push bp
  movzx cx, byte ptr [BDA_CHAR_HEIGHT]
3:
  mov dl, fs:[bx]
  cmp dl, [bp]
  jne 4f
  inc bx
  inc bp
  loop 3b
  pop bp
  jmp 5f
4:
  pop bp
  inc al
  jnz 2b
5:
  pop si
  add sp, 32
  pop fs
  pop bp
  ret
// AH = which of the eight pixels at ES:DI are not of colour 0.
line_read:
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je packed_line_read
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  je 1f
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 3f
  mov ah, es:[di]
  cmp byte ptr cs:[si + MODE_BITS], 1
  je 9f
  mov bx, es:[di]
  xchg bl, bh
  mov cx, 8
7:
  mov al, bh
  and al, 0xC0
  cmp al, 1
  cmc
  rcl ah, 1
  shl bx, 2
  loop 7b
9:
  ret
1:
  mov cx, 8
2:
  cmp byte ptr es:[di], 1
  cmc
  rcl ah, 1
  inc di
  loop 2b
  ret
3:
  // Read mode 1 with colour compare 0 gives ones where all planes that count are 0.
  push dx
  mov dx, 0x3CE
  mov ax, 0x0002
  out dx, ax
  mov ax, 0x0805
  out dx, ax
  mov ah, es:[di]
  not ah
  push ax
  mov ax, 0x0005
  out dx, ax
  pop ax
  pop dx
  ret
