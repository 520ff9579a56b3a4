import ApusInstructionSet
import Testing
import apus

@Suite struct DisassembleProcessTests {
  private let scratch = Scratch()

  private func disasm(_ words: String..., input: String = "/dev/null") -> Child.Result {
    Child.run(["disasm"] + words, input: input)
  }

  @Test func bytesOfTheCommandLine() {
    let result = disasm("--hex", "48 89d8\tc3 06")
    #expect(result.status == 0 && result.errors == "")
    #expect(
      result.output == """
        00000000  4889d8                  mov rax,rbx
        00000003  c3                      ret
        00000004  06                      (bad)

        """)
    #expect(disasm("--syntax", "att", "--hex=4889d8").output.hasSuffix("mov %rbx,%rax\n"))
    #expect(disasm("-mode=32", "-hex", "06").output.hasSuffix("push es\n"))
    #expect(disasm("--mode", "16", "--hex", "b83412").output.hasSuffix("mov ax,0x1234\n"))
  }

  @Test func partOfARawFile() {
    let file = scratch.file("boot.bin", [0x90, 0x90, 0xFA, 0xEB, 0xFE, 0x90])
    let result = disasm("--mode", "16", "--org", "0x7c02", "--offset", "2", "--length", "0x3", file)
    #expect(
      result.output == """
        00007c02  fa                      cli
        00007c03  ebfe                    jmp 0x7c03

        """)
    let high = disasm("--org", "0xfffffffffffffff0", "--length", "1", file)
    #expect(high.output == "fffffffffffffff0  90                      nop\n")
    #expect(disasm("--length", "0", file).output == "")
  }

  @Test func standardInput() {
    let file = scratch.file("code.bin", [0xF4])
    #expect(disasm("-", input: file).output == "00000000  f4                      hlt\n")
    let none = disasm("-")
    #expect(none.status == 3 && none.errors == "apus: standard input: is empty\n")
  }

  @Test(arguments: [
    ([], "needs a file"), (["a", "b"], "only one file"), (["--hex", "90", "a"], "--hex: "),
    (["--hex", "9"], "odd number"), (["--hex", "+1"], "'+1'"), (["--hex", ""], "no bytes"),
    (["--hex", "zz"], "'zz'"), (["--hex", "\u{E9}"], "--hex"), (["--mode", "8", "a"], "--mode: "),
    (["--mode"], "needs a value"), (["--syntax", "nasm", "a"], "--syntax: "),
    (["--org", "x", "a"], "--org: "),
    (["--org", "0x10000000000000000", "a"], "64 bits"), (["--raw=1", "a"], "takes no value"),
    (["--frob"], "'apus disasm --help'"), (["---raw"], "---raw"), ([""], "empty"),
  ])
  func usage(_ words: [String], _ expected: String) {
    let result = Child.run(["disasm"] + words)
    #expect(result.status == 2 && result.output == "")
    #expect(result.errors.hasPrefix("apus: ") && result.errors.contains(expected))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test func filesThatCannotBeRead() {
    let missing = disasm("/nonexistent")
    #expect(missing.status == 3 && missing.errors.hasPrefix("apus: /nonexistent: cannot be opened"))
    #expect(disasm("/").status == 3)
    let short = scratch.file("short.bin", [0x90])
    let beyond = disasm("--offset", "1", short)
    #expect(beyond.status == 3 && beyond.errors.contains("has 1 bytes; --offset 1 lies beyond them"))
  }

  @Test func output() {
    let file = scratch.file("nops.bin", [UInt8](repeating: 0x90, count: 200_000))
    #expect(disasm(file).output.utf8.count == 200_000 * 38)
    let full = Child(
      "\(Child.apus)", ["disasm", file], input: "/dev/null", output: "/dev/full", errors: "/dev/null")
    #expect(full?.wait() == 5)
  }

  @Test func help() {
    let result = disasm("--help")
    #expect(result.status == 0)
    for word in ["--mode", "--syntax", "--org", "--offset", "--length", "--hex", "--raw", "Exit codes"] {
      #expect(result.output.contains(word))
    }
    #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 104 && $0.last != " " })
    for subcommand in Subcommand.all {
      #expect(Help.text.contains("  \(subcommand.name) "))
      #expect(Child.run([subcommand.name, "--help"]).status == 0)
    }
    // A file of that name is still a file.
    #expect(Child.run(["run", "disasm"]).status == 3)
  }
}

@Suite struct ELFSectionsTests {
  private let scratch = Scratch()

