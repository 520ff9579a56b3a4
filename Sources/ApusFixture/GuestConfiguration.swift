import ApusCPU
import ApusDevices
import ApusMachine

/// A kernel, a disk image or another file that a guest is made of.
public struct GuestFile: Sendable {
  /// Its path. It is what `apus replay` opens to do a run again: a file that exists only as bytes has to be written
  /// there before, as the replay looks at the contents.
  public let name: String
  /// What is in it.
  public let bytes: [UInt8]

  /// The file at `path`. A relative path is relative to the working directory, which for `swift test` is the package's.
  /// Throws `MachineError` if it cannot be read.
  public init(_ path: String) throws(MachineError) { self.init(path, bytes: try Host.contents(of: path)) }

  /// A file of these bytes.
  public init(_ name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }
}

/// A module for a multiboot or PVH kernel.
public struct GuestModule: Sendable {
  /// What is loaded.
  public var file: GuestFile
  /// What the kernel is told behind the file's name.
  public var arguments: String

  /// A module and its arguments.
  public init(_ file: GuestFile, arguments: String = "") {
    self.file = file
    self.arguments = arguments
  }
}

/// A disk with its image. What the guest writes is kept in memory and forgotten.
public struct GuestDisk: Sendable {
  /// The drive that the disk is in.
  public enum Kind: Equatable, Sendable { case ide, virtio, floppy, cdrom }

  /// A raw image in sectors of 512 bytes; a CD's may end within one.
  public var image: GuestFile
  /// The drive. IDE drives and floppy drives are at most four (with CDs) and two, virtio drives sixteen.
  public var kind: Kind

  /// A disk; without a kind, what `apus` takes such an image for: a CD-ROM by its volume descriptor, a floppy disk by
  /// its size, an IDE disk otherwise.
  public init(_ image: GuestFile, kind: Kind? = nil) {
    self.image = image
    self.kind = kind ?? Self.kind(of: image.bytes)
  }

  /// ISO 9660, "Volume Descriptor Set": sector 16.
  private static func kind(of bytes: [UInt8]) -> Kind {
    if bytes.dropFirst(16 * 2048 + 1).starts(with: Array("CD001".utf8)) { return .cdrom }
    guard bytes.count % 512 == 0, (try? FloppyGeometry.ofImage(sectors: UInt64(bytes.count / 512))) != nil
    else { return .ide }
    return .floppy
  }
}

/// What a guest's machine consists of and what it starts from: what the options of `apus` say, as values.
public struct GuestConfiguration: Sendable {
  /// What the machine starts from.
  public enum Start: Sendable {
    /// The teaching kernel that is part of Apus, without firmware.
    case builtInGuest
    /// A Linux bzImage, an ELF kernel with a PVH note, or a multiboot 1 kernel. Linux has an initial RAM disk, the
    /// others modules.
    case kernel(GuestFile, commandLine: String = "", initrd: GuestFile? = nil, modules: [GuestModule] = [])
    /// Bytes for a physical address, entered at the first: in real mode below 1 MiB, otherwise in 32-bit mode.
    case flat(GuestFile, address: UInt64)
    /// The first disk, or what `bootOrder` says, by Apus's BIOS.
    case disks
    /// A ROM of the guest's own, 4 KiB to 1 MiB in whole pages, which ends at 4 GiB.
    case firmware(GuestFile)
  }

  /// The processor's model, by the names of `--cpu`.
  public enum CPU: String, Sendable {
    case i486 = "486"
    case pentium
    case x86_64 = "x86-64"
    case x86_64_v2 = "x86-64-v2"
    case x86_64_v3 = "x86-64-v3"
    case max
  }

  /// What the machine starts from.
  public var start: Start
  /// Its disks. IDE disks and CDs take the places that they have in a PC: disks from the first on, CDs from the third.
  public var disks: [GuestDisk]
  /// RAM in bytes: 2 MiB to 64 GiB in multiples of 4 KiB. The host gives what the guest touches.
  public var memorySize: UInt64 = 64 << 20
  /// The processor.
  public var cpu = CPU.max
  /// Whether there is a VGA adapter. A kernel then starts after the BIOS, in a text mode; firmware has one usually.
  public var hasScreen: Bool
  /// What the BIOS tries, one to three; nil tries the kind of the first disk, then others.
  public var bootOrder: [BootDevice]?
  /// What the real-time clock shows at the start, in seconds since 1970; always the same unless changed.
  public var startDate = MachineConfiguration().startDate
  /// Ports, at most four, of which a write ends the run, as QEMU's `isa-debug-exit` does; nil for none.
  public var debugExitPorts: ClosedRange<UInt16>? = 0xF4...0xF7
  /// Whether a reset that the guest asks for ends its run. A triple fault always does.
  public var resetEnds = true

