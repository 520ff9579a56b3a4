// Power-on self-test: from the shadowed image to the boot. Runs in real mode with a stack below 7000h;
// FS has base 0 and a limit of 4 GiB (unreal mode) wherever memory above 1 MiB is touched.

#include "bios.h"

.section .code, "ax"
.code16

.globl post
post:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov sp, 0x7000
  // A warm start by Ctrl-Alt-Del leaves 1234h at 40:72.
  mov bx, [0x400 + BDA_RESET]
  xor di, di
  mov cx, 0x280
  rep stosw
  mov [0x400 + BDA_RESET], bx
  call chips_init
  call vectors_init
  call data_areas_init
  call memory_size
  call processor_init
  call pci_init
  call clock_init
  call video_init
  sti
  say "Apus BIOS\r\n"
  call keyboard_init
  call serial_parallel_init
  call floppy_init
  call disks_init
  call tables_init
  call option_roms
  call post_end
  jmp boot

// 8259As at vectors 08h and 70h, edge-triggered but for the PCI interrupts; 8254; 8237s (IBM AT Technical
// Reference, "System BIOS"; Intel 82371SB datasheet, "ELCR").
chips_init:
  mov al, 0x11
  out 0x20, al
  out 0xA0, al
  mov al, 0x08
  out 0x21, al
  mov al, 0x70
  out 0xA1, al
  mov al, 4
  out 0x21, al
  mov al, 2
  out 0xA1, al
  mov al, 1
  out 0x21, al
  out 0xA1, al
  // Open: timer, keyboard, cascade, diskette; clock, mouse, coprocessor, both disks.
  mov al, 0xB8
  out 0x21, al
  mov al, 0x0E
  out 0xA1, al
  mov dx, 0x4D0
  mov al, 0
  out dx, al
  inc dx
  mov al, 0x0C
  out dx, al
  // Counter 0: mode 3, 65536; counter 1: the refresh of old; counter 2: mode 3, speaker off.
  mov al, 0x36
  out 0x43, al
  mov al, 0
  out 0x40, al
  out 0x40, al
  mov al, 0x54
  out 0x43, al
  mov al, 18
  out 0x41, al
  mov al, 0xB6
  out 0x43, al
  mov al, 0x33
  out 0x42, al
  mov al, 5
  out 0x42, al
  in al, 0x61
  and al, 0xFC
  out 0x61, al
  // DMA: master clear, cascade in channel 4.
  out 0x0D, al
  out 0xDA, al
  mov al, 0xC0
  out 0xD6, al
  mov al, 0
  out 0xD4, al
  ret

// The interrupt vectors. 60h-67h and those above 77h belong to programs and hold 0.
vectors_init:
  push ds
  push cs
  pop ds
  xor di, di
  mov cx, 0x60
1:
  mov ax, offset dummy_return
  stosw
  mov ax, cs
  stosw
  loop 1b
  mov di, 0x08 * 4
  mov cx, 8
2:
  mov ax, offset spurious_master
  stosw
  mov ax, cs
  stosw
  loop 2b
  mov di, 0x70 * 4
  mov cx, 8
3:
  mov ax, offset spurious_slave
  stosw
  mov ax, cs
  stosw
  loop 3b
  mov si, offset vector_table
4:
  lodsb
  cmp al, 0xFF
  je 5f
  movzx di, al
  shl di, 2
  movsw
  jmp 4b
5:
  pop ds
  // 41h, 46h, 1Eh and 1Fh point to data.
  mov word ptr [0x1E * 4], offset diskette_parameters
  mov word ptr [0x41 * 4], EBDA_DISK_PARAMETERS
  mov word ptr [0x41 * 4 + 2], EBDA_SEGMENT
  mov word ptr [0x46 * 4], EBDA_DISK_PARAMETERS + 16
  mov word ptr [0x46 * 4 + 2], EBDA_SEGMENT
  mov dword ptr [0x1F * 4], 0
  mov dword ptr [0x1D * 4], 0
  ret

