import ApusInstructionSet
import Foundation
import Testing

/// Lengths and mnemonics against the disassemblers of the GNU and LLVM tools, where these are installed. Every
/// difference is one of `KnownDifference`.
///
/// APUS_DISASSEMBLY_CASES is the number of random strings for each tool and mode, APUS_DISASSEMBLY_FILES a list of
/// ELF files for x86-64, separated by colons. `Scripts/compare-disassembly.sh` sets them to large ones.
@Suite(.serialized) struct ComparisonTests {
  private static let slot = 32
  private static let modes: [Disassembler.Mode] = [.code64, .code32, .code16]
  static let pairs = ReferenceDisassembler.allCases.filter(\.isThere)
    .flatMap { tool in modes.filter(tool.knows).map { (tool, $0) } }

  private static func setting(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

  static let files: [String] = {
    let named = setting("APUS_DISASSEMBLY_FILES").map { $0.split(separator: ":").map(String.init) }
    let files = named ?? ["/bin/busybox"]
    return named ?? files.filter { FileManager.default.isReadableFile(atPath: $0) }
  }()

  /// What came of a comparison.
  struct Tally {
    var cases = 0
    var known: [String: Int] = [:]
    var unknown: [Difference] = []

    mutating func add(_ difference: Difference, _ table: [KnownDifference]) {
      if let entry = table.first(where: { $0.applies(difference) }) {
        known[entry.reason, default: 0] += 1
      } else {
        unknown.append(difference)
      }
    }

    /// Prints the classes, and records what belongs to none.
    func report(_ title: String) {
      print("\(title): \(cases) instructions, \(known.values.reduce(0, +)) known differences")
      for (reason, count) in known.sorted(by: { $0.value > $1.value }) { print("  \(count) \(reason)") }
      #expect(unknown.isEmpty, "\(unknown.count) differences that belong to no class")
      var shown: Set<String> = []
      for difference in unknown where shown.count < 40 {
        if shown.insert(difference.theirName + difference.ourName).inserted { Issue.record("\(difference)") }
      }
    }
  }

  /// Compares one instruction.
  private static func compare(
    _ tool: ReferenceDisassembler, _ mode: Disassembler.Mode, _ code: [UInt8],
    _ theirs: ReferenceDisassembler.Listed, _ tally: inout Tally
  ) {
    tally.cases += 1
    let ours = Disassembler.decode(code, at: theirs.address, mode: mode)
    let difference = Difference(tool: tool, mode: mode, bytes: code, theirs: theirs, ours: ours)
    if difference.isOursUndefined && difference.isTheirsUndefined { return }
    let isSame = tool == .llvm ? LLVMNames.agree(difference) : difference.theirName == ours.mnemonic
    if isSame && !difference.isTheirsUndefined && theirs.bytes.count == ours.length { return }
    tally.add(difference, tool == .llvm ? LLVMNames.known + KnownDifference.all : KnownDifference.all)
  }

  private static func compare(
    _ tool: ReferenceDisassembler, _ mode: Disassembler.Mode, _ codes: [[UInt8]], _ tally: inout Tally
  ) throws {
    var image: [UInt8] = []
    image.reserveCapacity(codes.count * slot)
    for code in codes { image += code + [UInt8](repeating: 0x90, count: slot - code.count) }
    let theirs = try tool.firstInstructions(image, mode)
    #expect(theirs.count == codes.count, "\(tool.rawValue) lists every slot")
    for index in codes.indices {
      guard let listed = theirs[index] else { continue }
      compare(tool, mode, Array(image[(index * slot)..<(index * slot + slot)]), listed, &tally)
    }
  }

  /// Every row with every register in ModRM, alone and with each prefix.
  @Test(.enabled(if: !pairs.isEmpty), arguments: pairs)
  func rowsAreThoseOfOthers(tool: ReferenceDisassembler, mode: Disassembler.Mode) throws {
    var prefixes: [[UInt8]] = [[], [0x66], [0x67], [0xF2], [0xF3], [0xF0], [0x2E], [0x65]]
    if mode == .code64 { prefixes += [[0x48], [0x4D], [0x40], [0x66, 0x48], [0xF3, 0x48]] }
    var codes: [[UInt8]] = []
    for row in OpcodeRow.all where row.modes.contains(mode) {
      for encoding in row.encodings(mode, memory: false) + row.encodings(mode, memory: true) {
        for prefix in prefixes where prefix.isEmpty || !row.map.isVEX {
          codes.append(Array((prefix + encoding.bytes).prefix(16)))
        }
      }
    }
    // Some of them, unless many cases are wanted.
    if Self.setting("APUS_DISASSEMBLY_CASES") == nil {
      codes = stride(from: 0, to: codes.count, by: 31).map { codes[$0] }
    }
    var tally = Tally()
    try Self.compare(tool, mode, codes, &tally)
    tally.report("\(tool.rawValue), rows, \(mode)")
  }

  @Test(.enabled(if: !pairs.isEmpty), arguments: pairs)
  func randomBytesAreWhatOthersSay(tool: ReferenceDisassembler, mode: Disassembler.Mode) throws {
    let count = try #require(Int(Self.setting("APUS_DISASSEMBLY_CASES") ?? "10000"))
    var generator = RandomBytes(seed: UInt64(mode == .code64 ? 64 : mode == .code32 ? 32 : 16))
    var tally = Tally()
    var done = 0
    while done < count {
      let batch = min(count - done, 50_000)
      try Self.compare(tool, mode, (0..<batch).map { _ in generator.next16() }, &tally)
      done += batch
    }
    tally.report("\(tool.rawValue), random, \(mode)")
  }

  @Test(.enabled(if: ReferenceDisassembler.gnu.isThere && !files.isEmpty), arguments: files)
  func programsAreWhatOthersSay(file: String) throws {
    var tally = Tally()
    try ReferenceDisassembler.gnu.sections(of: file) { listed in
      Self.compare(.gnu, .code64, listed.bytes, listed, &tally)
    }
    #expect(tally.cases > 1000)
    tally.report(file)
  }
}

/// Reproducible bytes (xorshift64*, Marsaglia and Vigna).
private struct RandomBytes {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }

