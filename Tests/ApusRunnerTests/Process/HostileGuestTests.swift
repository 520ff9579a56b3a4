import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A guest that does all it can to keep the processor to itself.
struct HostileGuest: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let code: [UInt8]
  /// Below 1 MiB it starts in real mode, above in 32-bit protected mode.
  var address = 0x10_0000

  /// `mov edi, to; mov esi, 20_0000h; mov ecx, count; op; jmp` to the beginning.
  private static func string(_ name: String, _ op: [UInt8], to: UInt32, count: UInt32) -> HostileGuest {
    func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let load = [0xBF] + bytes(to) + [0xBE] + bytes(0x20_0000) + [0xB9] + bytes(count) + op
    return HostileGuest(testDescription: name, code: load + [0xEB, UInt8(256 - (load.count + 2))])
  }

  static let all = [
    HostileGuest(testDescription: "cli; jmp $", code: [0xFA, 0xEB, 0xFE], address: 0x7C00),
    // Vector 6 of the real-mode table leads to an UD2, whose exception leads to the same place.
    HostileGuest(
      testDescription: "UD2 handled by UD2",
      code: [
        0xC7, 0x06, 0x18, 0x00, 0x20, 0x7C,  // mov word [18h], 7C20h
        0xC7, 0x06, 0x1A, 0x00, 0x00, 0x00,  // mov word [1Ah], 0
      ] + [UInt8](repeating: 0x90, count: 20) + [0x0F, 0x0B], address: 0x7C00),
    string("rep stosd to nowhere", [0xF3, 0xAB], to: 0x8000_0000, count: 0x2000_0000),
    string("rep stosd to the local APIC", [0xF3, 0xAB], to: 0xFEE0_0000, count: 0x10_0000),
    string("rep movsb to nowhere", [0xF3, 0xA4], to: 0xA_0000, count: 0x4_0000),
    string("rep movsd in RAM", [0xF3, 0xA5], to: 0x24_0000, count: 0x3_0000),
    string("repe cmpsb of nothing", [0xF3, 0xA6], to: 0x8000_0000, count: 0x4000_0000),
    string("rep insb", [0xF3, 0x6C], to: 0x30_0000, count: 0x8_0000),
  ]
}

@Suite(.serialized) struct HostileGuestTests {
  private let scratch = Scratch()

  private func arguments(_ guest: HostileGuest) -> [String] {
    ["--memory", "4M", "--flat", "\(scratch.file("guest.bin", guest.code)),at=\(guest.address)"]
  }

  @Test(arguments: HostileGuest.all)
  func limitsHold(_ guest: HostileGuest) {
    let instructions = Child.run(arguments(guest) + ["--limit-instructions", "1M", "--stats"])
    #expect(instructions.status == 7, "\(instructions.errors)")
    #expect(instructions.errors.contains("instructions retired  1000000\n"), "\(instructions.errors)")
    #expect(Child.run(arguments(guest) + ["--limit-seconds", "0.1"]).status == 7)
  }

  /// 100 ms are what a person may have to wait; the seconds here are for a busy host.
  @Test(arguments: HostileGuest.all)
  func signalsEndIt(_ guest: HostileGuest) throws {
    let child = try #require(
      Child(
        Child.apus, arguments(guest), input: "/dev/null", output: scratch.path + "/out",
        errors: scratch.path + "/err"))
    usleep(300_000)
    kill(child.pid, SIGTERM)
    #expect(child.wait(seconds: 5) == 128 + SIGTERM)
  }
}
