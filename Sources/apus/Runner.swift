/// The program `apus`.
package enum Runner {
  /// Does what the command line asks and returns the exit status. `arguments` excludes the program's name.
  package static func main(_ arguments: [String]) -> Int32 {
    let streams = Host.openStandardStreams()
    do {
      if let subcommand = Subcommand.named(arguments.first) {
        return try run(subcommand, Array(arguments.dropFirst()))
      }
      var options = try OptionParser.parse(arguments)
      switch options.action {
      case .help: return StandardOutput.show(Help.text)
      case .version: return StandardOutput.show(Help.version + "\n")
      case .run: break
      }
      let saved = try SavedMachine.open(&options, arguments)
      for notice in options.notices { Host.report("apus: \(notice)") }
      let session = try Session(options, saved, hadInput: streams.hadInput)
      Signals.install()
      return session.run()
    } catch {
      Host.report("apus: \(error.message)")
      return error.code.status
    }
  }

  private static func run(_ subcommand: Subcommand, _ arguments: [String]) throws(Failure) -> Int32 {
    do { return try subcommand.run(arguments) } catch {
      throw error as? Failure ?? Failure(.internalError, "\(subcommand.name): \(error)")
    }
  }
}
