// What a processor executes, counted exactly and without a cost for those who do not ask: while it is profiled, each
// block begins with an op that counts, and the table of slow forms leads to one function that counts and goes on.

/// How often what was executed, in numbers that depend on the guest alone.
package struct ExecutionProfile {
  /// A stretch of code that is entered only at its beginning, and left at its end, by a fault or by an event.
  package struct Block {
    package let rip: UInt64
    package let physical: UInt64
    /// 16, 32 or 64.
    package let codeBits: Int
    /// The bytes it was decoded from; those in a second page may be missing.
    package let bytes: [UInt8]
    package let instructions: Int
    package fileprivate(set) var entries: UInt64
    fileprivate let ops: [DecodedOp]

    /// Instructions executed here, as if each entry had reached the end.
    package var executed: UInt64 { entries &* UInt64(instructions) }
  }

  /// A name, and how often it was counted.
  package typealias Count = (name: String, count: UInt64)

  /// Most executed first.
  package fileprivate(set) var blocks: [Block] = []
  /// Slow forms that ran: of ops that have no other, and of ops that missed the TLB.
  package fileprivate(set) var slowForms: [Count] = []
  /// Events delivered, by vector.
  package fileprivate(set) var exceptions = [UInt64](repeating: 0, count: 256)
  package fileprivate(set) var interrupts = [UInt64](repeating: 0, count: 256)
  package fileprivate(set) var counters = Counters()

  /// What is counted whether or not anybody looks.
  package struct Counters {
    package var tlbFills: UInt64 = 0
    package var tlbFlushes: UInt64 = 0
    package var pageFlushes: UInt64 = 0
    package var blocksDecoded: UInt64 = 0
    package var blocksDropped: UInt64 = 0
    package var cacheEmptied: UInt64 = 0
  }

  /// Entries of blocks.
  package var entries: UInt64 { blocks.reduce(0) { $0 &+ $1.entries } }
  /// Ops whose operand is in memory, without those that reach it through a slow form alone.
  package var memoryOperands: UInt64 {
    blocks.reduce(0) { $0 &+ $1.entries &* UInt64($1.ops.count { $0.isMemory }) }
  }
}

/// Gathers a profile while a processor runs.
final class Profiler {
  private struct Key: Hashable {
    let rip: UInt64
    let physical: UInt64
    let codeMode: UInt8
    let bytes: [UInt8]
  }

  /// Of the blocks in the arena: where their headers are, and the bytes they were decoded from.
  private var decoded: [(start: UInt32, bytes: [UInt8])] = []
  private var blocks: [Key: ExecutionProfile.Block] = [:]
  var exceptions = [UInt64](repeating: 0, count: 256)
  var interrupts = [UInt64](repeating: 0, count: 256)
  /// By form; handlers count here.
  let slowCounts: UnsafeMutablePointer<UInt64>

  init() {
    slowCounts = .allocate(capacity: Int(Form.count))
    slowCounts.initialize(repeating: 0, count: Int(Form.count))
  }

  deinit { slowCounts.deallocate() }

  func note(block start: UInt32, _ cpu: CPU) { decoded.append((start, code(cpu, cpu.header(start).pointee))) }

  /// Takes the counts of the blocks in the arena, before they go or to look at them.
  func harvest(_ cpu: CPU) {
    for (start, bytes) in decoded {
      let first = cpu.pointee.arena + Int(start) + 2
      let entries = UInt64(bitPattern: first.pointee.displacement)
      guard entries != 0 else { continue }
      first.pointee.displacement = 0
      let header = cpu.header(start).pointee
      let key = Key(rip: header.rip, physical: header.physical, codeMode: header.codeMode, bytes: bytes)
      if blocks[key] == nil {
        let ops = Self.ops(first)
        blocks[key] = ExecutionProfile.Block(
          rip: header.rip, physical: header.physical,
          codeBits: 16 << Int(header.codeMode & CodeMode.sizeMask), bytes: bytes,
          instructions: Self.instructions(ops), entries: 0, ops: ops)
      }
      blocks[key]?.entries &+= entries
    }
  }

  /// An event on its way; a fault that delivery raises is one of its own.
  func note(_ vector: UInt8, _ source: EventSource) {
    if source == .external { interrupts[Int(vector)] &+= 1 } else { exceptions[Int(vector)] &+= 1 }
  }

  func forgetBlocks() { decoded.removeAll(keepingCapacity: true) }

  private func code(_ cpu: CPU, _ header: BlockHeader) -> [UInt8] {
    guard let offset = cpu.hostOffset(header.physical) else { return [] }
    let count = min(Int(header.length), 4096 - Int(header.physical & 0xFFF))
    return Array(UnsafeRawBufferPointer(start: cpu.host(offset), count: count))
  }

  /// The ops of a block behind the one that counts, without the links at its end.
  private static func ops(_ first: OpPointer) -> [DecodedOp] {
    var ops: [DecodedOp] = []
    var op = first + 1
    while true {
      let form = op.pointee.form
      // What stands behind an op that always leaves is never reached.
      if form == Form.blockEnd, let last = ops.last, leaving.contains(last.form) { return ops }
      ops.append(op.pointee)
      if FormTables.endsBlock(form) { return ops }
      op += 1
    }
  }

  /// Forms after which control is always elsewhere, and that have no targets of their own.
  private static let leaving = Set(
    (0..<Form.count).filter { form in
      ["RET64", "JMP_r64", "JMP_m64", "CALL_r64", "CALL_m64"].contains { FormNames.name(form).hasPrefix($0) }
    })

