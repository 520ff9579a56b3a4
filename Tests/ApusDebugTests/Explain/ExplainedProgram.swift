import ApusDebug
import Foundation

/// What is said of the first instructions of a program, which runs in real-address mode at 7C00h, and in protected mode
/// from 1 MiB on.
struct ExplainedProgram {
  /// By step.
  let notes: [[Note]]

  init(_ code: [UInt8], steps: Int, at address: UInt64 = 0x7C00) throws {
    let debugger = try BuiltInGuestMachine.make(flat: code, at: address)
    var notes: [[Note]] = []
    for _ in 0..<steps { notes.append(try Explainer(debugger).step().notes) }
    self.notes = notes
  }

  var lines: [String] { notes.indices.flatMap { lines(of: $0) } }

  func lines(of step: Int) -> [String] { notes[step].flatMap { $0.lines() } }
}

extension Note {
  /// The parts, as programs read them.
  func partsAsJSON() throws -> [[String: Any]] {
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    return object?["parts"] as? [[String: Any]] ?? []
  }

  /// The note about a register among the parts.
  func change(of register: String) throws -> [String: Any]? {
    try partsAsJSON().first { $0["kind"] as? String == "register" && $0["register"] as? String == register }
  }
}

extension [UInt8] {
  /// Code with data behind it: numbers of 32 bits from an offset on.
  func with(_ numbers: [UInt32], at offset: Int) -> [UInt8] {
    self + [UInt8](repeating: 0x90, count: offset - count) + numbers.flatMap { $0.littleEndianBytes() }
  }
}