vector_table:
.macro vector number, target
  .byte \number
  .word \target
.endm
  vector 0x02, int02
  vector 0x05, int05
  vector 0x08, int08
  vector 0x09, int09
  vector 0x0E, int0E
  vector 0x10, int10_none
  vector 0x11, int11
  vector 0x12, int12
  vector 0x13, int13
  vector 0x14, int14
  vector 0x15, int15
  vector 0x16, int16
  vector 0x17, int17
  vector 0x18, int18
  vector 0x19, int19
  vector 0x1A, int1A
  vector 0x1E, diskette_parameters
  vector 0x40, int13_floppy
  vector 0x70, int70
  vector 0x71, int71
  vector 0x74, int74
  vector 0x75, int75
  vector 0x76, int76
  vector 0x77, int76
  .byte 0xFF

data_areas_init:
  mov word ptr [0x400 + BDA_EBDA], EBDA_SEGMENT
  mov word ptr [0x400 + BDA_MEMORY], 639
  // Coprocessor, PS/2 mouse, 80 by 25 colour text.
  mov word ptr [0x400 + BDA_EQUIPMENT], 0x0026
  mov word ptr [0x400 + BDA_KEY_START], BDA_KEY_BUFFER
  mov word ptr [0x400 + BDA_KEY_END], BDA_KEY_BUFFER + 32
  mov word ptr [0x400 + BDA_KEY_HEAD], BDA_KEY_BUFFER
  mov word ptr [0x400 + BDA_KEY_TAIL], BDA_KEY_BUFFER
  mov dword ptr [0x400 + BDA_LPT_TIMEOUT], 0x14141414
  mov dword ptr [0x400 + BDA_COM_TIMEOUT], 0x01010101
  push es
  mov ax, EBDA_SEGMENT
  mov es, ax
  xor di, di
  xor ax, ax
  mov cx, 512
  rep stosw
  mov byte ptr es:[EBDA_SIZE], 1
  pop es
  ret

// AL = CMOS register BL.
.globl cmos_read
cmos_read:
  mov al, bl
  or al, 0x80
  out 0x70, al
  in al, 0x71
  push ax
  mov al, 0x0D
  out 0x70, al
  pop ax
  ret
// AX = CMOS registers BL (low) and BL + 1.
cmos_read_word:
  inc bl
  call cmos_read
  mov ah, al
  dec bl
  jmp cmos_read

// RAM below and above 4 GiB, from CMOS: 34h/35h count 64 KiB above 16 MiB, 5Bh-5Dh above 4 GiB; where the
// first is 0, 30h/31h count KiB above 1 MiB.
memory_size:
  mov bl, 0x34
  call cmos_read_word
  movzx eax, ax
  shl eax, 16
  jz 1f
  add eax, 0x1000000
  jmp 2f
1:
  mov bl, 0x30
  call cmos_read_word
  movzx eax, ax
  shl eax, 10
  add eax, 0x100000
2:
  mov cs:[low_memory_end], eax
  mov bl, 0x5B
  call cmos_read_word
  movzx ecx, ax
  mov bl, 0x5D
  call cmos_read
  movzx eax, al
  shl eax, 16
  or ecx, eax
  // In units of 64 KiB: the size in bytes is ECX << 16.
  mov eax, ecx
  shl eax, 16
  mov cs:[high_memory_size], eax
  shr ecx, 16
  mov cs:[high_memory_size + 4], ecx
  ret

.globl low_memory_end, high_memory_size, usable_memory_end
low_memory_end: .long 0
usable_memory_end: .long 0
high_memory_size: .long 0, 0
.globl processors
processors: .byte 1

