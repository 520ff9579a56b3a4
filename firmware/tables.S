// The tables that systems search for at F0000h-FFFFFh: BIOS32 directory, $PIR, MP, SMBIOS; and the address
// map. Sources: Standard BIOS 32-bit Service Directory 0.4; PCI IRQ Routing Table 1.0; MultiProcessor
// Specification 1.4; SMBIOS Reference Specification 2.8. POST completes them and makes their checksums.

#include "bios.h"

.section .code, "ax"
.code16

.globl tables_init
tables_init:
  mov eax, cs:[low_memory_end]
  cmp dword ptr cs:[board_rsdp], 0
  jne 1f
  // The FACS of this BIOS's own ACPI tables lies at the end of RAM.
  sub eax, 0x10000
1:
  mov cs:[usable_memory_end], eax
  call address_map_init
  jne 2f
2:
  cmp dword ptr cs:[board_rsdp], 0
  jne 3f
  call acpi_init
3:
  call mp_init
  call smbios_init
  mov si, offset bios32
  mov cx, 16
  mov bx, 10
  call checksum
  mov si, offset pir
  mov cx, offset pir_size
  mov bx, 31
  jmp checksum

// Makes the CX bytes at CS:SI sum to 0 by the byte at offset BX.
.globl checksum
checksum:
  push si
  push ax
  mov byte ptr cs:[si + bx], 0
  add bx, si
  mov al, 0
1:
  sub al, cs:[si]
  inc si
  loop 1b
  mov cs:[bx], al
  pop ax
  pop si
  ret

.balign 16
bios32:
  .ascii "_32_"
  .long bios32_entry + 0xF0000
  .byte 0, 1, 0, 0, 0, 0, 0, 0

// The PIIX3 at 00:01.0 routes the pins of every slot; links are its registers 60h-63h.
.balign 16
pir:
  .ascii "$PIR"
  .word 0x0100, pir_size
  .byte 0, 0x08
  .word 0x0C00
  .long 0x70008086, 0
  .skip 11
  .byte 0
.globl pir_slots, pir_slots_size
pir_slots:
.set slot, 1
.rept 31
  .byte 0, slot << 3
  .byte 0x60 + ((slot - 1) & 3)
  .word 0xDEF8
  .byte 0x60 + ((slot + 0) & 3)
  .word 0xDEF8
  .byte 0x60 + ((slot + 1) & 3)
  .word 0xDEF8
  .byte 0x60 + ((slot + 2) & 3)
  .word 0xDEF8
  .byte slot, 0
.set slot, slot + 1
.endr
.set pir_slots_size, 31 * 16
.set pir_size, 32 + 31 * 16

// MultiProcessor tables: as many processors as CMOS 5Fh says, one I/O APIC.
mp_init:
  push ds
  push es
  push cs
  pop ds
  push cs
  pop es
  mov di, offset mp_entries
  mov eax, 1
  cpuid
  mov ebp, eax
  push edx
  xor bx, bx
1:
  // Processor: local APIC and its version, enabled, the first is the bootstrap processor.
  mov al, 0
  stosb
  mov al, bl
  stosb
  mov al, 0x14
  stosb
  mov al, 1
  test bx, bx
  jnz 2f
  mov al, 3
2:
  stosb
  mov eax, ebp
  stosd
  pop eax
  push eax
  stosd
  xor eax, eax
  stosd
  stosd
  inc bx
  cmp bl, [processors]
  jb 1b
  pop edx
  // Buses and I/O APIC.
  mov si, offset mp_fixed
  mov cx, offset mp_fixed_size
  rep movsb
  add bx, 3
  // ISA interrupts: IRQ 0 at input 2, the others at their own; IRQ 2, 10 and 11 are none.
  mov cx, 0
3:
  cmp cx, 2
  je 4f
  cmp cx, 10
  je 4f
  cmp cx, 11
  je 4f
  mov eax, 0x00000003
  stosd
  mov al, 1
  stosb
  mov al, cl
  stosb
  mov al, 0
  stosb
  mov al, cl
  test al, al
  jnz 5f
  mov al, 2
5:
  stosb
  inc bx
4:
  inc cx
  cmp cx, 16
  jb 3b
  // PCI interrupts of the functions that are there, level-triggered and active high at IRQ 10 and 11.
  push bx
  mov bp, 0
  mov bx, 0xFFFF
6:
  call pci_next
  jc 8f
  push di
  mov di, 0x3D
  call pci_read_byte
  pop di
  test cl, cl
  jz 6b
  cmp bp, 24
  jae 6b
  mov eax, 0x000D0003
  mov al, 3
  mov ah, 0
  stosd
  mov al, 0
  stosb
  mov al, bl
  shr al, 3
  shl al, 2
  dec cl
  or al, cl
  stosb
  mov al, 0
  stosb
  push bx
  movzx bx, bl
  shr bx, 3
  mov ch, 0
  add bx, cx
  dec bx
  and bx, 3
  mov al, [pirq_routes + bx]
  pop bx
  stosb
  inc bp
  jmp 6b
