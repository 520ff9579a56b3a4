// Graphics modes: characters as glyphs, scrolling, pixels.

#include "vga.h"

.section .code, "ax"
.code16

// DI = offset of line AX (mode SI), page BH left out; changes AX.
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
  // Even lines, then odd ones from 2000h.
  mov di, 0
  shr ax, 1
  jnc 3f
  mov di, 0x2000
3:
  mov dx, 80
  mul dx
  add di, ax
  pop dx
  ret

// AL = bytes that a character is wide.
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
  mov es, cs:[si + MODE_SEGMENT]
  pop ax
  ret

// DI to the next line.
line_next:
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
  pushad
  push fs
  push es
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
  jmp 9f
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
  push bp
  push fs
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

// Scrolls AL rows (AH = 1: down) of the window at CH, CL with DH rows and DL columns; BH = colour of the new
// lines, BL page. Changes everything.
#define SCROLL_WIDTH word ptr [bp - 2]
#define SCROLL_FIRST word ptr [bp - 4]
#define SCROLL_DISTANCE word ptr [bp - 6]
#define SCROLL_STEP word ptr [bp - 8]
#define SCROLL_MODE word ptr [bp - 10]
.globl scroll_graphics
scroll_graphics:
  mov bp, sp
  sub sp, 10
  mov SCROLL_MODE, si
  mov SCROLL_STEP, 1
  push ax
  call char_bytes
  mov ah, 0
  push ax
  mul dl
  mov SCROLL_WIDTH, ax
  pop ax
  mul cl
  mov SCROLL_FIRST, ax
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  jne 1f
  push dx
  movzx ax, bl
  mul word ptr [BDA_PAGE_SIZE]
  pop dx
  add SCROLL_FIRST, ax
1:
  mov al, ch
  mul byte ptr [BDA_CHAR_HEIGHT]
  mov cx, ax
  mov al, dh
  mul byte ptr [BDA_CHAR_HEIGHT]
  mov di, ax
  pop ax
  push ax
  mul byte ptr [BDA_CHAR_HEIGHT]
  mov SCROLL_DISTANCE, ax
  mov dx, di
  pop ax
  test ah, ah
  jz 2f
  // Downwards: from the last line up.
  add cx, dx
  dec cx
  neg SCROLL_STEP
  neg SCROLL_DISTANCE
2:
  // CX = line to write, DX = lines left of the window; those after the move are cleared.
  mov es, cs:[si + MODE_SEGMENT]
  call planes_copy
3:
  mov ax, SCROLL_DISTANCE
  test ax, ax
  jns 4f
  neg ax
4:
  cmp dx, ax
  jbe 5f
  mov ax, cx
  call line_address
  add di, SCROLL_FIRST
  push di
  mov ax, cx
  add ax, SCROLL_DISTANCE
  call line_address
  add di, SCROLL_FIRST
  mov si, di
  pop di
  push cx
  mov cx, SCROLL_WIDTH
  push ds
  push es
  pop ds
  rep movsb
  pop ds
  pop cx
  mov si, SCROLL_MODE
  add cx, SCROLL_STEP
  dec dx
  jmp 3b
5:
  call planes_fill
6:
  mov ax, cx
  call line_address
  add di, SCROLL_FIRST
  push cx
  mov cx, SCROLL_WIDTH
  mov al, bh
  rep stosb
  pop cx
  add cx, SCROLL_STEP
  dec dx
  jnz 6b
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  jne 7f
  call planes_default
7:
  mov sp, bp
  ret

// Write mode 1 copies all planes by the latches.
planes_copy:
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  jne 9f
  push ax
  push dx
  mov dx, 0x3C4
  mov ax, 0x0F02
  out dx, ax
  mov dx, 0x3CE
  mov ax, 0x0105
  out dx, ax
  pop dx
  pop ax
9:
  ret
// BH = the byte that fills in the colour BH; planes take it from set/reset.
planes_fill:
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  je 9b
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 1f
  cmp byte ptr cs:[si + MODE_BITS], 2
  je 2f
  and bh, 1
  neg bh
  ret
2:
  and bh, 3
  mov al, 0x55
  mul bh
  mov bh, al
  ret
1:
  push dx
  mov dx, 0x3CE
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0F01
  out dx, ax
  mov al, 0
  mov ah, bh
  and ah, 0x0F
  out dx, ax
  mov ax, 0xFF08
  out dx, ax
  pop dx
  ret

// AH=0Ch: colour AL (bit 7: exclusive or) at column CX, line DX of page BH. AH=0Dh: AL = the colour there.
.globl pixel_write
pixel_write:
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 2f
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  je 3f
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  jne 9f
  push ax
  mov ax, dx
  call line_address
  pop ax
  add di, cx
  mov es, cs:[si + MODE_SEGMENT]
  mov es:[di], al
9:
  ret
2:
  push ax
  call pixel_planar
  pop bx
  mov ah, al
  mov dx, 0x3CE
  mov al, 8
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0F01
  out dx, ax
  test bl, 0x80
  jz 1f
  mov ax, 0x1803
  out dx, ax
1:
  mov ah, bl
  and ah, 0x0F
  mov al, 0
  out dx, ax
  push dx
  mov dx, 0x3C4
  mov ax, 0x0F02
  out dx, ax
  pop dx
  mov al, es:[di]
  mov es:[di], al
  jmp planes_default
3:
  push ax
  call pixel_cga
  pop bx
  // AL = mask at the pixel's place, CL = shift.
  mov ah, es:[di]
  mov bh, bl
  shl bl, cl
  and bl, al
  test bh, 0x80
  jnz 4f
  not al
  and ah, al
  or ah, bl
  mov es:[di], ah
  ret
4:
  xor es:[di], bl
  ret

// ES:DI and AL = the bit of column CX, line DX of page BH.
pixel_planar:
  mov es, cs:[si + MODE_SEGMENT]
  mov ax, dx
  call line_address
  movzx ax, bh
  mul word ptr [BDA_PAGE_SIZE]
  add di, ax
  mov ax, cx
  shr ax, 3
  add di, ax
  and cl, 7
  mov al, 0x80
  shr al, cl
  ret
// ES:DI, AL = mask and CL = shift of column CX, line DX.
pixel_cga:
  mov es, cs:[si + MODE_SEGMENT]
  mov ax, dx
  call line_address
  cmp byte ptr cs:[si + MODE_BITS], 1
  je 1f
  mov ax, cx
  shr ax, 2
  add di, ax
  not cl
  and cl, 3
  shl cl, 1
  mov al, 3
  shl al, cl
  ret
1:
  mov ax, cx
  shr ax, 3
  add di, ax
  not cl
  and cl, 7
  mov al, 1
  shl al, cl
  ret

.globl pixel_read
pixel_read:
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 2f
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  je 3f
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  jne 9f
  mov ax, dx
  call line_address
  add di, cx
  mov es, cs:[si + MODE_SEGMENT]
  mov al, es:[di]
  mov rAL, al
9:
  ret
2:
  call pixel_planar
  mov bl, al
  mov bh, 0
  mov dx, 0x3CE
  mov ax, 0x0304
4:
  out dx, ax
  mov cl, es:[di]
  and cl, bl
  cmp cl, 1
  cmc
  rcl bh, 1
  sub ah, 1
  jnc 4b
  mov ax, 0x0004
  out dx, ax
  mov rAL, bh
  ret
3:
  call pixel_cga
  and al, es:[di]
  shr al, cl
  mov rAL, al
  ret