// MTRRs (Intel SDM Vol. 3A, "Memory Type Range Registers"): write back, but for A0000h-BFFFFh and the hole
// for PCI below 4 GiB. Local APIC: virtual wire mode (MultiProcessor Specification 1.4, "Virtual Wire Mode").
processor_init:
  mov bl, 0x5F
  call cmos_read
  cmp al, 31
  jbe 1f
  mov al, 0
1:
  inc al
  mov cs:[processors], al
  pushfd
  pop eax
  mov ebx, eax
  xor eax, 0x200000
  push eax
  popfd
  pushfd
  pop eax
  cmp eax, ebx
  je 9f
  mov eax, 1
  cpuid
  push edx
  test dh, 0x10
  jz 5f
  test dl, 0x20
  jz 5f
  // Physical address width.
  mov eax, 0x80000000
  cpuid
  mov ebx, 36
  cmp eax, 0x80000008
  jb 2f
  mov eax, 0x80000008
  cpuid
  movzx ebx, al
2:
  mov ecx, 0x2FF
  xor eax, eax
  xor edx, edx
  wrmsr
  mov eax, 0x06060606
  mov edx, eax
  mov ecx, 0x250
  wrmsr
  mov ecx, 0x258
  wrmsr
  mov ecx, 0x268
3:
  wrmsr
  inc ecx
  cmp ecx, 0x270
  jb 3b
  mov ecx, 0x259
  xor eax, eax
  xor edx, edx
  wrmsr
  call pci_hole_start
  mov ecx, 0x200
  wrmsr
  // The hole reaches to 4 GiB and is as large as its start is aligned, so that the start also is the mask.
  push eax
  mov cl, bl
  sub cl, 32
  mov edx, 1
  shl edx, cl
  dec edx
  pop eax
  or ax, 0x800
  mov ecx, 0x201
  wrmsr
  mov ecx, 0x2FF
  mov eax, 0xC06
  xor edx, edx
  wrmsr
5:
  pop edx
  test dh, 2
  jz 9f
  mov ebx, 0xFEE00000
  cmp dword ptr fs:[ebx + 0x30], 0xFFFFFFFF
  je 9f
  mov eax, fs:[ebx + 0xF0]
  mov al, 0xFF
  or ah, 1
  mov dword ptr fs:[ebx + 0xF0], eax
  mov dword ptr fs:[ebx + 0x350], 0x8700
  mov dword ptr fs:[ebx + 0x360], 0x0400
9:
  ret

// EAX = where the PCI window below 4 GiB starts: E0000000h or, with more RAM, F0000000h.
.globl pci_hole_start
pci_hole_start:
  mov eax, 0xE0000000
  cmp dword ptr cs:[low_memory_end], eax
  jbe 1f
  mov eax, 0xF0000000
1:
  ret

// The clock: 32768 Hz divider and 1024 Hz rate, 24-hour mode, and the ticks since midnight from it.
clock_init:
  mov ax, 0x260A
  call cmos_write
  mov bl, 0x0B
  call cmos_read
  and al, 0x05
  or al, 2
  mov ah, al
  mov al, 0x0B
  call cmos_write
  mov bl, 0x0C
  call cmos_read
  mov bl, 0x0D
  call cmos_read
  call rtc_settled
  mov bl, 0x04
  call cmos_read
  call clock_number
  mov eax, 3600
  mul edx
  mov esi, eax
  mov bl, 0x02
  call cmos_read
  call clock_number
  imul edx, edx, 60
  add esi, edx
  mov bl, 0x00
  call cmos_read
  call clock_number
  add esi, edx
  // 1193182 / 65536 ticks a second.
  mov eax, 1193182
  mul esi
  shrd eax, edx, 16
  mov [0x400 + BDA_TICKS], eax
  ret
// CMOS register AL = AH.
.globl cmos_write
cmos_write:
  or al, 0x80
  out 0x70, al
  xchg al, ah
  out 0x71, al
  mov al, 0x0D
  out 0x70, al
  ret
