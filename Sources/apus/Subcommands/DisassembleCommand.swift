import ApusInstructionSet

/// `apus disasm`.
package enum DisassembleCommand {
  /// What the command line asks for.
  struct Values {
    /// A file, `-` for standard input.
    var path: String?
    var bytes: [UInt8]?
    var mode: Disassembler.Mode?
    var syntax = Syntax.intel
    /// The options that only raw bytes have, as the user spelt them.
    var origin: (option: String, value: UInt64)?
    var offset: (option: String, value: UInt64)?
    var length: (option: String, value: UInt64)?
    var isRaw = false
  }

  static let syntax = SubcommandSyntax<Values>(
    name: "disasm",
    introduction: """
      apus disasm - disassembles a file with what Apus knows of the instruction set

      Usage: apus disasm [options] FILE
             apus disasm [options] --hex "BYTES"

      The executable sections of an ELF file, or all of any other file; '-' is standard input. Each line has
      the address, the bytes and the text of an instruction. A byte that begins no instruction that Apus
      executes is shown as (bad).
      """,
    options: [
      SubcommandOption("--mode", value: "16|32|64", help: "the code's size; 64, or what an ELF file says") {
        let modes: [String: Disassembler.Mode] = ["16": .code16, "32": .code32, "64": .code64]
        guard let mode = modes[$1] else { throw Failure.usage($2, "'\($1)' is not 16, 32 or 64") }
        $0.mode = mode
      },
      SubcommandOption("--syntax", value: "intel|att", help: "how instructions are written; intel") {
        guard $1 == "intel" || $1 == "att" else { throw Failure.usage($2, "'\($1)' is not intel or att") }
        $0.syntax = $1 == "att" ? .att : .intel
      },
      SubcommandOption("--raw", help: "take an ELF file as bytes") { values, _, _ in values.isRaw = true },
      SubcommandOption("--org", value: "ADDRESS", help: "the address of the first byte shown; 0 (raw bytes)")
      {
        $0.origin = ($2, try number($1, $2))
      },
      SubcommandOption("--offset", value: "N", help: "leave out N bytes at the beginning (raw bytes)") {
        $0.offset = ($2, try number($1, $2))
      },
      SubcommandOption("--length", value: "N", help: "show N bytes at most (raw bytes)") {
        $0.length = ($2, try number($1, $2))
      },
      SubcommandOption("--hex", value: "BYTES", help: "these bytes, as hexadecimal digits, instead of a file")
      {
        $0.bytes = try hexadecimal($1, $2)
      },
    ],
    conclusion: """
      Numbers are decimal, or hexadecimal with 0x.

      Exit codes:
        0   done, whatever the bytes were
        2   the command line was not understood
        3   the file is missing or is not what it should be
        5   the output failed

      Examples:
        apus disasm --hex "48 89 d8 c3"
        apus disasm --mode 16 --org 0x7c00 --length 512 disk.img
        apus disasm vmlinux

      """
  ) { values, word in
    guard !word.isEmpty else { throw Failure(.usage, "a file was given as an empty word") }
    guard !word.utf8.contains(0) else { throw Failure(.usage, "the file's name holds a NUL") }
    if let first = values.path {
      throw Failure(.usage, "'\(word)': only one file can be given, and '\(first)' is one already")
    }
    values.path = word
  }

  private static func number(_ text: String, _ option: String) throws(Failure) -> UInt64 {
    do { return try OptionValue.number(text) } catch {
      throw .usage(
        option,
        error == .tooLarge ? "\(text) is more than 64 bits" : "'\(text)' is not a number such as 0x7c00")
    }
  }

  /// Pairs of digits, with blanks between any of them.
  private static func hexadecimal(_ text: String, _ option: String) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in text.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A }) {
      guard word.count.isMultiple(of: 2) else {
        throw .usage(option, "'\(String(decoding: word, as: UTF8.self))' has an odd number of digits")
      }
      var digits = Substring(decoding: word, as: UTF8.self)
      while !digits.isEmpty {
        let pair = digits.prefix(2)
        guard pair.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }), let byte = UInt8(pair, radix: 16) else {
          throw .usage(option, "'\(pair)' is not a byte in hexadecimal digits")
        }
        bytes.append(byte)
        digits = digits.dropFirst(2)
      }
    }
    guard !bytes.isEmpty else { throw .usage(option, "holds no bytes") }
    return bytes
  }

  /// The most bytes that a file may have.
  static let largestFile: UInt64 = 1 << 30

  static func run(_ arguments: [String]) throws(Failure) -> Int32 {
    var values = Values()
    guard try syntax.read(arguments, into: &values) else { return StandardOutput.show(syntax.help) }
    guard values.path != nil || values.bytes != nil else {
      throw Failure(.usage, "apus disasm needs a file or --hex; 'apus disasm --help' says more")
    }
    if let path = values.path, values.bytes != nil {
      throw .usage("--hex", "cannot be given together with the file '\(path)'")
    }
    let name = values.path.map { $0 == "-" ? "standard input" : $0 } ?? "--hex"
    let bytes: [UInt8]
    if let given = values.bytes { bytes = given } else { bytes = try contents(values.path ?? "-") }
    var listing = Listing(syntax: values.syntax)
    if values.path != nil && !values.isRaw && ELFSections.isELF(bytes) {
      try disassembleELF(bytes, name, values, &listing)
    } else {
      try disassembleRaw(bytes, name, values, &listing)
    }
    return listing.finish()
  }

  private static func contents(_ path: String) throws(Failure) -> [UInt8] {
    path == "-"
      ? try HostFile.loadStandardInput(limit: largestFile) : try HostFile.load(path, limit: largestFile)
  }

  private static func disassembleRaw(
    _ bytes: [UInt8], _ name: String, _ values: Values, _ listing: inout Listing
  ) throws(Failure) {
    var range = 0..<bytes.count
    if let offset = values.offset {
      guard offset.value < UInt64(bytes.count) else {
        throw .badInput(name, "has \(bytes.count) bytes; \(offset.option) \(offset.value) lies beyond them")
      }
      range = Int(offset.value)..<bytes.count
    }
    if let length = values.length, length.value < UInt64(range.count) {
      range = range.lowerBound..<(range.lowerBound + Int(length.value))
    }
    listing.add(bytes, range, at: values.origin?.value ?? 0, values.mode ?? .code64, labels: [:])
  }

  private static func disassembleELF(
    _ bytes: [UInt8], _ name: String, _ values: Values, _ listing: inout Listing
  ) throws(Failure) {
    for setting in [values.origin, values.offset, values.length] {
      if let setting {
        throw .usage(setting.option, "'\(name)' is an ELF file; only raw bytes have it (--raw)")
      }
    }
    let file = try ELFSections(bytes, name: name)
    guard !file.executable.isEmpty else { throw .badInput(name, "has no executable section or segment") }
    for section in file.executable {
      listing.title(section.name)
      listing.add(
        bytes, section.range, at: section.address, values.mode ?? file.mode, labels: section.labels)
    }
  }
}

