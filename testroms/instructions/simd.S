// The SSE and SSE2 part of the two-byte map, with MMX: for each row a line, with the cases that its operands
// ask for. What a case finds beside the general registers: XMM0 (A, A'), XMM1 (B, B'), XMM2 (A', B), XMM8 like
// XMM1, XMM15 like XMM0, MM0 A, MM1 B, MM2 A', and MXCSR with each rounding mode, and with FZ and DAZ, in turn
// (vectors.S). All of them, with the exception flags, go into the checksum.

#include "tests.h"

// rBX is aligned to 16 bytes; [rBX + 45] crosses a page and is not.
.macro operation_xmm_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, xmm1)
  I(ALL|FEW, \op xmm1, xmm15; \op xmm8, xmm2; \op xmm2, xmm2)
  I(ALL|FEW, \op xmm8, [rbx])
  I(ALL|FEW, \op xmm15, [rbx + 45])      // #GP if 16 bytes have to be aligned
.endm
.macro operation_mm_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op mm0, mm1)
  I(ALL|FEW, \op mm2, [rbx + 45])
.endm
.macro operation_xmm_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, mm1)
  I(ALL|FEW, \op xmm8, qword ptr [rbx + 45])
.endm
.macro operation_mm_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op mm0, xmm1)
  I(ALL|FEW, \op mm2, xmm15)
  I(ALL|FEW, \op mm0, [rbx])
  I(ALL|FEW, \op mm0, [rbx + 45])
.endm
.macro registers_xmm_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, xmm1)
  I(ALL|FEW, \op xmm8, xmm15)
.endm
.macro registers_xmm_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, mm1)
.endm
.macro registers_mm_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op mm0, xmm1)
.endm
.macro load_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, [rbx])
  I(ALL|FEW, \op xmm15, [rbx + 45])
.endm
.macro store_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op [rbx], xmm0)
  I(ALL|FEW, \op [rbx + 45], xmm15)
  I(ALL|FEW, mov ebx, GUARD - 3; \op [rbx], xmm1)
.endm
.macro store_memory_xmm op, name, row, form
  store_xmm \op, \name, "\row", "\form"
.endm
.macro store_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op [rbx], mm0)
  I(ALL|FEW, \op [rbx + 45], mm2)
.endm
.macro store_memory_mm op, name, row, form
  store_mm \op, \name, "\row", "\form"
.endm
.macro to_integer_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, xmm1)
  I(ALL, \op r9, xmm1)
  I(ALL|FEW, \op ecx, [rbx + 45]; \op r8d, xmm15)
.endm
.macro mask_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, xmm1)
  I(ALL|FEW, \op r9d, xmm15)
.endm
.macro mask_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, mm1)
.endm
.macro from_general_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, eax)
  I(ALL|FEW, \op xmm8, dword ptr [rbx + 45]; \op xmm1, r9d)
  .ifc \op, movd
  I(ALL, movq xmm0, rax)
  .else
  I(ALL, \op xmm0, rax)
  I(ALL|FEW, \op xmm15, qword ptr [rbx + 45])
  .endif
.endm
.macro from_general_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op mm0, eax)
  I(ALL|FEW, \op mm1, dword ptr [rbx + 45]; movq mm2, r9)
.endm
.macro to_general_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, xmm1)
  I(ALL|FEW, \op dword ptr [rbx + 45], xmm15; movq r9, xmm1)
.endm
.macro to_general_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, mm1)
  I(ALL|FEW, \op dword ptr [rbx + 45], mm2; movq r9, mm1)
.endm
.macro immediate_xmm op, name, row, form
L("\name \row \form")
  .irp value, 0x1B, 0x4E, 0xFF, 0x01
  I(ALL, \op xmm0, xmm1, \value)
  .endr
  I(ALL|FEW, \op xmm15, [rbx], 0x93; \op xmm8, xmm8, 0x72)
  I(ALL|FEW, \op xmm15, [rbx + 45], 0x93)
.endm
.macro immediate_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op mm0, mm1, 0x1B)
  I(ALL|FEW, \op mm0, [rbx + 45], 0xC6)
.endm
.macro compare op, name, row, form
L("\name \row \form")
  .irp predicate, 0, 1, 2, 3, 4, 5, 6, 7
  I(ALL, \op xmm0, xmm1, \predicate)
  .endr
  I(ALL|FEW, \op xmm15, [rbx], 1; \op xmm8, xmm2, 6)
