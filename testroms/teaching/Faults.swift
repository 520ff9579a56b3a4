// The `fault` command: provokes exceptions, one at a time, and tells what the processor reported.

struct FaultProbe {
  var name: StaticString
  var vector: UInt64
  var text: StaticString
}

/// What the handler saw.
struct FaultReport {
  var vector: UInt64 = 0
  var errorCode: UInt64 = 0
  var rip: UInt64 = 0
  var cs: UInt64 = 0
  var cr2: UInt64 = 0
  var dr6: UInt64 = 0
}

/// In the order of `pieces` in faults.S.
private let probes: [FaultProbe] = [
  FaultProbe(name: "de", vector: 0, text: "DIV by zero"),
  FaultProbe(name: "de-overflow", vector: 0, text: "IDIV of -2147483648 by -1: no room for the quotient"),
  FaultProbe(name: "db-step", vector: 1, text: "NOP with RFLAGS.TF set"),
  FaultProbe(name: "db-execute", vector: 1, text: "NOP under an execution breakpoint in DR0"),
  FaultProbe(name: "db-write", vector: 1, text: "a store under a write breakpoint in DR0"),
  FaultProbe(name: "bp", vector: 3, text: "INT3"),
  FaultProbe(name: "of", vector: 4, text: "INTO with OF set, in 32-bit compatibility mode"),
  FaultProbe(name: "br", vector: 5, text: "BOUND of 9 within 1 to 8, in 32-bit compatibility mode"),
  FaultProbe(name: "ud", vector: 6, text: "UD2"),
  FaultProbe(name: "nm", vector: 7, text: "FNOP with CR0.TS set"),
  FaultProbe(name: "df", vector: 8, text: "#GP while the gate of #GP is marked not present"),
  FaultProbe(name: "np", vector: 11, text: "ES loaded with a descriptor marked not present"),
  FaultProbe(name: "ss", vector: 12, text: "SS loaded with a descriptor marked not present"),
  FaultProbe(name: "gp-address", vector: 13, text: "a load from a non-canonical address"),
  FaultProbe(name: "gp-selector", vector: 13, text: "DS loaded with a selector beyond the GDT"),
  FaultProbe(name: "gp-tss", vector: 13, text: "LTR of the TSS that is in use already"),
  FaultProbe(name: "pf-read", vector: 14, text: "a load through a null pointer"),
  FaultProbe(name: "pf-write", vector: 14, text: "a store into the guard page under the stack"),
  FaultProbe(name: "pf-text", vector: 14, text: "a store into the kernel's own code"),
  FaultProbe(name: "pf-execute", vector: 14, text: "a jump into data"),
  FaultProbe(name: "user-read", vector: 14, text: "ring 3: a load from the kernel"),
  FaultProbe(name: "user-write", vector: 14, text: "ring 3: a store into read-only code of its own"),
  FaultProbe(name: "user-execute", vector: 14, text: "ring 3: a jump into the kernel"),
  FaultProbe(name: "user-hlt", vector: 13, text: "ring 3: HLT"),
  FaultProbe(name: "user-in", vector: 13, text: "ring 3: IN from COM1"),
  FaultProbe(name: "user-cli", vector: 13, text: "ring 3: CLI"),
  FaultProbe(name: "user-call", vector: 48, text: "ring 3: INT 30h, whose gate is for ring 3: no fault"),
]

enum Faults {
  nonisolated(unsafe) private(set) static var isArmed = false
  nonisolated(unsafe) private static var report = FaultReport()

  private static let generalProtection = 13

  /// Notes what happened and makes the interrupted code return to the probe.
  static func record(_ frame: UnsafeMutablePointer<InterruptFrame>) {
    report = FaultReport(
      vector: frame.pointee.vector, errorCode: frame.pointee.errorCode, rip: frame.pointee.rip,
      cs: frame.pointee.cs, cr2: readCR2(), dr6: readDR6())
    frame.pointee.rip = Layout.probeRecover.linear
    frame.pointee.cs = 0x08
    frame.pointee.ss = 0x10
    frame.pointee.rsp = readProbeStack()
    frame.pointee.rflags = 2
    isArmed = false
  }

