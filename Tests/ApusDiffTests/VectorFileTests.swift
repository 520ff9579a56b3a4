import ApusDiff
import Foundation
import Testing

/// MOO 1 files: made here byte by byte, and the captured ones in the directory that `APUS_VECTORS` names.
@Suite struct VectorFileTests {
  static let directory = ProcessInfo.processInfo.environment["APUS_VECTORS"].map { URL(fileURLWithPath: $0) }

  static let files: [String] = {
    guard let directory else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return names.filter { $0.hasSuffix(".MOO.gz") }.sorted()
  }()

  @Test(.enabled(if: directory != nil, "APUS_VECTORS is not set"), arguments: files)
  func matchesHardware(_ file: String) throws {
    let directory = try #require(Self.directory)
    let path = directory.appendingPathComponent(file)
    let tests = try MOOFile([UInt8](try Data(contentsOf: path)), name: file).tests
    let opcode = String(file.dropLast(".MOO.gz".count))
    let metadata = [UInt8](try Data(contentsOf: directory.appendingPathComponent("metadata.json")))
    let mask = try RealModeVectors.flagMask(metadata: metadata, file: "metadata.json", opcode: opcode)
    let machine = RealModeVectors()
    var mismatches: [String] = []
    for test in tests {
      if case .differs(let what) = machine.run(test, opcode: opcode, flagMask: mask) {
        mismatches.append("\(test.name) [\(Hex.text(test.bytes))]: \(what)")
      }
    }
    #expect(tests.count == 60)
    #expect(mismatches.isEmpty, "\(mismatches.count) of \(tests.count): \(mismatches.prefix(4))")
  }

  private static func word(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func chunk(_ id: String, _ payload: [UInt8]) -> [UInt8] {
    Array(id.utf8) + word(payload.count, 4) + payload
  }

  private static func registers(_ values: [(Int, Int)]) -> [UInt8] {
    let mask = values.reduce(0) { $0 | 1 << $1.0 }
    return chunk("REGS", word(mask, 2) + values.flatMap { word($0.1, 2) })
  }

  private static func memory(_ bytes: [(Int, UInt8)]) -> [UInt8] {
    chunk("RAM ", word(bytes.count, 4) + bytes.flatMap { word($0.0, 4) + [$0.1] })
  }

  /// INC AX at 0100:0010 with AX = `ax`, whose result is said to be `result`.
  private static func increment(_ ax: Int, result: Int) -> [UInt8] {
    let initial =
      registers([(0, ax), (4, 0x100), (12, 0x10), (13, 2)]) + memory([(0x1010, 0x40), (0x1011, 0xF4)])
    let final = registers([(0, result), (12, 0x12), (13, 2)])
    let test =
      word(0, 4) + chunk("NAME", word(6, 4) + Array("inc ax".utf8))
      + chunk("BYTS", word(2, 4) + [0x40, 0xF4])
      + chunk("INIT", initial) + chunk("FINA", final)
    return chunk("MOO ", [1, 0, 0, 0] + word(1, 4) + Array("C286".utf8)) + chunk("TEST", test)
  }

  @Test func aMadeFileRuns() throws {
    let test = try #require(try MOOFile(Self.increment(0x1233, result: 0x1234), name: "x").tests.first)
    #expect(test.name == "inc ax")
    #expect(RealModeVectors().run(test, opcode: "40", flagMask: 0) == .agrees)
    let wrong = try #require(try MOOFile(Self.increment(0x1233, result: 0x1235), name: "x").tests.first)
    #expect(RealModeVectors().run(wrong, opcode: "40", flagMask: 0) == .differs("ax 1234 not 1235"))
  }

  @Test func whatAModernProcessorDoesOtherwiseIsLeftOut() throws {
    var test = try #require(try MOOFile(Self.increment(1, result: 2), name: "x").tests.first)
    test.bytes = [0xF0, 0x40, 0xF4]
    #expect(RealModeVectors().run(test, opcode: "40", flagMask: 0) == .leftOut("LOCK"))
  }

  /// A gzip file with one stored block.
  private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1] + word(bytes.count, 2) + word(~bytes.count, 2) + bytes
      + [0, 0, 0, 0] + word(bytes.count, 4)
  }

  @Test func gzipIsUnpacked() throws {
    let file = try MOOFile(Self.gzip(Self.increment(1, result: 2)), name: "x")
    #expect(file.tests.count == 1)
  }

  /// Cut anywhere, a file is malformed, and the failure names an offset in it.
  @Test func cutFilesAreNamed() {
    for whole in [Self.increment(1, result: 2), Self.gzip(Self.increment(1, result: 2))] {
      for count in 0..<whole.count {
        #expect(throws: DiffFailure.self, "\(count) bytes") {
          _ = try MOOFile(Array(whole[..<count]), name: "cut")
        }
      }
    }
  }

  @Test func damageIsSurvived() {
    var random = RandomSource(seed: 5)
    for good in [Self.increment(1, result: 2), Self.gzip(Self.increment(1, result: 2))] {
      for _ in 0..<20_000 {
        var bytes = good
        for _ in 0...random.below(3) {
          bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
        }
        _ = try? MOOFile(bytes, name: "damaged")
      }
    }
  }

  @Test func metadataGivesTheFlags() throws {
    let text =
      #"{"a": [1, -2.5e1, "x\"y", null, {}], "opcodes": {"F6": {"reg": {"4": {"flags-mask": 2049}}}}}"#
    let bytes = Array(text.utf8)
    #expect(try RealModeVectors.flagMask(metadata: bytes, file: "m", opcode: "F6.4") == 0x801)
    #expect(try RealModeVectors.flagMask(metadata: bytes, file: "m", opcode: "90") == 0xFFF)
    #expect(try RealModeVectors.flagMask(metadata: bytes, file: "m", opcode: "D2.4") == 0x7FF)
  }

  @Test(arguments: [
    "", "{", "{\"a\"}", "[1,", "{\"opcodes\": }", "{\"x\": 1}", String(repeating: "[", count: 100),
  ])
  func badMetadataIsNamed(_ text: String) {
    #expect {
      _ = try RealModeVectors.flagMask(metadata: Array(text.utf8), file: "m.json", opcode: "90")
    } throws: { error in
      guard case DiffFailure.badInput("m.json", let place, _) = error else { return false }
      return place.hasPrefix("offset ")
    }
  }
}
