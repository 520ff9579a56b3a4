/// Turns bytes into instructions, by the rows of the opcode maps: what Apus executes is what it disassembles.
package enum Disassembler {
  /// The size of code that CS.L and CS.D say.
  package enum Mode: Sendable, Hashable {
    case code16, code32, code64

    /// Bytes of an operand, of an address without prefixes.
    var operandBytes: Int { self == .code16 ? 2 : 4 }
    var addressBytes: Int { self == .code16 ? 2 : self == .code32 ? 4 : 8 }
  }

  /// Whose processor: what 66h does to near branches of 64-bit mode differs.
  package enum Vendor: Sendable, Hashable { case amd, intel }

  /// Disassembles the instruction at the beginning of `bytes`. Never fails: see `Instruction.outcome`.
  /// - Parameters:
  ///   - address: of the first byte, for branch targets and operands relative to RIP.
  ///   - mode: of 16-bit code, VEX prefixes are those of protected mode; real mode has none.
  ///   - vendor: that of the virtual processor unless said otherwise.
  package static func decode(
    _ bytes: some Collection<UInt8>, at address: UInt64, mode: Mode, vendor: Vendor = .amd
  ) -> Instruction {
    var decoder = InstructionDecoder(Array(bytes.prefix(15)), at: address, mode: mode, vendor: vendor)
    return decoder.decode()
  }
}

/// Reads at most the 15 bytes that an instruction may have.
struct InstructionReader {
  let bytes: [UInt8]
  private(set) var position = 0
  /// Whether more was asked for than there is.
  private(set) var isPastEnd = false

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next byte; 0 past the end.
  mutating func byte() -> UInt8 {
    guard position < bytes.count else {
      isPastEnd = true
      return 0
    }
    position += 1
    return bytes[position - 1]
  }

  /// The next byte without passing it.
  func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  /// An integer of 1...8 bytes, little-endian, zero-extended.
  mutating func integer(_ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(byte()) << (8 * UInt64(index)) }
    return value
  }

  /// The same, sign-extended.
  mutating func signed(_ count: Int) -> Int64 {
    let shift = 64 - 8 * Int64(count)
    return (Int64(bitPattern: integer(count)) << shift) >> shift
  }
}
