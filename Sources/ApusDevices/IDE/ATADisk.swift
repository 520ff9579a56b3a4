import ApusBase

/// An ATA hard disk: the device side of the interface, with PIO and DMA data transfers.
///
/// Source: ATA/ATAPI-7 (INCITS 397-2005), volumes 1 "Register Delivered Command Set" and 2 "Parallel
/// Transport Protocols"; CHS addressing by ATA-5 (INCITS 340-2000), since ATA-6 made it obsolete.
///
/// A command is busy for `commandTime` and each further PIO block for `blockTime` of virtual time, so that
/// an interrupt never falls into the access that caused it. The medium itself answers at once.
///
/// Commands are in `ATACommands.swift`, data transfer in `ATATransfer.swift`, IDENTIFY DEVICE in
/// `ATAIdentify.swift`; the cable and the host adapter are in `PIIXIDE.swift`.
package final class ATADisk: IDEDevice {
  /// Nanoseconds from a command to its first data or its end, and from a reset to readiness.
  package static let commandTime: UInt64 = 10_000
  /// Nanoseconds between two blocks of one PIO command.
  package static let blockTime: UInt64 = 2_000
  /// The most sectors that are between medium and host at a time.
  static let bufferSectors = 128
  /// The largest block of READ and WRITE MULTIPLE, in sectors.
  static let multipleLimit = 16

  /// A command block register that remembers the value before the last one (48-bit address feature set).
  struct Register {
    var current: UInt8 = 0
    var previous: UInt8 = 0

    mutating func write(_ value: UInt8) {
      previous = current
      current = value
    }
  }

  enum Phase: UInt8 {
    /// Waiting for a command.
    case idle
    /// Busy with `command`, which takes effect at `dueAt`.
    case starting
    /// Busy until `dueAt`, then the next block is there for the host.
    case loading
    /// Busy until `dueAt`, then the block from the host is written.
    case storing
    /// The host reads a block from the Data register.
    case dataIn
    /// The host writes a block to the Data register.
    case dataOut
    /// The host adapter fetches the buffer by DMA.
    case dmaIn
    /// The host adapter fills the buffer by DMA.
    case dmaOut
    /// SRST is set (`dueAt` never) or was released (ready at `dueAt`).
    case resetting
  }

  enum ErrorBits {
    static let ABRT: UInt8 = 0x04
    static let IDNF: UInt8 = 0x10
    static let UNC: UInt8 = 0x40
    /// Write protected; shares its bit with UNC.
    static let WP: UInt8 = 0x40
  }

  /// The medium.
  package let store: any BlockStore
  let model: [UInt8]
  let serial: [UInt8]
  /// The last failure of the medium that was the host's doing, for the runner's exit code.
  package internal(set) var lastError: BlockError?

  var features = Register()
  var count = Register()
  var lbaLow = Register()
  var lbaMid = Register()
  var lbaHigh = Register()
  var device: UInt8 = 0
  package internal(set) var status: UInt8 = 0
  var error: UInt8 = 0
  var command: UInt8 = 0
  package var interruptPending = false
  var phase = Phase.idle
  package internal(set) var dueAt = VirtualTime.never

  /// The block between host and medium: `position` of `limit` bytes are through.
  var buffer = [UInt8](repeating: 0, count: bufferSectors * 512)
  var position = 0
  var limit = 0
  /// The next sector to read or write, and how many are left.
  var transferLBA: UInt64 = 0
  var transferRemaining = 0
  /// Sectors in a full block of the present transfer.
  var blockSectors = 1
  /// The error that ends a read when what precedes it has reached the host: LBA and error register.
  var pendingFailure: (lba: UInt64, error: UInt8)?

  package var device1Position = false
  package var isPacketDevice: Bool { false }

  // Settings.
  var logicalHeads: UInt16
  var logicalSectors: UInt16
  var multipleSetting: UInt8 = 0
  /// SET FEATURES 03h: 0x20 + n for multiword DMA, 0x40 + n for Ultra DMA.
  var dmaMode: UInt8 = 0x22
  var writeCacheEnabled = true
  var lookAheadEnabled = true
  var smartEnabled = true
  /// Whether off-line data collection has run.
  var smartOfflineDone = false
  /// The routine of the last self-test (01h, 02h, 81h, 82h), 0 if there was none.
  var lastSelfTest: UInt8 = 0
  /// As CHECK POWER MODE reports it: 00h standby, 80h idle, FFh active.
  var powerMode: UInt8 = 0xFF
  var asleep = false
  /// READ BUFFER and WRITE BUFFER.
  var sectorBuffer = [UInt8](repeating: 0, count: 512)

  /// A disk on `store`. `model` (40) and `serial` (20) are cut to their number of ASCII characters.
  package init(store: any BlockStore, model: String = "APUS HARDDISK", serial: String = "AP00000001") {
    self.store = store
    self.model = Array(model.utf8.prefix(40))
    self.serial = Array(serial.utf8.prefix(20))
    logicalHeads = 16
    logicalSectors = 63
    powerOn()
  }

  // MARK: Reset

  /// Power-on or RESET#: every setting returns to its default.
  package func powerOn() {
    logicalHeads = 16
    logicalSectors = 63
    multipleSetting = 0
    dmaMode = 0x22
    writeCacheEnabled = true
    lookAheadEnabled = true
    smartEnabled = true
    smartOfflineDone = false
    lastSelfTest = 0
    sectorBuffer = [UInt8](repeating: 0, count: 512)
    cancel()
    becomeReady()
  }

  /// SRST in the Device Control register was set or cleared. Settings survive.
  package func softwareReset(_ asserted: Bool, at now: VirtualTime) {
    cancel()
    phase = .resetting
    status = IDEStatus.BSY
    dueAt = asserted ? .never : now.later(by: Self.commandTime)
  }

  /// Ends whatever is under way.
  func cancel() {
    phase = .idle
    dueAt = .never
    position = 0
    limit = 0
    transferRemaining = 0
    pendingFailure = nil
    interruptPending = false
  }

  /// The state after a reset or a passed diagnostic: ATA/ATAPI-7 volume 1, "Device Signature".
  func becomeReady() {
    phase = .idle
    dueAt = .never
    features = Register()
    count = Register(current: 1)
    lbaLow = Register(current: 1)
    lbaMid = Register()
    lbaHigh = Register()
    device = 0
    error = 0x01
    status = IDEStatus.DRDY | IDEStatus.DSC
    powerMode = 0xFF
    asleep = false
  }

  // MARK: Command block registers

  /// Reads register 1...6 (Error to Device); `previous` is HOB.
  package func readRegister(_ register: Int, previous: Bool) -> UInt8 {
    switch register {
    case 1: return error
    case 2: return previous ? count.previous : count.current
    case 3: return previous ? lbaLow.previous : lbaLow.current
    case 4: return previous ? lbaMid.previous : lbaMid.current
    case 5: return previous ? lbaHigh.previous : lbaHigh.current
    default: return device
    }
  }

  /// Writes register 1...6 (Features to Device). A busy device takes no parameters.
  package func writeRegister(_ register: Int, _ value: UInt8) {
    guard status & IDEStatus.BSY == 0 else { return }
    switch register {
    case 1: features.write(value)
    case 2: count.write(value)
    case 3: lbaLow.write(value)
    case 4: lbaMid.write(value)
    case 5: lbaHigh.write(value)
    default: device = value
    }
  }

  /// Writes the Command register of this device. Ignored while it is busy or asleep; a command during a
  /// data transfer ends that transfer.
  package func writeCommand(_ value: UInt8, at now: VirtualTime) {
    guard status & IDEStatus.BSY == 0, !asleep else { return }
    cancel()
    command = value
    error = 0
    status = IDEStatus.BSY
    phase = .starting
    dueAt = now.later(by: Self.commandTime)
  }

  /// Does what is due.
  package func run(at now: VirtualTime) {
    guard dueAt <= now else { return }
    dueAt = .never
    switch phase {
    case .starting: execute()
    case .loading: presentBlock()
    case .storing: storeBlock()
    case .resetting: becomeReady()
    case .idle, .dataIn, .dataOut, .dmaIn, .dmaOut: break
    }
  }

  // MARK: Ends of a command

  /// The command is done; INTRQ is asserted.
  func complete() {
    phase = .idle
    transferRemaining = 0
    status = IDEStatus.DRDY | IDEStatus.DSC
    interruptPending = true
  }

  /// The command failed with these error bits; INTRQ is asserted.
  func fail(_ bits: UInt8) {
    phase = .idle
    transferRemaining = 0
    pendingFailure = nil
    error = bits
    status = IDEStatus.DRDY | IDEStatus.DSC | IDEStatus.ERR
    interruptPending = true
  }

  /// Records a failure of the medium. A read-only medium and a wrong address are the guest's doing.
  func record(_ failure: BlockError) {
    if failure == .io { lastError = failure }
  }

  // MARK: Saved state

  package func save(to w: inout StateWriter) {
    for register in [features, count, lbaLow, lbaMid, lbaHigh] {
      w.write(register.current)
      w.write(register.previous)
    }
    for byte in [device, status, error, command, phase.rawValue, multipleSetting, dmaMode, powerMode] {
      w.write(byte)
    }
    w.write(lastSelfTest)
    w.write(smartOfflineDone)
    for flag in [interruptPending, writeCacheEnabled, lookAheadEnabled, smartEnabled, asleep] {
      w.write(flag)
    }
    w.write(dueAt)
    w.write(UInt32(position))
    w.write(Array(buffer[0..<limit]))
    w.write(transferLBA)
    w.write(UInt32(transferRemaining))
    w.write(UInt8(blockSectors))
    w.write(pendingFailure != nil)
    w.write(pendingFailure?.lba ?? 0)
    w.write(pendingFailure?.error ?? 0)
    w.write(logicalHeads)
    w.write(logicalSectors)
    w.write(sectorBuffer)
  }

  package func restore(from r: inout StateReader) throws(StateError) {
    features = try Self.register(from: &r)
    count = try Self.register(from: &r)
    lbaLow = try Self.register(from: &r)
    lbaMid = try Self.register(from: &r)
    lbaHigh = try Self.register(from: &r)
    device = try r.read()
    status = try r.read()
    error = try r.read()
    command = try r.read()
    guard let phase = Phase(rawValue: try r.read()) else { throw r.invalid("phase") }
    self.phase = phase
    // What bounds later accesses is checked before it is stored.
    let multiple = try r.read(UInt8.self)
    guard multiple <= Self.multipleLimit else { throw r.invalid("multipleSetting") }
    multipleSetting = multiple
    dmaMode = try r.read()
    powerMode = try r.read()
    lastSelfTest = try r.read()
    smartOfflineDone = try r.readBool("smartOfflineDone")
    interruptPending = try r.readBool("interruptPending")
    writeCacheEnabled = try r.readBool("writeCacheEnabled")
    lookAheadEnabled = try r.readBool("lookAheadEnabled")
    smartEnabled = try r.readBool("smartEnabled")
    asleep = try r.readBool("asleep")
    dueAt = try r.read()
    let through = Int(try r.read(UInt32.self))
    let block = try r.readBytes(limit: buffer.count, "buffer")
    guard through <= block.count, block.count % 512 == 0 else { throw r.invalid("position") }
    position = through
    limit = block.count
    buffer.replaceSubrange(0..<limit, with: block)
    try restoreTransfer(from: &r)
    let heads = try r.read(UInt16.self)
    let sectors = try r.read(UInt16.self)
    guard (1...16).contains(heads), (1...255).contains(sectors) else { throw r.invalid("logicalHeads") }
    logicalHeads = heads
    logicalSectors = sectors
    let scratch = try r.readBytes(limit: 512, "sectorBuffer")
    guard scratch.count == 512 else { throw r.invalid("sectorBuffer") }
    sectorBuffer = scratch
  }

  private func restoreTransfer(from r: inout StateReader) throws(StateError) {
    let lba = try r.read(UInt64.self)
    let remaining = Int(try r.read(UInt32.self))
    let (end, overflow) = lba.addingReportingOverflow(UInt64(remaining))
    guard remaining <= 65_536, !overflow, remaining == 0 || end <= store.sectorCount else {
      throw r.invalid("transferRemaining")
    }
    let block = Int(try r.read(UInt8.self))
    guard (1...Self.bufferSectors).contains(block) else { throw r.invalid("blockSectors") }
    transferLBA = lba
    transferRemaining = remaining
    blockSectors = block
    let failed = try r.readBool("pendingFailure")
    let failure = (lba: try r.read(UInt64.self), error: try r.read(UInt8.self))
    pendingFailure = failed ? failure : nil
  }

  private static func register(from r: inout StateReader) throws(StateError) -> Register {
    Register(current: try r.read(), previous: try r.read())
  }
}

