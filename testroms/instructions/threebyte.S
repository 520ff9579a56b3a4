// Three-byte maps (0F 38, 0F 3A), as far as they are implemented: MOVBE; INVPCID as far as it is refused.

#include "tests.h"

.macro three s, z, a, d, c, ptr, none
L("MOVBE 38.F0 G\s,M\s")
  I(ALL, movbe \a, [NBX])
  I(ALL|FEW, movbe \c, [NBX + 45])
L("MOVBE 38.F1 M\s,G\s")
  I(ALL, movbe [NBX], \a)
  I(ALL|FEW, movbe [NBX + 45], \d)
.endm
sizes three
L("MOVBE 38.F0 register")
  I(ALL|FEW, .byte 0x0F, 0x38, 0xF0, 0xC0)     // #UD
L("MOVBE 38.F1 register")
  I(ALL|FEW, .byte 0x0F, 0x38, 0xF1, 0xC0)
#if BITS == 64
L("MOVBE 38.F0 REX registers")
  I(ALL|FEW, movbe r8, [r12 + r14 * 4]; movbe r15d, [rbx]; movbe r9w, [r13 + 45])
L("MOVBE 38.F1 REX registers")
  I(ALL|FEW, movbe [r12 + r14 * 4], r9; movbe [rbx + 32], r10d; movbe [r13 + 45], r11w)
L("MOVBE 38.F0 page fault")
  I(ALL|FEW, mov rbx, GUARD - 3; movbe eax, [rbx])
L("MOVBE 38.F1 page fault")
  I(ALL|FEW, mov rbx, GUARD - 3; movbe [rbx], eax)
#endif
L("MOVBE 38.F0 lock")
  I(ALL|FEW, .byte 0xF0; movbe eax, [NBX])
L("INVPCID 38.82 privileged")
  I(ALL|FEW, .byte 0x66, 0x0F, 0x38, 0x82, 0x03)
  I(ALL|FEW, .byte 0x66, 0x0F, 0x38, 0x82, 0xC0)