.endm
.macro insert_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op xmm0, eax, 5; \op xmm1, word ptr [rbx + 47], 0xFA)
.endm
.macro insert_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op mm0, eax, 1; \op mm1, word ptr [rbx + 47], 0xFA)
.endm
.macro extract_xmm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, xmm1, 5; \op r9d, xmm15, 0xFA)
.endm
.macro extract_mm op, name, row, form
L("\name \row \form")
  I(ALL, \op eax, mm1, 1; \op r9d, mm2, 0xFA)
.endm
.macro count_xmm op, name, row, form
L("\name \row \form")
  .irp count, 0, 1, 5, 8, 15, 16, 31, 32, 63, 64, 255
  I(ALL|FEW, \op xmm0, \count; \op xmm15, \count)
  .endr
.endm
.macro count_mm op, name, row, form
L("\name \row \form")
  .irp count, 0, 1, 15, 16, 31, 32, 63, 64, 255
  I(ALL|FEW, \op mm0, \count)
  .endr
.endm

operation_xmm_xmm movups, MOVUPS, "NP 10", "Vps,Wps"
operation_xmm_xmm movupd, MOVUPD, "66 10", "Vpd,Wpd"
operation_xmm_xmm movss, MOVSS, "F3 10", "Vss,Wss"
operation_xmm_xmm movsd, MOVSD, "F2 10", "Vsd,Wsd"
store_xmm movups, MOVUPS, "NP 11", "Wps,Vps"
store_xmm movupd, MOVUPD, "66 11", "Wpd,Vpd"
store_xmm movss, MOVSS, "F3 11", "Wss,Vss"
store_xmm movsd, MOVSD, "F2 11", "Wsd,Vsd"
load_xmm movlps, MOVLPS, "NP 12", "Vq,Mq"
registers_xmm_xmm movhlps, MOVHLPS, "NP 12", "Vq,Uq"
load_xmm movlpd, MOVLPD, "66 12", "Vq,Mq"
store_memory_xmm movlps, MOVLPS, "NP 13", "Mq,Vq"
store_memory_xmm movlpd, MOVLPD, "66 13", "Mq,Vq"
operation_xmm_xmm unpcklps, UNPCKLPS, "NP 14", "Vx,Wx"
operation_xmm_xmm unpcklpd, UNPCKLPD, "66 14", "Vx,Wx"
operation_xmm_xmm unpckhps, UNPCKHPS, "NP 15", "Vx,Wx"
operation_xmm_xmm unpckhpd, UNPCKHPD, "66 15", "Vx,Wx"
load_xmm movhps, MOVHPS, "NP 16", "Vq,Mq"
registers_xmm_xmm movlhps, MOVLHPS, "NP 16", "Vq,Uq"
load_xmm movhpd, MOVHPD, "66 16", "Vq,Mq"
store_memory_xmm movhps, MOVHPS, "NP 17", "Mq,Vq"
store_memory_xmm movhpd, MOVHPD, "66 17", "Mq,Vq"
operation_xmm_xmm movaps, MOVAPS, "NP 28", "Vps,Wps"
operation_xmm_xmm movapd, MOVAPD, "66 28", "Vpd,Wpd"
store_xmm movaps, MOVAPS, "NP 29", "Wps,Vps"
store_xmm movapd, MOVAPD, "66 29", "Wpd,Vpd"
operation_xmm_mm cvtpi2ps, CVTPI2PS, "NP 2A", "Vps,Qpi"
operation_xmm_mm cvtpi2pd, CVTPI2PD, "66 2A", "Vpd,Qpi"
from_general_xmm cvtsi2ss, CVTSI2SS, "F3 2A", "Vss,Ey"
from_general_xmm cvtsi2sd, CVTSI2SD, "F2 2A", "Vsd,Ey"
store_memory_xmm movntps, MOVNTPS, "NP 2B", "Mps,Vps"
store_memory_xmm movntpd, MOVNTPD, "66 2B", "Mpd,Vpd"
operation_mm_xmm cvttps2pi, CVTTPS2PI, "NP 2C", "Ppi,Wps"
operation_mm_xmm cvttpd2pi, CVTTPD2PI, "66 2C", "Ppi,Wpd"
to_integer_xmm cvttss2si, CVTTSS2SI, "F3 2C", "Gy,Wss"
to_integer_xmm cvttsd2si, CVTTSD2SI, "F2 2C", "Gy,Wsd"
operation_mm_xmm cvtps2pi, CVTPS2PI, "NP 2D", "Ppi,Wps"
operation_mm_xmm cvtpd2pi, CVTPD2PI, "66 2D", "Ppi,Wpd"
to_integer_xmm cvtss2si, CVTSS2SI, "F3 2D", "Gy,Wss"
to_integer_xmm cvtsd2si, CVTSD2SI, "F2 2D", "Gy,Wsd"
operation_xmm_xmm ucomiss, UCOMISS, "NP 2E", "Vss,Wss"
operation_xmm_xmm ucomisd, UCOMISD, "66 2E", "Vsd,Wsd"
operation_xmm_xmm comiss, COMISS, "NP 2F", "Vss,Wss"
operation_xmm_xmm comisd, COMISD, "66 2F", "Vsd,Wsd"
mask_xmm movmskps, MOVMSKPS, "NP 50", "Gd,Ups"
mask_xmm movmskpd, MOVMSKPD, "66 50", "Gd,Upd"
operation_xmm_xmm sqrtps, SQRTPS, "NP 51", "Vps,Wps"
operation_xmm_xmm sqrtpd, SQRTPD, "66 51", "Vpd,Wpd"
operation_xmm_xmm sqrtss, SQRTSS, "F3 51", "Vss,Wss"
operation_xmm_xmm sqrtsd, SQRTSD, "F2 51", "Vsd,Wsd"
operation_xmm_xmm andps, ANDPS, "NP 54", "Vps,Wps"
operation_xmm_xmm andpd, ANDPD, "66 54", "Vpd,Wpd"
operation_xmm_xmm andnps, ANDNPS, "NP 55", "Vps,Wps"
operation_xmm_xmm andnpd, ANDNPD, "66 55", "Vpd,Wpd"
operation_xmm_xmm orps, ORPS, "NP 56", "Vps,Wps"
operation_xmm_xmm orpd, ORPD, "66 56", "Vpd,Wpd"
operation_xmm_xmm xorps, XORPS, "NP 57", "Vps,Wps"
operation_xmm_xmm xorpd, XORPD, "66 57", "Vpd,Wpd"
operation_xmm_xmm addps, ADDPS, "NP 58", "Vps,Wps"
operation_xmm_xmm addpd, ADDPD, "66 58", "Vpd,Wpd"
operation_xmm_xmm addss, ADDSS, "F3 58", "Vss,Wss"
operation_xmm_xmm addsd, ADDSD, "F2 58", "Vsd,Wsd"
operation_xmm_xmm mulps, MULPS, "NP 59", "Vps,Wps"
operation_xmm_xmm mulpd, MULPD, "66 59", "Vpd,Wpd"
operation_xmm_xmm mulss, MULSS, "F3 59", "Vss,Wss"
operation_xmm_xmm mulsd, MULSD, "F2 59", "Vsd,Wsd"
operation_xmm_xmm cvtps2pd, CVTPS2PD, "NP 5A", "Vpd,Wps"
operation_xmm_xmm cvtpd2ps, CVTPD2PS, "66 5A", "Vps,Wpd"
operation_xmm_xmm cvtss2sd, CVTSS2SD, "F3 5A", "Vsd,Wss"
operation_xmm_xmm cvtsd2ss, CVTSD2SS, "F2 5A", "Vss,Wsd"
operation_xmm_xmm cvtdq2ps, CVTDQ2PS, "NP 5B", "Vps,Wdq"
operation_xmm_xmm cvtps2dq, CVTPS2DQ, "66 5B", "Vdq,Wps"
operation_xmm_xmm cvttps2dq, CVTTPS2DQ, "F3 5B", "Vdq,Wps"
operation_xmm_xmm subps, SUBPS, "NP 5C", "Vps,Wps"
operation_xmm_xmm subpd, SUBPD, "66 5C", "Vpd,Wpd"
operation_xmm_xmm subss, SUBSS, "F3 5C", "Vss,Wss"
operation_xmm_xmm subsd, SUBSD, "F2 5C", "Vsd,Wsd"
operation_xmm_xmm minps, MINPS, "NP 5D", "Vps,Wps"
operation_xmm_xmm minpd, MINPD, "66 5D", "Vpd,Wpd"
operation_xmm_xmm minss, MINSS, "F3 5D", "Vss,Wss"
operation_xmm_xmm minsd, MINSD, "F2 5D", "Vsd,Wsd"
operation_xmm_xmm divps, DIVPS, "NP 5E", "Vps,Wps"
operation_xmm_xmm divpd, DIVPD, "66 5E", "Vpd,Wpd"
operation_xmm_xmm divss, DIVSS, "F3 5E", "Vss,Wss"
operation_xmm_xmm divsd, DIVSD, "F2 5E", "Vsd,Wsd"
operation_xmm_xmm maxps, MAXPS, "NP 5F", "Vps,Wps"
operation_xmm_xmm maxpd, MAXPD, "66 5F", "Vpd,Wpd"
operation_xmm_xmm maxss, MAXSS, "F3 5F", "Vss,Wss"
operation_xmm_xmm maxsd, MAXSD, "F2 5F", "Vsd,Wsd"
operation_mm_mm punpcklbw, PUNPCKLBW, "NP 60", "Pq,Qd"
operation_xmm_xmm punpcklbw, PUNPCKLBW, "66 60", "Vx,Wx"
operation_mm_mm punpcklwd, PUNPCKLWD, "NP 61", "Pq,Qd"
operation_xmm_xmm punpcklwd, PUNPCKLWD, "66 61", "Vx,Wx"
operation_mm_mm punpckldq, PUNPCKLDQ, "NP 62", "Pq,Qd"
operation_xmm_xmm punpckldq, PUNPCKLDQ, "66 62", "Vx,Wx"
operation_mm_mm packsswb, PACKSSWB, "NP 63", "Pq,Qq"
operation_xmm_xmm packsswb, PACKSSWB, "66 63", "Vx,Wx"
operation_mm_mm pcmpgtb, PCMPGTB, "NP 64", "Pq,Qq"
operation_xmm_xmm pcmpgtb, PCMPGTB, "66 64", "Vx,Wx"
operation_mm_mm pcmpgtw, PCMPGTW, "NP 65", "Pq,Qq"
operation_xmm_xmm pcmpgtw, PCMPGTW, "66 65", "Vx,Wx"
operation_mm_mm pcmpgtd, PCMPGTD, "NP 66", "Pq,Qq"
operation_xmm_xmm pcmpgtd, PCMPGTD, "66 66", "Vx,Wx"
operation_mm_mm packuswb, PACKUSWB, "NP 67", "Pq,Qq"
operation_xmm_xmm packuswb, PACKUSWB, "66 67", "Vx,Wx"
operation_mm_mm punpckhbw, PUNPCKHBW, "NP 68", "Pq,Qq"
operation_xmm_xmm punpckhbw, PUNPCKHBW, "66 68", "Vx,Wx"
operation_mm_mm punpckhwd, PUNPCKHWD, "NP 69", "Pq,Qq"
operation_xmm_xmm punpckhwd, PUNPCKHWD, "66 69", "Vx,Wx"
operation_mm_mm punpckhdq, PUNPCKHDQ, "NP 6A", "Pq,Qq"
operation_xmm_xmm punpckhdq, PUNPCKHDQ, "66 6A", "Vx,Wx"
operation_mm_mm packssdw, PACKSSDW, "NP 6B", "Pq,Qq"
operation_xmm_xmm packssdw, PACKSSDW, "66 6B", "Vx,Wx"
operation_xmm_xmm punpcklqdq, PUNPCKLQDQ, "66 6C", "Vx,Wx"
operation_xmm_xmm punpckhqdq, PUNPCKHQDQ, "66 6D", "Vx,Wx"
from_general_mm movd, MOVD, "NP 6E", "Py,Ey"
from_general_xmm movd, MOVD, "66 6E", "Vy,Ey"
operation_mm_mm movq, MOVQ, "NP 6F", "Pq,Qq"
operation_xmm_xmm movdqa, MOVDQA, "66 6F", "Vx,Wx"
operation_xmm_xmm movdqu, MOVDQU, "F3 6F", "Vx,Wx"
immediate_mm pshufw, PSHUFW, "NP 70", "Pq,Qq,Ib"
immediate_xmm pshufd, PSHUFD, "66 70", "Vx,Wx,Ib"
immediate_xmm pshufhw, PSHUFHW, "F3 70", "Vx,Wx,Ib"
immediate_xmm pshuflw, PSHUFLW, "F2 70", "Vx,Wx,Ib"
count_mm psrlw, PSRLW, "NP 71/2", "Nq,Ib"
count_xmm psrlw, PSRLW, "66 71/2", "Ux,Ib"
count_mm psraw, PSRAW, "NP 71/4", "Nq,Ib"
count_xmm psraw, PSRAW, "66 71/4", "Ux,Ib"
count_mm psllw, PSLLW, "NP 71/6", "Nq,Ib"
count_xmm psllw, PSLLW, "66 71/6", "Ux,Ib"
count_mm psrld, PSRLD, "NP 72/2", "Nq,Ib"
count_xmm psrld, PSRLD, "66 72/2", "Ux,Ib"
count_mm psrad, PSRAD, "NP 72/4", "Nq,Ib"
count_xmm psrad, PSRAD, "66 72/4", "Ux,Ib"
count_mm pslld, PSLLD, "NP 72/6", "Nq,Ib"
count_xmm pslld, PSLLD, "66 72/6", "Ux,Ib"
count_mm psrlq, PSRLQ, "NP 73/2", "Nq,Ib"
count_xmm psrlq, PSRLQ, "66 73/2", "Ux,Ib"
count_xmm psrldq, PSRLDQ, "66 73/3", "Ux,Ib"
count_mm psllq, PSLLQ, "NP 73/6", "Nq,Ib"
count_xmm psllq, PSLLQ, "66 73/6", "Ux,Ib"
count_xmm pslldq, PSLLDQ, "66 73/7", "Ux,Ib"
operation_mm_mm pcmpeqb, PCMPEQB, "NP 74", "Pq,Qq"
operation_xmm_xmm pcmpeqb, PCMPEQB, "66 74", "Vx,Wx"
operation_mm_mm pcmpeqw, PCMPEQW, "NP 75", "Pq,Qq"
operation_xmm_xmm pcmpeqw, PCMPEQW, "66 75", "Vx,Wx"
operation_mm_mm pcmpeqd, PCMPEQD, "NP 76", "Pq,Qq"
operation_xmm_xmm pcmpeqd, PCMPEQD, "66 76", "Vx,Wx"
to_general_mm movd, MOVD, "NP 7E", "Ey,Py"
to_general_xmm movd, MOVD, "66 7E", "Ey,Vy"
operation_xmm_xmm movq, MOVQ, "F3 7E", "Vq,Wq"
store_mm movq, MOVQ, "NP 7F", "Qq,Pq"
store_xmm movdqa, MOVDQA, "66 7F", "Wx,Vx"
store_xmm movdqu, MOVDQU, "F3 7F", "Wx,Vx"
compare cmpps, CMPPS, "NP C2", "Vps,Wps,Ib"
compare cmppd, CMPPD, "66 C2", "Vpd,Wpd,Ib"
compare cmpss, CMPSS, "F3 C2", "Vss,Wss,Ib"
compare cmpsd, CMPSD, "F2 C2", "Vsd,Wsd,Ib"
insert_mm pinsrw, PINSRW, "NP C4", "Pq,RdMw,Ib"
insert_xmm pinsrw, PINSRW, "66 C4", "Vdq,RdMw,Ib"
extract_mm pextrw, PEXTRW, "NP C5", "Gd,Nq,Ib"
extract_xmm pextrw, PEXTRW, "66 C5", "Gd,Udq,Ib"
immediate_xmm shufps, SHUFPS, "NP C6", "Vps,Wps,Ib"
immediate_xmm shufpd, SHUFPD, "66 C6", "Vpd,Wpd,Ib"
operation_mm_mm psrlw, PSRLW, "NP D1", "Pq,Qq"
operation_xmm_xmm psrlw, PSRLW, "66 D1", "Vx,Wx"
operation_mm_mm psrld, PSRLD, "NP D2", "Pq,Qq"
operation_xmm_xmm psrld, PSRLD, "66 D2", "Vx,Wx"
operation_mm_mm psrlq, PSRLQ, "NP D3", "Pq,Qq"
operation_xmm_xmm psrlq, PSRLQ, "66 D3", "Vx,Wx"
operation_mm_mm paddq, PADDQ, "NP D4", "Pq,Qq"
operation_xmm_xmm paddq, PADDQ, "66 D4", "Vx,Wx"
operation_mm_mm pmullw, PMULLW, "NP D5", "Pq,Qq"
operation_xmm_xmm pmullw, PMULLW, "66 D5", "Vx,Wx"
store_xmm movq, MOVQ, "66 D6", "Wq,Vq"
registers_xmm_mm movq2dq, MOVQ2DQ, "F3 D6", "Vdq,Nq"
registers_mm_xmm movdq2q, MOVDQ2Q, "F2 D6", "Pq,Uq"
mask_mm pmovmskb, PMOVMSKB, "NP D7", "Gd,Nq"
mask_xmm pmovmskb, PMOVMSKB, "66 D7", "Gd,Ux"
operation_mm_mm psubusb, PSUBUSB, "NP D8", "Pq,Qq"
operation_xmm_xmm psubusb, PSUBUSB, "66 D8", "Vx,Wx"
operation_mm_mm psubusw, PSUBUSW, "NP D9", "Pq,Qq"
operation_xmm_xmm psubusw, PSUBUSW, "66 D9", "Vx,Wx"
operation_mm_mm pminub, PMINUB, "NP DA", "Pq,Qq"
operation_xmm_xmm pminub, PMINUB, "66 DA", "Vx,Wx"
operation_mm_mm pand, PAND, "NP DB", "Pq,Qq"
operation_xmm_xmm pand, PAND, "66 DB", "Vx,Wx"
operation_mm_mm paddusb, PADDUSB, "NP DC", "Pq,Qq"
operation_xmm_xmm paddusb, PADDUSB, "66 DC", "Vx,Wx"
operation_mm_mm paddusw, PADDUSW, "NP DD", "Pq,Qq"
operation_xmm_xmm paddusw, PADDUSW, "66 DD", "Vx,Wx"
operation_mm_mm pmaxub, PMAXUB, "NP DE", "Pq,Qq"
operation_xmm_xmm pmaxub, PMAXUB, "66 DE", "Vx,Wx"
operation_mm_mm pandn, PANDN, "NP DF", "Pq,Qq"
operation_xmm_xmm pandn, PANDN, "66 DF", "Vx,Wx"
operation_mm_mm pavgb, PAVGB, "NP E0", "Pq,Qq"
operation_xmm_xmm pavgb, PAVGB, "66 E0", "Vx,Wx"
operation_mm_mm psraw, PSRAW, "NP E1", "Pq,Qq"
operation_xmm_xmm psraw, PSRAW, "66 E1", "Vx,Wx"
operation_mm_mm psrad, PSRAD, "NP E2", "Pq,Qq"
operation_xmm_xmm psrad, PSRAD, "66 E2", "Vx,Wx"
operation_mm_mm pavgw, PAVGW, "NP E3", "Pq,Qq"
operation_xmm_xmm pavgw, PAVGW, "66 E3", "Vx,Wx"
operation_mm_mm pmulhuw, PMULHUW, "NP E4", "Pq,Qq"
operation_xmm_xmm pmulhuw, PMULHUW, "66 E4", "Vx,Wx"
operation_mm_mm pmulhw, PMULHW, "NP E5", "Pq,Qq"
operation_xmm_xmm pmulhw, PMULHW, "66 E5", "Vx,Wx"
operation_xmm_xmm cvttpd2dq, CVTTPD2DQ, "66 E6", "Vdq,Wpd"
operation_xmm_xmm cvtdq2pd, CVTDQ2PD, "F3 E6", "Vpd,Wdq"
operation_xmm_xmm cvtpd2dq, CVTPD2DQ, "F2 E6", "Vdq,Wpd"
store_memory_mm movntq, MOVNTQ, "NP E7", "Mq,Pq"
store_memory_xmm movntdq, MOVNTDQ, "66 E7", "Mx,Vx"
operation_mm_mm psubsb, PSUBSB, "NP E8", "Pq,Qq"
operation_xmm_xmm psubsb, PSUBSB, "66 E8", "Vx,Wx"
operation_mm_mm psubsw, PSUBSW, "NP E9", "Pq,Qq"
operation_xmm_xmm psubsw, PSUBSW, "66 E9", "Vx,Wx"
operation_mm_mm pminsw, PMINSW, "NP EA", "Pq,Qq"
operation_xmm_xmm pminsw, PMINSW, "66 EA", "Vx,Wx"
operation_mm_mm por, POR, "NP EB", "Pq,Qq"
operation_xmm_xmm por, POR, "66 EB", "Vx,Wx"
operation_mm_mm paddsb, PADDSB, "NP EC", "Pq,Qq"
operation_xmm_xmm paddsb, PADDSB, "66 EC", "Vx,Wx"
operation_mm_mm paddsw, PADDSW, "NP ED", "Pq,Qq"
operation_xmm_xmm paddsw, PADDSW, "66 ED", "Vx,Wx"
operation_mm_mm pmaxsw, PMAXSW, "NP EE", "Pq,Qq"
operation_xmm_xmm pmaxsw, PMAXSW, "66 EE", "Vx,Wx"
operation_mm_mm pxor, PXOR, "NP EF", "Pq,Qq"
operation_xmm_xmm pxor, PXOR, "66 EF", "Vx,Wx"
operation_mm_mm psllw, PSLLW, "NP F1", "Pq,Qq"
operation_xmm_xmm psllw, PSLLW, "66 F1", "Vx,Wx"
operation_mm_mm pslld, PSLLD, "NP F2", "Pq,Qq"
operation_xmm_xmm pslld, PSLLD, "66 F2", "Vx,Wx"
operation_mm_mm psllq, PSLLQ, "NP F3", "Pq,Qq"
operation_xmm_xmm psllq, PSLLQ, "66 F3", "Vx,Wx"
operation_mm_mm pmuludq, PMULUDQ, "NP F4", "Pq,Qq"
operation_xmm_xmm pmuludq, PMULUDQ, "66 F4", "Vx,Wx"
operation_mm_mm pmaddwd, PMADDWD, "NP F5", "Pq,Qq"
operation_xmm_xmm pmaddwd, PMADDWD, "66 F5", "Vx,Wx"
operation_mm_mm psadbw, PSADBW, "NP F6", "Pq,Qq"
operation_xmm_xmm psadbw, PSADBW, "66 F6", "Vx,Wx"
operation_mm_mm psubb, PSUBB, "NP F8", "Pq,Qq"
operation_xmm_xmm psubb, PSUBB, "66 F8", "Vx,Wx"
operation_mm_mm psubw, PSUBW, "NP F9", "Pq,Qq"
operation_xmm_xmm psubw, PSUBW, "66 F9", "Vx,Wx"
operation_mm_mm psubd, PSUBD, "NP FA", "Pq,Qq"
operation_xmm_xmm psubd, PSUBD, "66 FA", "Vx,Wx"
operation_mm_mm psubq, PSUBQ, "NP FB", "Pq,Qq"
operation_xmm_xmm psubq, PSUBQ, "66 FB", "Vx,Wx"
operation_mm_mm paddb, PADDB, "NP FC", "Pq,Qq"
operation_xmm_xmm paddb, PADDB, "66 FC", "Vx,Wx"
operation_mm_mm paddw, PADDW, "NP FD", "Pq,Qq"
operation_xmm_xmm paddw, PADDW, "66 FD", "Vx,Wx"
operation_mm_mm paddd, PADDD, "NP FE", "Pq,Qq"
operation_xmm_xmm paddd, PADDD, "66 FE", "Vx,Wx"

