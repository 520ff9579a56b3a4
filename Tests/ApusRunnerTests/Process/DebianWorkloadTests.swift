import Testing

/// The benchmarks' workloads in Linux (testroms/workloads): what they compute is what they compute natively. Skipped
/// without that guest (`Scripts/fetch-debian-guest.sh --workloads`).
@Suite(.enabled(if: DebianGuest.hasWorkloads, "APUS_DEBIAN_GUEST names no directory with workloads"))
struct DebianWorkloadTests {
  private static let patience = 900

  @Test func checksumsAreRight() throws {
    let text = String(decoding: try RepositoryFile.bytes("testroms/workloads/checksums.txt"), as: UTF8.self)
    var expected: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      expected[String(words[0])] = String(words[1])
    }
    #expect(expected.count == 15)
    let result = Child.run(DebianGuest.boot(DebianGuest.workloads), seconds: Self.patience)
    #expect(result.status == 0, "\(result.errors)")
    // mark NAME end CHECKSUM NANOSECONDS
    for line in result.output.split(whereSeparator: \.isNewline) where line.hasPrefix("mark ") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 5, words[2] == "end" else { continue }
      let checksum = expected.removeValue(forKey: words[1])
      #expect(checksum == words[3] || checksum == "-", "\(line)")
      #expect((UInt64(words[4]) ?? 0) > 0, "\(line)")
    }
    #expect(expected.isEmpty, "\(result.output)")
  }
}
