/// The Linux/x86 boot protocol, versions 2.02 to 2.15 and what later ones add compatibly (Linux
/// Documentation/arch/x86/boot.rst; section titles below are that document's). The kernel is entered at its
/// 64-bit entry point where it has one ("64-bit Boot Protocol"), otherwise in 32-bit protected mode ("32-bit
/// Boot Protocol"); the real-mode setup code never runs.
struct LinuxBoot {
  let file: BootFile
  /// Major version in the high byte, minor in the low one.
  let version: UInt16
  /// The protected-mode kernel's place in the file.
  let payload: Range<Int>
  /// Whether there is an entry point 200h bytes into the payload for 64-bit mode.
  let has64BitEntry: Bool
  let isRelocatable: Bool
  /// A power of two; 1 where the header does not say.
  let kernelAlignment: UInt64
  /// 0 where the header does not say.
  let prefAddress: UInt64
  /// Bytes from the run-time start address that the kernel needs; 0 where the header does not say.
  let initSize: UInt64
  /// The highest address that the initrd may occupy.
  let initrdAddressMax: UInt64
  /// Command line bytes, without the terminating zero.
  let commandLineMax: UInt64

  /// "Loading The Rest of The Kernel": where a kernel goes that does not choose.
  static let defaultLoadAddress: UInt64 = 0x10_0000

  /// Reads and validates the header. Throws if it is incomplete or contradicts itself or the file.
  init(_ file: BootFile) throws(BootError) {
    self.file = file
    let bootFlag = try file.read(UInt16.self, at: 0x1FE, "boot_flag")
    guard bootFlag == 0xAA55 else {
      throw file.failure(
        "boot_flag", at: 0x1FE, found: hexadecimal(UInt64(bootFlag)), expected: "0xaa55")
    }
    let version = try file.read(UInt16.self, at: 0x206, "version")
    guard version >= 0x0202 && version < 0x0300 else {
      throw file.failure(
        "version", at: 0x206, found: "boot protocol \(version >> 8).\(version & 0xFF)",
        expected: "2.02 (Linux 2.4) or a later 2.x")
    }
    self.version = version
    let loadFlags = try file.read(UInt8.self, at: 0x211, "loadflags")
    guard loadFlags & 1 != 0 else {
      throw file.failure(
        "loadflags", at: 0x211, found: hexadecimal(UInt64(loadFlags)) + " (a zImage, loaded low)",
        expected: "LOADED_HIGH (bit 0) set, as in a bzImage")
    }
    payload = try Self.payload(file, version)
    initrdAddressMax =
      version >= 0x0203
      ? UInt64(try file.read(UInt32.self, at: 0x22C, "initrd_addr_max")) : 0x37FF_FFFF
    let relocatable = version >= 0x0205 ? try file.read(UInt8.self, at: 0x234, "relocatable_kernel") : 0
    isRelocatable = relocatable != 0
    kernelAlignment = isRelocatable ? try Self.alignment(file) : 1
    commandLineMax =
      version >= 0x0206
      ? UInt64(try file.read(UInt32.self, at: 0x238, "cmdline_size")) : 255
    prefAddress = version >= 0x020A ? try file.read(UInt64.self, at: 0x258, "pref_address") : 0
    initSize = version >= 0x020A ? UInt64(try file.read(UInt32.self, at: 0x260, "init_size")) : 0
    let extendedFlags = version >= 0x020C ? try file.read(UInt16.self, at: 0x236, "xloadflags") : 0
    has64BitEntry = extendedFlags & 1 != 0
    guard !has64BitEntry || payload.count > 0x200 else {
      throw file.failure(
        "syssize", at: 0x1F4, found: "\(payload.count) bytes of protected-mode kernel",
        expected: "more than 512, as xloadflags names a 64-bit entry point there")
    }
    if version >= 0x0208 { try checkCompressedPayload() }
  }

