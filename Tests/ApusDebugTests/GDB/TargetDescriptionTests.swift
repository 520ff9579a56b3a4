import ApusDebug
import Testing

/// GDB manual, "Target Descriptions".
@Suite struct TargetDescriptionTests {
  private let registers = TargetDescription.registers

  @Test func registersAreDistinct() {
    #expect(Set(registers.map { $0.name }).count == registers.count)
    #expect(Set(registers.map { $0.id }).count == registers.count)
    #expect(registers.allSatisfy { $0.bitSize.isMultiple(of: 8) })
    for (number, register) in registers.enumerated() {
      #expect(TargetDescription.number(of: register.id) == number)
    }
    #expect(TargetDescription.number(of: .control(1)) == nil)
  }

  /// The numbers that GDB's `amd64_register_names` gives the standard registers, and the offsets that `maint print
  /// remote-registers` of GDB 13.1 shows.
  @Test(
    arguments: [
      ("rax", 0, 0), ("rbx", 1, 8), ("rcx", 2, 16), ("rdx", 3, 24), ("rsi", 4, 32), ("rdi", 5, 40),
      ("rbp", 6, 48),
      ("rsp", 7, 56), ("r8", 8, 64), ("r15", 15, 120), ("rip", 16, 128), ("eflags", 17, 136), ("cs", 18, 140),
      ("ss", 19, 144), ("ds", 20, 148), ("es", 21, 152), ("fs", 22, 156), ("gs", 23, 160), ("st0", 24, 164),
      ("st7", 31, 234), ("fctrl", 32, 244), ("fop", 39, 272), ("xmm0", 40, 276), ("xmm15", 55, 516),
      ("mxcsr", 56, 532), ("ymm0h", 57, 536), ("ymm15h", 72, 776), ("fs_base", 73, 792), ("gs_base", 74, 800),
      ("cs_base", 75, 808), ("cr0", 80, 848), ("mode", 101, 985),
    ])
  func layout(_ name: String, _ number: Int, _ offset: Int) {
    #expect(registers[number].name == name)
    #expect(registers.prefix(number).reduce(0) { $0 + $1.byteSize } == offset)
  }

