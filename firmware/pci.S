// PCI configuration by mechanism #1, and what POST does on bus 0: addresses, interrupts, chip set functions.
// Source: PCI Local Bus Specification 2.1, "Configuration Space"; PCI BIOS Specification 2.1.

#include "bios.h"

.section .code, "ax"
.code16

// In all of these BX is bus << 8 | device << 3 | function and DI the register; the value is CL, CX or ECX.
pci_select:
  push eax
  movzx eax, bx
  shl eax, 8
  or eax, 0x80000000
  push di
  and di, 0xFC
  or ax, di
  pop di
  mov dx, 0xCF8
  out dx, eax
  mov dx, di
  and dx, 3
  add dx, 0xCFC
  pop eax
  ret

.globl pci_read_byte, pci_read_word, pci_read_dword, pci_write_byte, pci_write_word, pci_write_dword
pci_read_byte:
  push dx
  push ax
  call pci_select
  in al, dx
  mov cl, al
  pop ax
  pop dx
  ret
pci_read_word:
  push dx
  push ax
  call pci_select
  in ax, dx
  mov cx, ax
  pop ax
  pop dx
  ret
pci_read_dword:
  push dx
  push eax
  call pci_select
  in eax, dx
  mov ecx, eax
  pop eax
  pop dx
  ret
pci_write_byte:
  push dx
  push ax
  call pci_select
  mov al, cl
  out dx, al
  pop ax
  pop dx
  ret
pci_write_word:
  push dx
  push ax
  call pci_select
  mov ax, cx
  out dx, ax
  pop ax
  pop dx
  ret
pci_write_dword:
  push dx
  push eax
  call pci_select
  mov eax, ecx
  out dx, eax
  pop eax
  pop dx
  ret

// BX = the next function on bus 0 after BX (FFFFh to start), ECX = its IDs; CF when there is none.
.globl pci_next
pci_next:
  push di
1:
  inc bx
  test bh, bh
  jnz 9f
  test bl, 7
  jz 2f
  // Functions 1 to 7 exist only where function 0 says so (header type, bit 7).
  push bx
  and bl, 0xF8
  xor di, di
  call pci_read_word
  cmp cx, 0xFFFF
  je 3f
  mov di, 0x0E
  call pci_read_byte
  test cl, 0x80
  jz 3f
  pop bx
2:
  xor di, di
  call pci_read_dword
  cmp cx, 0xFFFF
  je 1b
  pop di
  clc
  ret
3:
  pop bx
  or bl, 7
  jmp 1b
9:
  pop di
  stc
  ret

.globl pci_init
pci_init:
  xor bx, bx
  xor di, di
  call pci_read_word
  cmp cx, 0xFFFF
  je 9f
  call pci_hole_start
  mov cs:[next_large], eax
  // Above RAM beyond 4 GiB, from 512 GiB's multiples down to what 36 address bits reach.
  mov eax, cs:[high_memory_size + 4]
  inc eax
  mov cs:[next_high], eax
  test dword ptr cs:[high_memory_size], 0xFFFFFFFF
  jz 1f
  inc dword ptr cs:[next_high]
1:
  mov bx, 0xFFFF
2:
  call pci_next
  jc 9f
  mov cs:[pci_last], bl
  call pci_function
  jmp 2b
9:
  ret

pci_function:
  push ecx
  mov di, 0x0E
  call pci_read_byte
  and cl, 0x7F
  jnz 9f
  mov di, 0x0A
  call pci_read_word
  cmp cx, 0x0600
  je 5f
  // No decoding while the sizes are found.
  mov di, 0x04
  call pci_read_word
  mov si, cx
  and cl, 0xFC
  call pci_write_word
  and si, 0xFFFC
  mov di, 0x10
1:
  call pci_address
  cmp di, 0x28
  jb 1b
  mov di, 0x30
  call pci_rom_address
  mov cx, si
  or cx, 0x0100
  mov di, 0x04
  call pci_write_word
5:
  call pci_interrupt
9:
  pop ecx
  call pci_chip
  ret

// Assigns the base address register DI, moves DI past it, and notes in SI the decoding that it needs.
pci_address:
  mov ecx, 0xFFFFFFFF
  call pci_write_dword
  call pci_read_dword
  test ecx, ecx
  jz 9f
  test cl, 1
  jnz 5f
  mov eax, ecx
  mov dl, cl
  and al, 0xF0
  and dl, 6
  cmp dl, 4
  je 2f
  neg eax
  call pci_allocate
  jc 8f
  mov ecx, eax
  call pci_write_dword
  or si, 2
  jmp 9f
2:
  // 64 bits: below 4 GiB where it fits.
  push eax
  add di, 4
  mov ecx, 0xFFFFFFFF
  call pci_write_dword
  call pci_read_dword
  mov edx, ecx
  pop eax
  test eax, eax
  jz 3f
  push eax
  neg eax
  call pci_allocate
  jnc 4f
  pop eax
3:
  // EDX:EAX is the mask. In units of 4 GiB, aligned to the size.
  neg edx
  test eax, eax
  jz 31f
  mov edx, 1
