// VBE's protected mode interface: 4F0Ah and the code that it gives out. Programs copy the code into segments
// of their own, so that it uses no address. Source: VESA BIOS Extension Core Functions 3.0, "Function 0Ah".

#include "vga.h"

.section .code, "ax"
.code16

// BL = 0: ES:DI = the table, CX = its length with the code.
.globl vbe_protected
vbe_protected:
  cmp rBL, 0
  jne vbe_failed
  mov rES, cs
  mov rDI, offset protected_table
  mov cx, offset protected_end
  sub cx, offset protected_table
  mov rCX, cx
  ret

.code32
protected_table:
  .word protected_window - protected_table
  .word protected_start - protected_table
  .word protected_palette - protected_table
  .word protected_ports - protected_table
// Ports, then memory, of which none is used.
protected_ports:
  .word 0x1CE, 0x1CF, 0x3C8, 0x3C9, 0xFFFF
  .word 0xFFFF

// DISPI register AL = CX; AX = DISPI register AL.
protected_write:
  push edx
  movzx eax, al
  mov edx, 0x1CE
  out dx, ax
  inc edx
  mov eax, ecx
  out dx, ax
  pop edx
  .byte 0xC3
protected_read:
  push edx
  movzx eax, al
  mov edx, 0x1CE
  out dx, ax
  inc edx
  in ax, dx
  pop edx
  .byte 0xC3
.macro near target
  .byte 0xE8
  .long \target - . - 4
.endm

// BL = 0: the window to DX.
protected_window:
  test bx, bx
  jnz protected_failed
  push ecx
  movzx ecx, dx
  mov al, DISPI_BANK
  near protected_write
  pop ecx
protected_done:
  mov ax, 0x004F
  .byte 0xC3
protected_failed:
  mov ax, 0x014F
  .byte 0xC3

// BL = 0 or 80h: the picture begins at byte 4 * DX:CX.
protected_start:
  test bl, 0x7F
  jnz protected_failed
  pushad
  movzx ecx, cx
  shl edx, 16
  or ecx, edx
  shl ecx, 2
  // Bytes of a pixel, bytes of a line.
  mov al, DISPI_BPP
  near protected_read
  movzx ebx, ax
  add ebx, 7
  shr ebx, 3
  mov al, DISPI_VIRT_WIDTH
  near protected_read
  movzx esi, ax
  imul esi, ebx
  jz 1f
  mov eax, ecx
  xor edx, edx
  div esi
  mov edi, eax
  mov eax, edx
  xor edx, edx
  div ebx
  mov ecx, eax
  mov al, DISPI_X_OFFSET
  near protected_write
  mov ecx, edi
  mov al, DISPI_Y_OFFSET
  near protected_write
1:
  popad
  jmp protected_done

// BL = 0 or 80h: CX colours from DX at ES:EDI.
protected_palette:
  test bl, 0x7F
  jnz protected_failed
  pushad
  movzx ecx, cx
  mov eax, edx
  mov edx, 0x3C8
  out dx, al
  inc edx
  jecxz 2f
1:
  mov al, es:[edi + 2]
  out dx, al
  mov al, es:[edi + 1]
  out dx, al
  mov al, es:[edi]
  out dx, al
  add edi, 4
  dec ecx
  jnz 1b
2:
  popad
  jmp protected_done
protected_end:
