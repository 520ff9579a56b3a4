// INT 15h: system services. Source: PS/2 and PC BIOS Interface Technical Reference, "INT 15h"; ACPI
// Specification, "INT 15H, E820H - Query System Address Map"; Ralf Brown's Interrupt List.

#include "bios.h"

.section .code, "ax"
.code16

.globl int15
int15:
  cmp ah, 0x4F
  je int15_keyboard
  enter_service
  and rFLAGS, 0xFE
  mov si, offset system_functions
1:
  cmp byte ptr cs:[si], 0xFF
  je 2f
  cmp cs:[si], ah
  je 3f
  add si, 3
  jmp 1b
2:
  mov rAH, 0x86
  or rFLAGS, 1
  leave_service
3:
  CALL word ptr cs:[si + 1]
  leave_service

// The keyboard intercept: CF stays set, so that the key is taken.
int15_keyboard:
  push bp
  mov bp, sp
  or byte ptr [bp + 6], 1
  pop bp
  iret

.macro system number, target
  .byte \number
  .word \target
.endm
system_functions:
  system 0x24, a20_functions
  system 0x53, apm_functions
  system 0x80, nothing_to_do
  system 0x81, nothing_to_do
  system 0x82, nothing_to_do
  system 0x83, event_wait
  system 0x85, nothing_to_do
  system 0x86, wait_microseconds
  system 0x87, block_move
  system 0x88, extended_memory
  system 0x89, protected_mode
  system 0x90, nothing_to_do
  system 0x91, nothing_to_do
  system 0xC0, configuration
  system 0xC1, ebda_segment
  system 0xC2, mouse_functions
  system 0xE8, memory_functions
  .byte 0xFF

nothing_to_do:
  mov rAH, 0
  ret
.globl system_unsupported
system_unsupported:
  mov rAH, 0x86
  or rFLAGS, 1
  ret

// AL: 0 close, 1 open, 2 state, 3 what there is: both the keyboard controller and port 92h.
a20_functions:
  mov rAH, 0
  cmp al, 1
  jb 1f
  je 2f
  cmp al, 3
  jb 3f
  ja system_unsupported
  mov rBX, 3
  ret
1:
  in al, 0x92
  and al, 0xFC
  out 0x92, al
  ret
2:
  in al, 0x92
  or al, 2
  and al, 0xFE
  out 0x92, al
  ret
3:
  in al, 0x92
  shr al, 1
  and al, 1
  mov rAL, al
  ret

// Starts the periodic interrupt of the clock for EAX microseconds, with the byte ES:BX to be set.
wait_start:
  mov [BDA_WAIT_COUNT], eax
  mov [BDA_WAIT_POINTER], bx
  mov [BDA_WAIT_POINTER + 2], es
  mov byte ptr [BDA_WAIT_ACTIVE], 1
  in al, 0xA1
  and al, 0xFE
  out 0xA1, al
  mov bl, 0x0B
  call cmos_read
  or al, 0x40
  mov ah, al
  mov al, 0x0B
  jmp cmos_write

// AL = 0: CX:DX microseconds, then bit 7 of ES:BX; AL = 1: cancel.
event_wait:
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov rAH, 0
  cmp rAL, 1
  je 2f
  ja system_unsupported
  test byte ptr [BDA_WAIT_ACTIVE], 1
  jnz 8f
  mov ax, cx
  shl eax, 16
  mov ax, dx
  jmp wait_start
2:
  mov byte ptr [BDA_WAIT_ACTIVE], 0
  mov bl, 0x0B
  call cmos_read
  and al, 0xBF
  mov ah, al
  mov al, 0x0B
  jmp cmos_write
8:
  mov rAH, 0x83
  or rFLAGS, 1
  ret

// CX:DX microseconds. By the refresh toggle, whose period is 15.085 microseconds, so that it needs no
// interrupt; short waits are exact to that, and long ones halt nothing.
wait_microseconds:
  sti
  mov ax, cx
  shl eax, 16
  mov ax, dx
  // 1000 / 15085 = 0.066291; in 1/65536: 4344.
  mov ecx, 4344
  mul ecx
  shrd eax, edx, 16
  mov ecx, eax
  inc ecx
1:
  push cx
  mov cx, 1
  call delay
  pop cx
  dec ecx
  jnz 1b
  mov rAH, 0
  ret

