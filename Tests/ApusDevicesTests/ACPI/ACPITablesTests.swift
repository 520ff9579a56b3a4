import ApusDevices
import Foundation
import Testing

/// Guest memory with an image placed in it.
private struct Memory {
  let image: ACPIImage

  func bytes(_ physical: UInt64, _ count: Int) throws -> [UInt8] {
    for segment in image.segments where physical >= segment.physical {
      let offset = Int(physical - segment.physical)
      if offset + count <= segment.bytes.count { return Array(segment.bytes[offset..<(offset + count)]) }
    }
    Issue.record("nothing at \(physical)")
    throw CancellationError()
  }

  func integer(_ physical: UInt64, _ count: Int) throws -> UInt64 {
    try bytes(physical, count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  func table(_ physical: UInt64) throws -> [UInt8] {
    try bytes(physical, Int(try integer(physical + 4, 4)))
  }

  /// Tables that the root table at `root` lists, by signature.
  func tables(root: UInt64, entry: Int) throws -> [String: UInt64] {
    let count = (Int(try integer(root + 4, 4)) - 36) / entry
    var found: [String: UInt64] = [:]
    for index in 0..<count {
      let physical = try integer(root + 36 + UInt64(index * entry), entry)
      found[String(decoding: try bytes(physical, 4), as: UTF8.self)] = physical
    }
    return found
  }
}

private func sum(_ bytes: some Sequence<UInt8>) -> UInt8 { bytes.reduce(0, &+) }

private func everything() -> ACPIDescription {
  var description = ACPIDescription(lowRAMEnd: 0x8000_0000)
  description.pciMemoryAbove4G = 0x2_0000_0000..<0x4_0000_0000
  description.hasFloppyController = true
  description.serialPorts = [
    .init(port: 0x3F8, irq: 4), .init(port: 0x2F8, irq: 3), .init(port: 0x3E8, irq: 4),
    .init(port: 0x2E8, irq: 3),
  ]
  description.parallelPorts = [.init(port: 0x378, irq: 7)]
  return description
}

/// Does what firmware does with the files of `ACPILoaderScript`: places the blobs, and carries out the commands.
private struct Loader {
  static let places = ["etc/acpi/tables": 0x3FF_0040 as UInt64, "etc/acpi/rsdp": 0xF_5A30]
  var files: [String: [UInt8]] = [:]

  init(_ items: [FirmwareConfiguration.Item]) throws {
    for item in items {
      guard case .file(let name) = item.name else { continue }
      files[name] = item.bytes
    }
    let script = try #require(files["etc/table-loader"])
    files["etc/table-loader"] = nil
    try #require(script.count % 128 == 0)
    for start in stride(from: 0, to: script.count, by: 128) {
      try execute(Array(script[start..<start + 128]))
    }
  }

  private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
  private func name(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private mutating func execute(_ command: [UInt8]) throws {
    let file = name(command[4..<60])
    var bytes = try #require(files[file])
    let place = try #require(Self.places[file])
    switch number(command[0..<4]) {
    case 1: #expect(place % number(command[60..<64]) == 0)
    case 2:
      let target = try #require(Self.places[name(command[60..<116])])
      let (offset, size) = (Int(number(command[116..<120])), Int(command[120]))
      let pointer = number(bytes[offset..<offset + size]) + target
      for index in 0..<size {
        bytes[offset + index] = UInt8(truncatingIfNeeded: pointer >> UInt64(8 * index))
      }
    case 3:
      let (offset, start) = (Int(number(command[60..<64])), Int(number(command[64..<68])))
      bytes[offset] &-= sum(bytes[start..<start + Int(number(command[68..<72]))])
    default: Issue.record("command \(command[0])")
    }
    files[file] = bytes
  }
}

private func nothing() -> ACPIDescription {
  var description = ACPIDescription(lowRAMEnd: 0x0400_0000)
  description.hasVGA = false
  description.hasHPET = false
  description.hasKeyboardController = false
  description.serialPorts = []
  return description
}

@Suite struct ACPITablesTests {
  @Test func everyTableIsReachableAndSumsToZero() throws {
    for description in [everything(), nothing()] {
      for rsdp in [nil, UInt64(0xF_5AE0)] {
        let image = try ACPITables.build(description, in: 0x7FF_E010..<0x800_4000, rsdpPhysical: rsdp)
        let memory = Memory(image: image)
        #expect(rsdp == nil || image.rsdp == rsdp)
        #expect(image.rsdp & 15 == 0)
        let pointer = try memory.bytes(image.rsdp, 36)
        #expect(Array(pointer[0..<8]) == Array("RSD PTR ".utf8))
        #expect(sum(pointer[0..<20]) == 0 && sum(pointer) == 0)
        #expect(pointer[15] == 2)
        let rsdt = try memory.integer(image.rsdp + 16, 4)
        let xsdt = try memory.integer(image.rsdp + 24, 8)
        let tables = try memory.tables(root: xsdt, entry: 8)
        #expect(tables == (try memory.tables(root: rsdt, entry: 4)))
        #expect(Set(tables.keys) == (description.hasHPET ? ["FACP", "APIC", "HPET"] : ["FACP", "APIC"]))
        let fadt = try #require(tables["FACP"])
        let dsdt = try memory.integer(fadt + 40, 4)
        #expect(try memory.integer(fadt + 140, 8) == dsdt)
        for physical in [rsdt, xsdt, dsdt] + tables.values { #expect(sum(try memory.table(physical)) == 0) }
        let facs = try memory.integer(fadt + 36, 4)
        #expect(facs == image.facs && facs & 63 == 0)
        #expect(try memory.integer(fadt + 132, 8) == facs)
        #expect(try memory.bytes(facs, 4) == Array("FACS".utf8))
        #expect(try memory.integer(facs + 4, 4) == 64)
      }
    }
  }

  @Test func fixedDescriptionTable() throws {
    let image = try ACPITables.build(everything(), in: 0x10_0000..<0x11_0000)
    let memory = Memory(image: image)
    let xsdt = try memory.integer(image.rsdp + 24, 8)
    let fadt = try #require(try memory.tables(root: xsdt, entry: 8)["FACP"])
    // Offsets of ACPI 2.0, "Fixed ACPI Description Table (FADT)".
    let fields: [(UInt64, Int, UInt64)] = [
      (4, 4, 244), (8, 1, 3), (46, 2, 9), (48, 4, 0xB2), (52, 1, 0xF1), (53, 1, 0xF0), (56, 4, 0x600),
      (64, 4, 0x604), (76, 4, 0x608), (80, 4, 0x60C), (88, 1, 4), (89, 1, 2), (91, 1, 4), (92, 1, 4),
      (108, 1, 0x32), (109, 2, 3), (112, 4, 0x565), (116, 4, 0x0100_0801), (120, 8, 0xCF9), (128, 1, 6),
      (148, 1, 1), (152, 8, 0x600), (176, 8, 0x604), (212, 8, 0x608), (224, 8, 0x60C),
    ]
    for (offset, count, value) in fields {
      #expect(try memory.integer(fadt + offset, count) == value, "offset \(offset)")
    }
  }

  @Test func multipleAPICDescriptionTable() throws {
    let image = try ACPITables.build(everything(), in: 0x10_0000..<0x11_0000)
    let memory = Memory(image: image)
    let xsdt = try memory.integer(image.rsdp + 24, 8)
    let madt = try memory.table(try #require(try memory.tables(root: xsdt, entry: 8)["APIC"]))
    #expect(Array(madt[36..<44]) == [0, 0, 0xE0, 0xFE, 1, 0, 0, 0])
    var offset = 44
    var entries: [[UInt8]] = []
    while offset < madt.count {
      entries.append(Array(madt[offset..<(offset + Int(madt[offset + 1]))]))
      offset += Int(madt[offset + 1])
    }
    #expect(
      entries == [
        [0, 8, 0, 0, 1, 0, 0, 0], [1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0],
        [2, 10, 0, 0, 2, 0, 0, 0, 0, 0], [2, 10, 0, 9, 9, 0, 0, 0, 0x0D, 0], [4, 6, 0xFF, 0, 0, 1],
      ])
  }

  @Test func errors() {
    let description = everything()
    #expect(throws: ACPITableError.self) { try ACPITables.build(description, in: 0xE_0000..<0xE_0400) }
    #expect(throws: ACPITableError.self) {
      try ACPITables.build(description, in: 0xFFFF_0000..<0x1_0001_0000)
    }
    #expect(throws: ACPITableError.invalidRSDPAddress) {
      try ACPITables.build(description, in: 0x10_0000..<0x11_0000, rsdpPhysical: 0xF_0008)
    }
    var bad = everything()
    bad.pirqInterrupts = [10]
    #expect(throws: ACPITableError.invalidDescription) {
      try ACPITables.build(bad, in: 0x10_0000..<0x11_0000)
    }
  }
}

// MARK: - Against ACPICA

private let iasl = "/usr/bin/iasl"
private let acpiexec = "/usr/bin/acpiexec"

private func isInstalled(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }

/// A directory with the tables of `description` as `facp.dat` and so on.
private func writeTables(_ description: ACPIDescription) throws -> URL {
  let image = try ACPITables.build(description, in: 0x10_0000..<0x11_0000)
  let memory = Memory(image: image)
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
    "apus-acpi-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  let rsdt = try memory.integer(image.rsdp + 16, 4)
  let xsdt = try memory.integer(image.rsdp + 24, 8)
  var tables = try memory.tables(root: xsdt, entry: 8)
  tables["DSDT"] = try memory.integer(try #require(tables["FACP"]) + 40, 4)
  tables["FACS"] = image.facs
  tables["RSDT"] = rsdt
  tables["XSDT"] = xsdt
  for (signature, physical) in tables {
    let file = directory.appendingPathComponent(signature.lowercased() + ".dat")
    try Data(try memory.table(physical)).write(to: file)
  }
  return directory
}

private func output(of tool: String, _ arguments: [String], in directory: URL) throws -> (String, Int32) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: tool)
  process.arguments = arguments
  process.currentDirectoryURL = directory
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  process.standardInput = FileHandle.nullDevice
  try process.run()
  let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return (String(decoding: data, as: UTF8.self), process.terminationStatus)
}

