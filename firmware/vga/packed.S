// Characters and pixels in VBE's modes of packed pixels and direct colours, through the window at A0000h,
// which is where the program left it afterwards. VBE leaves the meaning of text colours in direct colour
// modes to the BIOS ("Mode Attributes", D2): here they are the sixteen of text modes, bit 7 of a foreground
// exclusive or.

#include "vga.h"

.section .code, "ax"
.code16

// What mode_present gives in these modes; the depth is that of the mode.
.globl packed_mode
packed_mode:
  .byte 0xFF, KIND_PACKED, 0, 8
  .word 0xA000, 0

// While something is drawn: bytes of a line, the place of a glyph's line, the window's place now and as the
// program left it, bytes and bits of a pixel.
packed_pitch: .long 0
packed_place: .long 0
packed_bank: .word 0
packed_left: .word 0
packed_bytes: .byte 0
packed_depth: .byte 0

// SI = packed_mode. Both keep all registers.
.globl packed_open, packed_close
packed_open:
  pushad
  mov al, DISPI_BANK
  call dispi_read
  mov cs:[packed_bank], ax
  mov cs:[packed_left], ax
  mov al, cs:[si + MODE_BITS]
  mov cs:[packed_depth], al
  add al, 7
  shr al, 3
  mov cs:[packed_bytes], al
  movzx ecx, al
  mov al, DISPI_VIRT_WIDTH
  call dispi_read
  movzx eax, ax
  mul ecx
  mov cs:[packed_pitch], eax
  popad
  ret
packed_close:
  push ax
  push cx
  mov cx, cs:[packed_left]
  mov al, DISPI_BANK
  call dispi_write
  pop cx
  pop ax
  ret

// The window to byte EDI of video memory, whose offset in it is DI.
packed_window:
  push eax
  push cx
  mov eax, edi
  shr eax, 16
  cmp ax, cs:[packed_bank]
  je 1f
  mov cs:[packed_bank], ax
  mov cx, ax
  mov al, DISPI_BANK
  call dispi_write
1:
  pop cx
  pop eax
  ret

// EBX = what colour DL is in memory; DH = 80h if it is an exclusive or.
packed_color:
  mov dh, 0
  movzx ebx, dl
  cmp byte ptr cs:[packed_depth], 8
  je 9f
  mov dh, dl
  and dh, 0x80
  and bx, 0x0F
  shl bx, 2
  mov ebx, cs:[packed_colors + bx]
  cmp byte ptr cs:[packed_depth], 16
  ja 9f
  // Five bits of blue, five or six of green, five of red, from the high ones of eight.
  push eax
  push cx
  mov eax, ebx
  shr al, 3
  mov cl, 5
  cmp byte ptr cs:[packed_depth], 16
  je 1f
  shr ah, 1
1:
  shr ah, 2
  shr ebx, 16 + 3
  xor cx, cx
  mov cl, ah
  shl cx, 5
  mov ah, 0
  or ax, cx
  mov cl, 11
  cmp byte ptr cs:[packed_depth], 16
  je 2f
  mov cl, 10
2:
  shl bx, cl
  or bx, ax
  pop cx
  pop eax
9:
  ret
.balign 4
packed_colors:
  .long 0x000000, 0x0000AA, 0x00AA00, 0x00AAAA, 0xAA0000, 0xAA00AA, 0xAA5500, 0xAAAAAA
  .long 0x555555, 0x5555FF, 0x55FF55, 0x55FFFF, 0xFF5555, 0xFF55FF, 0xFFFF55, 0xFFFFFF

// The pixel at EDI = EBX, by exclusive or with DH = 80h; EDI to the next. ES = A000h.
packed_put:
  push ax
  push ebx
  push cx
  mov cl, cs:[packed_bytes]
1:
  call packed_window
  mov al, bl
  test dh, dh
  jz 2f
  xor al, es:[di]
2:
  mov es:[di], al
  shr ebx, 8
  inc edi
  dec cl
  jnz 1b
  pop cx
  pop ebx
  pop ax
  ret
// EAX = the pixel at EDI; EDI to the next. ES = A000h.
packed_get:
  push cx
  xor eax, eax
  mov cl, 0
1:
  call packed_window
  push edx
  movzx edx, byte ptr es:[di]
  shl edx, cl
  or eax, edx
  pop edx
  inc edi
  add cl, 8
  mov ch, cl
  shr ch, 3
  cmp ch, cs:[packed_bytes]
  jb 1b
  pop cx
  ret

// The place of the glyph at DH, DL, for the three functions that follow.
.globl packed_find, packed_next, packed_line_draw, packed_line_read
packed_find:
  pushad
  movzx ecx, dl
  shl ecx, 3
  mov al, dh
  mul byte ptr [BDA_CHAR_HEIGHT]
  movzx edx, ax
  call packed_pixel
  mov cs:[packed_place], edi
  popad
  ret
packed_next:
  push eax
  mov eax, cs:[packed_pitch]
  add cs:[packed_place], eax
  pop eax
  ret
// EDI = the place of column ECX, line EDX.
packed_pixel:
  push eax
  push ecx
  push edx
  movzx eax, byte ptr cs:[packed_bytes]
  imul ecx, eax
  mov eax, cs:[packed_pitch]
  mul edx
  lea edi, [eax + ecx]
  pop edx
  pop ecx
  pop eax
  ret

// Eight pixels by the bits of AH in colour DL.
packed_line_draw:
  pushad
  call packed_color
  mov edi, cs:[packed_place]
  mov cx, 8
1:
  shl ah, 1
  jc 2f
  test dh, dh
  jnz 3f
  push ebx
  xor ebx, ebx
  call packed_put
  pop ebx
  jmp 4f
