.section .code,"ax"
.intel_syntax noprefix
.code16
.globl tables_init, pir_slots
tables_init:
  .byte 0xC3
pir_slots: .byte 0
.globl pir_slots_size
.set pir_slots_size, 1