31:
  test edx, edx
  jz 8f
  mov eax, cs:[next_high]
  dec edx
  add eax, edx
  not edx
  and eax, edx
  neg edx
  mov ecx, eax
  add eax, edx
  mov cs:[next_high], eax
  call pci_write_dword
  sub di, 4
  xor ecx, ecx
  call pci_write_dword
  add di, 4
  or si, 2
  jmp 9f
4:
  add sp, 4
  xor ecx, ecx
  call pci_write_dword
  sub di, 4
  mov ecx, eax
  call pci_write_dword
  add di, 4
  or si, 2
  jmp 9f
5:
  // I/O: 16 bits of address.
  mov ax, cx
  and al, 0xFC
  neg ax
  jz 9f
  mov dx, cs:[next_io]
  dec ax
  add dx, ax
  not ax
  and dx, ax
  movzx ecx, dx
  neg ax
  add dx, ax
  jc 8f
  cmp dx, 0xFF00
  ja 8f
  mov cs:[next_io], dx
  call pci_write_dword
  or si, 1
  jmp 9f
8:
  xor ecx, ecx
  call pci_write_dword
9:
  add di, 4
  ret

// The expansion ROM's register DI gets an address; it stays disabled.
pci_rom_address:
  mov ecx, 0xFFFFF800
  call pci_write_dword
  call pci_read_dword
  mov eax, ecx
  and eax, 0xFFFFF800
  jz 9f
  neg eax
  call pci_allocate
  jnc 1f
  xor eax, eax
1:
  mov ecx, eax
  call pci_write_dword
9:
  ret

// EAX = address below 4 GiB of a range of EAX bytes, a power of 2; CF when there is no room. Ranges below
// 1 MiB take a page each, in a part of their own, so that little is lost to alignment.
pci_allocate:
  push ebx
  push ecx
  push edx
  cmp eax, 0x100000
  jae 2f
  cmp eax, 0x1000
  jae 1f
  mov eax, 0x1000
1:
  mov bx, offset next_small
  mov ecx, 0xFEC00000
  jmp 3f
2:
  mov bx, offset next_large
  mov ecx, 0xFE800000
3:
  mov edx, cs:[bx]
  dec eax
  add edx, eax
  jc 8f
  not eax
  and edx, eax
  neg eax
  mov ebp, edx
  add edx, eax
  jc 8f
  cmp edx, ecx
  ja 8f
  mov cs:[bx], edx
  mov eax, ebp
  clc
  jmp 9f
8:
  stc
9:
  pop edx
  pop ecx
  pop ebx
  ret

next_small: .long 0xFE800000
.globl next_large
next_large: .long 0xE0000000
// In units of 4 GiB.
next_high: .long 1
next_io: .word 0xC000
.globl pci_last
pci_last: .byte 0

// The interrupt line: INTA# of slot 1 is PIRQA#, and the pins rotate by slot, as the PIIX3's boards have it.
pci_interrupt:
  mov di, 0x3D
  call pci_read_byte
  test cl, cl
  jz 9f
  mov al, bl
  shr al, 3
  add al, cl
  sub al, 2
  and ax, 3
  mov si, ax
  mov cl, cs:[pirq_routes + si]
  mov di, 0x3C
  call pci_write_byte
9:
  ret
.globl pirq_routes
pirq_routes: .byte 10, 10, 11, 11

// Functions that need more than addresses; ECX holds the IDs.
pci_chip:
  cmp ecx, 0x70008086
  je piix3
  cmp ecx, 0x70108086
  je piix_ide
  cmp ecx, 0x71138086
  je piix4_pm
  mov di, 0x0A
  call pci_read_word
  cmp cx, 0x0300
  jne 1f
  cmp word ptr cs:[vga_function], 0xFFFF
  jne 1f
  mov cs:[vga_function], bx
  mov di, 4
  call pci_read_word
  or cl, 3
  call pci_write_word
1:
  ret
.globl vga_function
vga_function: .word 0xFFFF

// PIRQA#-PIRQD# to IRQ 10, 10, 11, 11 (82371SB datasheet, "PIRQx Route Control Registers").
piix3:
  mov di, 0x60
1:
  mov cl, cs:[pirq_routes + di - 0x60]
  call pci_write_byte
  inc di
  cmp di, 0x64
  jb 1b
  ret

// IDETIM of both channels: decode the ports (82371SB datasheet, "IDE Timing Register").
piix_ide:
  mov di, 0x40
  mov cx, 0x8000
  call pci_write_word
  mov di, 0x42
  call pci_write_word
  mov di, 4
  call pci_read_word
  or cl, 5
  jmp pci_write_word

// Power management at 600h and enabled, SMBus at 700h (82371AB datasheet, "PMBA", "PMREGMISC", "SMBBA").
piix4_pm:
  mov di, 0x3C
  mov cl, 9
  call pci_write_byte
  mov di, 0x40
  mov ecx, 0x601
  call pci_write_dword
  mov di, 0x80
  mov cl, 1
  call pci_write_byte
  mov di, 0x90
  mov ecx, 0x701
  call pci_write_dword
  mov di, 0xD2
  mov cl, 9
  call pci_write_byte
  mov di, 4
  call pci_read_word
  or cl, 1
  jmp pci_write_word

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