3:
  // An exclusive or leaves the background.
  push eax
  movzx eax, byte ptr cs:[packed_bytes]
  add edi, eax
  pop eax
  jmp 4f
2:
  call packed_put
4:
  loop 1b
  popad
  ret
// AH = which of eight pixels are not 0.
packed_line_read:
  push ebx
  push ecx
  push edi
  mov edi, cs:[packed_place]
  mov cx, 8
1:
  call packed_get
  cmp eax, 1
  cmc
  rcl bl, 1
  loop 1b
  mov ah, bl
  pop edi
  pop ecx
  pop ebx
  ret

// INT 10h AH=0Ch and 0Dh: colour AL at column CX, line DX. In direct colours AL is read as the colour that
// has this value, 0 if there is none.
.globl packed_write, packed_read
packed_write:
  call packed_open
  call packed_visible
  jc 1f
  mov dl, al
  call packed_color
  call packed_put
1:
  jmp packed_close
packed_read:
  call packed_open
  call packed_visible
  jc 4f
  call packed_get
  cmp byte ptr cs:[packed_depth], 8
  je 3f
  mov ecx, eax
  mov dl, 15
2:
  call packed_color
  cmp ebx, ecx
  je 1f
  dec dl
  jnz 2b
1:
  mov al, dl
3:
  mov rAL, al
4:
  jmp packed_close
// EDI = the place of column CX, line DX, ES = A000h; CF if it is not on the screen.
packed_visible:
  push 0xA000
  pop es
  movzx ecx, cx
  movzx edx, dx
  push ax
  mov al, DISPI_XRES
  call dispi_read
  cmp cx, ax
  jae 1f
  mov al, DISPI_YRES
  call dispi_read
  cmp dx, ax
  jae 1f
  call packed_pixel
  pop ax
  clc
  ret
1:
  pop ax
  stc
  ret

// As scroll_graphics. A line is copied by way of the stack, as both ends need the window.
#define PACKED_CHUNK 128
#define PACKED_BUFFER (-(24 + PACKED_CHUNK))
#define PACKED_WIDTH dword ptr [bp - 4]
#define PACKED_STEP dword ptr [bp - 8]
#define PACKED_DELTA dword ptr [bp - 12]
#define PACKED_CLEAR word ptr [bp - 14]
#define PACKED_COPY word ptr [bp - 16]
.globl scroll_packed
scroll_packed:
  mov bp, sp
  sub sp, 24 + PACKED_CHUNK
  call packed_open
  push 0xA000
  pop es
  push bx
  push ax
  // Scan lines to clear and to copy, bytes of a line of the window.
  mul byte ptr [BDA_CHAR_HEIGHT]
  mov PACKED_CLEAR, ax
  mov al, dh
  mul byte ptr [BDA_CHAR_HEIGHT]
  sub ax, PACKED_CLEAR
  mov PACKED_COPY, ax
  movzx eax, dl
  shl eax, 3
  movzx edx, byte ptr cs:[packed_bytes]
  imul eax, edx
  mov PACKED_WIDTH, eax
  mov eax, cs:[packed_pitch]
  mov PACKED_STEP, eax
  movzx edx, PACKED_CLEAR
  imul edx, eax
  mov PACKED_DELTA, edx
  // EDI = the first line to write: the uppermost, or the lowest to go down.
  mov al, ch
  mul byte ptr [BDA_CHAR_HEIGHT]
  movzx edx, ax
  movzx ecx, cl
  shl ecx, 3
  pop ax
  test ah, ah
  jz 1f
  add dx, PACKED_COPY
  add dx, PACKED_CLEAR
  dec dx
  neg PACKED_STEP
  neg PACKED_DELTA
1:
  call packed_pixel
2:
  sub PACKED_COPY, 1
  jb 3f
  mov esi, edi
  add esi, PACKED_DELTA
  call packed_copy
  add edi, PACKED_STEP
  jmp 2b
3:
  pop dx
  mov dl, dh
  call packed_color
  mov dh, 0
4:
  sub PACKED_CLEAR, 1
  jb 6f
  push edi
  mov eax, PACKED_WIDTH
  add eax, edi
5:
  call packed_put
  cmp edi, eax
  jb 5b
  pop edi
  add edi, PACKED_STEP
  jmp 4b
6:
  call packed_close
  mov sp, bp
  ret

// PACKED_WIDTH bytes from ESI to EDI.
packed_copy:
  push edi
  mov ecx, PACKED_WIDTH
1:
  // As much as the buffer takes and neither window ends before.
  mov eax, PACKED_CHUNK
  cmp eax, ecx
  jbe 2f
  mov eax, ecx
2:
  movzx edx, si
  lea edx, [edx + eax - 0x10000]
  test edx, edx
  jle 3f
  sub eax, edx
3:
  movzx edx, di
  lea edx, [edx + eax - 0x10000]
  test edx, edx
  jle 4f
  sub eax, edx
4:
  sub ecx, eax
  push ecx
  push ds
  push es
  push esi
  push edi
  mov edi, esi
  call packed_window
  push es
  pop ds
  push ss
  pop es
  lea di, [bp + PACKED_BUFFER]
  call packed_move
  pop edi
  call packed_window
  push ds
  pop es
  push ss
  pop ds
  lea si, [bp + PACKED_BUFFER]
  push edi
  call packed_move
  pop edi
  pop esi
  pop es
  pop ds
  pop ecx
  movzx eax, ax
  add esi, eax
  add edi, eax
  test ecx, ecx
  jnz 1b
  pop edi
  ret
// AX bytes from DS:SI to ES:DI.
packed_move:
  mov cx, ax
  shr cx, 2
  rep movsd
  mov cx, ax
  and cx, 3
  rep movsb
  ret
