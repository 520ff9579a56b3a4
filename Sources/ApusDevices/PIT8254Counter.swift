import ApusBase

/// One counter of an 8254: control word, count register CR, counting element CE, latches and OUT. Source:
/// Intel 8254 datasheet (231164), whose mode definitions and names are used.
///
/// Nothing ticks: the counter remembers the clock at which CE held its initial count, and everything else
/// is computed from the present clock. `clock` is the number of CLK pulses since time zero; what happens
/// "on the next CLK pulse" happens at `clock + 1`. Call `advance(to:)` before any other member, with the
/// same clock.
package struct Counter8254 {
  /// Bits 5:0 of the last control word.
  private var control: UInt8 = 0x36
  /// The GATE input.
  package private(set) var gate: Bool
  /// The count register CR, in binary or BCD as written.
  private var CR: UInt16 = 0
  /// Whether CR was written since the control word.
  private var isWritten = true
  private var nullCount = false
  /// The least significant byte of a two-byte count whose second byte is still to come.
  private var lowByte: UInt8?
  private var readsHighNext = false
  private var latchedCount: UInt16?
  private var latchedStatus: UInt8?
  /// Whether CE runs a count loaded since the control word.
  private var isStarted = true
  /// What CE shows while not started, as read.
  private var idleCount: UInt16 = 0
  /// The count last moved from CR to CE, as a number of clocks (1...65536, BCD to 16665).
  private var period: UInt64 = 65536
  /// The clock at which CE held `period`; wraps below zero.
  private var base: UInt64
  /// The clocks elapsed when GATE stopped the counting; nil while counting.
  private var held: UInt64?
  /// The clock at which CR moves to CE.
  private var load: UInt64?

  /// Departs from hardware: the datasheet leaves the state after power-on undefined; this one starts as PC
  /// firmware leaves counter 0, in mode 3 with the full count.
  package init(gate: Bool, clock: UInt64) {
    self.gate = gate
    base = clock
    held = gate ? nil : 0
  }

  private var mode: UInt8 {
    let mode = control.bits(3, 1)
    return mode >= 6 ? mode - 4 : mode
  }
  private var access: UInt8 { control.bits(5, 4) }
  private var isBCD: Bool { control.bit(0) }
  /// Whether GATE low stops CE in the present mode.
  private var gateStops: Bool { mode != 1 && mode != 5 }

  /// The clock at which CR moves to CE, nil if no transfer is due.
  package var pendingLoad: UInt64? { load }

  private func elapsed(_ clock: UInt64) -> UInt64 { held ?? (clock &- base) }

  /// Performs the transfer from CR to CE that is due at or before `clock`.
  package mutating func advance(to clock: UInt64) {
    guard let at = load, at <= clock else { return }
    let next = count(ofRegister: CR)
    if mode == 3 && isStarted && held == nil && (at &- base) % period != 0 {
      // "Mode 3": a new count is taken at the end of the current half-cycle; here the low half follows.
      base = at &- (next &+ 1) / 2
    } else {
      base = at
    }
    period = next
    held = gateStops && !gate ? 0 : nil
    isStarted = true
    nullCount = false
    load = nil
  }

  /// The number of clocks a register image stands for: 0 is the largest count.
  private func count(ofRegister image: UInt16) -> UInt64 {
    if image == 0 { return isBCD ? 10000 : 65536 }
    guard isBCD else { return UInt64(image) }
    let (thousands, hundreds) = (UInt64(image.bits(15, 12)), UInt64(image.bits(11, 8)))
    return thousands * 1000 + hundreds * 100 + UInt64(image.bits(7, 4)) * 10 + UInt64(image.bits(3, 0))
  }

  /// CE as a register image.
  private func image(ofCount count: UInt64) -> UInt16 {
    guard isBCD else { return UInt16(truncatingIfNeeded: count) }
    let n = UInt16(truncatingIfNeeded: count % 10000)
    return (n / 1000) << 12 | (n / 100 % 10) << 8 | (n / 10 % 10) << 4 | n % 10
  }

  /// CE as the CPU reads it.
  package func countingElement(at clock: UInt64) -> UInt16 {
    guard isStarted else { return idleCount }
    let elapsed = elapsed(clock)
    switch mode {
    case 2:
      return image(ofCount: period - elapsed % period)
    case 3:
      // Counts down by two, from an even number: an odd count is loaded less one.
      let high = (period + 1) / 2
      let phase = elapsed % period
      return image(ofCount: (period & ~1) - 2 * (phase < high ? phase : phase - high))
    default:
      let modulus: UInt64 = isBCD ? 10000 : 65536
      return image(ofCount: period + modulus - elapsed % modulus)
    }
  }

  /// The OUT pin.
  package func out(at clock: UInt64) -> Bool {
    guard isStarted else { return mode != 0 }
    let elapsed = elapsed(clock)
    switch mode {
    case 0: return elapsed >= period
    case 1: return elapsed >= period
    case 2: return held != nil || period < 2 || elapsed % period != period - 1
    case 3: return held != nil || period < 2 || elapsed % period < (period + 1) / 2
    default: return held != nil || elapsed != period
    }
  }

  /// The first clock after `clock` at which OUT changes, nil if it does not while nothing else happens. A
  /// pending load is not looked through. A count of 1 in modes 2 and 3, which the datasheet forbids, gives
  /// no transitions.
  package func nextTransition(after clock: UInt64) -> UInt64? {
    guard isStarted && held == nil else { return nil }
    let elapsed = clock &- base
    switch mode {
    case 0, 1:
      return elapsed < period ? base &+ period : nil
    case 2:
      guard period >= 2 else { return nil }
      let phase = elapsed % period
      return clock &+ (phase < period - 1 ? period - 1 - phase : 1)
    case 3:
      guard period >= 2 else { return nil }
      let (phase, high) = (elapsed % period, (period + 1) / 2)
      return clock &+ (phase < high ? high - phase : period - phase)
    default:
      if elapsed < period { return base &+ period }
      return elapsed == period ? clock &+ 1 : nil
    }
  }

  /// A control word with this counter's number and RW not 00: the counter is programmed anew.
  package mutating func program(_ word: UInt8, at clock: UInt64) {
    idleCount = countingElement(at: clock)
    control = word & 0x3F
    isStarted = false
    isWritten = false
    nullCount = true
    lowByte = nil
    readsHighNext = false
    latchedCount = nil
    latchedStatus = nil
    load = nil
    held = nil
  }

  /// The counter latch command; ignored while a latched count is still to be read.
  package mutating func latchCount(at clock: UInt64) {
    if latchedCount == nil { latchedCount = countingElement(at: clock) }
  }

  /// The status half of the read-back command; ignored while a latched status is still to be read.
  package mutating func latchStatus(at clock: UInt64) {
    guard latchedStatus == nil else { return }
    latchedStatus = control | (nullCount ? 0x40 : 0) | (out(at: clock) ? 0x80 : 0)
  }

  /// Reads the counter's port: latched status first, then the latched or present count.
  package mutating func read(at clock: UInt64) -> UInt8 {
    if let status = latchedStatus {
      latchedStatus = nil
      return status
    }
    let value = latchedCount ?? countingElement(at: clock)
    let readsHigh = access == 2 || (access == 3 && readsHighNext)
    if access == 3 { readsHighNext.toggle() }
    if access != 3 || readsHigh { latchedCount = nil }
    return UInt8(truncatingIfNeeded: readsHigh ? value >> 8 : value)
  }

  /// Writes the counter's port.
  package mutating func write(_ value: UInt8, at clock: UInt64) {
    switch access {
    case 1: writeCount(UInt16(value), at: clock)
    case 2: writeCount(UInt16(value) << 8, at: clock)
    default:
      if let low = lowByte {
        lowByte = nil
        writeCount(UInt16(value) << 8 | UInt16(low), at: clock)
      } else {
        lowByte = value
        // "Mode 0": writing the first byte disables counting and sets OUT low immediately.
        if mode == 0 { stopCounting(at: clock) }
      }
    }
  }

  private mutating func stopCounting(at clock: UInt64) {
    idleCount = countingElement(at: clock)
    isStarted = false
    load = nil
  }

  private mutating func writeCount(_ image: UInt16, at clock: UInt64) {
    CR = image
    isWritten = true
    nullCount = true
    switch mode {
    case 0:
      stopCounting(at: clock)
      load = clock &+ 1
    case 4:
      load = clock &+ 1
    case 1, 5:
      break  // loaded by the trigger
    default:
      guard load == nil else { return }
      if !isStarted {
        load = clock &+ 1
      } else if held == nil {
        load = endOfCycle(after: clock)
      }
    }
  }

  /// Where modes 2 and 3 take a new count without a trigger: the end of the cycle, or of the half-cycle.
  private func endOfCycle(after clock: UInt64) -> UInt64 {
    guard period >= 2 else { return clock &+ 1 }
    let (phase, high) = ((clock &- base) % period, (period + 1) / 2)
    if mode == 3 && phase < high { return clock &+ (high - phase) }
    return clock &+ (period - phase)
  }

  /// Drives the GATE input ("Gate Pin Operations Summary").
  package mutating func setGate(_ level: Bool, at clock: UInt64) {
    guard level != gate else { return }
    gate = level
    switch mode {
    case 0, 4:
      if level {
        if let elapsed = held { base = clock &- elapsed }
        held = nil
      } else if isStarted {
        held = clock &- base
      }
    case 1, 5:
      if level && isWritten { load = clock &+ 1 }
    default:
      if level {
        if isWritten { load = clock &+ 1 }
      } else if isStarted && held == nil {
        held = (clock &- base) % period
        load = nil
      }
    }
  }

  /// Writes every field of the counter into the caller's section.
  package func save(to writer: inout StateWriter) {
    writer.write(control)
    for flag in [gate, isWritten, nullCount, readsHighNext, isStarted] { writer.write(flag) }
    writer.write(CR)
    writer.write(idleCount)
    writer.write(period)
    writer.write(base)
    writer.write(lowByte != nil)
    writer.write(lowByte ?? 0)
    writer.write(latchedCount != nil)
    writer.write(latchedCount ?? 0)
    writer.write(latchedStatus != nil)
    writer.write(latchedStatus ?? 0)
    writer.write(held != nil)
    writer.write(held ?? 0)
    writer.write(load != nil)
    writer.write(load ?? 0)
  }

  /// Reads back what `save` wrote.
  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    control = try reader.read()
    guard control < 0x40 && access != 0 else { throw reader.invalid("control") }
    gate = try reader.readBool("gate")
    isWritten = try reader.readBool("isWritten")
    nullCount = try reader.readBool("nullCount")
    readsHighNext = try reader.readBool("readsHighNext")
    isStarted = try reader.readBool("isStarted")
    CR = try reader.read()
    idleCount = try reader.read()
    period = try reader.read()
    guard (1...65536).contains(period) else { throw reader.invalid("period") }
    base = try reader.read()
    lowByte = try reader.readOptional("lowByte")
    latchedCount = try reader.readOptional("latchedCount")
    latchedStatus = try reader.readOptional("latchedStatus")
    held = try reader.readOptional("held")
    load = try reader.readOptional("load")
  }
}

