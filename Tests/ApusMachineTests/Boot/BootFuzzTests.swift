import ApusMachine
import Testing

/// Cut-off and corrupted files: an error with all its parts, or a state that can be entered; never a trap.
@Suite struct BootFuzzTests {
  private static let body = (0..<5000).map { UInt8($0 % 247) }
  private static let images: [(name: String, bytes: [UInt8], headerSize: Int)] = [
    ("Linux, 64-bit", Image.linux(), 0x290),
    ("Linux, 32-bit", Image.linux(version: 0x0204, has64BitEntry: false), 0x290),
    ("PVH, ELF64", Image.elf(wide: true, contents: body, note: 0x10_0000), 240),
    ("PVH, ELF32", Image.elf(wide: false, contents: body, note: 0x10_0000), 180),
    ("multiboot, ELF32", Image.elf(wide: false, contents: Image.multibootHeader(7) + body), 110),
    (
      "multiboot by addresses",
      Image.multibootHeader(0x1_0003, [0x10_0000, 0x10_0000, 0, 0, 0x10_0020]) + body, 32
    ),
  ]

  /// Loads and checks what every outcome must satisfy; returns whether it boots.
  private func boots(_ bytes: [UInt8], _ name: String) -> Bool {
    do {
      let modules = [initrd(Image.cpio(100))]
      let booted = try Booted(.kernel(bytes, "console=ttyS0", modules), ramSize: 8 << 20)
      let entry = booted.state.cs.base + booted.state.rip
      #expect(booted.map.isUsable(entry, 1), "\(name) enters \(entry)")
      return true
    } catch {
      #expect(!error.role.isEmpty && !error.field.isEmpty && !error.found.isEmpty && !error.expected.isEmpty)
      #expect(!error.message.utf8.contains { $0 < 0x20 }, "\(name): \(error.message)")
      return false
    }
  }

  @Test(arguments: 0..<6)
  func truncatedFilesAreRefused(index: Int) {
    let (name, bytes, _) = Self.images[index]
    #expect(boots(bytes, name))
    // A kernel without sizes in its header is complete however short, once its header is there.
    let hasNoSize = index == 5
    for count in 0..<4096 where boots(Array(bytes[..<count]), name) {
      #expect(hasNoSize && count > 32, "\(name) boots from \(count) bytes")
    }
  }

  @Test(arguments: 0..<6)
  func corruptedHeadersNeverTrap(index: Int) {
    let (name, bytes, headerSize) = Self.images[index]
    var generator = SeededGenerator(state: UInt64(index))
    let extremes: [UInt64] = [
      0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, .max, .max - 1, 1 << 63, 0x10_0000,
    ]
    var bootCount = 0
    for _ in 0..<4000 {
      var image = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let at = Int.random(in: 0..<headerSize, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: image[at] = UInt8.random(in: 0...255, using: &generator)
        case 1:
          image.put(UInt32(truncatingIfNeeded: extremes.randomElement(using: &generator) ?? 0), at: at & ~3)
        default: image.put(extremes.randomElement(using: &generator) ?? 0, at: at & ~7)
        }
      }
      if index >= 4 { Self.repairChecksum(&image) }
      if boots(image, name) { bootCount += 1 }
    }
    // Both outcomes are reached, so the cases exercise the loaders beyond the first check.
    #expect(bootCount > 20 && bootCount < 3980, "\(name): \(bootCount) boot")
  }

  /// Makes the multiboot header's checksum right, so that corruption of its other fields gets that far.
  private static func repairChecksum(_ image: inout [UInt8]) {
    for at in stride(from: 0, to: 256, by: 4) where image[at..<(at + 4)] == [0x02, 0xB0, 0xAD, 0x1B] {
      var flags: UInt32 = 0
      for i in 0..<4 { flags |= UInt32(image[at + 4 + i]) << UInt32(8 * i) }
      image.put(0 &- 0x1BAD_B002 &- flags, at: at + 8)
      return
    }
  }

  @Test func randomBytesAreRefused() {
    var generator = SeededGenerator(state: 99)
    for _ in 0..<500 {
      let count = Int.random(in: 0..<9000, using: &generator)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(!boots(bytes, "random bytes"))
    }
  }

  @Test func messagesAreOneLine() {
    let file = BootFile(role: "kernel", name: "a\u{1B}[2J\nb", bytes: [1])
    let error = failure(.kernel(file, commandLine: "", modules: []))
    #expect(
      error?.message.hasPrefix("kernel \"a?[2J?b\": format at offset 0x0: found bytes 01, expected ") == true)
  }
}
