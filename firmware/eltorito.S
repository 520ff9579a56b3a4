// Booting from CD-ROM: the boot catalogue. Source: El Torito Bootable CD-ROM Format 1.0.

#include "bios.h"

.section .code, "ax"
.code16

#define CATALOG 0x8000
// Entries that are looked at before the catalogue is taken to be endless.
#define CATALOG_LIMIT 2048

// Boots from the CD-ROM of number DL; returns when it cannot, and says why but for an empty drive.
.globl boot_cdrom
boot_cdrom:
  push ds
  push es
  mov ax, EBDA_SEGMENT
  mov ds, ax
  call torito_stop
  mov cl, dl
  sub cl, 0xE0
  mov [EBDA_TORITO + TORITO_CDROM], cl
  call cdrom_find
  jc 9f
  call cdrom_ready
  jc 9f
  call catalog_open
  jc 8f
  call catalog_choose
  jc 8f
  mov dx, offset text_kind
  mov al, es:[di + 1]
  and al, 0x0F
  cmp al, 4
  ja 8f
  mov [EBDA_TORITO + TORITO_MEDIA], al
  mov ax, es:[di + 2]
  mov [EBDA_TORITO + TORITO_SEGMENT], ax
  mov ax, es:[di + 6]
  mov [EBDA_TORITO + TORITO_COUNT], ax
  mov eax, es:[di + 8]
  mov [EBDA_TORITO + TORITO_LBA], eax
  mov al, [si + DRIVE_INDEX]
  mov ah, al
  shr al, 1
  and ah, 1
  mov [EBDA_TORITO + TORITO_CONTROLLER], al
  mov [EBDA_TORITO + TORITO_DEVICE], ah
  mov byte ptr [EBDA_TORITO + TORITO_DEVICE + 1], 0
  mov word ptr [EBDA_TORITO + TORITO_BUFFER], 0
  call torito_start
  mov dx, offset text_image
  jc 8f
8:
  say "CD-ROM: "
  mov si, dx
1:
  mov al, cs:[si]
  inc si
  test al, al
  jz 9f
  call print_char
  jmp 1b
9:
  pop es
  pop ds
  ret
text_record: .asciz "no boot record\r\n"
text_catalog: .asciz "boot catalogue cannot be read\r\n"
text_damaged: .asciz "boot catalogue is damaged\r\n"
text_entry: .asciz "no bootable entry for this machine in the boot catalogue\r\n"
text_kind: .asciz "boot image of an unknown kind\r\n"
text_image: .asciz "boot image cannot be read\r\n"

// Block EAX of CD-ROM SI to 0:8000h.
catalog_read:
  mov [EBDA_TORITO + TORITO_BLOCK], eax
  mov [REQUEST_LBA], eax
  mov word ptr [REQUEST_COUNT], 1
  mov dword ptr [REQUEST_BUFFER], CATALOG
  mov byte ptr [REQUEST_KIND], KIND_READ
  mov byte ptr [REQUEST_PART], 0
  call cdrom_transfer
  mov di, 0
  mov es, di
  mov di, CATALOG
  ret

// EAX = the catalogue's block by the boot record at ES:DI; CF if it is none.
.globl boot_record
boot_record:
  cmp dword ptr es:[di], 0x30444300
  jne 1f
  cmp word ptr es:[di + 4], 0x3130
  jne 1f
  cmp dword ptr es:[di + 7], 0x54204C45
  jne 1f
  cmp dword ptr es:[di + 11], 0x5449524F
  jne 1f
  mov eax, es:[di + 0x47]
  clc
  ret
1:
  stc
  ret

// ES:DI = the validation entry: ID 1, key 55AA, words that sum to 0. CF and DX = what is wrong.
catalog_open:
  // The boot record volume descriptor is block 17.
  mov eax, 17
  call catalog_read
  mov dx, offset text_record
  jc 9f
  call boot_record
  jc 9f
  call catalog_read
  mov dx, offset text_catalog
  jc 9f
  mov dx, offset text_damaged
  cmp byte ptr es:[di], 1
  jne 8f
  cmp word ptr es:[di + 30], 0xAA55
  jne 8f
  xor ax, ax
  xor bx, bx
1:
  add ax, es:[di + bx]
  add bx, 2
  cmp bx, 32
  jb 1b
  test ax, ax
  jz 9f
8:
  stc
9:
  ret

// ES:DI = the initial entry, or the first of a section that can be booted (88h) on a PC (platform 0), CF and
// DX if there is none. Sections have a header, 90h or, the last, 91h; selection criteria may follow an entry
// (44h).
catalog_choose:
  mov word ptr [EBDA_TORITO + TORITO_LEFT], CATALOG_LIMIT
  mov bh, es:[di + 1]
  call catalog_next
  call catalog_bootable
  je 9f
1:
  call catalog_next
  jc 8f
  mov al, es:[di]
  cmp al, 0x44
  je 1b
  mov bl, al
  and al, 0xFE
  cmp al, 0x90
  jne 8f
  mov bh, es:[di + 1]
  mov cx, es:[di + 2]
2:
  jcxz 4f
3:
  call catalog_next
  jc 8f
  cmp byte ptr es:[di], 0x44
  je 3b
  call catalog_bootable
  je 9f
  loop 3b
4:
  test bl, 1
  jz 1b
8:
  mov dx, offset text_entry
  stc
9:
  ret
// ZF if the entry ES:DI of platform BH can be booted; CF clear then.
catalog_bootable:
  test bh, bh
  jnz 1f
  cmp byte ptr es:[di], 0x88
1:
  ret
// ES:DI to the next entry; CF at the end.
catalog_next:
  dec word ptr [EBDA_TORITO + TORITO_LEFT]
  jz 8f
  add di, 32
  cmp di, CATALOG + 2048
  jb 7f
  push bx
  push cx
  mov eax, [EBDA_TORITO + TORITO_BLOCK]
  inc eax
  call catalog_read
  pop cx
  pop bx
  ret
7:
  clc
  ret
8:
  stc
  ret