/// The lines of a disassembly, on their way to standard output.
struct Listing {
  let syntax: Syntax
  private var output = StandardOutput()

  init(syntax: Syntax) { self.syntax = syntax }

  /// Bytes that most instructions have room for in their column.
  private static let bytesColumn = 22

  mutating func title(_ text: String) { output.write("section \(text)\n") }

  /// The instructions in `bytes[range]`, the first of which is at `address`.
  mutating func add(
    _ bytes: [UInt8], _ range: Range<Int>, at address: UInt64, _ mode: Disassembler.Mode,
    labels: [UInt64: String]
  ) {
    let last = address &+ UInt64(range.count)
    let digits = last > 0xFFFF_FFFF || last < address ? 16 : 8
    var position = range.lowerBound
    while position < range.upperBound && !output.hasFailed {
      let here = address &+ UInt64(position - range.lowerBound)
      if let label = labels[here] { output.write("\(label):\n") }
      let instruction = Disassembler.decode(bytes[position..<range.upperBound], at: here, mode: mode)
      var line = Text.padded(String(here, radix: 16), to: digits, with: "0") + "  "
      var width = 0
      for byte in bytes[position..<(position + instruction.length)] {
        line += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        width += 2
      }
      line += String(repeating: " ", count: max(0, Listing.bytesColumn - width)) + "  "
      output.write(line + instruction.text(syntax) + "\n")
      position += instruction.length
    }
  }

  /// Writes what is left; the exit status.
  mutating func finish() -> Int32 { output.finish() }
}
