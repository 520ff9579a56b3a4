import ApusCPU
import Foundation
import Testing

/// Runs the SingleStepTests 80286 captures (MOO 1 files) in the directory that `APUS_VECTORS` names. Left out
/// is what a modern processor rightly does otherwise; see `excluded`.
@Suite struct RealModeVectorTests {
  static let directory = ProcessInfo.processInfo.environment["APUS_VECTORS"].map {
    URL(fileURLWithPath: $0)
  }

  static let files: [String] = {
    guard let directory else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return names.filter { $0.hasSuffix(".MOO.gz") }.sorted()
  }()

  @Test(.enabled(if: directory != nil, "APUS_VECTORS is not set"), arguments: files)
  func matchesHardware(_ file: String) throws {
    let directory = try #require(Self.directory)
    let data = try Data(contentsOf: directory.appendingPathComponent(file))
    let opcode = String(file.dropLast(".MOO.gz".count))
    let mask = try flagMask(directory, opcode)
    let bench = GuestBench()
    let tests = try MOOFile(try Inflate.gunzip([UInt8](data))).tests
    #expect(tests.count > 0)
    var mismatches: [String] = []
    for test in tests where !isExcluded(opcode, test) {
      if let mismatch = run(test, opcode, bench, mask) {
        mismatches.append("\(test.name) [\(test.hex)]: \(mismatch)")
      }
    }
    #expect(mismatches.isEmpty, "\(mismatches.count) of \(tests.count): \(mismatches.prefix(4))")
  }

  /// Differences between the 80286 and later processors: `LOCK` never faults on the 80286; the length limit
  /// is 10 bytes there instead of 15; FS and GS came with the 80386; `HLT` itself ends a test.
  private func isExcluded(_ opcode: String, _ test: MOOTest) -> Bool {
    if opcode == "F4" { return true }
    let prefixes: Set<UInt8> = [0x26, 0x2E, 0x36, 0x3E, 0xF0, 0xF2, 0xF3]
    let leading = test.bytes.prefix { prefixes.contains($0) }
    if leading.contains(0xF0) || test.bytes.count - 1 > 10 { return true }
    let modRM = test.bytes[leading.count + 1]
    return (opcode == "8C" || opcode == "8E") && (4...5).contains((modRM >> 3) & 7)
  }

  /// The defined flags: the capture's own mask, without OF after shifts and rotates by more than 1, and
  /// without IOPL, NT and bit 15, which real mode on the 80286 does not let `POPF` set.
  private func flagMask(_ directory: URL, _ opcode: String) throws -> UInt16 {
    let data = try Data(contentsOf: directory.appendingPathComponent("metadata.json"))
    let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let opcodes = try #require(json?["opcodes"] as? [String: Any])
    let parts = opcode.split(separator: ".").map(String.init)
    var entry = opcodes[parts[0]] as? [String: Any]
    if parts.count > 1 { entry = (entry?["reg"] as? [String: Any])?[parts[1]] as? [String: Any] }
    var mask = UInt16(truncatingIfNeeded: entry?["flags-mask"] as? Int ?? 0xFFFF) & 0x0FFF
    if ["C0", "C1", "D2", "D3"].contains(parts[0]) { mask &= ~0x0800 }
    return mask
  }

  /// Nil if the processor agrees with the capture.
  private func run(
    _ test: MOOTest, _ opcode: String, _ bench: GuestBench, _ mask: UInt16
  ) -> String? {
    bench.clear()
    let final = test.final.merging(test.initial)
    for (at, byte) in test.initial.memory { bench[at] = byte }
    if test.exceptionVector == 13 {
      // The 80286 reports every overrun of a segment as 13, later processors one of SS as 12 (SDM Vol. 2,
      // "#SS" under "Real-Address Mode Exceptions").
      for index in 0..<4 { bench[12 * 4 + index] = bench[13 * 4 + index] }
    }
    let end = Int(final[.cs]) * 16 + Int(final[.ip] &- 1)
    if test.initial.memory[end] == nil { bench[end] = 0xF4 }
    var state = ArchitecturalState.real(bench, rip: UInt64(test.initial[.ip]))
    for (index, register) in MOORegister.general.enumerated() {
      state.registers[index] = UInt64(test.initial[register])
    }
    for (index, register) in MOORegister.segments.enumerated() {
      state.setReal(index, test.initial[register])
    }
    state.rflags = UInt64(test.initial[.flags] & 0x0FFF) | 2
    bench.processor.state = state
    guard bench.runToHalt() else { return "does not halt (\(bench.processor.stopCode))" }
    return compare(test, opcode, final, bench, mask)
  }

