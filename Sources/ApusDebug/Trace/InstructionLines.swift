import ApusCPU

/// The ends of lines about instructions: most instructions of a trace were there before. Millions are looked up each
/// second, so texts lie in one block of memory.
@safe final class InstructionLines {
  private struct Key {
    var linear: UInt64 = 0
    var low: UInt64 = 0
    var high: UInt64 = 0
    var mode = ProcessorMode.real
    /// Bytes of the text; 0 for none.
    var size: UInt8 = 0
  }

  /// Slots, a power of two, and bytes of each. A longer text is made anew each time.
  private static let slots = 1 << 14
  private static let slotSize = 128

  private let keys = UnsafeMutablePointer<Key>.allocate(capacity: slots)
  private let texts = UnsafeMutablePointer<UInt8>.allocate(capacity: slots * slotSize)

  init() { unsafe keys.initialize(repeating: Key(), count: Self.slots) }

  // Keys are trivial values, which need no end.
  deinit {
    unsafe keys.deallocate()
    unsafe texts.deallocate()
  }

  private func slot(_ start: InstructionStart) -> Int {
    Int(truncatingIfNeeded: start.linear ^ start.linear >> 14) & (Self.slots - 1)
  }

  /// Completes a line about an instruction that was there before; false if it was not.
  func complete(_ lines: TraceLines, _ start: InstructionStart) -> Bool {
    let slot = slot(start)
    let key = unsafe keys[slot]
    guard key.size != 0, key.linear == start.linear, key.low == start.bytes.0, key.high == start.bytes.1,
      key.mode == start.mode
    else { return false }
    unsafe lines.append(UnsafeBufferPointer(start: texts + slot * Self.slotSize, count: Int(key.size)))
    return true
  }

  /// Remembers the end of a line from a position on.
  func keep(_ lines: TraceLines, from position: Int, _ start: InstructionStart) {
    let slot = slot(start)
    unsafe lines.withBytes(from: position) { bytes in
      guard let base = bytes.baseAddress, bytes.count <= Self.slotSize else { return }
      unsafe (texts + slot * Self.slotSize).update(from: base, count: bytes.count)
      unsafe keys[slot] = Key(
        linear: start.linear, low: start.bytes.0, high: start.bytes.1, mode: start.mode,
        size: UInt8(bytes.count))
    }
  }
}
