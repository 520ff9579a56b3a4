import ApusFixture
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
  private static func medium(_ image: String, size: Int) throws -> [UInt8] {
    let bytes = try committed("testroms/bios/\(image).img")
    return bytes + [UInt8](repeating: 0, count: size - bytes.count)
  }

  /// A CD-ROM that boots `image` as a floppy disk of 1.44 MB (El Torito 1.0, "Boot Record Volume Descriptor" and
  /// "Booting Catalog").
  private static func bootableCD(_ image: [UInt8]) -> [UInt8] {
    var disk = [UInt8](repeating: 0, count: 20 * 2048) + image
    func put(_ bytes: [UInt8], _ sector: Int, _ offset: Int = 0) {
      let start = sector * 2048 + offset
      disk.replaceSubrange(start..<start + bytes.count, with: bytes)
    }
    put([1] + Array("CD001".utf8) + [1], 16)
    put([0] + Array("CD001".utf8) + [1] + Array("EL TORITO SPECIFICATION".utf8), 17)
    put([19], 17, 0x47)
    put([255] + Array("CD001".utf8) + [1], 18)
    // Validation entry, whose words add up to 0; initial entry: bootable, 1.44 MB, one sector, image at 20.
    put([1], 19)
    put([0xAA, 0x55, 0x55, 0xAA], 19, 28)
    put([0x88, 2, 0, 0, 0, 0, 1, 0, 20], 19, 32)
    return disk
  }

  private static func machine(_ image: [UInt8], _ kind: GuestDisk.Kind) throws -> GuestFixture {
    var configuration = GuestConfiguration(
      .disks, disks: [GuestDisk(GuestFile("medium", bytes: image), kind: kind)])
    configuration.bootOrder = [kind == .floppy ? .floppy : kind == .cdrom ? .cdrom : .hardDisk]
    configuration.resetEnds = false
    // What the texts were recorded with.
    configuration.startDate = 1_767_268_800
    let machine = try GuestFixture(configuration)
    machine.instructionLimit = 3_000_000_000
    return machine
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
    let floppy = try Self.medium("services", size: 1_474_560)
    let machine =
      switch medium {
      case "floppy": try Self.machine(floppy, .floppy)
      case "disk": try Self.machine(try Self.medium("services", size: 16 << 20), .ide)
      default: try Self.machine(Self.bootableCD(floppy), .cdrom)
      }
    let end = try machine.waitForEnd(within: 600)
    let expected = String(decoding: try Self.committed("testroms/bios/services-\(medium).txt"), as: UTF8.self)
    #expect(Self.lines(machine.debugConsoleText) == Self.withoutTables(Self.lines(expected)))
    guard case .debugExit = end else {
      Issue.record("\(end)")
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
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    if let image = medium.image, !image.isEmpty { bytes = try Self.committed("testroms/bios/\(image).img") }
    for change in medium.changes {
      bytes.replaceSubrange(change.place..<change.place + change.bytes.count, with: change.bytes)
    }
    let size = max(bytes.count, medium.size)
    bytes += [UInt8](repeating: 0, count: (size + 511) / 512 * 512 - bytes.count)
    let machine =
      medium.image == nil
      ? try Self.machine([UInt8](repeating: 0, count: 8 * 512), .virtio)
      : try Self.machine(bytes, medium.image == "torito" ? .cdrom : .ide)
    let text = String(decoding: try Self.committed("testroms/bios/\(medium.name).txt"), as: UTF8.self)
    let expected = Self.lines(text)
    // The last line may not be whole yet.
    try? machine.wait(for: "\(expected.count) lines", within: 600) {
      Self.lines($0.debugConsoleText).count >= expected.count
    }
    try? machine.run(instructions: 100_000)
    #expect(Self.lines(machine.debugConsoleText) == expected)
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

  private func machine(hasScreen: Bool, kernel: [UInt8] = Self.kernel) throws -> GuestFixture {
    var configuration = GuestConfiguration(.kernel(GuestFile("kernel", bytes: kernel)))
    configuration.memorySize = 32 << 20
    configuration.hasScreen = hasScreen
    return try GuestFixture(configuration)
  }

  @Test func theScreenIsReady() throws {
    let machine = try machine(hasScreen: true)
    #expect(try machine.waitForEnd() == .debugExit(0x10))
    // POST's message goes to the debug console, too; then mode 3, a character, and the address of the information.
    #expect(machine.debugConsoleText.hasPrefix("Apus BIOS") && machine.debugConsoleBytes.suffix(3).first == 3)
    #expect(machine.screenText?.hasPrefix("Apus BIOS") == true)
  }

  @Test func withoutAdapterThereIsNoFirmware() throws {
    let machine = try machine(hasScreen: false)
    #expect(try machine.waitForEnd() == .debugExit(0x10))
    #expect(machine.debugConsoleBytes.count == 3 && machine.debugConsoleBytes[0] == 0)
  }

  @Test func badKernelsAreRefusedAtOnce() {
    #expect(throws: MachineError.self) { try machine(hasScreen: true, kernel: [1, 2, 3]) }
  }
}
