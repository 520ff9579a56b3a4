import ApusDiff
import Testing

/// The modes that no user program on a 64-bit host can be in: results that the manuals give.
@Suite struct SubjectTests {
  /// 32-bit code in legacy protected mode at CPL 3, under the kernel and the GDT of FORMATS.md.
  static let protectedMode: [KnownCase] = [
    KnownCase(testDescription: "INC EAX", text: Cases.text("40", "rax ffffffff", mode: .prot32)) {
      $0.end == .completed && $0.gpr(0) == 0 && $0.rflags & 0x40 != 0 && $0.rip == LinearLayout.exit32
    },
    KnownCase(testDescription: "PUSH ECX", text: Cases.text("51", "rcx 11223344", mode: .prot32)) {
      $0.end == .completed && $0.gpr(4) == 0x1020_0FFC && $0.changedLines == 1 && $0.changed(0, 60) == 0x44
    },
    KnownCase(testDescription: "store to constants", text: Cases.text("8903", "rbx 10203010", mode: .prot32))
    {
      $0.end == .exception && $0.vector == 14 && $0.errorCode == 7 && $0.cr2 == 0x1020_3010
        && $0.rip == 0x1010_0000 && $0.rflags & 0x1_0000 != 0
    },
    KnownCase(testDescription: "SYSCALL without EFER.SCE", text: Cases.text("0f05", mode: .prot32)) {
      $0.vector == 6
    },
    KnownCase(testDescription: "RDFSBASE", text: Cases.text("f30faec0", mode: .prot32)) { $0.vector == 6 },
    KnownCase(testDescription: "IN", text: Cases.text("ec", mode: .prot32)) {
      $0.vector == 13 && $0.errorCode == 0
    },
    KnownCase(testDescription: "SGDT under UMIP", text: Cases.text("0f0103", "rbx 10200000", mode: .prot32)) {
      $0.vector == 13 && $0.changedLines == 0
    },
    KnownCase(
      testDescription: "MOV DS, a selector beyond the GDT", text: Cases.text("8ed8", "rax 83", mode: .prot32)
    ) {
      $0.vector == 13 && $0.errorCode == 0x80
    },
    KnownCase(
      testDescription: "a far jump to 16-bit code", text: Cases.text("ea0800101033009090cc", mode: .prot32)
    ) {
      $0.end == .exception && $0.vector == 3 && $0.cs == 0x33 && $0.rip == 0x1010_000A
    },
    KnownCase(testDescription: "HLT", text: Cases.text("f4", mode: .prot32)) {
      $0.end == .exception && $0.vector == 13 && $0.rip == 0x1010_0000
    },
    KnownCase(testDescription: "endless loop", text: Cases.text("ebfe", mode: .prot32)) {
      $0.end == .timeout
    },
  ]

  /// 16-bit code in real-address mode; the stack is in data memory.
  static let realMode: [KnownCase] = [
    KnownCase(testDescription: "INC AX", text: Cases.text("40", "rax 1234ffff", mode: .real16)) {
      $0.end == .completed && $0.gpr(0) == 0x1234_0000 && $0.rflags & 0x40 != 0 && $0.rip == 0xFFA9
    },
    KnownCase(testDescription: "DIV by zero", text: Cases.text("f7f1", "rax 5", mode: .real16)) {
      // FLAGS, CS and IP below 2000:1000.
      $0.end == .exception && $0.vector == 0 && $0.rip == 0 && $0.cs == 0x4000 && $0.rflags == 0x202
        && $0.gpr(4) == 0xFFA && $0.changedLines == 1
        && (0..<6).map { [seen = $0] in seen.changed(0, 58 + $0) } == [0, 0, 0, 0x40, 2, 2]
    },
    KnownCase(testDescription: "INT 21h", text: Cases.text("cd21", mode: .real16)) {
      $0.end == .exception && $0.vector == 0x21 && $0.rip == 2
    },
    KnownCase(testDescription: "a word at FFFFh", text: Cases.text("a1ffff", mode: .real16)) {
      $0.end == .exception && $0.vector == 13 && $0.rip == 0
    },
    KnownCase(testDescription: "PUSH at SP = 1", text: Cases.text("50", "rsp 1", mode: .real16)) {
      // #SS, which cannot push either, nor can the double fault.
      $0.end == .stopped
    },
    KnownCase(testDescription: "HLT", text: Cases.text("f4", mode: .real16)) { $0.end == .stopped },
    KnownCase(
      testDescription: "a far jump to where nothing is", text: Cases.text("ea00000050", mode: .real16)
    ) {
      $0.end == .exception && $0.vector == 6 && $0.cs == 0x5000 && $0.rip == 0
    },
    KnownCase(testDescription: "a store to code", text: Cases.text("2e880e0000", mode: .real16)) {
      $0.end == .completed && $0.changedLines == 0
    },
    KnownCase(testDescription: "ARPL", text: Cases.text("63c0", mode: .real16)) { $0.vector == 6 },
    KnownCase(testDescription: "VADDPS", text: Cases.text("c5f058c2", mode: .real16)) { $0.vector == 6 },
    KnownCase(testDescription: "FLD1", text: Cases.text("d9e8", "ftw 0", mode: .real16)) {
      $0.end == .completed && $0.bytes[OutcomeRecord.state + MachineImage.xsave + 41] == 0x3F
    },
    KnownCase(
      testDescription: "into protected mode and back",
      text: Cases.text("0f20c0400f22c0480f22c0", mode: .real16)
    ) { $0.end == .completed },
    KnownCase(testDescription: "endless loop", text: Cases.text("ebfe", mode: .real16)) {
      $0.end == .timeout
    },
  ]

  @Test(arguments: protectedMode + realMode)
  func reachesKnownResults(_ known: KnownCase) throws {
    #expect(known.check(try UserMachineTests.run(known.text, on: ModeSubjects())))
    #expect(
      known.check(try UserMachineTests.run(known.text, steps: true, on: ModeSubjects())),
      "instruction by instruction")
  }

  /// Nothing of a case may reach the next one, of whatever mode.
  @Test func casesDoNotDisturbEachOther() throws {
    let subjects = ModeSubjects()
    let cases = Self.protectedMode + Self.realMode + KnownCase.all
    for known in cases + cases.reversed() {
      #expect(known.check(try UserMachineTests.run(known.text, on: subjects)), "\(known.testDescription)")
    }
  }
}
