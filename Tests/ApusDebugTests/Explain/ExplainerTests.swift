import ApusCPU
import ApusDebug
import ApusMachine
import Foundation
import Testing

@Suite struct ExplainerTests {
  @Test func flagsHaveReasons() throws {
    // mov al,0x7f; add al,1; sub al,0x80; mov [0x500],al
    let lines = try ExplainedProgram([0xB0, 0x7F, 0x04, 0x01, 0x2C, 0x80, 0xA2, 0x00, 0x05], steps: 4).lines
    let text = lines.joined(separator: "\n")
    #expect(lines[0].hasPrefix("#0  0x00007c00  b0 7f  mov al,0x7f"))
    #expect(text.contains("OF is now 1: the signed result does not fit"), "\(text)")
    #expect(text.contains("SF is now 1: the result's highest bit is set"))
    #expect(text.contains("AF is now 1: a carry came out of bit 3"))
    #expect(text.contains("ZF is now 1: the result is zero"))
    #expect(text.contains("writes 1 byte at 0x500: 0x00"))
    #expect(text.contains("al is 0x7f"))
  }

  /// INT 21h with a vector of its own, and IRET.
  @Test func interruptsOfRealModeAreTold() throws {
    // mov word [0x84],0x7c20; mov word [0x86],0; mov sp,0x7000; int 0x21; hlt; ... at 7C20h: iret
    var code: [UInt8] = [
      0xC7, 0x06, 0x84, 0x00, 0x20, 0x7C, 0xC7, 0x06, 0x86, 0x00, 0x00, 0x00, 0xBC, 0x00, 0x70, 0xCD, 0x21,
      0xF4,
    ]
    code += [UInt8](repeating: 0x90, count: 0x20 - code.count) + [0xCF]
    let program = try ExplainedProgram(code, steps: 5)
    let text = program.lines.joined(separator: "\n")
    #expect(text.contains("delivers vector 33, software interrupt"), "\(text)")
    #expect(text.contains("interrupt vector at 0x84: to 0x0:0x7c20") || text.contains("to 0x0000:0x7c20"))
    #expect(text.contains("writes 2 bytes at 0x96ffa: 0x7c11"))
    #expect(text.contains("handler at 0x0000:0x7c20, CPL 0"))
    // What the delivery changes is in its own lines, the last of INT.
    #expect(
      program.lines(of: 3).suffix(3) == [
        "    handler at 0x0000:0x7c20, CPL 0", "    rsp was 0x7000, is 0x6ffa",
        "    rip was 0x7c11, is 0x7c20",
      ])
    #expect(text.contains("cf  iret"))
    #expect(program.lines(of: 4).last == "  rsp was 0x6ffa, is 0x7000")
  }

  /// The teaching guest's page fault: the walk, the exception and its delivery, with the rule that failed.
  @Test func pageFaultsAreTold() throws {
    let debugger = try BuiltInGuestMachine.make(history: true)
    let machine = debugger.machine
    #expect(machine.receive(Array("fault pf-read\n".utf8), serial: 0) == 14)
    var faults: [UInt64] = []
    machine.observer = Observer(.faults) { events in
      for event in events {
        if case .fault(let fault) = event.event, fault.vector == 14 { faults.append(event.instructions) }
      }
    }
    while machine.instructions < 600_000, faults.isEmpty {
      guard case .step = try debugger.run(50_000, isResuming: true) else { break }
    }
    machine.observer = nil
    let moment = try #require(faults.first)
    try debugger.history?.seek(to: moment)
    let (notes, reason) = try Explainer(debugger).step()
    let text = notes.flatMap { $0.lines() }.joined(separator: "\n")
    #expect(reason == .step)
    #expect(text.contains("page fault: the entry is not present (P = 0)"), "\(text)")
    #expect(text.contains("exception 14 (#PF), error code 0x0 (not present, read, supervisor), CR2 0x"))
    #expect(text.contains("delivers vector 14 (#PF), fault, with error code 0x0"))
    #expect(text.contains("64-bit interrupt gate"))
    #expect(text.contains("handler at 0x0008:0x"))
    // The exception sets CR2, its delivery the rest.
    #expect(text.contains("\n  cr2 was 0x0, is 0x10\n  delivers vector 14"), "\(text)")
    #expect(text.contains("\n    rsp was 0x") && !text.contains("\n  rsp was 0x"), "\(text)")
    for note in notes {
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(note.json.utf8)) }
    }
  }

  @Test func explainingChangesNothing() throws {
    let plain = try BuiltInGuestMachine.make()
    _ = try plain.run(3000, isResuming: false)
    let told = try BuiltInGuestMachine.make()
    for _ in 0..<3000 { _ = try Explainer(told).step() }
    #expect(told.machine.instructions == plain.machine.instructions)
    #expect(told.machine.stateHash() == plain.machine.stateHash())
  }

  @Test func textIsQuoted() {
    #expect(Note.quoted("a\"b\\c\n\u{1}é") == "\"a\\\"b\\\\c\\u000a\\u0001é\"")
  }
}

