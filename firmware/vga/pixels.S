// Pixels: INT 10h AH=0Ch and AH=0Dh.

#include "vga.h"

.section .code, "ax"
.code16

// AH=0Ch: colour AL (bit 7: exclusive or) at column CX, line DX of page BH. AH=0Dh: AL = the colour there.
.globl pixel_write
pixel_write:
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je packed_write
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 2f
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  je 3f
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  jne 9f
  push ax
  mov ax, dx
  call line_address
  pop ax
  add di, cx
  mov es, cs:[si + MODE_SEGMENT]
  mov es:[di], al
9:
  ret
2:
  push ax
  call pixel_planar
  pop bx
  mov ah, al
  mov dx, 0x3CE
  mov al, 8
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0F01
  out dx, ax
  test bl, 0x80
  jz 1f
  mov ax, 0x1803
  out dx, ax
1:
  mov ah, bl
  and ah, 0x0F
  mov al, 0
  out dx, ax
  push dx
  mov dx, 0x3C4
  mov ax, 0x0F02
  out dx, ax
  pop dx
  mov al, es:[di]
  mov es:[di], al
  jmp planes_default
3:
  push ax
  call pixel_cga
  pop bx
  // AL = mask at the pixel's place, CL = shift.
  mov ah, es:[di]
  mov bh, bl
  shl bl, cl
  and bl, al
  test bh, 0x80
  jnz 4f
  not al
  and ah, al
  or ah, bl
  mov es:[di], ah
  ret
4:
  xor es:[di], bl
  ret

// ES:DI and AL = the bit of column CX, line DX of page BH.
pixel_planar:
  mov es, cs:[si + MODE_SEGMENT]
  mov ax, dx
  call line_address
  movzx ax, bh
  mul word ptr [BDA_PAGE_SIZE]
  add di, ax
  mov ax, cx
  shr ax, 3
  add di, ax
  and cl, 7
  mov al, 0x80
  shr al, cl
  ret
// ES:DI, AL = mask and CL = shift of column CX, line DX.
pixel_cga:
  mov es, cs:[si + MODE_SEGMENT]
  mov ax, dx
  call line_address
  cmp byte ptr cs:[si + MODE_BITS], 1
  je 1f
  mov ax, cx
  shr ax, 2
  add di, ax
  and di, 0x3FFF
  not cl
  and cl, 3
  shl cl, 1
  mov al, 3
  shl al, cl
  ret
1:
  mov ax, cx
  shr ax, 3
  add di, ax
  and di, 0x3FFF
  not cl
  and cl, 7
  mov al, 1
  shl al, cl
  ret

.globl pixel_read
pixel_read:
  call mode_present
  cmp byte ptr cs:[si + MODE_KIND], KIND_PACKED
  je packed_read
  cmp byte ptr cs:[si + MODE_KIND], KIND_PLANAR
  je 2f
  cmp byte ptr cs:[si + MODE_KIND], KIND_CGA
  je 3f
  cmp byte ptr cs:[si + MODE_KIND], KIND_LINEAR
  jne 9f
  mov ax, dx
  call line_address
  add di, cx
  mov es, cs:[si + MODE_SEGMENT]
  mov al, es:[di]
  mov rAL, al
9:
  ret
2:
  call pixel_planar
  mov bl, al
  mov bh, 0
  mov dx, 0x3CE
  mov ax, 0x0304
4:
  out dx, ax
  mov cl, es:[di]
  and cl, bl
  cmp cl, 1
  cmc
  rcl bh, 1
  sub ah, 1
  jnc 4b
  mov ax, 0x0004
  out dx, ax
  mov rAL, bh
  ret
3:
  call pixel_cga
  and al, es:[di]
  shr al, cl
  mov rAL, al
  ret