@Suite struct ACPICATests {
  @Test(.enabled(if: isInstalled(iasl), "iasl is not installed"), arguments: [true, false])
  func everyTableDisassemblesAndTheDSDTCompilesAgain(full: Bool) throws {
    let directory = try writeTables(full ? everything() : nothing())
    defer { try? FileManager.default.removeItem(at: directory) }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    for name in names where name.hasSuffix(".dat") {
      let (text, status) = try output(of: iasl, ["-d", name], in: directory)
      #expect(status == 0, "\(text)")
      #expect(!text.contains("rror") && !text.contains("arning") && !text.contains("ncorrect"), "\(text)")
      let listing = directory.appendingPathComponent(name.replacingOccurrences(of: ".dat", with: ".dsl"))
      let content = try String(contentsOf: listing, encoding: .utf8)
      #expect(!content.contains("ERROR") && !content.contains("Unknown"), "\(content)")
    }
    // Message 3168 asks for Device (ACPI0007) in place of Processor, which guests before ACPI 3.0 need.
    let (text, status) = try output(of: iasl, ["-oa", "-vw", "3168", "dsdt.dsl"], in: directory)
    #expect(status == 0, "\(text)")
    #expect(text.contains("0 Errors, 0 Warnings"), "\(text)")
    // What iasl compiles from its own disassembly is, byte for byte, the table it was given.
    let again = try Data(contentsOf: directory.appendingPathComponent("dsdt.aml"))
    let original = try Data(contentsOf: directory.appendingPathComponent("dsdt.dat"))
    #expect(again.dropFirst(36) == original.dropFirst(36))
  }

