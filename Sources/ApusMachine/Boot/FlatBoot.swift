/// Programs without a header: raw bytes at a physical address.
enum FlatBoot {
  /// Where real-mode programs may lie: conventional memory.
  private static let conventional = 0..<MemoryMap.extendedBIOSDataArea.lowerBound

  /// Loads `file` at `address` and starts it there, or at `entry`.
  ///
  /// Below 1 MiB: real mode. CS:IP is 0000:entry for an entry in the first 64 KiB, otherwise
  /// entry/16:entry%16; DS, ES, FS, GS equal CS; SS:SP is 9000:FC00, the top of conventional memory.
  ///
  /// From 1 MiB: 32-bit protected mode with flat segments (selectors 10h code, 18h data), paging and
  /// interrupts off, ESP 9FC00h.
  static func load(
    _ file: BootFile, at address: UInt64, entry: UInt64?, _ placement: inout Placement
  ) throws(BootError) -> BootState {
    guard file.size > 0 else {
      throw file.failure("size", at: 0, found: "an empty file", expected: "a program")
    }
    let isReal = address < 0x10_0000
    let entry = entry ?? address
    guard placement.claim(address, file.size) else {
      let limit = isReal ? conventional.upperBound : placement.map.extendedRAMEnd
      throw file.failure(
        "load address", found: "\(file.size) bytes at \(hexadecimal(address))",
        expected: "an end within RAM at \(hexadecimal(limit))")
    }
    guard entry >= address, entry - address < file.size else {
      throw file.failure(
        "entry address", found: hexadecimal(entry),
        expected: "an address within the program at \(hexadecimal(address))")
    }
    guard entry <= UInt64(UInt32.max) else {
      throw file.failure(
        "entry address", found: hexadecimal(entry),
        expected: "an address below 4 GiB, which 32-bit code can reach")
    }
    try BIOSData.write(&placement)
    var state = BootState()
    if isReal {
      try BIOSData.writeInterruptVectors(placement)
      let selector = entry < 0x1_0000 ? 0 : UInt16(truncatingIfNeeded: entry >> 4)
      state.cs = .realCode(selector)
      let data = SegmentState.real(selector)
      (state.ds, state.es, state.fs, state.gs) = (data, data, data, data)
      state.ss = .real(0x9000)
      state[.rsp] = 0xFC00
      state.rip = entry - UInt64(selector) << 4
    } else {
      try state.enterProtectedMode(code: .flatCode32(BootState.codeSelector), &placement)
      state[.rsp] = conventional.upperBound
      state.rip = entry
    }
    // Last, so that a program at address 0 brings its own interrupt vectors.
    try placement.store(file, 0..<file.bytes.count, at: address)
    return state
  }
}

/// What a PC's firmware leaves in low memory for those that look there.
enum BIOSData {
  /// Writes the fields of the BIOS data area that describe the board: the serial ports' base addresses
  /// (0040:0000), the segment of the extended area (0040:000E) and the KiB below it (0040:0013); and the
  /// extended area's size in KiB, its first byte.
  static func write(_ placement: inout Placement) throws(BootError) {
    var area = [UInt8](repeating: 0, count: 0x100)
    for (i, port) in [0x3F8, 0x2F8, 0x3E8, 0x2E8].enumerated() { area.put(UInt16(port), at: 2 * i) }
    let extended = MemoryMap.extendedBIOSDataArea
    area.put(UInt16(truncatingIfNeeded: extended.lowerBound >> 4), at: 0x0E)
    area.put(UInt16(truncatingIfNeeded: extended.lowerBound >> 10), at: 0x13)
    try placement.store(area, at: 0x400)
    try placement.store([1], at: extended.lowerBound)
  }

  /// Real-mode code that reports a call of the absent BIOS on port E9h and the first serial port, then
  /// halts for good. SI is the text's offset in the segment.
  static let reportCode: [UInt8] = [
    0xFA,  // cli
    0xFC,  // cld
    0xBE, 0x00, 0x00,  // mov si, text (filled in)
    0x2E, 0xAC,  // next: cs lodsb
    0x84, 0xC0,  // test al, al
    0x74, 0x08,  // jz halt
    0xE6, 0xE9,  // out 0E9h, al
    0xBA, 0xF8, 0x03,  // mov dx, 3F8h
    0xEE,  // out dx, al
    0xEB, 0xF2,  // jmp next
    0xF4,  // halt: hlt
    0xEB, 0xFD,  // jmp halt
  ]
  static let reportText = "\r\nInterrupt or exception in real mode, but this machine has no BIOS. Halted.\r\n"

  /// Points all 256 real-mode vectors at `reportCode`, which lies in the extended BIOS data area.
  static func writeInterruptVectors(_ placement: Placement) throws(BootError) {
    let segment = UInt16(truncatingIfNeeded: MemoryMap.extendedBIOSDataArea.lowerBound >> 4)
    let offset: UInt16 = 0x10
    var code = reportCode
    code.put(offset + UInt16(code.count), at: 3)
    code += Array(reportText.utf8) + [0]
    try placement.store(code, at: UInt64(segment) << 4 + UInt64(offset))
    var vectors: [UInt8] = []
    for _ in 0..<256 {
      vectors.append(littleEndian: offset)
      vectors.append(littleEndian: segment)
    }
    try placement.store(vectors, at: 0)
  }
}
