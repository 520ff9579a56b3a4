import ApusBase

/// The floppy disk controller 82077AA of a PC/AT, with two drives, on DMA channel 2 and IRQ 6. Source: Intel
/// 82077AA datasheet (290166); its names and tables are meant where a comment quotes a title.
///
/// Timing is a drive's: step rate and head load from SPECIFY, one revolution of 200 ms (300 rpm) or 166.7 ms
/// for each track, an index pulse at whole multiples of it. Departs from hardware: a sector other than the one
/// just read arrives at once, as if tracks were interleaved and skewed for the software that reads them; only the
/// same sector comes round again after a revolution. That keeps a measured speed true and lost revolutions away.
package final class FloppyController82077AA: BytePortDevice {
  package let name = "FloppyController82077AA"
  /// The ports to attach; 3F6h is the hard disk controller's.
  package static let portRanges: [ClosedRange<UInt16>] = [0x3F0...0x3F5, 0x3F7...0x3F7]
  /// The DMA channel.
  static let channel = 2
  /// Nanoseconds from the end of a reset to its interrupt, and from a command that steps nowhere to its end.
  private static let resetTime: UInt64 = 100_000

  /// Where the controller is in a command: "Controller Phases".
  enum Phase: UInt8 { case command, execution, result, reset }

  let dma: DMA8237Pair
  private let IRQ: Line
  var drives: [FloppyDrive?]
  /// The last failure of a medium that was the host's doing.
  package internal(set) var lastError: BlockError?

  private(set) var DOR: UInt8 = 0
  private var TDR: UInt8 = 0
  /// DRATESEL, bits 1:0 of DSR and CCR.
  private(set) var rateSelect: UInt8 = 2
  private var isPoweredDown = false
  /// The bytes of SPECIFY: SRT and HUT, HLT and ND.
  var specify: (UInt8, UInt8) = (0, 0)
  /// Bits 6:0 of CONFIGURE's second byte: EIS, EFIFO, POLL, FIFOTHR.
  var configuration: UInt8 = 0x20
  var PRETRK: UInt8 = 0
  var isLocked = false
  /// D3–D0, GAP and WGATE, bits 5:0.
  var perpendicular: UInt8 = 0
  /// SC of the last FORMAT or EOT of the last read or write, for DUMPREG.
  var lastCount: UInt8 = 0
  var PCN: [UInt8] = [0, 0, 0, 0]

  var phase = Phase.reset
  var command: [UInt8] = []
  var result: [UInt8] = []
  var resultPosition = 0
  /// INT for the result phase, a seek or polling; requests of the non-DMA mode come on top.
  var interrupt = false
  /// ST0 for SENSE INTERRUPT STATUS, by drive.
  var sense: [UInt8?] = [nil, nil, nil, nil]
  var seeks: [FloppySeek?] = [nil, nil, nil, nil]
  /// When the reset under way ends; `never` while RESET# is held.
  private var resetDue = VirtualTime.never
  var execution: FloppyExecution?
  var buffer = [UInt8](repeating: 0, count: 512)
  /// The C, H, R, N bytes that FORMAT TRACK collects.
  var formatIDs: [UInt8] = []
  /// The drive whose head is loaded, and until when.
  var loadedHead = (drive: UInt8(0), until: VirtualTime(0))
  /// The sector that passed last, as drive, cylinder, side and R, and when it ended.
  var lastSector = (key: UInt32.max, end: VirtualTime(0))
  /// HDSEL, DIR and the data toggles of SRB (bits 4:3), as last driven.
  var side: UInt8 = 0
  var isInwards = false
  var toggles: UInt8 = 0

  /// A controller with drives A: and B:, `none` where there is none.
  package init(
    drives: (CMOSConfiguration.FloppyDrive, CMOSConfiguration.FloppyDrive), dma: DMA8237Pair, IRQ: Line
  ) {
    self.dma = dma
    self.IRQ = IRQ
    self.drives = [drives.0, drives.1].map { $0 == .none ? nil : FloppyDrive(type: $0) }
  }

  package func reset(at now: VirtualTime) {
    abort(at: now)
    DOR = 0
    TDR = 0
    rateSelect = 2
    specify = (0, 0)
    isLocked = false
    isPoweredDown = false
    perpendicular = 0
    lastCount = 0
    PCN = [0, 0, 0, 0]
    loadedHead = (0, 0)
    lastSector = (.max, 0)
    (side, isInwards, toggles) = (0, false, 0)
    for i in buffer.indices { buffer[i] = 0 }
    applyResetDefaults()
    resetDue = .never
    driveIRQ(at: now)
  }

  // MARK: The world outside

  /// Puts a disk into drive 0 or 1, replacing the one there. The format follows from the size.
  package func insert(_ store: any BlockStore, drive: Int, at now: VirtualTime) throws(FloppyError) {
    guard drives.indices.contains(drive), drives[drive] != nil else { throw .noDrive }
    advance(to: now)
    flush(drive)
    try drives[drive]?.insert(store)
  }

  /// Takes the disk out of drive 0 or 1.
  @discardableResult
  package func eject(drive: Int, at now: VirtualTime) -> (any BlockStore)? {
    guard drives.indices.contains(drive) else { return nil }
    advance(to: now)
    flush(drive)
    return drives[drive]?.eject()
  }

  /// A disk has no command for it: what was written becomes durable when the motor stops or the disk leaves.
  private func flush(_ drive: Int) {
    do throws(BlockError) {
      try drives[drive]?.flush()
    } catch {
      lastError = error
    }
  }

  /// The layout of the disk in drive 0 or 1.
  package func geometry(drive: Int) -> FloppyGeometry? {
    drives.indices.contains(drive) ? drives[drive]?.medium?.geometry : nil
  }

  /// Which drive is selected. A select line is active only with the motor line of its drive (DOR, "Drive
  /// Activation Values"); the drive number in a command does not reach the cable.
  var selected: Int? {
    let number = Int(DOR & 3)
    guard DOR.bit(4 + number), number < 2, drives[number] != nil else { return nil }
    return number
  }

  // MARK: Time

  package var deadline: VirtualTime {
    var earliest = min(resetDue, nextExecutionEvent)
    for seek in seeks { earliest = min(earliest, seek?.dueAt ?? .never) }
    return earliest
  }

  package func run(at now: VirtualTime) { advance(to: now) }

  /// Lets everything happen that is due, in order. Each event either ends something or moves it on by the time
  /// of a step, of bytes or of a sector, and commands end after at most 255 sectors for each side.
  private func advance(to now: VirtualTime) {
    while true {
      let next = deadline
      guard next <= now, next != .never else { break }
      if resetDue == next {
        endReset()
      } else if let drive = seeks.firstIndex(where: { $0?.dueAt == next }) {
        endSeek(drive)
      } else {
        executionEvent(at: next)
      }
    }
    driveIRQ(at: now)
  }

  /// INT reaches the bus while DMAGATE# is set.
  func driveIRQ(at now: VirtualTime) {
    let level = interrupt || execution?.isRequesting ?? false
    IRQ.set(level && DOR.bits(3, 2) == 3, at: now)
  }

  // MARK: Reset

  /// Ends whatever is under way, as either kind of reset does.
  private func abort(at now: VirtualTime) {
    for drive in seeks.indices { cutSeek(drive, at: now) }
    execution = nil
    formatIDs = []
    command = []
    result = []
    resultPosition = 0
    interrupt = false
    sense = [nil, nil, nil, nil]
    phase = .reset
  }

  /// What LOCK does not protect goes back to its default. GAP and WGATE are cleared, D3–D0 are not.
  private func applyResetDefaults() {
    if !isLocked {
      configuration = 0x20
      PRETRK = 0
    }
    configuration &= 0x2F
    perpendicular &= 0x3C
  }

  private func startReset(at now: VirtualTime) {
    abort(at: now)
    applyResetDefaults()
    if isPoweredDown {
      isPoweredDown = false
      PCN = [0, 0, 0, 0]
    }
  }

  /// "Drive Polling": after a reset every drive has changed from not ready to ready.
  private func endReset() {
    resetDue = .never
    phase = .command
    for drive in 0..<4 { sense[drive] = 0xC0 | UInt8(drive) }
    interrupt = true
  }

  // MARK: Ports

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    advance(to: now)
    defer { driveIRQ(at: now) }
    switch port {
    case 0x3F0: return statusA(at: now)
    case 0x3F1: return 0xC0 | DOR.bits(0, 0) << 5 | toggles | writeEnable << 2 | DOR.bits(5, 4)
    case 0x3F2: return DOR
    // The upper bits are tri-stated, as are those of DIR in AT mode.
    case 0x3F3: return 0xFC | TDR
    case 0x3F4: return mainStatus
    case 0x3F5: return readFIFO(at: now)
    case 0x3F7:
      let isChanged = selected.map { drives[$0]?.isChanged ?? false } ?? false
      return isChanged ? 0xFF : 0x7F
    default: return 0xFF
    }
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    advance(to: now)
    switch port {
    case 0x3F2: writeDOR(value, at: now)
    case 0x3F3: TDR = value & 3
    case 0x3F4: writeDSR(value, at: now)
    case 0x3F5: writeFIFO(value, at: now)
    case 0x3F7: rateSelect = value & 3
    default: break
    }
    driveIRQ(at: now)
  }

  private var writeEnable: UInt8 { execution?.writesMedium ?? false ? 1 : 0 }

  /// SRA. Departs from hardware: SRA and SRB, which the chip has in its PS/2 modes only, are readable in what is
  /// otherwise AT mode, as later controllers have it.
  private func statusA(at now: VirtualTime) -> UInt8 {
    let drive = selected.flatMap { drives[$0] }
    var value: UInt8 = 0x16 | side << 3 | (isInwards ? 1 : 0)
    if interrupt || execution?.isRequesting ?? false { value |= 0x80 }
    if drives[1] == nil { value |= 0x40 }
    if seeks.contains(where: { $0 != nil }) { value |= 0x20 }
    guard let drive else { return value }
    if drive.cylinder == 0 { value &= ~0x10 }
    // The index hole passes for about 2 ms.
    if drive.medium != nil && now % drive.revolution < 2_000_000 { value &= ~0x04 }
    if drive.isWriteProtected { value &= ~0x02 }
    return value
  }

  private func writeDOR(_ value: UInt8, at now: VirtualTime) {
    let (was, becomes) = (DOR.bit(2), value.bit(2))
    for drive in drives.indices where DOR.bit(4 + drive) && !value.bit(4 + drive) { flush(drive) }
    DOR = value
    if was && !becomes {
      startReset(at: now)
      resetDue = .never
    } else if !was && becomes {
      startReset(at: now)
      resetDue = now.later(by: Self.resetTime)
    }
  }

  private func writeDSR(_ value: UInt8, at now: VirtualTime) {
    rateSelect = value & 3
    if value.bit(7) {
      startReset(at: now)
      resetDue = DOR.bit(2) ? now.later(by: Self.resetTime) : .never
    } else if value.bit(6) && phase != .reset {
      abort(at: now)
      phase = .command
      isPoweredDown = true
    }
  }

  /// MSR. Nothing answers during a reset or a power-down.
  private var mainStatus: UInt8 {
    guard phase != .reset && !isPoweredDown else { return 0 }
    var value: UInt8 = 0
    for drive in 0..<4 where seeks[drive] != nil { value |= 1 << UInt8(drive) }
    switch phase {
    case .command: value |= command.isEmpty ? 0x80 : 0x90
    case .result: value |= 0xD0
    default:
      value |= specify.1.bit(0) ? 0x30 : 0x10
      if let execution, execution.isRequesting { value |= execution.flow == .toHost ? 0xC0 : 0x80 }
    }
    return value
  }

  private func readFIFO(at now: VirtualTime) -> UInt8 {
    switch phase {
    case .result where resultPosition < result.count:
      let value = result[resultPosition]
      acknowledge(at: now)
      resultPosition += 1
      if resultPosition == result.count { beginCommandPhase() }
      return value
    case .execution: return readExecutionByte(at: now)
    default: return 0
    }
  }

  private func writeFIFO(_ value: UInt8, at now: VirtualTime) {
    guard !isPoweredDown else { return }
    switch phase {
    case .command:
      command.append(value)
      guard let length = Self.commandLength(command[0]) else { return present([0x80]) }
      if command.count >= length { execute(at: now) }
    case .execution: writeExecutionByte(value, at: now)
    default: break
    }
  }

  /// INT ends with the first byte of the result, and comes again for a seek that ended meanwhile.
  func acknowledge(at now: VirtualTime) {
    interrupt = false
    driveIRQ(at: now)
    interrupt = sense.contains { $0?.bit(5) ?? false }
  }

  func beginCommandPhase() {
    phase = .command
    command = []
    result = []
    resultPosition = 0
  }

  /// Enters the result phase, without an interrupt.
  func present(_ bytes: [UInt8]) {
    phase = .result
    result = bytes
    resultPosition = 0
  }

  // MARK: State

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      for value in [
        DOR, TDR, rateSelect, specify.0, specify.1, configuration, PRETRK, perpendicular, lastCount,
        loadedHead.drive, side, toggles, phase.rawValue, UInt8(resultPosition),
      ] { w.write(value) }
      for flag in [isPoweredDown, isLocked, interrupt, isInwards] { w.write(flag) }
      w.write(command)
      w.write(result)
      w.write(formatIDs)
      for byte in buffer { w.write(byte) }
      for time in [resetDue, loadedHead.until, lastSector.end] { w.write(time) }
      w.write(lastSector.key)
      for drive in 0..<4 {
        w.write(PCN[drive])
        w.write(sense[drive] != nil)
        w.write(sense[drive] ?? 0)
        w.write(seeks[drive] != nil)
        seeks[drive]?.save(to: &w)
      }
      w.write(execution != nil)
      execution?.save(to: &w)
      for drive in drives {
        w.write(drive != nil)
        drive?.save(to: &w)
      }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      try restoreRegisters(from: &r)
      try restoreCommand(from: &r)
      for drive in 0..<4 {
        PCN[drive] = try r.read()
        let isSensed = try r.readBool("sense")
        let status = try r.read(UInt8.self)
        sense[drive] = isSensed ? status : nil
        seeks[drive] = try r.readBool("seek") ? FloppySeek(from: &r) : nil
      }
      let isExecuting = try r.readBool("execution")
      guard isExecuting == (phase == .execution) else { throw r.invalid("execution") }
      execution = isExecuting ? try FloppyExecution(from: &r) : nil
      guard execution?.length ?? 0 <= buffer.count else { throw r.invalid("length") }
      for i in drives.indices {
        guard try r.readBool("drive") == (drives[i] != nil) else { throw r.invalid("drive") }
        try drives[i]?.restore(from: &r)
      }
    }
  }

  private func restoreRegisters(from r: inout StateReader) throws(StateError) {
    DOR = try r.read()
    TDR = try r.read(UInt8.self) & 3
    rateSelect = try r.read(UInt8.self) & 3
    specify = (try r.read(), try r.read())
    configuration = try r.read(UInt8.self) & 0x7F
    PRETRK = try r.read()
    perpendicular = try r.read(UInt8.self) & 0x3F
    lastCount = try r.read()
    loadedHead.drive = try r.read(UInt8.self) & 3
    side = try r.read(UInt8.self) & 1
    toggles = try r.read(UInt8.self) & 0x18
    guard let saved = Phase(rawValue: try r.read()) else { throw r.invalid("phase") }
    phase = saved
    resultPosition = Int(try r.read(UInt8.self))
    isPoweredDown = try r.readBool("isPoweredDown")
    isLocked = try r.readBool("isLocked")
    interrupt = try r.readBool("interrupt")
    isInwards = try r.readBool("isInwards")
  }

  private func restoreCommand(from r: inout StateReader) throws(StateError) {
    command = try r.readBytes(limit: 9, "command")
    result = try r.readBytes(limit: 10, "result")
    formatIDs = try r.readBytes(limit: 4 * 255, "formatIDs")
    for i in buffer.indices { buffer[i] = try r.read() }
    let length = command.first.flatMap { Self.commandLength($0) }
    switch phase {
    case .result: guard resultPosition < result.count else { throw r.invalid("result") }
    case .execution:
      // No other command has an execution phase.
      let isTransfer = command.count == 9 || [0x0A, 0x0D].contains(command.first.map { $0 & 0x1F } ?? 0)
      guard length == command.count && isTransfer else { throw r.invalid("command") }
    case .command: guard command.isEmpty || command.count < length ?? 0 else { throw r.invalid("command") }
    case .reset: break
    }
    resetDue = try r.read()
    guard resetDue == .never || phase == .reset else { throw r.invalid("resetDue") }
    loadedHead.until = try r.read()
    lastSector.end = try r.read()
    lastSector.key = try r.read()
  }
}

