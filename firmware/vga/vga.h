// What the files of the VGA BIOS share. Sources: IBM PS/2 Video Subsystem technical reference and PS/2 and PC
// BIOS Interface Technical Reference, "INT 10h"; VESA BIOS Extension 3.0; the DISPI interface of Bochs and
// QEMU ("Bochs VBE display API").

#include "../bios.h"

// A mode's entry in mode_list.
#define MODE_NUMBER 0
#define MODE_KIND 1
#define MODE_PALETTE 2
#define MODE_BITS 3
#define MODE_SEGMENT 4
#define MODE_PARAMETERS 6
#define MODE_ENTRY 8
#define KIND_TEXT 0
#define KIND_CGA 1
#define KIND_PLANAR 2
#define KIND_LINEAR 3
#define KIND_NONE 4
#define KIND_PACKED 5
#define PALETTE_CGA 0
#define PALETTE_EGA 1
#define PALETTE_256 2
#define PALETTE_MONO 3

// A parameter table, in the layout of the BIOS video parameter table.
#define VP_COLUMNS 0
#define VP_ROWS 1
#define VP_HEIGHT 2
#define VP_PAGE 3
#define VP_SEQUENCER 5
#define VP_MISC 9
#define VP_CRTC 10
#define VP_ATTRIBUTES 35
#define VP_GRAPHICS 55

// DISPI registers, index at 1CEh and data at 1CFh.
#define DISPI_ID 0
#define DISPI_XRES 1
#define DISPI_YRES 2
#define DISPI_BPP 3
#define DISPI_ENABLE 4
#define DISPI_BANK 5
#define DISPI_VIRT_WIDTH 6
#define DISPI_VIRT_HEIGHT 7
#define DISPI_X_OFFSET 8
#define DISPI_Y_OFFSET 9
#define DISPI_MEMORY 10
#define ENABLED 0x01
#define DAC_8BIT 0x20
#define LFB_ENABLED 0x40
#define NO_CLEAR 0x80
