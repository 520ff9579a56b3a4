// The monitor: its power states (4F10h) and its identification (4F15h). Sources: VBE/PM 1.0, VBE/DDC 1.1;
// VESA E-EDID Standard, "EDID 1.3"; VESA DMT, 1024 x 768 at 60 Hz.

#include "vga.h"

.section .code, "ax"
.code16

// BL: 0 tells version 1.0 and that standby, suspend and off can be; 1 sets BH, 2 gets it: 0 on, 1 standby,
// 2 suspend, 4 off. All but on are a dark screen, as nothing here switches a synchronisation signal.
.globl vbe_power
vbe_power:
  mov bl, rBL
  cmp bl, 1
  jb 2f
  je 1f
  cmp bl, 2
  jne vbe_failed
  mov al, cs:[power_state]
  mov rBH, al
  ret
1:
  mov al, rBH
  cmp al, 4
  ja vbe_failed
  cmp al, 3
  je vbe_failed
  mov cs:[power_state], al
  mov bl, al
  mov dx, 0x3C4
  mov al, 1
  out dx, al
  inc dx
  in al, dx
  and al, 0xDF
  test bl, bl
  jz 3f
  or al, 0x20
3:
  out dx, al
  ret
2:
  mov rBX, 0x0710
  ret
power_state: .byte 0

// BL: 0 tells of DDC2 and a second for a block; 1 reads block DX of the EDID of monitor CX to ES:DI.
.globl vbe_ddc
vbe_ddc:
  cmp cx, 0
  jne vbe_failed
  cmp rBL, 1
  ja vbe_failed
  je 1f
  mov rBX, 0x0102
  ret
1:
  test dx, dx
  jnz vbe_failed
  mov es, rES
  mov di, rDI
  mov si, offset edid
  mov cx, 127
  mov ah, 0
2:
  mov al, cs:[si]
  inc si
  stosb
  sub ah, al
  loop 2b
  // The bytes sum to 0.
  mov al, ah
  stosb
  ret

// Without its last byte, the checksum.
edid:
  .byte 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00
  // Manufacturer "APU", five bits a letter; product 1, serial number 1; week 1 of 2026; version 1.3.
  .byte 0x06, 0x15, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 1, 2026 - 1990, 1, 3
  // Digital; 32 by 24 cm; gamma 2.2; standby, suspend, off; sRGB, preferred timing first.
  .byte 0x80, 32, 24, 120, 0xE6
  // sRGB's primaries and white: x and y of red, green, blue, white in 1/1024.
  .byte 0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54
  // 720 x 400 at 70 Hz, 640 x 480, 800 x 600 and 1024 x 768 at 60 Hz.
  .byte 0xA1, 0x08, 0x00
  // 1280 x 1024 at 60 Hz; unused.
  .byte 0x81, 0x80
  .rept 7
    .byte 1, 1
  .endr
  // 65 MHz; 1024 + 320 dots, synchronisation after 24 for 136; 768 + 38 lines, after 3 for 6; both negative.
  .word 6500
  .byte 1024 & 255, 320 & 255, 1024 >> 8 << 4 | 320 >> 8
  .byte 768 & 255, 38, 768 >> 8 << 4
  .byte 24, 136, 3 << 4 | 6, 0
  .byte 320 & 255, 240, 320 >> 8 << 4, 0, 0, 0x18
  // Name; limits: 50 to 76 Hz, 30 to 80 kHz, 140 MHz; unused.
  .byte 0, 0, 0, 0xFC, 0
  .ascii "Apus display\n"
  .byte 0, 0, 0, 0xFD, 0, 50, 76, 30, 80, 14, 0, 10
  .ascii "      "
  .byte 0, 0, 0, 0x10, 0
  .skip 13
  // No further block.
  .byte 0
edid_end:
