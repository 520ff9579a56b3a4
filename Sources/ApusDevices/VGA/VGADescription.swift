import ApusBase

// The registers in words. Their names and those of their bits are those of IBM's Video Subsystem Technical Reference,
// "VGA Function", "Registers". Nothing is read through a port, where reading moves indexes and flip-flops.

extension VGA {
  package var descriptions: [DeviceDescription] { [description] }

  /// The picture and the registers that make it.
  package var description: DeviceDescription {
    var description = DeviceDescription("VGA")
    description.add("picture", isPictureOn ? mode : "off; registers for " + mode)
    let line = timing.dotClock / max(timing.dotsPerLine, 1)
    let tenths = timing.dotClock * 10 / max(timing.dotsPerFrame, 1)
    description.add("frequencies", "lines \(line) Hz, frames \(tenths / 10).\(tenths % 10) Hz")
    let clocks = ["25 MHz", "28 MHz", "external clock", "reserved clock"]
    let output = DeviceDescription.set(miscellaneousOutput, ["IOS", "ERAM", "", "", "", "", "HSP", "VSP"])
    description.add(
      "Miscellaneous Output", miscellaneousOutput,
      (output + [clocks[Int(miscellaneousOutput.bits(3, 2))]]).joined(separator: " "))
    if !isSubsystemEnabled { description.add("Subsystem Enable", "off") }
    describeSequencer(into: &description)
    describeCRTC(into: &description)
    describeGraphics(into: &description)
    describeAttribute(into: &description)
    description.add("PEL Mask", dac.pixelMask, "")
    description.add("PEL Address", dac.address, dac.state == 3 ? "reads" : "writes")
    describeDISPI(into: &description)
    return description
  }

  // MARK: The mode

  /// What the registers make of display memory.
  private var mode: String {
    if dispi.isEnabled {
      return "DISPI \(dispi.width) x \(dispi.height), \(dispi.depth) bits a pixel"
    }
    let raster = raster
    if isTextMode {
      let height = raster.maximumRow + 1
      let rows = raster.lines / (height * (raster.doublesRows ? 2 : 1))
      return "text, \(raster.columns) x \(rows) characters of \(raster.characterWidth) x \(height)"
    }
    let isPacked = graphics[GraphicsRegister.mode].bit(6)
    let colors = isPacked ? 256 : graphics[GraphicsRegister.mode].bit(5) ? 4 : 16
    // Dots that two clocks, or with PW two dots, make are one pixel.
    var width = raster.isHalfRate ? raster.width / 2 : raster.width
    if attribute[AttributeRegister.modeControl].bit(6) { width /= 2 }
    return "graphics, \(width) x \(pixelRows(raster)), \(colors) colors"
  }

  /// Scan lines that repeat what is above them are no rows of their own; those that a row scan counter bit sends to
  /// another place in memory are.
  private func pixelRows(_ raster: VGARaster) -> Int {
    let control = crtc[CRTCRegister.modeControl]
    var scans = raster.maximumRow + 1
    for bit in 0..<2 where !control.bit(bit) { scans = max(scans / 2, 1) }
    return raster.lines / (scans * (raster.doublesRows ? 2 : 1))
  }

  // MARK: Registers

  private func describeSequencer(into description: inout DeviceDescription) {
    description.add("Reset", sequencer[0], bits: ["ASR", "SR"])
    description.add(
      "Clocking Mode", sequencer[SequencerRegister.clockingMode],
      bits: ["D89", "", "SL", "DC", "SH4", "SO"])
    description.add(
      "Map Mask", sequencer[SequencerRegister.mapMask], bits: ["M0E", "M1E", "M2E", "M3E"])
    description.add("Character Map Select", sequencer[SequencerRegister.characterMapSelect], "")
    description.add(
      "Memory Mode", sequencer[SequencerRegister.memoryMode], bits: ["", "EM", "OE", "CH4"])
  }