  /// Finds the protected-mode kernel from `setup_sects` and `syssize`.
  private static func payload(_ file: BootFile, _ version: UInt16) throws(BootError) -> Range<Int> {
    let setupSectors = try file.read(UInt8.self, at: 0x1F1, "setup_sects")
    // "For backwards compatibility, if the setup_sects field contains 0, the real value is 4."
    let start = (UInt64(setupSectors == 0 ? 4 : setupSectors) + 1) * 512
    guard start < file.size else {
      throw file.failure(
        "setup_sects", at: 0x1F1, found: "\(setupSectors), so the kernel starts at \(hexadecimal(start))",
        expected: "less than the file size \(hexadecimal(file.size))")
    }
    // Only the lower two bytes could be trusted before protocol 2.04; then the rest of the file counts.
    guard version >= 0x0204 else { return Int(start)..<file.bytes.count }
    let paragraphs = try file.read(UInt32.self, at: 0x1F4, "syssize")
    let size = UInt64(paragraphs) * 16
    // Kernels before 2.6.29 round the size up without padding the file.
    guard size > 0, size <= file.size - start + 15 else {
      throw file.failure(
        "syssize", at: 0x1F4,
        found: "\(size) bytes of protected-mode kernel from \(hexadecimal(start))",
        expected: "1 to the file's remaining \(file.size - start) (is the file cut off?)")
    }
    return Int(start)..<Int(min(start + size, file.size))
  }

  private static func alignment(_ file: BootFile) throws(BootError) -> UInt64 {
    let alignment = UInt64(try file.read(UInt32.self, at: 0x230, "kernel_alignment"))
    guard alignment != 0 && alignment & (alignment - 1) == 0 else {
      throw file.failure(
        "kernel_alignment", at: 0x230, found: hexadecimal(alignment), expected: "a power of two")
    }
    return alignment
  }

  /// `payload_offset` and `payload_length` must lie within the protected-mode kernel, if they are given.
  private func checkCompressedPayload() throws(BootError) {
    let offset = try file.read(UInt32.self, at: 0x248, "payload_offset")
    let length = try file.read(UInt32.self, at: 0x24C, "payload_length")
    guard UInt64(offset) + UInt64(length) <= UInt64(payload.count) else {
      throw file.failure(
        "payload_length", at: 0x24C, found: "\(length) bytes at \(hexadecimal(UInt64(offset)))",
        expected: "an end within the kernel's \(payload.count) bytes")
    }
  }

  /// Loads kernel, initrd, command line and boot parameters.
  func load(_ request: BootRequest, _ placement: inout Placement) throws(BootError) -> BootState {
    try BIOSData.write(&placement)
    guard request.modules.count <= 1 else {
      throw BootError(
        role: "modules", field: "number", found: "\(request.modules.count)",
        expected: "at most one initrd for a Linux kernel")
    }
    let loadAddress = try placeKernel(&placement)
    try placement.store(file, payload, at: loadAddress)
    let commandLine = try placeCommandLine(request.commandLine, &placement)
    var parameters = try bootParameters(placement.map, request)
    parameters.put(UInt32(truncatingIfNeeded: loadAddress), at: 0x214)  // code32_start
    parameters.put(UInt32(truncatingIfNeeded: commandLine), at: 0x228)  // cmd_line_ptr
    if let initrd = request.modules.first?.file {
      let address = try placeInitrd(initrd, &placement)
      parameters.put(UInt32(truncatingIfNeeded: address), at: 0x218)  // ramdisk_image
      parameters.put(UInt32(truncatingIfNeeded: initrd.size), at: 0x21C)  // ramdisk_size
    }
    let zeroPage = try placement.storeLow(parameters, alignment: 4096, "boot_params")
    var state = BootState()
    if has64BitEntry {
      try state.enterLongMode(&placement)
      state.rip = loadAddress + 0x200
    } else {
      try state.enterProtectedMode(code: .flatCode32(BootState.codeSelector), &placement)
      state.rip = loadAddress
    }
    state[.rsi] = zeroPage
    return state
  }

