import ApusDevices
import ApusMachine

/// Everything of the host that a machine needs, opened and read as the options say.
struct Setup {
  var configuration = MachineConfiguration()
  let console: ConsoleOutput
  /// The port that standard input goes to; nil if none does.
  private(set) var consolePort: Int?
  /// Ctrl-A is a command key even if standard input is no terminal.
  private(set) var forcesEscapes = false
  private(set) var files: [FileOutput] = []
  private(set) var disks: [HostDisk] = []
  private(set) var recording: WAVOutput?
  /// Where `--record` writes.
  private(set) var runOutput: FileOutput?
  /// Where `--trace` writes; nil for standard error.
  private(set) var traceOutput: FileOutput?
  /// Keeps back what a guest that is taken back writes again.
  let gate = ReplayGate()
  /// What `--script` does, and where it looks for texts of the serial port.
  private(set) var script: Script?
  private(set) var serialLog: SerialLog?
  /// The host's time at which the guest's clock starts, if that was asked for; nil for a date that the options name.
  private(set) var fixedDate: Int64?

  init(_ options: Options) throws(Failure) {
    console = ConsoleOutput(raw: options.rawConsole, exitText: options.exitOn, panicText: options.panicText)
    configuration.memorySize = options.memorySize
    configuration.debugExitPorts = options.debugExitPorts
    configuration.isProfiled = options.profileRows != nil
    configuration.rebootStops = options.noReboot
    configuration.showsBootMenu = options.showsBootMenu
    configuration.cpuModel = options.cpuModel
    switch options.startDate {
    case .fixed(let seconds): configuration.startDate = seconds
    case .hostUTC: configuration.startDate = Clock.unixSeconds
    case .hostLocalTime: configuration.startDate = Clock.localSeconds
    }
    if case .fixed = options.startDate {} else { fixedDate = configuration.startDate }
    for drive in options.drives { _ = try add(drive) }
    try setBoot(options)
    if let order = options.bootOrder { configuration.bootOrder = order }
    let isBuiltInGuest = if case .builtInGuest = configuration.firmware { true } else { false }
    let startsFirmware = configuration.boot == nil && !isBuiltInGuest
    configuration.hasVGA = options.hasVGA ?? (startsFirmware || options.screenUser != nil)
    try setPorts(options)
    if let path = options.script { try setScript(path) }
    if options.goesBack { closeGates() }
  }

  /// What the guest says goes nowhere: something else is said.
  mutating func silence() {
    configuration.serial = configuration.serial.map { port in port.map { _ in NullOutput() } }
    configuration.debugConsole = configuration.debugConsole.map { _ in NullOutput() }
    configuration.parallel = configuration.parallel.map { _ in NullOutput() }
  }

  private mutating func closeGates() {
    for (number, port) in configuration.serial.enumerated() {
      configuration.serial[number] = port.map { GatedOutput($0, gate) }
    }
    configuration.debugConsole = configuration.debugConsole.map { GatedOutput($0, gate) }
    configuration.parallel = configuration.parallel.map { GatedOutput($0, gate) }
    configuration.speaker = configuration.speaker.map { GatedSound($0, gate) }
  }

