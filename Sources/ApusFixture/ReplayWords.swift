import ApusBase
import ApusDevices
import ApusMachine

// What `apus` needs to make the same machine: the words of its options, and the files with what was in them.

extension GuestConfiguration {
  /// The words of the options of `apus` that say what the machine is.
  var words: [String] {
    get throws(MachineError) {
      var words: [String] = []
      switch start {
      case .builtInGuest, .disks: break
      case .firmware(let file): words += ["--bios", file.name]
      case .flat(let file, let address): words += ["--flat", "file=\(Self.quoted(file.name)),at=\(address)"]
      case .kernel(let file, let commandLine, let initrd, let modules):
        words += ["--kernel", file.name]
        if !commandLine.isEmpty { words += ["--append", commandLine] }
        if let initrd { words += ["--initrd", initrd.name] }
        for module in modules { words += ["--module", module.text] }
      }
      words += ["--memory", "\(memorySize >> 10)K", "--cpu", cpu.rawValue, "--rtc", "@\(startDate)"]
      words += ["--vga", hasScreen ? "std" : "none"]
      words += ["-boot", "order=" + effectiveBootOrder.map { $0.letter }.joined()]
      if let ports = debugExitPorts {
        words += ["--device", "isa-debug-exit,iobase=\(ports.lowerBound),iosize=\(ports.count)"]
      }
      if resetEnds { words.append("--no-reboot") }
      for (disk, place) in try placedDisks {
        let how =
          switch disk.kind {
          case .ide: "if=ide"
          case .cdrom: "if=ide,media=cdrom"
          case .virtio: "if=virtio"
          case .floppy: "if=floppy"
          }
        let file = Self.quoted(disk.image.name)
        words += ["--drive", "file=\(file),format=raw,\(how),index=\(place),snapshot=on"]
      }
      return words
    }
  }

  /// A value in a list of keys and values, where a comma is written twice.
  private static func quoted(_ text: String) -> String {
    text.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
  }

  /// The files, by the roles and in the order of `apus`.
  var references: [FileReference] {
    get throws(MachineError) {
      var references: [FileReference] = []
      func add(_ role: String, _ name: String, _ bytes: [UInt8]) {
        references.append(FileReference(role: role, name: name, hash: ContentHash.of(bytes)))
      }
      switch start {
      case .builtInGuest, .disks: break
      case .firmware(let file): add("firmware", file.name, file.bytes)
      case .flat(let file, _): add("program", file.name, file.bytes)
      case .kernel(let file, _, _, _):
        add("kernel", file.name, file.bytes)
        for module in bootModules { add(module.file.role, module.file.name, module.file.bytes) }
      }
      for (index, (disk, _)) in try placedDisks.enumerated() {
        add("drive \(index)", disk.image.name, disk.contents)
      }
      return references
    }
  }

  /// The section with the words, each ended by a zero byte (`SavedMachine` of the program `apus`).
  var section: SnapshotSection {
    get throws(MachineError) {
      SnapshotSection(name: "Options", payload: try words.flatMap { Array($0.utf8) + [0] })
    }
  }
}

extension BootDevice {
  /// The letter of `-boot`.
  fileprivate var letter: String {
    switch self {
    case .floppy: "a"
    case .hardDisk: "c"
    case .cdrom: "d"
    case .network: "n"
    }
  }
}