  private func compare(
    _ test: MOOTest, _ opcode: String, _ final: MOOState, _ bench: GuestBench, _ mask: UInt16
  ) -> String? {
    let state = bench.processor.state
    var differences: [String] = []
    func check(_ name: String, _ found: UInt16, _ wanted: UInt16) {
      if found != wanted {
        differences.append("\(name) \(String(found, radix: 16)) not \(String(wanted, radix: 16))")
      }
    }
    // A string instruction that faults leaves the 80286's registers past the element; from the 80386 on it
    // can be restarted (SDM Vol. 2, `REP`).
    let isRestartable = test.exceptionVector != nil && Self.wordStrings.contains(opcode)
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
      check("[\(String(at, radix: 16))]", UInt16(bench[at] & byteMask), UInt16(byte & byteMask))
    }
    return differences.isEmpty ? nil : differences.joined(separator: ", ")
  }

  private static let wordStrings: Set<String> = ["6D", "6F", "A5", "A7", "AB", "AD", "AF"]
}

enum MOORegister: Int, CaseIterable {
  case ax, bx, cx, dx, cs, ss, ds, es, sp, bp, si, di, ip, flags
  /// In the SDM's encoding order.
  static let general: [MOORegister] = [.ax, .cx, .dx, .bx, .sp, .bp, .si, .di]
  static let segments: [MOORegister] = [.es, .cs, .ss, .ds]
}

struct MOOState {
  var registers: [Int: UInt16] = [:]
  var memory: [Int: UInt8] = [:]

  subscript(_ register: MOORegister) -> UInt16 { registers[register.rawValue] ?? 0 }

  /// This state over `other`.
  func merging(_ other: MOOState) -> MOOState {
    MOOState(
      registers: registers.merging(other.registers) { mine, _ in mine },
      memory: memory.merging(other.memory) { mine, _ in mine })
  }
}

struct MOOTest {
  var name = ""
  var bytes: [UInt8] = []
  var initial = MOOState()
  var final = MOOState()
  /// Set if the instruction raised an exception. (The address that follows it in the file is even where the
  /// stack is odd, so it is of no use.)
  var exceptionVector: Int?

  var hex: String { bytes.map { String($0, radix: 16) }.joined(separator: " ") }
}

/// The chunks of a MOO 1 file.
struct MOOFile {
  enum Failure: Error { case malformed }
  private(set) var tests: [MOOTest] = []

  init(_ data: [UInt8]) throws {
    try Self.chunks(data[...]) { id, payload throws in
      if id == "TEST" { tests.append(try Self.test(payload)) }
    }
  }

  private static func word(_ data: ArraySlice<UInt8>, _ offset: Int, _ count: Int) throws -> Int {
    let start = data.startIndex + offset
    guard offset >= 0, start + count <= data.endIndex else { throw Failure.malformed }
    return data[start..<(start + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private static func chunks(
    _ data: ArraySlice<UInt8>, _ body: (String, ArraySlice<UInt8>) throws -> Void
  ) throws {
    var rest = data
    while rest.count >= 8 {
      let id = String(decoding: rest.prefix(4), as: UTF8.self)
      let length = try word(rest, 4, 4)
      guard rest.count - 8 >= length else { throw Failure.malformed }
      try body(id, rest.dropFirst(8).prefix(length))
      rest = rest.dropFirst(8 + length)
    }
  }

  private static func test(_ payload: ArraySlice<UInt8>) throws -> MOOTest {
    var test = MOOTest()
    try chunks(payload.dropFirst(4)) { id, body throws in
      switch id {
      case "NAME": test.name = String(decoding: body.dropFirst(4), as: UTF8.self)
      case "BYTS": test.bytes = Array(body.dropFirst(4))
      case "INIT": test.initial = try state(body)
      case "FINA": test.final = try state(body)
      case "EXCP": test.exceptionVector = try word(body, 0, 1)
      default: break
      }
    }
    return test
  }

  private static func state(_ payload: ArraySlice<UInt8>) throws -> MOOState {
    var state = MOOState()
    try chunks(payload) { id, body throws in
      if id == "REGS" {
        let mask = try word(body, 0, 2)
        var at = 2
        for bit in 0..<16 where mask & (1 << bit) != 0 {
          state.registers[bit] = UInt16(try word(body, at, 2))
          at += 2
        }
      } else if id == "RAM " {
        for index in 0..<(try word(body, 0, 4)) {
          let byte = try word(body, 8 + index * 5, 1)
          state.memory[try word(body, 4 + index * 5, 4)] = UInt8(byte)
        }
      }
    }
    return state
  }
}
