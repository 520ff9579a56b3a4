/// The program `apus`.
package enum Runner {
  /// Does what the command line asks and returns the exit status. `arguments` excludes the program's name.
  package static func main(_ arguments: [String]) -> Int32 {
    let streams = Host.openStandardStreams()
    do {
      let options = try OptionParser.parse(arguments)
      switch options.action {
      case .help: return show(Help.text)
      case .version: return show(Help.version + "\n")
      case .run: break
      }
      for notice in options.notices { Host.report("apus: \(notice)") }
      let session = try Session(options, hadInput: streams.hadInput)
      Signals.install()
      return session.run()
    } catch {
      Host.report("apus: \(error.message)")
      return error.code.status
    }
  }

  private static func show(_ text: String) -> Int32 {
    Signals.ignoreBrokenPipes()
    let result = Host.write(Array(text.utf8), to: 1)
    guard result.error != 0 else { return ExitCode.success.status }
    if Host.isBrokenPipe(result.error) { return Host.brokenPipe.status }
    Host.report("apus: standard output: cannot be written: \(Host.text(forError: result.error))")
    return ExitCode.hostResources.status
  }
}
