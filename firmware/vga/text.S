// Characters: teletype, read, write, scroll, strings, in text and graphics modes.

#include "vga.h"

.section .code, "ax"
.code16

// DI = offset of the character at row DH, column DL of page BH in text memory; ES = its segment (mode SI).
// The memory has 32 KiB, beyond which lies this BIOS: places that are not there are taken from its start.
text_address:
  mov es, cs:[si + MODE_SEGMENT]
  push ax
  push dx
  movzx ax, bh
  push dx
  mul word ptr [BDA_PAGE_SIZE]
  pop dx
  mov di, ax
  mov al, dh
  mul byte ptr [BDA_COLUMNS]
  mov dh, 0
  add ax, dx
  shl ax, 1
  add di, ax
  and di, 0x7FFE
  pop dx
  pop ax
  ret
// CX = as many characters as fit behind DI.
text_limit:
  push ax
  mov ax, 0x8000
  sub ax, di
  shr ax, 1
  cmp cx, ax
  jbe 1f
  mov cx, ax
1:
  pop ax
  ret

// DX = the cursor of page BH.
cursor_of_page:
  push bx
  movzx bx, bh
  and bx, 7
  shl bx, 1
  mov dx, [BDA_CURSORS + bx]
  pop bx
  ret

// AH=08h: character and attribute at the cursor of page BH.
.globl char_read
char_read:
  call mode_present
  call cursor_of_page
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne 1f
  call text_address
  mov ax, es:[di]
  mov rAX, ax
  ret
1:
  mov rAX, 0
  cmp byte ptr cs:[si + MODE_KIND], KIND_NONE
  je 2f
  call glyph_read
  mov rAL, al
2:
  ret

// AH=09h: AL, attribute BL, CX times from the cursor of page BH.
.globl char_write, char_write_only
char_write:
  call mode_present
  call cursor_of_page
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne graphics_write
  call text_address
  call text_limit
  mov ah, bl
  rep stosw
  ret
// AH=0Ah: without attribute in text modes.
char_write_only:
  call mode_present
  call cursor_of_page
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne graphics_write
  jcxz 2f
  call text_address
  call text_limit
1:
  stosb
  inc di
  loop 1b
2:
  ret
// In graphics modes the characters stay on their line.
graphics_write:
  cmp byte ptr cs:[si + MODE_KIND], KIND_NONE
  je 2b
1:
  jcxz 2b
  cmp dl, [BDA_COLUMNS]
  jae 2b
  call glyph_draw
  inc dl
  dec cx
  jmp 1b

// AH=0Eh: AL at the cursor of the present page, as a terminal; BL = colour in graphics modes.
.globl teletype
teletype:
  mov bh, [BDA_PAGE]
  call teletype_char
  jmp cursor_show_text

// The CRTC's cursor follows, in text modes.
cursor_show_text:
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne 1f
  jmp cursor_show
1:
  ret

// AL to page BH, colour BL; in text modes the attribute stays.
teletype_char:
  mov ah, 0
// AH = 1: with attribute BL in text modes too.
teletype_with_attribute:
  push ax
  push bx
  push cx
  call mode_present
  call cursor_of_page
  cmp al, 7
  je 5f
  cmp al, 8
  je 6f
  cmp al, 10
  je 2f
  cmp al, 13
  je 7f
  cmp byte ptr cs:[si + MODE_KIND], KIND_NONE
  je 1f
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne 8f
  call text_address
  mov es:[di], al
  test ah, ah
  jz 1f
  mov es:[di + 1], bl
  jmp 1f
8:
  call glyph_draw
1:
  inc dl
  cmp dl, [BDA_COLUMNS]
  jb 4f
  mov dl, 0
2:
  inc dh
  cmp dh, [BDA_ROWS]
  jbe 4f
  mov dh, [BDA_ROWS]
  // The new line has the attribute of the place before the scroll.
  push dx
  mov cl, 0
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne 3f
  call text_address
  mov cl, es:[di + 1]
3:
  mov ch, bh
  mov bh, cl
  mov bl, ch
  mov al, 1
  xor cx, cx
  mov dl, [BDA_COLUMNS]
  dec dl
  call scroll_up_page
  pop dx
