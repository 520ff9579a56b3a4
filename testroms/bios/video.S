// Pictures of every kind that a VGA with DISPI can show, one for each key: modes by INT 10h, drawing by its
// services and by direct writes, and what programs did with the registers. A picture that is complete is
// named at port E9h and at COM1 with the words "picture NAME"; video.txt has what each must look like.
// Sources: PS/2 and PC BIOS Interface Technical Reference, "INT 10h"; IBM Video Subsystem Technical
// Reference, "Registers"; VESA BIOS Extension 3.0.

#include "guest.h"

// Free memory for fonts, palettes and VBE's structures.
#define BUFFER 0x3000

.text
.code16
.globl start
start:
  load_image show

.macro picture name, routine, parameter = 0
  .word 1f, \routine, \parameter
  .pushsection .names, "a"
1:
  .asciz "\name"
  .popsection
.endm
pictures:
  picture "mode-00", text_modes, 0x00
  picture "mode-01", text_modes, 0x01
  picture "mode-02", text_modes, 0x02
  picture "mode-03", text_modes, 0x03
  picture "mode-07", text_modes, 0x07
  picture "mode-04", cga, 0x04
  picture "mode-05", cga, 0x05
  picture "mode-06", cga, 0x06
  picture "mode-0D", planar, 0x0D
  picture "mode-0E", planar, 0x0E
  picture "mode-0F", planar, 0x0F
  picture "mode-10", planar, 0x10
  picture "mode-11", planar, 0x11
  picture "mode-12", planar, 0x12
  picture "mode-13", linear, 0x13
  picture "text-200", text_lines, 0
  picture "text-43", text_lines, 1
  picture "text-50", text_lines, 2
  picture "text-fonts", text_fonts
  picture "text-background", text_background
  picture "text-blink", text_blink
  picture "text-cursor", text_cursor
  picture "text-scroll", text_scroll
  picture "text-smooth", text_smooth
  picture "scroll-12", graphics_scroll, 0x12
  picture "scroll-13", graphics_scroll, 0x13
  picture "mode-x", mode_x
  picture "split", split
  picture "panning", panning
  picture "dac", dac
  picture "color-select", color_select
  picture "vbe-640x480x32", vbe_linear, 0x4142
  picture "vbe-800x600x16", vbe_linear, 0x4114
  picture "vbe-640x480x15", vbe_linear, 0x4110
  picture "vbe-800x600x24", vbe_linear, 0x4115
  picture "vbe-1024x768x8", vbe_linear, 0x4105
  picture "vbe-banked-8", vbe_banked, 0x0101
  picture "vbe-banked-24", vbe_banked, 0x0112
  picture "vbe-800x600x4", vbe_planar, 0x0102
  picture "vbe-start", vbe_start, 0x0101
  picture "vbe-protected", vbe_protected, 0x0101
  picture "vbe-text-8", vbe_text, 0x0103
  picture "vbe-text-16", vbe_text, 0x0111
  picture "vbe-text-24", vbe_text, 0x0112
  picture "vbe-text-32", vbe_text, 0x0142
  .word 0

show:
  // COM1: 9600 baud, 8 bits, one stop bit, no parity.
  mov ax, 0x00E3
  xor dx, dx
  int 0x14
  mov bx, offset pictures
1:
  cmp word ptr [bx], 0
  je 2f
  push bx
  mov ax, [bx + 4]
  CALL word ptr [bx + 2]
  cld
  xor ax, ax
  mov ds, ax
  mov es, ax
  pop bx
  mov si, offset word_picture
  call send
  mov si, [bx]
  call send
  mov si, offset line_end
  call send
  push bx
  mov ah, 0
  int 0x16
  pop bx
  add bx, 6
  jmp 1b
2:
  mov ax, 3
  int 0x10
  mov si, offset word_end
  call send
  // QEMU's isa-debug-exit, where it is there.
  mov al, 0
  out 0xF4, al
3:
  hlt
  jmp 3b
word_picture: .asciz "picture "
word_end: .ascii "end"
line_end: .asciz "\r\n"
send:
  lodsb
  test al, al
  jz 1f
  out 0xE9, al
  mov ah, 1
  xor dx, dx
  int 0x14
  jmp send
1:
  ret

// Sets mode AL; no cursor, since it blinks.
set_mode:
  mov ah, 0
  int 0x10
hide_cursor:
  mov ah, 1
  mov cx, 0x2000
  int 0x10
  ret

// Writes the text behind the call by INT 10h AH=0Eh in colour BL.
.macro write text
  call write_inline
  .asciz "\text"
.endm
write_inline:
  pop si
1:
  lodsb
  test al, al
  jz 2f
  mov bh, 0
  mov ah, 0x0E
  int 0x10
  jmp 1b
2:
  jmp si
// The cursor to row DH, column DL.
move_to:
  mov ah, 2
  mov bh, 0
  int 0x10
  ret

// AH to register AL of the sequencer, the graphics controller, the CRT controller, the attribute controller.
sequencer:
  mov dx, 0x3C4
  out dx, ax
  ret
graphics:
  mov dx, 0x3CE
  out dx, ax
  ret
crtc:
  mov dx, 0x3D4
  out dx, ax
  ret
attribute:
  push ax
  mov dx, 0x3DA
  in al, dx
  pop ax
  mov dl, 0xC0
  out dx, al
  mov al, ah
  out dx, al
  mov al, 0x20
  out dx, al
  ret
.macro registers file, values:vararg
  .irp value, \values
    mov ax, \value
    call \file
  .endr
.endm

// A line of pixels by INT 10h AH=0Ch, from CX, DX on downwards to the right: BX of them in colour AL.
diagonal:
  push bx
  mov bh, 0
  mov ah, 0x0C
  push ax
  int 0x10
  pop ax
  pop bx
  inc cx
  inc dx
  dec bx
  jnz diagonal
  ret

// The services that every mode has: teletype, repeated characters with attribute BL, a string, pixels.
services:
  push es
  push 0
  pop es
  mov dx, 0x1402
  call move_to
  mov bl, 0x0E
  write "Teletype\r\nand \tnext"
  mov dx, 0x1510
  call move_to
  mov ax, 0x0923
  mov bx, 0x0005
  mov cx, 9
  int 0x10
  mov dx, 0x1610
  call move_to
  // In graphics modes bit 7 is exclusive or: what is written twice is gone. In text modes it would blink.
  mov ax, 0x0958
  mov bx, 0x0083
  cmp byte ptr [0x449], 3
  jbe 1f
  cmp byte ptr [0x449], 7
  jne 2f
1:
  mov bl, 3
2:
  mov cx, 8
  int 0x10
  mov dx, 0x1614
  call move_to
  mov ax, 0x0958
  mov cx, 4
  int 0x10
  mov ax, 0x1301
  mov bx, 0x0009
  mov cx, 26
  mov dx, 0x1702
  mov bp, offset string
  int 0x10
  mov ax, 0x1303
  mov bx, 0
  mov cx, 4
  mov dx, 0x1805
  mov bp, offset string_attributes
  int 0x10
  pop es
  ret
string: .ascii "A string of INT 10h AH=13h"
string_attributes: .ascii "a\001b\002c\003d\004"

#include "video-text.inc"
#include "video-graphics.inc"
#include "video-vbe.inc"
