import ApusDevices
import ApusMachine

/// What each option does with its value.
extension OptionParser {
  func path(_ text: String) throws(Failure) -> String {
    guard !text.isEmpty else { throw refuse("the file's name is empty") }
    guard !text.utf8.contains(0) else { throw refuse("the file's name holds a NUL") }
    return text
  }

  /// Only one of the values in `accepted`.
  func accept(_ value: String, _ accepted: [String], _ what: String) throws(Failure) {
    guard !accepted.contains(value) else { return }
    throw refuse("'\(value)' is not supported yet: \(what); expected \(accepted[0])")
  }

  mutating func setFlat(_ text: String) throws(Failure) {
    var file: String?
    var physical: UInt64?
    for entry in KeyValueList(text, impliedKey: "file").entries {
      switch (entry.key, entry.value) {
      case ("file", let value?): file = try path(value)
      case ("at", let value?):
        guard let number = try? OptionValue.number(value) else {
          throw refuse("at=\(value) is not an address; expected a number such as 0x100000")
        }
        physical = number
      default: throw refuse("'\(entry.key)' is not understood; expected FILE,at=ADDRESS")
      }
    }
    guard let file, let physical else { throw refuse("expected FILE,at=ADDRESS") }
    options.flat = Options.Flat(path: file, physical: physical)
  }

  mutating func setMemory(_ text: String) throws(Failure) {
    for entry in KeyValueList(text, impliedKey: "size").entries {
      guard entry.key == "size", let value = entry.value else {
        throw refuse("'\(entry.key)' is not supported; expected a size such as 256M")
      }
      let size: UInt64
      do { size = try OptionValue.size(value, unit: 1 << 20) } catch {
        if error == .tooLarge { throw refuse("\(value) is more than the 64G that the board can hold") }
        throw refuse("'\(value)' is not a size; expected a number with K, M, G or T, such as 256M")
      }
      guard size <= Options.largestMemorySize else {
        throw refuse("\(value) is more than the 64G that the board can hold")
      }
      guard size >= 1 << 20 else { throw refuse("\(value) is less than the 1M that a PC needs") }
      guard size.isMultiple(of: 4096) else { throw refuse("\(value) is not a multiple of 4K") }
      options.memorySize = size
    }
  }

  mutating func setDate(_ text: String) throws(Failure) {
    guard text.contains("=") else { return options.startDate = try startDate(text) }
    for entry in KeyValueList(text).entries {
      switch (entry.key, entry.value) {
      case ("base", let value?): options.startDate = try startDate(value)
      case ("clock", "vm"?), ("driftfix", "none"?): break
      case ("clock", let value?):
        notice("\(current): clock=\(value) has no effect; the clock follows the guest's time")
      default: throw refuse("'\(entry.key)' is not understood; expected a date or base=DATE")
      }
    }
  }

  private func startDate(_ text: String) throws(Failure) -> Options.StartDate {
    switch text {
    case "now", "utc": return .hostUTC
    case "local", "localtime": return .hostLocalTime
    default:
      guard let seconds = try? OptionValue.date(text) else {
        throw refuse("'\(text)' is not a date from 1970 on; expected YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS or now")
      }
      return .fixed(seconds)
    }
  }

  mutating func setCPUCount(_ text: String) throws(Failure) {
    var total: UInt64?
    var product: UInt64 = 1
    for entry in KeyValueList(text, impliedKey: "cpus").entries {
      let keys = ["cpus", "maxcpus", "sockets", "dies", "clusters", "modules", "cores", "threads"]
      guard keys.contains(entry.key), let value = entry.value else {
        throw refuse("'\(entry.key)' is not understood; expected 1")
      }
      guard let number = try? OptionValue.number(value), number >= 1 else {
        throw refuse("'\(value)' is not a number of CPUs; expected 1")
      }
      if entry.key == "cpus" { total = number }
      product = entry.key == "cpus" ? product : max(product, number)
    }
    guard (total ?? product) == 1 && product == 1 else {
      throw refuse("\(text): only one CPU is supported so far")
    }
  }