// Counts that are not too large.
.macro in_register op, name, row
L("\name \row count in a register")
  .irp count, 1, 7, 15, 16, 31, 32
  I(ALL|FEW, mov eax, \count; movd xmm1, eax; movq mm1, rax; \op xmm0, xmm1; \op mm0, mm1)
  .endr
.endm
in_register psrlw, PSRLW, "66 D1"
in_register psrld, PSRLD, "66 D2"
in_register psrlq, PSRLQ, "66 D3"
in_register psraw, PSRAW, "66 E1"
in_register psrad, PSRAD, "66 E2"
in_register psllw, PSLLW, "66 F1"
in_register pslld, PSLLD, "66 F2"
in_register psllq, PSLLQ, "66 F3"

L("MASKMOVQ NP F7 Pq,Nq")
  I(ALL, maskmovq mm0, mm1)
L("MASKMOVDQU 66 F7 Vdq,Udq")
  I(ALL, maskmovdqu xmm0, xmm1)
  I(ALL|FEW, sub edi, 5; maskmovdqu xmm15, xmm8)
  I(ALL|FEW, sub edi, 5; .byte 0x67; maskmovdqu xmm1, xmm2)
L("EMMS NP 77 -")
  I(ALL|FEW, emms)

// The estimates differ from processor to processor, except for zeroes, infinities, NaNs, denormals, which count
// as zeroes, and square roots of negative numbers (SDM Vol. 2, "RCPPS", "RSQRTPS").
.macro estimate op, name, row, form
L("\name \row \form")
  .irp value, 0x8000000000000000, 0xFF8000007F800000, 0x7FC123457F812345, 0xFFC00001FF812345
  I(ALL|FEW, movabs rax, \value; movq xmm1, rax; punpcklqdq xmm1, xmm1; \op xmm0, xmm1)
  .endr
  .irp value, 0x8000000100000001, 0x807FFFFF007FFFFF
  I(ALL|FEW, movabs rax, \value; movq xmm1, rax; punpcklqdq xmm1, xmm1; \op xmm0, xmm1)
  .endr
