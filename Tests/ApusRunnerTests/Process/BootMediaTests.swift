import Foundation
import Testing

/// The directory that `Scripts/fetch-boot-media.sh` filled, named by the environment variable
/// APUS_BOOT_MEDIA.
enum BootMedia {
  static let directory = getenv("APUS_BOOT_MEDIA").map { String(cString: $0) } ?? ""

  static func file(_ name: String) -> String { directory + "/" + name }
  static func areThere(_ names: String...) -> Bool {
    !directory.isEmpty && names.allSatisfy { (name: String) in access(file(name), R_OK) == 0 }
  }

  /// The built-in BIOS, and that of Debian's package seabios, where it is installed.
  enum Firmware: String, CaseIterable, Sendable {
    case ours, seaBIOS

    var options: [String] {
      switch self {
      case .ours: []
      case .seaBIOS:
        [
          "--bios", "/usr/share/seabios/bios-256k.bin", "--vgabios",
          "/usr/share/seabios/vgabios-stdvga.bin",
        ]
      }
    }

    static let present = allCases.filter { (firmware: Firmware) in
      firmware.options.allSatisfy { $0.hasPrefix("-") || access($0, R_OK) == 0 }
    }
  }

  /// Seconds until the slowest of these runs is given up; a busy host needs several times its 20 s.
  static let patience = 300
}

/// Boot loaders and what they boot, from CDs, floppy disks and a hard disk. Skipped without APUS_BOOT_MEDIA,
/// each where its medium is missing; one at a time, because each takes a whole core.
@Suite(
  .serialized,
  .enabled(if: BootMedia.areThere("grub.iso"), "APUS_BOOT_MEDIA names no directory with boot media"))
struct BootMediaTests {
  private let scratch = Scratch()

  /// Boots from a medium and expects the steps of a script to succeed; the script ends the run.
  private func boot(
    _ firmware: BootMedia.Firmware, _ medium: [String], _ steps: [String], memory: String = "256M"
  ) {
    let script = scratch.file("script", Array((steps.joined(separator: "\n") + "\nexit 0\n").utf8))
    let result = Child.run(
      firmware.options + ["-m", memory, "--display", "none", "--screen-text", "--script", script] + medium,
      seconds: BootMedia.patience)
    #expect(result.status == 0, "\(result.errors)\(result.output)")
  }

  private func cd(_ name: String) -> [String] { ["--cdrom", BootMedia.file(name), "-boot", "order=d"] }

  private func floppy(_ name: String) -> [String] {
    // The image stays as it is: SYSLINUX can write to its disk.
    ["--drive", "file=\(BootMedia.file(name)),format=raw,if=floppy,snapshot=on", "-boot", "order=a"]
  }

  /// Kernel and initial RAM disk from a CD, to a message on both consoles.
  @Test(arguments: BootMedia.Firmware.present)
  func grubCD(_ firmware: BootMedia.Firmware) {
    boot(
      firmware, cd("grub.iso"),
      [
        "wait screen \"GNU GRUB\" 30", "wait screen \"Install on the first disk\" 5", "press Enter",
        "wait screen \"APUS-BOOT-OK Linux\" 60", "wait serial \"APUS-BOOT-OK Linux\" 60",
      ])
  }

  @Test(.enabled(if: BootMedia.areThere("isolinux.iso")), arguments: BootMedia.Firmware.present)
  func isolinuxCD(_ firmware: BootMedia.Firmware) {
    boot(
      firmware, cd("isolinux.iso"),
      ["wait screen \"Hardware Detection Tool\" 30", "press Enter", "wait screen \"APUS-BOOT-OK Linux\" 60"])
  }

  /// The same image as a hard disk: its master boot record finds ISOLINUX.
  @Test(.enabled(if: BootMedia.areThere("isolinux.iso")))
  func isolinuxDisk() {
    let image = "file=\(BootMedia.file("isolinux.iso")),format=raw,if=ide,snapshot=on"
    boot(
      .ours, ["--drive", image, "-boot", "order=c"],
      ["wait screen \"Hardware Detection Tool\" 30", "press Enter", "wait screen \"APUS-BOOT-OK Linux\" 60"])
  }

  /// The menu, and Memtest86+ from the floppy disk.
  @Test(.enabled(if: BootMedia.areThere("grub.img")))
  func grubFloppy() {
    boot(
      .ours, floppy("grub.img"),
      ["wait screen \"GNU GRUB\" 60", "press Enter", "wait screen \"Memtest86+ v\" 60"], memory: "16M")
  }

  @Test(.enabled(if: BootMedia.areThere("syslinux.img")))
  func syslinuxFloppy() {
    boot(
      .ours, floppy("syslinux.img"),
      ["wait screen \"Apus floppy disk\" 60", "press Enter", "wait screen \"Memtest86+ v\" 60"],
      memory: "16M")
  }

  /// A CD with the image of a floppy disk, which INT 13h shows as drive A:.
  @Test(.enabled(if: BootMedia.areThere("emulated.iso")))
  func emulatedFloppy() {
    boot(
      .ours, cd("emulated.iso"),
      ["wait screen \"Apus floppy disk\" 60", "press Enter", "wait screen \"Memtest86+ v\" 60"],
      memory: "16M")
  }

  /// A pass over little memory up to its last test, which waits for minutes.
  @Test(.enabled(if: BootMedia.areThere("memtest.iso")))
  func memtest() {
    boot(
      .ours, cd("memtest.iso"), ["wait screen \"Test #10\" 60", "wait screen \"Errors: 0\" 1"], memory: "6M")
  }

  @Test(.enabled(if: BootMedia.areThere("ipxe.iso")), arguments: BootMedia.Firmware.present)
  func iPXE(_ firmware: BootMedia.Firmware) {
    boot(firmware, cd("ipxe.iso"), ["wait screen \"iPXE 1.0\" 60"])
  }

  /// GRUB of the CD reads a floppy image into memory, from which MEMDISK boots.
  @Test func memoryDisk() {
    boot(
      .ours, cd("grub.iso"),
      [
        "wait screen MEMDISK 30", "press Down Down Down Down Down Down Enter",
        "wait screen \"Apus floppy disk\" 60",
      ])
  }

  /// A guest partitions, formats and fills a disk and installs GRUB on it; the disk boots to a shell, whose
  /// commands come from the PC keyboard.
  @Test func installsADisk() {
    let image = scratch.file("disk", [])
    #expect(truncate(image, 128 << 20) == 0)
    boot(
      .ours, cd("grub.iso") + [image],
      ["wait screen \"Install on\" 30", "press Down Enter", "wait screen APUS-INSTALLED 120"], memory: "512M")
    let disk = ["--drive", "file=\(image),format=raw,if=ide", "-boot", "order=c"]
    for firmware in BootMedia.Firmware.present {
      boot(
        firmware, disk,
        [
          "wait screen \"Debian on the disk\" 30", "press Enter", "wait screen APUS-DISK-READY 60",
          "wait screen # 10", "type \"echo SUM-$((6 * 7))\\n\"", "wait screen SUM-42 10",
        ])
    }
  }

  /// Its first dialog, drawn in text mode.
  @Test(.enabled(if: BootMedia.areThere("installer.iso")))
  func debianInstaller() {
    boot(
      .ours, cd("installer.iso"),
      [
        "wait screen \"boot:\" 30", "type \"text\\n\"", "wait screen \"Select a language\" 120",
        "wait screen English 5",
      ], memory: "1G")
  }
}
