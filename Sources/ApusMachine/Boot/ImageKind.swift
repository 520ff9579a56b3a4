/// The format of a kernel file, told by its magic numbers in this order: a multiboot 1 header, which may
/// stand in a file of any other format; ELF; the Linux setup header.
package enum ImageKind: Equatable, Sendable {
  /// A multiboot 1 header at this byte offset.
  case multiboot1(headerOffset: Int)
  /// ELF without a multiboot header. Whether it has a PVH note is the loader's to find out.
  case elf
  /// A Linux kernel with a setup header, of any protocol version.
  case linux
  /// Nothing that can be booted, with the reason.
  case unknown(BootError)

  static let elfMagic: [UInt8] = [0x7F, 0x45, 0x4C, 0x46]
  /// `HdrS` at offset 202h (Linux Documentation/arch/x86/boot.rst, "Details of Header Fields").
  static let linuxMagic: [UInt8] = [0x48, 0x64, 0x72, 0x53]

  /// Looks at the first 8 KiB of `file`.
  package init(of file: BootFile) {
    if let headerOffset = Multiboot1.findHeader(file) {
      self = .multiboot1(headerOffset: headerOffset)
    } else if file.has(Self.elfMagic, at: 0) {
      self = .elf
    } else if file.has(Self.linuxMagic, at: 0x202) {
      self = .linux
    } else {
      self = .unknown(Self.reason(file))
    }
  }

  /// Formats that are recognised only to say what they are.
  private static let known: [(magic: [UInt8], offset: Int, name: String)] = [
    ([0x1F, 0x8B], 0, "gzip-compressed data"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A], 0, "XZ-compressed data"),
    ([0x28, 0xB5, 0x2F, 0xFD], 0, "Zstandard-compressed data"),
    ([0x42, 0x5A, 0x68], 0, "bzip2-compressed data"),
    ([0x30, 0x37, 0x30, 0x37, 0x30], 0, "a cpio archive (an initrd?)"),
    ([0xCF, 0xFA, 0xED, 0xFE], 0, "a Mach-O file"),
    ([0x43, 0x44, 0x30, 0x30, 0x31], 0x8001, "an ISO 9660 image"),
    ([0x55, 0xAA], 0x1FE, "a boot sector or an EFI program without a Linux header"),
    ([0x4D, 0x5A], 0, "an EFI or DOS program without a Linux header"),
  ]

  private static func reason(_ file: BootFile) -> BootError {
    var found = "bytes"
    for byte in file.bytes.prefix(8) { found += (byte < 16 ? " 0" : " ") + String(byte, radix: 16) }
    for format in known where file.has(format.magic, at: format.offset) {
      found = format.name
      break
    }
    if Multiboot1.findMagic(file, 0xE852_50D6, alignment: 8, limit: 32768) != nil {
      found = "a multiboot 2 kernel"
    }
    return file.failure(
      "format", at: 0, found: found,
      expected: "a Linux bzImage (\"HdrS\" at 0x202), an ELF kernel with a PVH note, or a multiboot 1 header")
  }
}
