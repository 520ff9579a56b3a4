import ApusBase
import ApusCPU
import ApusInstructionSet
import ApusMachine

/// How addresses of the machine's present mode are written.
struct AddressStyle {
  /// Hexadecimal digits of a linear address.
  let digits: Int
  /// CS and its base where code is addressed by segment and offset.
  private let segment: (selector: UInt16, base: UInt64)?
  private let offsetDigits: Int

  init(_ machine: Machine) {
    let code = machine.state.segments[1]
    switch machine.mode {
    case .long64: (digits, segment, offsetDigits) = (16, nil, 16)
    case .protected32, .compatibility32:
      (digits, segment, offsetDigits) = (8, code.base == 0 ? nil : (code.selector, code.base), 8)
    default: (digits, segment, offsetDigits) = (8, (code.selector, code.base), 4)
    }
  }

  /// How many characters `code` has.
  var codeWidth: Int { segment == nil ? digits : 5 + offsetDigits }

  /// The address of an instruction.
  func code(_ linear: UInt64) -> String {
    guard let segment else { return Digits.hex(linear, digits) }
    return Digits.hex(UInt64(segment.selector), 4) + ":" + Digits.hex(offset(linear), offsetDigits)
  }

  /// What RIP is at a linear address.
  func offset(_ linear: UInt64) -> UInt64 {
    guard let segment else { return linear }
    let mask: UInt64 = offsetDigits == 4 ? 0xFFFF : 0xFFFF_FFFF
    return (linear &- segment.base) & mask
  }

  /// The linear address of what RIP, or a branch's target, says.
  func linear(_ offset: UInt64) -> UInt64 {
    guard let segment else { return offset }
    return (offset &+ segment.base) & 0xFFFF_FFFF
  }

  /// The bits that linear addresses have.
  var mask: UInt64 { digits == 16 ? .max : 0xFFFF_FFFF }
}

extension ProcessorMode {
  /// With the privilege level: what code may do here.
  package func text(cpl: UInt8) -> String {
    if self == .real { return name }
    return name + ", CPL \(cpl)" + (cpl == 3 ? " (user)" : cpl == 0 ? " (supervisor)" : "")
  }
}
