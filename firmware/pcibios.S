// The PCI BIOS functions, for INT 1Ah AH=B1h and for 32-bit callers through the BIOS32 service directory. One
// source is assembled for both (PCI BIOS Specification 2.1; Standard BIOS 32-bit Service Directory 0.4).
// Nothing here refers to memory by address but through ES:DI, given by the caller, and through tables below.

#include "bios.h"

// Entered by a far call. BX, CX, ECX, DX, SI, DI as the functions have them; AH = status, CF = failure.
.macro pci_bios suffix, bits, cx_, si_, di_
.globl pci_bios\suffix
pci_bios\suffix:
  cmp al, 0x01
  je pci_present\suffix
  cmp al, 0x02
  je pci_find_device\suffix
  cmp al, 0x03
  je pci_find_class\suffix
  cmp al, 0x06
  je pci_special\suffix
  cmp al, 0x08
  jb pci_unsupported\suffix
  cmp al, 0x0D
  jbe pci_access\suffix
  cmp al, 0x0E
  je pci_routing\suffix
  cmp al, 0x0F
  je pci_route\suffix
pci_unsupported\suffix:
  mov ah, 0x81
  stc
  retf

pci_present\suffix:
  mov edx, 0x20494350
  // Configuration mechanism #1; version 2.1; one bus.
  mov ax, 0x0001
  mov bx, 0x0210
  mov cl, 0
  clc
  retf

// BH = bus, EDX = message: configuration mechanism #1 makes a special cycle of a write to register 0 of
// device 31, function 7 (PCI Local Bus Specification 2.1, "Generating Special Cycles with Configuration
// Mechanism #1").
pci_special\suffix:
  push eax
  push edx
  movzx eax, bh
  shl eax, 16
  or eax, 0x8000FF00
  mov edx, 0xCF8
  out dx, eax
  pop eax
  push eax
  mov dl, 0xFC
  out dx, eax
  pop edx
  pop eax
  mov ah, 0
  clc
  retf

// CX = device, DX = vendor, SI = index; BX = bus and function.
pci_find_device\suffix:
  push \cx_
  push edx
  push \si_
  push eax
  // EDX = device << 16 | vendor.
  rol edx, 16
  mov dx, cx
  rol edx, 16
  xor bx, bx
1:
  push edx
  mov cl, 0
  .byte 0xE8
  pci_word_size\suffix pci_config_read\suffix
  pop edx
  cmp eax, edx
  jne 2f
  test si, si
  jz 3f
  dec si
2:
  inc bx
  test bh, bh
  jz 1b
  mov bx, 0xFFFF
  pop eax
  pop \si_
  pop edx
  pop \cx_
  mov ah, 0x86
  stc
  retf
3:
  pop eax
  pop \si_
  pop edx
  pop \cx_
  mov ah, 0
  clc
  retf

// ECX = class code, SI = index.
pci_find_class\suffix:
  push ecx
  push \si_
  push edx
  push eax
  mov edx, ecx
  and edx, 0xFFFFFF
  xor bx, bx
1:
  push edx
  mov cl, 0
  .byte 0xE8
  pci_word_size\suffix pci_config_read\suffix
  cmp ax, 0xFFFF
  je 4f
  mov cl, 8
  .byte 0xE8
  pci_word_size\suffix pci_config_read\suffix
  shr eax, 8
  pop edx
  cmp eax, edx
  jne 2f
  test si, si
  jz 3f
  dec si
  jmp 2f
4:
  pop edx
2:
  inc bx
  test bh, bh
  jz 1b
  mov bx, 0xFFFF
  pop eax
  pop edx
  pop \si_
  pop ecx
  mov ah, 0x86
  stc
  retf
3:
  pop eax
  pop edx
  pop \si_
  pop ecx
  mov ah, 0
  clc
  retf

// EAX = the doubleword at register CL of function BX; CF and FFFFFFFFh for functions 1-7 of a device whose
// function 0 does not say that there are more. Changes EDX.
pci_config_read\suffix:
  push ecx
  movzx eax, bx
  shl eax, 8
  or eax, 0x80000000
  test bl, 7
  jz 1f
  push eax
  and eax, 0xFFFFF800
  or al, 0x0C
  mov edx, 0xCF8
  out dx, eax
  mov dl, 0xFE
  in al, dx
  test al, 0x80
  pop eax
  jnz 1f
  or eax, 0xFFFFFFFF
  pop ecx
  .byte 0xC3
1:
  mov al, cl
  and al, 0xFC
  mov edx, 0xCF8
  out dx, eax
  mov dl, 0xFC
  in eax, dx
  pop ecx
  .byte 0xC3

