// The modes of VBE. Numbers to 11Bh are VESA's ("VBE Core Functions 3.0", "VBE Mode Numbers"), those above
// are QEMU's and Bochs's.

#include "vga.h"

.section .code, "ax"
.code16

// Mode number, width, height, bits for a pixel.
.macro vbe number, width, height, bits
  .word \number, \width, \height
  .byte \bits, 0
.endm

.globl vbe_modes
vbe_modes:
  vbe 0x100, 640, 400, 8
  vbe 0x101, 640, 480, 8
  vbe 0x102, 800, 600, 4
  vbe 0x103, 800, 600, 8
  vbe 0x104, 1024, 768, 4
  vbe 0x105, 1024, 768, 8
  vbe 0x106, 1280, 1024, 4
  vbe 0x107, 1280, 1024, 8
  vbe 0x10D, 320, 200, 15
  vbe 0x10E, 320, 200, 16
  vbe 0x10F, 320, 200, 24
  vbe 0x110, 640, 480, 15
  vbe 0x111, 640, 480, 16
  vbe 0x112, 640, 480, 24
  vbe 0x113, 800, 600, 15
  vbe 0x114, 800, 600, 16
  vbe 0x115, 800, 600, 24
  vbe 0x116, 1024, 768, 15
  vbe 0x117, 1024, 768, 16
  vbe 0x118, 1024, 768, 24
  vbe 0x119, 1280, 1024, 15
  vbe 0x11A, 1280, 1024, 16
  vbe 0x11B, 1280, 1024, 24
  vbe 0x11C, 1600, 1200, 8
  vbe 0x11D, 1600, 1200, 15
  vbe 0x11E, 1600, 1200, 16
  vbe 0x11F, 1600, 1200, 24
  vbe 0x140, 320, 200, 32
  vbe 0x141, 640, 400, 32
  vbe 0x142, 640, 480, 32
  vbe 0x143, 800, 600, 32
  vbe 0x144, 1024, 768, 32
  vbe 0x145, 1280, 1024, 32
  vbe 0x146, 320, 200, 8
  vbe 0x147, 1600, 1200, 32
  vbe 0x148, 1152, 864, 8
  vbe 0x149, 1152, 864, 15
  vbe 0x14A, 1152, 864, 16
  vbe 0x14B, 1152, 864, 24
  vbe 0x14C, 1152, 864, 32
  vbe 0x175, 1280, 768, 16
  vbe 0x176, 1280, 768, 24
  vbe 0x177, 1280, 768, 32
  vbe 0x178, 1280, 800, 16
  vbe 0x179, 1280, 800, 24
  vbe 0x17A, 1280, 800, 32
  vbe 0x17B, 1280, 960, 16
  vbe 0x17C, 1280, 960, 24
  vbe 0x17D, 1280, 960, 32
  vbe 0x17E, 1440, 900, 16
  vbe 0x17F, 1440, 900, 24
  vbe 0x180, 1440, 900, 32
  vbe 0x181, 1400, 1050, 16
  vbe 0x182, 1400, 1050, 24
  vbe 0x183, 1400, 1050, 32
  vbe 0x184, 1680, 1050, 16
  vbe 0x185, 1680, 1050, 24
  vbe 0x186, 1680, 1050, 32
  vbe 0x187, 1920, 1200, 16
  vbe 0x188, 1920, 1200, 24
  vbe 0x189, 1920, 1200, 32
  vbe 0x18D, 1280, 720, 16
  vbe 0x18E, 1280, 720, 24
  vbe 0x18F, 1280, 720, 32
  vbe 0x190, 1920, 1080, 16
  vbe 0x191, 1920, 1080, 24
  vbe 0x192, 1920, 1080, 32
  .word 0xFFFF
