import ApusCPU
import ApusDevices
import ApusFixture
import ApusMachine
import Foundation
import Testing

@Suite struct MachineTests {
  // MARK: Ends

  @Test func powersOff() throws {
    // mov dx, 604h; mov ax, 2000h; out dx, ax; hlt
    let machine = try Machine.program([0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF, 0xF4])
    #expect(machine.run(instructions: 100) == .poweredOff)
    #expect(machine.instructions == 3)
    #expect(machine.run(instructions: 100) == .poweredOff)
    #expect(machine.instructions == 3)
  }

  @Test func leavesThroughTheDebugExit() throws {
    // mov al, 2Ah; out F4h, al; hlt
    let code: [UInt8] = [0xB0, 0x2A, 0xE6, 0xF4, 0xFA, 0xF4]
    let machine = try Machine.program(code) { $0.debugExitPorts = 0xF4...0xF7 }
    #expect(machine.run(instructions: 100) == .debugExit(0x2A))
    #expect(try Machine.program(code).run(instructions: 100) == .idle(until: nil))
  }

  /// 8042, port 92h, port CF9h.
  @Test(
    arguments: [
      [0xB0, 0xFE, 0xE6, 0x64, 0xEB, 0xFE], [0xB0, 0x01, 0xE6, 0x92, 0xEB, 0xFE],
      [0xBA, 0xF9, 0x0C, 0xB0, 0x06, 0xEE, 0xEB, 0xFE],
    ] as [[UInt8]])
  func resets(code: [UInt8]) throws {
    let stopping = try Machine.program(code) { $0.rebootStops = true }
    #expect(stopping.run(instructions: 1000) == .reset)
    #expect(stopping.instructions < 5)
    // Else the program starts again: mov al, 'A'; out E9h, al in front of it.
    let sink = Capture()
    let machine = try Machine.program([0xB0, 0x41, 0xE6, 0xE9] + code) { $0.debugConsole = sink }
    #expect(machine.run(instructions: 60) == .budget)
    #expect(machine.instructions == 60)
    #expect(sink.bytes.count >= 10 && sink.bytes.allSatisfy { $0 == 0x41 })
  }

  @Test func reportsATripleFault() throws {
    // ud2, in protected mode without an IDT.
    let machine = try Machine.program([0x0F, 0x0B], at: 0x10_0000)
    guard case .tripleFault(let report) = machine.run(instructions: 10) else {
      Issue.record("no triple fault")
      return
    }
    #expect(report.contains("RIP 0000000000100000"))
    let resetting = try Machine.program([0x0F, 0x0B], at: 0x10_0000) {
      $0.tripleFaultResets = true
      $0.rebootStops = true
    }
    #expect(resetting.run(instructions: 10) == .reset)
  }

  @Test func idlesForEverWithInterruptsOff() throws {
    let machine = try Machine.program([0xFA, 0xF4]) { $0.skipsIdle = true }
    #expect(machine.run(instructions: 1000) == .idle(until: nil))
    #expect(machine.instructions == 2)
    machine.skipIdle(to: 1_000_000)
    #expect(machine.run(instructions: 1000) == .idle(until: nil))
  }

  /// The system timer at 18.2 Hz, as firmware leaves it: an unmasked IRQ 0 wakes the processor.
  @Test func passesIdleTimeToTheTimer() throws {
    // Vector 8 to 0000:7C20; unmask IRQ 0; sti; hlt; power off. At 7C20h: iret.
    var code: [UInt8] = [
      0xC7, 0x06, 0x20, 0x00, 0x20, 0x7C, 0xC7, 0x06, 0x22, 0x00, 0x00, 0x00, 0xB0, 0xFE, 0xE6, 0x21, 0xFB,
      0xF4, 0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF,
    ]
    code += [UInt8](repeating: 0x90, count: 32 - code.count) + [0xCF]
    let machine = try Machine.program(code)
    var stop = machine.run(instructions: 1000)
    let executed = machine.instructions
    // The counter loads, OUT falls, OUT rises; each is a deadline of its own.
    for _ in 0..<3 {
      guard case .idle(let until?) = stop else { break }
      machine.skipIdle(to: until)
      #expect(machine.instructions == executed)
      stop = machine.run(instructions: 1000)
    }
    #expect(stop == .poweredOff)
    // Mode 3 with a count of 65536 at 1.193182 MHz: OUT rises after a period, 54.9 ms.
    #expect((54_925_000...54_935_000).contains(machine.now))

    let skipping = try Machine.program(code) { $0.skipsIdle = true }
    #expect(skipping.run(instructions: 1000) == .poweredOff)
    #expect(skipping.now == machine.now && skipping.instructions == machine.instructions)
    #expect(skipping.stateHash() == machine.stateHash())
  }

  // MARK: A20

