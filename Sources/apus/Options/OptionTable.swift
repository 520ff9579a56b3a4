import ApusDevices

/// One option: how it is spelt, what `--help` says of it, and what it does. The parser and the help text
/// both come from this table, so neither can know an option that the other does not.
struct OptionEntry: Sendable {
  /// The spellings, shown as they stand; the parser ignores the number of dashes.
  let spellings: [String]
  /// The placeholder of the value; nil for an option that takes none.
  let value: String?
  let help: String
  /// Reads the value (empty if the option takes none). Throws only `Failure`, though a closure's type here
  /// cannot say so.
  let apply: @Sendable (inout OptionParser, String) throws -> Void
  /// Whether it says what the machine is, rather than what a run of it does: a snapshot has its own.
  private(set) var shapesMachine = false

  /// The entry as one that says what the machine is.
  var shaping: OptionEntry {
    var entry = self
    entry.shapesMachine = true
    return entry
  }

  init(
    _ spellings: String..., value: String? = nil, help: String,
    apply: @escaping @Sendable (inout OptionParser, String) throws -> Void
  ) {
    self.spellings = spellings
    self.value = value
    self.help = help
    self.apply = apply
  }
}

enum OptionTable {
  /// The entry for a name without dashes.
  static func option(_ name: String) -> OptionEntry? {
    for group in groups {
      for entry in group.entries where entry.spellings.contains(where: { $0.drop { $0 == "-" } == name }) {
        return entry
      }
    }
    return nil
  }

  /// Why an option of QEMU's is refused; nil for names that QEMU does not know either.
  static func unsupported(_ name: String) -> String? {
    refused.first { $0.names.contains(name) }?.reason
  }

  struct Group: Sendable {
    let title: String
    let entries: [OptionEntry]

    var shaping: Group { Group(title: title, entries: entries.map(\.shaping)) }
  }

  static let groups = [
    boot.shaping, machine.shaping, disks.shaping, saved, console, screen, automation, limits, debugging,
    qemu, information,
  ]

  private static let boot = Group(
    title: "Boot",
    entries: [
      OptionEntry(
        "--kernel", value: "FILE", help: "a kernel: Linux bzImage, ELF with a PVH note, or multiboot 1"
      ) {
        $0.options.kernel = try $0.path($1)
      },
      OptionEntry(
        "--bios", "-pflash", value: "FILE",
        help: "other firmware than Apus's own: a ROM image of 4 KiB to 1 MiB that ends at 4 GiB"
      ) {
        $0.options.bios = try $0.path($1)
      },
      OptionEntry(
        "--vgabios", value: "FILE", help: "the VGA adapter's expansion ROM, for firmware without one"
      ) {
        $0.options.videoBIOS = try $0.path($1)
      },
      OptionEntry(
        "--initrd", value: "FILE",
        help: "its initial RAM disk; for a multiboot kernel, modules as QEMU lists them: \"FILE ARGS,FILE…\""
      ) { $0.options.initrd = try $0.path($1) },
      OptionEntry(
        "--module", value: "\"FILE ARGS\"", help: "a module for a multiboot or PVH kernel; may be repeated"
      ) {
        $0.options.modules.append(try $0.path($1))
      },
      OptionEntry("--append", value: "TEXT", help: "the kernel's command line") {
        $0.options.commandLine = $1
      },
      OptionEntry(
        "--flat", value: "FILE,at=ADDRESS",
        help: "a flat binary, loaded and entered in real mode at a physical address"
      ) {
        try $0.setFlat($1)
      },
    ])

