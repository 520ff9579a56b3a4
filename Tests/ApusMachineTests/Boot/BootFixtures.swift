import ApusMachine
import Testing

/// Guest RAM of any size that stores only the pages written.
final class SparseMemory: BootMemory {
  let size: UInt64
  private let map: MemoryMap
  private var pages: [UInt64: [UInt8]] = [:]

  init(_ map: MemoryMap) {
    self.map = map
    size = map.ramSize
  }

  private func isRAM(_ physical: UInt64, _ count: UInt64) -> Bool {
    let (end, overflow) = physical.addingReportingOverflow(count)
    guard !overflow else { return false }
    let high = MemoryMap.highRAMStart
    return end <= map.lowRAMSize || (physical >= high && end <= high + map.highRAMSize)
  }

  func write(_ bytes: [UInt8], _ range: Range<Int>, at physical: UInt64) -> Bool {
    guard isRAM(physical, UInt64(range.count)) else { return false }
    var at = physical
    var index = range.lowerBound
    while index < range.upperBound {
      let offset = Int(at % 4096)
      let count = min(4096 - offset, range.upperBound - index)
      var page = pages.removeValue(forKey: at / 4096) ?? [UInt8](repeating: 0, count: 4096)
      page.replaceSubrange(offset..<(offset + count), with: bytes[index..<(index + count)])
      pages[at / 4096] = page
      at += UInt64(count)
      index += count
    }
    return true
  }

  func zero(_ count: UInt64, at physical: UInt64) -> Bool {
    guard isRAM(physical, count) else { return false }
    guard count > 0 else { return true }
    for page in pages.keys where page >= physical / 4096 && page <= (physical + count - 1) / 4096 {
      let first = max(page * 4096, physical) - page * 4096
      let end = min(page * 4096 + 4096, physical + count) - page * 4096
      for i in first..<end { pages[page]?[Int(i)] = 0 }
    }
    return true
  }

  subscript(_ physical: UInt64) -> UInt8 { pages[physical / 4096]?[Int(physical % 4096)] ?? 0 }

  func bytes(_ physical: UInt64, _ count: Int) -> [UInt8] {
    (0..<UInt64(count)).map { self[physical + $0] }
  }

  func integer<T: FixedWidthInteger>(_ physical: UInt64, _ type: T.Type = T.self) -> T {
    var value: T = 0
    for i in 0..<(T.bitWidth / 8) { value |= T(truncatingIfNeeded: self[physical + UInt64(i)]) << T(8 * i) }
    return value
  }

