#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An open file of the host, and reading whole files.
package enum HostFile {
  /// The most that a kernel, a module or a flat binary may have: larger ones fit below no PCI hole.
  package static let largestImage: UInt64 = 1 << 30

  /// Reads a whole file, of at most `limit` bytes. `progress` hears the share read, from 0 to 1, if the size
  /// is known beforehand.
  package static func load(
    _ path: String, limit: UInt64, progress: (Double) -> Void = { _ in }
  ) throws(Failure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .badInput(path, "cannot be opened: \(Host.text(forError: errno))") }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0 else {
      throw .badInput(path, "cannot be examined: \(Host.text(forError: errno))")
    }
    let kind = information.st_mode & S_IFMT
    guard kind != S_IFDIR else { throw .badInput(path, "is a directory; expected a file") }
    guard kind == S_IFREG || kind == S_IFIFO else { throw .badInput(path, "is not a regular file") }
    let size = UInt64(max(information.st_size, 0))
    guard size <= limit else {
      throw .badInput(path, "has \(size) bytes; at most \(limit) fit")
    }
    return try contents(
      of: descriptor, path, size: kind == S_IFREG ? size : 0, limit: limit, progress: progress)
  }

  /// Reads all of standard input, of at most `limit` bytes.
  package static func loadStandardInput(limit: UInt64) throws(Failure) -> [UInt8] {
    try contents(of: 0, "standard input", size: 0, limit: limit) { _ in }
  }

  /// Reads to the end. `size` is the number of bytes expected, or 0.
  private static func contents(
    of descriptor: Int32, _ path: String, size: UInt64, limit: UInt64, progress: (Double) -> Void
  ) throws(Failure) -> [UInt8] {
    var bytes = try expected(of: descriptor, path, Int(size), progress)
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 1)
    defer { chunk.deallocate() }
    while true {
      let count = try part(of: descriptor, path, chunk)
      if count == 0 { break }
      guard UInt64(bytes.count + count) <= limit else {
        throw .badInput(path, "has more than the \(limit) bytes that fit")
      }
      bytes.append(contentsOf: chunk[..<count])
    }
    guard !bytes.isEmpty else { throw .badInput(path, "is empty") }
    return bytes
  }

  /// The next `size` bytes, fewer if there are no more, read to where they stay: a kernel is many megabytes.
  private static func expected(
    of descriptor: Int32, _ path: String, _ size: Int, _ progress: (Double) -> Void
  ) throws(Failure) -> [UInt8] {
    let step = 1 << 20
    var failure: Failure?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
      // To provide small ones takes longer than to read the file into them.
      HostMemory.preferLargePages(UnsafeMutableRawBufferPointer(buffer))
      do throws(Failure) {
        while filled < size {
          let rest = UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...].prefix(step))
          let count = try part(of: descriptor, path, rest)
          if count == 0 { break }
          filled += count
          progress(Double(filled) / Double(size))
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads once, and waits for it where the descriptor does not. 0 at the end.
  private static func part(
    of descriptor: Int32, _ path: String, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> Int {
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      switch errno {
      case EINTR: continue
      case EAGAIN: _ = Host.wait(reading: descriptor, writing: nil, timeout: nil)
      default: throw .badInput(path, "cannot be read: \(Host.text(forError: errno))")
      }
    }
  }

  /// The first `count` bytes of a file, fewer if it is shorter; nil if it cannot be read. Only for guessing
  /// at a file's kind: whoever uses the file reports what is wrong with it.
  package static func beginning(of path: String, count: Int) -> [UInt8]? {
    var information = stat()
    // Only a regular file or block device can be read here and again later.
    guard stat(path, &information) == 0 else { return nil }
    let kind = information.st_mode & S_IFMT
    guard kind == S_IFREG || kind == S_IFBLK else { return nil }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let start = filled
      let result = bytes.withUnsafeMutableBytes { raw in
        read(descriptor, raw.baseAddress.map { $0 + start }, count - start)
      }
      if result < 0 && errno == EINTR { continue }
      guard result > 0 else { break }
      filled += result
    }
    return Array(bytes[..<filled])
  }

  /// The size of a regular file in bytes; nil for everything else.
  static func size(of path: String) -> UInt64? {
    var information = stat()
    guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { return nil }
    return UInt64(max(information.st_size, 0))
  }

  /// Whether a file of this name exists.
  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Creates or empties a file for output and returns its descriptor. A regular file is locked before it is
  /// emptied, so that a disk image in use does not become a log.
  static func create(_ path: String) throws(Failure) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw .badInput(path, "cannot be opened for output: \(Host.text(forError: errno))")
    }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      return descriptor
    }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
      close(descriptor)
      throw .badInput(path, "is in use as a disk image or by another process")
    }
    guard ftruncate(descriptor, 0) == 0 else {
      let reason = Host.text(forError: errno)
      close(descriptor)
      throw .badInput(path, "cannot be emptied: \(reason)")
    }
    return descriptor
  }

  /// Writes a file that is created or replaced.
  static func save(_ path: String, _ bytes: [UInt8]) throws(Failure) {
    let descriptor = try create(path)
    let error = Host.write(bytes, to: descriptor).error
    let closed = close(descriptor)
    guard error == 0, closed == 0 else {
      throw Failure(
        .hostResources, "\(path): cannot be written: \(Host.text(forError: error == 0 ? errno : error))")
    }
  }

  /// Writes a file that is created or replaced as a whole: whatever ends this process, the file is the old one or the
  /// new one. `body` gives its pieces to the function it gets, until that returns false.
  static func replace(_ path: String, _ body: (_ write: ([UInt8]) -> Bool) -> Void) throws(Failure) {
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw Failure(.hostResources, "\(path): cannot be written: \(Host.text(forError: errno))")
    }
    var error: Int32 = 0
    body { bytes in
      error = Host.write(bytes, to: descriptor).error
      return error == 0
    }
    if error == 0 && fsync(descriptor) != 0 { error = errno }
    if close(descriptor) != 0 && error == 0 { error = errno }
    if error == 0 && rename(temporary, path) != 0 { error = errno }
    guard error == 0 else {
      unlink(temporary)
      throw Failure(.hostResources, "\(path): cannot be written: \(Host.text(forError: error))")
    }
    // The new name, too, is to outlive a crash of the host; what cannot be synced is whole all the same.
    let slash = path.lastIndex(of: "/").map { path[...$0] } ?? "."
    let directory = open(String(slash), O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  /// Makes a directory, unless it is there already.
  static func makeDirectory(_ path: String) throws(Failure) {
    guard mkdir(path, 0o777) != 0, !(errno == EEXIST && isDirectory(path)) else { return }
    throw Failure(.hostResources, "\(path): cannot be made: \(Host.text(forError: errno))")
  }

  static func isDirectory(_ path: String) -> Bool {
    var information = stat()
    return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a directory, sorted, without those that begin with a dot.
  static func names(in path: String) throws(Failure) -> [String] {
    guard let directory = opendir(path) else {
      throw .badInput(path, "cannot be opened: \(Host.text(forError: errno))")
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// What a descriptor leads to.
  enum Kind { case terminal, file, other }

  static func kind(of descriptor: Int32) -> Kind {
    if Terminal.isTerminal(descriptor) { return .terminal }
    return isRegular(descriptor) ? .file : .other
  }

  /// Whether a descriptor leads to a regular file.
  static func isRegular(_ descriptor: Int32) -> Bool {
    var information = stat()
    return fstat(descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
  }

  /// The next bytes of a descriptor, at most 4096; empty if there are none at present; nil at the end or if
  /// it cannot be read.
  static func readSome(_ descriptor: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    if count < 0 && (errno == EINTR || errno == EAGAIN) { return [] }
    return count > 0 ? Array(bytes[..<count]) : nil
  }
}
