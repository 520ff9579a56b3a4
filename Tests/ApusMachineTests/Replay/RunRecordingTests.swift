import ApusBase
import ApusDevices
import ApusMachine
import Testing

@Suite struct RunRecordingTests {
  private static let files = [FileReference(role: "kernel", name: "vmlinuz", hash: 1)]

  private static func machine(_ serial: (any ByteSink)? = nil) throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.serial = [serial]
    return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
  }

  /// A run of the teaching guest that is typed at, and whose idle time passes in odd steps.
  private static func record(_ said: Capture) throws -> (bytes: [UInt8], hash: UInt64) {
    var bytes: [UInt8] = []
    let machine = try machine(said)
    let recorder = RunRecorder(files: files, sections: [SnapshotSection(name: "Options", payload: [7])]) {
      bytes += $0
    }
    machine.recorder = recorder
    for text in ["regs\n", "fault pf-read\n", "help\n", "mem\n"] {
      for round in 0..<40 as Range<UInt64> {
        if case .idle(let until) = machine.run(instructions: 1000 + 37 * round) {
          machine.skipIdle(to: until ?? machine.now + 1_000_000 + round)
        }
        if round == 20 { _ = machine.receive(Array(text.utf8), serial: 0) }
        if round % 16 == 3 { recorder.check(machine) }
      }
      _ = machine.type([0x1C, 0xF0, 0x1C])
      machine.moveMouse(x: 3, y: -4, wheel: 1, buttons: 2)
      machine.receiveBreak(serial: 1)
    }
    machine.pressPowerButton()
    _ = machine.run(instructions: 5000)
    recorder.finish(machine)
    return (bytes, machine.stateHash())
  }

  @Test func aRunIsDoneAgain() throws {
    let said = Capture()
    let (bytes, hash) = try Self.record(said)
    #expect(bytes.count < 6000)
    let recording = try RunRecording(bytes)
    #expect(recording.files == Self.files && recording.sections.map(\.name) == ["Options"])
    let heard = Capture()
    let again = try Self.machine(heard)
    try recording.replay(on: again)
    #expect(again.stateHash() == hash && again.instructions == recording.end?.instructions)
    #expect(heard.bytes == said.bytes && !said.bytes.isEmpty)
    // Two recordings of the same run are the same file.
    #expect(try Self.record(Capture()).bytes == bytes)
  }

  /// In steps of any size, what came from outside comes when it came.
  @Test(arguments: [1, 7, 1000] as [UInt64]) func aRunIsDoneAgainBitByBit(size: UInt64) throws {
    let (bytes, hash) = try Self.record(Capture())
    let machine = try Self.machine()
    var run = ReplayedRun(try RunRecording(bytes), on: machine)
    while try run.run(instructions: size) != nil {}
    #expect(machine.stateHash() == hash && machine.instructions > 100_000)
  }

  /// `mov al, 2Ah; out 80h, al` before `cli; hlt`, and before `lidt [7000h]; int3`, whose table is empty.
  @Test(arguments: [[0xFA, 0xF4], [0x0F, 0x01, 0x1E, 0x00, 0x70, 0xCC]] as [[UInt8]])
  func aRunThatEndsByItselfIsDoneAgain(end: [UInt8]) throws {
    func machine() throws -> Machine { try Machine.program([0xB0, 0x2A, 0xE6, 0x80] + end) }
    var bytes: [UInt8] = []
    let first = try machine()
    let recorder = RunRecorder(files: [], sections: []) { bytes += $0 }
    #expect(first.run(instructions: 1000) != .budget)
    recorder.finish(first)
    let again = try machine()
    try RunRecording(bytes).replay(on: again)
    #expect(again.stateHash() == first.stateHash())
  }

  @Test func anotherMachineIsNoticed() throws {
    let recording = try RunRecording(try Self.record(Capture()).bytes)
    let other = try Self.machine()
    _ = other.type([0x1C])
    #expect(throws: RunRecording.Divergence.self) { try recording.replay(on: other) }
    let early = try Self.machine()
    var pauses = 0
    try recording.replay(on: early) {
      pauses += 1
      return pauses < 3
    }
    #expect(early.instructions < recording.end?.instructions ?? 0, "it was told to stop")
  }

  @Test func damagedFilesAreRefused() throws {
    let bytes = try Self.record(Capture()).bytes
    var whole = 0
    for end in 0..<bytes.count {
      // A recording that was cut off between two sections is one that has no end yet.
      if let recording = try? RunRecording(Array(bytes[..<end])) {
        #expect(recording.end == nil)
        whole += 1
      }
    }
    #expect(whole <= 4)
    for bit in stride(from: 0, to: bytes.count * 8, by: 7) {
      var damaged = bytes
      damaged[bit >> 3] ^= 1 << UInt8(bit & 7)
      #expect(throws: SnapshotError.self, "bit \(bit)") { _ = try RunRecording(damaged) }
    }
  }
}
