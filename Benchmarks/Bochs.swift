import Foundation

/// Bochs as a peer. It loads no kernel itself, so each boot is made into a CD on which GRUB starts it at once: its
/// boots are of a PC with firmware. The bare guests, which GRUB cannot start, it does not run.
struct Bochs {
  let path: String
  /// For the CDs and the configurations.
  let directory: String

  /// What else a boot in Bochs needs. Throws the first of them that is not there.
  static func check(_ path: String) throws(Failure) {
    for program in ["grub-mkrescue", "xorriso"] where PackageFiles.program(program) == nil {
      throw .file("bochs: \(program), which makes its CD, is not installed")
    }
    for file in [firmware(path), videoFirmware(path)] where !PackageFiles.exists(file) {
      throw .file("bochs: \(file) is not there")
    }
  }

  /// Leaves by a panic, "soft power off", whose exit status is 1.
  static let status: Int32 = 1

  func command(_ boot: Boot, name: String) throws(Failure) -> [String] {
    let work = "\(directory)/\(name.replacingOccurrences(of: "/", with: "-"))"
    if !PackageFiles.exists(work) { try prepare(boot, work) }
    // The screen of curses goes into a file; standard output is the serial port, which Bochs knows as descriptor 3.
    let shell = "TERM=vt100 exec \"$@\" 3>&1 >\"$0\""
    var words = ["/bin/sh", "-c", shell, "\(work)/screen", path, "-q", "-f", "\(work)/bochsrc"]
    if PackageFiles.exists("\(work)/debugger") { words += ["-rc", "\(work)/debugger"] }
    return words
  }

  private func prepare(_ boot: Boot, _ work: String) throws(Failure) {
    let files = FileManager.default
    do {
      try files.createDirectory(atPath: "\(work)/cd/boot/grub", withIntermediateDirectories: true)
      try files.copyItem(atPath: PackageFiles.resolved(boot.kernel), toPath: "\(work)/cd/kernel")
      var menu = "set timeout=0\nlinux /kernel \(boot.commandLine)\n"
      if let initrd = boot.initrd {
        try files.copyItem(atPath: PackageFiles.resolved(initrd), toPath: "\(work)/cd/initrd")
        menu += "initrd /initrd\n"
      }
      try write(menu + "boot\n", "\(work)/cd/boot/grub/grub.cfg")
      try write(configuration(boot, work), "\(work)/bochsrc")
      // A build with the debugger, as Debian's is, waits for its commands.
      if hasDebugger { try write("continue\n", "\(work)/debugger") }
    } catch {
      throw .file("\(work): the files for Bochs cannot be written there")
    }
    let make = ChildProcess(
      command: [
        PackageFiles.program("grub-mkrescue") ?? "grub-mkrescue", "-o", "\(work)/boot.iso",
        "--install-modules=biosdisk iso9660 linux normal", "--locales=", "--fonts=", "--themes=",
        "\(work)/cd",
      ], timeout: 60)
    let ending = try make.run { _, _ in }
    guard ending.status == 0 else {
      throw make.failure("grub-mkrescue: status \(ending.status)", ending.tail)
    }
  }

  private func configuration(_ boot: Boot, _ work: String) -> String {
    """
    config_interface: textconfig
    display_library: term
    romimage: file="\(Self.firmware(path))"
    vgaromimage: file="\(Self.videoFirmware(path))"
    memory: guest=\(boot.megabytes), host=\(boot.megabytes)
    cpu: count=1, ips=100000000
    clock: sync=none
    ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
    ata0-master: type=cdrom, path="\(work)/boot.iso", status=inserted
    boot: cdrom
    com1: enabled=1, mode=file, dev=/dev/fd/3
    log: \(work)/log
    panic: action=fatal
    error: action=ignore
    info: action=ignore
    debug: action=ignore

    """
  }

  private var hasDebugger: Bool {
    var found = false
    _ = try? ChildProcess(command: [path, "--help"], timeout: 10).run { line, _ in
      if line.contains("-rc ") { found = true }
    }
    return found
  }

  private func write(_ text: String, _ file: String) throws {
    try text.write(toFile: file, atomically: false, encoding: .utf8)
  }

  private static func firmware(_ path: String) -> String { share(path) + "/BIOS-bochs-latest" }

  private static func videoFirmware(_ path: String) -> String { share(path) + "/VGABIOS-lgpl-latest" }

  /// Beside the directory of the executable, as Bochs is installed.
  private static func share(_ path: String) -> String {
    URL(fileURLWithPath: path).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("share/bochs").path
  }
}
