import ApusBenchmarks
import Testing

/// The command line, and the command lines of the emulators.
@Suite struct OptionsTests {
  @Test func valuesStandBehindOrAfterAnEqualsSign() throws {
    let options = try Options([
      "--runs=3", "--only", "bare,getpid", "--only=boots", "--count", "--json", "a=b",
    ])
    #expect(options.runs == 3)
    #expect(options.only == ["bare", "getpid", "boots"])
    #expect(options.count)
    #expect(options.json == "a=b")
    #expect(options.peers == nil)
  }

  @Test func peersAreEmulatorsOrOtherBuilds() throws {
    #expect(try Options(["--no-peers"]).peers == [])
    let options = try Options(["--peer=qemu", "--against", "old/apus", "--peer", "bochs=/opt/bochs"])
    #expect(options.peers == ["qemu", "other=old/apus", "bochs=/opt/bochs"])
  }

  @Test(arguments: [
    ["--bogus"], ["crc32"], ["--help=1"], ["--runs"], ["--runs", "0"], ["--runs", "many"], ["--timeout=-1"],
    ["--cpu", "x"], ["--only="], ["--peer", "vmware"], ["--peer", "=path"], ["--peer", "old="],
    ["--peer", "apus=path"], ["--peer", "qemu", "--peer", "qemu"], ["--no-peers", "--peer", "qemu"],
    ["--against", "a", "--no-peers"],
  ])
  func mistakesAreUsage(_ arguments: [String]) {
    let failure = #expect(throws: Failure.self) { try Options(arguments) }
    #expect(failure?.status == 2)
    #expect(failure?.message.contains("\n") == false)
  }

  @Test func theHelpNamesEveryOption() {
    for option in [
      "--only", "--runs", "--guests", "--timeout", "--cpu", "--apus", "--peer", "--against", "--no-peers",
      "--json",
      "--baseline", "--count", "--help",
    ] {
      #expect(Options.help.contains("\n  \(option) "))
    }
    #expect(Options.help.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  @Test func apusAndQEMUStartTheSameGuest() {
    let bare = Boot(kernel: "k.elf", commandLine: "bench=3", megabytes: 128, leavesByDebugExit: true)
    let linux = Boot(
      kernel: "k", initrd: "i", commandLine: "console=ttyS0 quiet -- qsort", megabytes: 256,
      leavesByDebugExit: false)
    let apus = Emulator(name: "apus", kind: .apus, path: "/a")
    let qemu = Emulator(name: "qemu", kind: .qemu, path: "/q")
    #expect(
      apus.command(linux).joined(separator: "|")
        == "/a|-m|256M|-no-reboot|-kernel|k|-initrd|i|-append|console=ttyS0 quiet -- qsort")
    #expect(
      qemu.command(bare).joined(separator: "|")
        == "/q|-accel|tcg|-nographic|-nic|none|-cpu|max|-m|128M|-no-reboot|-kernel|k.elf|-append|bench=3"
        + "|-device|isa-debug-exit,iobase=0xf4,iosize=4")
    #expect(Array(qemu.command(bare).suffix(9)) == Array(apus.command(bare).suffix(9)))
  }
}
