import ApusDiff

#if os(Linux) && arch(x86_64)
  if CommandLine.arguments.dropFirst().first == "difftest-worker" { Host.exit(HostWorker.main()) }
#endif
if CommandLine.arguments.dropFirst().first == "difftest" {
  Host.exit(DifftestCommand.main(Array(CommandLine.arguments.dropFirst(2))))
}
Host.exit(Runner.main(Array(CommandLine.arguments.dropFirst())))
