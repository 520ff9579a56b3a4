import ApusBase

/// The commands that look at the disk.
extension FloppyController82077AA {
  // The commands, without MT, MFM and SK.
  private static let READ_TRACK: UInt8 = 0x02
  private static let WRITE_DATA: UInt8 = 0x05
  private static let WRITE_DELETED_DATA: UInt8 = 0x09
  private static let READ_ID: UInt8 = 0x0A
  private static let READ_DELETED_DATA: UInt8 = 0x0C
  private static let FORMAT_TRACK: UInt8 = 0x0D
  private static let VERIFY: UInt8 = 0x16

  // Bits of ST1 and ST2.
  private static let EN: UInt8 = 0x80
  private static let DE: UInt8 = 0x20
  private static let OR: UInt8 = 0x10
  private static let ND: UInt8 = 0x04
  private static let NW: UInt8 = 0x02
  private static let MA: UInt8 = 0x01
  private static let CM: UInt8 = 0x40
  private static let DD: UInt8 = 0x20
  private static let WC: UInt8 = 0x10

  private var code: UInt8 { command[0] & 0x1F }
  private var EOT: UInt8 { command[6] }

  // MARK: Start

  /// Starts a command of 2, 6 or 9 bytes that looks at the disk.
  func beginExecution(at now: VirtualTime) {
    phase = .execution
    var state = FloppyExecution(dueAt: now)
    state.side = command[1].bits(2, 2)
    switch code {
    case Self.READ_ID: break
    case Self.FORMAT_TRACK:
      (state.N, lastCount) = (command[2], command[3])
      formatIDs = []
      (state.flow, state.writesMedium) = (.fromHost, true)
    default:
      (state.C, state.H, state.R, state.N) = (command[2], command[3], command[4], command[5])
      lastCount = EOT
      let writes = code == Self.WRITE_DATA || code == Self.WRITE_DELETED_DATA
      state.writesMedium = writes
      state.flow = writes ? .fromHost : code == Self.VERIFY ? .none : .toHost
      // An SC of 0 stands for 256.
      if code == Self.VERIFY { state.count = command[8] == 0 ? 256 : UInt16(command[8]) }
    }
    side = state.side
    state.dueAt = now.later(by: settle(at: now) + 1000)
    execution = state
  }

  /// Makes the implied seek, if EIS asks for it, and loads the head. Returns how long that takes.
  private func settle(at now: VirtualTime) -> UInt64 {
    let number = Int(command[1] & 3)
    cutSeek(number, at: now)
    var time: UInt64 = 0
    if configuration.bit(6) && command.count == 9 {
      let pulses = Int(command[2]) - Int(PCN[number])
      isInwards = pulses > 0
      if let selected { drives[selected]?.step(abs(pulses), inwards: isInwards) }
      PCN[number] = command[2]
      time = UInt64(abs(pulses)) * stepTime
    }
    if loadedHead.drive != UInt8(number) || now >= loadedHead.until { time += headLoadTime }
    return time
  }

  // MARK: Events

  /// The execution phase's event at `now`.
  func executionEvent(at now: VirtualTime) {
    guard let state = execution, !busEvent(at: now) else { return }
    switch state.stage {
    case .settling: search(at: now)
    case .index: code == Self.FORMAT_TRACK ? beginFormatting(at: now) : beginTrack(at: now)
    case .sector:
      switch code {
      case Self.READ_ID: finish(at: now)
      case Self.FORMAT_TRACK: endFormatID(at: now)
      default: endSector(at: now)
      }
    case .failing: finish(at: now)
    }
  }

  /// The heads stand: looks for whatever the command needs first.
  private func search(at now: VirtualTime) {
    let drive = selected.flatMap { drives[$0] }
    if execution?.writesMedium ?? false && drive?.isWriteProtected ?? false {
      return finish(ST1: Self.NW, at: now)
    }
    switch code {
    case Self.READ_ID: readID(at: now)
    case Self.READ_TRACK, Self.FORMAT_TRACK:
      execution?.stage = .index
      execution?.dueAt = index(after: now)
    default: startSector(at: now)
    }
  }

  /// When the index hole next passes. Departs from hardware: without a turning disk no pulse ever comes and
  /// the controller waits for a reset; here the command fails as if pulses came.
  private func index(after now: VirtualTime) -> VirtualTime {
    let revolution = selected.flatMap { drives[$0]?.revolution } ?? 200_000_000
    return now.later(by: revolution - now % revolution)
  }

