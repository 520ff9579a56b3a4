// ACPI tables for a machine whose board brings none: power management as the PIIX4 has it, at 600h, one I/O
// APIC, and a DSDT with the PCI root bridge and soft off. Source: ACPI Specification 1.0b and 2.0.

#include "bios.h"

.section .code, "ax"
.code16

// The OEM ID differs from that of the board's tables, by which a reset tells them apart.
.macro table_header signature, revision
  .ascii "\signature"
  .long 0
  .byte \revision, 0
  .ascii "APUSFWAPUSBIOS"
  .long 1
  .ascii "APUS"
  .long 1
.endm

.globl acpi_init
acpi_init:
  push ds
  push cs
  pop ds
  call enter_unreal
  // FACS: 64 bytes at the start of the last 64 KiB of RAM.
  mov ebx, [usable_memory_end]
  mov [fadt + 36], ebx
  mov cx, 16
  mov edi, ebx
1:
  mov dword ptr fs:[edi], 0
  add edi, 4
  loop 1b
  mov dword ptr fs:[ebx], 0x53434146
  mov dword ptr fs:[ebx + 4], 64
  mov byte ptr fs:[ebx + 32], 1
  // The window of PCI memory.
  call pci_hole_start
  mov [dsdt_window + 10], eax
  neg eax
  sub eax, 0x1400000
  mov [dsdt_window + 22], eax
  // Processors of the MADT.
  push cs
  pop es
  mov di, offset madt_processors
  xor cx, cx
2:
  mov ax, 0x0800
  stosw
  mov al, cl
  mov ah, cl
  stosw
  mov eax, 1
  stosd
  inc cx
  cmp cl, [processors]
  jb 2b
  mov si, offset madt_fixed
  mov cx, offset madt_fixed_size
  rep movsb
  mov cx, di
  sub cx, offset madt
  movzx ecx, cx
  mov [madt + 4], ecx
  mov dword ptr [rsdt + 4], 44
  mov dword ptr [fadt + 4], 116
  mov dword ptr [dsdt + 4], offset dsdt_size
  mov si, offset tables
3:
  lodsw
  test ax, ax
  jz 4f
  push si
  mov si, ax
  mov cx, [si + 4]
  mov bx, 9
  call checksum
  pop si
  jmp 3b
4:
  mov si, offset rsdp
  mov cx, 20
  mov bx, 8
  call checksum
  pop ds
  push 0
  pop es
  ret
tables: .word rsdt, fadt, madt, dsdt, 0

.balign 16
// Its checksum is right only where POST has made it, so that a machine with the board's tables has one RSDP.
rsdp:
  .ascii "RSD PTR "
  .byte 0
  .ascii "APUSFW"
  .byte 0
  .long rsdt + 0xF0000
.balign 16
rsdt:
  table_header "RSDT", 1
  .long fadt + 0xF0000, madt + 0xF0000
.balign 16
fadt:
  table_header "FACP", 1
  .long 0, dsdt + 0xF0000
  .byte 1, 0
  .word 9
  .long 0xB2
  .byte 0xF1, 0xF0, 0, 0
  .long 0x600, 0, 0x604, 0, 0, 0x608, 0, 0
  .byte 4, 2, 0, 4, 0, 0, 0, 0
  .word 0xFFF, 0xFFF, 0, 0
  .byte 0, 0, 0, 0, 0x32, 0, 0, 0
  .long 0x000000A5
.balign 16
madt:
  table_header "APIC", 1
  .long 0xFEE00000, 1
madt_processors:
  .skip 32 * 8 + 80
madt_fixed:
  .byte 1, 12, 0, 0
  .long 0xFEC00000, 0
  .byte 2, 10, 0, 0
  .long 2
  .word 0
  .byte 2, 10, 0, 9
  .long 9
  .word 0x000D
  .byte 2, 10, 0, 10
  .long 10
  .word 0x000D
  .byte 2, 10, 0, 11
  .long 11
  .word 0x000D
  .byte 4, 6, 0xFF, 0, 0, 1
.set madt_fixed_size, 12 + 40 + 6

// Lengths in AML count their own bytes; two bytes hold up to 4095.
.macro length start, end
  .byte 0x40 + ((\end - \start) & 15), (\end - \start) / 16
.endm
.balign 16
dsdt:
  table_header "DSDT", 1
dsdt_start:
  // Name (\_S5, Package { 0, 0, 0, 0 })
  .byte 0x08
  .ascii "_S5_"
  .byte 0x12, 6, 4, 0, 0, 0, 0
  // Scope (\_SB) { Device (PCI0) {
  .byte 0x10
sb_start:
  length sb_start, dsdt_end
  .ascii "\\_SB_"
  .byte 0x5B, 0x82
pci0_start:
  length pci0_start, dsdt_end
  .ascii "PCI0"
  // _HID PNP0A03, _ADR 0, _BBN 0
  .byte 0x08
  .ascii "_HID"
  .byte 0x0C, 0x41, 0xD0, 0x0A, 0x03
  .byte 0x08
  .ascii "_ADR"
  .byte 0
  .byte 0x08
  .ascii "_BBN"
  .byte 0
  .byte 0x08
  .ascii "_CRS"
  .byte 0x11
crs_start:
  length crs_start, crs_end
  .byte 0x0A, crs_end - crs_bytes
crs_bytes:
  // Buses 0-255; ports CF8h-CFFh; all ports; A0000h-BFFFFh; the window.
  .byte 0x88, 0x0D, 0, 2, 0x0C, 0
  .word 0, 0, 0xFF, 0, 0x100
  .byte 0x47, 1
  .word 0xCF8, 0xCF8
  .byte 1, 8
  .byte 0x88, 0x0D, 0, 1, 0x0C, 3
  .word 0, 0, 0xCF7, 0, 0xCF8
  .byte 0x88, 0x0D, 0, 1, 0x0C, 3
  .word 0, 0xD00, 0xFFFF, 0, 0xF300
  .byte 0x87
  .word 0x17
  .byte 0, 0x0C, 3
  .long 0, 0xA0000, 0xBFFFF, 0, 0x20000
dsdt_window:
  .byte 0x87
  .word 0x17
  .byte 0, 0x0C, 1
  .long 0, 0xE0000000, 0xFEBFFFFF, 0, 0x1EC00000
  .byte 0x79, 0
crs_end:
  // _PRT: PIRQA-D at IRQ 10, 10, 11, 11, without link devices.
  .byte 0x08
  .ascii "_PRT"
  .byte 0x12
prt_start:
  length prt_start, dsdt_end
  .byte 124
.set slot, 1
.rept 31
.set pin, 0
.rept 4
  .byte 0x12, 12, 4, 0x0C
  .word 0xFFFF, slot
  .byte 0x0A, pin, 0, 0x0A, 10 + (((slot - 1 + pin) & 3) / 2)
.set pin, pin + 1
.endr
.set slot, slot + 1
.endr
dsdt_end:
.set dsdt_size, dsdt_end - dsdt
