.intel_syntax noprefix
.code16
.text
  hlt
