// Names shared by all files of the BIOS: I/O ports, the BIOS data area, the extended BIOS data area, the
// registers that a service saves, and macros. Sources: IBM PS/2 and PC BIOS Interface Technical Reference,
// "Data Areas"; IBM Personal Computer AT Technical Reference, "System BIOS".

.intel_syntax noprefix

// LLVM's Intel syntax gives RET and direct CALL a 32-bit operand size even in 16-bit code. These spell the
// 16-bit forms; an indirect call is written CALL in capitals to get by the macro.
#define ret .byte 0xC3
#define retf .byte 0xCB
#define call call16
.macro call16 target
  .byte 0xE8
  .word \target - . - 2
.endm
.macro far_jump segment, target
  .byte 0xEA
  .word \target, \segment
.endm
// Returns and takes `bytes` of parameters off the stack.
.macro far_return bytes
  .byte 0xCA
  .word \bytes
.endm

// Segments.
#define BIOS_SEGMENT 0xF000
#define BDA_SEGMENT 0x40
#define EBDA_SEGMENT 0x9FC0
#define VGA_SEGMENT 0xC000

// The frame that `enter_service` builds; offsets from BP.
#define FRAME_ES 0
#define FRAME_DS 2
#define FRAME_EDI 4
#define FRAME_ESI 8
#define FRAME_EBP 12
#define FRAME_EBX 20
#define FRAME_EDX 24
#define FRAME_ECX 28
#define FRAME_EAX 32
#define FRAME_IP 36
#define FRAME_CS 38
#define FRAME_FLAGS 40
#define rDI word ptr [bp + FRAME_EDI]
#define rSI word ptr [bp + FRAME_ESI]
#define rBP word ptr [bp + FRAME_EBP]
#define rBX word ptr [bp + FRAME_EBX]
#define rBL byte ptr [bp + FRAME_EBX]
#define rBH byte ptr [bp + FRAME_EBX + 1]
#define rDX word ptr [bp + FRAME_EDX]
#define rDL byte ptr [bp + FRAME_EDX]
#define rDH byte ptr [bp + FRAME_EDX + 1]
#define rCX word ptr [bp + FRAME_ECX]
#define rCL byte ptr [bp + FRAME_ECX]
#define rCH byte ptr [bp + FRAME_ECX + 1]
#define rAX word ptr [bp + FRAME_EAX]
#define rAL byte ptr [bp + FRAME_EAX]
#define rAH byte ptr [bp + FRAME_EAX + 1]
#define rEAX dword ptr [bp + FRAME_EAX]
#define rEBX dword ptr [bp + FRAME_EBX]
#define rECX dword ptr [bp + FRAME_ECX]
#define rEDX dword ptr [bp + FRAME_EDX]
#define rEDI dword ptr [bp + FRAME_EDI]
#define rDS word ptr [bp + FRAME_DS]
#define rES word ptr [bp + FRAME_ES]
#define rFLAGS byte ptr [bp + FRAME_FLAGS]

.macro enter_service
  pushad
  push ds
  push es
  mov bp, sp
  cld
.endm
.macro leave_service
  pop es
  pop ds
  popad
  iret
.endm

