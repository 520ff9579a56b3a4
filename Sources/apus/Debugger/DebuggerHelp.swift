import ApusDebug

/// The keys of the debugger, for its help page and for `apus debug --help`.
package enum DebuggerHelp {
  /// A group of keys.
  package struct Group: Sendable {
    let title: String
    let keys: [(keys: String, text: String)]
  }

  package static let groups: [Group] = [
    Group(
      title: "Running",
      keys: [
        ("s", "step one instruction"), ("n", "step over a call, an interrupt or a repetition"),
        ("r", "run to an address; without one, to the cursor line"),
        ("c", "continue; any key stops"),
        ("S, b", "step back"), ("B", "continue back to where a breakpoint or watchpoint was met last"),
        ("g", "go to a moment: a count of instructions, with k, M or G, or +N, -N"),
        ("left, right", "go back or on by the step of the scrubber"),
        ("[ ]", "make that step smaller or larger"), ("Home, End", "the first moment; the present"),
      ]),
    Group(
      title: "Looking",
      keys: [
        ("1 2 3", "code; registers; x87 and vector registers"), ("4 5 6", "memory; stack; page walk"),
        ("7 8 9", "descriptor tables; devices; timeline"), ("0", "the guest's serial port or screen"),
        ("up, down", "move the cursor, or scroll (PgUp, PgDn)"),
        ("Tab", "stack or memory; linear or physical; kind of access; table; port or screen"),
        ("Tab, Shift-Tab", "devices: the next one, the one before; after the last comes the first"),
        ("/", "devices: the next one with these letters in its name"),
        ("a", "the address of what is shown: 7c00, rsp+10, ds:si, symbol+8"),
        ("u", "page walk: an access by user or supervisor code"),
        ("Enter", "timeline: go to that moment; memory: show it as code"),
      ]),
    Group(
      title: "Stopping",
      keys: [
        ("Space", "a breakpoint at the cursor line, or none"),
        ("w", "a watchpoint: ADDRESS[,SIZE][,r|w|rw]; again to remove it"),
        ("W", "remove all breakpoints and watchpoints"),
      ]),
    Group(
      title: "The guest's page",
      keys: [
        ("Ctrl-A key", "what the key does on other pages; all other keys are the guest's"),
        ("Ctrl-A Ctrl-A", "Ctrl-A itself"),
      ]),
    Group(
      title: "The debugger",
      keys: [
        ("?", "this list"), ("q", "leave; Ctrl-C leaves with exit code 130"),
        ("Ctrl-L", "draw the screen again"),
        ("Ctrl-Z", "stop apus as a job of the shell"),
      ]),
  ]

  private static let column = 16

  /// The lines of the help page.
  static var lines: [StyledLine] {
    var lines: [StyledLine] = []
    for group in groups {
      lines.append(StyledLine(group.title, .heading))
      for (keys, text) in group.keys {
        var line = StyledLine("  " + keys, .name)
        line.pad(to: column)
        line.add(text)
        lines.append(line)
      }
    }
    return lines
  }

  /// `apus debug --help`.
  package static var text: String {
    """
    apus debug - runs a guest in a full-screen debugger that goes back in time

    Usage: apus debug [options of a run] [image]

    Starts the machine that 'apus [options] [image]' would run, before its first instruction, or where --load
    goes on with it. Standard input and output are a terminal. What is executed can be executed again: the
    debugger steps and continues backwards, and goes to any moment by its count of instructions. For that,
    drives that the guest writes to need snapshot=on (--drive file=disk.img,format=raw,snapshot=on).
    Addresses have the names of --symbols, or of an ELF kernel.

    Keys:

    """ + lines.map { $0.text + "\n" }.joined() + """

      Options are those of 'apus --help', but for those that type, record, show or end a run by themselves: --script,
      --type, --record, --save, --vnc, --screenshot, --screen-text, --profile, --exit-on, --limit-instructions,
      --limit-seconds, --gdb, --trace and --autopsy.

      Exit codes:
        0   the debugger was left
        2   the command line was not understood, there is no terminal, or a drive cannot go back
        3   a kernel, initrd, module, disk image or snapshot is missing or bad
        5   the host refused memory or an output
        128+n  ended by signal n

      """
  }
}
