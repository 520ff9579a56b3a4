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

  init(_ options: Options) throws(Failure) {
    console = ConsoleOutput(raw: options.rawConsole, exitText: options.exitOn)
    configuration.memorySize = options.memorySize
    configuration.debugExit = options.debugExit
    configuration.rebootStops = options.noReboot
    configuration.cpuModel = options.cpuModel
    switch options.startDate {
    case .fixed(let seconds): configuration.startDate = seconds
    case .hostUTC: configuration.startDate = Clock.unixSeconds
    case .hostLocalTime: configuration.startDate = Clock.localSeconds
    }
    for drive in options.drives { try add(drive) }
    try setBoot(options)
    try setPorts(options)
  }

  private mutating func add(_ drive: Options.Drive, at position: Int? = nil) throws(Failure) {
    if !drive.isExplicitlyRaw, let bytes = HostFile.beginning(of: drive.path, count: ImageKind.beginningSize),
      case .formattedDisk(let format) = ImageKind.guess(bytes)
    {
      throw .badInput(
        drive.path, "is a \(format) image; expected a raw one ('qemu-img convert -O raw' makes one)")
    }
    let disk = try HostDisk(
      path: drive.path, readOnly: drive.isReadOnly, writesThrough: drive.writesThrough)
    disks.append(disk)
    let entry = Drive(interface: drive.interface == .virtio ? .virtio : .ide, store: disk)
    configuration.drives.insert(entry, at: position ?? configuration.drives.count)
  }

  private mutating func setBoot(_ options: Options) throws(Failure) {
    if let kernel = options.kernel {
      try setKernel(kernel, options)
    } else if let flat = options.flat {
      let image = try Self.load(flat.path, limit: HostFile.largestImage)
      configuration.boot = .flat(image: image, physical: flat.physical)
    } else if let image = options.image {
      try setImage(image, options)
    } else if !options.drives.isEmpty {
      configuration.boot = .disk(0)
    }
  }

  /// A kernel or a disk image, by its content.
  private mutating func setImage(_ path: String, _ options: Options) throws(Failure) {
    let bytes = HostFile.beginning(of: path, count: ImageKind.beginningSize) ?? []
    switch ImageKind.guess(bytes) {
    case .linux, .elf, .multiboot: return try setKernel(path, options)
    case .rawDisk, .formattedDisk: break
    }
    if options.initrd != nil || !options.modules.isEmpty || !options.commandLine.isEmpty {
      throw .badInput(path, "is not a kernel, which --initrd, --module and --append are for")
    }
    guard options.drives.count(where: { $0.interface == .ide }) < 4 else {
      throw Failure(.usage, "'\(path)': there are four IDE disks already")
    }
    try add(Options.Drive(path: path), at: 0)
    configuration.boot = .disk(0)
  }

  private mutating func setKernel(_ path: String, _ options: Options) throws(Failure) {
    let image = try Self.load(path, limit: min(HostFile.largestImage, options.memorySize))
    var modules: [(name: String, bytes: [UInt8])] = []
    var initrd: [UInt8]?
    if let file = options.initrd {
      if ImageKind.guess(Array(image.prefix(ImageKind.beginningSize))) == .multiboot {
        // QEMU's list of modules: "FILE ARGUMENTS,FILE ARGUMENTS".
        for entry in KeyValueList(file).entries {
          let name = entry.key + (entry.value.map { "=" + $0 } ?? "")
          modules.append((name, try Self.loadModule(name, options)))
        }
      } else {
        initrd = try Self.load(file, limit: options.memorySize)
      }
    }
    for name in options.modules { modules.append((name, try Self.loadModule(name, options))) }
    configuration.boot = .kernel(
      image: image, initrd: initrd, modules: modules, commandLine: options.commandLine)
  }

  /// A module's file is the first word of its name.
  private static func loadModule(_ name: String, _ options: Options) throws(Failure) -> [UInt8] {
    let path = HostFile.exists(name) ? name : String(name.prefix { $0 != " " })
    return try load(path, limit: options.memorySize)
  }

  private static func load(_ path: String, limit: UInt64) throws(Failure) -> [UInt8] {
    var progress = Progress(path)
    defer { progress.finish() }
    return try HostFile.load(path, limit: limit) { progress.show($0) }
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
  }

  private mutating func sink(_ target: Options.SerialTarget) throws(Failure) -> (any ByteSink)? {
    switch target {
    case .stdio: return console
    case .none: return nil
    case .null: return NullOutput()
    case .file(let path):
      let file = try FileOutput(path: path)
      files.append(file)
      return file
    }
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
