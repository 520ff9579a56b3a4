import Foundation

/// What an emulator starts.
package struct Boot {
  package let kernel: String
  package var initrd: String?
  package let commandLine: String
  package let megabytes: Int
  /// A bare guest leaves through the debug-exit device, Linux by power-off.
  package let leavesByDebugExit: Bool

  package init(
    kernel: String, initrd: String? = nil, commandLine: String, megabytes: Int, leavesByDebugExit: Bool
  ) {
    self.kernel = kernel
    self.initrd = initrd
    self.commandLine = commandLine
    self.megabytes = megabytes
    self.leavesByDebugExit = leavesByDebugExit
  }

  /// What the emulator's exit status is if the guest leaves with 0: (0 << 1) | 1 for isa-debug-exit.
  package var status: Int32 { leavesByDebugExit ? 1 : 0 }
}

/// A program that runs the guests.
package struct Emulator {
  package enum Kind {
    case apus, qemu, bochs
  }

  package let name: String
  package let kind: Kind
  package let path: String

  package init(name: String, kind: Kind, path: String) {
    self.name = name
    self.kind = kind
    self.path = path
  }

  /// Bochs has no way to start a bare guest.
  func runs(_ boot: Boot) -> Bool { kind != .bochs || !boot.leavesByDebugExit }

  /// Its exit status if all is well.
  func status(_ boot: Boot) -> Int32 { kind == .bochs ? Bochs.status : boot.status }

  /// The command line of Apus or QEMU, with the emulator first.
  package func command(_ boot: Boot) -> [String] {
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
  package var version: String {
    let isBochs = kind == .bochs
    var text = ""
    let process = ChildProcess(command: [path, isBochs ? "--help" : "--version"], timeout: 10)
    _ = try? process.run { line, _ in
      if text.isEmpty, isBochs ? line.contains("Bochs x86 Emulator") : line.contains(where: \.isNumber) {
        text = line.trimmingCharacters(in: .whitespaces)
      }
    }
    return text
  }
}
