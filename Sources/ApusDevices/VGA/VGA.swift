import ApusBase

/// A VGA with the display interface of Bochs and QEMU, as a PCI function: QEMU's "standard VGA".
///
/// It answers at the ports in `ports` and in the memory `window`, which the board routes here (`VGAWindow` for
/// the memory), while its PCI command register enables I/O and memory: a BIOS does both. BAR 0 is display memory
/// one byte after the other; BAR 2 holds ports 3C0h–3DFh at 400h and the DISPI registers at 500h. There is no
/// expansion ROM; a video BIOS is the firmware's. After power-on nothing is displayed.
///
/// Registers and memory are in this file and in those named for their parts. The picture that they make is drawn
/// elsewhere (`render(into:at:)`) and only when somebody asks.
///
/// Sources: IBM Video Subsystem Technical Reference (S42G-2193), "VGA Function"; J. D. Neal, FreeVGA; QEMU
/// "Standard VGA" (docs/specs/standard-vga); Bochs "VBE Display API"; PCI Local Bus Specification 3.0.
package final class VGA: PCIFunction {
  /// The fixed ports: DISPI index and data, and those of a VGA without LPT1's of a monochrome adapter.
  package static let ports: [ClosedRange<UInt16>] = [0x1CE...0x1D0, 0x3B0...0x3BB, 0x3C0...0x3DF]
  /// The physical addresses of the fixed memory window.
  package static let window: ClosedRange<UInt64> = 0xA0000...0xBFFFF
  /// Bytes of display memory.
  package static let memorySize = 16 << 20

  package let name = "VGA"
  package var configuration: PCIConfiguration
  var memory = VGADisplayMemory()
  var sequencer = IndexedRegisters(masks: SequencerRegister.masks)
  var crtc = IndexedRegisters(masks: CRTCRegister.masks)
  var graphics = IndexedRegisters(masks: GraphicsRegister.masks)
  /// Its index register holds the palette address source as bit 5.
  var attribute = IndexedRegisters(masks: AttributeRegister.masks)
  var dac = VGADAC()
  var dispi = DISPI()
  /// Whether the next write to 3C0h is for the data.
  var attributeExpectsData = false
  var miscellaneousOutput: UInt8 = 0
  var featureControl: UInt8 = 0
  /// Bit 0 of port 3C3h: whether ports and memory are decoded.
  var isSubsystemEnabled = true
  /// When vertical retrace end bit 4 went on; `never` while it is off.
  var interruptArmedAt = VirtualTime.never

  /// What registers make of virtual time.
  var timing = VGATiming.standard

  /// The expansion ROM, empty without one.
  private let rom: [UInt8]

  /// A function after power-on, with what its expansion ROM holds: at most 64 KiB, or none.
  package init(rom: [UInt8] = []) {
    self.rom = rom
    configuration = PCIConfiguration(
      vendor: 0x1234, device: 0x1111, revision: 0, classCode: 0x03_0000,
      subsystemVendor: 0x1AF4, subsystem: 0x1100, commandMask: 0x0103)
    configuration.define(bar: 0, .memory(size: UInt32(Self.memorySize)))
    // Bit 3: prefetchable.
    configuration.define(0x10, 8, writable: ~UInt32(Self.memorySize - 1))
    configuration.define(bar: 2, .memory(size: 0x1000))
    if !rom.isEmpty {
      var size: UInt32 = 0x800
      while Int(size) < min(rom.count, 0x1_0000) { size *= 2 }
      configuration.defineExpansionROM(size: size)
    }
    reset(at: 0)
  }

  /// RESET# puts the registers back; display memory keeps its contents.
  package func reset(at now: VirtualTime) {
    configuration.reset()
    sequencer.reset()
    crtc.reset()
    graphics.reset()
    attribute.reset()
    dac = VGADAC()
    dispi = DISPI()
    memory.latch = 0
    attributeExpectsData = false
    miscellaneousOutput = 0
    featureControl = 0
    isSubsystemEnabled = true
    interruptArmedAt = .never
    updateAll()
  }

  /// Moves on with everything that may change the picture, but for blinking.
  package var changeCount: UInt64 { memory.changeCount }

  func noteChange() { memory.changeCount &+= 1 }

  /// Works out anew everything that follows from registers.
  func updateAll() {
    memory.host.update(graphics: graphics)
    updateHost()
    updateTiming()
    noteChange()
  }

  /// Follows a change of what decides how the processor reaches display memory.
  func updateHost() {
    // Miscellaneous output bit 1 opens display memory to the processor.
    let isOpen = configuration.decodesMemory && isSubsystemEnabled && miscellaneousOutput.bit(1)
    memory.host.update(sequencer: sequencer, graphics: graphics, dispi: dispi, isOpen: isOpen)
  }

  /// Follows a change of what decides the timing.
  func updateTiming() {
    timing = VGATiming(
      crtc: crtc, clockingMode: sequencer[SequencerRegister.clockingMode],
      miscellaneousOutput: miscellaneousOutput)
  }

  // MARK: The window

  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    memory.read(offset, width: width)
  }

  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    memory.write(offset, value, width: width)
  }

  // MARK: PCI

  package func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    configuration.write(offset, value, width: width)
    updateHost()
  }

  package func initializeAsFirmware(at now: VirtualTime) {
    let command = configuration.read(PCIConfiguration.command, width: 2)
    writeConfiguration(PCIConfiguration.command, command | 3, width: 2, at: now)
  }

  package func claimsPort(_ port: UInt16) -> Bool {
    configuration.decodesIO && Self.ports.contains { $0.contains(port) }
  }

  package func readBAR(_ bar: Int, _ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    if bar == 0 { return memory.readLinear(Int(truncatingIfNeeded: offset), width: width) }
    var value: UInt64 = 0
    if bar == PCIConfiguration.expansionROM {
      for i in 0..<min(width, 8) {
        let at = Int(truncatingIfNeeded: offset) + i
        value |= UInt64(at < rom.count ? rom[at] : 0xFF) << UInt64(8 * i)
      }
      return value
    }
    for i in 0..<UInt64(min(width, 8)) {
      value |= UInt64(readRegisterByte(offset &+ i, at: now)) << (8 * i)
    }
    return value
  }

  package func writeBAR(
    _ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime
  ) {
    if bar == PCIConfiguration.expansionROM { return }
    if bar == 0 {
      return memory.writeFramebuffer(Int(truncatingIfNeeded: offset), value, width: width)
    }
    if width == 1, let register = Self.dispiRegister(offset) {
      // A byte leaves the other half of the register as it is.
      let shift = UInt16(offset & 1) * 8
      let byte = UInt16(truncatingIfNeeded: value & 0xFF) << shift
      return writeDISPI(register, dispi.read(register) & ~(0xFF << shift) | byte)
    }
    var i: UInt64 = 0
    while i < UInt64(min(width, 8)) {
      let at = offset &+ i
      if let register = Self.dispiRegister(at), at & 1 == 0, i + 1 < UInt64(width) {
        writeDISPI(register, UInt16(truncatingIfNeeded: value >> (8 * i)))
        i += 2
        continue
      }
      if let port = Self.port(at) { write(port, UInt8(truncatingIfNeeded: value >> (8 * i)), at: now) }
      i += 1
    }
  }

  private func readRegisterByte(_ offset: UInt64, at now: VirtualTime) -> UInt8 {
    if let register = Self.dispiRegister(offset) {
      return UInt8(truncatingIfNeeded: dispi.read(register) >> (UInt16(offset & 1) * 8))
    }
    if let port = Self.port(offset) { return read(port, at: now) }
    return 0
  }

  /// The port that an offset in BAR 2 stands for.
  private static func port(_ offset: UInt64) -> UInt16? {
    (0x400..<0x420).contains(offset) ? 0x3C0 + UInt16(offset - 0x400) : nil
  }

  /// The DISPI register that a byte of BAR 2 belongs to.
  private static func dispiRegister(_ offset: UInt64) -> UInt16? {
    (0x500..<0x516).contains(offset) ? UInt16((offset - 0x500) / 2) : nil
  }
}

/// The legacy memory window and ports of a `VGA`, for a board that attaches devices to fixed ranges; memory
/// offsets count from A0000h. The function itself is attached to the `PCIHost`, which resets and saves it.
package final class VGAWindow: Device {
  package let name = "VGAWindow"
  private let vga: VGA

  /// The window of `vga`.
  package init(_ vga: VGA) { self.vga = vga }

  package func reset(at now: VirtualTime) {}

  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    vga.readPort(port, width: width, at: now)
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    vga.writePort(port, value, width: width, at: now)
  }

  package func readMemory(_ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    vga.readMemory(offset, width: width, at: now)
  }

  package func writeMemory(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    vga.writeMemory(offset, value, width: width, at: now)
  }

  package func save(to writer: inout StateWriter) {}

  package func restore(from reader: inout StateReader) throws(StateError) {}
}