// The BIOS data area, segment 40h.
#define BDA_COM 0x00
#define BDA_LPT 0x08
#define BDA_EBDA 0x0E
#define BDA_EQUIPMENT 0x10
#define BDA_MEMORY 0x13
#define BDA_SHIFT 0x17
#define BDA_SHIFT2 0x18
#define BDA_KEYPAD 0x19
#define BDA_KEY_HEAD 0x1A
#define BDA_KEY_TAIL 0x1C
#define BDA_KEY_BUFFER 0x1E
#define BDA_FLOPPY_SEEK 0x3E
#define BDA_FLOPPY_MOTOR 0x3F
#define BDA_FLOPPY_TIMEOUT 0x40
#define BDA_FLOPPY_STATUS 0x41
#define BDA_FLOPPY_RESULT 0x42
#define BDA_MODE 0x49
#define BDA_COLUMNS 0x4A
#define BDA_PAGE_SIZE 0x4C
#define BDA_PAGE_START 0x4E
#define BDA_CURSORS 0x50
#define BDA_CURSOR_SHAPE 0x60
#define BDA_PAGE 0x62
#define BDA_CRTC 0x63
#define BDA_MODE_SELECT 0x65
#define BDA_CGA_PALETTE 0x66
#define BDA_RESUME 0x67
#define BDA_TICKS 0x6C
#define BDA_MIDNIGHT 0x70
#define BDA_BREAK 0x71
#define BDA_RESET 0x72
#define BDA_DISK_STATUS 0x74
#define BDA_DISK_COUNT 0x75
#define BDA_LPT_TIMEOUT 0x78
#define BDA_COM_TIMEOUT 0x7C
#define BDA_KEY_START 0x80
#define BDA_KEY_END 0x82
#define BDA_ROWS 0x84
#define BDA_CHAR_HEIGHT 0x85
#define BDA_VIDEO_CONTROL 0x87
#define BDA_VIDEO_SWITCHES 0x88
#define BDA_VIDEO_FLAGS 0x89
#define BDA_DISPLAY_CODE 0x8A
#define BDA_FLOPPY_RATE 0x8B
#define BDA_DISK_FLAG 0x8E
#define BDA_FLOPPY_MEDIA 0x90
#define BDA_FLOPPY_TRACK 0x94
#define BDA_KEY_MODE 0x96
#define BDA_KEY_LEDS 0x97
#define BDA_WAIT_POINTER 0x98
#define BDA_WAIT_COUNT 0x9C
#define BDA_WAIT_ACTIVE 0xA0
#define BDA_VIDEO_SAVE 0xA8

// Where POST has the data of IDENTIFY, in segment 0.
#define IDENTIFY_BUFFER 0x8000

// The extended BIOS data area: the part that the PS/2 BIOS defines, then this BIOS's own.
#define EBDA_SIZE 0x00
#define EBDA_MOUSE_HANDLER 0x22
#define EBDA_MOUSE_FLAGS 0x26
#define EBDA_MOUSE_FLAGS2 0x27
#define EBDA_MOUSE_DATA 0x28
#define EBDA_DISK_PARAMETERS 0x3D
#define EBDA_DRIVES 0x80
#define EBDA_HARD_DISKS 0x100
#define EBDA_CDROMS 0x104
#define EBDA_CDROM_COUNT 0x108
#define EBDA_BOOT_ENTRIES 0x109
#define EBDA_TORITO 0x110
#define EBDA_PACKET 0x140
#define EBDA_SENSE 0x150
#define EBDA_CDROM_LOCKS 0x164
#define EBDA_EDD 0x170
#define EBDA_DPT_EXTENSION 0x200
#define EBDA_BOOT_LIST 0x220
#define EBDA_REQUEST 0x260
#define EBDA_APM 0x280
#define EBDA_PARTITION 0x290
#define EBDA_APM_CONTROL 0x282
// For DMA: the table of physical regions, 18 at most, and where bytes go that nobody wants, of which a
// transfer has three sectors' at most on either side.
#define EBDA_REGIONS 0x2A8
#define EBDA_NOWHERE 0x340
#define NOWHERE_SIZE 192
#define NOWHERE_MOST 1536

