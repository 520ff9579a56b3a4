/// Base64 of RFC 4648, section "Base 64 Encoding", for images that are kept as text.
package enum Base64 {
  /// The bytes that `text` encodes: whole groups of four characters, the last padded with `=`, nothing
  /// else. Nil if the text is anything else.
  package static func decode(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    let count = characters.count
    guard count % 4 == 0 else { return nil }
    guard count > 0 else { return [] }
    let padding = characters[count - 1] != 0x3D ? 0 : characters[count - 2] != 0x3D ? 1 : 2

    var bytes: [UInt8] = []
    bytes.reserveCapacity(count / 4 * 3)
    var position = 0
    while position < count {
      let kept = position + 4 == count ? 4 - padding : 4
      var group: UInt32 = 0
      for index in 0..<4 {
        guard let value = index < kept ? sextet(characters[position + index]) : 0 else { return nil }
        group = group << 6 | value
      }
      bytes.append(UInt8(truncatingIfNeeded: group >> 16))
      if kept > 2 { bytes.append(UInt8(truncatingIfNeeded: group >> 8)) }
      if kept > 3 { bytes.append(UInt8(truncatingIfNeeded: group)) }
      // Bits that no byte takes must be zero, or two texts would stand for the same bytes.
      guard kept == 4 || group & (kept == 3 ? 0xFF : 0xFFFF) == 0 else { return nil }
      position += 4
    }
    return bytes
  }

  private static func sextet(_ character: UInt8) -> UInt32? {
    switch character {
    case 0x41...0x5A: UInt32(character) - 0x41
    case 0x61...0x7A: UInt32(character) - 0x61 + 26
    case 0x30...0x39: UInt32(character) - 0x30 + 52
    case 0x2B: 62
    case 0x2F: 63
    default: nil
    }
  }
}