  /// Chooses the load address ("Details of Header Fields", `pref_address` and `init_size`) and takes the
  /// memory that the kernel needs there.
  private func placeKernel(_ placement: inout Placement) throws(BootError) -> UInt64 {
    let limit = placement.map.extendedRAMEnd
    var load = Self.defaultLoadAddress
    // Where the kernel runs: it moves itself there if that is not where it was loaded.
    var runtime = load
    if isRelocatable {
      let wanted = prefAddress == 0 ? load : prefAddress
      let (sum, overflow) = wanted.addingReportingOverflow(kernelAlignment - 1)
      load = overflow ? .max : sum & ~(kernelAlignment - 1)
      runtime = load
    } else if prefAddress != 0 {
      runtime = prefAddress
    }
    let needed = max(initSize, UInt64(payload.count))
    guard load >= Self.defaultLoadAddress, runtime >= Self.defaultLoadAddress, runtime < limit, load < limit
    else {
      throw file.failure(
        "pref_address", at: 0x258, found: hexadecimal(max(runtime, load)),
        expected: "an address in RAM from 0x100000 to \(hexadecimal(limit))")
    }
    let end = max(runtime.addingReportingOverflow(needed).partialValue, load + UInt64(payload.count))
    let start = min(load, runtime)
    guard end <= limit, placement.claim(start, end - start) else {
      let field = initSize > UInt64(payload.count) ? ("init_size", UInt64(0x260)) : ("syssize", 0x1F4)
      throw file.failure(
        field.0, at: field.1, found: "\(needed) bytes at \(hexadecimal(runtime))",
        expected: "an end within RAM at \(hexadecimal(limit)): give the guest more memory")
    }
    return load
  }

  private func placeCommandLine(
    _ text: String, _ placement: inout Placement
  ) throws(BootError) -> UInt64 {
    let bytes = try BootRequest.terminated(text, role: "command line")
    guard bytes.count - 1 <= commandLineMax else {
      throw BootError(
        role: "command line", field: "length", found: "\(bytes.count - 1) bytes",
        expected: "at most \(commandLineMax), the kernel's cmdline_size")
    }
    return try placement.storeLow(bytes, alignment: 16, "command line")
  }

  /// Places the initrd as high as the kernel allows, below 4 GiB.
  private func placeInitrd(
    _ initrd: BootFile, _ placement: inout Placement
  ) throws(BootError) -> UInt64 {
    try InitrdArchive.check(initrd)
    let end = min(initrdAddressMax + 1, placement.map.extendedRAMEnd)
    let low = Self.defaultLoadAddress
    guard end > low,
      let address = placement.allocate(initrd.size, alignment: 4096, in: low..<end, fromTop: true)
    else {
      throw initrd.failure(
        "size", found: "\(initrd.size) bytes",
        expected: "that much RAM beside the kernel below \(hexadecimal(end)): give the guest more memory")
    }
    try placement.store(initrd, 0..<initrd.bytes.count, at: address)
    return address
  }

