import Foundation
import Testing

import ApusCPU

/// Every SIMD instruction, and those on general registers that share its maps, register and memory form, run on a processor and compared with what
/// hardware did. All cases stand one after the other in one program, so that a wrong length shows at once.
@Suite struct SSEVectorTests {
  /// One captured case. XMM0, MM0 and RAX start as `a`; XMM1, MM1, RCX and memory at RSI and RDI as `b`.
  struct Case {
    var code: [UInt8]
    var mxcsr: UInt32
    var flags: UInt64
    var a: SIMD2<UInt64>
    var b: SIMD2<UInt64>
    var results: [Substring]

    init(_ row: [Substring]) throws {
      func number(_ index: Int) throws -> UInt64 { try #require(UInt64(row[index], radix: 16)) }
      try #require(row.count >= 7)
      code = try Self.bytes(row[0])
      mxcsr = UInt32(try number(1))
      flags = try number(2)
      a = try SIMD2(number(4), number(3))
      b = try SIMD2(number(6), number(5))
      results = Array(row[7...])
    }

    private static func bytes(_ text: Substring) throws -> [UInt8] {
      let digits = Array(text)
      return try stride(from: 0, to: digits.count, by: 2).map {
        try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
      }
    }

    var text: String { code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
  }

  /// Offsets in the state block of a case, at RBX.
  private enum Field {
    static let xmm0: UInt64 = 0
    static let xmm1: UInt64 = 16
    static let mm0: UInt64 = 32
    static let mm1: UInt64 = 40
    static let mxcsr: UInt64 = 48
    static let rax: UInt64 = 56
    static let rcx: UInt64 = 64
    static let flags: UInt64 = 72
    static let memory: UInt64 = 128
    static let size: UInt64 = 256
  }

  private static let load: [UInt8] =
    [0x0F, 0x10, 0x03, 0x0F, 0x10, 0x4B, 0x10, 0x0F, 0x6F, 0x43, 0x20, 0x0F, 0x6F, 0x4B, 0x28]
    + [0x0F, 0xAE, 0x53, 0x30, 0x48, 0x8B, 0x43, 0x38, 0x48, 0x8B, 0x4B, 0x40]
    + [0x48, 0x8D, 0xB3, 0x80, 0, 0, 0, 0x48, 0x89, 0xF7, 0xFF, 0x73, 0x48, 0x9D, 0xC3]
  private static let store: [UInt8] =
    [0x9C, 0x8F, 0x43, 0x48, 0x0F, 0x11, 0x03, 0x0F, 0x11, 0x4B, 0x10, 0x0F, 0x7F, 0x43, 0x20]
    + [0x0F, 0x7F, 0x4B, 0x28, 0x0F, 0xAE, 0x5B, 0x30, 0x48, 0x89, 0x43, 0x38, 0x0F, 0x77, 0xC3]

  /// OF, SF, ZF, AF, PF, CF.
  private static let arithmeticFlags: UInt64 = 0x8D5

  private func call(_ target: UInt64, from: UInt64) -> [UInt8] {
    let distance = UInt32(truncatingIfNeeded: target &- from &- 5)
    return [0xE8] + (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) }
  }

  private func block(_ index: Int) -> UInt64 { SSETestMachine.data + UInt64(index) * Field.size }

  private func program(_ cases: [Case]) -> [UInt8] {
    let start = SSETestMachine.program
    let loadAt = start + 2
    let storeAt = loadAt + UInt64(Self.load.count)
    let body = Self.load + Self.store
    // A near jump over the two routines.
    var code: [UInt8] = [0xEB, UInt8(body.count)] + body
    for (index, item) in cases.enumerated() {
      let state = UInt32(block(index))
      code += [0xBB] + (0..<4).map { UInt8(truncatingIfNeeded: state >> ($0 * 8)) }
      code += call(loadAt, from: start + UInt64(code.count))
      code += item.code
      code += call(storeAt, from: start + UInt64(code.count))
    }
    return code
  }

