import ApusDevices
import ApusMachine
import Foundation
import Testing

/// The built-in BIOS with the boot images of testroms/bios, against what they said under QEMU with the same BIOS.
@Suite struct FirmwareTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func committed(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: root.appendingPathComponent(path)))
  }

  /// A medium of `size` bytes that begins with a committed image.
  private static func medium(_ image: String, size: Int) throws -> MemoryDisk {
    let disk = MemoryDisk(sectors: size / 512)
    let bytes = try committed("testroms/bios/\(image).img")
    disk.bytes.replaceSubrange(0..<bytes.count, with: bytes)
    return disk
  }

  /// A CD-ROM that boots `image` as a floppy disk of 1.44 MB (El Torito 1.0, "Boot Record Volume Descriptor" and
  /// "Booting Catalog").
  private static func bootableCD(_ image: MemoryDisk) -> MemoryDisk {
    let disk = MemoryDisk(sectors: 20 * 4 + image.bytes.count / 512)
    func put(_ bytes: [UInt8], _ sector: Int, _ offset: Int = 0) {
      let start = sector * 2048 + offset
      disk.bytes.replaceSubrange(start..<start + bytes.count, with: bytes)
    }
    put([1] + Array("CD001".utf8) + [1], 16)
    put([0] + Array("CD001".utf8) + [1] + Array("EL TORITO SPECIFICATION".utf8), 17)
    put([19], 17, 0x47)
    put([255] + Array("CD001".utf8) + [1], 18)
    // Validation entry, whose words add up to 0; initial entry: bootable, 1.44 MB, one sector, image at 20.
    put([1], 19)
    put([0xAA, 0x55, 0x55, 0xAA], 19, 28)
    put([0x88, 2, 0, 0, 0, 0, 1, 0, 20], 19, 32)
    put(image.bytes, 20)
    return disk
  }

  private static func machine(
    _ order: [BootDevice], _ drive: Drive, _ console: Capture
  ) throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 64 << 20
    configuration.firmware = .bios
    configuration.hasVGA = true
    configuration.drives = [drive]
    configuration.bootOrder = order
    configuration.debugConsole = console
    configuration.debugExitPorts = 0xF4...0xF7
    configuration.skipsIdle = true
    // What the texts were recorded with.
    configuration.startDate = 1_767_268_800
    return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
  }

  private static func lines(_ text: String) -> [String] {
    text.split { $0.isNewline }.map(String.init)
  }

  /// QEMU's board brings no ACPI tables, for which the BIOS then takes 64 KiB of RAM.
  private static func withoutTables(_ lines: [String]) -> [String] {
    lines.filter { $0 != "  03FF0000 00010000 0004" }.map {
      $0 == "  00100000 03EF0000 0001"
        ? "  00100000 03F00000 0001"
        : $0.replacingOccurrences(of: "88 FBC0 E801 02FF", with: "88 FC00 E801 0300")
    }
  }

  @Test func embeddedImageIsTheCommittedOne() throws {
    #expect(try BuiltInFirmware.image() == Self.committed("firmware/bios.bin"))
  }

  @Test(arguments: ["floppy", "disk", "torito"])
  func servicesAnswerAsUnderQEMU(medium: String) throws {
    let console = Capture()
    let floppy = try Self.medium("services", size: 1_474_560)
    let machine =
      switch medium {
      case "floppy": try Self.machine([.floppy], Drive(interface: .floppy, store: floppy), console)
      case "disk":
        try Self.machine(
          [.hardDisk], Drive(interface: .ide, store: try Self.medium("services", size: 16 << 20)), console)
      default:
        try Self.machine(
          [.cdrom], Drive(interface: .ide, medium: .cdrom, place: 2, store: Self.bootableCD(floppy)), console)
      }
    let stop = machine.run(upTo: 2_000_000_000, slice: 100_000)
    let expected = String(decoding: try Self.committed("testroms/bios/services-\(medium).txt"), as: UTF8.self)
    #expect(Self.lines(console.text) == Self.withoutTables(Self.lines(expected)))
    guard case .debugExit = stop else {
      Issue.record("\(stop)")
      return
    }
  }

  /// Media that say what they find, or that the BIOS cannot boot: all say what they said under QEMU. `changes` are made
  /// to the image, as `Scripts/check-firmware.sh` makes them.
  struct Medium: Sendable, CustomTestStringConvertible {
    let name: String
    var image: String?
    var changes: [(place: Int, bytes: [UInt8])] = []
    /// Bytes at least; the rest is zeros.
    var size = 0
    var testDescription: String { name }

    static let all: [Medium] = [
      Medium(name: "fuzz", image: "fuzz"), Medium(name: "power", image: "power"),
      Medium(name: "disk", image: "disk", size: 4 << 20), Medium(name: "torito", image: "torito"),
      Medium(name: "cd-section", image: "torito", changes: [(19 * 2048 + 32, [0])]),
      Medium(name: "cd-no-record", image: "torito", changes: [(17 * 2048 + 7, [0x58, 0x58])]),
      Medium(name: "cd-beyond", image: "torito", changes: [(17 * 2048 + 71, [0xFF, 0xFF, 0xFF, 0])]),
      Medium(name: "cd-damaged", image: "torito", changes: [(19 * 2048 + 28, [1])]),
      Medium(
        name: "cd-no-entry", image: "torito", changes: [(19 * 2048 + 32, [0]), (20 * 2048 + 64, [0])]),
      Medium(name: "cd-kind", image: "torito", changes: [(19 * 2048 + 33, [7])]),
      Medium(name: "cd-no-image", image: "torito", changes: [(19 * 2048 + 40, [0xFF, 0xFF, 0xFF, 0])]),
      Medium(name: "boot-nothing"), Medium(name: "boot-empty", image: ""),
    ]
  }

  @Test(arguments: Medium.all)
  func mediaSayWhatTheySayUnderQEMU(medium: Medium) throws {
    let console = Capture()
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    if let image = medium.image, !image.isEmpty { bytes = try Self.committed("testroms/bios/\(image).img") }
    for change in medium.changes {
      bytes.replaceSubrange(change.place..<change.place + change.bytes.count, with: change.bytes)
    }
    let disk = MemoryDisk(sectors: (max(bytes.count, medium.size) + 511) / 512)
    disk.bytes.replaceSubrange(0..<bytes.count, with: bytes)
    let isCD = medium.image == "torito"
    let machine = try Self.machine(
      isCD ? [.cdrom] : [.hardDisk],
      medium.image == nil
        ? Drive(interface: .virtio, store: MemoryDisk(sectors: 8))
        : isCD
          ? Drive(interface: .ide, medium: .cdrom, place: 2, store: disk)
          : Drive(interface: .ide, store: disk),
      console)
    let expected = String(decoding: try Self.committed("testroms/bios/\(medium.name).txt"), as: UTF8.self)
    while machine.instructions < 3_000_000_000, Self.lines(console.text).count < Self.lines(expected).count {
      let stop = machine.run(instructions: 100_000)
      if case .idle(until: .some) = stop { continue }
      guard stop == .budget else { break }
    }
    // The last line may not be whole yet.
    _ = machine.run(instructions: 100_000)
    #expect(Self.lines(console.text) == Self.lines(expected))
  }
}

/// A kernel on a machine with a VGA adapter starts after the BIOS.
@Suite struct KernelAfterFirmwareTests {
  /// A multiboot 1 kernel at 1 MiB of which the header gives the addresses: sends the BIOS's video mode and the
  /// character at the start of the screen to port E9h, then leaves.
  private static let kernel: [UInt8] = {
    let code: [UInt8] = [
      0xA0, 0x49, 0x04, 0x00, 0x00, 0xE6, 0xE9,  // mov al, [449h]; out 0E9h, al
      0xA0, 0x00, 0x80, 0x0B, 0x00, 0xE6, 0xE9,  // mov al, [0B8000h]; out 0E9h, al
      0x88, 0xD8, 0xE6, 0xE9,  // mov al, bl; out 0E9h, al
      0xB0, 0x10, 0xE6, 0xF4, 0xF4,  // mov al, 10h; out 0F4h, al; hlt
    ]
    let base: UInt32 = 0x10_0000
    let flags: UInt32 = 1 << 16
    let end = base + 32 + UInt32(code.count)
    var bytes: [UInt8] = []
    let magic: UInt32 = 0x1BAD_B002
    for field in [magic, flags, 0 &- magic &- flags, base, base, end, end, base + 32] {
      bytes.append(littleEndian: field)
    }
    return bytes + code
  }()

  private func machine(hasVGA: Bool, _ console: Capture, kernel: [UInt8] = Self.kernel) throws -> Machine {
    var configuration = MachineConfiguration()
    configuration.memorySize = 32 << 20
    configuration.boot = .kernel(kernel)
    configuration.hasVGA = hasVGA
    configuration.debugConsole = console
    configuration.debugExitPorts = 0xF4...0xF7
    configuration.skipsIdle = true
    return try Machine(configuration, ram: .allocate(size: configuration.memorySize))
  }

  @Test func theScreenIsReady() throws {
    let console = Capture()
    let machine = try machine(hasVGA: true, console)
    #expect(machine.run(upTo: 500_000_000, slice: 100_000) == .debugExit(0x10))
    // POST's message goes to the debug console, too; then mode 3, a character, and the address of the information.
    let end = console.bytes.suffix(3)
    #expect(console.text.hasPrefix("Apus BIOS") && end.first == 3)
    #expect(machine.screen?.textScreen()?.columns == 80)
  }

  @Test func withoutAdapterThereIsNoFirmware() throws {
    let console = Capture()
    let machine = try machine(hasVGA: false, console)
    #expect(machine.run(upTo: 1_000_000, slice: 1000) == .debugExit(0x10))
    #expect(console.bytes.count == 3 && console.bytes[0] == 0)
  }

  @Test func badKernelsAreRefusedAtOnce() {
    #expect(throws: MachineError.self) { try machine(hasVGA: true, Capture(), kernel: [1, 2, 3]) }
  }
}