// MARK: For people

extension FloppyController82077AA {
  /// The registers, the command under way, and the drives.
  package var description: DeviceDescription {
    var description = DeviceDescription("82077AA (floppy)")
    description.add(
      "MSR", mainStatus,
      bits: [
        "DRV0 BUSY", "DRV1 BUSY", "DRV2 BUSY", "DRV3 BUSY", "CMD BUSY", "NON DMA", "DIO", "RQM",
      ])
    description.add(
      "DOR", DOR,
      bits: ["DRIVE SEL 0", "DRIVE SEL 1", "RESET#", "DMAGATE#", "MOT EN0", "MOT EN1", "MOT EN2", "MOT EN3"])
    description.add("TDR", TDR, "")
    description.add("DRATE SEL", rateSelect, "\(dataRate) kb/s" + (isPoweredDown ? ", powered down" : ""))
    let phases: [Phase: String] = [
      .command: "command", .execution: "execution", .result: "result", .reset: "reset",
    ]
    description.add("phase", phases[phase] ?? "")
    let name = command.first.map { Self.commandName($0) + " " } ?? ""
    description.add("command", name + DeviceDescription.list(command))
    if phase == .result {
      description.add("result", DeviceDescription.list(result.dropFirst(resultPosition)))
    }
    if let execution { describe(execution, into: &description) }
    describeSettings(into: &description)
    description.add("INT", interrupt || execution?.isRequesting ?? false ? "high" : "low")
    for number in 0..<4 { describeDrive(number, into: &description) }
    return description
  }

