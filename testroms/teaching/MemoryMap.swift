// Where RAM is, from the CMOS bytes in which PC firmware keeps its findings, in the form of the E820 map
// that a BIOS would make of them.

enum CMOS {
  static func read(_ index: UInt8) -> UInt8 {
    portWrite8(0x70, index)
    return portRead8(0x71)
  }

  static func read16(_ low: UInt8, _ high: UInt8) -> UInt64 {
    UInt64(read(low)) | UInt64(read(high)) << 8
  }
}

struct MemoryRange {
  var start: UInt64
  var length: UInt64
  var usable: Bool
  var text: StaticString

  var end: UInt64 { start + length }
}

enum MemoryMap {
  /// Enough for every range that `detect` can add.
  nonisolated(unsafe) private static var ranges = InlineArray<7, MemoryRange>(
    repeating: MemoryRange(start: 0, length: 0, usable: false, text: ""))
  nonisolated(unsafe) private(set) static var count = 0

  /// End of the RAM that begins at 1 MiB.
  nonisolated(unsafe) private(set) static var lowEnd: UInt64 = 0
  /// End of the RAM that begins at 4 GiB; 4 GiB if there is none.
  nonisolated(unsafe) private(set) static var highEnd: UInt64 = 1 << 32

  static subscript(index: Int) -> MemoryRange { ranges[index] }

  private static func add(_ start: UInt64, _ end: UInt64, usable: Bool, _ text: StaticString) {
    guard end > start, count < 7 else { return }
    ranges[count] = MemoryRange(start: start, length: end - start, usable: usable, text: text)
    count += 1
  }

  /// 15h/16h: KiB below 1 MiB; 30h/31h: KiB above 1 MiB, at most 65535; 34h/35h: 64 KiB units above
  /// 16 MiB; 5Bh-5Dh: 64 KiB units above 4 GiB.
  static func detect() {
    var base = CMOS.read16(0x15, 0x16)
    if base < 64 || base > 640 { base = 640 }
    let above16 = CMOS.read16(0x34, 0x35) << 16
    let above1 = CMOS.read16(0x30, 0x31) << 10
    lowEnd = above16 > 0 ? 0x100_0000 + above16 : 0x10_0000 + above1
    let above4G = (CMOS.read16(0x5B, 0x5C) | UInt64(CMOS.read(0x5D)) << 16) << 16
    highEnd = 0x1_0000_0000 + above4G

    add(0, base << 10, usable: true, "RAM below 640 KiB")
    add(base << 10, 0x10_0000, usable: false, "video memory, adapter ROMs, copy of this ROM")
    add(0x10_0000, lowEnd, usable: true, "RAM")
    add(0xFEC0_0000, 0xFEC0_1000, usable: false, "I/O APIC")
    add(0xFEE0_0000, 0xFEE0_1000, usable: false, "local APIC")
    add(0xFFFF_0000, 0x1_0000_0000, usable: false, "this ROM")
    add(0x1_0000_0000, highEnd, usable: true, "RAM above 4 GiB")
  }

  static var usableBytes: UInt64 {
    var total: UInt64 = 0
    for index in 0..<count where ranges[index].usable { total += ranges[index].length }
    return total
  }
}
