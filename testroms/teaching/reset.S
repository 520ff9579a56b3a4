// From the reset vector to 64-bit mode, one announced step at a time.
//
// The processor starts in real mode at F000:FFF0 with CS base FFFF0000h (Intel SDM Vol. 3A, "First
// Instruction Executed"), so this code runs from the copy of the ROM just below 4 GiB until the kernel
// lies in RAM. No BIOS is present: no service is called and no memory is assumed but RAM itself.

.intel_syntax noprefix

.set stack_real, 0x7000            // real-mode and protected-mode stack, grows down
.set table_pml4, 0x10000           // first page tables, replaced by the kernel's own
.set table_pd, 0x11000             // four page directories: 4 GiB in 2 MiB pages
.set table_pdpt_pae, 0x15000
.set table_pdpt_long, 0x16000

.set selector_code32, 0x08
.set selector_data, 0x10
.set selector_code64, 0x18

.set COM1, 0x3F8

.section .reset, "ax"
.code16
.globl reset_vector
reset_vector:
  .byte 0xE9                       // JMP rel16
  .word start16 - 0xFFFFFFF3
  .byte 0
  .ascii "Apus ROM 1"              // where PC firmware keeps its date
  .byte 0, 0

.section .boot, "ax"
boot_start:
signature:
  .ascii "APUS"
.set signature_physical, 0xFFFFF000

.code16
start16:
  cli
  cld
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, stack_real
  call uart_init
  call print16
  .asciz "\r\nApus teaching ROM: from reset to 64-bit mode without a BIOS\r\n\r\n"
  call print16
  .asciz "[real]      16-bit code at F000:FFF0; CS base FFFF0000h, the ROM below 4 GiB\r\n"

  // Unreal mode: a data segment keeps the limit that it was given in protected mode.
  .byte 0x66                       // 32-bit operand: all 32 bits of the GDT base are loaded
  .byte 0x2E, 0x0F, 0x01, 0x16     // LGDT CS:[disp16]
  .word 0xF000 + (gdtr - boot_start)
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp 1f
1:
  mov bx, selector_data
  mov ds, bx
  mov es, bx
  and al, 0xFE
  mov cr0, eax
  jmp 1f
1:
  xor bx, bx
  mov ds, bx
  mov es, bx
  mov ebx, signature_physical
  cmp dword ptr [ebx], 0x53555041
  jne unreal_failed
  call print16
  .asciz "[unreal]    16-bit code with 4 GiB data segments: ROM signature read at FFFFF000h\r\n"

  // Port 92h: bit 1 opens the A20 gate, bit 0 would reset the processor (Intel 82371SB PIIX3, "Port 92").
  in al, 0x92
  or al, 2
  and al, 0xFE
  out 0x92, al
  mov ebx, 0x100500
  mov dword ptr [0x500], 0x11111111
  mov dword ptr [ebx], 0x22222222
  cmp dword ptr [0x500], 0x11111111
  jne a20_failed
  call print16
  .asciz "[A20]       open: 000500h and 100500h are different bytes\r\n"

  mov eax, cr0
  or al, 1
  mov cr0, eax
  .byte 0x66, 0xEA                 // JMP ptr16:32
  .long start32
  .word selector_code32

unreal_failed:
  call print16
  .asciz "[unreal]    failed: the ROM is not visible at FFFFF000h; stopped\r\n"
  jmp stop16
a20_failed:
  call print16
  .asciz "[A20]       failed: addresses wrap at 1 MiB, or there is no RAM there; stopped\r\n"
stop16:
  cli
  hlt
  jmp stop16

// 115200 baud, 8 data bits, no parity, 1 stop bit (TI PC16550D, "Registers"). The FIFOs stay off, as they
// are after reset: enabling them would throw away input that is already there, such as piped commands.
uart_init:
  mov dx, COM1 + 1
  xor al, al
  out dx, al
  mov dx, COM1 + 3
  mov al, 0x80
  out dx, al
  mov dx, COM1
  mov al, 1
  out dx, al
  inc dx
  xor al, al
  out dx, al
  mov dx, COM1 + 3
  mov al, 3
  out dx, al
  mov dx, COM1 + 4
  mov al, 0x0B
  out dx, al
  ret

// Prints the zero-terminated text that follows the call.
print16:
  pop si
1:
  mov al, cs:[si]
  inc si
  test al, al
  jz 3f
  mov ah, al
  mov dx, COM1 + 5
2:
  in al, dx
  test al, 0x20
  jz 2b
  mov dx, COM1
  mov al, ah
  out dx, al
  jmp 1b
3:
  jmp si

