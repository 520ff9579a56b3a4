// INT 15h AH=C2h and IRQ 12: the PS/2 pointing device. Source: PS/2 and PC BIOS Interface Technical
// Reference, "INT 15h, Pointing Device BIOS Interface"; PS/2 Hardware Interface Technical Reference, "Mouse".

#include "bios.h"

.section .code, "ax"
.code16

#define MOUSE_HANDLER_SET 0x80
#define MOUSE_ENABLED 0x40

.globl mouse_functions
mouse_functions:
  mov cx, EBDA_SEGMENT
  mov ds, cx
  movzx si, al
  cmp si, 7
  ja 1f
  shl si, 1
  mov rAH, 0
  CALL word ptr cs:[mouse_table + si]
  jnc 2f
  mov rAH, ah
  or rFLAGS, 1
2:
  ret
1:
  mov rAH, 1
  or rFLAGS, 1
  ret
mouse_table:
  .word mouse_enable, mouse_reset, mouse_rate, mouse_resolution, mouse_type, mouse_initialize
  .word mouse_extended, mouse_set_handler

// Quiets both interrupts of the 8042 while a command is under way: AH = the old masks' bits to restore.
mouse_quiet:
  pop dx
  in al, 0xA1
  mov ah, al
  in al, 0x21
  push ax
  or al, 2
  out 0x21, al
  mov al, ah
  or al, 0x10
  out 0xA1, al
  jmp dx
mouse_resume:
  pop dx
  pop cx
  pushf
  push ax
  mov al, cl
  out 0x21, al
  mov al, ch
  out 0xA1, al
  pop ax
  popf
  jmp dx

// Byte BL to the mouse: CF and AH = 3 (interface error) or 4 (resend).
mouse_send:
  push cx
  mov al, 0xD4
  call kbc_command
  mov al, bl
  call kbc_data
  call mouse_receive
  jc 2f
  cmp al, 0xFA
  je 1f
  mov ah, 4
  cmp al, 0xFE
  je 3f
2:
  mov ah, 3
3:
  stc
1:
  pop cx
  ret
// AL = byte from the mouse, those of the keyboard dropped.
mouse_receive:
  push cx
  push dx
  mov dx, 8
  mov cx, 20000
1:
  in al, 0x64
  and al, 0x21
  cmp al, 0x21
  je 3f
  cmp al, 1
  jne 2f
  in al, 0x60
  dec dx
  jz 4f
2:
  push cx
  mov cx, 1
  call delay
  pop cx
  loop 1b
4:
  stc
  jmp 5f
3:
  in al, 0x60
  clc
5:
  pop dx
  pop cx
  mov ah, 3
  ret
// A command BL with parameter BH.
mouse_send2:
  call mouse_send
  jc 1f
  mov bl, bh
  call mouse_send
1:
  ret

// The controller's command byte: sets the bits BL and clears the bits BH.
mouse_controller:
  mov al, 0x20
  call kbc_command
  mov cx, 20000
  call kbc_read
  jc 1f
  or al, bl
  not bh
  and al, bh
  push ax
  mov al, 0x60
  call kbc_command
  pop ax
  call kbc_data
  clc
1:
  mov ah, 3
  ret

// BH: 0 off, 1 on.
mouse_enable:
  mov bh, rBH
  cmp bh, 1
  ja mouse_invalid
  je 1f
  call mouse_quiet
  mov bl, 0xF5
  call mouse_send
  jc 2f
  mov bx, 0x0200
  call mouse_controller
  and byte ptr [EBDA_MOUSE_FLAGS], 0xFF - MOUSE_ENABLED
  clc
2:
  call mouse_resume
  ret
1:
  test byte ptr [EBDA_MOUSE_FLAGS2], MOUSE_HANDLER_SET
  mov ah, 5
  jz mouse_failed
  call mouse_quiet
  mov byte ptr [EBDA_MOUSE_FLAGS], MOUSE_ENABLED
  // Interrupt on, clock on.
  mov bx, 0x2002
  call mouse_controller
  jc 2b
  mov bl, 0xF4
  call mouse_send
  jmp 2b

mouse_invalid:
  mov ah, 2
mouse_failed:
  stc
  ret

mouse_reset:
  call mouse_quiet
  mov bx, 0x2200
  call mouse_controller
  jc 1f
  mov bl, 0xFF
  call mouse_send
  jc 1f
  // The self test takes up to half a second.
  mov cx, 4
