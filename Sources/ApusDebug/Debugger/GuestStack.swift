import ApusCPU
import ApusInstructionSet
import ApusMachine

/// The stack that a machine's stack pointer points to, in words of its size (SDM Vol. 1, "Stack Alignment",
/// "Address-Size Attributes for Stack Accesses").
struct GuestStack {
  private let machine: Machine
  let isLong: Bool
  /// Bytes of a word: in real-address mode and on 16-bit stacks two.
  let wordSize: UInt64
  /// RSP and RBP, or the parts of them that are in use.
  let top: UInt64
  let frame: UInt64
  private let base: UInt64
  private let mask: UInt64

  init(_ machine: Machine) {
    self.machine = machine
    let state = machine.state
    let ss = state.segments[2]
    let is32 = ss.attributes >> 14 & 1 != 0
    isLong = machine.mode == .long64
    switch machine.mode {
    case .long64: wordSize = 8
    case .protected32, .compatibility32: wordSize = is32 ? 4 : 2
    default: wordSize = 2
    }
    base = isLong ? 0 : ss.base
    mask = isLong ? .max : is32 ? 0xFFFF_FFFF : 0xFFFF
    (top, frame) = (state.registers[4] & mask, state.registers[5] & mask)
  }

  /// The stack pointer's value for a word, so many words from the top.
  func pointer(_ index: Int) -> UInt64 { (top &+ UInt64(bitPattern: Int64(index)) &* wordSize) & mask }

  /// The linear address of that word.
  func address(_ index: Int) -> UInt64 {
    let linear = pointer(index) &+ base
    return isLong ? linear : linear & 0xFFFF_FFFF
  }

  /// The word; nil where nothing is mapped.
  func word(_ index: Int) -> UInt64? {
    let bytes = machine.readLinear(address(index), count: Int(wordSize))
    guard bytes.count == Int(wordSize) else { return nil }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  // MARK: Calls

  /// Near calls are two to seven bytes long.
  private static let callLengths = 2...7

  /// Linear addresses behind near calls that lie in the first `words` words, from the top on: where functions return to,
  /// and some that earlier calls have left.
  func returnAddresses(words: Int, most: Int, _ mode: Disassembler.Mode) -> [UInt64] {
    let codeBase = isLong ? 0 : machine.state.segments[1].base
    var found: [UInt64] = []
    for index in 0..<words {
      guard found.count < most, let word = word(index) else { break }
      let linear = word &+ codeBase
      if followsCall(isLong ? linear : linear & 0xFFFF_FFFF, mode) { found.append(linear) }
    }
    return found
  }

  private func followsCall(_ linear: UInt64, _ mode: Disassembler.Mode) -> Bool {
    Self.callLengths.contains { length in
      let start = linear &- UInt64(length)
      let code = machine.readLinear(start, count: length)
      guard code.count == length else { return false }
      let instruction = Disassembler.decode(code, at: start, mode: mode)
      return instruction.outcome == .defined && instruction.mnemonic == "call"
        && Int(instruction.length) == length
    }
  }
}