  /// Ends the command with `ST1` and `ST2` after the second index pulse.
  private func fail(ST1: UInt8, ST2: UInt8 = 0, at now: VirtualTime) {
    execution?.ST1 |= ST1
    execution?.ST2 |= ST2
    execution?.stage = .failing
    execution?.isRequesting = false
    execution?.dueAt = index(after: index(after: now))
  }

  /// The drive, if the controller finds address marks on the track under the heads: a disk turns, there is a
  /// formatted side, and data rate and encoding are the disk's.
  private func readableDrive(side: UInt8) -> FloppyDrive? {
    guard let selected, let drive = drives[selected], drive.rate == dataRate,
      command[0].bit(6), drive.sector(side: Int(side), R: 1) != nil
    else { return nil }
    return drive
  }

  private func readID(at now: VirtualTime) {
    guard var state = execution else { return }
    guard let drive = readableDrive(side: state.side), let cylinder = drive.mediumCylinder else {
      return fail(ST1: Self.MA, at: now)
    }
    let sectors = UInt64(drive.medium?.geometry.sectorsPerTrack ?? 1)
    let angle = now % drive.revolution
    let next = angle / drive.sectorTime + 1
    let start =
      next < sectors ? now.later(by: next * drive.sectorTime - angle) : index(after: now)
    (state.C, state.H, state.N) = (UInt8(cylinder), state.side, 2)
    state.R = UInt8(next < sectors ? next + 1 : 1)
    state.stage = .sector
    // The mark, the ID and its CRC.
    state.dueAt = start.later(by: 10 * byteTime)
    execution = state
  }

  // MARK: Sectors

  /// Lets the sector that the ID names come under the head.
  private func startSector(at now: VirtualTime) {
    guard var state = execution else { return }
    guard let drive = readableDrive(side: state.side), let cylinder = drive.mediumCylinder else {
      return fail(ST1: Self.MA, at: now)
    }
    guard Int(state.C) == cylinder else { return fail(ST1: Self.ND, ST2: Self.WC, at: now) }
    guard state.H == state.side, state.N == 2,
      let sector = drive.sector(side: Int(state.side), R: Int(state.R))
    else { return fail(ST1: Self.ND, at: now) }
    let key = lastSectorKey(state, R: state.R)
    var start = now
    if key == lastSector.key {
      start = max(now, lastSector.end.later(by: drive.revolution - drive.sectorTime))
    }
    pass(&state, sector, from: start, during: drive.sectorTime)
    execution = state
  }

  private func lastSectorKey(_ state: FloppyExecution, R: UInt8) -> UInt32 {
    UInt32(selected ?? 3) << 24 | UInt32(state.C) << 16 | UInt32(state.side) << 8 | UInt32(R)
  }

  /// A sector passes from `start`: its data field is the last part of that time.
  private func pass(
    _ state: inout FloppyExecution, _ sector: UInt64, from start: VirtualTime, during time: UInt64
  ) {
    state.stage = .sector
    state.sector = sector
    state.dueAt = start.later(by: time)
    state.byteTime = byteTime
    state.dataAt = start.later(by: time > 512 * byteTime ? time - 512 * byteTime : 0)
    state.position = 0
    state.length = 512
    state.isBad = false
    // In the non-DMA mode bytes are wanted from the start of the execution phase.
    state.isRequesting = state.flow == .fromHost && specify.1.bit(0)
    guard !state.writesMedium else { return }
    load(&state)
    if isSkipped(state) { state.length = 0 }
  }

  /// Reads the data field. One that the host cannot read has a CRC error and gives no data.
  private func load(_ state: inout FloppyExecution) {
    guard let store = selected.flatMap({ drives[$0]?.medium?.store }) else { return }
    do throws(BlockError) {
      try store.read(sector: state.sector, count: 1, into: &buffer, at: 0)
    } catch {
      if error == .io { lastError = error }
      state.isBad = true
      state.length = 0
    }
  }

  /// Whether the sector has the data address mark that the command is not for.
  private func isMismatched(_ state: FloppyExecution) -> Bool {
    guard !state.writesMedium, code != Self.READ_TRACK, let selected, let drive = drives[selected] else {
      return false
    }
    return drive.isDeleted(state.sector) != (code == Self.READ_DELETED_DATA)
  }

  private func isSkipped(_ state: FloppyExecution) -> Bool { command[0].bit(5) && isMismatched(state) }