8:
  pop bx
  add bx, bp
  // Local interrupts: ExtINT at LINT0, NMI at LINT1 of all.
  mov si, offset mp_local
  mov cx, 16
  rep movsb
  add bx, 2
  mov [mp_table + 34], bx
  mov cx, di
  sub cx, offset mp_table
  mov [mp_table + 4], cx
  mov si, offset mp_table
  mov bx, 7
  call checksum
  mov si, offset mp_pointer
  mov cx, 16
  mov bx, 10
  call checksum
  pop es
  pop ds
  ret
.balign 16
mp_pointer:
  .ascii "_MP_"
  .long mp_table + 0xF0000
  .byte 1, 4, 0, 0, 0, 0, 0, 0
mp_fixed:
  .byte 1, 0
  .ascii "PCI   "
  .byte 1, 1
  .ascii "ISA   "
  .byte 2, 0, 0x11, 1
  .long 0xFEC00000
.set mp_fixed_size, 24
mp_local:
  .byte 4, 3, 0, 0, 1, 0, 0, 0
  .byte 4, 1, 0, 0, 0, 0, 0xFF, 1
.balign 16
mp_table:
  .ascii "PCMP"
  .word 0
  .byte 4, 0
  .ascii "APUS    APUS PC     "
  .long 0
  .word 0, 0
  .long 0xFEE00000
  .word 0
  .byte 0, 0
mp_entries:
  .skip 32 * 20 + 24 + 13 * 8 + 24 * 8 + 16

// SMBIOS: the sizes of memory are filled in.
smbios_init:
  push ds
  push cs
  pop ds
  // KiB in all, as far as 32 bits go; MiB of the module.
  mov eax, [low_memory_end]
  shr eax, 10
  mov edx, [high_memory_size]
  mov ecx, [high_memory_size + 4]
  shrd edx, ecx, 10
  add eax, edx
  mov [smbios_array_size], eax
  dec eax
  mov [smbios_mapped_end], eax
  inc eax
  shr eax, 10
  cmp eax, 0x7FFF
  jb 1f
  mov [smbios_module_extended], eax
  mov ax, 0x7FFF
1:
  mov [smbios_module_size], ax
  mov si, offset smbios_entry + 16
  mov cx, 15
  mov bx, 5
  call checksum
  mov si, offset smbios_entry
  mov cx, 31
  mov bx, 4
  call checksum
  pop ds
  ret
.balign 16
smbios_entry:
  .ascii "_SM_"
  .byte 0, 0x1F, 2, 8
  .word 64
  .byte 0, 0, 0, 0, 0, 0
  .ascii "_DMI_"
  .byte 0
  .word smbios_end - smbios_start
  .long smbios_start + 0xF0000
  .word 9
  .byte 0x28
smbios_start:
  // Type 0, BIOS: vendor, version, segment, date, size, characteristics (PCI, shadowing, CD boot, selectable
  // boot, EDD; ACPI, El Torito).
  .byte 0, 24
  .word 0x0000
  .byte 1, 2
  .word 0xE000
  .byte 3, 1
  .quad 0x0000000000098880 | 0x1000
  .byte 0x01, 0x04, 0, 0, 0xFF, 0xFF
  .asciz "Apus"
  .asciz "1"
  .asciz "01/01/2026"
  .byte 0
  // Type 1, system.
  .byte 1, 27
  .word 0x0100
  .byte 1, 2, 0, 0
  .skip 16
  .byte 6, 0, 0
  .asciz "Apus"
  .asciz "Apus PC"
  .byte 0
  // Type 3, enclosure: other.
  .byte 3, 13
  .word 0x0300
  .byte 1, 1, 0, 0, 0, 3, 3, 3, 2
  .asciz "Apus"
  .byte 0
  // Type 4, processor.
  .byte 4, 42
  .word 0x0400
  .byte 1, 3, 1, 2
  .quad 0
  .byte 0, 0
  .word 0, 0, 0
  .byte 0x41, 1
  .word 0xFFFF, 0xFFFF, 0xFFFF
  .byte 0, 0, 0, 1, 1, 1
  .word 0x0004, 0x0001
  .asciz "CPU 0"
  .asciz "Apus"
  .byte 0
  // Type 16, memory array on the board.
  .byte 16, 23
  .word 0x1000
  .byte 3, 3, 3
smbios_array_size:
  .long 0
  .word 0xFFFE, 1
  .quad 0
  .word 0
  // Type 17, the module.
  .byte 17, 34
  .word 0x1100
  .word 0x1000, 0xFFFE, 0xFFFF, 0xFFFF
smbios_module_size:
  .word 0
  .byte 9, 0, 1, 0, 7
  .word 2, 0
  .byte 0, 0, 0, 0, 0
smbios_module_extended:
  .long 0
  .word 0
  .asciz "DIMM 0"
  .byte 0
  // Type 19, where it is mapped.
  .byte 19, 31
  .word 0x1300
  .long 0
smbios_mapped_end:
  .long 0
  .word 0x1000
  .byte 1
  .quad 0, 0
  .word 0
  // Type 32, boot status: no errors.
  .byte 32, 11
  .word 0x2000
  .skip 7
  .word 0
  // Type 127, end.
  .byte 127, 4
  .word 0x7F00, 0
smbios_end:
