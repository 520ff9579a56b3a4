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
}