  mutating func next16() -> [UInt8] {
    let words = [next(), next()]
    return (0..<16).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> (8 * UInt64($0 % 8))) }
  }
}

/// LLVM's spellings.
private enum LLVMNames {
  private static let names: [String: Set<String>] = [
    "wait": ["fwait"], "pushfq": ["pushf"], "popfq": ["popf"], "pushfd": ["pushf"], "popfd": ["popf"],
    "iretd": ["iret"], "xlatb": ["xlat"], "fucompi": ["fucomip"], "fcompi": ["fcomip"], "pushal": ["pusha"],
    "popal": ["popa"], "pushaw": ["pusha"], "fstpnce": ["fstp1"],
    "lcall": ["call"], "ljmp": ["jmp"],
  ]
  private static let strings: Set<String> = ["movs", "cmps", "stos", "lods", "scas", "ins", "outs"]

  static func agree(_ difference: Difference) -> Bool {
    let (theirs, ours) = (difference.theirName, difference.ourName)
    if theirs == ours || names[theirs]?.contains(ours) == true { return true }
    // Strings have the suffix in Intel's syntax, and other sizes than the usual one have none.
    if strings.contains(ours), theirs.dropLast() == ours { return true }
    return ours.dropLast() == theirs && difference.ours.prefixes.isEmpty && "wdq".contains(ours.suffix(1))
  }

  static let known: [KnownDifference] = [
    KnownDifference("VEX.W outside 64-bit mode chooses no quadwords") {
      $0.mode != .code64 && $0.theirName.dropLast() == $0.ourName.dropLast() && $0.theirName.hasSuffix("q")
    },
    KnownDifference("prefixes without effect are shown as instructions") {
      !$0.ours.prefixes.isEmpty || Set($0.prefixBytes).count != $0.prefixBytes.count
    },
  ]
}