  private static let machine = Group(
    title: "Machine",
    entries: [
      OptionEntry(
        "--memory", "-m", value: "SIZE", help: "RAM, 1M to 64G; a bare number counts MiB (default 256M)"
      ) { try $0.setMemory($1) },
      OptionEntry(
        "--rtc", value: "DATE",
        help: """
          where the real-time clock starts: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS (UTC), @UNIX-SECONDS, or 'now'; \
          also base=utc|localtime|DATE (default 2026-01-01, so that runs repeat)
          """
      ) { try $0.setDate($1) },
      OptionEntry(
        "--cpu", value: "MODEL[,±FEATURE…]",
        help: """
          486, pentium, x86-64, x86-64-v2, x86-64-v3 or max (default); +NAME and -NAME switch features, \
          vendor=intel|amd chooses whose processor it is
          """
      ) {
        try $0.setCPU($1)
      },
      OptionEntry("--smp", value: "N", help: "the number of CPUs: 1") { try $0.setCPUCount($1) },
      OptionEntry("--machine", "-M", value: "pc[,…]", help: "the board, by QEMU's name for it") {
        try $0.setBoard($1)
      },
      OptionEntry(
        "--device", value: "NAME[,…]",
        help: """
          isa-debug-exit[,iobase=PORT][,iosize=N] (QEMU's defaults: 0x501, 2); or \
          virtio-blk-pci|ide-hd,drive=ID for a --drive with if=none
          """
      ) { try $0.addDevice($1) },
      OptionEntry("--debug-exit", help: "a write of V to port F4h ends the run with exit code (V << 1) | 1") {
        parser, _ in parser.options.debugExitPorts = DebugExit.usualPorts
      },
      OptionEntry("--no-reboot", help: "a reset by the guest ends the run with exit code 0") { parser, _ in
        parser.options.noReboot = true
      },
    ])

  private static let disks = Group(
    title: "Disks",
    entries: [
      OptionEntry(
        "--drive", value: "file=F,…",
        help: """
          a raw image; format=raw, if=ide|virtio|floppy|none, media=disk|cdrom, snapshot=on (writes are \
          forgotten), readonly=on, index=N, id=ID, \
          cache=writeback|none|unsafe|writethrough|directsync; a comma in the file's name is written twice
          """
      ) { try $0.addDrive($1) },
      OptionEntry("--hda", value: "FILE", help: "the first IDE disk") { try $0.addDisk($1, 0) },
      OptionEntry("--hdb", value: "FILE", help: "the second IDE disk") { try $0.addDisk($1, 1) },
      OptionEntry("--hdc", value: "FILE", help: "the third IDE disk") { try $0.addDisk($1, 2) },
      OptionEntry("--hdd", value: "FILE", help: "the fourth IDE disk") { try $0.addDisk($1, 3) },
      OptionEntry("--cdrom", value: "FILE", help: "a CD in the third IDE drive") { try $0.addCDROM($1) },
      OptionEntry("--fda", value: "FILE", help: "a floppy disk in drive A:") { try $0.addFloppy($1, 0) },
      OptionEntry("--fdb", value: "FILE", help: "a floppy disk in drive B:") { try $0.addFloppy($1, 1) },
    ])

  private static let saved = Group(
    title: "Snapshots and replay",
    entries: [
      OptionEntry(
        "--save", value: "FILE",
        help: "save the machine to FILE at the end of a run that the guest did not end, and at Ctrl-A w"
      ) { $0.options.save = try $0.path($1) },
      OptionEntry(
        "--load", value: "FILE",
        help: """
          go on from a machine that was saved: with the same options for it, and the same kernel and disk images, \
          which FILE names
          """
      ) { $0.options.load = try $0.path($1) },
      OptionEntry(
        "--record", value: "FILE",
        help: "record what reaches the machine from outside, so that 'apus replay FILE' does the run again"
      ) { $0.options.record = try $0.path($1) },
    ])

  private static let console = Group(
    title: "Console",
    entries: [
      OptionEntry(
        "--serial", value: "TARGET",
        help: """
          the next of four serial ports: stdio, mon:stdio, none, null or file:FILE (default: the first is stdio)
          """
      ) { try $0.addSerial($1) },
      OptionEntry(
        "--debugcon", value: "TARGET", help: "where bytes written to ports E9h and 402h go (default none)"
      ) {
        $0.options.debugConsole = try $0.target($1)
      },
      OptionEntry(
        "--parallel", value: "TARGET", help: "where the printer on LPT1 prints, as --serial (default none)"
      ) {
        $0.options.parallel = try $0.target($1)
      },
      OptionEntry("--speaker", value: "FILE.wav", help: "record the PC speaker") {
        $0.options.speaker = try $0.path($1)
      },
      OptionEntry("--raw-console", help: "send the guest's control sequences to the terminal unfiltered") {
        parser, _ in parser.options.rawConsole = true
      },
    ])

