import ApusBase

/// What the host bridge's PAM registers steer.
package protocol AttributeMap: AnyObject {
  /// PAM0 to PAM6 are now `registers`.
  func setAttributes(_ registers: [UInt8])
}

/// The host bridge of Intel's 440FX chip set, as function 00:00.0.
///
/// Source: Intel 82441FX datasheet (290549), "PCI Configuration Registers".
///
/// Departs from hardware: DRB and SMRAM hold what is written but move no memory.
package final class I440FX: PCIFunction {
  package let name = "I440FX"
  package var configuration: PCIConfiguration
  private let attributes: (any AttributeMap)?

  private static let PAM = 0x59...0x5F

  /// The bridge after RST#, whose PAM registers steer `attributes`.
  package init(attributes: (any AttributeMap)? = nil) {
    self.attributes = attributes
    configuration = PCIConfiguration(
      vendor: 0x8086, device: 0x1237, revision: 2, classCode: 0x06_0000,
      commandMask: 0x0140, command: 0x0006, status: 0x0280)
    configuration.define(byte: 0x0D, 0, writable: 0xF8)
    // PMCCFG, DETURBO, DBC, AXC, DRAMR, DRAMC, DRAMT.
    configuration.define(byte: 0x50, 0x00, writable: 0x73)
    configuration.define(byte: 0x51, 0x80, writable: 0xCC)
    configuration.define(byte: 0x52, 0x00, writable: 0xC0)
    configuration.define(byte: 0x53, 0x80, writable: 0xFF)
    configuration.define(byte: 0x54, 0x00, writable: 0xFF)
    configuration.define(byte: 0x55, 0x00, writable: 0xFF)
    configuration.define(byte: 0x56, 0x00, writable: 0xFF)
    configuration.define(byte: 0x57, 0x01, writable: 0xEF)
    configuration.define(byte: 0x58, 0x10, writable: 0x7F)
    // PAM0–PAM6 and DRB0–DRB7.
    configuration.define(byte: 0x59, 0x00, writable: 0x30)
    for offset in 0x5A...0x5F { configuration.define(byte: offset, 0x00, writable: 0x33) }
    for offset in 0x60...0x67 { configuration.define(byte: offset, 0x01, writable: 0xFF) }
    // FDHC, MTT, SMRAM, ERRCMD.
    configuration.define(byte: 0x68, 0x00, writable: 0xC0)
    configuration.define(byte: 0x70, 0x00, writable: 0xF8)
    configuration.define(byte: 0x72, 0x02, writable: 0x78)
    configuration.define(byte: 0x90, 0x00, writable: 0xFF)
  }

  package func reset(at now: VirtualTime) {
    configuration.reset()
    steer()
  }

  package func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    configuration.write(offset, value, width: width)
    if offset <= Self.PAM.upperBound && offset + width > Self.PAM.lowerBound { steer() }
  }

  /// RAM everywhere: firmware has copied what it needs.
  package func initializeAsFirmware(at now: VirtualTime) {
    configuration.write(Self.PAM.lowerBound, 0x30, width: 1)
    for offset in Self.PAM.dropFirst() { configuration.write(offset, 0x33, width: 1) }
    steer()
  }

  private func steer() { attributes?.setAttributes(Self.PAM.map { configuration[$0] }) }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in configuration.save(to: &w) }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      try configuration.restore(from: &r)
    }
    steer()
  }
}

// MARK: For people

extension I440FX {
  package var descriptions: [DeviceDescription] {
    var description = DeviceDescription("82441FX")
    for (number, offset) in Self.PAM.enumerated() {
      let register = configuration[offset]
      var halves: [String] = []
      // PAM0 has an upper half only, for the BIOS area; the others steer 16 KiB each half.
      let start: UInt32 = number == 0 ? 0xEC000 : 0xB8000 + 0x8000 * UInt32(number)
      if number > 0 { halves.append(Self.attributes(register, start)) }
      halves.append(Self.attributes(register >> 4, start + 0x4000))
      description.add("PAM\(number)", register, halves.joined(separator: ", "))
    }
    description.add("SMRAM", configuration[0x72], bits: ["", "", "", "G_SMRAME", "D_LCK", "D_CLS", "D_OPEN"])
    return [description]
  }

  /// RE and WE of half a PAM register: accesses that go to DRAM.
  private static func attributes(_ bits: UInt8, _ start: UInt32) -> String {
    let modes = bits & 3 == 0 ? ["PCI"] : DeviceDescription.set(bits, ["RE", "WE"])
    return DeviceDescription.hex(start) + " " + modes.joined(separator: " ")
  }
}

