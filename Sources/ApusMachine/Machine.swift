import ApusBase
import ApusCPU
import ApusDevices

/// A PC: a processor on a board, with guest memory that the host provides. It runs for as many instructions as
/// it is told and knows nothing of real time, files or terminals; the same configuration and the same input at
/// the same instruction counts give the same state at every instruction.
public final class Machine {
  let configuration: MachineConfiguration
  let board: Board
  let processor: Processor
  /// What the ROM holds; empty without one.
  let rom: [UInt8]
  /// Hears what reaches the machine from outside; nil if nobody does.
  public var recorder: (any InputRecorder)?
  /// Whether `run` was called since the last input: then devices have seen it.
  var hasRun = false
  /// Why the machine stopped for good; `run` then does nothing more.
  var end: Stop?

  /// How often `run` passes idle time by itself before it returns nevertheless: a processor that no timer
  /// interrupt wakes executes nothing, and would never use up its instructions.
  private static let skipLimit = 10_000

  /// Builds a machine over `ram`, which has `memorySize` bytes and is all zero, and loads what it starts from.
  /// Throws `badInput` for a file that cannot be booted, and `usage` for a configuration that makes no sense.
  public convenience init(_ configuration: MachineConfiguration, ram: GuestRAM) throws(MachineError) {
    try self.init(configuration, ram: ram, rom: try Self.firmware(configuration))
    if configuration.isProfiled {
      processor.beginProfile()
      board.accesses = AccessCounts()
    }
    try start()
  }

  /// The hardware, before it is started or gets a state.
  init(_ configuration: MachineConfiguration, ram: GuestRAM, rom: [UInt8]) throws(MachineError) {
    guard ram.size == configuration.memorySize else {
      throw MachineError(
        message: "memory: \(ram.size) bytes given, \(configuration.memorySize) configured", kind: .usage)
    }
    guard (0...253_402_300_799).contains(configuration.startDate) else {
      throw MachineError(message: "start date: not between the years 1970 and 9999", kind: .usage)
    }
    let map: MemoryMap
    do { map = try MemoryMap(ramSize: configuration.memorySize) } catch {
      throw MachineError(message: error.message, kind: .usage)
    }
    self.configuration = configuration
    self.rom = rom
    board = try Board(configuration, map, romSize: UInt64(rom.count))
    processor = Processor(
      ram: ram, regions: board.shadow.regions, bus: board, model: configuration.cpuModel)
    board.connect(processor)
  }

  deinit { board.disconnect() }

  /// The ROM, empty for a machine that starts without.
  static func firmware(_ configuration: MachineConfiguration) throws(MachineError) -> [UInt8] {
    if configuration.startsKernelByFirmware { return BuiltInFirmware.image() }
    guard configuration.boot == nil else { return [] }
    switch configuration.firmware {
    case .builtInGuest: return BuiltInGuest.image()
    case .bios: return BuiltInFirmware.image()
    case .image(let file):
      guard file.size > 0, file.size <= GuestRAM.romSize, file.size % 4096 == 0 else {
        let error = file.failure(
          "size", found: "\(file.size) bytes", expected: "4 KiB to 1 MiB in multiples of 4 KiB")
        throw MachineError(message: error.message, kind: .badInput)
      }
      return file.bytes
    }
  }

  /// Starts as after power-on: from the ROM, or with what firmware does followed by a load of the boot files.
  private func start() throws(MachineError) {
    board.reset(at: board.now)
    processor.reset()
    if let source = configuration.boot {
      board.memory.erase()
      guard configuration.startsKernelByFirmware else {
        board.initializeAsFirmware(at: board.now)
        return enter(try load(source, acpiRSDP: try board.placeACPITables()))
      }
      // A file that cannot be booted is refused now, not when firmware is done.
      _ = try load(source, acpiRSDP: 0)
      board.memory.erase()
    }
    // Without a kernel, RAM keeps its contents in a reset; it is zero at power-on.
    precondition(processor.writeHost(processor.ram.size, from: rom, 0..<rom.count))
    for table in try board.firmwareTables() {
      precondition(processor.writeHost(table.physical, from: table.bytes, 0..<table.bytes.count))
    }
  }

  private func load(
    _ source: BootSource, acpiRSDP: UInt64, after firmware: FirmwareScreen? = nil
  ) throws(MachineError) -> BootState {
    do throws(BootError) {
      return try source.load(into: board.memory, map: board.map, acpiRSDP: acpiRSDP, after: firmware)
    } catch {
      throw MachineError(message: error.message, kind: .badInput)
    }
  }