  /// A file with `.text` (labels `first` and `second`), `.symtab`, `.strtab`, `.shstrtab`.
  private static func file(is64Bit: Bool, machine: Int = 62, withSections: Bool = true) -> [UInt8] {
    let word = is64Bit ? 8 : 4
    var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, is64Bit ? 2 : 1, 1, 1] + [UInt8](repeating: 0, count: 9)
    func put(_ value: Int, _ size: Int) {
      for index in 0..<size { file.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
    let (header, program, section) = is64Bit ? (64, 56, 64) : (52, 32, 40)
    let code: [UInt8] = [0x90, 0xC3]
    let codeAt = header + program
    let strings = Array("\0.text\0.symtab\0.strtab\0first\0se\u{1B}ond\0".utf8)
    let stringsAt = codeAt + code.count
    let symbolsAt = stringsAt + strings.count
    let symbolSize = is64Bit ? 24 : 16
    let tableAt = symbolsAt + 3 * symbolSize
    put(2, 2)
    put(machine, 2)
    put(1, 4)
    put(0x1000, word)
    put(header, word)
    put(withSections ? tableAt : 0, word)
    put(0, 4)
    for value in [header, program, 1, section, withSections ? 4 : 0, 3] { put(value, 2) }
    put(1, 4)
    if is64Bit { put(5, 4) }
    for value in [codeAt, 0x1000, 0x1000, code.count, code.count] { put(value, word) }
    if !is64Bit { put(5, 4) }
    put(1, word)
    file += code + strings
    func symbol(_ name: Int, _ value: Int, _ section: Int) {
      put(name, 4)
      if is64Bit {
        put(0x12, 2)
        put(section, 2)
        put(value, 8)
        put(0, 8)
      } else {
        put(value, 4)
        put(0, 4)
        put(0x12, 2)
        put(section, 2)
      }
    }
    symbol(0, 0, 0)
    symbol(23, 0x1000, 1)
    symbol(29, 0x1001, 1)
    func entry(_ name: Int, _ type: Int, _ flags: Int, _ address: Int, _ at: Int, _ size: Int, _ link: Int) {
      put(name, 4)
      put(type, 4)
      for value in [flags, address, at, size] { put(value, word) }
      put(link, 4)
      put(0, 4)
      put(1, word)
      put(type == 2 ? symbolSize : 0, word)
    }
    entry(0, 0, 0, 0, 0, 0, 0)
    entry(1, 1, 6, 0x1000, codeAt, code.count, 0)
    entry(7, 2, 0, 0, symbolsAt, 3 * symbolSize, 3)
    entry(15, 3, 0, 0, stringsAt, strings.count, 0)
    return file
  }

  @Test(arguments: [(true, 62, Disassembler.Mode.code64), (false, 3, .code32), (false, 62, .code64)])
  func sectionsAndLabels(is64Bit: Bool, machine: Int, mode: Disassembler.Mode) throws {
    let file = try ELFSections(Self.file(is64Bit: is64Bit, machine: machine), name: "f")
    #expect(file.mode == mode && file.executable.count == 1)
    let section = try #require(file.executable.first)
    #expect(section.name == ".text" && section.address == 0x1000 && section.range.count == 2)
    #expect(section.labels == [0x1000: "first", 0x1001: "se?ond"])
  }

  @Test(arguments: [true, false]) func segmentsOfAStrippedFile(is64Bit: Bool) throws {
    let bytes = Self.file(is64Bit: is64Bit, machine: is64Bit ? 62 : 3, withSections: false)
    let file = try ELFSections(bytes, name: "f")
    #expect(file.executable.map(\.address) == [0x1000] && file.executable[0].labels.isEmpty)
  }

  @Test func listing() {
    let path = scratch.file("program", Self.file(is64Bit: true))
    let result = Child.run(["disasm", path])
    #expect(
      result.output == """
        section .text
        first:
        00001000  90                      nop
        se?ond:
        00001001  c3                      ret

        """)
    #expect(Child.run(["disasm", "--raw", "--length", "4", path]).output.contains("00000000  7f45"))
    #expect(Child.run(["disasm", "--org", "0", path]).status == 2)
    let arm = scratch.file("arm", Self.file(is64Bit: true, machine: 183))
    let refused = Child.run(["disasm", arm])
    #expect(refused.status == 3 && refused.errors.contains("e_machine at offset 18 is 183; expected 62"))
  }

  /// Every beginning of a file, and every byte of it changed to extremes, is read or refused.
  @Test(arguments: [true, false]) func damagedFilesAreRefused(is64Bit: Bool) {
    let whole = Self.file(is64Bit: is64Bit, machine: is64Bit ? 62 : 3)
    var refused = 0
    for count in 4..<whole.count where (try? ELFSections(Array(whole[..<count]), name: "f")) == nil {
      refused += 1
    }
    #expect(refused == whole.count - 4)
    for index in 4..<whole.count {
      for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
        var damaged = whole
        damaged[index] = value
        if let file = try? ELFSections(damaged, name: "f") {
          for section in file.executable { #expect(section.range.upperBound <= damaged.count) }
        }
      }
    }
  }
}
