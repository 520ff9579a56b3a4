// IRQ 1: scan codes (set 1, as the controller translates them) to the codes of INT 16h. Source: PS/2 and PC
// BIOS Interface Technical Reference, "INT 09h" and "Scan Code/Character Code Combinations".

#include "bios.h"

.section .code, "ax"
.code16

// 40:17
#define SHIFT_RIGHT 0x01
#define SHIFT_LEFT 0x02
#define SHIFT_CTRL 0x04
#define SHIFT_ALT 0x08
#define SHIFT_SCROLL 0x10
#define SHIFT_NUM 0x20
#define SHIFT_CAPS 0x40
#define SHIFT_INSERT 0x80
// 40:18
#define SHIFT2_SYSTEM 0x04
#define SHIFT2_PAUSE 0x08
// 40:96
#define KEY_E1 0x01
#define KEY_E0 0x02
#define KEY_RIGHT_CTRL 0x04
#define KEY_RIGHT_ALT 0x08
// 40:97
#define LED_ACK 0x10
#define LED_BUSY 0x40

.globl int09
int09:
  pushad
  push ds
  push es
  cld
  mov ax, BDA_SEGMENT
  mov ds, ax
  in al, 0x64
  and al, 0x21
  cmp al, 1
  jne 9f
  in al, 0x60
  sti
  mov ah, 0x4F
  stc
  int 0x15
  jnc 9f
  call key_code
9:
  cli
  mov al, 0x20
  out 0x20, al
  // A pause waits here with interrupts on, after the end of this one.
  test byte ptr [BDA_SHIFT2], SHIFT2_PAUSE
  jz 3f
  cmp byte ptr [BDA_KEY_LEDS], 0x80
  jae 3f
  or byte ptr [BDA_KEY_LEDS], 0x80
  sti
2:
  hlt
  test byte ptr [BDA_SHIFT2], SHIFT2_PAUSE
  jnz 2b
  cli
  and byte ptr [BDA_KEY_LEDS], 0x7F
3:
  pop es
  pop ds
  popad
  iret

// One byte AL from the keyboard.
key_code:
  cmp al, 0xFA
  je key_acknowledged
  cmp al, 0xFE
  je 8f
  cmp al, 0xE0
  je 1f
  cmp al, 0xE1
  je 2f
  mov bl, [BDA_KEY_MODE]
  and byte ptr [BDA_KEY_MODE], 0xFF - KEY_E0
  test bl, KEY_E1
  jz 3f
  // Pause is E1 1D 45 E1 9D C5: acts on the 45.
  cmp al, 0x45
  je 4f
  cmp al, 0xC5
  jne 9f
4:
  and byte ptr [BDA_KEY_MODE], 0xFF - KEY_E1
  cmp al, 0x45
  jne 9f
  or byte ptr [BDA_SHIFT2], SHIFT2_PAUSE
  ret
1:
  or byte ptr [BDA_KEY_MODE], KEY_E0
9:
  ret
2:
  or byte ptr [BDA_KEY_MODE], KEY_E1
  ret
8:
  and byte ptr [BDA_KEY_LEDS], 0xFF - LED_BUSY - LED_ACK
  ret
3:
  // BL bit 1 says E0 from here on. The extended shifts E0 2A and E0 36 carry nothing.
  and bl, KEY_E0
  jz 5f
  cmp al, 0x2A
  je 9b
  cmp al, 0x36
  je 9b
  cmp al, 0xAA
  je 9b
  cmp al, 0xB6
  je 9b
5:
  call key_shift
  jc key_leds
  test al, 0x80
  jnz key_released
  // Any other key ends a pause and is lost.
  test byte ptr [BDA_SHIFT2], SHIFT2_PAUSE
  jz 6f
  and byte ptr [BDA_SHIFT2], 0xFF - SHIFT2_PAUSE
  ret
6:
  call key_special
  jc 9b
  jmp key_translate

key_released:
  // Print screen's release on enhanced keyboards is E0 B7; SysRq's is D4.
  cmp al, 0xD4
  jne 1f
  and byte ptr [BDA_SHIFT2], 0xFF - SHIFT2_SYSTEM
  mov ax, 0x8501
  int 0x15
1:
  ret

// The lights follow the locks: EDh, acknowledge, the lights, acknowledge.
.globl key_leds
key_leds:
  mov al, [BDA_SHIFT]
  shr al, 4
  and al, 7
  mov ah, [BDA_KEY_LEDS]
  test ah, LED_BUSY
  jnz 1f
  and ah, 7
  cmp al, ah
  je 1f
  and byte ptr [BDA_KEY_LEDS], 0xF8
  or al, LED_BUSY
  or [BDA_KEY_LEDS], al
  mov al, 0xED
  call kbc_data
1:
  ret
