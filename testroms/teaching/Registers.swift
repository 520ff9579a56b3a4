// The `regs` command.

private let registerNames: InlineArray<18, StaticString> = [
  "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8", "R9", "R10", "R11", "R12", "R13", "R14",
  "R15", "RIP", "RFLAGS",
]
private let selectorNames: InlineArray<8, StaticString> = [
  "CS", "DS", "ES", "FS", "GS", "SS", "TR", "LDTR",
]

func regsCommand(_ arguments: Arguments) {
  var registers = InlineArray<18, UInt64>(repeating: 0)
  var span = registers.mutableSpan
  span.withUnsafeMutableBufferPointer { captureRegisters($0.baseAddress!) }
  for index in 0..<18 {
    sayPadded(registerNames[index], 7)
    sayHex(span[index], 16)
    if index % 3 == 2 { sayLine() } else { say("  ") }
  }
  var selectors = InlineArray<8, UInt64>(repeating: 0)
  var selectorSpan = selectors.mutableSpan
  selectorSpan.withUnsafeMutableBufferPointer { captureSelectors($0.baseAddress!) }
  for index in 0..<8 {
    say(selectorNames[index])
    say(" ")
    sayHex(selectorSpan[index], 4)
    say(index == 7 ? "\r\n" : "  ")
  }
  sayTableRegisters()
  control("CR0", readCR0(), control0)
  control("CR2", readCR2()) { _ in "" }
  control("CR3", readCR3()) { _ in "" }
  control("CR4", readCR4(), control4)
  control("EFER", readMSR(0xC000_0080), extendedFeatures)
  control("RFLAGS", span[17], flags)
}

private func sayTableRegisters() {
  var image = InlineArray<32, UInt8>(repeating: 0)
  var span = image.mutableSpan
  span.withUnsafeMutableBufferPointer { captureTableRegisters($0.baseAddress!) }
  for start in stride(from: 0, through: 16, by: 16) {
    var base: UInt64 = 0
    for index in 0..<8 { base |= UInt64(span[start + 2 + index]) << UInt64(index * 8) }
    say(start == 0 ? "GDTR " : "  IDTR ")
    sayHex(base, 16)
    say(" limit ")
    sayHex(UInt64(span[start]) | UInt64(span[start + 1]) << 8, 4)
  }
  sayLine()
}

/// A register, then the names of the bits that are set.
private func control(_ name: StaticString, _ value: UInt64, _ bitName: (Int) -> StaticString) {
  sayPadded(name, 7)
  sayHex(value, 16)
  for bit in 0..<64 where value & 1 << UInt64(bit) != 0 {
    let word = bitName(bit)
    if word.utf8CodeUnitCount > 0 {
      say(" ")
      say(word)
    }
  }
  sayLine()
}

private func control0(_ bit: Int) -> StaticString {
  switch bit {
  case 0: "PE"
  case 1: "MP"
  case 2: "EM"
  case 3: "TS"
  case 4: "ET"
  case 5: "NE"
  case 16: "WP"
  case 18: "AM"
  case 29: "NW"
  case 30: "CD"
  case 31: "PG"
  default: ""
  }
}

private func control4(_ bit: Int) -> StaticString {
  switch bit {
  case 5: "PAE"
  case 7: "PGE"
  default: ""
  }
}

private func extendedFeatures(_ bit: Int) -> StaticString {
  switch bit {
  case 0: "SCE"
  case 8: "LME"
  case 10: "LMA"
  case 11: "NXE"
  default: ""
  }
}

private func flags(_ bit: Int) -> StaticString {
  switch bit {
  case 0: "CF"
  case 2: "PF"
  case 4: "AF"
  case 6: "ZF"
  case 7: "SF"
  case 9: "IF"
  case 10: "DF"
  case 11: "OF"
  default: ""
  }
}
