import ApusBase

/// A command in its execution phase.
struct FloppyExecution {
  /// What the next event is.
  enum Stage: UInt8 {
    /// The heads settle: implied seek and head load.
    case settling
    /// The index hole comes round.
    case index
    /// A sector (or, for READ ID, its ID field) ends.
    case sector
    /// The second index pulse without what was looked for.
    case failing
  }

  /// Which way data go over the bus.
  enum Flow: UInt8 { case none, toHost, fromHost }

  var stage = Stage.settling
  var flow = Flow.none
  /// When `stage` ends, as far as the disk is concerned.
  var dueAt: VirtualTime
  /// The ID looked for, and the side under which.
  var C: UInt8 = 0
  var H: UInt8 = 0
  var R: UInt8 = 0
  var N: UInt8 = 0
  var side: UInt8 = 0
  var ST1: UInt8 = 0
  var ST2: UInt8 = 0
  /// Sectors done (READ TRACK, FORMAT TRACK) or left (VERIFY with EC).
  var count: UInt16 = 0
  /// The image sector that passes.
  var sector: UInt64 = 0
  /// When the sector's first data byte passes, and nanoseconds for each.
  var dataAt: VirtualTime = 0
  var byteTime: UInt64 = 1
  /// Bytes of it for the bus, at most 512, and how many of them the host moved (non-DMA mode).
  var length = 0
  var position = 0
  /// RQM and INT of the non-DMA mode.
  var isRequesting = false
  /// The data field cannot be read.
  var isBad = false
  var writesMedium = false

  init(dueAt: VirtualTime) { self.dueAt = dueAt }

  /// Data bytes that have passed the head at `now`.
  func passed(at now: VirtualTime) -> Int {
    now <= dataAt ? 0 : Int(min((now - dataAt) / byteTime, UInt64(length)))
  }

  /// When `bytes` data bytes have passed.
  func time(ofByte bytes: Int) -> VirtualTime { dataAt.later(by: UInt64(max(bytes, 0)) * byteTime) }

  func save(to w: inout StateWriter) {
    for value in [stage.rawValue, flow.rawValue, C, H, R, N, side, ST1, ST2] { w.write(value) }
    w.write(count)
    for value in [dueAt, sector, dataAt, byteTime] { w.write(value) }
    w.write(UInt16(length))
    w.write(UInt16(position))
    for flag in [isRequesting, isBad, writesMedium] { w.write(flag) }
  }

  init(from r: inout StateReader) throws(StateError) {
    guard let stage = Stage(rawValue: try r.read()) else { throw r.invalid("stage") }
    guard let flow = Flow(rawValue: try r.read()) else { throw r.invalid("flow") }
    (self.stage, self.flow) = (stage, flow)
    C = try r.read()
    H = try r.read()
    R = try r.read()
    N = try r.read()
    side = try r.read(UInt8.self) & 1
    ST1 = try r.read()
    ST2 = try r.read()
    count = try r.read()
    dueAt = try r.read()
    sector = try r.read()
    dataAt = try r.read()
    byteTime = try r.read()
    guard (1...1_000_000).contains(byteTime) else { throw r.invalid("byteTime") }
    length = Int(try r.read(UInt16.self))
    position = Int(try r.read(UInt16.self))
    guard length <= 512, position <= length else { throw r.invalid("position") }
    isRequesting = try r.readBool("isRequesting")
    isBad = try r.readBool("isBad")
    writesMedium = try r.readBool("writesMedium")
    guard !isRequesting || (flow != .none && position < length) else { throw r.invalid("isRequesting") }
  }
}

/// The bus in the non-DMA mode: bytes pass the head at the data rate, and the host has to keep pace through
/// the FIFO. Nothing happens for each byte; the FIFO's content is computed from the time.
extension FloppyController82077AA {
  private var isNonDMA: Bool { specify.1.bit(0) }
  /// EFIFO is active low.
  private var depth: Int { configuration.bit(5) ? 1 : 16 }
  /// "<threshold>", FIFOTHR plus one.
  private var threshold: Int { Int(configuration & 0x0F) + 1 }

  /// When the execution phase next does something by itself.
  var nextExecutionEvent: VirtualTime {
    guard let execution else { return .never }
    guard execution.stage == .sector, isNonDMA, execution.flow != .none else { return execution.dueAt }
    if execution.position == execution.length { return execution.dueAt }
    let lost: VirtualTime
    let wanted: VirtualTime
    if execution.flow == .toHost {
      let overrun = execution.position + depth + 1
      lost = overrun <= execution.length ? execution.time(ofByte: overrun) : .never
      let enough = depth == 1 ? 1 : max(16 - threshold, 1)
      wanted = execution.time(ofByte: min(execution.position + enough, execution.length))
    } else {
      lost = execution.time(ofByte: execution.position + 1)
      wanted = execution.time(ofByte: execution.position - (depth == 1 ? 0 : min(threshold, 15)))
    }
    return execution.isRequesting ? lost : min(lost, wanted)
  }

  /// Whether the event at `now` was the bus's rather than the end of the sector.
  func busEvent(at now: VirtualTime) -> Bool {
    guard let execution, execution.stage == .sector, isNonDMA, execution.flow != .none,
      execution.position < execution.length
    else { return false }
    let passed = execution.passed(at: now)
    let isLost =
      execution.flow == .toHost ? passed - execution.position > depth : passed > execution.position
    if isLost {
      finish(ST1: 0x10, at: now)  // OR
    } else {
      self.execution?.isRequesting = true
    }
    return true
  }

  func readExecutionByte(at now: VirtualTime) -> UInt8 {
    guard var state = execution, state.isRequesting, state.flow == .toHost else { return 0 }
    let value = buffer[state.position]
    state.position += 1
    state.isRequesting = state.passed(at: now) > state.position
    completeBytes(&state, at: now)
    return value
  }

  func writeExecutionByte(_ value: UInt8, at now: VirtualTime) {
    guard var state = execution, state.isRequesting, state.flow == .fromHost else { return }
    buffer[state.position] = value
    state.position += 1
    state.isRequesting =
      state.position < state.length && state.position - state.passed(at: now) < depth
    completeBytes(&state, at: now)
  }

  /// After the last byte the sector ends, now if its time has passed already.
  private func completeBytes(_ state: inout FloppyExecution, at now: VirtualTime) {
    if state.position == state.length { state.dueAt = max(state.dueAt, now.later(by: 1)) }
    execution = state
  }
}