  /// The zero page (Linux Documentation/arch/x86/zero-page.rst) but for what depends on placement. Without
  /// firmware its `screen_info` stays zero: no columns and lines, hence no display.
  private func bootParameters(_ map: MemoryMap, _ request: BootRequest) throws(BootError) -> [UInt8] {
    var page = [UInt8](repeating: 0, count: 4096)
    let jump = UInt64(try file.read(UInt8.self, at: 0x201, "jump"))
    // From protocol 2.02 the fields up to 22Ch are there whatever the jump says; the header has room up to
    // 290h, where the next member of boot_params starts.
    let end = min(max(0x202 + jump, 0x22C), 0x290)
    let header = try file.range(0x1F1, end - 0x1F1, "setup header")
    for (i, byte) in file.bytes[header].enumerated() { page[0x1F1 + i] = byte }
    if let screen = request.firmware {
      page.put(screen.column, at: 0x00)  // orig_x
      page.put(screen.row, at: 0x01)  // orig_y
      page.put(UInt8(3), at: 0x06)  // orig_video_mode
      page.put(UInt8(80), at: 0x07)  // orig_video_cols
      page.put(UInt8(25), at: 0x0E)  // orig_video_lines
      page.put(UInt8(1), at: 0x0F)  // orig_video_isVGA: VGA text
      page.put(UInt16(16), at: 0x10)  // orig_video_points
    }
    page.put(request.acpiRSDP, at: 0x70)
    let extendedKiB = (map.extendedRAMEnd - 0x10_0000) / 1024
    page.put(UInt32(truncatingIfNeeded: extendedKiB), at: 0x1E0)  // alt_mem_k
    page.put(UInt8(truncatingIfNeeded: map.regions.count), at: 0x1E8)  // e820_entries
    page.put(UInt16(0xFFFF), at: 0x1FA)  // vid_mode: normal
    page.put(UInt8(0xFF), at: 0x210)  // type_of_loader: no assigned number
    page.put(UInt8(1), at: 0x211)  // loadflags: LOADED_HIGH
    page.put(UInt64(0), at: 0x218)  // ramdisk_image, ramdisk_size
    page.put(UInt16(0), at: 0x226)  // ext_loader_ver, ext_loader_type
    if version >= 0x0207 { page.put(UInt32(0), at: 0x23C) }  // hardware_subarch: PC
    if version >= 0x0209 { page.put(UInt64(0), at: 0x250) }  // setup_data: none
    var at = 0x2D0
    for region in map.regions.prefix(128) {
      page.put(region.start, at: at)
      page.put(region.size, at: at + 8)
      page.put(region.kind.rawValue, at: at + 16)
      at += 20
    }
    return page
  }
}

/// Plausibility of an initrd. Compressed and unknown formats are the kernel's business; an uncompressed cpio
/// archive is walked, so that a cut-off file is reported here and not as a kernel panic.
enum InitrdArchive {
  /// Throws if `file` starts with a "newc" cpio archive (Linux
  /// Documentation/driver-api/early-userspace/buffer-format.rst) in which a member is cut off.
  static func check(_ file: BootFile) throws(BootError) {
    let magics: [[UInt8]] = [Array("070701".utf8), Array("070702".utf8)]
    var at: UInt64 = 0
    // Each round advances by at least the 110 bytes of a header.
    while at < file.size {
      let offset = Int(at)
      guard file.has(magics[0], at: offset) || file.has(magics[1], at: offset) else {
        let rest = file.size - at
        if rest < 6 && file.bytes[offset] == 0x30 {
          throw file.failure(
            "c_magic", at: at, found: "the end of the file after \(rest) bytes",
            expected: "a cpio header of 110 bytes")
        }
        return
      }
      _ = try file.range(at, 110, "cpio header")
      let fileSize = try hexField(file, at + 54, "c_filesize")
      let nameSize = try hexField(file, at + 94, "c_namesize")
      let name = try file.range(at + 110, nameSize, "cpio member name")
      let dataStart = (at + 110 + nameSize + 3) & ~3
      _ = try file.range(min(dataStart, file.size), fileSize, "cpio member data")
      let trailer = Array("TRAILER!!!".utf8)
      if name.count == trailer.count + 1 && file.has(trailer, at: name.lowerBound) { return }
      at = (dataStart + fileSize + 3) & ~3
    }
  }

  private static func hexField(
    _ file: BootFile, _ offset: UInt64, _ field: String
  ) throws(BootError) -> UInt64 {
    var value: UInt64 = 0
    for byte in file.bytes[try file.range(offset, 8, field)] {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default:
        throw file.failure(
          field, at: offset, found: "byte \(hexadecimal(UInt64(byte)))", expected: "eight hexadecimal digits")
      }
      value = value << 4 | UInt64(digit)
    }
    return value
  }
}