  @Test func idsAreEncodings() {
    let named: [(String, RegisterID)] = [
      ("rax", .general(0)), ("rcx", .general(1)), ("rdx", .general(2)), ("rbx", .general(3)),
      ("rsp", .general(4)),
      ("rbp", .general(5)), ("rsi", .general(6)), ("rdi", .general(7)), ("r8", .general(8)),
      ("r15", .general(15)),
      ("es", .selector(0)), ("cs", .selector(1)), ("ss", .selector(2)), ("ds", .selector(3)),
      ("fs", .selector(4)),
      ("gs", .selector(5)), ("es_base", .segmentBase(0)), ("cs_base", .segmentBase(1)),
      ("ss_base", .segmentBase(2)),
      ("ds_base", .segmentBase(3)), ("fs_base", .segmentBase(4)), ("gs_base", .segmentBase(5)),
      ("cr8", .control(8)), ("dr7", .debug(7)),
    ]
    for (name, id) in named { #expect(registers.first { $0.id == id }?.name == name) }
  }

  // MARK: XML

  /// An element with its attributes and what is in it.
  private final class Element {
    let name: String
    var attributes: [String: String] = [:]
    var children: [Element] = []
    var text = ""

    init(_ name: String) { self.name = name }

    func all(_ name: String) -> [Element] { children.filter { $0.name == name } }
  }

  /// Reads as much of XML as the description has, strictly; nil if it is not well-formed.
  private static func parse(_ document: String) -> Element? {
    let root = Element("")
    var open = [root]
    var rest = Substring(document)
    while let character = rest.first {
      guard character == "<" else {
        open[open.count - 1].text.append(character)
        rest = rest.dropFirst()
        continue
      }
      guard let end = rest.firstIndex(of: ">") else { return nil }
      var tag = rest[rest.index(after: rest.startIndex)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.first == "?" || tag.first == "!" {
        guard open.count == 1, root.children.isEmpty else { return nil }
      } else if tag.first == "/" {
        guard open.count > 1, open.removeLast().name == tag.dropFirst() else { return nil }
      } else {
        let isClosed = tag.last == "/"
        if isClosed { tag = tag.dropLast() }
        guard let element = element(tag) else { return nil }
        open[open.count - 1].children.append(element)
        if !isClosed { open.append(element) }
      }
    }
    return open.count == 1 && root.children.count == 1 ? root.children[0] : nil
  }

  private static func element(_ tag: Substring) -> Element? {
    let name = tag.prefix { $0 != " " }
    let element = Element(String(name))
    var rest = tag.dropFirst(name.count)
    while !rest.isEmpty {
      guard rest.first == " " else { return nil }
      rest = rest.dropFirst()
      let key = rest.prefix { $0.isLetter || $0 == "-" }
      rest = rest.dropFirst(key.count)
      guard !key.isEmpty, rest.hasPrefix("=\"") else { return nil }
      rest = rest.dropFirst(2)
      let value = rest.prefix { $0 != "\"" }
      rest = rest.dropFirst(value.count)
      guard rest.first == "\"", !value.contains("<"), !value.contains("&") else { return nil }
      rest = rest.dropFirst()
      guard element.attributes.updateValue(String(value), forKey: String(key)) == nil else { return nil }
    }
    return element
  }

  private static let document = String(decoding: TargetDescription.xml, as: UTF8.self)

  @Test func documentIsWellFormed() throws {
    let target = try #require(Self.parse(Self.document))
    #expect(target.name == "target" && target.attributes == ["version": "1.0"])
    #expect(target.all("architecture").map { $0.text } == ["i386:x86-64"])
    #expect(
      target.all("feature").map { $0.attributes["name"] } == [
        "org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.avx", "org.gnu.gdb.i386.segments",
        "org.apus.system",
      ])
    #expect(target.children.count == 6)
  }

  @Test func documentHasTheRegisters() throws {
    let features = try #require(Self.parse(Self.document)).all("feature")
    let described = features.flatMap { $0.all("reg") }
    #expect(described.count == registers.count)
    for (element, register) in zip(described, registers) {
      #expect(element.attributes["name"] == register.name)
      #expect(element.attributes["bitsize"] == "\(register.bitSize)")
    }
  }

  /// Types are defined before they are used, in the same feature, and are as large as the registers of them.
  @Test func typesAreDefined() throws {
    let predefined = [
      "int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint8": 8, "uint16": 16, "uint64": 64,
      "uint128": 128,
      "code_ptr": 64, "data_ptr": 64, "ieee_single": 32, "ieee_double": 64, "i387_ext": 80,
    ]
    for feature in try #require(Self.parse(Self.document)).all("feature") {
      var sizes = predefined
      for element in feature.children {
        let attributes = element.attributes
        switch element.name {
        case "reg":
          let type = try #require(attributes["type"])
          let size = try #require(attributes["bitsize"].flatMap { Int($0) })
          // GDB takes an `int` of the register's size.
          #expect(type == "int" || sizes[type] == size, "\(attributes)")
        case "vector":
          let size = try #require(attributes["type"].flatMap { sizes[$0] })
          sizes[attributes["id"] ?? ""] = size * (try #require(attributes["count"].flatMap { Int($0) }))
        case "union":
          let fields = element.all("field").map { $0.attributes["type"].flatMap { sizes[$0] } }
          #expect(Set(fields).count == 1)
          sizes[attributes["id"] ?? ""] = fields[0]
        case "flags", "enum":
          sizes[attributes["id"] ?? ""] = 8 * (try #require(attributes["size"].flatMap { Int($0) }))
        default: Issue.record("\(element.name)")
        }
      }
    }
  }

  @Test func flagsAreDistinct() throws {
    let features = try #require(Self.parse(Self.document)).all("feature")
    for type in features.flatMap({ $0.all("flags") }) {
      let size = try #require(type.attributes["size"].flatMap { Int($0) })
      var used: Set<Int> = []
      for field in type.all("field") {
        let low = try #require(field.attributes["start"].flatMap { Int($0) })
        let high = try #require(field.attributes["end"].flatMap { Int($0) })
        #expect(low <= high && high < 8 * size)
        for bit in low...high { #expect(used.insert(bit).inserted, "\(type.attributes) \(bit)") }
      }
    }
  }

  @Test func modesAreNamed() throws {
    let features = try #require(Self.parse(Self.document)).all("feature")
    let values = features.flatMap { $0.all("enum") }.flatMap { $0.all("evalue") }
    #expect(
      values.map { $0.attributes["name"] } == [
        "real", "v86", "protected16", "protected32", "compatibility16", "compatibility32", "long64",
      ])
    #expect(values.map { $0.attributes["value"] } == (0..<7).map { "\($0)" })
  }

  // MARK: Bytes

  @Test func littleEndianBytes() {
    #expect(
      UInt64(0x1122_3344_5566_7788).littleEndianBytes() == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
    #expect(UInt16(0x1234).littleEndianBytes(4) == [0x34, 0x12, 0, 0])
    #expect(UInt64(0x1234).littleEndianBytes(1) == [0x34])
    #expect(UInt64(littleEndian: [0x34, 0x12]) == 0x1234)
    #expect(UInt8(littleEndian: [0x34, 0x12]) == 0x34)
    #expect(UInt64(littleEndian: Array(repeating: 0xFF, count: 20)) == .max)
    #expect(UInt64(littleEndian: []) == 0)
  }
}
