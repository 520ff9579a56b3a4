#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

import ApusDevices

/// A raw disk image in a file or on a block device of the host. Reads and writes go straight to the host's
/// file, so a write that the guest has flushed survives the death of this process and of the host.
package final class HostDisk: BlockStore {
  package static let sectorSize = 512

  package let path: String
  package let sectorCount: UInt64
  package let isReadOnly: Bool
  /// Bytes in the file, of which the last sector may have fewer than 512 if it is padded.
  private let size: UInt64
  /// The first failure of the host, for the user; nil while all is well.
  package private(set) var failure: String?
  private let descriptor: Int32
  private var isDirty = false

  /// Opens an image. A writable one is locked against every other user, a read-only one against writers.
  ///
  /// With `writesThrough`, every write is durable when it returns. With `isPadded`, a last sector of fewer bytes
  /// is filled up with zeros, which only a read-only image can have.
  package init(
    path: String, readOnly: Bool, writesThrough: Bool = false, isPadded: Bool = false
  ) throws(Failure) {
    var flags = readOnly ? O_RDONLY : O_RDWR
    if writesThrough && !readOnly { flags |= O_DSYNC }
    // Without O_NONBLOCK, opening a FIFO by mistake would wait for ever.
    let descriptor = open(path, flags | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let hint =
        (errno == EACCES || errno == EROFS) && !readOnly ? " (for writing; readonly=on needs less)" : ""
      throw .badInput(path, "cannot be opened\(hint): \(Host.text(forError: errno))")
    }
    do {
      size = try Self.size(descriptor, path, isPadded: isPadded && readOnly)
      sectorCount = (size + UInt64(Self.sectorSize) - 1) / UInt64(Self.sectorSize)
      try Self.lock(descriptor, path, readOnly)
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
    isReadOnly = readOnly
  }

  deinit { close(descriptor) }

  private static func size(
    _ descriptor: Int32, _ path: String, isPadded: Bool
  ) throws(Failure) -> UInt64 {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else {
      throw .badInput(path, "cannot be examined: \(Host.text(forError: errno))")
    }
    let kind = information.st_mode & S_IFMT
    guard kind != S_IFDIR else { throw .badInput(path, "is a directory; expected a raw disk image") }
    guard kind == S_IFREG || kind == S_IFBLK else {
      throw .badInput(path, "is neither a regular file nor a block device")
    }
    let size = lseek(descriptor, 0, SEEK_END)
    guard size >= 0 else { throw .badInput(path, "has no size: \(Host.text(forError: errno))") }
    guard size > 0 else {
      throw .badInput(path, "is empty; a disk image has at least one sector of 512 bytes")
    }
    guard isPadded || size % off_t(sectorSize) == 0 else {
      let padded = (size / off_t(sectorSize) + 1) * off_t(sectorSize)
      throw .badInput(
        path, "has \(size) bytes, not a multiple of the sector's 512; 'truncate -s \(padded)' would pad it")
    }
    return UInt64(size)
  }

  private static func lock(_ descriptor: Int32, _ path: String, _ readOnly: Bool) throws(Failure) {
    let kind = readOnly ? LOCK_SH : LOCK_EX
    while flock(descriptor, kind | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      // A file system without locks (ENOLCK, EOPNOTSUPP, EINVAL) protects nobody; that is no reason not to run.
      guard errno == EWOULDBLOCK else { return }
      throw .badInput(path, "is in use by another process\(readOnly ? " that may write to it" : "")")
    }
  }

  package func read(
    sector: UInt64, count: Int, into buffer: inout [UInt8], at offset: Int
  ) throws(BlockError) {
    var range = try checked(sector, count, buffer.count, offset)
    let end = UInt64(range.position) + UInt64(range.length)
    if end > size {
      // Less than a sector.
      let missing = Int(end - size)
      range.length -= missing
      let padding = range.offset + range.length
      buffer.replaceSubrange(padding..<padding + missing, with: repeatElement(0, count: missing))
    }
    let error = buffer.withUnsafeMutableBytes { raw in
      transfer(raw, range) { base, length, position in pread(descriptor, base, length, position) }
    }
    guard error == nil else { throw latch("reading", sector, error) }
  }

  package func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError) {
    guard !isReadOnly else { throw .readOnly }
    let range = try checked(sector, count, buffer.count, offset)
    isDirty = true
    let error = buffer.withUnsafeBytes { raw in
      // pwrite only reads from the memory.
      transfer(UnsafeMutableRawBufferPointer(mutating: raw), range) { base, length, position in
        pwrite(descriptor, base, length, position)
      }
    }
    guard error == nil else { throw latch("writing", sector, error) }
  }

  package func flush() throws(BlockError) {
    guard !isReadOnly else { return }
    #if canImport(Darwin)
      // fsync leaves data in the drive's cache; file systems without F_FULLFSYNC get fsync.
      let result = fcntl(descriptor, F_FULLFSYNC) == -1 ? fsync(descriptor) : 0
    #else
      var result: Int32
      repeat { result = fdatasync(descriptor) } while result != 0 && errno == EINTR
    #endif
    guard result == 0 else { throw latch("flushing", nil, errno) }
    isDirty = false
  }

  /// Makes what the guest wrote durable when the run ends in order.
  package func finish() {
    // A failure is latched and decides the exit code.
    if isDirty { try? flush() }
  }

  private typealias Range = (position: off_t, offset: Int, length: Int)

  private func checked(
    _ sector: UInt64, _ count: Int, _ capacity: Int, _ offset: Int
  ) throws(BlockError) -> Range {
    guard count >= 0, sector <= sectorCount, UInt64(count) <= sectorCount - sector,
      offset >= 0, offset <= capacity, count <= (capacity - offset) / Self.sectorSize
    else { throw .outOfRange }
    return (off_t(sector) * off_t(Self.sectorSize), offset, count * Self.sectorSize)
  }

  /// Moves the whole range, however the host divides it; returns nil or an `errno` value. `checked` has
  /// established that offset and length lie within `raw`.
  private func transfer(
    _ raw: UnsafeMutableRawBufferPointer, _ range: Range,
    _ move: (UnsafeMutableRawPointer, Int, off_t) -> Int
  ) -> Int32? {
    guard range.length > 0, let base = raw.baseAddress else { return nil }
    var moved = 0
    while moved < range.length {
      let count = move(base + range.offset + moved, range.length - moved, range.position + off_t(moved))
      if count > 0 {
        moved += count
      } else if count == 0 {
        // The file became shorter behind our back.
        return EIO
      } else if errno != EINTR {
        return errno
      }
    }
    return nil
  }

  private func latch(_ what: String, _ sector: UInt64?, _ error: Int32?) -> BlockError {
    if failure == nil {
      let place = sector.map { " sector \($0)" } ?? ""
      failure = "\(path): \(what)\(place) failed: \(Host.text(forError: error ?? EIO))"
    }
    return .io
  }
}
