/// Why the benchmarks end early.
package struct Failure: Error, Equatable {
  /// The exit status: 1 an emulator or a guest did something else than it should, 2 usage, 3 a file.
  package let status: Int32
  /// For the user. The first line says what is wrong; the end of an emulator's output may follow.
  package let message: String

  package static func check(_ message: String) -> Failure { Failure(status: 1, message: message) }
  package static func usage(_ message: String) -> Failure { Failure(status: 2, message: message) }
  package static func file(_ message: String) -> Failure { Failure(status: 3, message: message) }
}