  /// "82077AA Command Set", without MT, MFM and SK.
  private static func commandName(_ code: UInt8) -> String {
    switch code {
    case 0x8F, 0xCF: return "RELATIVE SEEK"
    default: break
    }
    switch code & 0x1F {
    case 0x02: return "READ TRACK"
    case 0x03: return "SPECIFY"
    case 0x04: return "SENSE DRIVE STATUS"
    case 0x05: return "WRITE DATA"
    case 0x06: return "READ DATA"
    case 0x07: return "RECALIBRATE"
    case 0x08: return "SENSE INTERRUPT STATUS"
    case 0x09: return "WRITE DELETED DATA"
    case 0x0A: return "READ ID"
    case 0x0C: return "READ DELETED DATA"
    case 0x0D: return "FORMAT TRACK"
    case 0x0E: return "DUMPREG"
    case 0x0F: return "SEEK"
    case 0x10: return "VERSION"
    case 0x12: return "PERPENDICULAR MODE"
    case 0x13: return "CONFIGURE"
    case 0x14: return "LOCK"
    case 0x16: return "VERIFY"
    default: return "invalid"
    }
  }

  private func describe(_ execution: FloppyExecution, into description: inout DeviceDescription) {
    let stages: [FloppyExecution.Stage: String] = [
      .settling: "the heads settle", .index: "waits for the index hole", .sector: "a sector passes",
      .failing: "waits for the second index hole",
    ]
    description.add(
      "execution",
      "\(stages[execution.stage] ?? ""), C \(execution.C) H \(execution.H) R \(execution.R) N \(execution.N), "
        + "\(execution.position) of \(execution.length) bytes")
  }

