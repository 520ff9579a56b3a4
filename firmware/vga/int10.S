// INT 10h: the functions' table, cursor, pages, and those that tell about the adapter.
// Source: PS/2 and PC BIOS Interface Technical Reference, "INT 10h"; Ralf Brown's Interrupt List.

#include "vga.h"

.section .code, "ax"
.code16

// Functions find DS = BDA, AX to DX as called, and the caller's registers in the frame.
.globl int10
int10:
  sti
  enter_service
  mov di, BDA_SEGMENT
  mov ds, di
  movzx si, ah
  cmp ah, 0x1C
  ja 1f
  shl si, 1
  CALL word ptr cs:[functions + si]
  leave_service
1:
  cmp ah, 0x4F
  jne 2f
  call vbe_functions
2:
  leave_service
functions:
  .word mode_set, cursor_shape, cursor_set, cursor_get, light_pen, page_set, scroll_up, scroll_down
  .word char_read, char_write, char_write_only, palette_cga, pixel_write, pixel_read, teletype, mode_get
  .word palette_functions, font_functions, alternate_select, write_string, none, none, none, none
  .word none, none, display_code, state_information, state_save
none:
  ret

// CH, CL = first and last line. With emulation (40:87 bit 0 clear) values meant for 8-line characters are
// stretched to the character's height.
cursor_shape:
  mov [BDA_CURSOR_SHAPE], cx
  mov dl, [BDA_CHAR_HEIGHT]
  test byte ptr [BDA_VIDEO_CONTROL], 1
  jnz 3f
  cmp dl, 8
  jbe 3f
  test ch, 0x20
  jnz 3f
  cmp cl, 8
  jae 3f
  cmp ch, 0x20
  jae 3f
  and ch, 0x1F
  // Lines at the bottom stay at the bottom; a block covers the whole.
  cmp ch, 3
  jbe 1f
  add ch, dl
  sub ch, 9
  add cl, dl
  sub cl, 9
  jmp 3f
1:
  cmp cl, 6
  jb 3f
  mov cl, dl
  sub cl, 2
  cmp ch, 0
  je 3f
  push ax
  mov al, ch
  mul dl
  shr ax, 3
  mov ch, al
  pop ax
3:
  mov bx, cx
  mov dx, [BDA_CRTC]
  mov al, 0x0A
  mov ah, bh
  out dx, ax
  inc al
  mov ah, bl
  out dx, ax
  ret

// BH = page, DH = row, DL = column.
cursor_set:
  movzx si, bh
  and si, 7
  shl si, 1
  mov [BDA_CURSORS + si], dx
  cmp bh, [BDA_PAGE]
  jne none
// The CRTC's cursor to the present page's.
.globl cursor_show
cursor_show:
  movzx si, byte ptr [BDA_PAGE]
  shl si, 1
  mov dx, [BDA_CURSORS + si]
  mov al, dh
  mul byte ptr [BDA_COLUMNS]
  mov dh, 0
  add ax, dx
  mov bx, [BDA_PAGE_START]
  shr bx, 1
  add bx, ax
// CRTC registers 0Eh and 0Fh = BX.
  mov dx, [BDA_CRTC]
  mov al, 0x0E
  mov ah, bh
  out dx, ax
  inc al
  mov ah, bl
  out dx, ax
  ret

cursor_get:
  movzx si, bh
  and si, 7
  shl si, 1
  mov ax, [BDA_CURSORS + si]
  mov rDX, ax
  mov ax, [BDA_CURSOR_SHAPE]
  mov rCX, ax
  mov rAX, 0
  ret

// There is none.
light_pen:
  mov rAH, 0
  ret

// AL = page to show.
page_set:
  cmp al, 7
  ja none
  mov [BDA_PAGE], al
  movzx ax, al
  mul word ptr [BDA_PAGE_SIZE]
  mov [BDA_PAGE_START], ax
  mov bx, ax
  call mode_present
  // The CRTC counts characters in text, bytes of a plane in graphics.
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne 1f
  shr bx, 1
1:
  mov dx, [BDA_CRTC]
  mov al, 0x0C
  mov ah, bh
  out dx, ax
  inc al
  mov ah, bl
  out dx, ax
  jmp cursor_show

mode_get:
  mov al, [BDA_MODE]
  mov ah, [BDA_VIDEO_CONTROL]
  and ah, 0x80
  or al, ah
  mov rAL, al
  mov al, [BDA_COLUMNS]
  mov rAH, al
  mov al, [BDA_PAGE]
  mov rBH, al
  ret

// AH=12h, BL = function.
alternate_select:
  cmp bl, 0x10
  je 1f
  cmp bl, 0x30
  jb none
  cmp bl, 0x36
  ja none
  movzx si, bl
  sub si, 0x30
  shl si, 1
  mov cl, 0
  jmp word ptr cs:[alternates + si]
1:
  // BH colour or monochrome, BL 256 KiB, CH feature bits, CL switches.
  mov rBL, 3
  mov rBH, 0
  cmp word ptr [BDA_CRTC], 0x3B4
  jne 2f
  mov rBH, 1
