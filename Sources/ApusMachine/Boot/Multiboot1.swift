import ApusBase

/// Kernels with a multiboot header (GNU "Multiboot Specification version 0.6.96"; section titles below are
/// that document's): ELF, or any format described by the header's own addresses (the a.out kludge).
struct Multiboot1 {
  static let headerMagic: UInt32 = 0x1BAD_B002
  /// In EAX at entry.
  static let loaderMagic: UInt64 = 0x2BAD_B002
  static let loaderName = "Apus"

  let file: BootFile
  let headerOffset: UInt64
  let flags: UInt32

  /// Bits 0 to 15 are requirements. Known: 0 page-aligned modules, 1 memory information, 2 video mode.
  private static let knownRequirements: UInt32 = 0x7

  init(_ file: BootFile, headerOffset: Int) throws(BootError) {
    self.file = file
    self.headerOffset = UInt64(headerOffset)
    flags = try file.read(UInt32.self, at: self.headerOffset + 4, "flags")
    let unknown = flags & 0xFFFF & ~Self.knownRequirements
    guard unknown == 0 else {
      throw file.failure(
        "flags", at: self.headerOffset + 4, found: hexadecimal(UInt64(flags)),
        expected: "no required features (bits 15:0) but bits 0, 1 and 2")
    }
  }

  /// The offset of a header with a right checksum ("OS image format": within the first 8192 bytes, aligned
  /// to 4); nil if there is none.
  static func findHeader(_ file: BootFile) -> Int? {
    findMagic(file, headerMagic, alignment: 4, limit: 8192)
  }

  /// The offset of `magic` where it and the following words sum to zero: two more for multiboot 1, three
  /// for multiboot 2.
  static func findMagic(_ file: BootFile, _ magic: UInt32, alignment: Int, limit: Int) -> Int? {
    let words = magic == headerMagic ? 3 : 4
    let bytes = file.bytes
    var at = 0
    while at + words * 4 <= min(bytes.count, limit) {
      if bytes[at] == UInt8(magic & 0xFF), bytes[at + 3] == UInt8(magic >> 24) {
        var sum: UInt32 = 0
        for i in 0..<words { sum &+= word(bytes, at + 4 * i) }
        if sum == 0 && word(bytes, at) == magic { return at }
      }
      at += alignment
    }
    return nil
  }

