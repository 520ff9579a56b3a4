// APM 1.2: INT 15h AH=53h, and the entries for 16-bit and 32-bit protected mode, which are one source.
// Source: Advanced Power Management BIOS Interface Specification 1.2, section 4.
//
// There is one thing to manage, the whole machine, which can be on and off. Segments in protected mode: code
// at F0000h, data at the EBDA, in consecutive descriptors (32-bit code,) 16-bit code, data, as the
// specification has them, so that the data's selector follows from CS.

#include "bios.h"

// Bits of EBDA_APM: the kind of connection, 0 none, 1 real mode, 2 16 bits, 3 32 bits; whether management is
// disabled and disengaged, at the bits that the installation check has for it.
#define APM_CONNECTION 0x03
#define APM_DISABLED 0x08
#define APM_DISENGAGED 0x10

#define APM_NOT_CONNECTED 0x03
#define APM_BAD_DEVICE 0x09
#define APM_BAD_PARAMETER 0x0A
#define APM_NOT_ENGAGED 0x0B
#define APM_UNSUPPORTED 0x0C
#define APM_CANNOT_ENTER 0x60
#define APM_NO_EVENT 0x80

.section .code, "ax"
.code16

// From INT 15h: the connection's functions here, the others as in protected mode.
.globl apm_functions
apm_functions:
  push EBDA_SEGMENT
  pop ds
  cmp al, 3
  ja 2f
  test bx, bx
  mov ah, APM_BAD_DEVICE
  jnz 9f
  cmp al, 0
  je apm_check
  // One interface at a time: the error names the one there is.
  movzx si, byte ptr [EBDA_APM]
  and si, APM_CONNECTION
  jz 4f
  mov ah, cs:[apm_connected + si]
  jmp 9f
4:
  or [EBDA_APM], al
  call apm_control
  cmp al, 2
  jb 1f
  mov rAX, BIOS_SEGMENT
  mov rSI, 0xFFFF
  je 3f
  mov rEBX, offset apm_entry32
  mov rCX, BIOS_SEGMENT
  mov rDX, EBDA_SEGMENT
  mov word ptr [bp + FRAME_ESI + 2], 0xFFFF
  mov rDI, 0x400
1:
  ret
3:
  mov rBX, offset apm_entry16
  mov rCX, EBDA_SEGMENT
  mov rDI, 0x400
  ret
2:
  call apm_service16
  mov rAX, ax
  mov rBX, bx
  mov rCX, cx
  mov rDX, dx
  jnc 1b
  or rFLAGS, 1
  ret
9:
  mov rAH, ah
  or rFLAGS, 1
  ret
apm_connected: .byte 0, 0x02, 0x05, 0x07

// EBDA_APM_CONTROL = PM1a control by the FADT of the board's tables, 0 without them. For boards whose power
// management is no PCI function.
apm_control:
  push ax
  push 0xF000
  pop es
  xor dx, dx
  mov ebx, cs:[board_rsdp]
  test ebx, ebx
  jz 3f
  // RSDP, RSDT, FADT (ACPI Specification, "RSDT", "FADT"), as far as they are in this segment.
  mov ebx, es:[bx + 16]
  mov eax, ebx
  shr eax, 16
  cmp ax, 0x000F
  jne 3f
  mov cx, es:[bx + 4]
  sub cx, 36
  jbe 3f
  shr cx, 2
1:
  mov si, es:[bx + 36]
  cmp word ptr es:[bx + 38], 0x000F
  jne 2f
  cmp dword ptr es:[si], 0x50434146
  jne 2f
  mov dx, es:[si + 64]
2:
  add bx, 4
  loop 1b
3:
  mov [EBDA_APM_CONTROL], dx
  pop ax
  ret

// Version 1.2; 16-bit and 32-bit interfaces, idle stops the processor.
apm_check:
  mov rAX, 0x0102
  mov rBX, 0x504D
  movzx cx, byte ptr [EBDA_APM]
  and cl, APM_DISABLED | APM_DISENGAGED
  or cl, 0x03
  mov rCX, cx
  ret

#define near_return .byte 0xC3
.macro apm suffix
// DS = EBDA. AL = function, 4 and up; CF and AH = error.
apm_service\suffix:
  test byte ptr [EBDA_APM], APM_CONNECTION
  mov ah, APM_NOT_CONNECTED
  jz 9f
  cmp al, 0x04
  je apm_disconnect\suffix
  cmp al, 0x05
  je apm_idle\suffix
  cmp al, 0x06
  je 1f
  cmp al, 0x07
  je apm_state\suffix
  cmp al, 0x0B
  je apm_event\suffix
  cmp al, 0x0E
  je apm_version\suffix
  cmp al, 0x10
  je apm_capabilities\suffix
  cmp al, 0x0F
  ja 8f
  cmp al, 0x08
  jb 8f
  // The rest is about all devices, 0001h or as 1.0 had it FFFFh.
  cmp bx, 0x0001
  je 2f
  cmp bx, 0xFFFF
  mov ah, APM_BAD_DEVICE
  jne 9f