  private func prepare(_ machine: SSETestMachine, _ item: Case, at state: UInt64) {
    for half in 0..<2 {
      machine.write64(state + Field.xmm0 + UInt64(half) * 8, item.a[half])
      machine.write64(state + Field.xmm1 + UInt64(half) * 8, item.b[half])
      machine.write64(state + Field.memory + UInt64(half) * 8, item.b[half])
    }
    machine.write64(state + Field.mm0, item.a[0])
    machine.write64(state + Field.mm1, item.b[0])
    machine.write64(state + Field.mxcsr, UInt64(item.mxcsr))
    machine.write64(state + Field.rax, item.a[0])
    machine.write64(state + Field.rcx, item.b[0])
    machine.write64(state + Field.flags, item.flags | 2)
  }

  /// What a case changed, in the notation of the file.
  private func changes(_ machine: SSETestMachine, _ item: Case, at state: UInt64) -> [String] {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) }
    func pair(_ offset: UInt64) -> SIMD2<UInt64> {
      SIMD2(machine.read64(state + offset), machine.read64(state + offset + 8))
    }
    var found: [String] = []
    let xmm0 = pair(Field.xmm0)
    if xmm0 != item.a { found.append("x\(hex(xmm0[1])):\(hex(xmm0[0]))") }
    let mm0 = machine.read64(state + Field.mm0)
    if mm0 != item.a[0] { found.append("m\(hex(mm0))") }
    let memory = pair(Field.memory)
    if memory != item.b { found.append("w\(hex(memory[1])):\(hex(memory[0]))") }
    let rax = machine.read64(state + Field.rax)
    if rax != item.a[0] { found.append("r\(hex(rax))") }
    let mxcsr = machine.read32(state + Field.mxcsr)
    if mxcsr != item.mxcsr { found.append("c\(hex(UInt64(mxcsr)))") }
    let flags = machine.read64(state + Field.flags) & Self.arithmeticFlags
    if flags != item.flags { found.append("f\(hex(flags))") }
    if pair(Field.xmm1) != item.b { found.append("XMM1") }
    if machine.read64(state + Field.mm1) != item.b[0] { found.append("MM1") }
    if pair(Field.memory + 16) != .zero { found.append("beyond") }
    return found
  }

  private static let files = ["SSE.txt", "SSE4.txt", "BMI.txt"]

  private func cases(_ file: String) throws -> [Case] { try TestVectors(file).rows.map { try Case($0) } }

  @Test(arguments: files) func everyVector(_ file: String) throws {
    let cases = try cases(file)
    #expect(cases.count > 600)
    let machine = SSETestMachine(program(cases))
    for (index, item) in cases.enumerated() { prepare(machine, item, at: block(index)) }
    let outcome = try #require(machine.run(limit: UInt64(cases.count) * 100 + 10_000))
    #expect(outcome.vector == nil, "exception at \(String(outcome.rip, radix: 16))")
    for (index, item) in cases.enumerated() {
      let found = changes(machine, item, at: block(index))
      #expect(found == item.results.map { String($0) }, "\(item.text) \(item.a) \(item.b) \(item.mxcsr)")
    }
  }

  // MARK: Completeness

  /// Prefix, opcode, and the parts of ModRM that choose an instruction.
  struct Encoding: Hashable {
    /// 0Fh for the two-byte map, 38h and 3Ah for the others, F0h + mmmmm with VEX.
    var map: UInt8 = 0x0F
    var prefix: UInt8
    var opcode: UInt8
    /// ModRM.reg where it chooses the instruction.
    var member: UInt8?
    var isMemory: Bool
  }

  private static let mapNumbers: [Substring: UInt8] = [
    "38": 0x38, "3A": 0x3A, "V0F": 0xF1, "V38": 0xF2, "V3A": 0xF3,
  ]

  /// Opcodes whose ModRM.reg chooses the instruction.
  private static let groups: Set<UInt8> = [0x71, 0x72, 0x73]

  private func encoding(_ code: [UInt8]) throws -> Encoding {
    var rest = code[...]
    // AND EAX and AND EDX, which make lengths short, and MOV EDX: they come before, in this order.
    let preparations: [[UInt8]] = [
      [0x83, 0xE0, 0x1F], [0x25, 0xFF, 0x3F, 0, 0], [0x48, 0x89, 0xC2], [0x48, 0x89, 0xCA],
      [0x83, 0xE2, 0x1F],
    ]
    for preparation in preparations where rest.starts(with: preparation) {
      rest.removeFirst(preparation.count)
    }
    if rest.first == 0xC4 {
      let code = Array(rest)
      try #require(code.count >= 5)
      return Encoding(
        map: 0xF0 | code[1] & 31, prefix: [0, 0x66, 0xF3, 0xF2][Int(code[2] & 3)], opcode: code[3],
        member: code[3] == 0xF3 ? code[4] >> 3 & 7 : nil, isMemory: code[4] < 0xC0)
    }
    var prefix: UInt8 = 0
    if let first = rest.first, [0x66, 0xF2, 0xF3].contains(first) { prefix = rest.removeFirst() }
    if let first = rest.first, first & 0xF0 == 0x40 { rest.removeFirst() }
    try #require(rest.removeFirst() == 0x0F)
    var opcode = rest.removeFirst()
    var map: UInt8 = 0x0F
    if opcode == 0x38 || opcode == 0x3A { (map, opcode) = (opcode, rest.removeFirst()) }
    let modRM = try #require(rest.first)
    return Encoding(
      map: map, prefix: prefix, opcode: opcode,
      member: map == 0x0F && Self.groups.contains(opcode) ? modRM >> 3 & 7 : nil,
      isMemory: modRM < 0xC0)
  }

  /// Each row of the opcode map has a case for each of its forms: nothing in the map is left untested. The
  /// approximations, `EMMS`, GFNI, and vector registers with VEX have tests of their own.
  @Test func everyRowOfTheMapHasVectors() throws {
    let covered = Set(try Self.files.flatMap { try cases($0) }.map { try encoding($0.code) })
    let maps = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Sources/ApusCPU/Decode/Maps")
    let rows = try ["SIMD.opcodes", "ThreeByte.opcodes", "VEX.opcodes"].flatMap {
      try String(contentsOf: maps.appendingPathComponent($0), encoding: .utf8).split(separator: "\n")
        .filter { row in !row.hasPrefix("#") && !["+AVX", "+FMA", "+F16C"].contains { row.contains($0) } }
    }
    #expect(rows.count > 370)
    let others: Set<Substring> = [
      "RCPPS", "RCPSS", "RSQRTPS", "RSQRTSS", "EMMS", "INVPCID", "MOVBE", "GF2P8MULB", "GF2P8AFFINEQB",
      "GF2P8AFFINEINVQB",
    ]
    for row in rows {
      let columns = row.split(separator: "|").map { $0.split(separator: " ") }
      if others.contains(columns[1][0]) { continue }
      let place = columns[0][1].split(separator: ".")
      let name = place[place.count - 1].split(separator: "/")
      let member: UInt8? = name.count > 1 ? UInt8(String(name[1])) : nil
      let options = columns[5]
      for isMemory in [false, true] where !options.contains(isMemory ? "reg" : "mem") {
        let wanted = Encoding(
          map: place.count > 1 ? try #require(Self.mapNumbers[place[0]]) : 0x0F,
          prefix: columns[0][0] == "NP" ? 0 : try #require(UInt8(columns[0][0], radix: 16)),
          opcode: try #require(UInt8(name[0], radix: 16)),
          member: member, isMemory: isMemory)
        #expect(covered.contains(wanted), "\(row)")
      }
    }
  }
}
