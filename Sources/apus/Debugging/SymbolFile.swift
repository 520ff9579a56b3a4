import ApusDebug

/// Reads the file of `--symbols`.
enum SymbolFile {
  private static let largest: UInt64 = 2 << 30

  /// The symbols of an ELF file, or of a list with an address, a type and a name to a line, as `nm` and Linux's
  /// System.map have them.
  static func load(_ path: String) throws(Failure) -> SymbolTable {
    let bytes = try HostFile.load(path, limit: largest)
    if ELFSections.isELF(bytes) {
      let file = try ELFSections(bytes, name: path)
      let table = SymbolTable(file.executable.flatMap { $0.labels.map { (address: $0.key, name: $0.value) } })
      guard !table.isEmpty else { throw .badInput(path, "has no symbols of code") }
      return table
    }
    var symbols: [(address: UInt64, name: String)] = []
    for (number, line) in bytes.split(separator: 0x0A).enumerated() {
      let words = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D })
      guard words.count >= 3, let address = UInt64(String(decoding: words[0], as: UTF8.self), radix: 16)
      else {
        throw .badInput(path, "line \(number + 1): expected an address, a type and a name, or an ELF file")
      }
      symbols.append((address, String(decoding: words[2], as: UTF8.self)))
    }
    guard !symbols.isEmpty else { throw .badInput(path, "has no symbols") }
    return SymbolTable(symbols)
  }
}
