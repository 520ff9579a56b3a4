// One-byte map: string instructions, A4-AF. Flags of CMPS and SCAS; repetition, direction, both address sizes,
// the end of a page, and a page fault in the middle, which leaves what was done so far in the registers.

#include "tests.h"

#define REPNE .byte 0xF2;
#define REPE .byte 0xF3;
#define A67 .byte 0x67;

.macro string name, row, form, z
L("\name \row \form")
  I(ALL, o\z; .byte 0x\row)
  I(ALL|FEW, std; o\z; .byte 0x\row)
  .irp count, 0, 1, 2, 5
  I(ALL|FEW, mov NCX, \count; REPE o\z; .byte 0x\row)
  I(ALL|FEW, mov NCX, \count; std; REPE o\z; .byte 0x\row)
  I(ALL|FEW, mov NCX, \count; REPNE o\z; .byte 0x\row)
  .endr
#if BITS != 32
  I(ALL|FEW, mov NCX, 3; A67 o\z; .byte 0x\row)
  I(ALL|FEW, mov ecx, 3; A67 REPE o\z; .byte 0x\row)
#endif
#if BITS == 64
  I(ALL|FEW, mov rax, 0x500000003; mov rcx, rax; A67 REPE o\z; .byte 0x\row)
  I(ALL|FEW, mov ecx, 9; mov esi, GUARD - 19; mov edi, GUARD - 11; REPE o\z; .byte 0x\row)
  I(ALL|FEW, mov ecx, 9; mov esi, GUARD - 17; mov edi, GUARD - 18; REPE o\z; .byte 0x\row)
  I(ALL|FEW, mov ecx, 0x40000009; mov edi, GUARD; REPE o\z; .byte 0x\row)
#elif BITS == 32
  I(ALL|FEW, mov ecx, 0x10000; A67 REPE o\z; .byte 0x\row)     // CX is 0
  I(ALL|FEW, mov ecx, 9; mov esi, GUARD - 19; mov edi, GUARD - 11; REPE o\z; .byte 0x\row)
  I(ALL|FEW, mov ecx, 9; mov esi, GUARD - 17; mov edi, GUARD - 18; REPE o\z; .byte 0x\row)
#else
  I(ALL|FEW, mov ecx, 0x10002; REPE o\z; .byte 0x\row)
#endif
.endm

.macro string_family name, byte, row, bytes, words
  string \name, \byte, "\bytes", 8
  string \name, \row, "\words 16", 16
  string \name, \row, "\words 32", 32
#if BITS == 64
  string \name, \row, "\words 64", 64
#endif
.endm

string_family MOVS, A4, A5, "Yb,Xb", "Yv,Xv"
string_family CMPS, A6, A7, "Xb,Yb", "Xv,Yv"
string_family STOS, AA, AB, "Yb,AL", "Yv,rAX"
string_family LODS, AC, AD, "AL,Xb", "rAX,Xv"
string_family SCAS, AE, AF, "AL,Yb", "rAX,Yv"

// Overlapping moves, and runs long enough for a fast path.
L("MOVS A4 overlapping")
  I(ALL|FEW, mov NCX, 40; mov NSI, BLOCK + 10; mov NDI, BLOCK + 11; REPE .byte 0xA4)
  I(ALL|FEW, mov NCX, 40; mov NSI, BLOCK + 11; mov NDI, BLOCK + 10; REPE .byte 0xA4)
  I(ALL|FEW, mov NCX, 40; mov NSI, BLOCK + 71; mov NDI, BLOCK + 70; std; REPE .byte 0xA4)
  I(ALL|FEW, mov NCX, 40; mov NSI, BLOCK + 70; mov NDI, BLOCK + 73; std; REPE .byte 0xA4)
  I(ALL|FEW, mov NCX, 100; mov NSI, BLOCK; mov NDI, BLOCK + 28; REPE .byte 0xA4)
L("MOVS A5 overlapping")
  I(ALL|FEW, mov NCX, 9; mov NSI, BLOCK + 10; mov NDI, BLOCK + 13; REPE o32; .byte 0xA5)
  I(ALL|FEW, mov NCX, 9; mov NSI, BLOCK + 90; mov NDI, BLOCK + 93; std; REPE o32; .byte 0xA5)
L("STOS AA long")
  I(ALL|FEW, mov NCX, 127; mov NDI, BLOCK; REPE .byte 0xAA)
L("SCAS AE long")
  I(ALL|FEW, mov NCX, 127; mov NDI, BLOCK; REPNE .byte 0xAE)
L("CMPS A6 long")
  I(ALL|FEW, mov NCX, 60; mov NSI, BLOCK + 32; mov NDI, BLOCK + 32; REPE .byte 0xA6)
L("MOVS A4 segment override")
#if BITS == 16
  I(ALL|FEW, mov cx, 0x1E00; mov fs, cx; mov si, BLOCK - 0xE000 + 20; mov cx, 7; .byte 0x64; REPE .byte 0xA4)
  I(ALL|FEW, mov cx, 0x1E00; mov es, cx; mov di, BLOCK - 0xE000 + 20; mov cx, 7; REPE .byte 0xA4)
#else
  I(ALL|FEW, mov ecx, 7; .byte 0x36; REPE .byte 0xA4)
#endif
