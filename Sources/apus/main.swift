Host.exit(Runner.main(Array(CommandLine.arguments.dropFirst())))