@Suite struct AutopsyTests {
  /// LIDT of an empty table, and UD2: a triple fault.
  @Test func aTripleFaultIsExamined() throws {
    let code: [UInt8] = [0x0F, 0x01, 0x1E, 0x07, 0x7C, 0x0F, 0x0B, 0, 0, 0, 0, 0, 0]
    let debugger = try BuiltInGuestMachine.make(history: true, flat: code)
    guard case .ended(.tripleFault(let report)) = try debugger.run(1000, isResuming: false) else {
      Issue.record("the guest does not die")
      return
    }
    #expect(
      report.contains("while vector 6 was delivered: the vector lies beyond the limit of the IDT"),
      "\(report)")
    let text = Autopsy(debugger).lines().joined(separator: "\n")
    #expect(text.contains("lidt") && text.contains("ud2"), "\(text)")
    #expect(text.contains("exception 6 (#UD): the instruction is there to raise #UD"))
    #expect(text.contains("exception 13 (#GP)"))
    #expect(text.contains("exception 8 (#DF): an exception came while another one was delivered"))
    #expect(text.contains("RAX "))
    guard case .ended(.tripleFault) = try debugger.run(1, isResuming: false) else {
      Issue.record("the machine is as it was")
      return
    }
  }

  @Test func aHangWithInterruptsOffIsExamined() throws {
    // cli; hlt
    let debugger = try BuiltInGuestMachine.make(history: true, flat: [0xFA, 0xF4])
    #expect(try debugger.run(1000, isResuming: false) == .idle(until: nil))
    let text = Autopsy(debugger).lines().joined(separator: "\n")
    #expect(text.contains("halted with interrupts disabled"), "\(text)")
    #expect(text.contains("hlt") && text.contains("no exception in code of the supervisor"))
  }

  @Test func callersAreFoundOnTheStack() throws {
    // 7C07h: CALL to the next instruction; CLI; HLT. A word before it looks like no return address.
    let code: [UInt8] = [
      0x31, 0xC0, 0x8E, 0xD0, 0xBC, 0x00, 0x7C, 0xE8, 0x00, 0x00, 0x68, 0x34, 0x12, 0xFA, 0xF4,
    ]
    let debugger = try BuiltInGuestMachine.make(history: true, flat: code)
    #expect(try debugger.run(1000, isResuming: false) == .idle(until: nil))
    let lines = Autopsy(debugger).lines()
    let first = try #require(lines.firstIndex { $0.hasPrefix("return addresses on the stack") })
    #expect(lines[first + 1] == "  0x00007c0a")
    #expect(!lines.contains { $0.hasPrefix("  0x00001234") })
  }

  /// A panic comes long after the exception that led to it. Here the handler of #UD goes on behind UD2, and the guest
  /// counts to 100,000 before it hangs.
  @Test func exceptionsLongAgoAreFound() throws {
    let code: [UInt8] = [
      0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xD0, 0xBC, 0x00, 0x7C,  // DS, SS = 0, SP = 7C00h
      0xC7, 0x06, 0x18, 0x00, 0x23, 0x7C, 0xC7, 0x06, 0x1A, 0x00, 0x00, 0x00,  // vector 6: 0:7C23h
      0x0F, 0x0B,  // 7C15h: UD2
      0x66, 0xB9, 0xA0, 0x86, 0x01, 0x00, 0x66, 0x49, 0x75, 0xFC, 0xFA, 0xF4,  // count, CLI, HLT
      0x55, 0x89, 0xE5, 0x83, 0x46, 0x02, 0x02, 0x5D, 0xCF,  // 7C23h: return behind UD2
    ]
    let debugger = try BuiltInGuestMachine.make(history: true, flat: code)
    #expect(try debugger.run(1_000_000, isResuming: false) == .idle(until: nil))
    let end = debugger.machine.stateHash()
    let lines = Autopsy(debugger).lines()
    let text = lines.joined(separator: "\n")
    #expect(text.contains("exception 6 (#UD)"), "\(text)")
    let before = try #require(lines.firstIndex { $0 == "the instructions before the last of them:" })
    #expect(lines[before + 1].contains("xor ax,ax") && lines[(before + 1)...].contains { $0.contains("ud2") })
    // The exception itself, five of its handler's, MOV, the loop, CLI and HLT.
    #expect(text.contains("200009 instructions later the guest came to its end"))
    #expect(text.contains("dec ecx") && text.contains("hlt"))
    #expect(debugger.machine.stateHash() == end)
  }
}
