import ApusDebug
import ApusDevices
import ApusMachine

/// `apus debug`.
enum DebugCommand {
  static func run(_ arguments: [String]) throws(Failure) -> Int32 {
    var options = try OptionParser.parse(arguments)
    switch options.action {
    case .help: return StandardOutput.show(DebuggerHelp.text)
    case .version: return StandardOutput.show(Help.version + "\n")
    case .run: break
    }
    if let option = refused(options) { throw .usage(option, "'apus debug' does not do that") }
    guard Terminal.isTerminal(0), Terminal.isTerminal(1) else {
      throw Failure(.usage, "debug: standard input and output must be a terminal")
    }
    let saved = try SavedMachine.open(&options, arguments)
    for notice in options.notices { Host.report("apus: \(notice)") }
    return try session(options, saved).run()
  }

  /// An option that asks for what a run does by itself.
  private static func refused(_ options: Options) -> String? {
    let given: [(Bool, String)] = [
      (options.script != nil, "--script"), (!options.typed.isEmpty, "--type"),
      (options.record != nil, "--record"),
      (options.save != nil, "--save"), (options.vnc != nil, "--vnc"),
      (options.screenshot != nil, "--screenshot"),
      (options.showsScreenText, "--screen-text"), (options.profileRows != nil, "--profile"),
      (options.exitOn != nil, "--exit-on"), (options.panicOn != nil, "--panic-on"),
      (options.limitInstructions != nil, "--limit-instructions"),
      (options.limitTime != nil, "--limit-seconds"), (options.gdb != nil, "--gdb"),
      (!options.trace.kinds.isEmpty, "--trace"), (options.autopsy, "--autopsy"),
    ]
    return given.first { $0.0 }?.1
  }

  private static func session(_ options: Options, _ saved: SavedMachine?) throws(Failure) -> DebugSession {
    var setup = try Setup(options)
    try saved?.check(setup)
    let transcript = SerialTranscript()
    setup.redirectConsole(to: transcript)
    let machine = try Session.machine(setup.configuration, try Session.guestRAM(options.memorySize), saved)
    let history: History
    do throws(MachineError) { history = try History(machine) } catch { throw Failure(error) }
    let debugger = Debugger(machine, history)
    debugger.symbols = try options.symbols.map(SymbolFile.load) ?? symbols(ofKernel: options)
    let model = DebuggerModel(debugger, transcript, port: setup.consolePort)
    let (gate, onReplay) = (setup.gate, history.onReplay)
    history.onReplay = {
      onReplay($0)
      gate.isClosed = $0
    }
    return DebugSession(options, setup, model)
  }

  /// Those of a kernel that is an ELF file and has some. Nothing depends on them.
  private static func symbols(ofKernel options: Options) -> SymbolTable {
    guard let path = options.kernel ?? options.image, let start = HostFile.beginning(of: path, count: 4),
      ELFSections.isELF(start)
    else { return SymbolTable() }
    return (try? SymbolFile.load(path)) ?? SymbolTable()
  }
}

extension Setup {
  /// What would go to standard output goes to `sink`; other outputs get nothing twice.
  mutating func redirectConsole(to sink: any ByteSink) {
    func redirected(_ port: (any ByteSink)?) -> (any ByteSink)? {
      port.map { $0 === console ? sink : GatedOutput($0, gate) }
    }
    configuration.serial = configuration.serial.map(redirected)
    configuration.debugConsole = redirected(configuration.debugConsole)
    configuration.parallel = redirected(configuration.parallel)
    configuration.speaker = configuration.speaker.map { GatedSound($0, gate) }
  }
}