/// The ISA bridge of Intel's PIIX3, as function 00:01.0: the router between PIRQA#–PIRQD# and the
/// interrupt controllers. Its line inputs 0–3 are PIRQA#–PIRQD#.
///
/// Source: Intel 82371SB datasheet (290550), "PCI to ISA Bridge Configuration Registers" and "PIRQx Route
/// Control Registers". The 8259s, the 8254 and the other ISA functions of the chip are devices of their own.
package final class PIIX3: PCIFunction, LineSink {
  package let name = "PIIX3"
  package var configuration: PCIConfiguration
  private let pic: (any LineSink)?
  private let ioAPIC: (any LineSink)?
  private let ioAPICBase: Int
  private var levels: [Bool] = [false, false, false, false]
  /// IRQs (bit per number) that PIRQs hold asserted at the PIC.
  private var driven: UInt16 = 0

  private static let PIRQRC = 0x60
  /// The IRQs that `initializeAsFirmware` routes PIRQA#–PIRQD# to.
  package static let firmwareRoutes: [UInt8] = [10, 10, 11, 11]

  /// A bridge that drives IRQ n as input n of `pic`, as the PIRQ route control registers say, and PIRQA#–D#
  /// as inputs `ioAPICBase` and up of `ioAPIC`. Levels are active-high to both sinks.
  package init(pic: (any LineSink)?, ioAPIC: (any LineSink)?, ioAPICBase: Int = 16) {
    self.pic = pic
    self.ioAPIC = ioAPIC
    self.ioAPICBase = ioAPICBase
    configuration = PCIConfiguration(
      vendor: 0x8086, device: 0x7000, revision: 0, classCode: 0x06_0100,
      commandMask: 0x0008, command: 0x0007, status: 0x0200)
    configuration.markMultifunction()
    // IORT, XBCS, PIRQRC, TOM, MSTAT, MBIRQ, MBDMA, PCSC, APICBASE, DLC.
    configuration.define(byte: 0x4C, 0x4D, writable: 0x7F)
    configuration.define(byte: 0x4E, 0x03, writable: 0xFF)
    configuration.define(byte: 0x4F, 0x00, writable: 0x01)
    for offset in 0x60...0x63 { configuration.define(byte: offset, 0x80, writable: 0x8F) }
    configuration.define(byte: 0x69, 0x02, writable: 0xFE)
    configuration.define(byte: 0x6A, 0x00, writable: 0xD1)
    configuration.define(byte: 0x70, 0x80, writable: 0xEF)
    configuration.define(byte: 0x76, 0x0C, writable: 0x8F)
    configuration.define(byte: 0x77, 0x0C, writable: 0x8F)
    configuration.define(byte: 0x78, 0x02, writable: 0xFF)
    configuration.define(byte: 0x79, 0x00, writable: 0xFF)
    configuration.define(byte: 0x80, 0x00, writable: 0x7F)
    configuration.define(byte: 0x82, 0x00, writable: 0x0F)
    // SMI control, enable, request, and the clock throttling registers, without effect.
    configuration.define(0xA0, 0x0000_0008, writable: 0x01FF_001F)
    configuration.define(0xA4, 0x0000_0000, writable: 0xFFFF_FFFF)
    configuration.define(0xA8, 0x0000_000F, writable: 0x01FF_00FF)
    configuration.define(0xAC, 0x0000_0000, writable: 0x00FF_00FF)
  }

  package func reset(at now: VirtualTime) {
    configuration.reset()
    driveIRQs(at: now)
  }

  package func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    configuration.write(offset, value, width: width)
    if offset < Self.PIRQRC + 4 && offset + width > Self.PIRQRC { driveIRQs(at: now) }
  }

  package func initializeAsFirmware(at now: VirtualTime) {
    for (i, route) in Self.firmwareRoutes.enumerated() {
      writeConfiguration(Self.PIRQRC + i, UInt32(route), width: 1, at: now)
    }
  }

  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    guard levels.indices.contains(input), levels[input] != level else { return }
    levels[input] = level
    ioAPIC?.setLine(ioAPICBase + input, level: level, at: now)
    driveIRQs(at: now)
  }

  /// IRQs that a PIRQ may be routed to: 3–7, 9–12, 14, 15. The other codes are reserved.
  private static let routable: UInt16 = 0xDEF8

  private func driveIRQs(at now: VirtualTime) {
    var wanted: UInt16 = 0
    for input in 0..<4 where levels[input] {
      let route = configuration[Self.PIRQRC + input]
      if !route.bit(7) { wanted |= 1 << UInt16(route & 0x0F) & Self.routable }
    }
    let changed = wanted ^ driven
    driven = wanted
    for irq in 0..<16 where changed.bit(irq) { pic?.setLine(irq, level: wanted.bit(irq), at: now) }
  }

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      configuration.save(to: &w)
      for level in levels { w.write(level) }
      w.write(driven)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      try configuration.restore(from: &r)
      for i in 0..<4 { levels[i] = try r.readBool("levels") }
      driven = try r.read(UInt16.self) & Self.routable
    }
  }
}

extension PIIX3 {
  package var descriptions: [DeviceDescription] {
    var description = DeviceDescription("82371SB")
    for (input, name) in ["PIRQRCA", "PIRQRCB", "PIRQRCC", "PIRQRCD"].enumerated() {
      let register = configuration[Self.PIRQRC + input]
      let number = register & 0x0F
      let route =
        register.bit(7)
        ? "routing disabled" : Self.routable.bit(Int(number)) ? "IRQ\(number)" : "reserved"
      description.add(name, register, route + (levels[input] ? ", asserted" : ""))
    }
    return [description]
  }
}
