import ApusInstructionSet
import Foundation
import Testing

/// One line of `Vectors/Disassembly.txt`: what GNU objdump says, and what Apus says where that is something else.
struct TextVector {
  var mode: Disassembler.Mode
  var bytes: [UInt8]
  var intel: String
  var att: String

  static func all() throws -> [TextVector] {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/Disassembly.txt")
    let modes: [String: Disassembler.Mode] = ["16": .code16, "32": .code32, "64": .code64]
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
      .map { line in
        let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        try #require(columns.count == 4 || columns.count == 7, "\(line)")
        let texts = columns.count == 7 ? columns[4...] : columns[2...]
        return TextVector(
          mode: try #require(modes[columns[0]]), bytes: bytesOf(columns[1]),
          intel: texts[texts.startIndex], att: texts[texts.startIndex + 1])
      }
  }

  private static func bytesOf(_ hex: String) -> [UInt8] { ApusInstructionSetTests.bytes(hex) }
}

@Suite struct DisassemblyTextTests {
  @Test func textsAreThoseOfTheGNUTools() throws {
    let vectors = try TextVector.all()
    #expect(vectors.count > 1900)
    for vector in vectors {
      let instruction = Disassembler.decode(vector.bytes, at: 0, mode: vector.mode)
      #expect(instruction.text(.intel) == vector.intel, "\(vector.bytes)")
      #expect(instruction.text(.att) == vector.att, "\(vector.bytes)")
      if instruction.outcome == .defined {
        #expect(instruction.length <= vector.bytes.count)
      } else {
        #expect(instruction.length == 1)
      }
    }
  }

  /// Nothing in the file is longer than the instruction it is for.
  @Test func wholeEncodingsAreInstructions() throws {
    for vector in try TextVector.all() where !vector.intel.contains("(bad)") && vector.intel != "fwait" {
      let instruction = Disassembler.decode(vector.bytes, at: 0, mode: vector.mode)
      #expect(instruction.length == vector.bytes.count, "\(vector.bytes)")
    }
  }
}