  private func enter(_ state: BootState) {
    processor.load(InitialState(state))
    // From the next address that MTRRs can describe; what lies between RAM and there is nobody's.
    let hole = (board.map.lowRAMSize + 0xFF_FFFF) & ~0xFF_FFFF
    processor.programMemoryTypes(uncachedFrom: max(hole, 1 << 30))
  }

  /// Firmware has done its part: the kernel starts.
  private func startKernel() -> Stop? {
    guard let source = configuration.boot else { return nil }
    do {
      enter(try load(source, acpiRSDP: Board.acpiRSDP, after: board.firmwareScreen))
      return nil
    } catch {
      // The files were loaded before, into the same memory.
      return finish(.unimplemented(report: "start of the kernel: " + error.message))
    }
  }

  // MARK: Running

  /// Runs for `count` instructions, or until there is a reason to stop before. After an end that is final
  /// (power-off, reset, debug exit, triple fault, unimplemented) it returns that again.
  public func run(instructions count: UInt64) -> Stop {
    if let end { return end }
    hasRun = true
    let (sum, overflow) = processor.instructions.addingReportingOverflow(count)
    let last = overflow ? .max : sum
    var skips = 0
    while true {
      board.runDevices()
      if let stop = serveRequests() { return stop }
      let executed = processor.instructions
      guard executed < last else { return .budget }
      let now = board.now
      board.sliceEnd = min(max(board.deadlines.earliest, now.later(by: 1)), now.later(by: last - executed))
      switch processor.run(until: board.sliceEnd) {
      case .deadline, .attention:
        if processor.instructions != executed { skips = 0 }
      case .halted:
        guard let next = wakeTime else { return .idle(until: nil) }
        guard configuration.skipsIdle, skips < Self.skipLimit else { return .idle(until: next) }
        skips += 1
        processor.skip(to: max(next, board.now.later(by: 1)))
      case .paused: return .paused
      case .stopped:
        if let stop = stopped() { return stop }
      }
    }
  }

  /// The next time at which something may wake the halted processor; nil if nothing can.
  private var wakeTime: VirtualTime? {
    guard processor.interruptsEnabled || board.canWakeUnmaskably else { return nil }
    let next = board.deadlines.earliest
    return next == .never ? nil : next
  }

  /// Does what devices asked of the board.
  private func serveRequests() -> Stop? {
    let requests = board.pins.takeRequests()
    if requests.powerOff { return finish(.poweredOff) }
    if requests.debugExit, let value = board.debugExit.value { return finish(.debugExit(value)) }
    if requests.reset {
      if configuration.rebootStops { return finish(.reset) }
      return restart()
    }
    if requests.initialization { initialize() }
    if requests.kernelBoot { return startKernel() }
    return nil
  }

  private func finish(_ stop: Stop) -> Stop {
    end = stop
    return stop
  }

  /// A reset of the whole machine. Departs from hardware: the resets of the processor alone (8042, port 92h,
  /// soft reset at CF9h) reset everything, as in QEMU; without firmware the boot files are loaded again.
  private func restart() -> Stop? {
    do {
      try start()
      return nil
    } catch {
      // The files were loaded before, into the same memory.
      return finish(.unimplemented(report: "reset: " + error.message))
    }
  }

  /// INIT. Departs from hardware: it also resets the registers that INIT leaves alone (SDM Vol. 3, "Processor
  /// State After Reset"): the vector registers, the x87 unit and model-specific registers.
  private func initialize() {
    processor.reset()
    board.localAPIC.initialize(at: board.now)
    board.noteDeadlines()
  }

  private func stopped() -> Stop? {
    switch processor.stopCode {
    case .tripleFault where configuration.tripleFaultResets:
      return configuration.rebootStops ? finish(.reset) : restart()
    case .tripleFault: return finish(.tripleFault(report: "triple fault\n" + processor.report))
    case .unimplemented:
      return finish(.unimplemented(report: "instruction not implemented\n" + processor.report))
    case .internalError, .none:
      return finish(.unimplemented(report: "internal error\n" + processor.report))
    }
  }

  /// Passes the idle time of a halted processor: virtual time goes to `time`, but not beyond the next event,
  /// for which the devices then run. Nothing happens while the processor is not halted.
  public func skipIdle(to time: VirtualTime) {
    guard end == nil, processor.isHalted else { return }
    note(.idle(until: time))
    processor.skip(to: min(time, max(board.deadlines.earliest, board.now)))
    board.runDevices()
  }

  // MARK: The world outside

  /// Gives bytes to the receiver of serial port `port` (0 for COM1). Returns how many it took: it has room for
  /// 64 KiB in all. The guest sees them one by one at the port's speed.
  public func receive(_ bytes: [UInt8], serial port: Int) -> Int {
    guard board.serial.indices.contains(port) else { return 0 }
    let count = board.serial[port].receive(bytes, at: board.now)
    board.noteDeadlines()
    if count > 0 { note(.serial(port: port, bytes: Array(bytes.prefix(count)))) }
    return count
  }