  /// A machine that starts so.
  public init(_ start: Start, disks: [GuestDisk] = []) {
    self.start = start
    self.disks = disks
    switch start {
    case .disks, .firmware: hasScreen = true
    case .builtInGuest, .kernel, .flat: hasScreen = false
    }
  }

  /// A machine that boots the disk, floppy or CD image at a path. Throws as `GuestFile` does.
  public init(disk path: String) throws(MachineError) {
    self.init(.disks, disks: [GuestDisk(try GuestFile(path))])
  }

  /// A machine that starts the kernel at a path. Throws as `GuestFile` does.
  public init(kernel path: String, commandLine: String = "") throws(MachineError) {
    self.init(.kernel(try GuestFile(path), commandLine: commandLine))
  }
}

// MARK: The machine

extension GuestConfiguration {
  /// Disks by their places, in the order in which `apus` attaches them: that of a snapshot's disks, and of virtio drives.
  var placedDisks: [(disk: GuestDisk, place: Int)] {
    get throws(MachineError) {
      var ide: [GuestDisk?] = [nil, nil, nil, nil]
      for (kind, places) in [(GuestDisk.Kind.cdrom, [2, 3, 1, 0]), (.ide, [0, 1, 3, 2])] {
        for disk in disks where disk.kind == kind {
          guard let place = places.first(where: { ide[$0] == nil }) else {
            throw MachineError(message: "disks: at most 4 IDE drives fit", kind: .usage)
          }
          ide[place] = disk
        }
      }
      var placed = ide.enumerated().compactMap { place, disk in disk.map { (disk: $0, place: place) } }
      for (kind, limit) in [(GuestDisk.Kind.virtio, 16), (.floppy, 2)] {
        let chosen = disks.filter { $0.kind == kind }
        guard chosen.count <= limit else {
          throw MachineError(message: "disks: at most \(limit) \(kind) drives fit", kind: .usage)
        }
        placed += chosen.enumerated().map { (disk: $0.element, place: $0.offset) }
      }
      return placed
    }
  }

  /// What the BIOS tries.
  var effectiveBootOrder: [BootDevice] {
    if let bootOrder { return bootOrder }
    let usual = MachineConfiguration().bootOrder
    guard let first = disks.first else { return usual }
    let device: BootDevice =
      switch first.kind {
      case .ide, .virtio: .hardDisk
      case .floppy: .floppy
      case .cdrom: .cdrom
      }
    return [device] + usual.filter { $0 != device }
  }

  /// Refuses what `apus` has no options for. Throws `usage`.
  private func check() throws(MachineError) {
    func refuse(_ message: String) -> MachineError { MachineError(message: message, kind: .usage) }
    switch start {
    case .builtInGuest where !disks.isEmpty: throw refuse("disks: the built-in guest has none")
    case .disks where disks.isEmpty: throw refuse("disks: there is none to start from")
    case .kernel(let file, _, let initrd, let modules):
      if initrd != nil, case .multiboot1 = ImageKind(of: BootFile("kernel", file)) {
        throw refuse("initrd: a multiboot kernel takes modules")
      }
      for module in modules where !module.arguments.isEmpty && module.file.name.utf8.contains(0x20) {
        throw refuse("module '\(module.file.name)': a name with blanks cannot have arguments behind it")
      }
    default: break
    }
    guard (2 << 20...64 << 30).contains(memorySize), memorySize % 4096 == 0 else {
      throw refuse("memory: \(memorySize) bytes; expected 2 MiB to 64 GiB in multiples of 4 KiB")
    }
    guard (1...3).contains(effectiveBootOrder.count) else {
      throw refuse("boot order: expected one to three")
    }
    guard (1...4).contains(debugExitPorts?.count ?? 1) else { throw refuse("debug exit: at most four ports") }
    for word in try words + references.map(\.name) where word.isEmpty || word.utf8.contains(0) {
      throw refuse("a file's name or the command line is empty or has a zero byte")
    }
  }

