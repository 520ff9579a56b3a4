import ApusInstructionSet
import Foundation

/// Another disassembler of this host, as a program.
enum ReferenceDisassembler: String, CaseIterable {
  case gnu = "objdump"
  case llvm = "llvm-objdump"

  /// One instruction as it sees it.
  struct Listed {
    var bytes: [UInt8]
    /// In Intel's syntax, with single spaces, without comments and symbols.
    var text: String
    var address: UInt64
  }

  var path: String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(rawValue)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  var isThere: Bool { path != nil }

  /// LLVM's takes ELF files only, and knows no 16-bit code in them.
  func knows(_ mode: Disassembler.Mode) -> Bool { self == .gnu || mode != .code16 }

  /// What stands at the beginning of each slot of an image: `slot` is 32, so that no instruction reaches the
  /// next one.
  func firstInstructions(_ image: [UInt8], _ mode: Disassembler.Mode) throws -> [Int: Listed] {
    let file = FileManager.default.temporaryDirectory.appending(path: "apus-disassembly-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(self == .gnu ? image : ObjectFile.wrap(image, is64Bit: mode == .code64)).write(to: file)
    var found: [Int: Listed] = [:]
    let arguments =
      self == .gnu
      ? ["-z", "-D", "-b", "binary", "-m", mode == .code64 ? "i386:x86-64" : "i386"] + options(mode)
      : ["-d", "-z", "--x86-asm-syntax=intel"]
    // Lines of the no-operations between the slots are most of the listing.
    try run(arguments + [file.path], filter: "^ *[0-9a-f]*[02468ace]?0:") { listed in
      if listed.address % 32 == 0 { found[Int(listed.address / 32)] = listed }
    }
    return found
  }

  /// The executable sections of an ELF file, instruction by instruction.
  func sections(of file: String, _ body: (Listed) -> Void) throws {
    try run(["-z", "-d"] + options(.code64) + [file], filter: nil, body)
  }

  private func options(_ mode: Disassembler.Mode) -> [String] {
    let machine = mode == .code64 ? "x86-64" : mode == .code32 ? "i386" : "i8086"
    return ["-w", "--insn-width=16", "-M", "\(machine),intel"]
  }

  private func run(_ arguments: [String], filter: String?, _ body: (Listed) -> Void) throws {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/bin/sh")
    let words = ([path ?? rawValue] + arguments).map { "'\($0)'" }.joined(separator: " ")
    process.arguments = ["-c", words + (filter.map { " | grep -E '\($0)'" } ?? "")]
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    var rest: [UInt8] = []
    while true {
      let chunk = pipe.fileHandleForReading.readData(ofLength: 1 << 20)
      if chunk.isEmpty { break }
      rest += chunk
      var start = 0
      while let end = rest[start...].firstIndex(of: 10) {
        if let listed = Self.parse(rest[start..<end]) { body(listed) }
        start = end + 1
      }
      rest.removeFirst(start)
    }
    process.waitUntilExit()
  }

  /// `  401000:\tf3 0f 1e fa          \tendbr64 `
  private static func parse(_ line: ArraySlice<UInt8>) -> Listed? {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let address = line[..<colon].drop { $0 == 32 }
    guard !address.isEmpty, let number = UInt64(String(decoding: address, as: UTF8.self), radix: 16) else {
      return nil
    }
    let fields = line[(colon + 1)...].drop { $0 == 9 || $0 == 32 }.split(separator: 9, maxSplits: 1)
    guard let hex = fields.first, hex.allSatisfy(isHexOrSpace) else { return nil }
    var text = fields.count > 1 ? String(decoding: fields[1], as: UTF8.self) : ""
    if let comment = text.firstIndex(of: "#") { text = String(text[..<comment]) }
    if let symbol = text.firstIndex(of: "<"), !text.contains("<unknown>") { text = String(text[..<symbol]) }
    let words = text.split { $0 == " " || $0 == "\t" }
    return Listed(
      bytes: bytes(String(decoding: hex, as: UTF8.self)), text: words.joined(separator: " "), address: number)
  }

  private static func isHexOrSpace(_ byte: UInt8) -> Bool {
    byte == 32 || 0x30...0x39 ~= byte || 0x61...0x66 ~= byte
  }
}

/// A relocatable ELF file with nothing but `.text` (System V gABI, "Object Files").
private enum ObjectFile {
  static func wrap(_ code: [UInt8], is64Bit: Bool) -> [UInt8] {
    let names = Array("\0.text\0.shstrtab\0".utf8)
    let headerSize = is64Bit ? 64 : 52
    let codeAt = 64
    let namesAt = codeAt + code.count
    let tableAt = (namesAt + names.count + 7) & ~7
    var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, is64Bit ? 2 : 1, 1, 1] + [UInt8](repeating: 0, count: 9)
    func put(_ value: Int, _ size: Int) {
      for index in 0..<size { file.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
    let word = is64Bit ? 8 : 4
    put(1, 2)
    put(is64Bit ? 62 : 3, 2)
    put(1, 4)
    put(0, word)
    put(0, word)
    put(tableAt, word)
    put(0, 4)
    for value in [headerSize, 0, 0, is64Bit ? 64 : 40, 3, 2] { put(value, 2) }
    file += [UInt8](repeating: 0, count: codeAt - file.count) + code + names
    file += [UInt8](repeating: 0, count: tableAt - file.count)
    func section(_ name: Int, _ type: Int, _ flags: Int, _ offset: Int, _ size: Int) {
      put(name, 4)
      put(type, 4)
      for value in [flags, 0, offset, size] { put(value, word) }
      put(0, 4)
      put(0, 4)
      put(1, word)
      put(0, word)
    }
    section(0, 0, 0, 0, 0)
    section(1, 1, 6, codeAt, code.count)
    section(7, 3, 0, namesAt, names.count)
    return file
  }
}