extension StateReader {
  /// Reads a presence flag and an integer.
  fileprivate mutating func readOptional<T: FixedWidthInteger>(_ field: String) throws(StateError) -> T? {
    let isPresent = try readBool(field)
    let value: T = try read()
    return isPresent ? value : nil
  }
}

// MARK: For people

extension Counter8254 {
  private static let modeNames = [
    "interrupt on terminal count", "hardware retriggerable one-shot", "rate generator", "square wave mode",
    "software triggered strobe", "hardware triggered strobe",
  ]
  private static let accessNames = ["latch", "LSB", "MSB", "LSB then MSB"]

  /// The counter at `clock`, to which it has not been advanced.
  func describe(_ name: String, at clock: UInt64, into description: inout DeviceDescription) {
    var counter = self
    counter.advance(to: clock)
    description.add(
      name,
      "mode \(counter.mode), \(Self.modeNames[Int(counter.mode)]); \(Self.accessNames[Int(counter.access)]), "
        + (counter.isBCD ? "BCD" : "binary"))
    var states = [
      "count \(counter.period)", "CE \(DeviceDescription.hex(counter.countingElement(at: clock)))",
    ]
    states.append(counter.out(at: clock) ? "OUT high" : "OUT low")
    states.append(counter.gate ? "GATE high" : "GATE low")
    if counter.nullCount { states.append("null count") }
    if !counter.isStarted { states.append("waits for a count") }
    if let latched = counter.latchedCount { states.append("latched \(DeviceDescription.hex(latched))") }
    if counter.isStarted, counter.mode == 2 || counter.mode == 3 {
      let tenths = PIT8254.frequency * 10 / counter.period
      states.append("\(tenths / 10).\(tenths % 10) Hz")
    }
    description.add("", states.joined(separator: ", "))
  }
}