  /// Moves what is in the buffer over the bus in DMA mode; in the other mode that has happened. Returns whether
  /// TC came, or nil for a request that nobody served in time.
  private func moveByDMA() -> Bool? {
    guard let state = execution, state.flow != .none, state.length > 0, !specify.1.bit(0) else {
      return false
    }
    // DMAGATE# disables DRQ.
    guard DOR.bit(3) else { return nil }
    if state.flow == .fromHost { for i in 0..<state.length { buffer[i] = 0 } }
    let type = state.flow == .toHost ? DMA8237Pair.TransferType.write : .read
    let outcome = dma.transfer(channel: Self.channel, type, &buffer, 0..<state.length)
    guard let outcome, outcome.moved == state.length || outcome.terminalCount else { return nil }
    return outcome.terminalCount
  }

  private func endSector(at now: VirtualTime) {
    guard let state = execution else { return }
    lastSector = (lastSectorKey(state, R: state.R), now)
    toggles ^= state.writesMedium ? 0x10 : 0x08
    if state.isBad {
      execution?.ST1 |= Self.DE
      execution?.ST2 |= Self.DD
      if code != Self.READ_TRACK { return finish(at: now) }
    }
    guard let TC = moveByDMA() else { return finish(ST1: Self.OR, at: now) }
    if state.writesMedium && !writeSector(state, at: now) { return }
    if code == Self.READ_TRACK { return endTrackSector(TC: TC, at: now) }
    if isMismatched(state) {
      execution?.ST2 |= Self.CM
      // "Skip Bit": without SK the command ends here, and the address is not incremented.
      if !isSkipped(state) { return finish(at: now) }
    }
    if TC { return finishAdvanced(at: now) }
    if code == Self.VERIFY && command[1].bit(7) {
      execution?.count = state.count &- 1
      if state.count <= 1 { return finishAdvanced(at: now) }
    }
    if state.R == EOT {
      guard command[0].bit(7), state.side == 0 else {
        // VERIFY without EC ends at EOT. All others should have got TC by now.
        let isExpected = code == Self.VERIFY && !command[1].bit(7)
        return finishAdvanced(ST1: isExpected ? 0 : Self.EN, at: now)
      }
      execution?.side = 1
      execution?.H ^= 1
      execution?.R = 1
      side = 1
    } else {
      execution?.R = state.R &+ 1
    }
    startSector(at: now)
  }

  /// Writes the buffer; ends the command if that fails.
  private func writeSector(_ state: FloppyExecution, at now: VirtualTime) -> Bool {
    guard let selected, let store = drives[selected]?.medium?.store else {
      fail(ST1: Self.MA, at: now)
      return false
    }
    do throws(BlockError) {
      try store.write(sector: state.sector, count: 1, from: buffer, at: 0)
    } catch {
      reportWriteFailure(error, at: now)
      return false
    }
    drives[selected]?.isDirty = true
    drives[selected]?.setDeleted(state.sector, code == Self.WRITE_DELETED_DATA)
    return true
  }

  private func reportWriteFailure(_ error: BlockError, at now: VirtualTime) {
    if error == .readOnly { return finish(ST1: Self.NW, at: now) }
    if error == .io { lastError = error }
    finish(ST1: Self.DE, ST2: Self.DD, at: now)
  }

  // MARK: Whole tracks

  /// READ TRACK begins at the index hole.
  private func beginTrack(at now: VirtualTime) {
    guard let state = execution else { return }
    guard let drive = readableDrive(side: state.side) else { return fail(ST1: Self.MA, at: now) }
    startTrackSector(state, drive, at: now)
  }

  private func startTrackSector(_ state: FloppyExecution, _ drive: FloppyDrive, at now: VirtualTime) {
    var state = state
    let physical = Int(state.count) % max(drive.medium?.geometry.sectorsPerTrack ?? 1, 1) + 1
    guard let sector = drive.sector(side: Int(state.side), R: physical) else {
      return fail(ST1: Self.MA, at: now)
    }
    let isNamed =
      Int(state.C) == drive.mediumCylinder && state.H == state.side && Int(state.R) == physical
      && state.N == 2
    if !isNamed { state.ST1 |= Self.ND }
    pass(&state, sector, from: now, during: drive.sectorTime)
    execution = state
  }

  /// The track ends after EOT sectors, whatever their IDs.
  private func endTrackSector(TC: Bool, at now: VirtualTime) {
    guard var state = execution else { return }
    state.count &+= 1
    if TC || state.count >= UInt16(EOT) {
      execution = state
      return finishAdvanced(at: now)
    }
    state.R &+= 1
    execution = state
    guard let drive = readableDrive(side: state.side) else { return fail(ST1: Self.MA, at: now) }
    startTrackSector(state, drive, at: now)
  }

