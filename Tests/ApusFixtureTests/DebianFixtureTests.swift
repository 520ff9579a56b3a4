import ApusFixture
import Foundation
import Testing

/// Debian's kernel, from the directory that `Scripts/fetch-debian-guest.sh` filled and APUS_DEBIAN_GUEST names.
private enum DebianGuest {
  static let directory = ProcessInfo.processInfo.environment["APUS_DEBIAN_GUEST"] ?? ""
  static let kernel = directory + "/vmlinuz-cloud"
  static let shell = directory + "/initramfs-shell.cpio"
  static let isPresent =
    !directory.isEmpty && [kernel, shell].allSatisfy { FileManager.default.isReadableFile(atPath: $0) }
}

@Suite(.enabled(if: DebianGuest.isPresent, "APUS_DEBIAN_GUEST names no directory with a guest"))
struct DebianFixtureTests {
  /// One boot serves many commands, which run at once, each in a machine of its own.
  @Test func oneBootServesManyCommands() async throws {
    var configuration = GuestConfiguration(
      .kernel(
        try GuestFile(DebianGuest.kernel), commandLine: "console=ttyS0 quiet",
        initrd: try GuestFile(DebianGuest.shell)))
    configuration.memorySize = 256 << 20
    let machine = try GuestFixture(configuration)
    var booted: GuestSnapshot?
    try recorded(machine) {
      try machine.waitForSerial("APUS-SHELL-READY")
      try machine.waitForSerial("# ")
      booted = try machine.snapshot()
    }
    let snapshot = try #require(booted)
    @Sendable func answer(_ number: Int) throws -> (number: Int, text: String, hash: UInt64) {
      let machine = try GuestFixture(snapshot)
      try machine.send("echo \(number)-$((\(number) * \(number)))\n")
      try machine.waitForSerial("\(number)-\(number * number)")
      return (number, machine.serialText(), machine.stateHash())
    }
    let answers = try await withThrowingTaskGroup(of: (number: Int, text: String, hash: UInt64).self) {
      group in
      for number in 10..<14 { group.addTask { try answer(number) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    for one in answers {
      let again = try answer(one.number)
      #expect(again.hash == one.hash && again.text == one.text)
    }
    #expect(Set(answers.map(\.hash)).count == answers.count)

    let scratch = try Scratch()
    let result = try Program(
      ["replay", "--state-hash", try scratch.file("run", machine.bundle())], in: scratch.path)
    #expect(result.status == 0 && result.errors.hasSuffix(String(machine.stateHash(), radix: 16) + "\n"))
    #expect(result.output == machine.serialText(), "\(result.errors)")
  }
}