.endm
estimate rcpps, RCPPS, "NP 53", "Vps,Wps"
estimate rcpss, RCPSS, "F3 53", "Vss,Wss"
estimate rsqrtps, RSQRTPS, "NP 52", "Vps,Wps"
estimate rsqrtss, RSQRTSS, "F3 52", "Vss,Wss"
L("RSQRTPS NP 52 negative")
  I(ALL|FEW, movabs rax, 0xBF800000FF7FFFFF; movq xmm1, rax; punpcklqdq xmm1, xmm1; rsqrtps xmm0, xmm1;
    rsqrtss xmm2, xmm1)

L("LDMXCSR AE/2 Md")
  I(ALL|FEW, mov dword ptr [rbx + 45], 0xDFBF; ldmxcsr [rbx + 45])
  I(ALL|FEW, mov dword ptr [rbx], 0x11F80; ldmxcsr [rbx])         // a reserved bit: #GP
L("STMXCSR AE/3 Md")
  I(ALL|FEW, stmxcsr [rbx + 45])

// The images of FXSAVE and XSAVE have parts that differ from processor to processor: only what does not is read
// from them. No component is in its initial state, so that XSTATE_BV tells of both.
#define AREA (STATE + 0x8000)
#define USE_AREA mov edi, AREA; mov qword ptr [rdi + 512], 0; mov qword ptr [rdi + 520], 0
#define BOTH mov eax, 3; xor edx, edx
#define SAVED mov eax, [rdi + 24]; mov rdx, [rdi + 32]; movzx ecx, byte ptr [rdi + 4]; \
    movaps xmm1, [rdi + 176]; movaps xmm2, [rdi + 400]
