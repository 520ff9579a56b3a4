/// Writes code, registers and patches into the record of a case.
struct CaseWriter {
  let record: UnsafeMutableRawPointer
  /// Linear address of the code.
  let address: UInt64
  let mode: CaseMode
  /// Bytes of code so far.
  private(set) var position = 0
  private var instructions = 0
  private var patches = 0

  init(record: UnsafeMutableRawPointer, address: UInt64, mode: CaseMode) {
    self.record = record
    self.address = address
    self.mode = mode
    record.put(CaseRecord.mode, mode.rawValue)
    record.put(CaseRecord.codeAddress, address)
    for offset in stride(from: 0, to: LinearLayout.slotSize, by: 8) {
      record.put(CaseRecord.code + offset, 0xCCCC_CCCC_CCCC_CCCC as UInt64)
    }
    record.put(CaseRecord.boundaries, 0 as UInt64)
  }

  var image: UnsafeMutableRawPointer { record + CaseRecord.state }
  /// Bytes left for code before the jump to the exit.
  var room: Int { LinearLayout.slotSize - 5 - position }
  /// The linear address of the next byte.
  var here: UInt64 { address + UInt64(position) }

  @inline(__always)
  mutating func emit(_ byte: UInt8) {
    guard position < LinearLayout.slotSize - 5 else { return }
    record.put(CaseRecord.code + position, byte)
    position += 1
  }

  /// The low `count` bytes of a value.
  @inline(__always)
  mutating func emit(_ value: UInt64, _ count: Int) {
    for index in 0..<count { emit(UInt8(truncatingIfNeeded: value >> UInt64(index * 8))) }
  }

  /// Overwrites four bytes of code that were emitted before.
  func replace32(at offset: Int, _ value: UInt64) {
    guard offset + 4 <= position else { return }
    record.put(CaseRecord.code + offset, UInt32(truncatingIfNeeded: value))
  }

  /// Reduces the byte emitted last, a count, to `limit` at most.
  func limitLastByte(to limit: UInt8) {
    guard position > 0 else { return }
    let at = CaseRecord.code + position - 1
    record.put(at, record.get(at, UInt8.self) % (limit + 1))
  }

  /// Notes where an instruction begins, for shrinking.
  mutating func beginInstruction() {
    if instructions < 8 {
      record.put(CaseRecord.boundaries + instructions, UInt8(truncatingIfNeeded: position))
      instructions += 1
    }
  }

  func gpr(_ index: Int) -> UInt64 { image.gpr(index) }

  /// Sets a register of the initial state; outside 64-bit mode its low half.
  func setGPR(_ index: Int, _ value: UInt64) {
    image.setGPR(index, mode == .long64 ? value : value & 0xFFFF_FFFF)
  }

  /// Fills `count` (at most 64) bytes of data memory from `linear` on with values; what lies outside data memory
  /// is left out. Returns where the bytes are, or nil.
  @discardableResult
  mutating func patch(
    _ linear: UInt64, _ count: Int, _ kind: OperandValues.Kind, _ random: inout RandomSource
  ) -> UnsafeMutableRawPointer? {
    let low = mode == .long64 ? linear : linear & 0xFFFF_FFFF
    guard patches < CaseRecord.patchLimit, mode.layout.dataRange.contains(low) else { return nil }
    let offset = Int(low - mode.layout.data)
    let patch = record + (CaseRecord.patches + patches * CaseRecord.patchSize)
    patches += 1
    patch.put(0, UInt32(offset))
    patch.put(4, UInt32(min(count, 64, LinearLayout.dataSize - offset)))
    OperandValues.fill(patch + 8, (count + 15) & ~15, kind, &random)
    return patch + 8
  }

  /// Completes the record: the jump to the exit, the lengths.
  mutating func finish() {
    record.put(CaseRecord.codeLength, UInt32(position))
    record.put(CaseRecord.patchCount, UInt32(patches))
    record.put(CaseRecord.instructionCount, UInt8(instructions))
    CaseRecord.appendExit(record)
  }
}

extension CaseRecord {
  /// UInt8: number of instructions, at most 8.
  package static let instructionCount = 5
  /// The offset of each instruction in the code, one byte each.
  package static let boundaries = 48

  /// The mode of a case.
  @inline(__always)
  package static func caseMode(_ record: UnsafeMutableRawPointer) -> CaseMode {
    CaseMode(rawValue: record.get(mode)) ?? .long64
  }

  /// Where the slot of a case begins in the code area; nil if its address is that of no slot.
  @inline(__always)
  package static func slotOffset(_ record: UnsafeMutableRawPointer) -> Int? {
    let layout = caseMode(record).layout
    let linear: UInt64 = record.get(codeAddress)
    return layout.isSlot(linear) ? Int(linear - layout.code) : nil
  }

  /// Puts the jump to the exit behind the code and fills the slot up with `INT3`.
  package static func appendExit(_ record: UnsafeMutableRawPointer) {
    let length = min(Int(record.get(codeLength, UInt32.self)), LinearLayout.slotSize - 5)
    let mode = caseMode(record)
    // The operand of `JMP` has the size of the mode's operands.
    let size = mode == .real16 ? 3 : 5
    let next = record.get(codeAddress, UInt64.self) &+ UInt64(length) &+ UInt64(size)
    record.put(code + length, 0xE9 as UInt8)
    if size == 3 {
      record.put(code + length + 1, UInt16(truncatingIfNeeded: mode.exit &- next))
    } else {
      record.put(code + length + 1, UInt32(truncatingIfNeeded: mode.exit &- next))
    }
    for offset in (length + size)..<LinearLayout.slotSize {
      record.put(code + offset, 0xCC as UInt8)
    }
  }
}