  /// The machine's configuration, with the sinks of its ports. Throws `usage` for what makes no sense, `badInput` for an
  /// image that is no disk's.
  func machine(serial: [any ByteSink], debugConsole: any ByteSink) throws(MachineError)
    -> MachineConfiguration
  {
    try check()
    var machine = MachineConfiguration()
    machine.memorySize = memorySize
    switch start {
    case .builtInGuest: machine.firmware = .builtInGuest
    case .disks: machine.firmware = .bios
    case .firmware(let file): machine.firmware = .image(BootFile("firmware", file))
    case .flat(let file, let address):
      machine.boot = .flat(BootFile("program", file), address: address, entry: nil)
    case .kernel(let file, let commandLine, _, _):
      machine.boot = .kernel(BootFile("kernel", file), commandLine: commandLine, modules: bootModules)
    }
    machine.bootOrder = effectiveBootOrder
    machine.hasVGA = hasScreen
    machine.serial = serial
    machine.debugConsole = debugConsole
    machine.startDate = startDate
    machine.debugExitPorts = debugExitPorts
    machine.rebootStops = resetEnds
    machine.cpuModel = cpu.model
    machine.drives = try drives()
    return machine
  }

  /// The initial RAM disk and the modules, numbered as `apus` does.
  var bootModules: [BootModule] {
    guard case .kernel(_, _, let initrd, let modules) = start else { return [] }
    var all = initrd.map { [BootModule(file: BootFile("initrd", $0))] } ?? []
    for module in modules {
      all.append(BootModule(file: BootFile("module \(all.count + 1)", module.file), commandLine: module.text))
    }
    return all
  }

  private func drives() throws(MachineError) -> [Drive] {
    var drives: [Drive] = []
    for (disk, place) in try placedDisks {
      let store = try ImageDisk(disk)
      switch disk.kind {
      case .cdrom: drives.append(Drive(interface: .ide, medium: .cdrom, place: place, store: store))
      case .ide: drives.append(Drive(interface: .ide, place: place, overlay: OverlayDisk(store)))
      case .virtio: drives.append(Drive(interface: .virtio, overlay: OverlayDisk(store)))
      case .floppy: drives.append(Drive(interface: .floppy, place: place, overlay: OverlayDisk(store)))
      }
    }
    return drives
  }
}

extension BootFile {
  init(_ role: String, _ file: GuestFile) { self.init(role: role, name: file.name, bytes: file.bytes) }
}

extension GuestModule {
  /// As a boot loader tells it to the kernel.
  var text: String { arguments.isEmpty ? file.name : file.name + " " + arguments }
}

extension GuestConfiguration.CPU {
  var model: CPUModel {
    switch self {
    case .i486: .i486
    case .pentium: .pentium
    case .x86_64: .x86_64
    case .x86_64_v2: .x86_64_v2
    case .x86_64_v3: .x86_64_v3
    case .max: .max
    }
  }
}

/// A disk image that is only read.
final class ImageDisk: BlockStore {
  private static let sectorSize = 512

  private let bytes: [UInt8]
  let isReadOnly = true
  var sectorCount: UInt64 { UInt64(bytes.count / Self.sectorSize) }

  init(_ disk: GuestDisk) throws(MachineError) {
    bytes = disk.contents
    guard !bytes.isEmpty, bytes.count % Self.sectorSize == 0 else {
      throw MachineError(
        message: "\(disk.image.name): has \(bytes.count) bytes, not sectors of 512", kind: .badInput)
    }
  }

  func read(sector: UInt64, count: Int, into buffer: inout [UInt8], at offset: Int) throws(BlockError) {
    guard count >= 0, sector <= sectorCount, UInt64(count) <= sectorCount - sector, offset >= 0,
      offset <= buffer.count, count <= (buffer.count - offset) / Self.sectorSize
    else { throw .outOfRange }
    let (from, size) = (Int(sector) * Self.sectorSize, count * Self.sectorSize)
    buffer.replaceSubrange(offset..<offset + size, with: bytes[from..<from + size])
  }

  func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError) {
    throw .readOnly
  }

  func flush() throws(BlockError) {}
}

extension GuestDisk {
  /// The image, a CD's filled up to whole sectors with zeros.
  var contents: [UInt8] {
    guard kind == .cdrom, image.bytes.count % 512 != 0 else { return image.bytes }
    return image.bytes + [UInt8](repeating: 0, count: 512 - image.bytes.count % 512)
  }
}
