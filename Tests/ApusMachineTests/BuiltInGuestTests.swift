import ApusMachine
import Foundation
import Testing

@Suite struct BuiltInGuestTests {
  private static func committed(_ path: String) throws -> [UInt8] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return [UInt8](try Data(contentsOf: root.appendingPathComponent(path)))
  }

  @Test func embeddedImageIsTheCommittedROM() throws {
    let rom = try Self.committed("testroms/teaching/teaching.rom")
    #expect(BuiltInGuest.image() == rom)
  }

  /// What PC firmware has at the reset vector: a near jump backwards, within the last 64 KiB.
  @Test func resetVectorJumpsIntoTheROM() throws {
    let rom = BuiltInGuest.image()
    try #require(rom.count == 65536)
    let vector = rom.count - 16
    #expect(rom[vector] == 0xE9)
    let displacement = Int(Int16(bitPattern: UInt16(rom[vector + 1]) | UInt16(rom[vector + 2]) << 8))
    let target = vector + 3 + displacement
    #expect(target >= 0 && target < vector)
    #expect(rom[target] == 0xFA, "the first instruction is CLI")
  }
}

@Suite struct Base64Tests {
  /// RFC 4648, section "Test Vectors".
  @Test(arguments: [
    ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"),
    ("Zm9vYmFy", "foobar"),
  ])
  func decodesTestVectors(text: String, expected: String) {
    #expect(Base64.decode(text) == Array(expected.utf8))
  }

  @Test func decodesEveryByteAsFoundationEncodesIt() {
    for count in 0..<260 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + count) }
      #expect(Base64.decode(Data(bytes).base64EncodedString()) == bytes)
    }
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9-", "Zh==", "Zm9=",
  ])
  func refusesAnythingElse(text: String) {
    #expect(Base64.decode(text) == nil)
  }
}