  /// FFFF:0510 is 100500h with the gate open and 500h with it closed, by port 92h and by the 8042.
  @Test func wrapsAt1MiBWithA20Closed() throws {
    let sink = Capture()
    let print: [UInt8] = [0x26, 0xA0, 0x10, 0x05, 0xE6, 0xE9]
    var code: [UInt8] = [0xC6, 0x06, 0x00, 0x05, 0x11, 0xB8, 0xFF, 0xFF, 0x8E, 0xC0]
    code += [0x26, 0xC6, 0x06, 0x10, 0x05, 0x22] + print
    code += [0xB0, 0x00, 0xE6, 0x92] + print
    code += [0xB0, 0xD1, 0xE6, 0x64, 0xB0, 0xDF, 0xE6, 0x60] + print
    code += [0xFA, 0xF4]
    let machine = try Machine.program(code) { $0.debugConsole = sink }
    #expect(machine.run(instructions: 1000) == .idle(until: nil))
    #expect(sink.bytes == [0x22, 0x11, 0x22])
  }

  // MARK: Stores beside code

  /// A variable beside code is stored to until the store is known to be harmless, then gets code of its own, which the
  /// same store changes.
  @Test func storesThatWereHarmlessChangeCode() throws {
    let variable: [UInt8] = [0x23, 0x7C]
    let program: [UInt8] =
      [0x31, 0xDB, 0xB9, 0x03, 0x00]  // xor bx, bx; mov cx, 3
      + [0xC7, 0x06] + variable + [0x90, 0x90, 0xE2, 0xF8]  // next: mov word [variable], 9090h; loop next
      + [0xC7, 0x06] + variable + [0x43, 0xC3, 0xE8, 0x0D, 0x00]  // inc bx; ret; call variable
      + [0xC7, 0x06] + variable + [0x4B, 0xC3, 0xE8, 0x04, 0x00]  // dec bx; ret; call variable
      + [0x88, 0xD8, 0xE6, 0xF4]  // mov al, bl; out 0F4h, al
    for slice in [1, 1000] as [UInt64] {
      let machine = try Machine.program(program + [0, 0]) { $0.debugExitPorts = 0xF4...0xF7 }
      #expect(machine.run(upTo: 1000, slice: slice) == .debugExit(0))
    }
  }

  // MARK: Bad input

  @Test func refusesBadConfigurations() throws {
    func kind(_ change: (inout MachineConfiguration) -> Void) -> MachineError.Kind? {
      do {
        _ = try Machine.program([0xF4], at: 0x7C00, change)
        return nil
      } catch {
        return (error as? MachineError)?.kind
      }
    }
    #expect(kind { $0.memorySize = 4096 } == .usage)
    #expect(kind { $0.startDate = -1 } == .usage)
    #expect(
      kind {
        $0.boot = .kernel(BootFile(role: "kernel", name: "k", bytes: [1]), commandLine: "", modules: [])
      }
        == .badInput)
    var configuration = MachineConfiguration()
    configuration.memorySize = 16 << 20
    #expect(throws: MachineError.self) { try Machine(configuration, ram: .allocate(size: 8 << 20)) }
  }
}

/// The guest of testroms/teaching.
@Suite struct BuiltInGuestBootTests {
  private static func file(_ name: String) throws -> [UInt8] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return [UInt8](try Data(contentsOf: root.appendingPathComponent("testroms/teaching/" + name)))
  }

  private func machine(_ sink: Capture) throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 128 << 20
    configuration.serial = [sink]
    configuration.skipsIdle = true
    return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
  }

  /// What the guest says to a list of commands is, byte for byte, what it says under QEMU.
  @Test func speaksAsUnderQEMU() throws {
    var configuration = GuestConfiguration(.builtInGuest)
    configuration.memorySize = 128 << 20
    let machine = try GuestFixture(configuration)
    machine.instructionLimit = 100_000_000
    try recorded(machine) {
      try machine.send(try Self.file("session.in"))
      #expect(try machine.waitForEnd() == .poweredOff)
    }
    #expect(machine.serialText() == String(decoding: try Self.file("session.out"), as: UTF8.self))
  }

  /// The state after so many instructions does not depend on how they are asked for.
  @Test(arguments: [1, 1000, 77_777] as [UInt64])
  func isTheSameInSlices(slice: UInt64) throws {
    let whole = Capture()
    let sliced = Capture()
    let first = try machine(whole)
    let second = try machine(sliced)
    let input = Array("mem\nfault\n".utf8)
    _ = first.receive(input, serial: 0)
    _ = second.receive(input, serial: 0)
    let limit: UInt64 = slice == 1 ? 20_000 : 350_000
    #expect(first.run(upTo: limit, slice: limit) == .budget)
    #expect(second.run(upTo: limit, slice: slice) == .budget)
    #expect(first.instructions == limit && second.instructions == limit)
    #expect(first.now == second.now && whole.bytes == sliced.bytes)
    #expect(first.stateHash() == second.stateHash())
    // One instruction more is another state.
    _ = second.run(instructions: 1)
    #expect(first.stateHash() != second.stateHash())
  }
}
