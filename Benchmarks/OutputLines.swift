/// Cuts what an emulator prints into lines and keeps the last of them.
package struct OutputLines {
  /// Of an emulator that failed, as many lines are shown.
  package static let tailLength = 20
  /// A guest that never ends its line shall not fill the memory.
  package static let longestLine = 4096

  package private(set) var tail: [String] = []
  private var line: [UInt8] = []

  package init() {}

  /// The lines that these bytes complete.
  package mutating func append(_ bytes: some Sequence<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") || line.count == Self.longestLine {
        lines.append(end())
      }
      if byte != UInt8(ascii: "\n") { line.append(byte) }
    }
    return lines
  }

  /// The last line if nothing ended it; nil if it is empty.
  package mutating func finish() -> String? { line.isEmpty ? nil : end() }

  private mutating func end() -> String {
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    // Firmware clears the screen first; sent on, that would clear the user's.
    let text = String(decoding: line.map { $0 < 0x20 && $0 != 9 ? 0x3F : $0 }, as: UTF8.self)
    line.removeAll(keepingCapacity: true)
    tail.append(text)
    if tail.count > Self.tailLength { tail.removeFirst() }
    return text
  }
}
