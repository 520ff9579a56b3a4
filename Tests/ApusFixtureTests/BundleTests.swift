import ApusFixture
import Foundation
import Testing

/// `apus replay` does again what a fixture did, with the same state at the end.
@Suite struct BundleTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Replays a machine's bundle in a directory and expects its state.
  private func replay(_ machine: GuestFixture, in directory: String? = nil) throws -> Program {
    let bundle = try scratch.file("failed.run", machine.bundle())
    let result = try Program(["replay", "--state-hash", bundle], in: directory ?? scratch.path)
    var hash = String(machine.stateHash(), radix: 16)
    hash = String(repeating: "0", count: 16 - hash.count) + hash
    #expect(result.status == 0 && result.errors == "state-hash: \(hash)\n", "\(result.errors)")
    #expect(result.output == machine.serialText())
    return result
  }

  /// The end of a wait that fails, for every reason.
  @Test(arguments: [
    ("up", Code.spin), ("up", Code.halt), ("up", Code.tripleFault), ("up", Code.exit(3)), ("", Code.spin),
  ])
  func failedWaitsAreDoneAgain(text: String, code: [UInt8]) throws {
    let program = Code.say(text) + code
    // A path with what options of lists and words treat in their own way.
    let path = try scratch.file("a, b=c.bin", program)
    let machine = try GuestFixture(program: program, name: path)
    do {
      try machine.waitForSerial("login:", within: 0.01)
      Issue.record("there is no login")
    } catch {
      #expect(error.expectation == "'login:' on COM1")
      _ = try replay(machine)
    }
  }

  @Test func aSessionIsDoneAgain() throws {
    let machine = try GuestFixture.lesson()
    try machine.waitForSerial("apus> ")
    let booted = try machine.snapshot()
    try machine.send("help\n")
    try machine.waitForSerial("apus> ")
    try machine.restore(booted)
    try machine.send("ticks\n")
    try machine.waitForSerial("apus> ")
    try machine.run(seconds: 2)
    _ = try replay(machine)
    let fork = try machine.fork()
    try fork.send("halt\n")
    try fork.waitForEnd()
    _ = try replay(fork)
  }

  /// Disks that are written to, the screen, the keyboard, the mouse and the power button; files as bytes with a relative
  /// name, which lie in the directory of the replay.
  @Test func everyInputIsDoneAgain() throws {
    let image = try RepositoryFile.bytes("testroms/bios/input.img")
    try scratch.file("input.img", image)
    let blank = [UInt8](repeating: 0, count: 1 << 20)
    for name in ["blank.img", "other.img"] { try scratch.file(name, blank) }
    try scratch.file("cd.iso", Array(blank[..<1000]))
    var configuration = GuestConfiguration(
      .disks,
      disks: [
        GuestDisk(GuestFile("input.img", bytes: image)),
        GuestDisk(GuestFile("blank.img", bytes: blank), kind: .virtio),
        GuestDisk(GuestFile("cd.iso", bytes: Array(blank[..<1000])), kind: .cdrom),
        GuestDisk(GuestFile("other.img", bytes: blank)),
      ])
    configuration.startDate = 946_684_800
    configuration.cpu = .x86_64_v2
    configuration.resetEnds = false
    configuration.debugExitPorts = 0x501...0x502
    let machine = try GuestFixture(configuration)
    try machine.waitForDebugConsole("ready", within: 10)
    try machine.press("F12")
    machine.moveMouse(right: 10, down: 5, buttons: 1)
    try machine.run(seconds: 0.1)
    try machine.type("ab<Tab>")
    try machine.send("nobody reads this", port: 1)
    machine.sendBreak()
    machine.moveMouse(right: 0, down: 0)
    machine.pressPowerButton()
    _ = try? machine.run(seconds: 0.5)
    #expect(machine.debugConsoleText.contains("mouse +10 -5"), "\(machine.debugConsoleText)")
    _ = try replay(machine)
  }

  @Test func kernelsAndROMsAreDoneAgain() throws {
    let directory = RepositoryFile.root.path
    let kernel = try GuestFile(RepositoryFile.path("testroms/benchmarks/benchmarks.elf"))
    let file = GuestFile(kernel.name, bytes: kernel.bytes)
    var configuration = GuestConfiguration(
      .kernel(file, commandLine: "nothing of note", modules: [GuestModule(file, arguments: "as a module")]))
    let machine = try GuestFixture(configuration)
    #expect(try machine.waitForEnd() == .debugExit(1))
    _ = try replay(machine, in: directory)
    // After the BIOS.
    configuration.hasScreen = true
    let withScreen = try GuestFixture(configuration)
    #expect(try withScreen.waitForEnd() == .debugExit(1))
    _ = try replay(withScreen, in: directory)
    let rom = "testroms/teaching/teaching.rom"
    let teaching = try GuestFixture(
      GuestConfiguration(.firmware(GuestFile(rom, bytes: try RepositoryFile.bytes(rom)))))
    try teaching.waitForSerial("apus> ")
    _ = try replay(teaching, in: directory)
  }

  @Test func filesThatChangedAreRefused() throws {
    let machine = try GuestFixture(program: Code.say("hi") + Code.spin, name: "guest.bin")
    try machine.waitForSerial("hi")
    let bundle = try scratch.file("run", machine.bundle())
    let missing = try Program(["replay", bundle], in: scratch.path)
    #expect(missing.status == 3 && missing.errors.hasPrefix("apus: guest.bin: cannot be opened"))
    try scratch.file("guest.bin", Code.spin)
    let changed = try Program(["replay", bundle], in: scratch.path)
    #expect(changed.status == 3 && changed.errors.hasPrefix("apus: guest.bin: is not the program that"))
    try scratch.file("guest.bin", Code.say("hi") + Code.spin)
    _ = try replay(machine)
  }
}
