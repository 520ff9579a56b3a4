import ApusDiff

let words = Array(CommandLine.arguments.dropFirst())
#if os(Linux) && arch(x86_64)
  if words.first == DifftestCommand.workerWord { Host.exit(HostWorker.main()) }
#endif
Host.exit(Runner.main(words))
