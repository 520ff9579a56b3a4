/// What an emulator starts.
struct Boot {
  let kernel: String
  var initrd: String?
  let commandLine: String
  let megabytes: Int
  /// A bare guest leaves through the debug-exit device, Linux by power-off.
  let leavesByDebugExit: Bool

  /// What the emulator's exit status is if the guest leaves with 0: (0 << 1) | 1 for isa-debug-exit.
  var status: Int32 { leavesByDebugExit ? 1 : 0 }
}

/// A program that runs the guests.
struct Emulator {
  enum Kind {
    case apus, qemu, bochs
  }

  let name: String
  let kind: Kind
  let path: String

  /// The command line, with the emulator first.
  func command(_ boot: Boot) -> [String] {
    var words = [path]
    if kind == .qemu {
      words += ["-accel", "tcg", "-nographic", "-nic", "none"]
      // The guests for x87 and AVX2 need more than the default model has.
      if boot.leavesByDebugExit { words += ["-cpu", "max"] }
    }
    words += ["-m", "\(boot.megabytes)M", "-no-reboot", "-kernel", boot.kernel]
    if let initrd = boot.initrd { words += ["-initrd", initrd] }
    words += ["-append", boot.commandLine]
    if boot.leavesByDebugExit { words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"] }
    return words
  }

  /// What its --version says first; empty if that fails.
  var version: String {
    let argument = kind == .bochs ? "--help" : "--version"
    var text = ""
    let process = ChildProcess(command: [path, argument], timeout: 10)
    _ = try? process.run { line, _ in
      if text.isEmpty, line.contains(where: \.isNumber) { text = line }
    }
    return text
  }
}
