#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A directory for one test, removed with everything in it at the end.
final class Scratch {
  let path: String

  init() {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
  }

  deinit {
    _ = Child.run(["-rf", path], program: "/bin/rm")
  }

  /// Writes a file and returns its path.
  @discardableResult
  func file(_ name: String, _ bytes: [UInt8]) -> String {
    let file = "\(path)/\(name)"
    let stream = fopen(file, "w")
    fwrite(bytes, 1, bytes.count, stream)
    fclose(stream)
    return file
  }

  static func read(_ path: String) -> [UInt8] {
    guard let stream = fopen(path, "r") else { return [] }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&chunk, 1, chunk.count, stream)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }
}

/// A process under test.
struct Child {
  /// How a process ended: its exit status, or 1000 plus the signal that killed it.
  struct Result {
    let status: Int32
    let output: String
    let errors: String
  }

  let pid: pid_t

  /// The built `apus`, which lies beside the test bundle.
  static let apus: String = {
    var bundle = CommandLine.arguments[0]
    if let flag = CommandLine.arguments.firstIndex(of: "--test-bundle-path"),
      flag + 1 < CommandLine.arguments.count
    {
      bundle = CommandLine.arguments[flag + 1]
      // A macOS bundle is a directory tree around its executable.
      if let range = bundle.range(ofSubstring: ".xctest/") { bundle = String(bundle[..<range]) }
    }
    return (bundle.lastIndex(of: "/").map { String(bundle[..<$0]) } ?? ".") + "/apus"
  }()

  /// Starts a program. Each stream is a path that the child opens; `session` makes it lead a new session, so
  /// that a terminal opened for input becomes its controlling terminal.
  init?(
    _ program: String, _ arguments: [String], input: String, output: String, errors: String,
    session: Bool = false
  ) {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    if input == "closed" {
      posix_spawn_file_actions_addclose(&actions, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, input, session ? O_RDWR : O_RDONLY, 0)
    }
    for (descriptor, path) in [(Int32(1), output), (2, errors)] {
      if path == "closed" {
        posix_spawn_file_actions_addclose(&actions, descriptor)
      } else {
        posix_spawn_file_actions_addopen(&actions, descriptor, path, O_RDWR | O_CREAT, 0o600)
      }
    }
    if session { posix_spawnattr_setflags(&attributes, Int16(0x80)) }
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    guard posix_spawn(&pid, program, &actions, &attributes, &words, environ) == 0 else { return nil }
    self.pid = pid
  }

  /// Runs a program to its end. Output is collected in files, so that no full pipe can stop it.
  static func run(
    _ arguments: [String], program: String = apus, input: String = "/dev/null", seconds: Int = 30
  ) -> Result {
    var template = Array("/tmp/apus-out-XXXXXX".utf8CString)
    guard let directory = mkdtemp(&template).map({ String(cString: $0) }) else {
      return Result(status: -1, output: "", errors: "mkdtemp failed")
    }
    let (output, errors) = (directory + "/out", directory + "/err")
    defer {
      unlink(output)
      unlink(errors)
      rmdir(directory)
    }
    guard let child = Child(program, arguments, input: input, output: output, errors: errors) else {
      return Result(status: -1, output: "", errors: "cannot start \(program)")
    }
    let status = child.wait(seconds: seconds)
    return Result(
      status: status, output: String(decoding: Scratch.read(output), as: UTF8.self),
      errors: String(decoding: Scratch.read(errors), as: UTF8.self))
  }

  /// Waits for the end, which is forced after some seconds (status 1009).
  func wait(seconds: Int = 30) -> Int32 {
    var status: Int32 = 0
    for _ in 0..<seconds * 1000 {
      if waitpid(pid, &status, WNOHANG) == pid { return Self.decode(status) }
      usleep(1000)
    }
    kill(pid, SIGKILL)
    waitpid(pid, &status, 0)
    return Self.decode(status)
  }

  private static func decode(_ status: Int32) -> Int32 {
    status & 0x7F == 0 ? (status >> 8) & 0xFF : 1000 + (status & 0x7F)
  }
}

extension String {
  /// Where `text` first ends with the part before its last character; only for bundle paths.
  fileprivate func range(ofSubstring text: String) -> Index? {
    indices.first { self[$0...].hasPrefix(text) }.map { index(index(before: $0), offsetBy: 1) }
  }
}

/// A pseudo-terminal whose other end a child uses.
final class PseudoTerminal {
  let descriptor: Int32
  let path: String
  private(set) var seen: [UInt8] = []

  init?() {
    #if os(Linux)
      // Swift's Glibc lacks posix_openpt and its relatives; this is what they do (pts(4), ioctl_tty(2)).
      descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY)
      var unlock: Int32 = 0
      var number: UInt32 = 0
      let setLock = UInt(0x4004_5431)
      let getNumber = UInt(0x8004_5430)
      guard descriptor >= 0, ioctl(descriptor, setLock, &unlock) == 0,
        ioctl(descriptor, getNumber, &number) == 0
      else { return nil }
      path = "/dev/pts/\(number)"
    #else
      descriptor = posix_openpt(O_RDWR | O_NOCTTY)
      guard descriptor >= 0, grantpt(descriptor) == 0, unlockpt(descriptor) == 0,
        let name = ptsname(descriptor)
      else { return nil }
      path = String(cString: name)
    #endif
  }

  deinit { close(descriptor) }

  /// The attributes that a program on the terminal sees.
  var localFlags: tcflag_t {
    var attributes = termios()
    tcgetattr(descriptor, &attributes)
    return attributes.c_lflag
  }
  var inputFlags: tcflag_t {
    var attributes = termios()
    tcgetattr(descriptor, &attributes)
    return attributes.c_iflag
  }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(descriptor, bytes, bytes.count)
  }

  /// Reads until `text` has appeared; false after some seconds without it.
  func waitFor(_ text: String, seconds: Int = 10) -> Bool {
    for _ in 0..<seconds * 1000 {
      if String(decoding: seen, as: UTF8.self).contains(text) { return true }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 1) > 0 else { continue }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = read(descriptor, &chunk, chunk.count)
      if count > 0 { seen += chunk[..<count] } else { usleep(1000) }
    }
    return false
  }
}
