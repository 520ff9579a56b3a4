/// ELF kernels that carry the note `XEN_ELFNOTE_PHYS32_ENTRY` (Xen docs/misc/pvh.pandoc, "x86/HVM direct
/// boot ABI"; the structures are those of Xen's public header `start_info.h`).
enum PVHBoot {
  static let startMagic: UInt32 = 0x336E_C578
  /// XEN_ELFNOTE_PHYS32_ENTRY.
  static let entryNote: UInt32 = 18
  /// Notes beyond this many bytes of a segment are not looked at.
  static let notesLimit: UInt64 = 65536

  /// Loads kernel, modules, command line and start information.
  static func load(_ request: BootRequest, _ placement: inout Placement) throws(BootError) -> BootState {
    let image = try ELFImage(request.kernel)
    guard let note = try findEntry(image) else {
      throw request.kernel.failure(
        "PT_NOTE", found: "no note 18 (XEN_ELFNOTE_PHYS32_ENTRY) of \"Xen\"",
        expected:
          "a PVH entry point (Linux: CONFIG_PVH), a multiboot header, or the bzImage instead of vmlinux")
    }
    try image.load(&placement)
    guard note.entry <= UInt64(UInt32.max) && image.isLoaded(note.entry) else {
      throw request.kernel.failure(
        "XEN_ELFNOTE_PHYS32_ENTRY", at: note.offset, found: hexadecimal(note.entry),
        expected: "an address in a loaded segment")
    }
    var state = BootState()
    try state.enterProtectedMode(code: .flatCode32(BootState.codeSelector), &placement)
    state.rip = note.entry
    state[.rbx] = try startInformation(request, &placement)
    return state
  }

  /// The entry point and the offset of the note's descriptor in the file.
  private static func findEntry(
    _ image: ELFImage
  ) throws(BootError) -> (entry: UInt64, offset: UInt64)? {
    let file = image.file
    for segment in image.segments where segment.type == ELFImage.note && segment.fileSize > 0 {
      _ = try file.range(segment.offset, segment.fileSize, "notes")
      let end = segment.offset + min(segment.fileSize, notesLimit)
      // Notes are padded to 4 bytes, in segments aligned to 8 to 8 (gABI, "Note Section").
      let padding: UInt64 = segment.alignment == 8 ? 7 : 3
      var at = segment.offset
      while end - at >= 12 {
        let nameSize = UInt64(try file.read(UInt32.self, at: at, "n_namesz"))
        let descriptorSize = UInt64(try file.read(UInt32.self, at: at + 4, "n_descsz"))
        let type = try file.read(UInt32.self, at: at + 8, "n_type")
        let descriptor = at + ((12 + nameSize + padding) & ~padding)
        let next = descriptor + ((descriptorSize + padding) & ~padding)
        guard descriptor + descriptorSize <= end else { break }
        if type == entryNote && nameSize == 4 && file.has([0x58, 0x65, 0x6E, 0], at: Int(at + 12)) {
          return (try entryAddress(file, descriptor, descriptorSize), descriptor)
        }
        guard next <= end else { break }
        at = next
      }
    }
    return nil
  }

  private static func entryAddress(
    _ file: BootFile, _ descriptor: UInt64, _ size: UInt64
  ) throws(BootError) -> UInt64 {
    switch size {
    case 4: return UInt64(try file.read(UInt32.self, at: descriptor, "XEN_ELFNOTE_PHYS32_ENTRY"))
    case 8: return try file.read(UInt64.self, at: descriptor, "XEN_ELFNOTE_PHYS32_ENTRY")
    default:
      throw file.failure(
        "XEN_ELFNOTE_PHYS32_ENTRY", at: descriptor, found: "\(size) bytes", expected: "4 or 8 bytes")
    }
  }

  /// Writes `hvm_start_info` version 1 and what it points to; the result is its physical address.
  private static func startInformation(
    _ request: BootRequest, _ placement: inout Placement
  ) throws(BootError) -> UInt64 {
    let commandLine = try placement.storeLow(
      try BootRequest.terminated(request.commandLine, role: "command line"), alignment: 16, "command line")
    var modules: [UInt8] = []
    for module in request.modules {
      let (address, text) = try ModulePlacement.place(module, alignment: 4096, &placement)
      for value in [address, module.file.size, text, 0] { modules.append(littleEndian: value) }
    }
    var memoryMap: [UInt8] = []
    for region in placement.map.regions {
      memoryMap.append(littleEndian: region.start)
      memoryMap.append(littleEndian: region.size)
      memoryMap.append(littleEndian: region.kind.rawValue)
      memoryMap.append(littleEndian: UInt32(0))
    }
    let moduleList =
      modules.isEmpty ? 0 : try placement.storeLow(modules, alignment: 16, "module list")
    let mapAddress = try placement.storeLow(memoryMap, alignment: 16, "memory map")
    var start: [UInt8] = []
    start.append(littleEndian: startMagic)
    start.append(littleEndian: UInt32(1))  // version
    start.append(littleEndian: UInt32(0))  // flags: not the initial domain
    start.append(littleEndian: UInt32(request.modules.count))
    start.append(littleEndian: moduleList)
    start.append(littleEndian: commandLine)
    start.append(littleEndian: request.acpiRSDP)
    start.append(littleEndian: mapAddress)
    start.append(littleEndian: UInt32(placement.map.regions.count))
    start.append(littleEndian: UInt32(0))
    return try placement.storeLow(start, alignment: 16, "hvm_start_info")
  }
}

/// Modules of kernels that take any number of them.
enum ModulePlacement {
  /// Writes a module as high as possible below 4 GiB, and its string into low memory; returns both
  /// physical addresses.
  static func place(
    _ module: BootModule, alignment: UInt64, text: String? = nil, _ placement: inout Placement
  ) throws(BootError) -> (address: UInt64, text: UInt64) {
    let file = module.file
    let limits = 0x10_0000..<placement.map.extendedRAMEnd
    guard
      let address = placement.allocate(file.size, alignment: alignment, in: limits, fromTop: true)
    else {
      throw file.failure(
        "size", found: "\(file.size) bytes",
        expected: "that much free RAM below \(hexadecimal(limits.upperBound)): give the guest more memory")
    }
    try placement.store(file, 0..<file.bytes.count, at: address)
    let role = "command line of " + file.role
    let bytes = try BootRequest.terminated(text ?? module.commandLine, role: role)
    return (address, try placement.storeLow(bytes, alignment: 16, role))
  }
}
