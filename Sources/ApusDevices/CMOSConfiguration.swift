/// What PC firmware keeps in the RTC's RAM: sizes, equipment and boot order. The byte assignments are the
/// IBM AT's (Technical Reference, "CMOS RAM Address Map") and, where that is silent, QEMU's, which SeaBIOS
/// and OVMF read: 34h/35h, 38h, 3Dh, 5Bh–5Dh and 5Fh.
package struct CMOSConfiguration {
  /// A boot device as bytes 38h and 3Dh number it.
  package enum BootDevice: UInt8 {
    case none = 0, floppy, hardDisk, cdrom, network
  }

  /// A diskette drive as byte 10h numbers it.
  package enum FloppyDrive: UInt8 {
    case none = 0
    case k360, m1_2, k720, m1_44, m2_88
  }

  /// Bytes of RAM below 4 GiB, from address 0.
  package var memoryBelow4GiB: UInt64
  /// Bytes of RAM from 4 GiB upwards.
  package var memoryAbove4GiB: UInt64
  /// Up to three devices in the order in which firmware tries them.
  package var bootOrder: [BootDevice] = [.hardDisk, .floppy, .cdrom]
  /// Whether firmware checks a floppy disk's boot signature.
  package var checksFloppySignature = true
  /// Drives A: and B:.
  package var floppies: (FloppyDrive, FloppyDrive) = (.none, .none)
  /// The number of processors, at least 1.
  package var processors: Int = 1

  /// A configuration with sizes in bytes.
  package init(memoryBelow4GiB: UInt64, memoryAbove4GiB: UInt64 = 0) {
    self.memoryBelow4GiB = memoryBelow4GiB
    self.memoryAbove4GiB = memoryAbove4GiB
  }

  /// The 128 bytes of RAM; the clock's own registers are 0.
  package var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 128)
    writeMemorySizes(&bytes)
    bytes[0x10] = floppies.0.rawValue << 4 | floppies.1.rawValue
    // Equipment: bit 1 coprocessor, bit 2 pointing device, bit 0 and bits 7:6 diskette drives less one.
    bytes[0x14] = 0x06
    if floppies.0 != .none || floppies.1 != .none { bytes[0x14] |= 0x01 }
    if floppies.0 != .none && floppies.1 != .none { bytes[0x14] |= 0x40 }
    let order = bootOrder.prefix(3).map { $0.rawValue } + [0, 0, 0]
    bytes[0x3D] = order[1] << 4 | order[0]
    bytes[0x38] = order[2] << 4 | (checksFloppySignature ? 0 : 1)
    bytes[0x5F] = UInt8(truncatingIfNeeded: min(max(processors, 1), 256) - 1)
    Self.writeChecksum(&bytes)
    return bytes
  }

  private func writeMemorySizes(_ bytes: inout [UInt8]) {
    let KiB: UInt64 = 1 << 10
    let MiB: UInt64 = 1 << 20
    func store(_ value: UInt64, at index: Int, count: Int) {
      let value = min(value, 1 << UInt64(8 * count) - 1)
      for i in 0..<count { bytes[index + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    }
    func excess(over limit: UInt64) -> UInt64 { memoryBelow4GiB > limit ? memoryBelow4GiB - limit : 0 }
    store(min(memoryBelow4GiB / KiB, 640), at: 0x15, count: 2)
    store(excess(over: MiB) / KiB, at: 0x17, count: 2)
    store(excess(over: MiB) / KiB, at: 0x30, count: 2)
    store(excess(over: 16 * MiB) / (64 * KiB), at: 0x34, count: 2)
    store(memoryAbove4GiB / (64 * KiB), at: 0x5B, count: 3)
  }

  /// Bytes 2Eh (high) and 2Fh (low): the sum of bytes 10h–2Dh.
  package static func writeChecksum(_ bytes: inout [UInt8]) {
    var sum: UInt16 = 0
    for index in 0x10...0x2D { sum &+= UInt16(bytes[index]) }
    bytes[0x2E] = UInt8(truncatingIfNeeded: sum >> 8)
    bytes[0x2F] = UInt8(truncatingIfNeeded: sum)
  }
}