  private static let screen = Group(
    title: "Screen",
    entries: [
      OptionEntry(
        "--vga", value: "std|none", help: "a VGA adapter (default with firmware or a use of one), or none"
      ) {
        try $0.accept($1, ["std", "none"], "this display adapter")
        $0.options.hasVGA = $1 == "std"
      }.shaping,
      OptionEntry(
        "--display", value: "terminal|serial|none",
        help: """
          what the terminal shows: the screen (default on a terminal once there is a picture; also \
          'curses'), or the serial port
          """
      ) { try $0.setDisplay($1) },
      OptionEntry(
        "--screenshot", value: "FILE.png", help: "save a picture of the screen at the end, and at Ctrl-A p"
      ) { $0.options.screenshot = try $0.path($1) },
      OptionEntry("--screen-text", help: "print the text on the screen at the end") { parser, _ in
        parser.options.showsScreenText = true
      },
      OptionEntry(
        "--vnc", value: "[HOST]:N",
        help: """
          show the screen to VNC viewers at display N below 100, or port N; without HOST only to this computer
          """
      ) { try $0.setVNC($1) },
      OptionEntry("--vnc-password-file", value: "FILE", help: "a file with the password that viewers need") {
        $0.options.vncPasswordFile = try $0.path($1)
      },
      OptionEntry("-k", value: "en-us", help: "the keyboard's layout: there is one") {
        try $0.accept($1, ["en-us"], "another keyboard layout")
      },
    ])

  private static let automation = Group(
    title: "Automation",
    entries: [
      OptionEntry(
        "--type", value: "TEXT",
        help: """
          type on the keyboard after one second of guest time: US characters, \\n, \\t, \\e, keys such as \
          <F12> or <Ctrl+Alt+Del>, and \\< for '<'
          """
      ) { try $0.setTyped($1) },
      OptionEntry("--script", value: "FILE", help: "do what a file says, one step to a line (see below)") {
        $0.options.script = try $0.path($1)
      },
    ])

  private static let limits = Group(
    title: "Limits and results",
    entries: [
      OptionEntry(
        "--limit-instructions", value: "N",
        help: "stop after N guest instructions; K, M, G, T count thousands"
      ) {
        $0.options.limitInstructions = try $0.count($1)
      },
      OptionEntry(
        "--limit-seconds", value: "N", help: "stop after N seconds of real time; may have a fraction"
      ) {
        try $0.setTimeLimit($1)
      },
      OptionEntry("--exit-on", value: "TEXT", help: "stop with exit code 0 once the console has shown TEXT") {
        $0.options.exitOn = try $0.shownText($1)
      },
      OptionEntry(
        "--panic-on", value: "TEXT",
        help: "stop with exit code 6 once the console has shown TEXT (with --autopsy: Linux's words)"
      ) {
        $0.options.panicOn = try $0.shownText($1)
      },
      OptionEntry(
        "--success-code", value: "N",
        help: "turn this exit code of the debug-exit port into 0; implies --debug-exit"
      ) {
        try $0.setSuccessCode($1)
      },
      OptionEntry("--state-hash", help: "print a hash of the machine's state at the end, on standard error") {
        parser, _ in
        parser.options.stateHash = true
      },
      OptionEntry("--stats", help: "print counts, times and speed at the end, on standard error") {
        parser, _ in
        parser.options.stats = true
      },
      OptionEntry(
        "--profile",
        help: "print where the guest's instructions go at the end, on standard error; it runs slower"
      ) { parser, _ in
        parser.options.profileRows = parser.options.profileRows ?? 20
      },
      OptionEntry("--profile-rows", value: "N", help: "so many rows in each table of the profile (20)") {
        try $0.setProfileRows($1)
      },
    ])