  mutating func setAccelerator(_ text: String) throws(Failure) {
    guard let first = KeyValueList(text, impliedKey: "accel").entries.first, let name = first.value else {
      throw refuse("'\(text)' is not an accelerator; expected tcg")
    }
    try setAccelerators(name, "\(current) \(name)")
  }

  /// A colon-separated list of accelerators, tried in order by QEMU.
  private mutating func setAccelerators(_ list: String, _ what: String) throws(Failure) {
    for name in list.split(separator: ":", omittingEmptySubsequences: false) {
      switch name {
      case "tcg": return
      case "kvm", "hvf", "whpx", "xen", "nvmm", "hax", "mshv": noticeAcceleration(what)
      default: throw refuse("'\(name)' is not an accelerator; expected tcg")
      }
    }
  }

  mutating func setBoard(_ text: String) throws(Failure) {
    for entry in KeyValueList(text, impliedKey: "type").entries {
      switch (entry.key, entry.value) {
      case ("type", let name?): try setBoardName(name)
      case ("accel", let list?): try setAccelerators(list, "\(current) accel=\(list)")
      case ("usb", "off"?), ("vmport", _?), ("graphics", "off"?), ("smm", "off"?), ("dump-guest-core", _?),
        ("mem-merge", _?), ("kernel_irqchip", _?), ("kernel-irqchip", _?), ("hpet", "on"?), ("acpi", "on"?),
        ("pit", "on"?), ("nvdimm", "off"?), ("sata", "off"?):
        break
      default:
        throw refuse("'\(entry.key)\(entry.value.map { "=" + $0 } ?? "")' is not supported yet")
      }
    }
  }

  private mutating func setBoardName(_ name: String) throws(Failure) {
    if name == "pc" || name.hasPrefix("pc-i440fx-") { return }
    guard name == "q35" || name.hasPrefix("pc-q35-") else {
      throw refuse("board '\(name)' is not supported yet; expected pc")
    }
    notice("\(current): the board is pc, not \(name)")
  }

  mutating func setAction(_ text: String) throws(Failure) {
    for entry in KeyValueList(text).entries {
      switch (entry.key, entry.value) {
      case ("reboot", "shutdown"?): options.noReboot = true
      case ("reboot", "reset"?): options.noReboot = false
      case ("shutdown", "poweroff"?), ("panic", "none"?): break
      default: throw refuse("'\(text)' is not supported yet; expected reboot=shutdown")
      }
    }
  }

  mutating func addDevice(_ text: String) throws(Failure) {
    let entries = KeyValueList(text, impliedKey: "driver").entries
    switch entries[0].value ?? entries[0].key {
    case "isa-debug-exit": try addDebugExit(entries.dropFirst())
    case "virtio-blk-pci", "virtio-blk", "virtio-blk-pci-non-transitional":
      try attachDrive(entries.dropFirst(), .virtio)
    case "ide-hd": try attachDrive(entries.dropFirst(), .ide)
    case let name: throw refuse("device '\(name)' is not supported yet")
    }
  }

  private mutating func addDebugExit(_ properties: ArraySlice<KeyValueList.Entry>) throws(Failure) {
    // QEMU's defaults, which its users override.
    var base: UInt64 = 0x501
    var size: UInt64 = 2
    for property in properties {
      guard let value = property.value, let number = try? OptionValue.number(value) else {
        throw refuse("isa-debug-exit: '\(property.key)' needs a number")
      }
      switch property.key {
      case "iobase": base = number
      case "iosize": size = number
      default: throw refuse("isa-debug-exit: '\(property.key)' is not understood")
      }
    }
    guard (1...4).contains(size) else { throw refuse("isa-debug-exit: iosize=\(size); expected 1 to 4") }
    guard base <= 0x1_0000 - size else {
      throw refuse("isa-debug-exit: iobase=0x\(String(base, radix: 16)); expected a port below 0x10000")
    }
    options.debugExitPorts = UInt16(base)...UInt16(base + size - 1)
  }

