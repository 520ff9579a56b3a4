// VBE 3.0 over the DISPI registers: INT 10h AH=4Fh. Source: VESA BIOS Extension Core Functions 3.0.

#include "vga.h"

.section .code, "ax"
.code16

// AX = DISPI register AL; DISPI register AL = CX.
.globl dispi_read, dispi_write
dispi_read:
  push dx
  mov ah, 0
  mov dx, 0x1CE
  out dx, ax
  inc dx
  in ax, dx
  pop dx
  ret
dispi_write:
  push dx
  mov ah, 0
  mov dx, 0x1CE
  out dx, ax
  inc dx
  mov ax, cx
  out dx, ax
  pop dx
  ret

// 64 KiB of video memory, 0 without DISPI; the mode set by VBE, else 0.
.globl vbe_mode, vbe_memory
vbe_memory: .word 0
vbe_mode: .word 0

.globl vbe_init
vbe_init:
  mov al, DISPI_ID
  call dispi_read
  and al, 0xF0
  cmp ax, 0xB0C0
  jne 9f
  mov al, DISPI_MEMORY
  call dispi_read
  cmp ax, 0xFFFF
  jne 1f
  mov ax, 64
1:
  mov cs:[vbe_memory], ax
9:
  ret

// Back to the VGA's registers.
.globl vbe_off
vbe_off:
  mov word ptr cs:[vbe_mode], 0
  cmp word ptr cs:[vbe_memory], 0
  je 1f
  push cx
  push ax
  xor cx, cx
  mov al, DISPI_ENABLE
  call dispi_write
  mov al, DISPI_BANK
  call dispi_write
  pop ax
  pop cx
1:
  ret

.globl vbe_functions
vbe_functions:
  cmp word ptr cs:[vbe_memory], 0
  je 9f
  mov si, offset vbe_power
  cmp al, 0x10
  je 7f
  mov si, offset vbe_ddc
  cmp al, 0x15
  je 7f
  cmp al, 0x0A
  ja 8f
  movzx si, al
  shl si, 1
  mov si, cs:[vbe_table + si]
7:
  mov rAX, 0x004F
  jmp si
8:
  mov rAX, 0x0100
9:
  ret
vbe_table:
  .word vbe_controller, vbe_mode_info, vbe_set, vbe_get, vbe_state, vbe_window, vbe_length, vbe_start
  .word vbe_dac, vbe_palette, vbe_protected
.globl vbe_failed
vbe_failed:
  mov rAX, 0x014F
  ret

// SI = the entry of mode BX; CF when there is none that fits into the memory.
.globl vbe_find, vbe_fits, vbe_line_bytes
vbe_find:
  and bx, 0x3FFF
  mov si, offset vbe_modes
1:
  cmp word ptr cs:[si], 0xFFFF
  je 9f
  cmp cs:[si], bx
  je 2f
  add si, 8
  jmp 1b
2:
  call vbe_fits
  ret
9:
  stc
  ret

// EAX = bytes of a line of mode SI (of a plane's line with 4 bits).
vbe_line_bytes:
  movzx eax, word ptr cs:[si + 2]
  movzx ecx, byte ptr cs:[si + 6]
  cmp cl, 4
  jne 1f
  mov cl, 1
1:
  add cl, 7
  and cl, 0xF8
  cmp byte ptr cs:[si + 6], 4
  je 2f
  shr cl, 3
  mul ecx
  ret
2:
  shr eax, 3
  ret

// CF when mode SI needs more memory than there is, or DISPI cannot have it (GETCAPS).
vbe_fits:
  push eax
  push ecx
  push edx
  call vbe_line_bytes
  cmp byte ptr cs:[si + 6], 4
  jne 1f
  shl eax, 2
1:
  movzx ecx, word ptr cs:[si + 4]
  mul ecx
  shr eax, 16
  cmp cs:[vbe_memory], ax
  jbe 8f
  clc
  jmp 9f
8:
  stc
9:
  pop edx
  pop ecx
  pop eax
  ret

// 4F02h: mode BX; bit 14 linear frame buffer, bit 15 keep the memory. VGA modes too.
vbe_set:
  mov bx, rBX
  and bx, 0x3FFF
  cmp bx, 0x100
  jae 1f
  mov al, bl
  and al, 0x7F
  call mode_find
  cmp byte ptr cs:[si + MODE_NUMBER], 0xFF
  je vbe_failed
  mov al, bl
  mov ah, rBH
  and ah, 0x80
  or al, ah
  mov rAL, al
  call mode_set
  mov rAX, 0x004F
  ret
