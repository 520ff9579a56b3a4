// Entry points at the addresses that the IBM PC's BIOS had (IBM AT Technical Reference, "BIOS: Compatibility
// addresses"); programs have come to jump there.

#include "bios.h"

.macro at address
  .org \address - 0xE000
.endm

.section .fixed, "ax"
.code16
fixed_start:
at 0xE05B
  far_jump BIOS_SEGMENT, reset_start
at 0xE2C3
  jmp int02
at 0xE3FE
  jmp int13
// The fixed disk parameter table of the AT's drive type 1.
at 0xE401
  .word 306
  .byte 4
  .word 0, 128
  .byte 0, 0, 0, 0, 0
  .word 305
  .byte 17, 0
at 0xE6F2
  jmp int19
// What INT 15h AH=C0h reports (PS/2 BIOS Interface Technical Reference, "Return System Configuration
// Parameters"): feature 1 has the second 8259A, the real-time clock, the keyboard intercept and the EBDA.
at 0xE6F5
.globl configuration_table
configuration_table:
  .word 8
  .byte 0xFC, 0, 1, 0x74, 0x40, 0, 0, 0
at 0xE739
  jmp int14
at 0xE82E
  jmp int16
at 0xE987
  jmp int09
at 0xEC59
  jmp int13
at 0xEF57
  jmp int0E
// INT 1Eh: the diskette parameters of a 1.44 MB drive.
at 0xEFC7
.globl diskette_parameters
diskette_parameters:
  .byte 0xAF, 0x02, 0x25, 0x02, 18, 0x1B, 0xFF, 0x6C, 0xF6, 15, 8
at 0xEFD2
  jmp int17
at 0xF065
  jmp int10_forward
at 0xF841
  jmp int12
at 0xF84D
  jmp int11
at 0xF859
  jmp int15
// The first 128 characters of the 8 by 8 font.
at 0xFA6E
.globl rom_font8x8
rom_font8x8:
#include "font8x8-low.inc"
at 0xFE6E
  jmp int1A
at 0xFEA5
  jmp int08
at 0xFF53
.globl dummy_return
dummy_return:
  iret
at 0xFF54
  jmp int05
at 0xFFF0
.globl reset_vector
reset_vector:
  far_jump BIOS_SEGMENT, reset_start
  .ascii "01/01/26"
at 0xFFFE
  .byte 0xFC, 0