  private mutating func attachDrive(
    _ properties: ArraySlice<KeyValueList.Entry>, _ interface: Options.Interface
  ) throws(Failure) {
    var drive: String?
    for property in properties {
      switch (property.key, property.value) {
      case ("drive", let value?): drive = value
      case ("id", _?), ("bootindex", _?), ("bus", _?), ("unit", _?), ("serial", _?), ("addr", _?): break
      case ("disable-legacy", "on"?), ("disable-modern", "off"?): break
      default: throw refuse("'\(property.key)\(property.value.map { "=" + $0 } ?? "")' is not supported yet")
      }
    }
    guard let drive, !drive.isEmpty else { throw refuse("needs drive=ID, the id of a --drive with if=none") }
    attachments.append((current, drive, interface))
  }

  mutating func addDisk(_ text: String, _ index: Int) throws(Failure) {
    options.drives.append(Options.Drive(path: try path(text), index: index, origin: current))
  }

  mutating func addCDROM(_ text: String) throws(Failure) {
    var drive = Options.Drive(path: try path(text), origin: current)
    drive.isCDROM = true
    // Where QEMU puts it: the second channel's master.
    drive.index = 2
    options.drives.append(drive)
  }

  mutating func addFloppy(_ text: String, _ index: Int) throws(Failure) {
    var drive = Options.Drive(path: try path(text), interface: .floppy, origin: current)
    drive.index = index
    options.drives.append(drive)
  }

  /// QEMU's letters: a and b floppy, c hard disk, d CD-ROM, n network. `strict` changes nothing.
  mutating func setBootOrder(_ text: String) throws(Failure) {
    for entry in KeyValueList(text, impliedKey: "order").entries {
      switch (entry.key, entry.value) {
      case ("menu", "on"?): options.showsBootMenu = true
      case ("menu", "off"?): options.showsBootMenu = false
      case ("strict", "on"?), ("strict", "off"?): continue
      case ("order", let letters?), ("once", let letters?):
        var order: [BootDevice] = []
        for letter in letters {
          switch letter {
          case "a", "b": order.append(.floppy)
          case "c": order.append(.hardDisk)
          case "d": order.append(.cdrom)
          case "n": order.append(.network)
          default: throw refuse("order=\(letters); expected letters of a, c, d and n")
          }
        }
        guard !order.isEmpty, order.count <= 3 else {
          throw refuse("order=\(letters); expected 1 to 3 letters")
        }
        options.bootOrder = order
      default: throw refuse("'\(entry.key)' is not supported yet; expected order=…")
      }
    }
  }

  mutating func addDrive(_ text: String) throws(Failure) {
    var drive = Options.Drive(path: "", origin: current)
    var isFirmware = false
    for entry in KeyValueList(text).entries {
      guard let value = entry.value else {
        throw refuse("'\(entry.key)' is not understood; expected file=FILE,format=raw,…")
      }
      switch (entry.key, value) {
      case ("if", "pflash"): isFirmware = true
      case ("unit", "0") where isFirmware: break
      default: try setDriveProperty(&drive, entry.key, value)
      }
    }
    guard !drive.path.isEmpty else { throw refuse("needs file=FILE") }
    guard !isFirmware else { return options.bios = drive.path }
    if let id = drive.id, options.drives.contains(where: { $0.id == id }) {
      throw refuse("id=\(id) is taken by another drive")
    }
    options.drives.append(drive)
  }

