import ApusFixture
import Foundation
import Testing

/// The guests of `testroms/benchmarks`: programs of some size whose results depend on nearly every instruction
/// they execute. Their checksums are those that QEMU gives.
@Suite(.serialized) struct BenchmarkGuestTests {
  private static let directory = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("testroms/benchmarks")

  /// Lines of checksums.txt: number, name, checksum.
  private static let guests: [String] =
    ((try? String(contentsOf: directory.appendingPathComponent("checksums.txt"), encoding: .utf8)) ?? "")
    .split(separator: "\n").map(String.init)

  @Test func thereAreFourteen() { #expect(Self.guests.count == 14) }

  @Test(arguments: guests)
  func givesItsChecksum(_ line: String) throws {
    let words = line.split(separator: " ")
    try #require(words.count == 3)
    let image = [UInt8](try Data(contentsOf: Self.directory.appendingPathComponent("benchmarks.elf")))
    let kernel = GuestFile("testroms/benchmarks/benchmarks.elf", bytes: image)
    let machine = try GuestFixture(GuestConfiguration(.kernel(kernel, commandLine: "bench=\(words[0])")))
    machine.instructionLimit = 1_000_000_000
    try recorded(machine) {
      try machine.waitForSerial("bench \(words[0]) \(words[1]) checksum \(words[2])")
      #expect(try machine.waitForEnd() == .debugExit(0))
    }
  }
}
