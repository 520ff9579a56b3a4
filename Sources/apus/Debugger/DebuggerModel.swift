import ApusBase
import ApusCPU
import ApusDebug
import ApusMachine

/// What the debugger shows and does. It knows keys and sizes, and nothing of terminals, files or real time.
package final class DebuggerModel {
  package enum Page: Int, CaseIterable, Sendable {
    case code = 1, registers, vectors, memory, stack, walk, tables, devices, timeline, guest

    package var name: String {
      [
        "code", "registers", "x87 and vectors", "memory", "stack", "page walk", "descriptor tables",
        "devices",
        "timeline", "guest",
      ][rawValue - 1]
    }

    /// The digit that shows it.
    package var digit: Character { Character(String(rawValue % 10)) }
  }

  /// What goes on until a key is pressed or there is a reason to stop.
  package enum Activity: Equatable, Sendable {
    /// Runs, to an address if there is one, on a stack that is not deeper than `above`.
    case forward(to: UInt64?, above: UInt64?)
    case back
    case seek(UInt64)
  }

  /// What is asked for on the last line.
  package struct Prompt: Equatable, Sendable {
    package enum Kind: Sendable { case runTo, address, moment, watch, device }

    package let kind: Kind
    package var text = ""

    package var label: String {
      switch kind {
      case .runTo: "run to (the cursor line): "
      case .address: "address: "
      case .moment: "instructions: "
      case .watch: "watch ADDRESS[,SIZE][,r|w|rw]: "
      case .device: "device: "
      }
    }
  }

  package let debugger: Debugger
  package let transcript: SerialTranscript
  package let timeline = Timeline()
  /// The serial port that the guest's page types to; nil if none.
  package let port: Int?

  package var page = Page.code
  /// Columns and rows of the terminal.
  package var size = (columns: 80, rows: 24) {
    didSet { follow() }
  }
  package var code: CodeView
  package var memory: MemoryView
  package var stack = StackView()
  package var walk: PageWalkView
  package var tables = TablesView()
  package var timelineView = TimelineView()
  /// The first line of pages that scroll.
  package var scroll: [Page: Int] = [:]
  package var helpScroll = 0
  package var showsHelp = false
  /// The lower half of the code page is memory, not the stack.
  package var showsMemoryBelow = false
  /// The guest's page is its screen, not its serial port.
  package var showsScreen = false
  package var prompt: Prompt?
  /// The last line, while nothing is asked for.
  package var message = ""
  /// Instructions that the scrubber goes by.
  package var step: UInt64 = 1000

  package internal(set) var activity: Activity?
  /// The user has left.
  package internal(set) var end: ExitCode?
  /// Everything is drawn anew; the job is stopped.
  package var wantsRedraw = false
  package var wantsStop = false
  /// The registers when the machine stood still last.
  package internal(set) var before: ArchitecturalState
  package internal(set) var vectorsBefore: ExtendedRegisters

  /// Instructions of one `advance`.
  package var slice: UInt64 = 100_000
  /// The instruction that is next executes even if there is a breakpoint.
  var isResuming = false
  /// The user's stop points, while there is one more.
  var wantedStops: StopPoints?
  /// Bytes and keys for the guest that it has not taken.
  var typed: [UInt8] = []
  var guestKeys = TerminalKeys()
  var typist = Typist()

  /// Takes a machine that stands still. `transcript` is the sink of serial port `port`.
  package init(_ debugger: Debugger, _ transcript: SerialTranscript, port: Int?) {
    self.debugger = debugger
    self.transcript = transcript
    self.port = port
    let machine = debugger.machine
    code = CodeView(at: machine.codeAddress)
    memory = MemoryView(at: machine.state.segments[3].base)
    walk = PageWalkView(of: machine.codeAddress)
    before = machine.state
    vectorsBefore = machine.extendedRegisters
    transcript.clock = { [weak machine] in machine?.instructions ?? 0 }
    machine.observer = timeline.observer()
    debugger.history?.onReplay = { [timeline, transcript, weak machine] isReplaying in
      machine?.flushObserver()
      timeline.isReplaying = isReplaying
      transcript.isReplaying = isReplaying
    }
    showsScreen = machine.screen != nil
  }

  var machine: Machine { debugger.machine }
  package var layout: DebuggerLayout { DebuggerLayout(columns: size.columns, rows: size.rows) }

  /// Shows where the machine stands.
  func follow() {
    code.show(machine.codeAddress, debugger, height: layout.codeHeight)
    timelineView.cursor = timeline.index(at: machine.instructions)
  }

  /// The machine is about to move: what differs afterwards has changed.
  func remember() {
    before = machine.state
    vectorsBefore = machine.extendedRegisters
  }
}

/// Where the parts of the debugger's screen are.
package struct DebuggerLayout {
  package let columns: Int
  package let rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = max(columns, 1)
    self.rows = max(rows, 1)
  }

  var hasTitle: Bool { rows >= 2 }
  var hasFoot: Bool { rows >= 3 }
  var hasScrubber: Bool { rows >= 6 }
  /// The first row of a page, and how many it has.
  var top: Int { hasTitle ? 1 : 0 }
  var height: Int { rows - top - (hasFoot ? 1 : 0) - (hasScrubber ? 1 : 0) }

  /// The registers beside the code.
  var sideWidth: Int { columns >= 110 ? 46 : columns >= 70 ? 26 : 0 }
  var mainWidth: Int { sideWidth == 0 ? columns : columns - sideWidth - 1 }
  /// The stack or memory below the code.
  var lowerHeight: Int { height >= 12 ? height * 2 / 5 : 0 }
  var codeHeight: Int { height - lowerHeight }
}
