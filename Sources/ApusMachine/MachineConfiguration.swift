import ApusBase
import ApusCPU
import ApusDevices

/// A disk and how it is attached.
public struct Drive {
  /// The controller a disk is behind.
  public enum Interface: Sendable {
    /// The PIIX3's IDE channels: primary master and slave, secondary master and slave, in the order given.
    case ide
    /// A virtio block device of its own on PCI.
    case virtio
    /// Drive A: or B: of the floppy controller.
    case floppy
  }

  /// What a drive's medium is.
  public enum Medium: Sendable {
    case disk
    /// A CD-ROM, in an ATAPI drive: IDE only.
    case cdrom
  }

  /// The controller.
  public var interface: Interface
  /// What the medium is.
  public var medium: Medium
  /// Its place on the IDE channels, 0 to 3, or the floppy drive, 0 or 1; nil takes the first that is free.
  public var place: Int?
  /// The medium. A drive is read-only if its store is.
  public private(set) var store: any BlockStore
  /// The medium, if it keeps in memory what is written; snapshots and forks of a machine need that of drives that are
  /// written to.
  public private(set) var overlay: OverlayDisk?

  /// A drive with `store` as its medium, which gets what is written.
  public init(interface: Interface, medium: Medium = .disk, place: Int? = nil, store: any BlockStore) {
    self.interface = interface
    self.medium = medium
    self.place = place
    self.store = store
  }

  /// A drive whose writes are kept in memory.
  public init(interface: Interface, medium: Medium = .disk, place: Int? = nil, overlay: OverlayDisk) {
    self.init(interface: interface, medium: medium, place: place, store: overlay)
    self.overlay = overlay
  }
}

/// The ROM that a machine starts from which boots no file by itself.
public enum Firmware: Sendable {
  /// The teaching kernel, which needs no disk.
  case builtInGuest
  /// Apus's own BIOS, with its VGA BIOS.
  case bios
  /// Somebody else's: 4 KiB to 1 MiB in whole pages, which end at 4 GiB, the last 128 KiB also at 1 MiB.
  case image(BootFile)
}

/// A kind of device that firmware boots from.
public enum BootDevice: Sendable {
  case floppy, hardDisk, cdrom, network
}

/// What a machine consists of and what it starts from.
public struct MachineConfiguration {
  /// RAM in bytes: 2 MiB to 64 GiB in multiples of 4 KiB.
  public var memorySize: UInt64 = 256 << 20
  /// What to start without firmware, or, for a kernel on a machine with a VGA adapter, after Apus's BIOS; nil starts
  /// the firmware.
  public var boot: BootSource?
  /// What runs then.
  public var firmware = Firmware.builtInGuest
  /// The expansion ROM of the VGA adapter, at most 64 KiB; nil if firmware needs none.
  public var videoROM: BootFile?
  /// The devices that firmware tries, in this order; at most three.
  public var bootOrder: [BootDevice] = [.hardDisk, .floppy, .cdrom]
  /// Whether firmware waits a moment for the key of its boot menu.
  public var showsBootMenu = false
  /// At most four IDE drives, two floppy drives and 28 virtio drives.
  public var drives: [Drive] = []
  /// Whether there is a VGA adapter.
  public var hasVGA = false
  /// Where COM1 to COM4 send; a port whose entry is nil or missing works all the same.
  public var serial: [(any ByteSink)?] = [nil, nil, nil, nil]
  /// What the printer on LPT1 prints goes there; nil leaves the connector empty.
  public var parallel: (any ByteSink)?
  /// Where the PC speaker sounds.
  public var speaker: (any AudioSink)?
  /// Where ports E9h and 402h send.
  public var debugConsole: (any ByteSink)?
  /// What the real-time clock shows at the start: seconds since 1 January 1970 UTC, 0 to the year 9999.
  public var startDate = Int64(RTC146818.defaultStartDate)
  /// Ports of which a write stops the machine, usually F4h to F7h; nil if there are none.
  public var debugExitPorts: ClosedRange<UInt16>?
  /// Whether a reset that the guest asks for stops the machine.
  public var rebootStops = false
  /// Whether a triple fault resets the machine as on hardware, where it otherwise stops it with a report.
  public var tripleFaultResets = false
  /// Whether `Machine.run` itself passes the time in which the processor is halted, rather than return.
  public var skipsIdle = false
  /// Whether what is executed is counted, block by block. The guest does not notice; it runs slower.
  public var isProfiled = false
  /// The processor's model.
  public var cpuModel = CPUModel.max

  /// Whether Apus's BIOS runs before the kernel, for the picture that kernels expect on a VGA adapter.
  var startsKernelByFirmware: Bool {
    if hasVGA, case .kernel = boot { true } else { false }
  }

  /// A machine with 256 MiB of RAM that starts the built-in guest.
  public init() {}
}

/// Why `Machine.run` returned.
public enum Stop: Equatable, Sendable {
  /// The instructions asked for have been executed.
  case budget
  /// The processor is halted, and nothing will happen before the time given, or ever (nil) but for input.
  case idle(until: VirtualTime?)
  /// The guest switched the machine off.
  case poweredOff
  /// The guest asked for a reset, and the configuration says that this ends the run.
  case reset
  /// The guest wrote this value to the debug exit port.
  case debugExit(UInt32)
  /// The guest faulted while a double fault was delivered.
  case tripleFault(report: String)
  /// The processor met an instruction that Apus does not implement, or an inconsistency of its own.
  case unimplemented(report: String)
  /// A breakpoint or watchpoint of a debugger was met.
  case paused
}

/// Why a machine could not be built.
public struct MachineError: Error, Equatable, Sendable {
  /// Whose fault it is.
  public enum Kind: Sendable {
    /// A file cannot be booted.
    case badInput
    /// The configuration makes no sense.
    case usage
    /// The host lacks something.
    case resources
  }

  /// One line for the user, without a line end.
  public let message: String
  /// Whose fault it is.
  public let kind: Kind

  /// An error with both its parts.
  public init(message: String, kind: Kind) {
    self.message = message
    self.kind = kind
  }
}

/// What a machine has done so far.
public struct Statistics: Equatable, Sendable {
  /// Instructions retired.
  public var instructions: UInt64
  /// Blocks of code decoded.
  public var blocksDecoded: UInt64
  /// Entries made in the TLB.
  public var tlbFills: UInt64
}
