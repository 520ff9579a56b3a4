// Option ROMs and unreal mode. Sources: PCI Local Bus Specification 2.1, "PCI Expansion ROMs"; BIOS Boot
// Specification 1.01.

#include "bios.h"

.section .code, "ax"
.code16

// Option ROMs: those of PCI functions are copied below E0000h, one after the other; then every ROM found at
// C8000h-DFFFFh in steps of 2 KiB is started (PCI Firmware: "PCI Expansion ROMs"; BIOS Boot Specification
// 1.01, "Option ROM"). The VGA's came before.
.globl option_roms
option_roms:
  mov word ptr cs:[rom_segment], 0xC800
  call rom_existing
  mov bx, 0xFFFF
1:
  call pci_next
  jc 2f
  cmp bx, cs:[vga_function]
  je 1b
  push bx
  call pci_rom_copy
  jc 3f
  call rom_start
3:
  pop bx
  jmp 1b
2:
  ret

// Starts the ROMs that are already in place, and leaves rom_segment after the last.
rom_existing:
  mov ax, 0xC800
1:
  mov es, ax
  cmp word ptr es:[0], 0xAA55
  jne 2f
  push ax
  mov bx, 0xFFFF
  call rom_start
  pop ax
  mov es, ax
  movzx bx, byte ptr es:[2]
  shl bx, 5
  add ax, bx
  add ax, 0x7F
  and ax, 0xFF80
  mov cs:[rom_segment], ax
  jmp 3f
2:
  add ax, 0x80
3:
  cmp ax, 0xE000
  jb 1b
  ret
.globl rom_segment
rom_segment: .word 0xC800

// ES = segment of a copy of function BX's ROM for PCs; CF when it has none or there is no room.
.globl pci_rom_copy
pci_rom_copy:
  call enter_unreal
  mov di, 0x30
  call pci_read_dword
  and ecx, 0xFFFFF800
  jz 9f
  push bx
  mov esi, ecx
  or cl, 1
  call pci_write_dword
  mov di, 4
  call pci_read_word
  push cx
  or cl, 2
  call pci_write_word
1:
  cmp word ptr fs:[esi], 0xAA55
  jne 7f
  movzx eax, word ptr fs:[esi + 0x18]
  lea edi, [esi + eax]
  cmp dword ptr fs:[edi], 0x52494350
  jne 7f
  // Code type 0 is for PCs; the indicator's bit 7 marks the last image.
  cmp byte ptr fs:[edi + 0x14], 0
  je 2f
  test byte ptr fs:[edi + 0x15], 0x80
  jnz 7f
  movzx eax, word ptr fs:[edi + 0x10]
  test ax, ax
  jz 7f
  shl eax, 9
  add esi, eax
  jmp 1b
2:
  movzx ecx, byte ptr fs:[esi + 2]
  mov ax, cs:[rom_segment]
  mov dx, cx
  shl dx, 5
  add dx, ax
  cmp dx, 0xE000
  ja 7f
  add dx, 0x7F
  and dx, 0xFF80
  mov es, ax
  mov cs:[rom_copied], dx
  movzx edi, ax
  shl edi, 4
  shl ecx, 7
3:
  mov eax, fs:[esi]
  mov fs:[edi], eax
  add esi, 4
  add edi, 4
  dec ecx
  jnz 3b
  clc
  jmp 8f
7:
  stc
8:
  pushf
  pop ax
  pop cx
  pop bx
  push ax
  mov di, 4
  call pci_write_word
  mov di, 0x30
  call pci_read_dword
  and cl, 0xFE
  call pci_write_dword
  popf
  ret
9:
  stc
  ret
rom_copied: .word 0

// Starts the ROM at ES:0 for function BX with AX = BX, ES:DI = the PnP structure.
.globl rom_start
rom_start:
  movzx cx, byte ptr es:[2]
  shl cx, 9
  xor si, si
  mov al, 0
1:
  add al, es:[si]
  inc si
  loop 1b
  test al, al
  jnz 9f
  push ds
  push fs
  push es
  mov word ptr cs:[rom_entry], 3
  mov cs:[rom_entry + 2], es
  mov ax, bx
  push cs
  pop es
  mov di, offset pnp_structure
  xor dx, dx
  lcall cs:[rom_entry]
  cld
  pop es
  pop fs
  pop ds
  // The size after initialisation is what stays.
  mov ax, es
  movzx cx, byte ptr es:[2]
  shl cx, 5
  add ax, cx
  add ax, 0x7F
  and ax, 0xFF80
  cmp ax, cs:[rom_segment]
  jbe 2f
  cmp ax, 0xC800
  jbe 2f
  mov cs:[rom_segment], ax
2:
  call rom_boot_entry
9:
  ret
.globl rom_entry
rom_entry: .long 0

// Notes the boot entry vector of the ROM at ES:0, if its PnP expansion header has one, and calls its boot
// connection vector, with which it takes INT 13h (BIOS Boot Specification 1.01, "PnP Option ROMs").
rom_boot_entry:
  mov si, es:[0x1A]
  test si, si
  jz 9f
  cmp dword ptr es:[si], 0x506E5024
  jne 9f
  mov ax, es:[si + 0x16]
  test ax, ax
  jz 1f
  push es
  push ds
  mov cs:[rom_entry], ax
  mov cs:[rom_entry + 2], es
  push cs
  pop es
  mov di, offset pnp_structure
  lcall cs:[rom_entry]
  pop ds
  pop es
1:
  mov ax, es:[si + 0x1A]
  test ax, ax
  jz 9f
  cmp dword ptr cs:[network_entry], 0
  jne 9f
  mov cs:[network_entry], ax
  mov cs:[network_entry + 2], es
9:
  ret
.globl network_entry
network_entry: .long 0

// The PnP BIOS installation check structure (Plug and Play BIOS Specification 1.0A), without functions.
.balign 16
.globl pnp_structure
pnp_structure:
  .ascii "$PnP"
  .byte 0x10, 0x21
  .word 0
  .byte 0
  .long 0
  .word pnp_none, BIOS_SEGMENT
  .word 0
  .long 0xF0000
  .long 0
  .word BIOS_SEGMENT
  .long 0
pnp_none:
  // FUNCTION_NOT_SUPPORTED
  mov ax, 0x82
  retf

// FS with base 0 and a limit of 4 GiB. Interrupts are off between the modes.
.globl enter_unreal
enter_unreal:
  push eax
  push bx
  pushf
  cli
  lgdtd cs:[gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 1f
1:
  mov bx, 0x10
  mov fs, bx
  and al, 0xFE
  mov cr0, eax
  jmp 2f
2:
  xor bx, bx
  mov fs, bx
  popf
  pop bx
  pop eax
  ret