  /// SPECIFY, CONFIGURE, LOCK and PERPENDICULAR MODE.
  private func describeSettings(into description: inout DeviceDescription) {
    let (step, load, unload) = (stepTime / 1000, headLoadTime / 1000, headUnloadTime / 1000)
    description.add(
      "SPECIFY",
      "SRT \(step) us, HLT \(load) us, HUT \(unload) us, \(specify.1.bit(0) ? "non-DMA" : "DMA")")
    var configured = [configuration.bit(5) ? "no FIFO" : "FIFO, threshold \(configuration.bits(3, 0) + 1)"]
    if configuration.bit(6) { configured.append("implied seek") }
    if configuration.bit(4) { configured.append("no polling") }
    configured.append("PRETRK \(PRETRK)")
    if isLocked { configured.append("locked") }
    description.add("CONFIGURE", configuration, configured.joined(separator: ", "))
    description.add("PERPENDICULAR", perpendicular, bits: ["WGATE", "GAP", "D0", "D1", "D2", "D3"])
  }

  /// Drives that are not there have a cylinder number and a status all the same.
  private func describeDrive(_ number: Int, into description: inout DeviceDescription) {
    var words = ["PCN \(PCN[number])"]
    if let seek = seeks[number] { words.append("seeks cylinder \(seek.target)") }
    if let status = sense[number] { words.append("ST0 \(DeviceDescription.hex(status)) to sense") }
    let drive = number < drives.count ? drives[number] : nil
    if drive == nil && PCN[number] == 0 && words.count == 1 { return }
    description.add("drive \(number)", words.joined(separator: ", "))
    guard let drive else { return }
    let types = ["", "360K", "1.2M", "720K", "1.44M", "2.88M"]
    words = [types[Int(drive.type.rawValue)], "heads at cylinder \(drive.cylinder)"]
    if selected == number { words.append("selected") }
    if let geometry = drive.medium?.geometry {
      words.append("disk of \(geometry.cylinders) x \(geometry.heads) x \(geometry.sectorsPerTrack)")
      if drive.isWriteProtected { words.append("write-protected") }
    } else {
      words.append("no disk")
    }
    if drive.isChanged { words.append("DSK CHG") }
    description.add("", words.joined(separator: ", "))
  }
}
