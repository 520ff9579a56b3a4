#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

import ApusCPU
import ApusMachine

// All that a fixture asks of the host: the contents of files, and memory.

enum Host {
  /// All bytes of a file. Throws `badInput`.
  static func contents(of path: String) throws(MachineError) -> [UInt8] {
    guard let stream = unsafe fopen(path, "rb") else {
      throw MachineError(message: "\(path): cannot be opened: \(text(forError: errno))", kind: .badInput)
    }
    defer { unsafe fclose(stream) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, stream)
      bytes += chunk[..<count]
      if count < chunk.count { break }
    }
    guard unsafe ferror(stream) == 0 else {
      throw MachineError(message: "\(path): cannot be read: \(text(forError: errno))", kind: .badInput)
    }
    return bytes
  }

  private static func text(forError number: Int32) -> String {
    unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
  }

  /// Guest memory of `size` bytes, all zero. Throws `resources`.
  static func memory(_ size: UInt64) throws(MachineError) -> GuestRAM {
    guard let bytes = GuestRAM.requiredBytes(size: size), let pages = HostPages(bytes) else {
      throw MachineError(message: "memory: the host cannot provide \(size >> 20) MiB", kind: .resources)
    }
    return unsafe GuestRAM(adopting: pages.base, size: size, owner: pages)
  }
}

/// Zero pages of the host's between two inaccessible regions; those that nothing touches cost nothing.
@safe private final class HostPages {
  /// More than any displacement of one guest access past a page.
  private static let guardSize = 2 << 20

  let base: UnsafeMutableRawPointer
  private let mapping: UnsafeMutableRawPointer
  private let mappingSize: Int

  init?(_ size: Int) {
    guard size > 0, size <= Int.max / 2 else { return nil }
    mappingSize = size + 2 * Self.guardSize
    #if os(Linux)
      let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    #else
      let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #endif
    guard let start = unsafe mmap(nil, mappingSize, PROT_NONE, flags, -1, 0),
      unsafe start != UnsafeMutableRawPointer(bitPattern: -1)
    else { return nil }
    // `size` bytes from here, and the guard after them, lie within the mapping.
    unsafe base = start + Self.guardSize
    unsafe mapping = start
    guard unsafe mprotect(base, size, PROT_READ | PROT_WRITE) == 0 else {
      unsafe munmap(start, mappingSize)
      return nil
    }
  }

  deinit { unsafe munmap(mapping, mappingSize) }
}
