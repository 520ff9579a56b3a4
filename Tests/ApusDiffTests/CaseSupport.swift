import ApusDiff
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A case made by hand, as the text of FORMATS.md, and what a test asks of its outcome.
enum Cases {
  /// One case in the first slot, whose registers are the lines given.
  static func text(_ code: String, _ lines: String..., mode: CaseMode = .long64) -> String {
    let (place, rip, rsp) =
      mode == .real16 ? ("40000", "0", "1000") : ("10100000", "10100000", "10201000")
    var text = "apus-cases 1\ncase test\nmode \(mode.name)\ncode \(place) \(code)\n"
    text += "rip \(rip)\nrflags 202\nfcw 37f\nftw ff\nmxcsr 1f80\nrsp \(rsp)\n"
    for (name, selector) in zip(["es", "cs", "ss", "ds", "fs", "gs"], mode.selectors) {
      text += "\(name) \(Hex.text(UInt64(selector), 1))\n"
    }
    for line in lines { text += line + "\n" }
    return text
  }

  static func read(_ text: String) throws -> StoredCase {
    let cases = try CaseFileReader.read(Array(text.utf8), file: "test")
    guard let first = cases.first else { throw DiffFailure.badInput(file: "", place: "", expectation: "") }
    return first
  }
}

/// An outcome as a test looks at it.
struct Seen {
  let bytes: [UInt8]

  private func number(_ at: Int, _ count: Int) -> UInt64 {
    (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[at + $1]) }
  }

  var end: CaseEnd? { CaseEnd(rawValue: bytes[OutcomeRecord.end]) }
  var vector: UInt8 { bytes[OutcomeRecord.vector] }
  var errorCode: UInt64 { number(OutcomeRecord.errorCode, 4) }
  var cr2: UInt64 { number(OutcomeRecord.cr2, 8) }
  var cs: UInt64 { number(OutcomeRecord.state + MachineImage.selectors + 2, 2) }
  var rip: UInt64 { number(OutcomeRecord.state + MachineImage.rip, 8) }
  var rflags: UInt64 { number(OutcomeRecord.state + MachineImage.rflags, 8) }
  var changedLines: Int { Int(number(OutcomeRecord.lineCount, 4)) }
  func gpr(_ index: Int) -> UInt64 { number(OutcomeRecord.state + index * 8, 8) }
  /// Byte `offset` of the changed line `index`.
  func changed(_ index: Int, _ offset: Int) -> UInt8 {
    bytes[OutcomeRecord.lines + index * LinearLayout.lineSize + offset]
  }
  func changedNumber(_ index: Int) -> UInt8 { bytes[OutcomeRecord.lineNumbers + index] }
}

/// Cases whose results the manuals give. Every implementation of `Oracle` and Apus itself has to reach them.
struct KnownCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let text: String
  let check: @Sendable (Seen) -> Bool

  static let all: [KnownCase] = [
    KnownCase(
      testDescription: "ADD RAX,RBX overflows", text: Cases.text("4801d8", "rax 7fffffffffffffff", "rbx 1")
    ) {
      $0.end == .completed && $0.gpr(0) == 1 << 63 && $0.rflags == 0xA96 && $0.rip == LinearLayout.exit64
    },
    KnownCase(testDescription: "DIV by zero", text: Cases.text("f7f3", "rax 5")) {
      $0.end == .exception && $0.vector == 0 && $0.rip == 0x1010_0000 && $0.gpr(0) == 5
    },
    KnownCase(testDescription: "store to a read-only page", text: Cases.text("8903", "rbx 10203010")) {
      $0.end == .exception && $0.vector == 14 && $0.errorCode == 7 && $0.cr2 == 0x1020_3010
    },
    KnownCase(testDescription: "store across the end of data", text: Cases.text("488903", "rbx 10201ffc")) {
      $0.vector == 14 && $0.errorCode == 6 && $0.cr2 == 0x1020_2000 && $0.changedLines == 0
    },
    KnownCase(testDescription: "code in data", text: Cases.text("ffe3", "rbx 10200000")) {
      $0.vector == 14 && $0.errorCode == 0x15 && $0.cr2 == 0x1020_0000 && $0.rip == 0x1020_0000
    },
    KnownCase(testDescription: "PUSH writes memory", text: Cases.text("50", "rax 1122334455667788")) {
      $0.end == .completed && $0.gpr(4) == 0x1020_0FF8 && $0.changedLines == 1 && $0.changedNumber(0) == 63
        && (0..<8).allSatisfy { [seen = $0] in seen.changed(0, 56 + $0) == 0x88 - UInt8($0) * 0x11 }
    },
    KnownCase(testDescription: "INT3", text: Cases.text("cc")) { $0.vector == 3 && $0.rip == 0x1010_0001 },
    KnownCase(testDescription: "UD2", text: Cases.text("0f0b")) { $0.vector == 6 && $0.rip == 0x1010_0000 },
    KnownCase(testDescription: "HLT at CPL 3", text: Cases.text("f4")) {
      $0.vector == 13 && $0.errorCode == 0
    },
    KnownCase(testDescription: "non-canonical address", text: Cases.text("8b03", "rbx 800000000000")) {
      $0.vector == 13 && $0.errorCode == 0
    },
    KnownCase(
      testDescription: "stack at a non-canonical address", text: Cases.text("8b4500", "rbp 800000000000")
    ) {
      $0.vector == 12 && $0.errorCode == 0
    },
    KnownCase(testDescription: "single step", text: Cases.text("90", "rflags 302")) {
      $0.vector == 1 && $0.rip == 0x1010_0001
    },
    KnownCase(testDescription: "alignment check", text: Cases.text("8b03", "rbx 10200001", "rflags 40202")) {
      $0.vector == 17 && $0.errorCode == 0
    },
    KnownCase(
      testDescription: "SSE exception",
      text: Cases.text("f30f5ec1", "mxcsr 1d80", "ymm0 \(Hex.text(0x3F80_0000, 64))")
    ) { $0.vector == 19 },
    KnownCase(
      testDescription: "x87 exception", text: Cases.text("d8f19b", "fcw 37b", "st0 3fff8000000000000000")
    ) {
      $0.vector == 16 && $0.rip == 0x1010_0002
    },
    KnownCase(testDescription: "32-bit INC EAX", text: Cases.text("40", "rax ffffffff", mode: .compat32)) {
      $0.end == .completed && $0.gpr(0) == 0 && $0.rflags & 0x40 != 0 && $0.rip == LinearLayout.exit32
    },
    KnownCase(
      testDescription: "BOUND", text: Cases.text("6203", "rax 80000000", "rbx 10200000", mode: .compat32)
    ) {
      $0.vector == 5
    },
    KnownCase(testDescription: "endless loop", text: Cases.text("ebfe")) { $0.end == .timeout },
  ]
}
