/// The parts of an ELF executable that loading needs (System V gABI, "ELF Header" and "Program Header"),
/// validated against the file.
struct ELFImage {
  /// One program header.
  struct Segment {
    let type: UInt32
    let offset: UInt64
    let virtualAddress: UInt64
    let physical: UInt64
    let fileSize: UInt64
    let memorySize: UInt64
    let alignment: UInt64
    /// Where the program header stands in the file.
    let headerOffset: UInt64
  }

  static let loadable: UInt32 = 1  // PT_LOAD
  static let note: UInt32 = 4  // PT_NOTE
  /// More program headers than this are refused; kernels have fewer than ten.
  static let segmentsLimit: UInt16 = 256

  let file: BootFile
  let is64Bit: Bool
  /// The entry point's virtual address.
  let entry: UInt64
  let segments: [Segment]

  init(_ file: BootFile) throws(BootError) {
    self.file = file
    let identification: [(offset: UInt64, field: String, allowed: [UInt8], expected: String)] = [
      (4, "EI_CLASS", [1, 2], "1 (32-bit) or 2 (64-bit)"),
      (5, "EI_DATA", [1], "1 (little-endian)"),
      (6, "EI_VERSION", [1], "1"),
    ]
    for check in identification {
      let value = try file.read(UInt8.self, at: check.offset, check.field)
      guard check.allowed.contains(value) else {
        throw file.failure(check.field, at: check.offset, found: "\(value)", expected: check.expected)
      }
    }
    let wide = file.bytes[4] == 2
    is64Bit = wide
    let type = try file.read(UInt16.self, at: 16, "e_type")
    guard type == 2 || type == 3 else {
      throw file.failure("e_type", at: 16, found: "\(type)", expected: "2 (ET_EXEC) or 3 (ET_DYN)")
    }
    let machine = try file.read(UInt16.self, at: 18, "e_machine")
    guard machine == (wide ? 62 : 3) else {
      throw file.failure(
        "e_machine", at: 18, found: "\(machine)", expected: wide ? "62 (EM_X86_64)" : "3 (EM_386)")
    }
    entry =
      wide
      ? try file.read(UInt64.self, at: 24, "e_entry") : UInt64(try file.read(UInt32.self, at: 24, "e_entry"))
    let table =
      wide
      ? try file.read(UInt64.self, at: 32, "e_phoff") : UInt64(try file.read(UInt32.self, at: 28, "e_phoff"))
    let entrySizeAt: UInt64 = wide ? 54 : 42
    let entrySize = try file.read(UInt16.self, at: entrySizeAt, "e_phentsize")
    guard entrySize == (wide ? 56 : 32) else {
      throw file.failure(
        "e_phentsize", at: entrySizeAt, found: "\(entrySize)", expected: wide ? "56" : "32")
    }
    let count = try file.read(UInt16.self, at: entrySizeAt + 2, "e_phnum")
    guard count >= 1 && count <= Self.segmentsLimit else {
      throw file.failure(
        "e_phnum", at: entrySizeAt + 2, found: "\(count)", expected: "1 to \(Self.segmentsLimit)")
    }
    _ = try file.range(table, UInt64(count) * UInt64(entrySize), "program headers")
    var segments: [Segment] = []
    for i in 0..<UInt64(count) {
      segments.append(try Self.segment(file, wide, at: table + i * UInt64(entrySize)))
    }
    self.segments = segments
  }

  private static func segment(
    _ file: BootFile, _ wide: Bool, at: UInt64
  ) throws(BootError) -> Segment {
    let type = try file.read(UInt32.self, at: at, "p_type")
    let segment: Segment
    if wide {
      segment = Segment(
        type: type, offset: try file.read(at: at + 8, "p_offset"),
        virtualAddress: try file.read(at: at + 16, "p_vaddr"),
        physical: try file.read(at: at + 24, "p_paddr"), fileSize: try file.read(at: at + 32, "p_filesz"),
        memorySize: try file.read(at: at + 40, "p_memsz"), alignment: try file.read(at: at + 48, "p_align"),
        headerOffset: at)
    } else {
      segment = Segment(
        type: type, offset: UInt64(try file.read(UInt32.self, at: at + 4, "p_offset")),
        virtualAddress: UInt64(try file.read(UInt32.self, at: at + 8, "p_vaddr")),
        physical: UInt64(try file.read(UInt32.self, at: at + 12, "p_paddr")),
        fileSize: UInt64(try file.read(UInt32.self, at: at + 16, "p_filesz")),
        memorySize: UInt64(try file.read(UInt32.self, at: at + 20, "p_memsz")),
        alignment: UInt64(try file.read(UInt32.self, at: at + 28, "p_align")), headerOffset: at)
    }
    if type == loadable {
      guard segment.fileSize <= segment.memorySize else {
        throw file.failure(
          "p_filesz", at: at + (wide ? 32 : 16), found: hexadecimal(segment.fileSize),
          expected: "at most p_memsz, \(hexadecimal(segment.memorySize))")
      }
      if segment.fileSize > 0 { _ = try file.range(segment.offset, segment.fileSize, "segment contents") }
    }
    return segment
  }

  /// Copies the loadable segments to their physical addresses and zeroes what follows them.
  func load(_ placement: inout Placement) throws(BootError) {
    var isEmpty = true
    for segment in segments where segment.type == Self.loadable && segment.memorySize > 0 {
      isEmpty = false
      guard placement.claim(segment.physical, segment.memorySize) else {
        throw file.failure(
          "p_paddr", at: segment.headerOffset + (is64Bit ? 24 : 12),
          found: "\(hexadecimal(segment.memorySize)) bytes at \(hexadecimal(segment.physical))",
          expected: "free RAM (\(placement.map.ramSize >> 20) MiB given), outside other segments")
      }
      if segment.fileSize > 0 {
        let contents = try file.range(segment.offset, segment.fileSize, "segment contents")
        try placement.store(file, contents, at: segment.physical)
      }
      try placement.zero(
        segment.memorySize - segment.fileSize, at: segment.physical + segment.fileSize)
    }
    guard !isEmpty else {
      throw file.failure(
        "e_phnum", at: is64Bit ? 56 : 44, found: "no loadable segment", expected: "at least one PT_LOAD")
    }
  }

  /// Whether `physical` lies in a loaded segment.
  func isLoaded(_ physical: UInt64) -> Bool {
    for segment in segments where segment.type == Self.loadable && physical >= segment.physical {
      if physical - segment.physical < segment.memorySize { return true }
    }
    return false
  }

  /// The physical address of the virtual address `entry`; nil if no segment holds it.
  var physicalEntry: UInt64? {
    for segment in segments where segment.type == Self.loadable && entry >= segment.virtualAddress {
      let distance = entry - segment.virtualAddress
      if distance < segment.memorySize { return segment.physical &+ distance }
    }
    return isLoaded(entry) ? entry : nil
  }
}