key_acknowledged:
  mov al, [BDA_KEY_LEDS]
  test al, LED_BUSY
  jz 1f
  test al, LED_ACK
  jnz 2f
  or byte ptr [BDA_KEY_LEDS], LED_ACK
  and al, 7
  call kbc_data
1:
  ret
2:
  and byte ptr [BDA_KEY_LEDS], 0xFF - LED_BUSY - LED_ACK
  jmp key_leds

// Shift and lock keys: CF when AL was one. BL bit 1: E0 came before.
key_shift:
  mov ah, al
  and ah, 0x7F
  mov cl, SHIFT_RIGHT
  cmp ah, 0x36
  je shift_set
  mov cl, SHIFT_LEFT
  cmp ah, 0x2A
  je shift_set
  cmp ah, 0x1D
  je shift_ctrl
  cmp ah, 0x38
  je shift_alt
  mov cl, SHIFT_CAPS
  cmp ah, 0x3A
  je shift_toggle
  cmp ah, 0x45
  je shift_num
  cmp ah, 0x46
  je shift_scroll
  cmp ah, 0x52
  je shift_insert
  clc
  ret
shift_set:
  test al, 0x80
  jnz 1f
  or [BDA_SHIFT], cl
  stc
  ret
1:
  not cl
  and [BDA_SHIFT], cl
  stc
  ret
// Bits of the left keys lie in 40:18, of the right ones in 40:96; 40:17 holds either.
shift_ctrl:
  mov cl, SHIFT_CTRL
  mov dl, 1
  mov dh, KEY_RIGHT_CTRL
  jmp shift_either
shift_alt:
  mov cl, SHIFT_ALT
  mov dl, 2
  mov dh, KEY_RIGHT_ALT
shift_either:
  mov si, BDA_SHIFT2
  test bl, bl
  jz 1f
  mov si, BDA_KEY_MODE
  mov dl, dh
1:
  test al, 0x80
  jnz 2f
  or [si], dl
  or [BDA_SHIFT], cl
  stc
  ret
2:
  not dl
  and [si], dl
  // Still held on the other side?
  mov ax, [BDA_SHIFT2]
  mov ah, [BDA_KEY_MODE]
  mov dx, 1 | KEY_RIGHT_CTRL << 8
  cmp cl, SHIFT_CTRL
  je 3f
  mov dx, 2 | KEY_RIGHT_ALT << 8
3:
  test ax, dx
  jnz 4f
  not cl
  and [BDA_SHIFT], cl
  not cl
  // The number typed with Alt on the keypad becomes a character.
  cmp cl, SHIFT_ALT
  jne 4f
  mov al, 0
  xchg al, [BDA_KEYPAD]
  test al, al
  jz 4f
  mov ah, 0
  call key_store
4:
  stc
  ret
shift_num:
  test bl, bl
  jnz shift_none
  test byte ptr [BDA_SHIFT], SHIFT_CTRL
  jz 1f
  // Ctrl-NumLock was Pause.
  test al, 0x80
  jnz 2f
  or byte ptr [BDA_SHIFT2], SHIFT2_PAUSE
2:
  stc
  ret
1:
  mov cl, SHIFT_NUM
  jmp shift_toggle
shift_scroll:
  test bl, bl
  jnz shift_none
  test byte ptr [BDA_SHIFT], SHIFT_CTRL
  jnz shift_none
  mov cl, SHIFT_SCROLL
  jmp shift_toggle
// Insert has a state too, and is a key besides.
shift_insert:
  test byte ptr [BDA_SHIFT], SHIFT_CTRL | SHIFT_ALT
  jnz shift_none
  test bl, bl
  jnz 1f
  mov ah, [BDA_SHIFT]
  and ah, SHIFT_NUM
  jz 2f
  mov ah, 1
2:
  test byte ptr [BDA_SHIFT], SHIFT_LEFT | SHIFT_RIGHT
  jz 3f
  xor ah, 1
3:
  test ah, ah
  jnz shift_none
1:
  mov cl, SHIFT_INSERT
  push ax
  call shift_toggle
  pop ax
shift_none:
  clc
  ret
// A lock changes on the first press; 40:18 has the bits of those held.
shift_toggle:
  test al, 0x80
  jnz 1f
  test [BDA_SHIFT2], cl
  jnz 2f
  or [BDA_SHIFT2], cl
  xor [BDA_SHIFT], cl
2:
  stc
  ret
1:
  not cl
  and [BDA_SHIFT2], cl
  stc
  ret

// Keys that act at once: CF when AL was one.
key_special:
  mov ah, [BDA_SHIFT]
  cmp al, 0x53
  jne 1f
  and ah, SHIFT_CTRL | SHIFT_ALT
  cmp ah, SHIFT_CTRL | SHIFT_ALT
  jne 7f
  mov word ptr [BDA_RESET], 0x1234
  jmp machine_reset
