import ApusDiff

let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
#if os(Linux) && arch(x86_64)
  case DifftestCommand.workerWord: Host.exit(HostWorker.main())
#endif
case "difftest": Host.exit(DifftestCommand.main(Array(words.dropFirst())))
default: Host.exit(Runner.main(words))
}
