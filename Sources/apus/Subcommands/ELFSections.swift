import ApusInstructionSet

/// The executable parts of an ELF file with the symbols in them: System V gABI, "Object Files". Every offset is
/// checked against the file.
package struct ELFSections {
  /// A section, or a segment of a file that has no section headers.
  package struct Section: Equatable {
    /// Its name, or that of its program header.
    package var name: String
    /// Of its first byte; in a relocatable file, 0.
    package var address: UInt64
    /// Where it lies in the file.
    package var range: Range<Int>
    /// The names of functions and labels at addresses in it.
    package var labels: [UInt64: String] = [:]
  }

  package let mode: Disassembler.Mode
  package private(set) var executable: [Section] = []

  private let bytes: [UInt8]
  private let name: String
  private let isWide: Bool

  package static func isELF(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) }

  /// Reads the headers of a file that begins as ELF does. `name` is for messages.
  package init(_ bytes: [UInt8], name: String) throws(Failure) {
    self.bytes = bytes
    self.name = name
    let fields: [(offset: Int, field: String, allowed: ClosedRange<UInt8>, expected: String)] = [
      (4, "EI_CLASS", 1...2, "1 (32-bit) or 2 (64-bit)"), (5, "EI_DATA", 1...1, "1 (little-endian)"),
    ]
    for check in fields {
      guard check.offset < bytes.count else { throw .badInput(name, "ends within the ELF header") }
      guard check.allowed.contains(bytes[check.offset]) else {
        throw .badInput(
          name,
          "\(check.field) at offset \(check.offset) is \(bytes[check.offset]); expected \(check.expected)")
      }
    }
    isWide = bytes[4] == 2
    switch try Self.read(bytes, name, 18, 2, "e_machine") {
    case 62: mode = .code64
    case 3: mode = .code32
    case let machine:
      throw .badInput(
        name, "e_machine at offset 18 is \(machine); expected 62 (EM_X86_64) or 3 (EM_386), or --raw")
    }
    let headers = try sectionHeaders()
    if headers.isEmpty {
      executable = try executableSegments()
    } else {
      executable = try executableSections(headers)
    }
  }

  // MARK: Reading

  private static func read(
    _ bytes: [UInt8], _ name: String, _ offset: UInt64, _ size: Int, _ field: String
  ) throws(Failure) -> UInt64 {
    guard offset <= UInt64(bytes.count), UInt64(bytes.count) - offset >= UInt64(size) else {
      throw .badInput(name, "\(field) at offset \(offset) lies beyond the \(bytes.count) bytes of the file")
    }
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(bytes[Int(offset) + index]) << (8 * UInt64(index)) }
    return value
  }

  private func read(_ offset: UInt64, _ size: Int, _ field: String) throws(Failure) -> UInt64 {
    try Self.read(bytes, name, offset, size, field)
  }

  /// A word of the class at an offset that depends on the class.
  private func word(_ base: UInt64, _ narrow: UInt64, _ wide: UInt64, _ field: String) throws(Failure)
    -> UInt64
  {
    try read(base &+ (isWide ? wide : narrow), isWide ? 8 : 4, field)
  }

  /// The offsets of the entries of a table.
  private func table(
    at start: UInt64, count: UInt64, entrySize: UInt64, least: UInt64, _ field: String
  ) throws(Failure) -> [UInt64] {
    guard count > 0 && start > 0 else { return [] }
    guard entrySize >= least else {
      throw .badInput(name, "\(field) has entries of \(entrySize) bytes; expected \(least)")
    }
    let (size, overflow) = count.multipliedReportingOverflow(by: entrySize)
    let (end, carry) = start.addingReportingOverflow(size)
    guard !overflow && !carry && end <= UInt64(bytes.count) else {
      throw .badInput(
        name, "\(field): \(count) entries at offset \(start) lie beyond the \(bytes.count) bytes of the file")
    }
    return (0..<count).map { start + $0 * entrySize }
  }

  private func range(_ offset: UInt64, _ size: UInt64, _ what: String) throws(Failure) -> Range<Int> {
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow && end <= UInt64(bytes.count) else {
      throw .badInput(
        name, "\(what): \(size) bytes at offset \(offset) lie beyond the \(bytes.count) bytes of the file")
    }
    return Int(offset)..<Int(end)
  }

  // MARK: Sections

  private struct Header {
    var nameOffset: UInt64
    var type: UInt64
    var flags: UInt64
    var address: UInt64
    var offset: UInt64
    var size: UInt64
    var link: UInt64
    var entrySize: UInt64
  }

  private func sectionHeaders() throws(Failure) -> [Header] {
    let start = try word(0, 32, 40, "e_shoff")
    let entrySize = try read(isWide ? 58 : 46, 2, "e_shentsize")
    var count = try read(isWide ? 60 : 48, 2, "e_shnum")
    // More than 65,279 sections: the number is in the first one's sh_size.
    if count == 0 && start > 0 { count = try word(start, 20, 32, "sh_size of section 0") }
    var headers: [Header] = []
    for at in try table(
      at: start, count: count, entrySize: entrySize, least: isWide ? 64 : 40, "the section header table")
    {
      headers.append(
        Header(
          nameOffset: try read(at, 4, "sh_name"), type: try read(at + 4, 4, "sh_type"),
          flags: try word(at, 8, 8, "sh_flags"), address: try word(at, 12, 16, "sh_addr"),
          offset: try word(at, 16, 24, "sh_offset"), size: try word(at, 20, 32, "sh_size"),
          link: try read(at + (isWide ? 40 : 24), 4, "sh_link"),
          entrySize: try word(at, 36, 56, "sh_entsize")))
    }
    return headers
  }

  private static let executableFlag: UInt64 = 4  // SHF_EXECINSTR
  private static let noBits: UInt64 = 8  // SHT_NOBITS

  private func executableSections(_ headers: [Header]) throws(Failure) -> [Section] {
    var nameTable = try read(isWide ? 62 : 50, 2, "e_shstrndx")
    // SHN_XINDEX: the index is in the first section's sh_link.
    if nameTable == 0xFFFF { nameTable = headers[0].link }
    let names = nameTable < UInt64(headers.count) ? headers[Int(nameTable)] : nil
    let labels = try symbols(headers)
    var sections: [Section] = []
    for (index, header) in headers.enumerated() {
      guard header.flags & Self.executableFlag != 0, header.type != Self.noBits, header.size > 0 else {
        continue
      }
      let name = text(in: names, at: header.nameOffset) ?? "\(index)"
      sections.append(
        Section(
          name: name, address: header.address,
          range: try range(header.offset, header.size, "section \(name)"),
          labels: labels[UInt64(index)] ?? [:]))
    }
    return sections
  }

  /// The executable segments, of a file whose section headers were stripped.
  private func executableSegments() throws(Failure) -> [Section] {
    let start = try word(0, 28, 32, "e_phoff")
    let entrySize = try read(isWide ? 54 : 42, 2, "e_phentsize")
    let count = try read(isWide ? 56 : 44, 2, "e_phnum")
    var sections: [Section] = []
    let entries = try table(
      at: start, count: count, entrySize: entrySize, least: isWide ? 56 : 32, "the program header table")
    for (index, at) in entries.enumerated() {
      let type = try read(at, 4, "p_type")
      let flags = try read(at + (isWide ? 4 : 24), 4, "p_flags")
      let size = try word(at, 16, 32, "p_filesz")
      // PT_LOAD with PF_X.
      guard type == 1, flags & 1 != 0, size > 0 else { continue }
      let offset = try word(at, 4, 8, "p_offset")
      sections.append(
        Section(
          name: "of program header \(index)", address: try word(at, 8, 16, "p_vaddr"),
          range: try range(offset, size, "program header \(index)")))
    }
    return sections
  }

  // MARK: Symbols

  /// So that many symbols with one name do not fill the memory.
  private static let longestLabel: UInt64 = 256

  /// A string of a string table, with what is not printable ASCII replaced; nil if it is not in the table.
  private func text(in table: Header?, at offset: UInt64) -> String? {
    guard let table, offset < table.size, table.offset <= UInt64(bytes.count) else { return nil }
    let (start, overflow) = table.offset.addingReportingOverflow(offset)
    guard !overflow && start < UInt64(bytes.count) else { return nil }
    let most = Int(min(table.size - offset, Self.longestLabel))
    let name = bytes[Int(start)...].prefix(most).prefix { $0 != 0 }
    return String(decoding: name.map { 0x21...0x7E ~= $0 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }

  /// The names of addresses by section: from the symbol table, or that of the dynamic linker.
  private func symbols(_ headers: [Header]) throws(Failure) -> [UInt64: [UInt64: String]] {
    // SHT_SYMTAB, SHT_DYNSYM.
    guard let header = headers.first(where: { $0.type == 2 }) ?? headers.first(where: { $0.type == 11 })
    else {
      return [:]
    }
    let names = header.link < UInt64(headers.count) ? headers[Int(header.link)] : nil
    let least: UInt64 = isWide ? 24 : 16
    let entrySize = max(header.entrySize, least)
    var labels: [UInt64: [UInt64: String]] = [:]
    for at in try table(
      at: header.offset, count: header.size / entrySize, entrySize: entrySize, least: least,
      "the symbol table")
    {
      let information = try read(at + (isWide ? 4 : 12), 1, "st_info")
      let section = try read(at + (isWide ? 6 : 14), 2, "st_shndx")
      // STT_NOTYPE and STT_FUNC, defined in a section of the file.
      guard information & 15 == 0 || information & 15 == 2, section > 0, section < 0xFF00 else { continue }
      let value = try word(at, 4, 8, "st_value")
      guard let label = text(in: names, at: try read(at, 4, "st_name")), !label.isEmpty else { continue }
      if labels[section]?[value] == nil { labels[section, default: [:]][value] = label }
    }
    return labels
  }
}
