/// Why a differential test cannot go on. Mismatches are not failures: they are results.
package enum DiffFailure: Error, Equatable, Sendable {
  /// A file is not what it should be: its path, the byte offset or line, and what was expected there.
  case badInput(file: String, place: String, expectation: String)
  /// The command line is not understood: the option and the reason.
  case usage(String, String)
  /// An oracle died, hung or broke its format: its name and what happened.
  case oracle(String, String)
  /// This host cannot do it: what for and why.
  case unavailable(String, String)
  /// A file could not be read or written.
  case file(String, String)

  /// One line for the user.
  package var message: String {
    switch self {
    case .badInput(let file, let place, let expectation): "\(file): \(place): expected \(expectation)"
    case .usage(let option, let reason): "\(option): \(reason)"
    case .oracle(let name, let reason): "oracle \(name): \(reason)"
    case .unavailable(let name, let reason): "oracle \(name) is not available here: \(reason)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
