import ApusBase

// The ports: IBM Video Subsystem Technical Reference, "VGA Function", "Registers".

extension VGA {
  package func readPort(_ port: UInt16, width: Int, at now: VirtualTime) -> UInt32 {
    guard configuration.decodesIO else { return .max }
    if (0x1CE...0x1D0).contains(port) { return readDISPIPort(port, width: width) }
    var value: UInt32 = 0
    for i in 0..<min(max(width, 1), 4) {
      let byte = read(port &+ UInt16(truncatingIfNeeded: i), at: now)
      value |= UInt32(byte) << UInt32(truncatingIfNeeded: 8 * i)
    }
    return value
  }

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int, at now: VirtualTime) {
    guard configuration.decodesIO else { return }
    if (0x1CE...0x1D0).contains(port) { return writeDISPIPort(port, value, width: width) }
    for i in 0..<min(max(width, 1), 4) {
      let byte = UInt8(truncatingIfNeeded: value >> UInt32(truncatingIfNeeded: 8 * i))
      write(port &+ UInt16(truncatingIfNeeded: i), byte, at: now)
    }
  }

  // MARK: DISPI

  /// Index at 1CEh, data at 1CFh and, aligned, at 1D0h: sixteen bits each, side by side though their ports
  /// overlap. A byte is the low one; a double word has the other register nowhere.
  private func readDISPIPort(_ port: UInt16, width: Int) -> UInt32 {
    let value = port == 0x1CE ? dispi.index : dispi.read(dispi.index)
    switch width {
    case 1: return UInt32(value & 0xFF)
    case 2: return UInt32(value)
    default: return UInt32(value) | 0xFFFF_0000
    }
  }

  private func writeDISPIPort(_ port: UInt16, _ value: UInt32, width: Int) {
    let word = UInt16(truncatingIfNeeded: width == 1 ? value & 0xFF : value)
    if port == 0x1CE { dispi.index = word } else { writeDISPI(dispi.index, word) }
  }

  func writeDISPI(_ register: UInt16, _ value: UInt16) {
    let wasEnabled = dispi.isEnabled
    let cleared = dispi.write(register, value)
    for word in 0..<min(cleared + 3, Self.memorySize) / 4 { memory.words[word] = 0 }
    updateHost()
    if dispi.isEnabled || wasEnabled { noteChange() }
  }

  // MARK: VGA

  /// The CRT controller, input status 1 and feature control answer at 3Bxh or at 3Dxh: miscellaneous output
  /// bit 0. At the other, and where there is no register, nobody answers.
  private func color(_ port: UInt16) -> UInt16? {
    switch port {
    case 0x3B0...0x3BB: return miscellaneousOutput.bit(0) ? nil : port + 0x20
    case 0x3D0...0x3DF: return miscellaneousOutput.bit(0) ? port : nil
    default: return port
    }
  }

  func read(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    guard let port = color(port), isSubsystemEnabled || port == 0x3C3 else { return 0xFF }
    switch port {
    // Bit 5 is the palette address source.
    case 0x3C0: return attribute.index
    case 0x3C1:
      let register = Int(attribute.index & 0x1F)
      return register < attribute.count ? attribute[register] : 0
    case 0x3C2: return inputStatus0(at: now)
    case 0x3C3: return isSubsystemEnabled ? 1 : 0
    case 0x3C4: return sequencer.index
    case 0x3C5: return read(sequencer)
    case 0x3C6: return dac.pixelMask
    case 0x3C7: return dac.state
    case 0x3C8: return dac.address
    case 0x3C9: return dac.readData(isEightBit: dispi.hasEightBitDAC)
    case 0x3CA: return featureControl
    case 0x3CC: return miscellaneousOutput
    case 0x3CE: return graphics.index
    case 0x3CF: return read(graphics)
    case 0x3D4: return crtc.index
    case 0x3D5: return readCRTC()
    case 0x3DA: return inputStatus1(at: now)
    default: return 0xFF
    }
  }

  private func read(_ registers: IndexedRegisters) -> UInt8 {
    Int(registers.index) < registers.count ? registers[Int(registers.index)] : 0
  }

  /// Beyond IBM's registers, 22h is the latch of the plane that reads are from, 24h the attribute controller's
  /// flip-flop, 26h its index: FreeVGA, "Undocumented Registers".
  private func readCRTC() -> UInt8 {
    switch crtc.index {
    case 0x22:
      let plane = UInt32(graphics[GraphicsRegister.readMapSelect])
      return UInt8(truncatingIfNeeded: memory.latch >> (8 * plane))
    case 0x24: return attributeExpectsData ? 0x80 : 0
    case 0x26: return attribute.index
    default: return read(crtc)
    }
  }

  func write(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    guard let port = color(port), isSubsystemEnabled || port == 0x3C3 else { return }
    switch port {
    case 0x3C0: writeAttribute(value)
    case 0x3C2: writeMiscellaneousOutput(value)
    case 0x3C3:
      isSubsystemEnabled = value.bit(0)
      updateHost()
    case 0x3C4: sequencer.index = value & 0x07
    case 0x3C5: writeSequencer(value)
    case 0x3C6:
      if dac.pixelMask != value { noteChange() }
      dac.pixelMask = value
    case 0x3C7: dac.startReading(at: value)
    case 0x3C8: dac.startWriting(at: value)
    case 0x3C9: if dac.writeData(value, isEightBit: dispi.hasEightBitDAC) { noteChange() }
    case 0x3CE: graphics.index = value & 0x0F
    case 0x3CF: writeGraphics(value)
    case 0x3D4: crtc.index = value & 0x3F
    case 0x3D5: writeCRTC(value, at: now)
    // Bits 1:0 drive the feature connector, bit 3 selects what vertical sync is made of.
    case 0x3DA: featureControl = value & 0x0B
    default: break
    }
  }

  private func writeMiscellaneousOutput(_ value: UInt8) {
    // Bit 4 does not exist.
    miscellaneousOutput = value & 0xEF
    updateHost()
    updateTiming()
  }

  private func writeSequencer(_ value: UInt8) {
    guard sequencer.write(Int(sequencer.index), value) else { return }
    switch Int(sequencer.index) {
    case SequencerRegister.clockingMode:
      updateTiming()
      noteChange()
    case SequencerRegister.characterMapSelect: noteChange()
    default: updateHost()
    }
  }

  private func writeGraphics(_ value: UInt8) {
    guard graphics.write(Int(graphics.index), value) else { return }
    switch Int(graphics.index) {
    case GraphicsRegister.mode, GraphicsRegister.miscellaneous:
      memory.host.update(graphics: graphics)
      updateHost()
      noteChange()
    case GraphicsRegister.readMapSelect: updateHost()
    default: memory.host.update(graphics: graphics)
    }
  }

  /// Palette registers are written whatever the palette address source.
  /// Departs from hardware: IBM's adapter loads them only while that is off.
  private func writeAttribute(_ value: UInt8) {
    if attributeExpectsData {
      if attribute.write(Int(attribute.index & 0x1F), value) { noteChange() }
    } else {
      if (attribute.index ^ value).bit(5) { noteChange() }
      attribute.index = value & 0x3F
    }
    attributeExpectsData.toggle()
  }

  private func writeCRTC(_ value: UInt8, at now: VirtualTime) {
    let register = Int(crtc.index)
    var writable: UInt8 = 0xFF
    // Vertical retrace end bit 7 protects 00h–07h, but for the line compare bit in 07h.
    if register <= CRTCRegister.overflow && crtc[CRTCRegister.verticalRetraceEnd].bit(7) {
      writable = register == CRTCRegister.overflow ? 0x10 : 0
    }
    guard crtc.write(register, value, writable: writable) else { return }
    if register == CRTCRegister.verticalRetraceEnd {
      let isArmed = interruptArmedAt != .never
      if isArmed != value.bit(4) { interruptArmedAt = isArmed ? .never : now }
    }
    updateTiming()
    noteChange()
  }

  // MARK: Status

  /// Bit 7: a frame has ended since the vertical interrupt was last cleared, as far as it is enabled (vertical
  /// retrace end bits 4 and 5). A PCI VGA need not wire the interrupt, and this one does not. Bit 4: the monitor
  /// is a colour one.
  private func inputStatus0(at now: VirtualTime) -> UInt8 {
    let isEnabled = !crtc[CRTCRegister.verticalRetraceEnd].bit(5)
    let isPending =
      isEnabled && interruptArmedAt <= now
      && timing.displayedFrames(at: now) > timing.displayedFrames(at: interruptArmedAt)
    return isPending ? 0x90 : 0x10
  }

  /// Bit 3: vertical retrace. Bit 0: no displayed dot. Bits 5:4: two bits of the attribute controller's output
  /// (colour plane enable bits 5:4 choose which), which between displayed dots is the overscan colour.
  /// Departs from hardware: during displayed dots bits 5:4 are zero.
  private func inputStatus1(at now: VirtualTime) -> UInt8 {
    attributeExpectsData = false
    let beam = timing.beam(at: now)
    var status: UInt8 = beam.isInVerticalRetrace ? 0x08 : 0
    guard !beam.isDisplaying else { return status }
    status |= 0x01
    let overscan = attribute[AttributeRegister.overscanColor]
    let (high, low) =
      switch attribute[AttributeRegister.colorPlaneEnable].bits(5, 4) {
      case 0: (2, 0)
      case 1: (5, 4)
      case 2: (3, 1)
      default: (7, 6)
      }
    return status | (overscan.bit(high) ? 0x20 : 0) | (overscan.bit(low) ? 0x10 : 0)
  }
}