1:
  call vbe_find
  jc vbe_failed
  // The VGA's registers first, as DISPI leaves the palettes and the planes' settings alone.
  push si
  call vbe_off
  mov al, [BDA_VIDEO_CONTROL]
  or al, 0x80
  mov [BDA_VIDEO_CONTROL], al
  cmp byte ptr cs:[si + 6], 4
  mov al, 0x13
  jne 2f
  mov al, 0x12
2:
  call mode_find
  call mode_program
  pop si
  mov cx, cs:[si + 2]
  mov al, DISPI_XRES
  call dispi_write
  mov cx, cs:[si + 4]
  mov al, DISPI_YRES
  call dispi_write
  movzx cx, byte ptr cs:[si + 6]
  mov al, DISPI_BPP
  call dispi_write
  xor cx, cx
  mov al, DISPI_BANK
  call dispi_write
  mov cx, ENABLED
  test rBH, 0x40
  jz 3f
  or cx, LFB_ENABLED
3:
  test rBH, 0x80
  jz 4f
  or cx, NO_CLEAR
4:
  mov al, DISPI_ENABLE
  call dispi_write
  mov cx, cs:[si + 2]
  mov al, DISPI_VIRT_WIDTH
  call dispi_write
  mov bx, rBX
  and bx, 0xFFFF - 0x3000
  call vbe_remember
  call vbe_text
  and byte ptr [BDA_VIDEO_CONTROL], 0x7F
  mov al, rBH
  and al, 0x80
  or [BDA_VIDEO_CONTROL], al
  ret

vbe_get:
  mov bx, cs:[vbe_mode]
  and bx, 0x7FFF
  jnz 1f
  movzx bx, byte ptr [BDA_MODE]
1:
  mov rBX, bx
  ret

// 4F04h: DL = 0 size, 1 save, 2 restore of states CX at ES:BX. VBE's own words lie at 3C0h.
vbe_state:
  mov es, rES
  cmp dl, 1
  jb 1f
  je 2f
  cmp dl, 2
  jne vbe_failed
  mov si, rBX
  mov cx, rCX
  test cl, 8
  jz 3f
  push cx
  push si
  add si, 0x3C0
  call vbe_state_restore
  pop si
  pop cx
3:
  call registers_restore
  ret
1:
  mov rBX, 16
  ret
2:
  mov di, rBX
  mov cx, rCX
  push cx
  push di
  call registers_save
  pop di
  pop cx
  test cl, 8
  jz 5f
  add di, 0x3C0
  mov cl, 1
4:
  mov al, cl
  call dispi_read
  stosw
  inc cl
  cmp cl, DISPI_Y_OFFSET
  jbe 4b
  mov ax, cs:[vbe_mode]
  stosw
5:
  ret
vbe_state_restore:
  mov bl, 1
1:
  mov cx, es:[si]
  add si, 2
  mov al, bl
  cmp al, DISPI_ENABLE
  jne 2f
  test cl, 1
  jz 2f
  or cl, NO_CLEAR
2:
  call dispi_write
  inc bl
  cmp bl, DISPI_Y_OFFSET
  jbe 1b
  mov bx, es:[si]
// BX is the mode now.
vbe_remember:
  mov cs:[vbe_mode], bx
  call vbe_find
  jc 1f
  mov al, cs:[si + 6]
  mov cs:[packed_mode + MODE_BITS], al
1:
  ret
// The BDA for characters of 8 by 16 dots in mode SI; one page.
vbe_text:
  mov ax, cs:[si + 2]
  shr ax, 3
  mov [BDA_COLUMNS], ax
  mov ax, cs:[si + 4]
  shr ax, 4
  dec al
  mov [BDA_ROWS], al
  mov word ptr [BDA_CHAR_HEIGHT], 16
  mov word ptr [BDA_PAGE_SIZE], 0
  xor ax, ax
  mov es, ax
  mov word ptr es:[0x43 * 4], offset font8x16
  mov es:[0x43 * 4 + 2], cs
  ret

// 4F05h: BH = 0 sets, 1 gets the position DX of window A (BL = 0).
vbe_window:
  cmp bl, 0
  jne vbe_failed
  cmp bh, 1
  ja vbe_failed
  je 1f
  cmp dx, cs:[vbe_memory]
  jae vbe_failed
  mov cx, dx
  mov al, DISPI_BANK
  jmp dispi_write
1:
  mov al, DISPI_BANK
  call dispi_read
  mov rDX, ax
  ret
// The same by a far call, with BX and DX; changes AX and DX.
.globl vbe_window_far
vbe_window_far:
  cmp bh, 1
  je 1f
  push cx
  mov cx, dx
  mov al, DISPI_BANK
  call dispi_write
  pop cx
  retf
1:
  mov al, DISPI_BANK
  call dispi_read
  mov dx, ax
  retf