#define SPOIL pcmpeqd xmm0, xmm0; pcmpeqd xmm15, xmm15; pcmpeqd mm0, mm0; pcmpeqd mm2, mm2
L("FXSAVE AE/0 M")
  I(ALL, USE_AREA; fxsave [rdi]; SAVED)
  I(ALL|FEW, USE_AREA; fxsave64 [rdi]; SAVED)
  I(ALL|FEW, USE_AREA; fxsave [rdi + 8])                          // not aligned: #GP
L("FXRSTOR AE/1 M")
  I(ALL, USE_AREA; fxsave [rdi]; SPOIL; fxrstor [rdi])
  I(ALL|FEW, USE_AREA; fxsave64 [rdi]; SPOIL; fxrstor64 [rdi])
  I(ALL|FEW, USE_AREA; fxsave [rdi]; mov byte ptr [rdi + 26], 1; fxrstor [rdi])    // reserved bit of MXCSR: #GP
L("XSAVE AE/4 M")
  I(ALL, USE_AREA; BOTH; xsave [rdi]; SAVED; mov r8, [rdi + 512]; mov r9, [rdi + 520])
  I(ALL|FEW, USE_AREA; mov eax, 2; xor edx, edx; mov byte ptr [rdi + 4], 0x5A; xsave64 [rdi]; SAVED;
    mov r8, [rdi + 512])
  I(ALL|FEW, USE_AREA; BOTH; xsave [rdi + 16])                    // not aligned to 64: #GP
