// What the boot images share: 16-bit forms of CALL and RET, and loading the rest of an image.

.intel_syntax noprefix

// LLVM's Intel syntax gives RET and direct CALL a 32-bit operand size even in 16-bit code; an indirect call
// is written CALL in capitals to get by the macro.
#define ret .byte 0xC3
#define call call16
.macro call16 target
  .byte 0xE8
  .word \target - . - 2
.endm

// Sets up segments and a stack, reads the sectors after the first of a disk image with INT 13h AH=42h, which
// needs no geometry, and goes on at `target`. The linker script counts the sectors, of which a read may have
// 127 (Phoenix EDD 3.0, "Disk Address Packet").
.macro load_image target
  xor ax, ax
  mov ds, ax
  mov es, ax
  cli
  mov ss, ax
  mov sp, 0x7C00
  sti
  mov [boot_drive], dl
  mov si, offset boot_packet
  mov ah, 0x42
  int 0x13
  jnc \target
  mov si, offset boot_failure
1:
  lodsb
  test al, al
  jz 2f
  out 0xE9, al
  mov ah, 0x0E
  mov bx, 7
  int 0x10
  jmp 1b
2:
  hlt
  jmp 2b
boot_failure: .asciz "cannot load\r\n"
boot_drive: .byte 0
.balign 4
boot_packet:
  .byte 16, 0
  .word image_sectors, 0, 0x7E0
  .quad 1
.org 510
  .word 0xAA55
.endm
