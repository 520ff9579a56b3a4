import ApusBase
import ApusCPU

/// Runs vectors that were captured from an 80286 in real mode, and leaves out what a modern processor rightly does
/// otherwise; the reasons are at `reasonForLeavingOut` and where values are compared.
package final class RealModeVectors: SystemBus {
  /// What became of one vector.
  package enum Verdict: Equatable, Sendable {
    case agrees
    case leftOut(String)
    /// What differs.
    case differs(String)
  }

  private static let size = 0x20_0000
  private let ram: UnsafeMutableRawPointer
  private var machine: Processor?
  private var touched: [Int] = []

  package init() {
    let bytes = GuestRAM.requiredBytes(size: UInt64(Self.size)) ?? 0
    ram = .allocate(byteCount: bytes, alignment: 4096)
    ram.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    machine = Processor(
      ram: GuestRAM(adopting: ram, size: UInt64(Self.size)),
      regions: [MemoryRegion(start: 0, end: UInt64(Self.size), hostOffset: 0, isWritable: true)], bus: self)
  }

  deinit {
    machine = nil
    ram.deallocate()
  }

  /// The flags that a file's capture defines: `opcode` is the name of the file up to the first extension, such as
  /// `C1.4`. OF after shifts and rotates by more than 1 is left out, as are IOPL, NT and bit 15, which real mode on
  /// the 80286 does not let `POPF` set.
  package static func flagMask(
    metadata: [UInt8], file: String, opcode: String
  ) throws(DiffFailure) -> UInt16 {
    let json = try JSONValue.read(metadata, file: file)
    guard let opcodes = json["opcodes"] else {
      throw .badInput(file: file, place: "offset 0", expectation: "a member \"opcodes\"")
    }
    let parts = opcode.split(separator: ".").map(String.init)
    var entry = parts.first.flatMap { opcodes[$0] }
    if parts.count > 1 { entry = entry?["reg"]?[parts[1]] }
    var mask = UInt16(truncatingIfNeeded: entry?["flags-mask"]?.integer ?? 0xFFFF) & 0x0FFF
    if ["C0", "C1", "D2", "D3"].contains(parts.first) { mask &= ~0x0800 }
    return mask
  }

  /// `LOCK` never faults on the 80286; the length limit is 10 bytes there instead of 15; FS and GS came with the
  /// 80386; `HLT` itself ends a vector.
  private func reasonForLeavingOut(_ opcode: String, _ test: MOOTest) -> String? {
    if opcode == "F4" { return "HLT ends a vector" }
    let prefixes: Set<UInt8> = [0x26, 0x2E, 0x36, 0x3E, 0xF0, 0xF2, 0xF3]
    let leading = test.bytes.prefix { prefixes.contains($0) }
    if leading.contains(0xF0) { return "LOCK" }
    if test.bytes.count - 1 > 10 { return "longer than 10 bytes" }
    if (opcode == "8C" || opcode == "8E"), leading.count + 1 < test.bytes.count,
      (4...5).contains((test.bytes[leading.count + 1] >> 3) & 7)
    {
      return "FS or GS"
    }
    return nil
  }

  /// Runs a vector; `flagMask` has the flags that are compared.
  package func run(_ test: MOOTest, opcode: String, flagMask: UInt16) -> Verdict {
    if let reason = reasonForLeavingOut(opcode, test) { return .leftOut(reason) }
    guard let processor = machine else { return .differs("no processor") }
    for at in touched { poke(at, 0) }
    touched = []
    let final = test.final.merging(test.initial)
    for (at, byte) in test.initial.memory { poke(at, byte) }
    if test.exceptionVector == 13 {
      // The 80286 reports every overrun of a segment as 13, later processors one of SS as 12 (SDM Vol. 2,
      // "#SS" under "Real-Address Mode Exceptions").
      for index in 0..<4 { poke(12 * 4 + index, peek(13 * 4 + index)) }
    }
    let end = Int(final[.cs]) * 16 + Int(final[.ip] &- 1)
    if test.initial.memory[end] == nil { poke(end, 0xF4) }
    touched += final.memory.keys
    processor.reset()
    processor.noteDMAWrite(hostOffset: 0, count: Self.size)
    processor.state = initialState(test, processor.state)
    guard runToHalt(processor) else { return .differs("does not halt (\(processor.stopCode))") }
    return compare(test, opcode, final, processor.state, flagMask)
  }

  private func poke(_ at: Int, _ byte: UInt8) {
    ram.put(at, byte)
    touched.append(at)
  }

  private func peek(_ at: Int) -> UInt8 { ram.get(at) }

  private func initialState(_ test: MOOTest, _ reset: ArchitecturalState) -> ArchitecturalState {
    var state = reset
    state.registers = [UInt64](repeating: 0, count: 16)
    state.rip = UInt64(test.initial[.ip])
    state.cr0 = 0x10
    state.idtrBase = 0
    state.idtrLimit = 0x3FF
    for index in 0..<6 { state.segments[index] = Self.segment(index, 0) }
    for (index, register) in MOORegister.general.enumerated() {
      state.registers[index] = UInt64(test.initial[register])
    }
    for (index, register) in MOORegister.segments.enumerated() {
      state.segments[index] = Self.segment(index, test.initial[register])
    }
    state.rflags = UInt64(test.initial[.flags] & 0x0FFF) | 2
    return state
  }

  private static func segment(_ index: Int, _ selector: UInt16) -> SegmentRegister {
    SegmentRegister(
      selector: selector, base: UInt64(selector) << 4, limit: 0xFFFF, attributes: index == 1 ? 0x9B : 0x93)
  }

  private func runToHalt(_ processor: Processor) -> Bool {
    let end = processor.now + 100_000
    while processor.now < end {
      switch processor.run(until: end) {
      case .halted: return true
      case .attention: continue
      case .deadline, .stopped, .paused: return false
      }
    }
    return false
  }

  private func compare(
    _ test: MOOTest, _ opcode: String, _ final: MOOState, _ state: ArchitecturalState, _ mask: UInt16
  ) -> Verdict {
    var differences: [String] = []
    func check(_ name: String, _ found: UInt16, _ wanted: UInt16) {
      if found != wanted {
        differences.append("\(name) \(Hex.text(UInt64(found), 1)) not \(Hex.text(UInt64(wanted), 1))")
      }
    }
    // A string instruction that faults leaves the 80286's registers past the element; from the 80386 on it
    // can be restarted (SDM Vol. 2, `REP`).
    let wordStrings: Set<String> = ["6D", "6F", "A5", "A7", "AB", "AD", "AF"]
    let isRestartable = test.exceptionVector != nil && wordStrings.contains(opcode)
    for (index, register) in MOORegister.general.enumerated() {
      var wanted = final[register]
      if isRestartable && [.si, .di, .cx].contains(register) { wanted = test.initial[register] }
      check("\(register)", UInt16(truncatingIfNeeded: state.registers[index]), wanted)
    }
    for (index, register) in MOORegister.segments.enumerated() {
      check("\(register)", state.segments[index].selector, final[register])
    }
    check("ip", UInt16(truncatingIfNeeded: state.rip), final[.ip])
    check("flags", UInt16(truncatingIfNeeded: state.rflags) & mask, final[.flags] & mask)
    let stack = Int(final[.ss]) * 16
    let pushedFlags = (0...1).map { stack + Int(final[.sp] &+ 4 &+ UInt16($0)) }
    for (at, byte) in final.memory {
      var byteMask: UInt8 = 0xFF
      if test.exceptionVector != nil, let index = pushedFlags.firstIndex(of: at) {
        byteMask = UInt8(truncatingIfNeeded: mask >> UInt16(index * 8))
      }
      check("[\(Hex.text(UInt64(at), 1))]", UInt16(peek(at) & byteMask), UInt16(byte & byteMask))
    }
    return differences.isEmpty ? .agrees : .differs(differences.joined(separator: ", "))
  }

  // MARK: The board: ports read as ones

  package func readPort(_ port: UInt16, width: Int) -> UInt32 { .max >> UInt32(32 - width * 8) }
  package func writePort(_ port: UInt16, _ value: UInt32, width: Int) {}
  package func readPhysical(_ physical: UInt64, width: Int) -> UInt64 { .max }
  package func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {}
  package func acknowledgeInterrupt() -> UInt8 { 0xFF }
  package func readMSR(_ index: UInt32) -> UInt64? { nil }
  package func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool { false }
  package func readTSCDeadline() -> UInt64 { 0 }
  package func writeTSCDeadline(_ value: UInt64, due: VirtualTime) {}
  package func moveTSCDeadline(due: VirtualTime) {}
  package func signalFloatingPointError() {}
  package var taskPriority: UInt8 {
    get { 0 }
    set {}
  }
}
