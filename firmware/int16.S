// INT 16h: the keyboard. Functions 00h-02h hide what the first keyboards had not, 10h-12h give everything.
// Source: PS/2 and PC BIOS Interface Technical Reference, "INT 16h"; Ralf Brown's Interrupt List.

#include "bios.h"

.section .code, "ax"
.code16

.globl int16
int16:
  sti
  push ds
  push bx
  push cx
  mov bx, BDA_SEGMENT
  mov ds, bx
  cmp ah, 0x00
  je key_wait
  cmp ah, 0x10
  je key_wait
  cmp ah, 0x20
  je key_wait
  cmp ah, 0x01
  je key_test
  cmp ah, 0x11
  je key_test
  cmp ah, 0x21
  je key_test
  cmp ah, 0x02
  je key_flags
  cmp ah, 0x12
  je key_flags2
  cmp ah, 0x22
  je key_flags2
  cmp ah, 0x03
  je key_rate
  cmp ah, 0x05
  je key_push
  cmp ah, 0x09
  je key_functions
  cmp ah, 0x0A
  je key_identity
  cmp ah, 0x92
  je key_enhanced
  cmp ah, 0xA2
  je key_enhanced
key_done:
  pop cx
  pop bx
  pop ds
  iret

key_wait:
  mov ch, ah
1:
  cli
  mov bx, [BDA_KEY_HEAD]
  cmp bx, [BDA_KEY_TAIL]
  jne 2f
  sti
  hlt
  jmp 1b
2:
  mov ax, [bx]
  call key_advance
  sti
  call key_visible
  jc 1b
  jmp key_done

// ZF when there is none; the flags go back to the caller.
key_test:
  mov ch, ah
1:
  cli
  mov bx, [BDA_KEY_HEAD]
  cmp bx, [BDA_KEY_TAIL]
  je 3f
  mov ax, [bx]
  call key_visible
  jnc 2f
  call key_advance
  sti
  jmp 1b
2:
  sti
  or bl, 1
  pop cx
  pop bx
  pop ds
  far_return 2
3:
  call rest_if_idle
  mov ah, ch
  cmp al, al
  pop cx
  pop bx
  pop ds
  far_return 2

// Whoever asks in a loop waits here for the next interrupt, if the board (Apus) says so.
.globl rest_if_idle
rest_if_idle:
  sti
  push ax
  push dx
  mov dx, 0x509
  in al, dx
  cmp al, 0x49
  pop dx
  pop ax
  jne 1f
  hlt
1:
  ret

// Head BX moves on.
key_advance:
  add bx, 2
  cmp bx, [BDA_KEY_END]
  jb 1f
  mov bx, [BDA_KEY_START]
1:
  mov [BDA_KEY_HEAD], bx
  ret

// Code AX as the function CH shows it; CF when it does not.
key_visible:
  cmp ch, 0x20
  je 8f
  cmp al, 0xF0
  jne 1f
  test ah, ah
  jz 8f
  test ch, 0x10
  jz 9f
  mov al, 0
  clc
  ret
1:
  test ch, 0x10
  jnz 8f
  cmp ah, 0xE0
  je 4f
  cmp ah, 0x84
  ja 9f
  cmp al, 0xE0
  jne 8f
  test ah, ah
  jz 8f
  mov al, 0
8:
  clc
  ret
4:
  // Keypad Enter and / look like the main ones.
  mov ah, 0x1C
  cmp al, 0x2F
  jne 8b
  mov ah, 0x35
  jmp 8b
9:
  stc
  ret

key_flags:
  mov al, [BDA_SHIFT]
  jmp key_done
// AH: held locks from 40:18, right Ctrl and Alt from 40:96.
key_flags2:
  mov al, [BDA_SHIFT]
  mov ah, [BDA_SHIFT2]
  mov bl, ah
  and ah, 0x73
  and bl, 4
  shl bl, 5
  or ah, bl
  mov bl, [BDA_KEY_MODE]
  and bl, 0x0C
  or ah, bl
  jmp key_done

// Typematic rate: AL = 5, BH delay, BL rate.
key_rate:
  cmp al, 5
  jne key_done
  pop cx
  pop bx
  push bx
  push cx
  push ax
  in al, 0x21
  push ax
  or al, 2
  out 0x21, al
  mov al, 0xF3
  call kbc_data
  mov cx, 20000
  call kbc_read
  mov al, bh
  and al, 3
  shl al, 5
  and bl, 0x1F
  or al, bl
  call kbc_data
  call kbc_read
  pop ax
  out 0x21, al
  pop ax
  jmp key_done

// CH scan code, CL character; AL = 1 when the buffer is full.
key_push:
  pop cx
  push cx
  mov ax, cx
  call key_store
  mov ah, 5
  mov al, 0
  jnc key_done
  mov al, 1
  jmp key_done

// AL: typematic rate settable, enhanced functions, but not 20h-22h.
key_functions:
  mov al, 0x20
  jmp key_done
key_identity:
  pop cx
  pop bx
  mov bx, 0x41AB
  push bx
  push cx
  jmp key_done
// Asked by programs that look for the enhanced functions.
key_enhanced:
  mov ah, 0x80
  jmp key_done