2:
  mov al, [BDA_VIDEO_SWITCHES]
  mov ah, al
  and al, 0x0F
  shr ah, 4
  mov rCL, al
  mov rCH, ah
  ret
alternates:
  .word select_lines, select_palette, select_access, select_grey, select_cursor, select_done, select_refresh
// AL: 0 200, 1 350, 2 400 lines, from the next mode set on.
select_lines:
  mov cl, 0x80
  cmp al, 1
  jb 1f
  mov cl, 0x00
  je 1f
  mov cl, 0x10
  cmp al, 2
  ja none
1:
  mov ch, [BDA_VIDEO_FLAGS]
  and ch, 0x6F
  or ch, cl
  mov [BDA_VIDEO_FLAGS], ch
  jmp select_done
// AL = 1 keeps the palette at a mode set.
select_palette:
  mov cl, 0x08
  jmp select_flag
// AL = 0 sums colours to grey.
select_grey:
  mov cl, 0x02
  xor al, 1
select_flag:
  mov ch, [BDA_VIDEO_FLAGS]
  not cl
  and ch, cl
  not cl
  test al, 1
  jz 1f
  or ch, cl
1:
  mov [BDA_VIDEO_FLAGS], ch
  jmp select_done
// AL = 1 closes the adapter's memory and ports: miscellaneous output bit 1.
select_access:
  push ax
  mov dx, 0x3CC
  in al, dx
  pop bx
  or al, 2
  test bl, 1
  jz 1f
  and al, 0xFD
1:
  mov dl, 0xC2
  out dx, al
  jmp select_done
// AL = 1 stops the emulation of cursor shapes.
select_cursor:
  mov ch, [BDA_VIDEO_CONTROL]
  and ch, 0xFE
  and al, 1
  or ch, al
  mov [BDA_VIDEO_CONTROL], ch
  jmp select_done
// AL = 1 darkens the screen: sequencer 1 bit 5.
select_refresh:
  mov bl, al
  mov dx, 0x3C4
  mov al, 1
  out dx, al
  inc dx
  in al, dx
  and al, 0xDF
  test bl, 1
  jz 1f
  or al, 0x20
1:
  out dx, al
select_done:
  mov rAL, 0x12
  ret

// AH=1Ah: AL = 0 reads the display combination code, 1 sets it.
display_code:
  cmp al, 1
  ja 2f
  je 1f
  mov al, [BDA_DISPLAY_CODE]
  mov rBL, al
  mov rBH, 0
  jmp 3f
1:
  mov [BDA_DISPLAY_CODE], bl
3:
  mov rAL, 0x1A
2:
  ret

// AH=1Bh: 64 bytes at ES:DI about functions and state.
state_information:
  test bx, bx
  jnz none
  mov es, rES
  mov di, rDI
  mov ax, offset static_functions
  stosw
  mov ax, cs
  stosw
  mov si, BDA_MODE
  mov cx, 30
  rep movsb
  mov al, [BDA_ROWS]
  inc al
  stosb
  mov ax, [BDA_CHAR_HEIGHT]
  stosw
  mov al, [BDA_DISPLAY_CODE]
  stosb
  mov al, 0
  stosb
  call mode_present
  mov cl, cs:[si + MODE_BITS]
  mov ax, 1
  shl ax, cl
  stosw
  // Pages.
  mov al, 8
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  je 1f
  mov al, 1
1:
  stosb
  // Lines: 0 200, 1 350, 2 400, 3 480.
  mov al, [BDA_ROWS]
  inc al
  mul byte ptr [BDA_CHAR_HEIGHT]
  mov bl, 0
  cmp ax, 350
  jb 2f
  mov bl, 1
  je 2f
  mov bl, 3
  cmp ax, 480
  je 2f
  mov bl, 2
2:
  mov al, bl
  stosb
  // Character blocks; miscellaneous state: cursor emulation, palette loading, monochrome, blinking.
  mov ax, 0
  stosw
  mov al, 0x21
  stosb
  mov al, 0
  stosb
  stosb
  stosb
  // 256 KiB; no save area in use; display of 8.
  mov al, 3
  stosb
  mov al, 0
  mov cx, 14
  rep stosb
  mov rAL, 0x1B
  ret
// Modes 0-7, 0Dh-13h; 200, 350, 400 lines; 2 of 8 fonts; what the functions can do.
static_functions:
  .byte 0xFF, 0xE0, 0x0F, 0, 0, 0, 0, 0x07, 2, 8, 0xFF, 0x0E, 0, 0, 0x3F, 0

// AH=1Ch: CX = states (1 hardware, 2 BDA, 4 DAC), AL = 0 size, 1 save at ES:BX, 2 restore.
state_save:
  mov es, rES
  mov di, rBX
  mov cx, rCX
  cmp al, 1
  jb 1f
  je 2f
  cmp al, 2
  jne none
  mov si, di
  call registers_restore
  mov rAL, 0x1C
  ret
1:
  // In blocks of 64 bytes; all the states fit into 15.
  mov rBX, 15
  mov rAL, 0x1C
  ret
2:
  call registers_save
  mov rAL, 0x1C
  ret