  private static let qemu = Group(
    title: "Accepted as QEMU spells them",
    entries: [
      OptionEntry("-nographic", help: "as --display serial") { parser, _ in parser.options.display = .serial
      },
      OptionEntry("-curses", help: "as --display terminal") { parser, _ in parser.options.display = .terminal
      },
      OptionEntry("-monitor", value: "none", help: "no monitor") {
        try $0.accept($1, ["none", "null"], "a monitor")
      },
      OptionEntry("-nic", "-net", value: "none", help: "no network") {
        try $0.accept($1, ["none"], "a network")
      },
      OptionEntry(
        "-boot", value: "[order=]acd[,menu=on]",
        help: "the order in which firmware tries floppy, disk and CD; a menu before (F12 shows it, too)"
      ) {
        try $0.setBootOrder($1)
      }.shaping,
      OptionEntry(
        "-accel", value: "tcg|kvm|…", help: "accelerators are accepted with a notice; Apus is software"
      ) {
        try $0.setAccelerator($1)
      },
      OptionEntry("-enable-kvm", "-no-kvm", help: "accepted; Apus is software") { parser, _ in
        if parser.current.hasSuffix("enable-kvm") { parser.noticeAcceleration(parser.current) }
      },
      OptionEntry("-action", value: "reboot=shutdown", help: "as --no-reboot") { try $0.setAction($1) }
        .shaping,
      OptionEntry("-nodefaults", help: "no serial port unless --serial asks for one") { parser, _ in
        parser.hasNoDefaults = true
      },
      OptionEntry("-no-user-config", "-no-fd-bootchk", help: "no effect: there is nothing of the kind") {
        _, _ in
      },
      OptionEntry("-name", value: "NAME", help: "no effect") { _, _ in },
      OptionEntry("-icount", value: "…", help: "no effect: time always follows the instruction count") {
        _, _ in
      },
      OptionEntry("-L", "-d", "-D", value: "…", help: "no effect, with a notice") { parser, _ in
        parser.notice("\(parser.current): has no effect")
      },
    ])

  private static let information = Group(
    title: "Information",
    entries: [
      OptionEntry("--help", "-h", help: "print this text") { parser, _ in parser.options.action = .help },
      OptionEntry("--version", help: "print the version") { parser, _ in parser.options.action = .version },
    ])

  private struct Refused: Sendable {
    let names: [String]
    let reason: String
  }

  /// Options of QEMU's that change what the guest sees, so that ignoring them would mislead.
  private static let refused = [
    Refused(names: ["sd", "mtdblock"], reason: "this kind of drive"),
    Refused(names: ["blockdev", "snapshot"], reason: "block layers; use --drive with format=raw"),
    Refused(names: ["chardev", "mon", "qmp", "qmp-pretty"], reason: "character back ends and monitors"),
    Refused(names: ["netdev"], reason: "a network"),
    Refused(names: ["usb", "usbdevice"], reason: "USB"),
    Refused(names: ["audio", "audiodev", "soundhw"], reason: "sound"),
    Refused(names: ["spice", "sdl", "full-screen", "g"], reason: "a display"),
    Refused(names: ["incoming", "loadvm"], reason: "states that QEMU saved; --load takes those of --save"),
    Refused(
      names: ["fw_cfg", "smbios", "acpitable", "option-rom", "dtb", "shim"], reason: "firmware tables"),
    Refused(names: ["global", "set", "readconfig", "object", "plugin"], reason: "QEMU's object model"),
    Refused(names: ["numa", "mem-path", "mem-prealloc", "overcommit"], reason: "control over host memory"),
    Refused(names: ["virtfs", "fsdev", "tpmdev"], reason: "this device"),
    Refused(names: ["no-acpi", "no-hpet"], reason: "leaving out a part of the board"),
    Refused(names: ["no-shutdown"], reason: "staying after power-off"),
    Refused(names: ["watchdog", "watchdog-action"], reason: "a watchdog"),
    Refused(
      names: ["daemonize", "pidfile", "runas", "run-with", "chroot", "sandbox", "seed", "msg", "uuid"],
      reason: "this option of QEMU"),
  ]
}