.code32
start32:
  mov ax, selector_data
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov esp, stack_real
  call print32
  .asciz "[protected] 32-bit code, flat 4 GiB segments, caches on\r\n"
  mov eax, cr0
  and eax, 0x9FFFFFFF              // CD and NW are set at reset
  mov cr0, eax

  // CMOS 30h/31h: KiB of RAM above 1 MiB, at most 65535.
  mov al, 0x31
  out 0x70, al
  in al, 0x71
  mov ah, al
  mov al, 0x30
  out 0x70, al
  in al, 0x71
  cmp ax, 3072
  jae 1f
  call print32
  .asciz "[memory]    failed: CMOS 30h/31h report less than 3 MiB above 1 MiB; give 4 MiB or more\r\n"
  jmp stop32
1:
  mov esi, offset rom_base
  mov edi, offset kernel_start
  mov ecx, offset kernel_end
  sub ecx, edi
  mov ebp, ecx
  shr ecx, 2
  rep movsd
  mov edi, offset bss_start
  mov ecx, offset bss_end
  sub ecx, edi
  shr ecx, 2
  xor eax, eax
  rep stosd
  call print32
  .asciz "[copy]      "
  mov eax, ebp
  call hex32
  call print32
  .asciz "h bytes of kernel copied from ROM FFFF0000h to RAM 00100000h\r\n"

  // CPUID 80000001h EDX bit 29: Intel 64; CPUID 1 EDX bit 6: PAE.
  mov eax, 0x80000000
  cpuid
  cmp eax, 0x80000001
  jb no_long_mode
  mov eax, 0x80000001
  cpuid
  bt edx, 29
  jnc no_long_mode

  call build_tables
  mov eax, cr4
  or eax, 0x20                     // CR4.PAE
  mov cr4, eax
  mov eax, table_pdpt_pae
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000               // CR0.PG
  mov cr0, eax
  jmp 1f
1:
  call print32
  .asciz "[paging]    PAE paging on, 32-bit: 4 GiB mapped to itself in 2 MiB pages\r\n"

  // IA-32e mode can be enabled only with paging off (Intel SDM Vol. 3A, "Initializing IA-32e Mode").
  mov eax, cr0
  and eax, 0x7FFFFFFF
  mov cr0, eax
  mov eax, table_pml4
  mov cr3, eax
  mov ecx, 0xC0000080              // IA32_EFER
  rdmsr
  or eax, 0x100                    // LME
  wrmsr
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  call print32
  .asciz "[IA-32e]    EFER.LME and paging on: compatibility mode, still 32-bit code\r\n"
  .byte 0xEA                       // JMP ptr16:32
  .long start64
  .word selector_code64

no_long_mode:
  call print32
  .asciz "[IA-32e]    failed: CPUID reports no 64-bit mode; stopped\r\n"
stop32:
  cli
  hlt
  jmp stop32

// Four page directories of 2 MiB pages serve both kinds of paging. The entries above them differ: bits 1
// and 2 of a PAE page-directory-pointer-table entry are reserved (Intel SDM Vol. 3A, "PDPTE Registers").
build_tables:
  mov edi, table_pml4
  mov ecx, 7 * 1024
  xor eax, eax
  rep stosd
  mov edi, table_pd
  mov eax, 0x83                    // present, writable, 2 MiB
1:
  mov [edi], eax
  add edi, 8
  add eax, 0x200000
  jnc 1b
  mov eax, table_pd + 1
  xor ecx, ecx
2:
  mov [table_pdpt_pae + ecx * 8], eax
  lea edx, [eax + 2]
  mov [table_pdpt_long + ecx * 8], edx
  add eax, 0x1000
  inc ecx
  cmp ecx, 4
  jb 2b
  mov dword ptr [table_pml4], table_pdpt_long + 3
  ret

print32:
  pop esi
1:
  lodsb
  test al, al
  jz 2f
  call put32
  jmp 1b
2:
  jmp esi

put32:
  mov ah, al
  mov edx, COM1 + 5
1:
  in al, dx
  test al, 0x20
  jz 1b
  mov edx, COM1
  mov al, ah
  out dx, al
  ret

hex32:
  mov ecx, 8
1:
  rol eax, 4
  push eax
  and al, 15
  cmp al, 10
  jb 2f
  add al, 7
2:
  add al, 0x30
  call put32
  pop eax
  loop 1b
  ret

.code64
start64:
  mov ax, selector_data
  mov ds, ax
  mov es, ax
  mov ss, ax
  xor eax, eax
  mov fs, ax
  mov gs, ax
  mov esp, offset stack_top
  xor ebp, ebp
  mov eax, offset kernel_main
  call rax
1:
  cli
  hlt
  jmp 1b

// The accessed bits are set here because the processor cannot set them in ROM.
.balign 8
gdt:
  .quad 0
  .quad 0x00CF9B000000FFFF         // 08h code, 32-bit
  .quad 0x00CF93000000FFFF         // 10h data
  .quad 0x00AF9B000000FFFF         // 18h code, 64-bit
gdt_end:
gdtr:
  .word gdt_end - gdt - 1
  .long gdt
