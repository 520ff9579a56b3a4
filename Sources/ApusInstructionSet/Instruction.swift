/// One disassembled instruction, or a byte that begins none.
package struct Instruction: Sendable {
  package enum Outcome: Sendable, Hashable {
    /// A row of the opcode maps.
    case defined
    /// A processor would raise #UD, or #GP for more than 15 bytes.
    case undefined
    /// The bytes end within it.
    case truncated
  }

  package let outcome: Outcome
  /// Where its first byte is.
  package let address: UInt64
  /// 1...15. Of what is not defined, the first byte alone.
  package let length: Int
  /// Nil if it is not defined.
  package let row: OpcodeRow?
  /// The mnemonic in Intel's syntax, in lower case: by condition, operand size and immediate where it depends on
  /// them. `(bad)` if it is not defined.
  package let mnemonic: String
  /// The prefixes whose effect neither mnemonic nor operands show, in their order: `lock`, `rep`, `data16`, ...
  package let prefixes: [String]
  /// In Intel's order: the destination first.
  package let operands: [Operand]
  /// Bytes of the operand size: 1, 2, 4 or 8.
  package let operandBytes: Int
  /// Whether 66h or REX.W chose the operand size.
  let hasUnusualSize: Bool
  let opcode: UInt8
  /// The mode that it was decoded for.
  package let mode: Disassembler.Mode

  /// The RIP of a near branch whose target the instruction itself tells.
  package var target: UInt64? {
    for case .target(let target) in operands { return target }
    return nil
  }

  /// The linear address, without a segment's base, of an operand relative to RIP.
  package var relativeAddress: UInt64? {
    for case .memory(let memory) in operands where memory.isRelative {
      let next = address &+ UInt64(length)
      return (next &+ UInt64(bitPattern: memory.displacement)) & MemoryOperand.mask(memory.addressBytes)
    }
    return nil
  }

  /// A byte that begins no instruction.
  init(_ outcome: Outcome, at address: UInt64, mode: Disassembler.Mode) {
    self.outcome = outcome
    self.address = address
    length = 1
    row = nil
    mnemonic = "(bad)"
    prefixes = []
    operands = []
    operandBytes = 0
    hasUnusualSize = false
    opcode = 0
    self.mode = mode
  }

  init(_ decoder: InstructionDecoder, _ indexed: IndexedRow, operands: [Operand]) {
    outcome = .defined
    address = decoder.address
    length = decoder.reader.position
    row = indexed.row
    opcode = decoder.opcode
    mode = decoder.mode
    var decoder = decoder
    let naming = Naming(&decoder, indexed, operands)
    mnemonic = naming.mnemonic
    self.operands = naming.operands
    operandBytes = naming.operandBytes
    hasUnusualSize = naming.hasUnusualSize
    prefixes = decoder.visiblePrefixes(indexed, isPause: naming.isPause)
  }
}