4:
  pop cx
  pop bx
  push bx
  movzx si, bh
  and si, 7
  shl si, 1
  mov [BDA_CURSORS + si], dx
  pop bx
  pop ax
  ret
5:
  call beep
  jmp 4b
6:
  test dl, dl
  jz 4b
  dec dl
  jmp 4b
7:
  mov dl, 0
  jmp 4b

// A tenth of a second at 896 Hz.
beep:
  push ax
  push cx
  mov al, 0xB6
  out 0x43, al
  mov al, 0x33
  out 0x42, al
  mov al, 5
  out 0x42, al
  in al, 0x61
  or al, 3
  out 0x61, al
  mov cx, 6600
1:
  in al, 0x61
  mov ah, al
2:
  in al, 0x61
  xor al, ah
  test al, 0x10
  jz 2b
  loop 1b
  in al, 0x61
  and al, 0xFC
  out 0x61, al
  pop cx
  pop ax
  ret

// AH=06h and 07h: AL lines (0 all), attribute BH, from CH, CL to DH, DL of the present page.
.globl scroll_up, scroll_down
scroll_up:
  mov bl, [BDA_PAGE]
scroll_up_page:
  mov ah, 0
  jmp scroll
scroll_down:
  mov bl, [BDA_PAGE]
  mov ah, 1
scroll:
  push bp
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_NONE
  je 9f
  // The window within the screen.
  cmp dh, [BDA_ROWS]
  jbe 1f
  mov dh, [BDA_ROWS]
1:
  cmp dl, [BDA_COLUMNS]
  jb 2f
  mov dl, [BDA_COLUMNS]
  dec dl
2:
  cmp ch, dh
  ja 9f
  cmp cl, dl
  ja 9f
  sub dh, ch
  inc dh
  sub dl, cl
  inc dl
  // DH rows, DL columns. All of them when AL is 0 or more than there are.
  test al, al
  jz 3f
  cmp al, dh
  jbe 4f
3:
  mov al, dh
4:
  cmp byte ptr cs:[si + MODE_KIND], KIND_TEXT
  jne 5f
  call scroll_text
  jmp 9f
5:
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je 6f
  call scroll_graphics
  jmp 9f
6:
  call scroll_packed
9:
  pop bp
  ret

scroll_text:
  push bx
  xchg bh, bl
  // DI = the row that is written first, BP = distance to the next.
  push dx
  mov dx, cx
  test ah, ah
  jz 1f
  pop cx
  push cx
  add dh, ch
  dec dh
1:
  call text_address
  pop dx
  pop bx
  mov bp, [BDA_COLUMNS]
  shl bp, 1
  push ax
  mul byte ptr [BDA_COLUMNS]
  shl ax, 1
  mov si, ax
  pop ax
  test ah, ah
  jz 2f
  neg bp
  neg si
2:
  // SI = distance from a row to its source; AL of DH rows are cleared.
  sub dh, al
  push ds
  push es
  pop ds
3:
  test dh, dh
  jz 4f
  push si
  push di
  add si, di
  movzx cx, dl
  rep movsw
  pop di
  pop si
  add di, bp
  dec dh
  jmp 3b
4:
  mov dh, al
  mov ah, bh
  mov al, ' '
5:
  movzx cx, dl
  push di
  rep stosw
  pop di
  add di, bp
  dec dh
  jnz 5b
  pop ds
  ret

// AH=13h: CX characters at ES:BP to row DH, column DL of page BH; AL bit 0: the cursor moves, bit 1: each
// character has its attribute, else BL.
.globl write_string
write_string:
  jcxz 9f
  cmp al, 3
  ja 9f
  // The cursor stays unless AL says otherwise.
  movzx si, bh
  and si, 7
  shl si, 1
  push word ptr [BDA_CURSORS + si]
  push si
  mov [BDA_CURSORS + si], dx
  mov si, rBP
  mov ah, al
1:
  mov es, rES
  mov al, es:[si]
  inc si
  test ah, 2
  jz 2f
  mov bl, es:[si]
  inc si
2:
  push ax
  push si
  mov ah, 1
  call teletype_with_attribute
  pop si
  pop ax
  loop 1b
  pop si
  pop dx
  test ah, 1
  jnz 3f
  mov [BDA_CURSORS + si], dx
3:
  cmp bh, [BDA_PAGE]
  je cursor_show_text
9:
  ret
