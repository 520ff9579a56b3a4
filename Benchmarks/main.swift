import Foundation

exit(Benchmarks.main(Array(CommandLine.arguments.dropFirst())))