2:
  cmp al, 0x0A
  je apm_power\suffix
  cmp al, 0x0C
  je 3f
  cmp al, 0x09
  je apm_defaults\suffix
  // 08h and 0Dh: CX = 1 enables, 0 disables; 0Fh engages and disengages.
  cmp cx, 1
  mov ah, APM_BAD_PARAMETER
  ja 9f
  mov ah, APM_DISABLED
  cmp al, 0x0F
  jne 4f
  mov ah, APM_DISENGAGED
4:
  or [EBDA_APM], ah
  test cx, cx
  jz 1f
  not ah
  and [EBDA_APM], ah
1:
  mov ah, 0
  clc
  near_return
3:
  // On.
  mov cx, 0
  jmp 1b
8:
  mov ah, APM_UNSUPPORTED
9:
  stc
  near_return

apm_disconnect\suffix:
  test bx, bx
  mov ah, APM_BAD_DEVICE
  jnz 9b
  and byte ptr [EBDA_APM], 0xFF - APM_CONNECTION
  jmp 1b
// Until the next interrupt, which the caller may have switched off.
apm_idle\suffix:
  pushf
  sti
  hlt
  popf
  jmp 1b
apm_defaults\suffix:
  and byte ptr [EBDA_APM], 0xFF - APM_DISABLED - APM_DISENGAGED
  jmp 1b
apm_event\suffix:
  mov ah, APM_NO_EVENT
  jmp 9b
// The lower of the driver's version CX and 1.2.
apm_version\suffix:
  test bx, bx
  mov ah, APM_BAD_DEVICE
  jnz 9b
  mov ax, 0x0102
  cmp cx, 0x0102
  jae 5f
  cmp cx, 0x0100
  mov ah, APM_BAD_PARAMETER
  jb 9b
  mov ax, cx
5:
  clc
  near_return
// No batteries, nothing that wakes the machine.
apm_capabilities\suffix:
  test bx, bx
  mov ah, APM_BAD_DEVICE
  jnz 9b
  mov bl, 0
  mov cx, 0
  jmp 1b
// Mains, no battery.
apm_power\suffix:
  mov bx, 0x01FF
  mov cx, 0x80FF
  mov dx, 0xFFFF
  jmp 1b

// BX = device, CX = state: 1 standby, 2 suspend, 3 off; 4 and 5 answer a request.
apm_state\suffix:
  cmp bx, 0x0001
  mov ah, APM_BAD_DEVICE
  jne 9b
  cmp cx, 5
  mov ah, APM_BAD_PARAMETER
  ja 9b
  test cx, cx
  jz 9b
  test byte ptr [EBDA_APM], APM_DISENGAGED
  mov ah, APM_NOT_ENGAGED
  jnz 9b
  test byte ptr [EBDA_APM], APM_DISABLED
  mov ah, 0x01
  jnz 9b
  cmp cx, 3
  ja 1b
  mov ah, APM_CANNOT_ENTER
  jb 9b
  push eax
  push ecx
  push edx
  // Soft off is a sleep type that the chip set names: 0 of the PIIX4 at 00:01.3, 7 of the ICH9 at 00:1F.0,
  // with SLP_EN (bit 13) in PM1a control, 4 above the base address in register 40h (82371AB and ICH9
  // datasheets). On other boards it is taken to be the PIIX4's.
  mov eax, 0x80000B00
  mov edx, 0xCF8
  out dx, eax
  mov edx, 0xCFC
  in eax, dx
  cmp eax, 0x71138086
  mov eax, 0x80000B40
  mov cx, 0x2000
  je 6f
  mov eax, 0x8000F800
  mov edx, 0xCF8
  out dx, eax
  mov edx, 0xCFC
  in eax, dx
  cmp eax, 0x29188086
  mov dx, [EBDA_APM_CONTROL]
  mov cx, 0x2000
  jne 10f
  mov eax, 0x8000F840
  mov cx, 0x3C00
6:
  mov edx, 0xCF8
  out dx, eax
  mov edx, 0xCFC
  in eax, dx
  and eax, 0xFFC0
  lea edx, [eax + 4]
10:
  test dx, dx
  jz 7f
  mov eax, ecx
  out dx, ax
  // It takes its time: 65536 changes of the refresh toggle, of 15 microseconds each.
  mov ecx, 0x10000
  mov dl, 0
11:
  in al, 0x61
  and al, 0x10
  cmp al, dl
  je 11b
  mov dl, al
  dec ecx
  jnz 11b
7:
  pop edx
  pop ecx
  pop eax
  mov ah, APM_CANNOT_ENTER
  stc
  near_return
.endm

  apm 16
apm_entry16:
  push ds
  push ax
  mov ax, cs
  add ax, 8
  mov ds, ax
  pop ax
  call apm_service16
  pop ds
  retf

.code32
  apm 32
apm_entry32:
  push ds
  push eax
  mov ax, cs
  add ax, 16
  mov ds, ax
  pop eax
  .byte 0xE8
  .long apm_service32 - . - 4
  pop ds
  retf