  private func describeCRTC(into description: inout DeviceDescription) {
    let address = UInt16(truncatingIfNeeded: crtc.startAddress)
    description.add("Start Address", address, "")
    description.add("Offset", crtc[CRTCRegister.offset], "")
    let (start, end) = (crtc[CRTCRegister.cursorStart], crtc[CRTCRegister.cursorEnd])
    description.add(
      "Cursor Location", UInt16(truncatingIfNeeded: crtc.cursorAddress),
      start.bit(5) ? "off" : "rows \(start.bits(4, 0)) to \(end.bits(4, 0))")
    description.add("Vertical Total", "\(crtc.verticalTotal)")
    description.add("Vertical Display End", "\(crtc.verticalDisplayEnd)")
    description.add("Vertical Retrace Start", "\(crtc.verticalRetraceStart)")
    let retrace = crtc[CRTCRegister.verticalRetraceEnd]
    description.add("Vertical Retrace End", retrace, bits: ["", "", "", "", "CVI#", "EVI#", "", "PR"])
    let scan = crtc[CRTCRegister.maximumScanLine]
    description.add(
      "Maximum Scan Line", scan, "\(scan.bits(4, 0))" + (scan.bit(7) ? ", double scan" : ""))
    description.add("Line Compare", "\(crtc.lineCompare)")
    description.add(
      "CRT Mode Control", crtc[CRTCRegister.modeControl],
      bits: ["CMS0", "SRC", "HRS", "CB2", "", "ADW", "WB", "RST"])
  }

  private func describeGraphics(into description: inout DeviceDescription) {
    let mode = graphics[GraphicsRegister.mode]
    let modes =
      ["write mode \(mode.bits(1, 0)), read mode \(mode.bits(3, 3))"]
      + DeviceDescription.set(mode, ["", "", "", "", "OE", "SR", "C256"])
    description.add("Graphics Mode", mode, modes.joined(separator: " "))
    let miscellaneous = graphics[GraphicsRegister.miscellaneous]
    let maps = ["A0000h-BFFFFh", "A0000h-AFFFFh", "B0000h-B7FFFh", "B8000h-BFFFFh"]
    let names = DeviceDescription.set(miscellaneous, ["GM", "OE"]) + [maps[Int(miscellaneous.bits(3, 2))]]
    description.add("Miscellaneous", miscellaneous, names.joined(separator: " "))
    let registers = [
      GraphicsRegister.setReset, GraphicsRegister.enableSetReset, GraphicsRegister.colorCompare,
      GraphicsRegister.dataRotate, GraphicsRegister.readMapSelect, GraphicsRegister.colorDontCare,
      GraphicsRegister.bitMask,
    ]
    let titles = [
      "Set/Reset", "Enable Set/Reset", "Color Compare", "Data Rotate", "Read Map Select", "Color Don't Care",
      "Bit Mask",
    ]
    for (title, register) in zip(titles, registers) { description.add(title, graphics[register], "") }
  }

  private func describeAttribute(into description: inout DeviceDescription) {
    description.add(
      "Attribute Address", attribute.index,
      (attribute.index.bit(5) ? "IPAS, " : "") + (attributeExpectsData ? "data next" : "address next"))
    description.add("Internal Palette", DeviceDescription.list((0..<16).map { attribute[$0] }))
    description.add(
      "Attribute Mode Control", attribute[AttributeRegister.modeControl],
      bits: ["G", "ME", "ELG", "EB", "", "PP", "PW", "PS"])
    description.add("Overscan Color", attribute[AttributeRegister.overscanColor], "")
    description.add("Color Plane Enable", attribute[AttributeRegister.colorPlaneEnable], "")
    description.add("Horizontal PEL Panning", attribute[AttributeRegister.horizontalPELPanning], "")
    description.add("Color Select", attribute[AttributeRegister.colorSelect], "")
  }

  /// The sizes are those of the picture above; what else there is counts only while the interface is enabled.
  private func describeDISPI(into description: inout DeviceDescription) {
    description.add("DISPI index", dispi.index, "")
    description.add("DISPI ID", dispi.read(DISPI.Register.id), "")
    description.add(
      "DISPI ENABLE", dispi.read(DISPI.Register.enable),
      bits: ["ENABLED", "GETCAPS", "", "", "BANK_GRANULARITY_32K", "8BIT_DAC", "LFB_ENABLED", "NOCLEARMEM"])
    guard dispi.isEnabled else { return }
    description.add("DISPI BANK", dispi.read(DISPI.Register.bank), "")
    description.add(
      "DISPI VIRT",
      "\(dispi.read(DISPI.Register.virtWidth)) x \(dispi.read(DISPI.Register.virtHeight)), offset "
        + "\(dispi.read(DISPI.Register.xOffset)), \(dispi.read(DISPI.Register.yOffset))")
  }
}
