/// What a file holds, as far as its first bytes tell. It only decides between ways of using the file; the
/// loader that is chosen checks everything.
package enum ImageKind: Equatable {
  case linux, elf, multiboot, rawDisk
  /// A disk image in a format that is not raw, by name.
  case formattedDisk(String)

  /// How many bytes `guess` wants: those in which a multiboot header must lie (Multiboot Specification 0.6.96,
  /// "The layout of Multiboot header").
  package static let beginningSize = 8192

  /// Guesses from the first `beginningSize` bytes of a file, or fewer if the file is shorter.
  package static func guess(_ bytes: [UInt8]) -> ImageKind {
    func has(_ text: String, at offset: Int) -> Bool {
      let pattern = Array(text.utf8)
      return bytes.count >= offset + pattern.count
        && bytes[offset..<(offset + pattern.count)].elementsEqual(pattern)
    }
    // The Linux/x86 boot protocol, "The real-mode kernel header": "HdrS" at 202h.
    if has("HdrS", at: 0x202) { return .linux }
    if hasMultibootHeader(bytes) { return .multiboot }
    if has("\u{7F}ELF", at: 0) { return .elf }
    let formats = [
      ("QFI\u{FB}", "qcow2"), ("KDMV", "VMDK"), ("# Disk Desc", "VMDK"), ("vhdxfile", "VHDX"),
      ("QED\0", "QED"),
      ("conectix", "VHD"),
    ]
    for (magic, name) in formats {
      // The scalars above 7Fh stand for bytes, not for UTF-8.
      let pattern = magic.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
      if bytes.starts(with: pattern) { return .formattedDisk(name) }
    }
    if bytes.count >= 0x44, word(bytes, 0x40) == 0xBEDA_107F { return .formattedDisk("VDI") }
    return .rawDisk
  }

  /// Magic, flags and checksum, 4-byte aligned.
  private static func hasMultibootHeader(_ bytes: [UInt8]) -> Bool {
    let end = min(bytes.count, beginningSize)
    for offset in stride(from: 0, to: end - 11, by: 4) where word(bytes, offset) == 0x1BAD_B002 {
      if 0x1BAD_B002 &+ word(bytes, offset + 4) &+ word(bytes, offset + 8) == 0 { return true }
    }
    return false
  }

  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
  }
}