  /// FORMAT TRACK asks for four ID bytes for each sector. Departs from hardware: an image holds nothing but its
  /// own layout, so that any other ends with EC.
  private func beginFormatting(at now: VirtualTime) {
    guard var state = execution else { return }
    guard let selected, drives[selected]?.medium != nil else { return fail(ST1: Self.MA, at: now) }
    guard let drive = readableDrive(side: state.side), state.N == 2,
      Int(command[3]) == drive.medium?.geometry.sectorsPerTrack
    else { return finish(ST0: 0x10, at: now) }
    pass(&state, 0, from: now, during: drive.sectorTime)
    state.length = 4
    execution = state
  }

  private func endFormatID(at now: VirtualTime) {
    guard let TC = moveByDMA() else { return finish(ST1: Self.OR, at: now) }
    guard var state = execution else { return }
    (state.C, state.H, state.R, state.N) = (buffer[0], buffer[1], buffer[2], buffer[3])
    if formatIDs.count < 4 * 255 { formatIDs += buffer[0..<4] }
    state.count &+= 1
    execution = state
    guard let drive = readableDrive(side: state.side) else { return fail(ST1: Self.MA, at: now) }
    guard !TC && state.count < UInt16(command[3]) else { return endFormatting(state, drive, at: now) }
    pass(&state, 0, from: now, during: drive.sectorTime)
    state.length = 4
    execution = state
  }

  /// Fills the track if the IDs are those of the disk's layout, in any order.
  private func endFormatting(_ state: FloppyExecution, _ drive: FloppyDrive, at now: VirtualTime) {
    let sectors = Int(command[3])
    var seen = [Bool](repeating: false, count: sectors + 1)
    // The disk may have been changed meanwhile.
    var complete = formatIDs.count == 4 * sectors && sectors == drive.medium?.geometry.sectorsPerTrack
    for i in 0..<(formatIDs.count / 4) {
      let R = Int(formatIDs[4 * i + 2])
      complete =
        complete && Int(formatIDs[4 * i]) == drive.mediumCylinder && formatIDs[4 * i + 1] == state.side
        && R >= 1 && R <= sectors && !seen[min(R, sectors)] && formatIDs[4 * i + 3] == 2
      if R <= sectors { seen[R] = true }
    }
    guard complete, let first = drive.sector(side: Int(state.side), R: 1), let store = drive.medium?.store,
      let selected
    else { return finish(ST0: 0x10, at: now) }
    let track = [UInt8](repeating: command[5], count: 512 * sectors)
    do throws(BlockError) {
      try store.write(sector: first, count: sectors, from: track, at: 0)
    } catch {
      return reportWriteFailure(error, at: now)
    }
    drives[selected]?.isDirty = true
    for i in 0..<UInt64(sectors) { drives[selected]?.setDeleted(first + i, false) }
    finish(at: now)
  }

  // MARK: Result

  /// Ends the command with the ID after the last sector: "Result Phase Table".
  private func finishAdvanced(ST1: UInt8 = 0, at now: VirtualTime) {
    guard var state = execution else { return }
    if state.R != EOT {
      state.R &+= 1
    } else {
      state.R = 1
      let isMultiTrack = command[0].bit(7)
      if isMultiTrack { state.H ^= 1 }
      if !isMultiTrack || state.side == 1 { state.C &+= 1 }
    }
    execution = state
    finish(ST1: ST1, at: now)
  }

  /// Enters the result phase with an interrupt. Any bit but those of the address marks makes the termination
  /// abnormal.
  func finish(ST0: UInt8 = 0, ST1: UInt8 = 0, ST2: UInt8 = 0, at now: VirtualTime) {
    guard let state = execution else { return }
    let statuses = (ST1: state.ST1 | ST1, ST2: state.ST2 | ST2)
    let isAbnormal = ST0 != 0 || statuses.ST1 != 0
    let head = state.side << 2 | command[1] & 3
    execution = nil
    formatIDs = []
    loadedHead = (command[1] & 3, now.later(by: headUnloadTime))
    present([
      (isAbnormal ? 0x40 : 0) | ST0 | head, statuses.ST1, statuses.ST2, state.C, state.H, state.R, state.N,
    ])
    interrupt = true
  }
}
