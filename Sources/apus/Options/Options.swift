import ApusCPU
import ApusMachine

/// What the command line asked for, checked as far as that is possible without touching the host.
package struct Options: Equatable {
  package enum Action: Equatable { case run, help, version }

  /// Where a serial port's or the debug console's bytes go.
  package enum SerialTarget: Equatable {
    /// The console: standard input and output. With `escapes`, Ctrl-A is a command key even when standard
    /// input is not a terminal, as for QEMU's `mon:stdio`.
    case stdio(escapes: Bool)
    /// No port.
    case none
    /// A port whose output vanishes.
    case null
    /// A file that is created or replaced.
    case file(String)
  }

  package enum Interface: Equatable, Sendable { case ide, virtio, floppy, none }

  /// A disk, from `--drive` or `--hda` and so on.
  package struct Drive: Equatable {
    package var path: String
    package var interface: Interface = .ide
    package var isReadOnly = false
    package var isCDROM = false
    /// Writes are kept in memory and forgotten.
    package var isSnapshot = false
    /// The user said `format=raw`, so that the content is not guessed at.
    package var isExplicitlyRaw = false
    /// Every write reaches the medium before the guest is told (`cache=writethrough`, `directsync`).
    package var writesThrough = false
    /// The position among the drives of its interface.
    package var index: Int?
    /// What `-device …,drive=` calls it.
    package var id: String?
    /// The option that gave it, for messages.
    package var origin = "--drive"
  }

  /// When the guest's real-time clock starts.
  package enum StartDate: Equatable {
    /// Unix seconds.
    case fixed(Int64)
    case hostUTC
    case hostLocalTime
  }

  /// What standard output shows of the guest.
  package enum Display: Equatable {
    /// On a terminal the screen, from its first picture on; otherwise the serial port.
    case automatic
    /// The screen.
    case terminal
    /// The serial port.
    case serial
  }

  package struct Flat: Equatable {
    package var path: String
    package var physical: UInt64

    package init(path: String, physical: UInt64) {
      self.path = path
      self.physical = physical
    }
  }

  /// 2026-01-01T00:00:00Z: a fixed start, so that runs repeat.
  package static let defaultStartDate: Int64 = 1_767_225_600
  package static let defaultMemorySize: UInt64 = 256 << 20
  package static let largestMemorySize: UInt64 = 64 << 30
  package static let serialPortCount = 4

  package var action = Action.run
  package var kernel: String?
  package var bios: String?
  package var videoBIOS: String?
  package var bootOrder: [BootDevice]?
  package var showsBootMenu = false
  package var initrd: String?
  package var modules: [String] = []
  package var commandLine = ""
  package var flat: Flat?
  package var image: String?
  package var drives: [Drive] = []
  /// In bytes; a multiple of 4 KiB.
  package var memorySize = Options.defaultMemorySize
  package var cpuModel = CPUModel.max
  package var serial: [SerialTarget] = []
  package var debugConsole = SerialTarget.none
  package var parallel = SerialTarget.none
  /// Where the speaker's sound goes.
  package var speaker: String?
  package var startDate = StartDate.fixed(Options.defaultStartDate)
  package var debugExitPorts: ClosedRange<UInt16>?
  /// Nil: as the way to start suggests.
  package var hasVGA: Bool?
  package var display = Display.automatic
  /// Where the last picture goes.
  package var screenshot: String?
  /// The text on the screen goes to standard output at the end.
  package var showsScreenText = false
  /// What is typed on the keyboard by itself.
  package var typed: [Chord] = []
  /// The file with the script.
  package var script: String?
  package var vnc: VNCAddress?
  package var vncPasswordFile: String?
  /// Where GDB reaches the guest, and whether the guest waits for it.
  package var gdb: GDBAddress?
  package var waitsForGDB = false
  /// The file with names of addresses.
  package var symbols: String?
  package var trace = TraceOptions()
  /// A guest that dies or hangs is examined.
  package var autopsy = false
  package var noReboot = false
  /// Where the machine is saved, and where it comes from.
  package var save: String?
  package var load: String?
  /// Where what reaches the machine is recorded.
  package var record: String?
  /// The words that said what the machine is, for the file of a snapshot.
  package var machineWords: [String] = []
  package var limitInstructions: UInt64?
  /// Wall time in nanoseconds.
  package var limitTime: UInt64?
  package var exitOn: String?
  /// What a guest that has panicked writes.
  package var panicOn: String?
  package var stateHash = false
  package var stats = false
  /// The most rows of a table in the profile that is printed at the end; nil for none.
  package var profileRows: Int?
  package var rawConsole = false
  package var successCode: Int32?
  /// One-line remarks about what was accepted but has no effect.
  package var notices: [String] = []

  package init() {}

  /// What a guest that has panicked writes; an autopsy is wanted of Linux, too.
  var panicText: String? { panicOn ?? (autopsy ? "Kernel panic - not syncing" : nil) }

  /// Whether the guest may be taken back.
  var goesBack: Bool { gdb != nil || autopsy }

  /// The option that needs a screen to be of use; nil if none was given.
  package var screenUser: String? {
    if display == .terminal { return "--display terminal" }
    if screenshot != nil { return "--screenshot" }
    if vnc != nil { return "--vnc" }
    return showsScreenText ? "--screen-text" : nil
  }
}