  private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
  }

  /// Loads kernel, modules and boot information.
  func load(_ request: BootRequest, _ placement: inout Placement) throws(BootError) -> BootState {
    var state = BootState()
    if flags.bit(16) {
      state.rip = try loadByAddresses(&placement)
    } else {
      state.rip = try loadELF(&placement)
    }
    if flags.bit(2) {
      state.notices.append(
        "kernel \"\(file.name)\" asks for a video mode; there is no display, so it gets no video information")
    }
    // "Machine state": flat 32-bit segments, A20 open, paging and interrupts off; ESP, GDTR and IDTR are the
    // kernel's to set.
    try state.enterProtectedMode(code: .flatCode32(BootState.codeSelector), &placement)
    state[.rax] = Self.loaderMagic
    state[.rbx] = try information(request, &placement)
    return state
  }

  private func loadELF(_ placement: inout Placement) throws(BootError) -> UInt64 {
    guard file.has(ImageKind.elfMagic, at: 0) else {
      throw file.failure(
        "flags", at: headerOffset + 4, found: hexadecimal(UInt64(flags)) + " in a file that is not ELF",
        expected: "bit 16 set and load addresses in the header")
    }
    let image = try ELFImage(file)
    try image.load(&placement)
    guard let entry = image.physicalEntry, entry <= UInt64(UInt32.max) else {
      throw file.failure(
        "e_entry", at: 24, found: hexadecimal(image.entry),
        expected: "an address in a loaded segment below 4 GiB")
    }
    return entry
  }

  /// "The address fields of Multiboot header"; the result is the entry address.
  private func loadByAddresses(_ placement: inout Placement) throws(BootError) -> UInt64 {
    func field(_ index: UInt64, _ name: String) throws(BootError) -> UInt64 {
      UInt64(try file.read(UInt32.self, at: headerOffset + 12 + 4 * index, name))
    }
    let header = try field(0, "header_addr")
    let load = try field(1, "load_addr")
    let loadEnd = try field(2, "load_end_addr")
    let bssEnd = try field(3, "bss_end_addr")
    let entry = try field(4, "entry_addr")
    guard load <= header && header - load <= headerOffset else {
      throw file.failure(
        "load_addr", at: headerOffset + 16, found: hexadecimal(load),
        expected: "header_addr (\(hexadecimal(header))) less at most the header's offset")
    }
    let start = headerOffset - (header - load)
    // Zero: "the text and data segments occupy the whole OS image file".
    guard loadEnd == 0 || loadEnd > load else {
      throw file.failure(
        "load_end_addr", at: headerOffset + 20, found: hexadecimal(loadEnd),
        expected: "0 or more than load_addr, \(hexadecimal(load))")
    }
    let count = loadEnd == 0 ? file.size - start : loadEnd - load
    let contents = try file.range(start, count, "contents up to load_end_addr")
    let end = max(load + count, bssEnd)
    guard bssEnd == 0 || bssEnd >= load + count else {
      throw file.failure(
        "bss_end_addr", at: headerOffset + 24, found: hexadecimal(bssEnd),
        expected: "0 or at least the end of the contents, \(hexadecimal(load + count))")
    }
    guard placement.claim(load, end - load) else {
      throw file.failure(
        "load_addr", at: headerOffset + 16, found: "\(hexadecimal(end - load)) bytes at \(hexadecimal(load))",
        expected: "RAM (\(placement.map.ramSize >> 20) MiB given)")
    }
    guard entry >= load && entry < end else {
      throw file.failure(
        "entry_addr", at: headerOffset + 28, found: hexadecimal(entry),
        expected: "\(hexadecimal(load)) to \(hexadecimal(end)), where the kernel is loaded")
    }
    try placement.store(file, contents, at: load)
    try placement.zero(end - load - count, at: load + count)
    return entry
  }

  /// "Boot information format"; the result is the structure's physical address.
  private func information(
    _ request: BootRequest, _ placement: inout Placement
  ) throws(BootError) -> UInt64 {
    // The kernel's name comes first, as loaders of this specification have it and kernels skip it.
    let text = request.commandLine.isEmpty ? file.name : file.name + " " + request.commandLine
    let commandLine = try placement.storeLow(
      try BootRequest.terminated(text, role: "command line"), alignment: 4, "command line")
    let name = try placement.storeLow(
      try BootRequest.terminated(Self.loaderName, role: "loader"), alignment: 4, "boot_loader_name")
    var modules: [UInt8] = []
    for module in request.modules {
      let arguments = module.commandLine
      let string = arguments.isEmpty ? module.file.name : module.file.name + " " + arguments
      // Whole pages satisfy flag 0 and do no harm without it.
      let (address, text) = try ModulePlacement.place(module, alignment: 4096, text: string, &placement)
      for value in [address, address + module.file.size, text, 0] {
        modules.append(littleEndian: UInt32(truncatingIfNeeded: value))
      }
    }
    var memoryMap: [UInt8] = []
    for region in placement.map.regions {
      memoryMap.append(littleEndian: UInt32(20))
      memoryMap.append(littleEndian: region.start)
      memoryMap.append(littleEndian: region.size)
      memoryMap.append(littleEndian: region.kind.rawValue)
    }
    let mapAddress = try placement.storeLow(memoryMap, alignment: 4, "mmap")
    let moduleList = modules.isEmpty ? 0 : try placement.storeLow(modules, alignment: 4, "mods")
    var table = [UInt8](repeating: 0, count: 120)
    // Valid: 0 memory, 2 command line, 3 modules, 6 memory map, 9 loader name.
    table.put(UInt32(0x24D), at: 0)
    table.put(UInt32(MemoryMap.extendedBIOSDataArea.lowerBound / 1024), at: 4)
    let extendedKiB = (placement.map.extendedRAMEnd - 0x10_0000) / 1024
    table.put(UInt32(truncatingIfNeeded: extendedKiB), at: 8)
    table.put(UInt32(truncatingIfNeeded: commandLine), at: 16)
    table.put(UInt32(request.modules.count), at: 20)
    table.put(UInt32(truncatingIfNeeded: moduleList), at: 24)
    table.put(UInt32(memoryMap.count), at: 44)
    table.put(UInt32(truncatingIfNeeded: mapAddress), at: 48)
    table.put(UInt32(truncatingIfNeeded: name), at: 64)
    return try placement.storeLow(table, alignment: 4, "multiboot information")
  }
}
