// The boot menu: which devices there are, and the choice of one.

#include "bios.h"

.section .code, "ax"
.code16

// CF clear when the menu was asked for: F12 among the keys typed so far, or within 2.5 seconds when the
// machine's configuration interface, if it has one, says that the menu is on (QEMU fw_cfg, key 0Eh).
.globl menu_wanted
menu_wanted:
  call menu_typed
  jnc 9f
  mov dx, 0x510
  mov ax, 0
  out dx, ax
  inc dx
  in al, dx
  cmp al, 'Q'
  jne 8f
  in al, dx
  cmp al, 'E'
  jne 8f
  dec dx
  mov ax, 0x0E
  out dx, ax
  inc dx
  in al, dx
  mov ah, al
  in al, dx
  or al, ah
  jz 8f
  say "Press F12 for the boot menu.\r\n"
  mov ecx, [0x400 + BDA_TICKS]
  add ecx, 45
1:
  hlt
  call menu_typed
  jnc 9f
  cmp [0x400 + BDA_TICKS], ecx
  jb 1b
8:
  stc
9:
  ret

// CF clear when F12 was typed; other keys stay for the program.
menu_typed:
  mov bx, [0x400 + BDA_KEY_HEAD]
1:
  cmp bx, [0x400 + BDA_KEY_TAIL]
  je 8f
  cmp word ptr [0x400 + bx], 0x8600
  je 2f
  add bx, 2
  cmp bx, [0x400 + BDA_KEY_END]
  jb 1b
  mov bx, [0x400 + BDA_KEY_START]
  jmp 1b
2:
  mov ax, [0x400 + BDA_KEY_TAIL]
  mov [0x400 + BDA_KEY_HEAD], ax
  clc
  ret
8:
  stc
  ret

// The entries are listed in the EBDA, two bytes each: kind, number.
.globl boot_menu
boot_menu:
  say "\r\nBoot menu\r\n\r\n"
  mov ax, EBDA_SEGMENT
  mov es, ax
  mov di, EBDA_BOOT_LIST
  mov al, [0x400 + BDA_EQUIPMENT]
  test al, 1
  jz 1f
  mov bx, 0x0001
  call menu_add
  say "Diskette A:\r\n"
1:
  mov bx, 0x0002
2:
  cmp bh, [0x400 + BDA_DISK_COUNT]
  jae 3f
  call menu_add
  say "Hard disk "
  movzx ax, bh
  call print_number
  say ", "
  call menu_disk_size
  say " MiB\r\n"
  inc bh
  jmp 2b
3:
  mov bx, 0x0003
4:
  cmp bh, es:[EBDA_CDROM_COUNT]
  jae 5f
  call menu_add
  say "CD-ROM "
  movzx ax, bh
  call print_number
  say "\r\n"
  inc bh
  jmp 4b
5:
  cmp dword ptr cs:[network_entry], 0
  je 6f
  mov bx, 0x0004
  call menu_add
  say "Network\r\n"
6:
  say "\r\nPress the number of a device, or Esc for the usual order.\r\n"
7:
  mov ah, 0x10
  int 0x16
  cmp al, 27
  je boot_in_order
  sub al, '1'
  movzx bx, al
  shl bx, 1
  add bx, EBDA_BOOT_LIST
  cmp bx, di
  jae 7b
  mov bx, es:[bx]
  push 0
  pop es
  mov dl, bl
  mov cl, bh
  cmp bl, 2
  je 8f
  cmp bl, 3
  je 9f
  call boot_kind
  int 0x18
8:
  call boot_disk
  int 0x18
9:
  mov dl, bh
  add dl, 0xE0
  call boot_cdrom
  int 0x18

// Adds kind BL, number BH, and prints the number to press.
menu_add:
  mov es:[di], bx
  add di, 2
  mov ax, di
  sub ax, EBDA_BOOT_LIST
  shr ax, 1
  call print_number
  say ". "
  ret

// Prints the size of hard disk BH in MiB.
menu_disk_size:
  push bx
  movzx bx, bh
  movzx si, byte ptr es:[EBDA_HARD_DISKS + bx]
  shl si, 5
  mov eax, es:[EBDA_DRIVES + si + DRIVE_SECTORS]
  mov edx, es:[EBDA_DRIVES + si + DRIVE_SECTORS + 4]
  shrd eax, edx, 11
  mov bx, ax
  shr eax, 16
  jz 1f
  mov bx, 0xFFFF
1:
  mov ax, bx
  call print_number
  pop bx
  ret