  private func setDriveProperty(
    _ drive: inout Options.Drive, _ key: String, _ value: String
  ) throws(Failure) {
    switch (key, value) {
    case ("file", _): drive.path = try path(value)
    case ("format", "raw"): drive.isExplicitlyRaw = true
    case ("format", _): throw refuse("format=\(value) is not supported yet; expected format=raw")
    case ("if", "ide"): drive.interface = .ide
    case ("if", "virtio"): drive.interface = .virtio
    case ("if", "none"): drive.interface = .none
    case ("if", "floppy"): drive.interface = .floppy
    case ("if", _): throw refuse("if=\(value) is not supported yet; expected ide, virtio, floppy or none")
    case ("snapshot", _):
      guard let on = try? OptionValue.toggle(value) else {
        throw refuse("snapshot=\(value); expected on or off")
      }
      drive.isSnapshot = on
    case ("media", "cdrom"): drive.isCDROM = true
    case ("readonly", _), ("read-only", _):
      guard let on = try? OptionValue.toggle(value) else {
        throw refuse("\(key)=\(value); expected on or off")
      }
      drive.isReadOnly = on
    case ("index", _):
      guard let number = try? OptionValue.number(value), number < 256 else {
        throw refuse("index=\(value) is not a small number")
      }
      drive.index = Int(number)
    case ("id", _): drive.id = value
    case ("media", "disk"), ("werror", "report"), ("rerror", "report"): break
    case ("cache", "writeback"), ("cache", "none"), ("cache", "unsafe"): drive.writesThrough = false
    case ("cache", "writethrough"), ("cache", "directsync"): drive.writesThrough = true
    case ("aio", _), ("discard", "ignore"), ("discard", "off"), ("detect-zeroes", "off"): break
    default: throw refuse("\(key)=\(value) is not supported yet")
    }
  }

  mutating func addSerial(_ text: String) throws(Failure) {
    guard options.serial.count < Options.serialPortCount else {
      throw refuse("there are only \(Options.serialPortCount) serial ports")
    }
    options.serial.append(try target(text))
  }

  func target(_ text: String) throws(Failure) -> Options.SerialTarget {
    switch text {
    case "stdio", "chardev:stdio": return .stdio(escapes: false)
    case "mon:stdio": return .stdio(escapes: true)
    case "none": return .none
    case "null", "mon:null": return .null
    default:
      guard text.hasPrefix("file:") else {
        throw refuse("'\(text)' is not supported; expected stdio, mon:stdio, none, null or file:FILE")
      }
      return .file(try path(String(text.dropFirst(5))))
    }
  }

  func count(_ text: String) throws(Failure) -> UInt64 {
    guard let number = try? OptionValue.count(text), number > 0 else {
      throw refuse("'\(text)' is not a number from 1 to 18446744073709551615, such as 500M")
    }
    return number
  }

  mutating func setTimeLimit(_ text: String) throws(Failure) {
    guard let nanoseconds = try? OptionValue.seconds(text), nanoseconds > 0 else {
      throw refuse("'\(text)' is not a number of seconds above 0, such as 10 or 0.5")
    }
    options.limitTime = nanoseconds
  }

  mutating func setDisplay(_ text: String) throws(Failure) {
    switch text {
    case "terminal", "curses": options.display = .terminal
    case "serial", "none": options.display = .serial
    case _ where text.hasPrefix("vnc="): try setVNC(String(text.dropFirst(4)))
    default: throw refuse("'\(text)' is not supported yet: a display; expected terminal, serial or none")
    }
  }

  mutating func setVNC(_ text: String) throws(Failure) {
    guard text != "none" else { return options.vnc = nil }
    guard let address = VNCAddress(text) else {
      throw refuse("'\(text)' is not an address; expected :0, HOST:0 or HOST:PORT")
    }
    options.vnc = address
  }

  mutating func setTyped(_ text: String) throws(Failure) {
    do { options.typed += try TypedText.chords(text) } catch { throw refuse(error.reason) }
  }

  /// A text that the guest may write.
  func shownText(_ text: String) throws(Failure) -> String {
    guard !text.isEmpty else { throw refuse("the text is empty") }
    return text
  }

  mutating func setProfileRows(_ text: String) throws(Failure) {
    guard let number = try? OptionValue.number(text), 1...1_000_000 ~= number else {
      throw refuse("'\(text)' is not a number of rows from 1 to 1000000")
    }
    options.profileRows = Int(number)
  }

  mutating func setSuccessCode(_ text: String) throws(Failure) {
    guard let number = try? OptionValue.number(text), number <= 255 else {
      throw refuse("'\(text)' is not an exit code from 0 to 255")
    }
    options.successCode = Int32(number)
    if options.debugExitPorts == nil { options.debugExitPorts = DebugExit.usualPorts }
  }
}
