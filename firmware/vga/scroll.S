// Scrolling in the VGA's graphics modes.

#include "vga.h"

.section .code, "ax"
.code16

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