// EDX = the number that the clock gives as AL, BCD or binary as register B says.
clock_number:
  movzx edx, al
  mov bl, 0x0B
  call cmos_read
  test al, 4
  jnz 1f
  mov al, dl
  shr al, 4
  mov ah, 10
  mul ah
  and dl, 15
  add dl, al
1:
  ret
// Waits until no update of the clock is near.
.globl rtc_settled
rtc_settled:
  push ax
  push bx
  push cx
  mov cx, 1000
1:
  mov bl, 0x0A
  call cmos_read
  test al, 0x80
  jz 2f
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 1b
2:
  pop cx
  pop bx
  pop ax
  ret

// Waits CX periods of the refresh toggle, 15.085 microseconds each (port 61h bit 4).
.globl delay
delay:
  push ax
  push cx
  jcxz 3f
1:
  in al, 0x61
  mov ah, al
2:
  in al, 0x61
  xor al, ah
  test al, 0x10
  jz 2b
  loop 1b
3:
  pop cx
  pop ax
  ret

// COM and LPT ports: a UART keeps what is written to its interrupt enable and scratch registers, a parallel
// port's data register reads back.
serial_parallel_init:
  push ds
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov si, offset com_ports
  xor di, di
1:
  mov dx, cs:[si]
  test dx, dx
  jz 3f
  add si, 2
  push dx
  add dx, 4
  mov al, 0
  out dx, al
  sub dx, 3
  mov al, 2
  out dx, al
  in al, dx
  mov ah, al
  mov al, 0
  out dx, al
  inc dx
  in al, dx
  pop dx
  cmp ah, 2
  jne 1b
  and al, 0x30
  jnz 1b
  mov [BDA_COM + di], dx
  add di, 2
  jmp 1b
3:
  shl di, 8
  or [BDA_EQUIPMENT], di
  mov si, offset lpt_ports
  xor di, di
4:
  mov dx, cs:[si]
  test dx, dx
  jz 6f
  add si, 2
  mov al, 0xAA
  out dx, al
  in al, dx
  cmp al, 0xAA
  jne 4b
  mov [BDA_LPT + di], dx
  add dx, 2
  mov al, 0x08
  out dx, al
  mov al, 0x0C
  out dx, al
  add di, 2
  jmp 4b
6:
  shl di, 13
  or [BDA_EQUIPMENT], di
  pop ds
  ret
com_ports: .word 0x3F8, 0x2F8, 0x3E8, 0x2E8, 0
lpt_ports: .word 0x3BC, 0x378, 0x278, 0

// Closes the shadow RAM of F0000h-FFFFFh for writing, unless the board's tables, with a FACS that the system
// writes, lie in it. C0000h-DFFFFh stay as the adapters' ROMs are, E0000h-EFFFFh too.
post_end:
  cmp dword ptr cs:[board_rsdp], 0
  jne 1f
  mov bx, 0
  mov di, 0
  call pci_read_dword
  cmp ecx, 0x12378086
  jne 1f
  mov di, 0x59
  mov cl, 0x10
  call pci_write_byte
1:
  ret

// Prints the text that follows the call, on the screen and at port E9h.
.globl print
print:
  pop si
1:
  mov al, cs:[si]
  inc si
  test al, al
  jz 2f
  call print_char
  jmp 1b
2:
  jmp si
.globl print_char
print_char:
  push ax
  push bx
  push bp
  out 0xE9, al
  mov ah, 0x0E
  mov bx, 7
  int 0x10
  pop bp
  pop bx
  pop ax
  ret
// Prints AX in decimal.
.globl print_number
print_number:
  pushad
  movzx eax, ax
  mov ebx, 10
  xor cx, cx
1:
  xor edx, edx
  div ebx
  push dx
  inc cx
  test eax, eax
  jnz 1b
2:
  pop ax
  add al, '0'
  call print_char
  loop 2b
  popad
  ret