// CX words from the descriptor at ES:SI+10h to that at ES:SI+18h. As on the AT nothing interrupts it.
block_move:
  mov si, rSI
  mov es, rES
  cmp cx, 0x8000
  ja 8f
  movzx ecx, cx
  mov eax, es:[si + 0x12]
  and eax, 0xFFFFFF
  movzx edx, byte ptr es:[si + 0x17]
  shl edx, 24
  or edx, eax
  mov eax, es:[si + 0x1A]
  and eax, 0xFFFFFF
  movzx edi, byte ptr es:[si + 0x1F]
  shl edi, 24
  or edi, eax
  mov esi, edx
  cli
  in al, 0x92
  mov bl, al
  or al, 2
  and al, 0xFE
  out 0x92, al
  lgdtd cs:[gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 1f
1:
  mov dx, 0x10
  mov ds, dx
  mov es, dx
  shr ecx, 1
  pushf
  .byte 0x67
  rep movsd
  popf
  jnc 2f
  .byte 0x67
  movsw
2:
  mov dx, 0x20
  mov ds, dx
  mov es, dx
  mov eax, cr0
  and al, 0xFE
  mov cr0, eax
  jmp 3f
3:
  xor ax, ax
  mov ds, ax
  mov es, ax
  test bl, 2
  jnz 4f
  in al, 0x92
  and al, 0xFC
  out 0x92, al
4:
  sti
  mov rAH, 0
  ret
8:
  mov rAH, 1
  or rFLAGS, 1
  ret

// AX = KiB above 1 MiB, at most 63 MiB.
extended_memory:
  mov eax, cs:[usable_memory_end]
  sub eax, 0x100000
  shr eax, 10
  cmp eax, 0xFC00
  jbe 1f
  mov ax, 0xFC00
1:
  mov rAX, ax
  ret

// Switches to protected mode with the caller's tables: ES:SI descriptors, BH and BL the vector bases of the
// 8259As. Returns to the caller in protected mode with CS = 30h, DS = 18h, ES = 20h, SS = 28h.
protected_mode:
  mov es, rES
  mov si, rSI
  cli
  in al, 0x92
  or al, 2
  and al, 0xFE
  out 0x92, al
  mov bx, rBX
  mov al, 0x11
  out 0x20, al
  out 0xA0, al
  mov al, bh
  out 0x21, al
  mov al, bl
  out 0xA1, al
  mov al, 4
  out 0x21, al
  mov al, 2
  out 0xA1, al
  mov al, 1
  out 0x21, al
  out 0xA1, al
  mov al, 0xFF
  out 0x21, al
  out 0xA1, al
  // This segment's descriptor goes to 38h.
  mov dword ptr es:[si + 0x38], 0x0000FFFF
  mov dword ptr es:[si + 0x3C], 0x00009B0F
  lgdtd es:[si + 8]
  lidtd es:[si + 0x10]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  .byte 0xEA
  .word 1f, 0x38
1:
  mov ax, 0x28
  mov ss, ax
  // Drop the return to the dispatcher and the saved segments, take the registers, and return with the
  // caller's selector in place of its segment.
  add sp, 2 + 4
  mov bp, sp
  mov word ptr [bp + FRAME_CS - 4], 0x30
  mov ax, 0x18
  mov ds, ax
  mov ax, 0x20
  mov es, ax
  popad
  mov ah, 0
  iret

configuration:
  mov rES, cs
  mov rBX, offset configuration_table
  mov rAH, 0
  ret

ebda_segment:
  mov ax, BDA_SEGMENT
  mov ds, ax
  mov ax, [BDA_EBDA]
  mov rES, ax
  ret

memory_functions:
  mov rAH, 0
  cmp al, 0x01
  je memory_e801
  cmp al, 0x20
  je memory_e820
  cmp al, 0x81
  je memory_e881
  jmp system_unsupported

// AX, CX = KiB from 1 to 16 MiB; BX, DX = 64 KiB above 16 MiB.
memory_e801:
  call memory_sizes
  mov rAX, ax
  mov rCX, ax
  mov rBX, dx
  mov rDX, dx
  ret
memory_e881:
  call memory_sizes
  mov rEAX, eax
  mov rECX, eax
  mov rEBX, edx
  mov rEDX, edx
  ret
memory_sizes:
  mov eax, cs:[usable_memory_end]
  sub eax, 0x100000
  xor edx, edx
  shr eax, 10
  cmp eax, 0x3C00
  jbe 1f
  mov edx, eax
  sub edx, 0x3C00
  shr edx, 6
  mov eax, 0x3C00
1:
  ret

// The address map: EBX = index of the next entry, ECX = room at ES:DI, EDX = "SMAP".
memory_e820:
  cmp rEDX, 0x534D4150
  jne system_unsupported
  cmp rECX, 20
  jb system_unsupported
  mov eax, rEBX
  cmp eax, cs:[address_map_count]
  jae system_unsupported
  imul si, ax, 20
  add si, offset address_map
  mov es, rES
  mov di, rDI
  mov cx, 10
1:
  mov dx, cs:[si]
  mov es:[di], dx
  add si, 2
  add di, 2
  loop 1b
  inc eax
  cmp eax, cs:[address_map_count]
  jb 2f
  xor eax, eax
2:
  mov rEBX, eax
  mov rEAX, 0x534D4150
  mov rECX, 20
  ret

// POST: makes the map. usable_memory_end is where RAM below 4 GiB ends for programs.
.globl address_map_init
address_map_init:
  pushad
  mov di, offset address_map
  xor edx, edx
  xor eax, eax
  mov ecx, EBDA_SEGMENT * 16
  mov bl, 1
  call address_map_add
  mov eax, EBDA_SEGMENT * 16
  mov ecx, 0xA0000 - EBDA_SEGMENT * 16
  mov bl, 2
  call address_map_add
  mov eax, 0xF0000
  mov ecx, 0x10000
  call address_map_add
  mov eax, 0x100000
  mov ecx, cs:[usable_memory_end]
  sub ecx, eax
  jbe 1f
  mov bl, 1
  call address_map_add
1:
  mov eax, cs:[usable_memory_end]
  mov ecx, cs:[low_memory_end]
  sub ecx, eax
  jbe 2f
  mov bl, 4
  call address_map_add
2:
  mov eax, 0xFFFC0000
  mov ecx, 0x40000
  mov bl, 2
  call address_map_add
  mov ecx, cs:[high_memory_size]
  mov esi, cs:[high_memory_size + 4]
  mov eax, ecx
  or eax, esi
  jz 3f
  xor eax, eax
  mov edx, 1
  mov bl, 1
  call address_map_add
  mov cs:[di - 20 + 12], esi
3:
  popad
  ret
// EDX:EAX base, ECX size, BL type, to CS:DI.
address_map_add:
  mov cs:[di], eax
  mov cs:[di + 4], edx
  mov cs:[di + 8], ecx
  mov dword ptr cs:[di + 12], 0
  movzx eax, bl
  mov cs:[di + 16], eax
  add di, 20
  inc dword ptr cs:[address_map_count]
  ret
address_map_count: .long 0
address_map: .skip 20 * 8