// Reads (08h-0Ah) and writes (0Bh-0Dh) of byte, word, doubleword; BX function, DI register, value in ECX.
pci_access\suffix:
  push edx
  push eax
  cmp di, 0xFF
  ja 8f
  // 09h and 0Ch are words, 0Ah and 0Dh doublewords.
  cmp al, 0x09
  je 2f
  cmp al, 0x0C
  je 2f
  cmp al, 0x0A
  je 3f
  cmp al, 0x0D
  jne 4f
3:
  test di, 2
  jnz 8f
2:
  test di, 1
  jnz 8f
4:
  movzx edx, bx
  shl edx, 8
  or edx, 0x80000000
  mov ah, al
  push eax
  mov ax, di
  mov dl, al
  and dl, 0xFC
  mov eax, edx
  mov edx, 0xCF8
  out dx, eax
  mov ax, di
  and al, 3
  mov dl, 0xFC
  or dl, al
  pop eax
  cmp ah, 0x08
  je 11f
  cmp ah, 0x09
  je 12f
  cmp ah, 0x0A
  je 13f
  cmp ah, 0x0B
  je 14f
  cmp ah, 0x0C
  je 15f
  mov eax, ecx
  out dx, eax
  jmp 7f
11:
  in al, dx
  mov cl, al
  jmp 7f
12:
  in ax, dx
  mov cx, ax
  jmp 7f
13:
  in eax, dx
  mov ecx, eax
  jmp 7f
14:
  mov al, cl
  out dx, al
  jmp 7f
15:
  mov ax, cx
  out dx, ax
7:
  pop eax
  pop edx
  mov ah, 0
  clc
  retf
8:
  pop eax
  pop edx
  mov ah, 0x87
  stc
  retf
.endm

.macro pci_word_size16 target
  .word \target - . - 2
.endm
.macro pci_word_size32 target
  .long \target - . - 4
.endm

.section .code, "ax"
.code16
  pci_bios 16, 16, cx, si, di

// Get PCI Interrupt Routing Options: ES:DI points to the size and far address of a buffer; DS = F000h.
pci_routing16:
  push si
  push di
  push cx
  push es
  mov bx, 0x0C00
  mov cx, es:[di]
  mov word ptr es:[di], offset pir_slots_size
  cmp cx, offset pir_slots_size
  jb 9f
  les di, es:[di + 2]
  mov si, offset pir_slots
  mov cx, offset pir_slots_size
1:
  mov al, cs:[si]
  mov es:[di], al
  inc si
  inc di
  loop 1b
  pop es
  pop cx
  pop di
  pop si
  mov ah, 0
  clc
  retf
9:
  pop es
  pop cx
  pop di
  pop si
  mov ah, 0x89
  stc
  retf

// Set PCI Hardware Interrupt: pin CL (0Ah is INTA#) of function BX to interrupt CH, for all that share the
// line.
pci_route16:
  push si
  push dx
  push cx
  push eax
  test bh, bh
  jnz 8f
  sub cl, 0x0A
  cmp cl, 3
  ja 8f
  // Device 0 is the host bridge, without pins.
  movzx si, bl
  shr si, 3
  dec si
  js 8f
  shl si, 4
  movzx ax, cl
  add si, ax
  add si, ax
  add si, ax
  mov ax, cs:[pir_slots + si + 3]
  cmp ch, 15
  ja 8f
  mov cl, ch
  shr ax, cl
  test al, 1
  jz 8f
  movzx eax, byte ptr cs:[pir_slots + si + 2]
  mov si, ax
  // PIRQ route control, of the PIIX3 at 00:01.0.
  or eax, 0x80000800
  and al, 0xFC
  mov dx, 0xCF8
  out dx, eax
  mov dl, 0xFC
  mov ax, si
  and al, 3
  or dl, al
  mov al, ch
  out dx, al
  // The line shares its interrupt, so it is level-triggered: ELCR.
  mov dx, 0x4D0
  mov cl, ch
  cmp cl, 8
  jb 1f
  inc dx
  sub cl, 8
1:
  mov ah, 1
  shl ah, cl
  in al, dx
  or al, ah
  out dx, al
  pop eax
  pop cx
  pop dx
  pop si
  mov ah, 0
  clc
  retf
8:
  pop eax
  pop cx
  pop dx
  pop si
  mov ah, 0x88
  stc
  retf

.code32
  pci_bios 32, 32, ecx, esi, edi
pci_route32:
pci_routing32:
  mov ah, 0x81
  stc
  retf

// The service directory's entry: EAX = service, "$PCI"; BL = 0. EBX = base, ECX = length, EDX = entry.
.globl bios32_entry
bios32_entry:
  test bl, bl
  jnz 1f
  cmp eax, 0x49435024
  jne 2f
  mov ebx, 0xF0000
  mov ecx, 0x10000
  mov edx, offset pci_bios32
  mov al, 0
  retf
1:
  mov al, 0x81
  retf
2:
  mov al, 0x80
  retf