  static func command(_ arguments: Arguments) {
    guard arguments.count > 1 else {
      var expected: UInt64 = 0
      for index in 0..<probes.count where run(index) { expected += 1 }
      sayDecimal(UInt64(probes.count))
      say(" exceptions provoked, ")
      sayDecimal(expected)
      sayLine(" as expected; the kernel goes on")
      return
    }
    for index in 0..<probes.count where arguments.matches(1, probes[index].name) {
      _ = run(index)
      return
    }
    say("no fault \"")
    arguments.say(1)
    sayLine("\"; fault alone provokes all of these:")
    for probe in probes {
      say("  ")
      sayPadded(probe.name, 14)
      sayLine(probe.text)
    }
  }

  /// Whether the exception was the expected one.
  private static func run(_ index: Int) -> Bool {
    let row = probes[index]
    sayPadded(row.name, 14)
    sayLine(row.text)
    let control = readCR0()
    report = FaultReport()
    writeDR6(0)
    if row.vector == 8 { Descriptors.setGate(generalProtection, present: false) }
    isArmed = true
    probe(index)
    let raised = !isArmed
    isArmed = false
    Descriptors.setGate(generalProtection, present: true)
    writeDR7(0)
    writeDR6(0)
    writeCR0(control)
    guard raised else {
      sayLine("  NO EXCEPTION")
      return false
    }
    describe(probeCulprit(index))
    if report.vector != row.vector {
      say("  EXPECTED vector ")
      sayDecimal(row.vector)
      sayLine()
    }
    return report.vector == row.vector
  }

  private static func describe(_ culprit: UInt64) {
    say("  vector ")
    sayDecimal(report.vector)
    say(", ")
    say(exceptionName(report.vector))
    say("; CS:RIP ")
    sayHex(report.cs, 4)
    say(":")
    sayHex(report.rip, 16)
    if report.rip == culprit {
      sayLine(", the instruction itself")
    } else if report.rip > culprit, report.rip - culprit <= 15 {
      sayLine(", the instruction after it")
    } else {
      sayLine(", where the jump led")
    }
    switch report.vector {
    case 1: describeDR6()
    case 8, 10...14, 17: describeErrorCode()
    default: break
    }
  }

  private static func describeDR6() {
    say("  DR6 ")
    sayHex(report.dr6, 16)
    say(": ")
    var words = WordList()
    words.add("breakpoint 0", if: report.dr6 & 1 != 0)
    words.add("single step", if: report.dr6 & 1 << 14 != 0)
    sayLine()
  }

  /// Intel SDM Vol. 3A, "Error Code" and "Interrupt 14 - Page-Fault Exception (#PF)".
  private static func describeErrorCode() {
    let code = report.errorCode
    say("  error code ")
    sayHex(code, 4)
    say("h: ")
    var words = WordList()
    if report.vector == 14 {
      words.add(code & 1 != 0 ? "the page is present and forbids it" : "no page is present")
      words.add(code & 16 != 0 ? "fetch" : code & 2 != 0 ? "write" : "read")
      words.add(code & 4 != 0 ? "ring 3" : "ring 0")
      words.add("reserved bit", if: code & 8 != 0)
      say("\r\n  CR2 ")
      sayHex(report.cr2, 16)
    } else if code == 0 {
      words.add("no selector")
    } else {
      words.add(code & 2 != 0 ? "IDT entry " : code & 4 != 0 ? "LDT entry " : "GDT entry ")
      sayDecimal(code >> 3)
      words.add("while an interrupt was delivered", if: code & 1 != 0)
    }
    sayLine()
  }
}

private func exceptionName(_ vector: UInt64) -> StaticString {
  switch vector {
  case 0: "#DE divide error"
  case 1: "#DB debug"
  case 2: "NMI"
  case 3: "#BP breakpoint"
  case 4: "#OF overflow"
  case 5: "#BR bound range exceeded"
  case 6: "#UD invalid opcode"
  case 7: "#NM device not available"
  case 8: "#DF double fault"
  case 10: "#TS invalid TSS"
  case 11: "#NP segment not present"
  case 12: "#SS stack fault"
  case 13: "#GP general protection"
  case 14: "#PF page fault"
  case 16: "#MF x87 floating-point error"
  case 17: "#AC alignment check"
  case 18: "#MC machine check"
  case 19: "#XM SIMD floating-point error"
  case 48: "the kernel's call"
  default: "a vector without a name"
  }
}
