// What every list of tests is written in. A list is assembled for 64-, 32- and 16-bit code (BITS); rows that do
// not exist, or mean something else, in one of them stand between #if and #endif.
//
//   L("MNEMONIC row form")   begins a line of output; mnemonic and row are those of Decode/Maps/*.opcodes
//   I(flags, instructions)   a case of that line: runs once for each input, and everything that it leaves behind
//                            goes into the line's checksum: the registers, of RFLAGS the bits in `flags`, the
//                            128 bytes of the block, the exception if there was one
//
// What a case finds: A and B run through pairs of values.
//   rAX A   rDX B   rCX A plus a constant   rBX block+16 (B, A)   rSI block+32 (A, B, ...)
//   rDI block+64 (B, A, ...)   rBP block+88   rSP block+104   arithmetic flags: any
//   R8 B   R9 A   R10 not A   R11 not B   R12, R13 block+16   R14 2   R15 A+B
// The middle of the block, block+64, is the end of a page. The page at GUARD is not present.

.intel_syntax noprefix

#define STATE 0x420000
#if BITS == 16
#undef STATE
#define STATE 0xE000
#endif
#define BLOCK (STATE + 0xFC0)
#define BLOCK_SIZE 128
#define GUARD (STATE + 0x10000)

// Flags whose value is checked. All: OF DF IF SF ZF AF PF CF.
#define ALL 0xED5
#define NO_A 0xEC5                 // AF undefined
#define NO_AO 0x6C5                // AF, OF undefined
#define NO_AOC 0x6C4               // AF, OF, CF undefined
#define ONLY_OC 0xE01              // SF, ZF, AF, PF undefined
#define ONLY_C_Z 0x641             // OF, SF, AF, PF undefined
#define ONLY_Z 0x640               // all but ZF undefined
#define NO_O 0x6D5                 // OF undefined
#define ONLY_AC 0x611              // OF, SF, ZF, PF undefined
#define NONE 0x600                 // all arithmetic flags undefined
#define FEW 0x10000                // one B for each A: for forms that differ in their operands only

#define L(name) line name
#define I(flags, ...) case flags; __VA_ARGS__; jmp done

#if BITS == 64
#define NAX rax
#define NBX rbx
#define NCX rcx
#define NDX rdx
#define NSP rsp
#define NBP rbp
#define NSI rsi
#define NDI rdi
#define NPTR qword ptr
.code64
#elif BITS == 32
#define NAX eax
#define NBX ebx
#define NCX ecx
#define NDX edx
#define NSP esp
#define NBP ebp
#define NSI esi
#define NDI edi
#define NPTR dword ptr
.code32
#else
#define NAX ax
#define NBX bx
#define NCX cx
#define NDX dx
#define NSP sp
#define NBP bp
#define NSI si
#define NDI di
#define NPTR word ptr
.code16
#endif

.section .cases, "a", @progbits
.section .names, "a", @progbits
.text

.macro line name
  .pushsection .names, "a", @progbits
78:
  .asciz "\name"
  .popsection
  .pushsection .cases, "a", @progbits
  .long 0, 78b
  .popsection
.endm

.macro case flags
  .pushsection .cases, "a", @progbits
  .long 77f, \flags
  .popsection
77:
.endm

// Operand-size prefixes before instructions written as bytes.
.macro o8
.endm
.macro o16
#if BITS != 16
  .byte 0x66
#endif
.endm
.macro o32
#if BITS == 16
  .byte 0x66
#endif
.endm
.macro o64
  .byte 0x48
.endm

// \macro with the arguments, for each operand size above a byte: suffix of the form, size, three registers,
// the memory operand's size.
.macro sizes macro, arguments:vararg
  \macro w, 16, ax, dx, cx, word, \arguments
  \macro d, 32, eax, edx, ecx, dword, \arguments
#if BITS == 64
  \macro q, 64, rax, rdx, rcx, qword, \arguments
#endif
.endm