  @Test(.enabled(if: isInstalled(acpiexec), "acpiexec is not installed"))
  func routingTableFollowsThePICMethod() throws {
    let directory = try writeTables(everything())
    defer { try? FileManager.default.removeItem(at: directory) }
    func evaluate(_ commands: String) throws -> String {
      try output(of: acpiexec, ["-b", commands, "dsdt.dat"], in: directory).0
    }
    let apic = try evaluate("evaluate \\_PIC 1;evaluate \\_SB.PCI0._PRT;quit")
    let legacy = try evaluate("evaluate \\_SB.PCI0._PRT;quit")
    #expect(!apic.contains("AE_") && !legacy.contains("AE_"), "\(apic) \(legacy)")
    // Slot 1 INTA: GSI 16, or IRQ 10.
    #expect(apic.contains("= 0000000000000010"), "\(apic)")
    #expect(!legacy.contains("= 0000000000000010"), "\(legacy)")
    #expect(legacy.contains("= 000000000000000A"), "\(legacy)")
  }

  /// Firmware that follows the loader's script ends with the tables that are built for that place.
  @Test func loaderScriptMakesTheSameTables() throws {
    for description in [everything(), nothing()] {
      let image = try ACPITables.build(description, in: 0..<0x1_0000, rsdpPhysical: 0x1_0000)
      let items = ACPILoaderScript.items(tables: image.segments[0].bytes, rsdp: image.segments[1].bytes)
      let loader = try Loader(items)
      let tables = try #require(Loader.places["etc/acpi/tables"])
      let expected = try ACPITables.build(
        description, in: tables..<tables + 0x1_0000, rsdpPhysical: Loader.places["etc/acpi/rsdp"])
      #expect(loader.files["etc/acpi/tables"] == expected.segments[0].bytes)
      #expect(loader.files["etc/acpi/rsdp"] == expected.segments[1].bytes)
    }
  }
}
