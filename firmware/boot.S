// INT 19h and 18h: the boot order, the boot menu, and what there is to say when nothing boots. Source: BIOS
// Boot Specification 1.01; CMOS 38h and 3Dh as QEMU's PC sets them: 3Dh bits 3:0 the first device, 7:4 the
// second, 38h bits 7:4 the third; 1 diskette, 2 hard disk, 3 CD-ROM, 4 network; 38h bit 0: take diskettes
// without a boot signature.

#include "bios.h"

.section .code, "ax"
.code16

.globl boot, int19, int18
boot:
  int 0x19

int19:
  cli
  xor ax, ax
  mov ss, ax
  mov sp, 0x7C00
  mov ds, ax
  mov es, ax
  sti
  cld
  // A kernel of the machine's own, on Apus's board.
  mov dx, 0x508
  in al, dx
  cmp al, 0x4B
  je boot_kernel
  call menu_wanted
  jnc boot_menu
.globl boot_in_order, boot_kind, boot_disk
boot_in_order:
  mov bl, 0x3D
  call cmos_read
  mov dl, al
  mov bl, 0x38
  call cmos_read
  and al, 0xF0
  mov dh, al
  shr dh, 4
  test dx, dx
  jnz 1f
  mov dx, 0x0321
1:
  // DX = three devices, a nibble each.
  mov cx, 3
2:
  push cx
  push dx
  and dl, 0x0F
  call boot_kind
  pop dx
  pop cx
  shr dx, 4
  loop 2b
  int 0x18

boot_kernel:
  out dx, al
1:
  hlt
  jmp 1b

// No device: says so and offers the menu.
int18:
  xor ax, ax
  mov ds, ax
  mov es, ax
  cli
  mov ss, ax
  mov sp, 0x7C00
  sti
  say "No bootable device.\r\n"
  say "Press F12 for the boot menu, another key to try again.\r\n"
  mov ah, 0x10
  int 0x16
  cmp ah, 0x86
  je boot_menu
  jmp boot_in_order

// Tries the devices of kind DL.
boot_kind:
  cmp dl, 1
  je 1f
  cmp dl, 2
  je 2f
  cmp dl, 3
  je 4f
  cmp dl, 4
  je boot_network
9:
  ret
1:
  mov dl, 0
  jmp boot_floppy
2:
  mov cl, 0
3:
  cmp cl, [0x400 + BDA_DISK_COUNT]
  jae 9b
  push cx
  call boot_disk
  pop cx
  inc cl
  jmp 3b
4:
  mov dl, 0xE0
5:
  push ds
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov al, [EBDA_CDROM_COUNT]
  pop ds
  add al, 0xE0
  cmp dl, al
  jae 9b
  push dx
  call boot_cdrom
  pop dx
  inc dl
  jmp 5b

boot_network:
  cmp dword ptr cs:[network_entry], 0
  je 9b
  push cs
  pop es
  mov di, offset pnp_structure
  lcall cs:[network_entry]
  xor ax, ax
  mov ds, ax
  mov es, ax
  ret

boot_floppy:
  test byte ptr [0x400 + BDA_EQUIPMENT], 1
  jz 9b
  call boot_sector
  jc 9b
  cmp word ptr [0x7DFE], 0xAA55
  je 1f
  push dx
  mov bl, 0x38
  call cmos_read
  pop dx
  test al, 1
  jz 9b
1:
  mov ax, 0x07C0
  jmp boot_start

// Hard disk CL becomes drive 80h, in exchange with what was that, and stays so if it boots.
boot_disk:
  push ds
  mov ax, EBDA_SEGMENT
  mov ds, ax
  movzx bx, cl
  mov al, [EBDA_HARD_DISKS + bx]
  xchg al, [EBDA_HARD_DISKS]
  mov [EBDA_HARD_DISKS + bx], al
  pop ds
  push bx
  mov dl, 0x80
  call boot_sector
  jc 1f
  cmp word ptr [0x7DFE], 0xAA55
  jne 1f
  mov ax, 0x07C0
  jmp boot_start
1:
  pop bx
  push ds
  mov ax, EBDA_SEGMENT
  mov ds, ax
  mov al, [EBDA_HARD_DISKS + bx]
  xchg al, [EBDA_HARD_DISKS]
  mov [EBDA_HARD_DISKS + bx], al
  pop ds
  ret

// The first sector of drive DL to 0:7C00h; CF when it cannot be read in four tries.
boot_sector:
  mov si, 4
1:
  mov ax, 0x0201
  mov bx, 0x7C00
  mov cx, 1
  mov dh, 0
  push si
  int 0x13
  pop si
  jnc 2f
  mov ah, 0
  int 0x13
  dec si
  jnz 1b
  stc
2:
  ret

// Starts the code at AX:0 with DL = drive; 0:7C00h is entered as just that. ES:DI = the PnP structure.
.globl boot_start
boot_start:
  cmp ax, 0x07C0
  je 1f
  push ax
  push 0
  jmp 2f
1:
  push 0
  push 0x7C00
2:
  pop ebp
  xor bx, bx
  mov ds, bx
  cli
  mov ss, bx
  mov sp, 0x7C00
  sti
  push ebp
  push cs
  pop es
  mov di, offset pnp_structure
  movzx edx, dl
  xor eax, eax
  xor ebx, ebx
  xor ecx, ecx
  xor esi, esi
  mov ax, 0xAA55
  retf
