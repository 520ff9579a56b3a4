import ApusDiff
import Foundation
import Testing

/// Mismatches of the past, with the results of the processor that each file names: Apus has to reach them.
@Suite struct RegressionTests {
  static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Regressions")

  static let files: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return names.filter { $0.hasSuffix(".cases") }.sorted()
  }()

  @Test func thereAreSome() { #expect(Self.files.count >= 12) }

  @Test(arguments: files)
  func agrees(_ file: String) throws {
    let bytes = [UInt8](try Data(contentsOf: Self.directory.appendingPathComponent(file)))
    let cases = try CaseFileReader.read(bytes, file: file)
    #expect(!cases.isEmpty)
    let replay = Replay(subject: ModeSubjects(), oracle: nil)
    for stored in cases {
      let mismatch = try replay.run(stored, file: file)
      #expect(mismatch == nil, "\(mismatch.map { MismatchReport.text($0, name: stored.name) } ?? "")")
    }
  }
}