2:
  call mouse_receive
  jnc 3f
  loop 2b
  stc
  jmp 1f
3:
  mov rBL, al
  call mouse_receive
  jc 1f
  mov rBH, al
  and byte ptr [EBDA_MOUSE_FLAGS], 0
  clc
1:
  call mouse_resume
  ret

mouse_rates: .byte 10, 20, 40, 60, 80, 100, 200
mouse_rate:
  movzx si, rBH
  cmp si, 6
  ja mouse_invalid
  mov bh, cs:[mouse_rates + si]
  mov bl, 0xF3
mouse_setting:
  call mouse_quiet
  mov cx, bx
  mov bx, 0x2000
  push cx
  call mouse_controller
  pop bx
  jc 1f
  call mouse_send2
1:
  call mouse_resume
  ret
mouse_resolution:
  mov bh, rBH
  cmp bh, 3
  ja mouse_invalid
  mov bl, 0xE8
  jmp mouse_setting

mouse_type:
  call mouse_quiet
  mov bl, 0xF2
  call mouse_send
  jc 1f
  call mouse_receive
  jc 1f
  mov rBH, al
1:
  call mouse_resume
  ret

// BH = bytes in a packet.
mouse_initialize:
  mov bh, rBH
  cmp bh, 1
  jb mouse_invalid
  cmp bh, 8
  ja mouse_invalid
  mov al, [EBDA_MOUSE_FLAGS2]
  and al, 0xF8
  dec bh
  or al, bh
  mov [EBDA_MOUSE_FLAGS2], al
  jmp mouse_reset

// BH: 0 status, 1 scaling 1:1, 2 scaling 2:1.
mouse_extended:
  mov bh, rBH
  cmp bh, 2
  ja mouse_invalid
  mov bl, 0xE7
  je 3f
  mov bl, 0xE6
  cmp bh, 1
  je 3f
  mov bl, 0xE9
3:
  call mouse_quiet
  call mouse_send
  jc 4f
  cmp rBH, 0
  jne 4f
  call mouse_receive
  jc 4f
  mov rBL, al
  call mouse_receive
  jc 4f
  mov rCL, al
  mov rCH, 0
  call mouse_receive
  jc 4f
  mov rDL, al
  mov rDH, 0
4:
  call mouse_resume
  ret

// ES:BX = the program's handler; 0:0 takes it away.
mouse_set_handler:
  mov ax, rBX
  mov [EBDA_MOUSE_HANDLER], ax
  mov cx, rES
  mov [EBDA_MOUSE_HANDLER + 2], cx
  or ax, cx
  jz 1f
  or byte ptr [EBDA_MOUSE_FLAGS2], MOUSE_HANDLER_SET
  clc
  ret
1:
  and byte ptr [EBDA_MOUSE_FLAGS2], 0xFF - MOUSE_HANDLER_SET
  clc
  ret

// IRQ 12: collects a packet, then calls the handler with status, X, Y and Z on the stack.
.globl int74
int74:
  sti
  pushad
  push ds
  push es
  cld
  mov ax, EBDA_SEGMENT
  mov ds, ax
  in al, 0x64
  and al, 0x21
  cmp al, 0x21
  jne 9f
  in al, 0x60
  mov cl, [EBDA_MOUSE_FLAGS2]
  test cl, MOUSE_HANDLER_SET
  jz 9f
  movzx bx, byte ptr [EBDA_MOUSE_FLAGS]
  and bx, 7
  mov [EBDA_MOUSE_DATA + bx], al
  and cl, 7
  cmp bl, cl
  jae 1f
  inc byte ptr [EBDA_MOUSE_FLAGS]
  jmp 9f
1:
  and byte ptr [EBDA_MOUSE_FLAGS], 0xF8
  movzx ax, byte ptr [EBDA_MOUSE_DATA]
  push ax
  mov al, [EBDA_MOUSE_DATA + 1]
  push ax
  mov al, [EBDA_MOUSE_DATA + 2]
  push ax
  // A wheel's fourth byte.
  xor ax, ax
  cmp cl, 3
  jb 2f
  mov al, [EBDA_MOUSE_DATA + 3]
2:
  push ax
  lcall [EBDA_MOUSE_HANDLER]
  add sp, 8
9:
  cli
  mov al, 0x20
  out 0xA0, al
  out 0x20, al
  pop es
  pop ds
  popad
  iret
