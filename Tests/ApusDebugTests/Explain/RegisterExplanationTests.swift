import ApusCPU
import ApusDebug
import ApusMachine
import Testing

/// What changes system registers, and what is whose when a step has an instruction and a delivery.
@Suite struct RegisterExplanationTests {
  @Test func segmentsAndControlRegistersAreTold() throws {
    // mov ax,0x1234; mov fs,ax; mov eax,cr0; or eax,0x20 (NE); mov cr0,eax
    var code: [UInt8] = [0xB8, 0x34, 0x12, 0x8E, 0xE0, 0x0F, 0x20, 0xC0, 0x66, 0x83, 0xC8, 0x20]
    code += [0x0F, 0x22, 0xC0]
    // mov ecx,0xc0000100 (IA32_FS_BASE); xor edx,edx; mov eax,0x5678; wrmsr; mov ecx,0xc0000102 (IA32_KERNEL_GS_BASE)
    code += [0x66, 0xB9, 0x00, 0x01, 0x00, 0xC0, 0x66, 0x31, 0xD2, 0x66, 0xB8, 0x78, 0x56, 0, 0, 0x0F, 0x30]
    code += [0x66, 0xB9, 0x02, 0x01, 0x00, 0xC0, 0x0F, 0x30, 0x0F, 0x23, 0xC0]  // wrmsr; mov dr0,eax
    let program = try ExplainedProgram(code, steps: 12)
    #expect(
      program.lines(of: 1) == [
        "#1  0x00007c03  8e e0  mov fs,ax", "  ax is 0x1234",
        "  FS holds 0x1234: base 0x12340, limit 0xffff", "  fs was 0x0, is 0x1234",
      ])
    #expect(
      program.lines(of: 4) == [
        "#4  0x00007c0c  0f 22 c0  mov cr0,eax", "  eax is 0x30", "  cr0 was 0x10, is 0x30 (NE ET)",
      ])
    #expect(
      program.lines(of: 8).dropFirst() == [
        "  writes 0x5678 to MSR 0xc0000100 (IA32_FS_BASE)", "  fs base was 0x12340, is 0x5678",
      ])
    #expect(
      program.lines(of: 10).dropFirst() == [
        "  writes 0x5678 to MSR 0xc0000102 (IA32_KERNEL_GS_BASE)", "  kernel gs base was 0x0, is 0x5678",
      ])
    #expect(program.lines(of: 11).dropFirst() == ["  eax is 0x5678", "  dr0 was 0x0, is 0x5678"])
  }

  @Test func registersThatNoOperandNamesAreTold() throws {
    // mov ax,7; mov cl,2; div cl; mov cx,3; mov di,0x8000; rep stosb; mov eax,0x80000000; xor ecx,ecx; cpuid
    var code: [UInt8] = [
      0xB8, 0x07, 0x00, 0xB1, 0x02, 0xF6, 0xF1, 0xB9, 0x03, 0x00, 0xBF, 0x00, 0x80, 0xF3, 0xAA,
    ]
    code += [0x66, 0xB8, 0, 0, 0, 0x80, 0x66, 0x31, 0xC9, 0x0F, 0xA2]
    // mov ecx,0x1b; rdmsr; cwd
    code += [0x66, 0xB9, 0x1B, 0, 0, 0, 0x0F, 0x32, 0x99]
    let program = try ExplainedProgram(code, steps: 12)
    #expect(program.lines(of: 2).prefix(3).dropFirst() == ["  cl is 0x2", "  ax is 0x7"])
    #expect(program.lines(of: 2).contains("  rax was 0x7, is 0x103"))
    #expect(program.lines(of: 5).contains("  cx is 0x3") && program.lines(of: 5).contains("  al is 0x3"))
    #expect(program.lines(of: 8)[1] == "  leaf 0x80000000, subleaf 0x0")
    #expect(program.lines(of: 10)[1] == "  reads MSR 0x1b (IA32_APIC_BASE)")
    #expect(program.lines(of: 11)[1] == "  ax is 0x900")
    #expect(Words.modelSpecificRegister(0x26A) == "IA32_MTRR_FIX4K_D0000")
    #expect(Words.modelSpecificRegister(0x205) == "IA32_MTRR_PHYSMASK2")
    #expect(
      Words.modelSpecificRegister(0x40E) == "IA32_MC3_ADDR" && Words.modelSpecificRegister(0x12345) == nil)
  }

  /// The timer's interrupt, which wakes the teaching guest, and the first instruction of its handler.
  @Test func aHandlersFirstInstructionHasItsOwnChanges() throws {
    let debugger = try BuiltInGuestMachine.make(history: true)
    let machine = debugger.machine
    var interrupts: [TimedEvent] = []
    machine.observer = Observer(.deliveries) { events in
      interrupts += events.filter {
        if case .delivery(let delivery) = $0.event { delivery.source == .external } else { false }
      }
    }
    while machine.instructions < 600_000, interrupts.isEmpty {
      guard case .step = try debugger.run(50_000, isResuming: true) else { break }
    }
    machine.observer = nil
    let interrupt = try #require(interrupts.first)
    try debugger.history?.seek(to: interrupt.instructions)
    let before = machine.state
    let notes = try Explainer(debugger).step().notes
    let text = notes.flatMap { $0.lines() }.joined(separator: "\n")
    #expect(notes.map(\.kind) == ["delivery", "instruction"], "\(text)")
    let (delivery, instruction) = (notes[0], notes[1])
    let pointer = before.registers[4]
    // Five quadwords in IA-32e mode, aligned.
    let frame = (pointer & ~15) - 40
    #expect(delivery.parts.contains { $0.text == "IF is now 0" } && before.rflags & 0x200 != 0, "\(text)")
    #expect(
      delivery.parts.contains { $0.text == "rsp was \(Words.hex(pointer)), is \(Words.hex(frame))" },
      "\(text)")
    let target = try #require(try delivery.change(of: "rip"))
    #expect(target["old"] as? String == Words.hex(interrupt.rip))
    // The handler begins with a push.
    #expect(
      instruction.parts.last?.text == "rsp was \(Words.hex(frame)), is \(Words.hex(frame - 8))", "\(text)")
    #expect(!instruction.parts.contains { $0.kind == "flag" }, "\(text)")
    #expect(machine.state.registers[4] == frame - 8)
  }

  /// POPF lets an interrupt in that has been waiting. It comes in the same step, but it is not what POPF does.
  @Test func anInterruptAfterAnInstructionIsNotPartOfIt() throws {
    // cli; the 8259A at vector 20h, IRQ 0 alone; the 8254's counter 0 in mode 2 with 16
    var code: [UInt8] = [0xFA]
    for (port, value) in [
      (0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1), (0x21, 0xFE), (0x43, 0x34), (0x40, 0x10), (0x40, 0),
    ] as [(UInt8, UInt8)] { code += [0xB0, value, 0xE6, port] }
    // mov cx,0x8000; loop $; pushf; pop ax; or ah,2; push ax; popf; nop
    code += [0xB9, 0x00, 0x80, 0xE2, 0xFE, 0x9C, 0x58, 0x80, 0xCC, 0x02, 0x50, 0x9D, 0x90]
    let debugger = try BuiltInGuestMachine.make(flat: code)
    #expect(try debugger.run(to: 0x7C2C, 100_000) == .step)
    let notes = try Explainer(debugger).step().notes
    let text = notes.flatMap { $0.lines() }
    #expect(notes.map(\.kind) == ["instruction", "delivery"], "\(text)")
    #expect(
      notes[0].lines().dropFirst() == [
        "  reads 2 bytes at 0x9fbfe: 0x0202", "  rsp was 0xfbfe, is 0xfc00", "  IF is now 1",
      ])
    #expect(
      notes[1].lines().suffix(6) == [
        "  CS holds 0x9fc0: base 0x9fc00, limit 0xffff", "  handler at 0x9fc0:0x10, CPL 0",
        "  rsp was 0xfc00, is 0xfbfa", "  rip was 0x7c2d, is 0x10", "  cs was 0x0, is 0x9fc0",
        "  IF is now 0",
      ])
  }
}