  private mutating func setScript(_ path: String) throws(Failure) {
    let bytes = try HostFile.load(path, limit: Script.largestSize)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .badInput(path, "is not a script: it is no text in UTF-8")
    }
    script = try Script(text, name: path)
    let port = consolePort ?? 0
    let log = SerialLog(configuration.serial[port])
    configuration.serial[port] = log
    serialLog = log
  }

  /// Opens a drive and returns its image.
  private mutating func add(_ drive: Options.Drive, at position: Int? = nil) throws(Failure) -> HostDisk {
    if !drive.isExplicitlyRaw,
      let bytes = HostFile.beginning(of: drive.path, count: DiskFormat.beginningSize),
      let format = DiskFormat.name(bytes)
    {
      throw .badInput(
        drive.path, "is a \(format) image; expected a raw one ('qemu-img convert -O raw' makes one)")
    }
    let disk = try HostDisk(
      path: drive.path, readOnly: drive.isReadOnly || drive.isCDROM || drive.isSnapshot,
      writesThrough: drive.writesThrough, isPadded: drive.isCDROM)
    let interface: Drive.Interface =
      switch drive.interface {
      case .virtio: .virtio
      case .floppy: .floppy
      case .ide, .none: .ide
      }
    let medium = drive.isCDROM ? Drive.Medium.cdrom : .disk
    let place = interface == .virtio ? nil : drive.index
    let entry =
      drive.isSnapshot && !drive.isCDROM
      ? Drive(interface: interface, medium: medium, place: place, overlay: OverlayDisk(disk))
      : Drive(interface: interface, medium: medium, place: place, store: disk)
    disks.insert(disk, at: position ?? disks.count)
    configuration.drives.insert(entry, at: position ?? configuration.drives.count)
    return disk
  }

  private mutating func setBoot(_ options: Options) throws(Failure) {
    if let bios = options.bios {
      configuration.firmware = .image(try Self.load(bios, role: "firmware", limit: 1 << 20))
      if let rom = options.videoBIOS {
        configuration.videoROM = try Self.load(rom, role: "VGA BIOS", limit: 0x1_0000)
      }
      if let image = options.image { try addImage(image, options) }
    } else if let kernel = options.kernel {
      try setKernel(kernel, options)
    } else if let flat = options.flat {
      let file = try Self.load(flat.path, role: "program", limit: HostFile.largestImage)
      configuration.boot = .flat(file, address: flat.physical, entry: nil)
    } else if let image = options.image {
      try setImage(image, options)
    } else if !disks.isEmpty {
      configuration.firmware = .bios
    }
  }

  /// A kernel or a disk image, by its content.
  private mutating func setImage(_ path: String, _ options: Options) throws(Failure) {
    // What a multiboot header must lie in (Multiboot Specification 0.6.96, "The layout of Multiboot header").
    let bytes = HostFile.beginning(of: path, count: 8192) ?? []
    switch ImageKind(of: BootFile(role: "image", name: path, bytes: bytes)) {
    case .linux, .elf, .multiboot1: return try setKernel(path, options)
    case .unknown: break
    }
    if options.initrd != nil || !options.modules.isEmpty || !options.commandLine.isEmpty {
      throw .badInput(path, "is not a kernel, which --initrd, --module and --append are for")
    }
    configuration.firmware = .bios
    let kind = try addImage(path, options)
    if options.drives.isEmpty && kind != .cdrom { try checkBootSector(of: disks[0]) }
  }

  /// Attaches the image as what it is a copy of, as the drive that firmware tries first: a CD-ROM if it has a volume
  /// descriptor of ISO 9660, a floppy disk if it has the size of one, otherwise a hard disk.
  @discardableResult
  private mutating func addImage(_ path: String, _ options: Options) throws(Failure) -> BootDevice {
    var drive = Options.Drive(path: path)
    let kind = DiskFormat.bootDevice(path)
    let (interface, places): (Options.Interface, [Int]) =
      switch kind {
      case .floppy: (.floppy, [0, 1])
      case .cdrom: (.ide, [2, 3, 1, 0])
      case .hardDisk, .network: (.ide, [0, 1, 2, 3])
      }
    let taken = options.drives.filter { $0.interface == interface }.map(\.index)
    guard let place = places.first(where: { !taken.contains($0) }) else {
      throw Failure(.usage, "'\(path)': its \(places.count) drives have other disks already")
    }
    (drive.interface, drive.index, drive.isCDROM) = (interface, place, kind == .cdrom)
    let order = configuration.bootOrder
    configuration.bootOrder = [kind] + order.filter { $0 != kind }
    _ = try add(drive, at: 0)
    return kind
  }

  /// Refuses the only disk of a machine if firmware would not boot from it.
  private func checkBootSector(of disk: HostDisk) throws(Failure) {
    var sector = [UInt8](repeating: 0, count: HostDisk.sectorSize)
    do { try disk.read(sector: 0, count: 1, into: &sector, at: 0) } catch {
      throw Failure(.diskFailure, disk.failure ?? "\(disk.path): the boot sector cannot be read")
    }
    let signature = UInt16(sector[510]) | UInt16(sector[511]) << 8
    guard signature == 0xAA55 else {
      let error = BootFile(role: "disk", name: disk.path, bytes: sector).failure(
        "boot signature", at: 510, found: "0x" + String(signature, radix: 16),
        expected: "0xaa55 (bytes 55 AA): the disk is not bootable")
      throw Failure(.badInput, error.message)
    }
  }

  private mutating func setKernel(_ path: String, _ options: Options) throws(Failure) {
    let limit = min(HostFile.largestImage, options.memorySize)
    let kernel = try Self.load(path, role: "kernel", limit: limit)
    var modules: [BootModule] = []
    if let file = options.initrd {
      if case .multiboot1 = ImageKind(of: kernel) {
        // QEMU's list of modules: "FILE ARGUMENTS,FILE ARGUMENTS".
        for entry in KeyValueList(file).entries {
          let text = entry.key + (entry.value.map { "=" + $0 } ?? "")
          modules.append(try Self.loadModule(text, modules.count, options))
        }
      } else {
        modules.append(BootModule(file: try Self.load(file, role: "initrd", limit: options.memorySize)))
      }
    }
    for text in options.modules { modules.append(try Self.loadModule(text, modules.count, options)) }
    configuration.boot = .kernel(kernel, commandLine: options.commandLine, modules: modules)
  }

  /// A module as `FILE ARGUMENTS`: the kernel is told the whole text, as by QEMU.
  private static func loadModule(
    _ text: String, _ index: Int, _ options: Options
  ) throws(Failure) -> BootModule {
    let path = HostFile.exists(text) ? text : String(text.prefix { $0 != " " })
    let file = try load(path, role: "module \(index + 1)", limit: options.memorySize)
    return BootModule(file: file, commandLine: text)
  }

  private static func load(_ path: String, role: String, limit: UInt64) throws(Failure) -> BootFile {
    var progress = Progress(path)
    defer { progress.finish() }
    let bytes = try HostFile.load(path, limit: limit) { progress.show($0) }
    return BootFile(role: role, name: path, bytes: bytes)
  }

  private mutating func setPorts(_ options: Options) throws(Failure) {
    var ports = [(any ByteSink)?](repeating: nil, count: Options.serialPortCount)
    for (number, target) in options.serial.enumerated() {
      ports[number] = try sink(target)
      if case .stdio(let escapes) = target {
        consolePort = number
        forcesEscapes = escapes
      }
    }
    configuration.serial = ports
    configuration.debugConsole = try sink(options.debugConsole)
    configuration.parallel = try sink(options.parallel)
    if let path = options.record { runOutput = try output(path) }
    if let path = options.trace.path { traceOutput = try output(path) }
    if let path = options.speaker {
      let file = try output(path)
      let recording = WAVOutput(file)
      configuration.speaker = recording
      self.recording = recording
    }
  }

  private mutating func sink(_ target: Options.SerialTarget) throws(Failure) -> (any ByteSink)? {
    switch target {
    case .stdio: return console
    case .none: return nil
    case .null: return NullOutput()
    case .file(let path): return try output(path)
    }
  }

  /// A file that the run writes, and that the session flushes and watches.
  private mutating func output(_ path: String) throws(Failure) -> FileOutput {
    let file = try FileOutput(path: path)
    files.append(file)
    return file
  }
}

/// A line on the terminal about a file that takes more than a second to read.
private struct Progress {
  private let path: String
  private let start = Clock.monotonic
  private var shown: Int?

  init(_ path: String) { self.path = path }

  mutating func show(_ share: Double) {
    let percent = Int(share * 100)
    guard percent != shown, Clock.monotonic - start > 1_000_000_000, Terminal.isTerminal(2) else { return }
    shown = percent
    _ = Host.write(Array("\rapus: reading \(path): \(percent) %".utf8), to: 2)
  }

  mutating func finish() {
    if shown != nil { _ = Host.write(Array("\r\u{1B}[K".utf8), to: 2) }
  }
}
