/// Reads the command line. Options have one dash or two, as with QEMU; a value is the next word or follows
/// an equals sign.
package struct OptionParser {
  package var options = Options()
  /// The option being read, as the user spelt it.
  var current = ""
  /// `-nodefaults` was given: no serial port unless asked for.
  var hasNoDefaults = false
  /// Disks asked for with `-device NAME,drive=ID`: the option, the identifier and the interface.
  var attachments: [(option: String, id: String, interface: Options.Interface)] = []
  private var noticedAcceleration = false
  /// The first word of the user's own that says what the machine is.
  private var shapingWord: String?

  /// The options in `arguments`, which excludes the program's name. `machine` are the words that say what the machine
  /// is, for a run that goes on from a snapshot.
  package static func parse(_ arguments: [String], machine: [String] = []) throws(Failure) -> Options {
    var parser = OptionParser()
    try parser.read(machine)
    parser.shapingWord = nil
    try parser.read(arguments)
    if parser.options.action == .run { try parser.finish() }
    return parser.options
  }

  private mutating func read(_ arguments: [String]) throws(Failure) {
    var rest = arguments[...]
    if rest.first == "run" { rest.removeFirst() }
    while let word = rest.popFirst() {
      if word == "--" {
        for path in rest { try setImage(path) }
        return
      }
      if word.hasPrefix("-") && word != "-" {
        try readOption(word, &rest)
        if options.action != .run { return }
      } else {
        try setImage(word)
      }
    }
  }

  private mutating func readOption(_ word: String, _ rest: inout ArraySlice<String>) throws(Failure) {
    var name = word.drop { $0 == "-" }
    let dashes = word.utf8.count - name.utf8.count
    var inlineValue: String?
    if let equals = name.firstIndex(of: "=") {
      inlineValue = String(name[name.index(after: equals)...])
      name = name[..<equals]
    }
    current = String(repeating: "-", count: dashes) + name
    guard dashes <= 2, let option = OptionTable.option(String(name)) else {
      if dashes <= 2, let reason = OptionTable.unsupported(String(name)) {
        throw .usage(current, "not supported yet: \(reason)")
      }
      throw .usage(current, "not an option of apus; 'apus --help' lists them")
    }
    guard let placeholder = option.value else {
      guard inlineValue == nil else { throw .usage(current, "takes no value") }
      note(option, [current])
      return try apply(option, "")
    }
    guard let value = inlineValue ?? rest.popFirst() else {
      throw .usage(current, "needs a value: \(placeholder)")
    }
    note(option, [current, value])
    try apply(option, value)
  }

  private mutating func note(_ option: OptionEntry, _ words: [String]) {
    guard option.shapesMachine else { return }
    shapingWord = shapingWord ?? current
    options.machineWords += words
  }

  private mutating func apply(_ option: OptionEntry, _ value: String) throws(Failure) {
    do { try option.apply(&self, value) } catch {
      throw error as? Failure ?? Failure(.internalError, "\(current): \(error)")
    }
  }

  private mutating func setImage(_ path: String) throws(Failure) {
    guard !path.isEmpty else { throw Failure(.usage, "an image was given as an empty word") }
    if let first = options.image {
      throw Failure(.usage, "'\(path)': only one image can be given, and '\(first)' is one already")
    }
    options.image = path
    shapingWord = shapingWord ?? path
    options.machineWords.append(path.hasPrefix("-") ? "./" + path : path)
  }

  /// Checks what only the whole command line can tell.
  private mutating func finish() throws(Failure) {
    if options.load != nil, let shapingWord {
      throw .usage("--load", "says what the machine is; '\(shapingWord)' cannot")
    }
    if options.record != nil && options.load != nil {
      throw .usage("--record", "records runs from their start, not those that --load goes on with")
    }
    for attachment in attachments {
      guard let position = options.drives.firstIndex(where: { $0.id == attachment.id }) else {
        throw .usage(attachment.option, "no --drive has id=\(attachment.id)")
      }
      guard options.drives[position].interface == .none else {
        throw .usage(attachment.option, "drive=\(attachment.id) is attached already; it needs if=none")
      }
      options.drives[position].interface = attachment.interface
    }
    for drive in options.drives where drive.interface == .none {
      throw .usage(drive.origin, "file=\(drive.path): if=none needs a -device with drive=\(drive.id ?? "ID")")
    }
    try orderDrives()
    if options.serial.isEmpty { options.serial = [hasNoDefaults ? .none : .stdio(escapes: false)] }
    let stdioPorts = options.serial.count { if case .stdio = $0 { true } else { false } }
    if stdioPorts > 1 { throw .usage("--serial", "only one port can be on stdio") }
    if options.videoBIOS != nil && options.bios == nil { throw .usage("--vgabios", "needs --bios") }
    if options.vncPasswordFile != nil && options.vnc == nil {
      throw .usage("--vnc-password-file", "needs --vnc")
    }
    if let address = options.vnc, !address.isLoopback, options.vncPasswordFile == nil {
      notice(
        "--vnc: anybody who reaches \(address.host) can see and type (--vnc-password-file asks for a password)"
      )
    }
    try finishDebugging()
    if options.hasVGA == false, let user = options.screenUser {
      throw .usage(user, "needs the VGA adapter that --vga none leaves out")
    }
    if options.bios != nil && (options.kernel != nil || options.flat != nil) {
      throw .usage("--bios", "starts from disks, not with --kernel or --flat")
    }
    let sources = [options.kernel != nil, options.flat != nil, options.image != nil].count { $0 }
    if sources > 1 {
      throw Failure(.usage, "only one of --kernel, --flat and an image can be booted; disks go with --drive")
    }
    if options.kernel == nil && options.image == nil {
      if options.initrd != nil { throw .usage("--initrd", "needs --kernel") }
      if !options.modules.isEmpty { throw .usage("--module", "needs --kernel") }
      if !options.commandLine.isEmpty { throw .usage("--append", "needs --kernel") }
    }
  }

  /// Gives every drive its index, and puts the drives in that order, IDE first.
  private mutating func orderDrives() throws(Failure) {
    var ordered: [Options.Drive] = []
    for (interface, limit) in [(Options.Interface.ide, 4), (.virtio, 16), (.floppy, 2)] {
      var slots = [Options.Drive?](repeating: nil, count: limit)
      let drives = options.drives.filter { $0.interface == interface }
      for drive in drives {
        guard let index = drive.index else { continue }
        guard index < limit else {
          throw .usage(drive.origin, "index=\(index): the last of this interface is \(limit - 1)")
        }
        if let other = slots[index] {
          throw .usage(drive.origin, "index=\(index) is taken by \(other.path)")
        }
        slots[index] = drive
      }
      for drive in drives where drive.index == nil {
        guard let free = slots.firstIndex(where: { $0 == nil }) else {
          throw .usage(drive.origin, "file=\(drive.path): more than \(limit) drives of this interface")
        }
        slots[free] = drive
        slots[free]?.index = free
      }
      ordered += slots.compactMap { $0 }
    }
    options.drives = ordered
  }

  /// Says once that hardware acceleration is not used.
  mutating func noticeAcceleration(_ what: String) {
    guard !noticedAcceleration else { return }
    noticedAcceleration = true
    notice("\(what): hardware acceleration is not available; running in software")
  }

  /// Records a one-line remark for the user.
  mutating func notice(_ text: String) { options.notices.append(text) }

  /// A usage error about the option being read.
  func refuse(_ reason: String) -> Failure { .usage(current, reason) }
}