L("XSAVEOPT AE/6 M")
  I(ALL, USE_AREA; BOTH; xsaveopt [rdi]; SAVED; mov r8, [rdi + 512])
L("XSAVEC C7/4 M")
  I(ALL, USE_AREA; BOTH; xsavec [rdi]; SAVED; mov r8, [rdi + 512]; mov r9, [rdi + 520])
  I(ALL|FEW, USE_AREA; BOTH; xsavec [rdi]; SPOIL; xrstor [rdi])
L("XRSTOR AE/5 M")
  I(ALL, USE_AREA; BOTH; xsave [rdi]; SPOIL; xrstor [rdi])
  I(ALL|FEW, USE_AREA; BOTH; xsave [rdi]; SPOIL; mov eax, 2; xrstor [rdi])
  // SSE initial, MXCSR loaded
  I(ALL|FEW, USE_AREA; BOTH; xsave [rdi]; mov byte ptr [rdi + 512], 1; xrstor [rdi])
  I(ALL|FEW, USE_AREA; BOTH; xsave [rdi]; mov byte ptr [rdi + 528], 1; xrstor [rdi])     // reserved: #GP
  I(ALL|FEW, USE_AREA; BOTH; xsave [rdi]; mov byte ptr [rdi + 519], 0x40; xrstor [rdi])  // not in XCR0: #GP

// Unmasked exceptions: #XM, and the destination stays.
.macro unmasked name, body:vararg
L("\name unmasked")
  I(ALL, mov dword ptr [rbx - 16], 0; ldmxcsr [rbx - 16]; \body)
.endm
unmasked ADDPS, addps xmm0, xmm1
unmasked MULPD, mulpd xmm0, xmm1
unmasked DIVSD, divsd xmm0, xmm1
unmasked SQRTPS, sqrtps xmm0, xmm1
unmasked COMISS, comiss xmm0, xmm1
unmasked CVTTSD2SI, cvttsd2si rax, xmm1
unmasked CVTPD2PS, cvtpd2ps xmm0, xmm1
unmasked MAXPD, maxpd xmm0, xmm1
