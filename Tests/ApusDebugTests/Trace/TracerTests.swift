import ApusDebug
import ApusMachine
import Foundation
import Testing

@Suite struct TracerTests {
  private func trace(_ length: UInt64 = 120_000, _ change: (inout TraceSettings) -> Void) throws -> [String] {
    let debugger = try BuiltInGuestMachine.make()
    var settings = TraceSettings()
    change(&settings)
    var bytes: [UInt8] = []
    let symbols: [(address: UInt64, name: String)] = [(0xFFFF_FFF0, "reset")]
    let tracer = Tracer(debugger.machine, settings, SymbolTable(symbols)) { bytes += $0 }
    while debugger.machine.instructions < length {
      tracer.update()
      let count = min(length, tracer.nextChange) - debugger.machine.instructions
      guard case .budget = debugger.machine.run(instructions: count) else { break }
    }
    tracer.finish()
    let plain = try BuiltInGuestMachine.make()
    _ = plain.machine.run(instructions: length)
    #expect(plain.machine.stateHash() == debugger.machine.stateHash(), "the guest does not notice")
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { String($0) }
  }

  @Test func instructionsAreWritten() throws {
    let lines = try trace(2000) { $0.kinds = .instructions }
    #expect(lines.count == 2000)
    // Of code in real-address mode, too, it is the linear address that is shown.
    #expect(lines[0] == "           0 00000000fffffff0    jmp 0xfffff004  <reset>")
  }

  /// A far jump to a segment with another base, which is told while CS is already the new one, and what follows it.
  @Test func linesHaveLinearAddresses() throws {
    // mov sp,0x7000; jmp 0x1000:0x20; ... at 10020h: push cs; int 0x21
    var code: [UInt8] = [0xBC, 0x00, 0x70, 0xEA, 0x20, 0x00, 0x00, 0x10]
    code += [UInt8](repeating: 0x90, count: 0x10020 - 0x7C00 - code.count) + [0x0E, 0xCD, 0x21]
    let debugger = try BuiltInGuestMachine.make(flat: code)
    var settings = TraceSettings()
    settings.kinds = .all
    var bytes: [UInt8] = []
    let tracer = Tracer(debugger.machine, settings, SymbolTable()) { bytes += $0 }
    _ = debugger.machine.run(instructions: 5)
    tracer.finish()
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { String($0) }
    func column(_ text: String) -> [String] {
      lines.filter { $0.contains(text) }.map { String($0.split(separator: " ")[1]) }
    }
    #expect(column("jmp 0x1000:0x20") == ["0000000000007c03"])
    #expect(column("segment  cs selector=1000") == ["0000000000007c03"])
    #expect(column("push cs") == ["0000000000010020"])
    #expect(column("int 0x21") == ["0000000000010021"])
    // All of the delivery is what INT does.
    for text in ["deliver vector=33", "gate", "segment  cs selector=9fc0", "handler"] {
      #expect(column(text) == ["0000000000010021"], "\(text): \(lines)")
    }
    #expect(column("cli") == ["000000000009fc10"])
  }

  @Test func windowsAndFiltersCount() throws {
    let window = try trace(5000) {
      $0.kinds = .instructions
      $0.window = 1000..<1100
    }
    #expect(window.count == 100 && window[0].hasPrefix("        1000 "), "\(window.count)")
    let last = try trace(5000) {
      $0.kinds = .instructions
      $0.last = 10
    }
    #expect(last.count == 10 && last[9].hasPrefix("        4999 "))
    let range = try trace {
      $0.kinds = .all
      $0.addresses = 0x100000...0x10FFFF
    }
    #expect(!range.isEmpty && range.allSatisfy { $0.split(separator: " ")[1].hasPrefix("000000000010") })
  }

  @Test func linesAreJSON() throws {
    var events: Set<String> = []
    let lines = try trace {
      $0.kinds = .all
      $0.isJSON = true
      $0.last = 30_000
    }
    for line in lines {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      events.insert(try #require(object["event"] as? String))
      #expect(object["n"] is NSNumber && object["rip"] is String)
    }
    #expect(events.isSuperset(of: ["instruction", "read", "write"]), "\(events)")
  }

  @Test func theWayToLongModeIsWritten() throws {
    let lines = try trace { $0.kinds = [.modes, .ports, .segments, .faults, .deliveries] }
    #expect(lines.contains { $0.contains("mode from=") && $0.contains(" to=long64 ") })
    #expect(lines.contains { $0.contains(" out size=1 port=") })
    #expect(lines.contains { $0.contains(" segment") })
  }
}
