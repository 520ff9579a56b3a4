/// The registers of a MOO 1 file of the 80286, by their bits in a REGS chunk.
package enum MOORegister: Int, CaseIterable, Sendable {
  case ax, bx, cx, dx, cs, ss, ds, es, sp, bp, si, di, ip, flags
  /// In the SDM's encoding order.
  static let general: [MOORegister] = [.ax, .cx, .dx, .bx, .sp, .bp, .si, .di]
  static let segments: [MOORegister] = [.es, .cs, .ss, .ds]
}

/// Registers and bytes of memory.
package struct MOOState: Sendable {
  package var registers: [Int: UInt16] = [:]
  /// By linear address, 0...10_FFEFh.
  package var memory: [Int: UInt8] = [:]

  package subscript(_ register: MOORegister) -> UInt16 { registers[register.rawValue] ?? 0 }

  /// This state over `other`.
  func merging(_ other: MOOState) -> MOOState {
    MOOState(
      registers: registers.merging(other.registers) { mine, _ in mine },
      memory: memory.merging(other.memory) { mine, _ in mine })
  }
}

/// One captured instruction.
package struct MOOTest: Sendable {
  package var name = ""
  /// The instruction, with the `HLT` that ends it.
  package var bytes: [UInt8] = []
  package var initial = MOOState()
  /// What changed.
  package var final = MOOState()
  /// Set if the instruction raised an exception.
  package var exceptionVector: Int?
}

/// A file of captured vectors in MOO 1 format (SingleStepTests), plain or gzip.
package struct MOOFile: Sendable {
  package private(set) var tests: [MOOTest] = []
  private let data: [UInt8]
  private let file: String

  /// The largest address that the format's machines have.
  private static let addressLimit = 0x10_FFEF

  /// Reads a file; `name` is for messages.
  package init(_ bytes: [UInt8], name: String) throws(DiffFailure) {
    file = name
    data = Inflate.isGzip(bytes) ? try Inflate.gunzip(bytes, name: name) : bytes
    var isFirst = true
    var found: [MOOTest] = []
    try chunks(0..<data.count) { (id, payload) throws(DiffFailure) in
      if isFirst {
        guard id == "MOO ", payload.count >= 4, data[payload.lowerBound] == 1 else {
          throw bad(payload.lowerBound, "\"MOO \" with major version 1")
        }
      }
      isFirst = false
      if id == "TEST" { found.append(try test(payload)) }
    }
    guard !found.isEmpty else { throw bad(data.count, "a TEST chunk") }
    tests = found
  }

  private func bad(_ offset: Int, _ expectation: String) -> DiffFailure {
    .badInput(file: file, place: "offset \(offset)", expectation: expectation)
  }

  private func word(_ range: Range<Int>, _ offset: Int, _ count: Int) throws(DiffFailure) -> Int {
    let start = range.lowerBound + offset
    guard start + count <= range.upperBound else { throw bad(start, "\(count) more bytes in the chunk") }
    return data[start..<(start + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private func chunks(
    _ range: Range<Int>, _ body: (String, Range<Int>) throws(DiffFailure) -> Void
  ) throws(DiffFailure) {
    var at = range.lowerBound
    while at < range.upperBound {
      guard range.upperBound - at >= 8 else { throw bad(at, "a chunk of at least 8 bytes") }
      let id = String(decoding: data[at..<(at + 4)], as: UTF8.self)
      let length = try word(at..<range.upperBound, 4, 4)
      guard range.upperBound - at - 8 >= length else {
        throw bad(at + 4, "a length of at most \(range.upperBound - at - 8)")
      }
      try body(id, (at + 8)..<(at + 8 + length))
      at += 8 + length
    }
  }

  /// A text or byte chunk: its length, then its content.
  private func counted(_ range: Range<Int>) throws(DiffFailure) -> ArraySlice<UInt8> {
    let count = try word(range, 0, 4)
    guard count <= range.count - 4 else {
      throw bad(range.lowerBound, "a length of at most \(range.count - 4)")
    }
    return data[(range.lowerBound + 4)..<(range.lowerBound + 4 + count)]
  }

  private func test(_ payload: Range<Int>) throws(DiffFailure) -> MOOTest {
    guard payload.count >= 4 else { throw bad(payload.lowerBound, "the index of a test") }
    var test = MOOTest()
    try chunks((payload.lowerBound + 4)..<payload.upperBound) { (id, body) throws(DiffFailure) in
      switch id {
      case "NAME": test.name = String(decoding: try counted(body), as: UTF8.self)
      case "BYTS": test.bytes = Array(try counted(body))
      case "INIT": test.initial = try state(body)
      case "FINA": test.final = try state(body)
      case "EXCP": test.exceptionVector = try word(body, 0, 1)
      default: break
      }
    }
    guard test.bytes.count >= 2 else { throw bad(payload.lowerBound, "instruction bytes in a BYTS chunk") }
    return test
  }

  private func state(_ payload: Range<Int>) throws(DiffFailure) -> MOOState {
    var state = MOOState()
    try chunks(payload) { (id, body) throws(DiffFailure) in
      if id == "REGS" {
        let mask = try word(body, 0, 2)
        var at = 2
        for bit in 0..<16 where mask & (1 << bit) != 0 {
          state.registers[bit] = UInt16(truncatingIfNeeded: try word(body, at, 2))
          at += 2
        }
      } else if id == "RAM " {
        let count = try word(body, 0, 4)
        guard count <= (body.count - 4) / 5 else {
          throw bad(body.lowerBound, "at most \((body.count - 4) / 5) bytes")
        }
        for index in 0..<count {
          let address = try word(body, 4 + index * 5, 4)
          guard address <= Self.addressLimit else {
            throw bad(body.lowerBound + 4 + index * 5, "an address up to 10FFEFh")
          }
          state.memory[address] = UInt8(truncatingIfNeeded: try word(body, 8 + index * 5, 1))
        }
      }
    }
    return state
  }
}
