extension Comparison {
  /// x87, MXCSR and vector registers.
  func extended(
    _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer, _ options: ComparisonOptions,
    _ initial: UnsafeMutableRawPointer, _ found: inout [Difference]
  ) {
    let isLoose = options.contains(.transcendental)
    let status: UInt16 = a.get(MachineImage.fsw) ^ b.get(MachineImage.fsw)
    // C1 and PE follow from the rounding of a result that need not be the correctly rounded one.
    if status & (isLoose ? ~0x0220 : ~0) != 0 { word("FSW", MachineImage.fsw, a, b, &found) }
    word("FCW", MachineImage.fcw, a, b, &found)
    word("FTW", MachineImage.ftw, a, b, &found)
    if Self.savesPointers(b) {
      word("FOP", MachineImage.fop, a, b, &found)
      long("FIP", MachineImage.fip, a, b, &found)
      long("FDP", MachineImage.fdp, a, b, &found)
    }
    for index in 0..<8 {
      let at = MachineImage.st + index * 16
      let ours = (a.get(at, UInt64.self), a.get(at + 8, UInt16.self))
      let theirs = (b.get(at, UInt64.self), b.get(at + 8, UInt16.self))
      if ours == theirs
        || isLoose && Self.isNear(ours, theirs)
      {
        continue
      }
      found.append(
        Difference(
          "ST\(index)", Hex.text(UInt64(ours.1), 4) + Hex.text(ours.0, 16),
          Hex.text(UInt64(theirs.1), 4) + Hex.text(theirs.0, 16)))
    }
    let (ours, theirs): (UInt32, UInt32) = (a.get(MachineImage.mxcsr), b.get(MachineImage.mxcsr))
    if ours != theirs { found.append(Difference("MXCSR", UInt64(ours), UInt64(theirs), digits: 4)) }
    vectors("XMM", MachineImage.xmm, a, b, options, &found)
    if components & 4 != 0 { vectors("YMMhigh", MachineImage.ymmHigh, a, b, options, &found) }
  }

  private func word(
    _ name: String, _ at: Int, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer,
    _ found: inout [Difference]
  ) {
    let (ours, theirs): (UInt16, UInt16) = (a.get(at), b.get(at))
    if ours != theirs { found.append(Difference(name, UInt64(ours), UInt64(theirs), digits: 4)) }
  }

  private func long(
    _ name: String, _ at: Int, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer,
    _ found: inout [Difference]
  ) {
    let (ours, theirs): (UInt64, UInt64) = (a.get(at), b.get(at))
    if ours != theirs { found.append(Difference(name, ours, theirs, digits: 16)) }
  }

  private func vectors(
    _ name: String, _ start: Int, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer,
    _ options: ComparisonOptions, _ found: inout [Difference]
  ) {
    for index in 0..<16 {
      let at = start + index * 16
      let ours = (a.get(at, UInt64.self), a.get(at + 8, UInt64.self))
      let theirs = (b.get(at, UInt64.self), b.get(at + 8, UInt64.self))
      if ours == theirs { continue }
      if options.contains(.approximation) && Self.isApproximate(ours.0, theirs.0)
        && Self.isApproximate(ours.1, theirs.1)
      {
        continue
      }
      found.append(
        Difference(
          "\(name)\(index)", Hex.text(ours.1, 16) + Hex.text(ours.0, 16),
          Hex.text(theirs.1, 16) + Hex.text(theirs.0, 16)))
    }
  }

  /// One unit in the last place apart at most.
  static func isNear(_ a: (UInt64, UInt16), _ b: (UInt64, UInt16)) -> Bool {
    if (a.1 ^ b.1) & 0x8000 != 0 { return false }
    let allowed: UInt64 = 1
    if a.1 == b.1 { return (a.0 > b.0 ? a.0 - b.0 : b.0 - a.0) <= allowed }
    // Across a power of two.
    let (low, high) = a.1 < b.1 ? (a, b) : (b, a)
    return low.1 + 1 == high.1 && low.0 >= ~allowed && high.0 <= 1 << 63 + allowed
  }

  private static func isApproximate(_ a: UInt64, _ b: UInt64) -> Bool {
    isApproximate(UInt32(truncatingIfNeeded: a), UInt32(truncatingIfNeeded: b))
      && isApproximate(UInt32(truncatingIfNeeded: a >> 32), UInt32(truncatingIfNeeded: b >> 32))
  }

  private static func isApproximate(_ a: UInt32, _ b: UInt32) -> Bool {
    if a == b { return true }
    let (x, y) = (Float(bitPattern: a), Float(bitPattern: b))
    // Tiny results may be flushed to zero before or after they are approximated.
    if abs(x) <= .leastNormalMagnitude && abs(y) <= .leastNormalMagnitude { return true }
    // Each within 1.5 × 2^-12 of the truth.
    return abs(x - y) <= abs(y) * 0x1.8p-11
  }
}

/// One field that differs.
package struct Difference: Equatable, Sendable {
  /// The SDM's name of the field.
  package let name: String
  package let apus: String
  package let oracle: String
  /// The bits that differ, by name, where bits have names.
  package let bits: String

  package init(_ name: String, _ apus: String, _ oracle: String, bits: String = "") {
    self.name = name
    self.apus = apus
    self.oracle = oracle
    self.bits = bits
  }

  init(_ name: String, _ apus: UInt64, _ oracle: UInt64, digits: Int) {
    self.init(name, Hex.text(apus, digits), Hex.text(oracle, digits))
  }
}

/// Hexadecimal text without Foundation.
package enum Hex {
  private static let digits = Array("0123456789abcdef".utf8)

  /// At least `digits` digits.
  package static func text(_ value: UInt64, _ digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// Two digits a byte.
  package static func text(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