// A drive on an IDE channel, 32 bytes at EBDA_DRIVES.
#define DRIVE_SIZE 32
#define DRIVE_TYPE 0
#define DRIVE_ATA 1
#define DRIVE_ATAPI 2
#define DRIVE_SELECT 1
#define DRIVE_COMMAND 2
#define DRIVE_CONTROL 4
#define DRIVE_FLAGS 6
#define DRIVE_LBA 1
#define DRIVE_LBA48 2
#define DRIVE_REMOVABLE 4
#define DRIVE_MULTIPLE 7
#define DRIVE_SECTORS 8
#define DRIVE_CYLINDERS 16
#define DRIVE_HEADS 18
#define DRIVE_SPT 20
#define DRIVE_LOGICAL_CYLINDERS 22
#define DRIVE_LOGICAL_HEADS 24
#define DRIVE_INDEX 26
#define DRIVE_IRQ 27
// The channel's ports of the bus master, 0 for PIO.
#define DRIVE_DMA 28

// El Torito emulation, at EBDA_TORITO: laid out as the specification packet of INT 13h AH=4Bh from offset 0
// (El Torito 1.0, "INT 13 Function 4B"), then this BIOS's own.
#define TORITO_PACKET_SIZE 0
#define TORITO_MEDIA 1
#define TORITO_DRIVE 2
#define TORITO_CONTROLLER 3
#define TORITO_LBA 4
#define TORITO_DEVICE 8
#define TORITO_BUFFER 10
#define TORITO_SEGMENT 12
#define TORITO_COUNT 14
#define TORITO_CYLINDERS 16
#define TORITO_SECTORS 17
#define TORITO_HEADS 18
#define TORITO_ACTIVE 20
#define TORITO_CDROM 21
#define TORITO_SPT 22
#define TORITO_HEAD_COUNT 24
#define TORITO_CYLINDER_COUNT 26
// The equipment byte without the emulated diskette; of a catalogue that is read, the block and entries to go.
#define TORITO_EQUIPMENT 28
#define TORITO_LEFT 30
#define TORITO_BLOCK 32

// A transfer, at EBDA_REQUEST: block number, count, linear address of the buffer, blocks done, direction.
#define REQUEST_LBA (EBDA_REQUEST + 0)
#define REQUEST_COUNT (EBDA_REQUEST + 8)
#define REQUEST_DONE (EBDA_REQUEST + 10)
#define REQUEST_BUFFER (EBDA_REQUEST + 12)
#define REQUEST_KIND (EBDA_REQUEST + 16)
#define REQUEST_CHUNK (EBDA_REQUEST + 18)
#define REQUEST_TRIES (EBDA_REQUEST + 20)
// Of a CD-ROM's blocks: whether only a part is wanted, then doublewords to drop and
// to keep.
#define REQUEST_PART (EBDA_REQUEST + 26)
#define REQUEST_FIRST (EBDA_REQUEST + 22)
#define REQUEST_LIMIT (EBDA_REQUEST + 24)
// Whether PIO has to do what DMA could not; the bytes that go by DMA now, 0 by PIO.
#define REQUEST_PIO (EBDA_REQUEST + 27)
#define REQUEST_BYTES (EBDA_REQUEST + 28)
#define KIND_READ 0
#define KIND_WRITE 1
#define KIND_VERIFY 2

// Status of INT 13h (PS/2 and PC BIOS Interface Technical Reference, "INT 13h").
#define STATUS_BAD_COMMAND 0x01
#define STATUS_NO_ADDRESS_MARK 0x02
#define STATUS_WRITE_PROTECTED 0x03
#define STATUS_NOT_FOUND 0x04
#define STATUS_RESET_FAILED 0x05
#define STATUS_MEDIA_CHANGED 0x06
#define STATUS_DMA_OVERRUN 0x08
#define STATUS_DMA_BOUNDARY 0x09
#define STATUS_BAD_SECTOR 0x0A
#define STATUS_NO_MEDIA_TYPE 0x0C
#define STATUS_BAD_CRC 0x10
#define STATUS_CONTROLLER 0x20
#define STATUS_SEEK 0x40
#define STATUS_TIMEOUT 0x80
#define STATUS_NOT_READY 0xAA

// Prints a text in POST. Changes AX and SI.
.macro say text
  call print
  .asciz "\text"
.endm
