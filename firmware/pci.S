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