  /// Sends a break to serial port `port` (0 for COM1).
  public func receiveBreak(serial port: Int) {
    guard board.serial.indices.contains(port) else { return }
    board.serial[port].receiveBreak(at: board.now)
    board.noteDeadlines()
    note(.serialBreak(port: port))
  }

  /// Gives the keyboard scan codes of set 2 that a person types: makes, breaks and their prefixes. False if its
  /// buffer has no room for all of them.
  public func type(_ scancodes: [UInt8]) -> Bool {
    let fits = board.keyboard.type(scancodes, at: board.now)
    board.noteDeadlines()
    if fits { note(.scancodes(scancodes)) }
    return fits
  }

  private func note(_ input: MachineInput) {
    recorder?.record(input, at: processor.instructions, afterRun: hasRun)
    hasRun = false
  }

  /// How many bytes `type` takes now: 16 if the guest has taken all, 0 while it has switched scanning off.
  public var typingRoom: Int { board.keyboard.typingRoom }

  /// The keyboard's lights: bit 0 scroll lock, bit 1 num lock, bit 2 caps lock.
  public var keyboardLights: UInt8 { board.keyboard.keyboard.LEDs }

  /// Moves the PS/2 mouse by counts, right and up, and sets its buttons: bits 0 left, 1 right, 2 middle.
  public func moveMouse(x: Int, y: Int, wheel: Int = 0, buttons: UInt8) {
    board.keyboard.moveMouse(x: x, y: y, wheel: wheel, buttons: buttons, at: board.now)
    board.noteDeadlines()
    note(.mouse(x: x, y: y, wheel: wheel, buttons: buttons))
  }

  /// The display adapter, to look at; nil without one.
  package var screen: VGA? { board.vga }

  /// Gives the speaker's sink everything up to now.
  public func drainSpeaker() { board.pit.drainSpeaker(at: board.now) }

  /// Presses the power button: ACPI systems are told, others are switched off.
  public func pressPowerButton() {
    board.power.pressPowerButton(at: board.now)
    note(.powerButton)
  }

  // MARK: Looking at it

  /// Virtual time in nanoseconds: one per instruction, and what the processor was halted.
  public var now: VirtualTime { processor.now }
  /// Instructions retired.
  public var instructions: UInt64 { processor.instructions }
  /// Whether the run has ended for good: see `run(instructions:)`.
  public var hasEnded: Bool { end != nil }
  /// Whether the processor takes maskable interrupts.
  public var interruptsEnabled: Bool { processor.interruptsEnabled }
  /// What the machine has done so far.
  public var statistics: Statistics {
    Statistics(
      instructions: processor.instructions, blocksDecoded: processor.counters.blocksDecoded,
      tlbFills: processor.counters.tlbFills)
  }
  /// What has been executed so far; nil unless the configuration asks for it.
  package var profile: MachineProfile? {
    guard let counted = processor.profile, let accesses = board.accesses else { return nil }
    return MachineProfile(processor: counted, accesses: accesses.named(board.names))
  }
  /// The processor's registers as text for people.
  public var report: String { processor.report }

  /// A 64-bit hash of everything that decides what the machine does next: processor, devices, RAM and ROM.
  /// Disk contents are not in it.
  public func stateHash() -> UInt64 { hash(from: processor.memoryHash()) }

  /// A hash of the same without RAM and ROM, which takes less than a millisecond.
  public func registersHash() -> UInt64 { hash(from: 0) }

  private func hash(from start: UInt64) -> UInt64 {
    var writer = StateWriter()
    saveState(to: &writer)
    let hash = (start ^ ContentHash.of(writer.bytes)) &* 0xD6E8_FEB8_6659_FD93
    return hash ^ hash >> 32
  }
}

extension InitialState {
  /// The processor's state as a loader of `ApusMachine` gives it.
  init(_ state: BootState) {
    func register(_ segment: SegmentState) -> SegmentRegister {
      SegmentRegister(
        selector: segment.selector, base: segment.base, limit: segment.limit, access: segment.access)
    }
    self.init(ldtr: register(state.ldtr), tr: register(state.tr))
    registers = state.registers
    rip = state.rip
    rflags = state.rflags
    (cr0, cr3, cr4, efer) = (state.cr0, state.cr3, state.cr4, state.efer)
    gdtr = (state.gdtr.base, state.gdtr.limit)
    idtr = (state.idtr.base, state.idtr.limit)
    segments = [state.es, state.cs, state.ss, state.ds, state.fs, state.gs].map(register)
  }
}