1:
  cmp al, 0x46
  jne 2f
  // Ctrl-Break, which is E0 46: empties the buffer, leaves a 0 there, INT 1Bh.
  test ah, SHIFT_CTRL
  jz 7f
  mov ax, [BDA_KEY_START]
  mov [BDA_KEY_HEAD], ax
  mov [BDA_KEY_TAIL], ax
  or byte ptr [BDA_BREAK], 0x80
  int 0x1B
  xor ax, ax
  call key_store
  jmp 8f
2:
  cmp al, 0x37
  jne 3f
  // Print screen: E0 37; with Ctrl it is a key. 37 alone is the keypad's asterisk.
  test bl, bl
  jz 7f
  test ah, SHIFT_CTRL
  jnz 7f
  int 0x05
  jmp 8f
3:
  cmp al, 0x54
  jne 7f
  test byte ptr [BDA_SHIFT2], SHIFT2_SYSTEM
  jnz 8f
  or byte ptr [BDA_SHIFT2], SHIFT2_SYSTEM
  mov ax, 0x8500
  int 0x15
8:
  stc
  ret
7:
  clc
  ret

// A processor and chip set reset; 40:72 says whether it is a warm one.
.globl machine_reset
machine_reset:
  cli
  mov al, 0xFE
  out 0x64, al
  mov cx, 2000
  call delay
  mov dx, 0xCF9
  mov al, 2
  out dx, al
  mov al, 6
  out dx, al
1:
  hlt
  jmp 1b

// Key AL (BL bit 1: after E0) to a code in the buffer.
key_translate:
  mov ah, [BDA_SHIFT]
  test bl, bl
  jnz key_extended
  cmp al, 0x58
  ja 9f
  movzx si, al
  shl si, 3
  add si, offset key_table
  cmp al, 0x47
  jb 1f
  cmp al, 0x53
  ja 1f
  cmp al, 0x4A
  je 1f
  cmp al, 0x4E
  je 1f
  jmp key_pad
1:
  test ah, SHIFT_ALT
  jnz 4f
  test ah, SHIFT_CTRL
  jnz 3f
  mov dl, 0
  test ah, SHIFT_LEFT | SHIFT_RIGHT
  jz 2f
  mov dl, 1
2:
  // Caps lock reverses the shift of letters.
  test ah, SHIFT_CAPS
  jz 5f
  mov cl, cs:[si]
  or cl, 0x20
  cmp cl, 'a'
  jb 5f
  cmp cl, 'z'
  ja 5f
  cmp byte ptr cs:[si], 'a'
  jb 5f
  xor dl, 1
5:
  movzx bx, dl
  shl bx, 1
  mov ax, cs:[si + bx]
  jmp 8f
3:
  mov ax, cs:[si + 4]
  // Ctrl-2 is a NUL with a scan code; other zero words are no keys.
  jmp 8f
4:
  mov ax, cs:[si + 6]
8:
  test ax, ax
  jz 9f
  call key_store
9:
  ret
key_pad:
  test ah, SHIFT_ALT
  jnz 6f
  test ah, SHIFT_CTRL
  jnz 3b
  mov dl, 0
  test ah, SHIFT_NUM
  jz 7f
  mov dl, 1
7:
  test ah, SHIFT_LEFT | SHIFT_RIGHT
  jz 5b
  xor dl, 1
  jmp 5b
6:
  // Alt and digits: a decimal number.
  mov dl, cs:[si + 2]
  sub dl, '0'
  cmp dl, 9
  ja 9b
  mov al, 10
  mul byte ptr [BDA_KEYPAD]
  add al, dl
  mov [BDA_KEYPAD], al
  ret
// Keys after E0, which end in E0h.
key_extended:
  mov si, offset extended_table
1:
  cmp byte ptr cs:[si], 0
  je 9b
  cmp cs:[si], al
  je 2f
  add si, 7
  jmp 1b
2:
  test ah, SHIFT_ALT
  mov bx, 5
  jnz 3f
  test ah, SHIFT_CTRL
  mov bx, 3
  jnz 3f
  mov bx, 1
3:
  mov ax, cs:[si + bx]
  jmp 8b

// AX into the buffer; a beep when it is full.
.globl key_store
key_store:
  push bx
  push di
  pushf
  cli
  mov di, [BDA_KEY_TAIL]
  mov bx, di
  add bx, 2
  cmp bx, [BDA_KEY_END]
  jb 1f
  mov bx, [BDA_KEY_START]
1:
  cmp bx, [BDA_KEY_HEAD]
  je 2f
  mov [di], ax
  mov [BDA_KEY_TAIL], bx
  popf
  clc
  jmp 3f
2:
  popf
  stc
3:
  pop di
  pop bx
  ret
