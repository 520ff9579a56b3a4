import ApusBenchmarks
import Testing

/// What a guest prints about its progress becomes times.
@Suite struct MarkTests {
  @Test func bareGuestsSayStartAndChecksum() {
    #expect(Mark(line: "bench 3 sha256 start") == .start("sha256"))
    #expect(
      Mark(line: "bench 3 sha256 checksum F6DD7FEC8584AD00") == .end("sha256", checksum: "F6DD7FEC8584AD00"))
    #expect(Mark(line: "bench 14 avx2 unavailable") == .absent("avx2"))
  }

  @Test func workloadsSayStartAndEnd() {
    #expect(Mark(line: "mark rep-movsb start") == .start("rep-movsb"))
    #expect(Mark(line: "mark rep-movsb end 0C6A 123456789") == .end("rep-movsb", checksum: "0C6A"))
    #expect(Mark(line: "mark gzip absent") == .absent("gzip"))
  }

  @Test func firmwareMayHaveBegunTheLine() {
    #expect(Mark(line: "Booting from ROM..bench 1 crc32 start") == .start("crc32"))
    #expect(Mark(line: "[    1.25] random: done mark dhry start") == .start("dhry"))
  }

  @Test(arguments: [
    "", "mark", "mark dhry", "mark dhry end", "mark dhry end 12", "mark dhry end 12 soon", "bench", "bench 3",
    "bench x sha256 start", "bench 3 sha256 checksum", "bench 3 sha256 start now", "APUS-BOOT-OK",
  ])
  func otherLinesAreNone(_ line: String) { #expect(Mark(line: line) == nil) }

  @Test func anIntervalIsFromStartToEnd() throws {
    var timer = MarkTimer()
    try timer.add(.start("dhry"), at: 1.5)
    try timer.add(.end("dhry", checksum: "AB"), at: 4)
    try timer.add(.absent("gzip"), at: 5)
    #expect(
      try timer.finish(["dhry", "gzip"]) == [
        Interval(name: "dhry", checksum: "AB", seconds: 2.5),
        Interval(name: "gzip", checksum: nil, seconds: 0),
      ])
  }

  @Test func marksOutOfOrderAreRefused() throws {
    var timer = MarkTimer()
    #expect(throws: Failure.check("'dhry' ends without a start")) {
      try timer.add(.end("dhry", checksum: "AB"), at: 1)
    }
    try timer.add(.start("dhry"), at: 1)
    #expect(throws: Failure.check("'sieve' starts before the end of 'dhry'")) {
      try timer.add(.start("sieve"), at: 2)
    }
    #expect(throws: Failure.check("'dhry' does not end")) { try timer.finish(["dhry"]) }
    try timer.add(.end("dhry", checksum: "AB"), at: 3)
    #expect(throws: Failure.check("'dhry' comes twice")) { try timer.add(.start("dhry"), at: 4) }
    #expect(throws: Failure.check("'sieve' does not start")) { try timer.finish(["dhry", "sieve"]) }
    #expect(throws: Failure.check("'dhry' is none of the expected: ")) { try timer.finish([]) }
  }

  @Test func linesAreCutAndTheLastKept() {
    var lines = OutputLines()
    #expect(lines.append("one\r\ntw".utf8) == ["one"])
    #expect(lines.append("o\n\u{1B}[2Jthree".utf8) == ["two"])
    #expect(lines.finish() == "?[2Jthree")
    #expect(lines.finish() == nil)
    for number in 0..<100 { _ = lines.append("\(number)\n".utf8) }
    #expect(lines.tail == (80..<100).map(String.init))
    #expect(lines.append([UInt8](repeating: 0x61, count: 5000)).map(\.count) == [OutputLines.longestLine])
  }
}