  func text(_ physical: UInt64) -> String {
    var bytes: [UInt8] = []
    while self[physical + UInt64(bytes.count)] != 0 && bytes.count < 70000 {
      bytes.append(self[physical + UInt64(bytes.count)])
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A machine's memory after loading, and the state that the loader returned.
struct Booted {
  let memory: SparseMemory
  let map: MemoryMap
  let state: BootState

  init(_ source: BootSource, ramSize: UInt64 = 64 << 20, rsdp: UInt64 = 0xF_0000) throws(BootError) {
    map = try MemoryMap(ramSize: ramSize)
    memory = SparseMemory(map)
    state = try source.load(into: memory, map: map, acpiRSDP: rsdp)
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014), seeded: the same cases in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension BootSource {
  static func kernel(_ bytes: [UInt8], _ commandLine: String = "", _ modules: [BootModule] = []) -> BootSource
  {
    .kernel(
      BootFile(role: "kernel", name: "vmlinuz", bytes: bytes), commandLine: commandLine, modules: modules)
  }
}

func initrd(_ bytes: [UInt8]) -> BootModule {
  BootModule(file: BootFile(role: "initrd", name: "initrd.img", bytes: bytes))
}

/// The error of a source that must not boot.
func failure(_ source: BootSource, ramSize: UInt64 = 64 << 20) -> BootError? {
  do {
    _ = try Booted(source, ramSize: ramSize)
    return nil
  } catch {
    return error
  }
}

/// Images built by the layout tables of their specifications.
enum Image {
  /// A bzImage of protocol 2.15 with 4 setup sectors; the payload counts its bytes modulo 251.
  static func linux(
    version: UInt16 = 0x020F, payload: Int = 0x2000, prefAddress: UInt64 = 0x10_0000,
    initSize: UInt32 = 0x8000, has64BitEntry: Bool = true, isRelocatable: Bool = true
  ) -> [UInt8] {
    var image = [UInt8](repeating: 0, count: 5 * 512)
    image.put(UInt8(4), at: 0x1F1)
    image.put(UInt32(payload / 16), at: 0x1F4)
    image.put(UInt16(0xAA55), at: 0x1FE)
    image.put(UInt16(0x6AEB), at: 0x200)
    image.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
    image.put(version, at: 0x206)
    image.put(UInt8(1), at: 0x211)
    image.put(UInt32(0x10_0000), at: 0x214)
    if version >= 0x0203 { image.put(UInt32(0x7FFF_FFFF), at: 0x22C) }
    if version >= 0x0205 {
      image.put(UInt32(0x1000), at: 0x230)
      image.put(UInt8(isRelocatable ? 1 : 0), at: 0x234)
    }
    if version >= 0x0206 { image.put(UInt32(2047), at: 0x238) }
    if version >= 0x020A {
      image.put(prefAddress, at: 0x258)
      image.put(initSize, at: 0x260)
    }
    if version >= 0x020C { image.put(UInt16(has64BitEntry ? 1 : 0), at: 0x236) }
    return image + (0..<payload).map { UInt8($0 % 251) }
  }

  /// A file name and contents as a "newc" cpio member.
  static func cpioMember(_ name: String, _ contents: [UInt8]) -> [UInt8] {
    func hex(_ value: Int) -> [UInt8] {
      let digits = String(value, radix: 16)
      return Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
    }
    let fields = [1, 0o100644, 0, 0, 1, 0, contents.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
    var member = Array("070701".utf8) + fields.flatMap(hex) + Array(name.utf8) + [0]
    while member.count % 4 != 0 { member.append(0) }
    member += contents
    while member.count % 4 != 0 { member.append(0) }
    return member
  }

  static func cpio(_ size: Int = 5000) -> [UInt8] {
    cpioMember("init", (0..<size).map { UInt8($0 % 253) }) + cpioMember("TRAILER!!!", [])
  }

  /// An ELF executable with one loadable segment of `contents` at `physical` (virtual: 0xC0000000 higher),
  /// `extra` bytes of BSS, and, with `note`, a PVH note. Sections are not described.
  static func elf(
    wide: Bool, physical: UInt64 = 0x10_0000, contents: [UInt8], extra: UInt64 = 0x3000, note: UInt32? = nil,
    entry: UInt64? = nil
  ) -> [UInt8] {
    let headerSize = wide ? 64 : 52
    let entrySize = wide ? 56 : 32
    let count = note == nil ? 1 : 2
    var notes: [UInt8] = []
    if let note {
      // A note of another owner first, with sizes that need padding.
      for value in [5, 3, 7] { notes.append(littleEndian: UInt32(value)) }
      notes += Array("Test\0".utf8) + [0, 0, 0, 1, 2, 3, 0]
      for value in [4, wide ? 8 : 4, 18] { notes.append(littleEndian: UInt32(value)) }
      notes += Array("Xen\0".utf8)
      notes.append(littleEndian: note)
      if wide { notes.append(littleEndian: UInt32(0)) }
    }
    let notesAt = headerSize + entrySize * count
    let contentsAt = (notesAt + notes.count + 15) & ~15
    var image = [UInt8](repeating: 0, count: contentsAt) + contents
    image.replaceSubrange(notesAt..<(notesAt + notes.count), with: notes)
    image.replaceSubrange(0..<7, with: [0x7F, 0x45, 0x4C, 0x46, wide ? 2 : 1, 1, 1])
    image.put(UInt16(2), at: 16)
    image.put(UInt16(wide ? 62 : 3), at: 18)
    image.put(UInt32(1), at: 20)
    let virtualEntry = entry ?? physical + 0xC000_0000
    if wide { image.put(virtualEntry, at: 24) } else { image.put(UInt32(virtualEntry), at: 24) }
    if wide { image.put(UInt64(headerSize), at: 32) } else { image.put(UInt32(headerSize), at: 28) }
    image.put(UInt16(headerSize), at: wide ? 52 : 40)
    image.put(UInt16(entrySize), at: wide ? 54 : 42)
    image.put(UInt16(count), at: wide ? 56 : 44)
    let size = UInt64(contents.count)
    programHeader(
      &image, headerSize, wide, 1, UInt64(contentsAt), physical, size, size + extra)
    if note != nil {
      let length = UInt64(notes.count)
      programHeader(&image, headerSize + entrySize, wide, 4, UInt64(notesAt), 0, length, length)
    }
    return image
  }

  private static func programHeader(
    _ image: inout [UInt8], _ at: Int, _ wide: Bool, _ type: UInt32, _ offset: UInt64, _ physical: UInt64,
    _ fileSize: UInt64, _ memorySize: UInt64
  ) {
    image.put(type, at: at)
    let fields = [offset, physical &+ 0xC000_0000, physical, fileSize, memorySize]
    for (i, value) in fields.enumerated() {
      if wide {
        image.put(value, at: at + 8 + 8 * i)
      } else {
        image.put(UInt32(truncatingIfNeeded: value), at: at + 4 + 4 * i)
      }
    }
    if wide { image.put(UInt64(4), at: at + 48) } else { image.put(UInt32(4), at: at + 28) }
  }

  /// A multiboot 1 header.
  static func multibootHeader(_ flags: UInt32, _ addresses: [UInt32] = []) -> [UInt8] {
    var header: [UInt8] = []
    for value in [0x1BAD_B002, flags, 0 &- 0x1BAD_B002 &- flags] + addresses {
      header.append(littleEndian: value)
    }
    return header
  }
}