  private static func instructions(_ ops: [DecodedOp]) -> Int {
    guard let last = ops.last else { return 0 }
    if last.form == Form.blockEnd { return Int(last.count) }
    return Int(last.count) + (FormTables.isFused(last.form) ? 2 : 1)
  }

  func profile(_ cpu: CPU) -> ExecutionProfile {
    harvest(cpu)
    var profile = ExecutionProfile()
    profile.blocks = blocks.values.sorted {
      ($1.executed, $0.rip, $0.physical) < ($0.executed, $1.rip, $1.physical)
    }
    profile.slowForms = ranked(
      (0..<Int(Form.count)).lazy.filter { self.slowCounts[$0] != 0 }.map {
        (FormNames.name(UInt16($0)), self.slowCounts[$0])
      })
    profile.exceptions = exceptions
    profile.interrupts = interrupts
    profile.counters = cpu.pointee.counters
    return profile
  }
}

/// Counts of the same name together, greatest first.
private func ranked(_ counts: some Sequence<ExecutionProfile.Count>) -> [ExecutionProfile.Count] {
  var sums: [String: UInt64] = [:]
  for (name, count) in counts { sums[name, default: 0] &+= count }
  return sums.map { (name: $0.key, count: $0.value) }
    .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
}

extension ExecutionProfile {
  /// The handlers that ran the ops of all blocks, those that do several ops at once under the names of all of them.
  package var handlers: [Count] {
    ranked(
      blocks.lazy.flatMap { block in
        Self.dispatches(block.ops).map { (FormNames.name($0), block.entries) }
      })
  }

  /// How often handlers were entered.
  package var dispatches: UInt64 {
    blocks.reduce(0) { $0 &+ $1.entries &* UInt64(Self.dispatches($1.ops).count) }
  }

  /// The ops that each handler does as a block runs through.
  private static func dispatches(_ ops: [DecodedOp]) -> [ArraySlice<DecodedOp>] {
    var all: [ArraySlice<DecodedOp>] = []
    var at = 0
    while at < ops.count {
      let length = min(HandlerTables.runLength(of: ops[at]), ops.count - at)
      all.append(ops[at..<(at + length)])
      at += length
    }
    return all
  }

  /// Runs of two to `longest` ops as Frequent.runs writes them, most executed first: what handlers of their own
  /// would serve best. A run that has one already is among them.
  package func frequentRuns(longest: Int) -> [Count] {
    ranked(
      blocks.lazy.flatMap { block -> [Count] in
        let ops = block.ops
        return ops.indices.flatMap { start -> [Count] in
          (2..<(max(longest, 1) + 1)).prefix { start + $0 <= ops.count }.map { length in
            let run = ops[start..<(start + length)]
            return (FormNames.name(run) + Self.forwardings(Array(run)), block.entries)
          }
        }
      })
  }
}

extension ExecutionProfile {
  /// Which ops read what an earlier one has written, and the scales of their addresses, as Frequent.runs writes it.
  private static func forwardings(_ run: [DecodedOp]) -> String {
    let letters = ["a", "b", "c", "d", "e", "f"]
    let fields = ["destination", "source", "base", "index"]
    var conditions: [String] = []
    for later in run.indices where later < letters.count {
      for field in fields.indices {
        let writer = run[..<later].lastIndex { earlier in
          guard let kind = FormTables.written(earlier.form) else { return false }
          return FormTables.reads(run[later].form, field, kind)
            && earlier.destination == run[later].operand(field)
        }
        guard let writer else { continue }
        conditions.append("\(letters[later]).\(fields[field]) = \(letters[writer]).destination")
      }
      if FormNames.name(run[later].form).split(separator: " ").contains("AddressF") {
        conditions.append("\(letters[later]).scale = \(run[later].scale)")
      }
    }
    return conditions.isEmpty ? "" : " where " + conditions.joined(separator: ", ")
  }
}

/// What the generator calls forms.
enum FormNames {
  private static let names: [String] = formNameText.description.split(
    separator: "\n", omittingEmptySubsequences: false
  ).map { String($0) }

  static func name(_ form: UInt16) -> String { names[Int(form)] }

  static func name(_ ops: ArraySlice<DecodedOp>) -> String {
    ops.map { name($0.form) }.joined(separator: " | ")
  }
}

extension Processor {
  /// Begins to count. Blocks decoded before are forgotten; the guest does not notice.
  package func beginProfile() {
    let profiler = Profiler()
    self.profiler = profiler
    cpu.pointee.slowCounts = profiler.slowCounts
    for form in 0..<Int(Form.count) {
      slowTable[form] = UInt(bitPattern: unsafeBitCast(countingSlow, to: UnsafeRawPointer.self))
    }
    cpu.pointee.isProfiling = true
    cpu.emptyBlockCache()
  }

  /// What was counted since `beginProfile`; nil if nobody called it.
  package var profile: ExecutionProfile? { profiler?.profile(cpu) }
}

/// Counts a slow form, then runs it.
private let countingSlow: SlowHandler = { c, o in
  let form = Int(op(o).pointee.form)
  if let counts = cpu(c).pointee.slowCounts { counts[form] &+= 1 }
  return HandlerTables.slow(form)(c, o)
}

extension Body {
  /// Begins a block of a profiled processor.
  @inline(__always)
  static func countEntry(_ cpu: CPU, _ op: OpPointer) -> OpPointer {
    op.pointee.displacement &+= 1
    return op + 1
  }
}