// MARK: For people

extension ATADisk {
  package func describe(into description: inout DeviceDescription) {
    description.add("ATA disk", "\(store.sectorCount) sectors" + (store.isReadOnly ? ", read-only" : ""))
    description.add("Status", status, bits: ["ERR", "IDX", "CORR", "DRQ", "DSC", "DF", "DRDY", "BSY"])
    description.add("Error", error, bits: ["", "", "ABRT", "", "IDNF", "", "UNC/WP", "ICRC"])
    description.add("Command", command, IDECommand.name(command))
    for (name, register) in [
      ("Features", features), ("Sector Count", count), ("LBA Low", lbaLow), ("LBA Mid", lbaMid),
      ("LBA High", lbaHigh),
    ] {
      description.add(name, register.current, "HOB " + DeviceDescription.hex(register.previous))
    }
    description.add("Device", device, address)
    description.add("INTRQ", interruptPending ? "pending" : "none")
    description.add("phase", phase.text)
    if phase != .idle {
      description.add(
        "transfer", "\(position) of \(limit) bytes, \(transferRemaining) more sectors from LBA \(transferLBA)"
      )
    }
    description.add(
      "translation", "\(logicalCylinders) cylinders, \(logicalHeads) heads, \(logicalSectors) sectors")
    var settings = [IDECommand.transfer(dmaMode), "multiple \(multipleSetting)"]
    if writeCacheEnabled { settings.append("write cache") }
    if lookAheadEnabled { settings.append("look-ahead") }
    if smartEnabled { settings.append("SMART") }
    description.add("settings", settings.joined(separator: ", "))
    description.add("power mode", IDECommand.power(powerMode, asleep: asleep))
  }

  /// The sector that the registers name, as a command of 28 address bits takes them.
  private var address: String {
    if device.bit(6) { return "LBA \(requestedLBA(extended: false) ?? 0)" }
    let cylinder = UInt16(lbaHigh.current) << 8 | UInt16(lbaMid.current)
    return "CHS \(cylinder) \(device & 0x0F) \(lbaLow.current)"
  }
}

extension ATADisk.Phase {
  fileprivate var text: String {
    switch self {
    case .idle: "waits for a command"
    case .starting: "busy with the command"
    case .loading: "busy until the next block is there"
    case .storing: "busy with the block from the host"
    case .dataIn: "PIO data-in"
    case .dataOut: "PIO data-out"
    case .dmaIn: "DMA data-in"
    case .dmaOut: "DMA data-out"
    case .resetting: "reset"
    }
  }
}