// 4F06h: length of a line. BL = 0 sets in pixels, 1 gets, 2 sets in bytes, 3 maximum.
vbe_length:
  mov bx, cs:[vbe_mode]
  test bx, bx
  jz vbe_failed
  call vbe_find
  jc vbe_failed
  mov cx, rCX
  mov bl, rBL
  cmp bl, 3
  ja vbe_failed
  je 4f
  cmp bl, 1
  je 3f
  jb 2f
  // Bytes to pixels, rounded up.
  call pixel_bits
  movzx eax, cx
  shl eax, 3
  add eax, edi
  dec eax
  xor edx, edx
  div edi
  mov cx, ax
2:
  cmp cx, cs:[si + 2]
  jb 5f
  mov al, DISPI_VIRT_WIDTH
  call dispi_write
  mov al, DISPI_VIRT_WIDTH
  call dispi_read
  cmp ax, cx
  jb 5f
3:
  mov al, DISPI_VIRT_WIDTH
  call dispi_read
  jmp 6f
4:
  mov ax, 4096
6:
  mov rCX, ax
  movzx eax, ax
  call pixel_bits
  mul edi
  shr eax, 3
  mov rBX, ax
  // Lines that fit.
  mov ecx, eax
  movzx eax, word ptr cs:[vbe_memory]
  shl eax, 16
  cmp edi, 1
  jne 7f
  shr eax, 2
7:
  xor edx, edx
  div ecx
  cmp eax, 0xFFFF
  jbe 8f
  mov ax, 0xFFFF
8:
  mov rDX, ax
  ret
5:
  mov rAX, 0x024F
  ret
// EDI = bits of a pixel of mode SI in memory, 1 for planes.
pixel_bits:
  movzx edi, byte ptr cs:[si + 6]
  cmp edi, 4
  jne 1f
  mov edi, 1
  ret
1:
  add edi, 7
  and edi, 0x38
  ret

// 4F07h: BL = 0 or 80h sets the display's start to pixel CX of line DX, 1 gets it.
vbe_start:
  cmp word ptr cs:[vbe_mode], 0
  je vbe_failed
  mov bl, rBL
  and bl, 0x7F
  cmp bl, 1
  ja vbe_failed
  je 1f
  mov al, DISPI_X_OFFSET
  call dispi_write
  mov cx, dx
  mov al, DISPI_Y_OFFSET
  call dispi_write
  mov al, DISPI_Y_OFFSET
  call dispi_read
  cmp ax, cx
  jne 5b
  ret
1:
  mov al, DISPI_X_OFFSET
  call dispi_read
  mov rCX, ax
  mov al, DISPI_Y_OFFSET
  call dispi_read
  mov rDX, ax
  mov rBH, 0
  ret

// 4F08h: BL = 0 sets the DAC's width to BH, 1 gets it.
vbe_dac:
  mov bl, rBL
  cmp bl, 1
  ja vbe_failed
  mov al, DISPI_ENABLE
  call dispi_read
  test bl, bl
  jnz 1f
  mov cx, ax
  and cl, 0xFF - DAC_8BIT
  // Setting ENABLE anew must not clear.
  test cl, 1
  jz 2f
  or cl, NO_CLEAR
2:
  cmp rBH, 8
  jb 3f
  or cl, DAC_8BIT
3:
  mov al, DISPI_ENABLE
  call dispi_write
  mov al, DISPI_ENABLE
  call dispi_read
1:
  mov rBH, 6
  test al, DAC_8BIT
  jz 4f
  mov rBH, 8
4:
  ret

// 4F09h: CX colours from DX at ES:DI, blue, green, red, 0; BL = 0 or 80h sets, 1 gets.
vbe_palette:
  mov bl, rBL
  and bl, 0x7F
  cmp bl, 1
  ja vbe_failed
  mov es, rES
  mov di, rDI
  mov ax, dx
  add ax, cx
  jc vbe_failed
  cmp ax, 256
  ja vbe_failed
  jcxz 4b
  test bl, bl
  mov al, dl
  jnz 2f
  mov dx, 0x3C8
  out dx, al
  inc dx
1:
  mov al, es:[di + 2]
  out dx, al
  mov al, es:[di + 1]
  out dx, al
  mov al, es:[di]
  out dx, al
  add di, 4
  loop 1b
  ret
2:
  mov dx, 0x3C7
  out dx, al
  mov dl, 0xC9
3:
  in al, dx
  mov es:[di + 2], al
  in al, dx
  mov es:[di + 1], al
  in al, dx
  mov es:[di], al
  mov byte ptr es:[di + 3], 0
  add di, 4
  loop 3b
  ret
