import ApusBase

/// What a driver did that leaves a queue unusable: the device then needs a reset.
enum VirtqueueError: Error {
  /// A ring or a descriptor table lies outside RAM.
  case memory
  /// The rings or a descriptor chain contradict the specification.
  case malformed
}

/// Guest memory in pieces, consumed from the front.
package struct VirtioSegments {
  private var pieces: [(physical: UInt64, length: UInt32)] = []
  private var piece = 0
  private var offset: UInt32 = 0
  /// Bytes not consumed yet.
  package private(set) var remaining: UInt64 = 0

  /// No memory at all.
  init() {}

  /// Adds a piece at the end.
  mutating func append(_ physical: UInt64, _ length: UInt32) {
    guard length > 0 else { return }
    pieces.append((physical, length))
    remaining += UInt64(length)
  }

  /// Takes the last byte away and returns its address; nil if there is none.
  mutating func removeLastByte() -> UInt64? {
    guard offset == 0, piece == 0, let last = pieces.popLast() else { return nil }
    remaining -= 1
    if last.length > 1 { pieces.append((last.physical, last.length - 1)) }
    return last.physical &+ UInt64(last.length - 1)
  }

  /// The next contiguous part, of at most `limit` bytes.
  private mutating func next(_ limit: Int) -> (physical: UInt64, count: Int)? {
    guard piece < pieces.count, limit > 0 else { return nil }
    let (physical, length) = pieces[piece]
    let count = min(UInt64(length - offset), UInt64(limit))
    let start = physical &+ UInt64(offset)
    offset += UInt32(count)
    remaining -= count
    if offset == length {
      piece += 1
      offset = 0
    }
    return (start, Int(count))
  }

  /// Copies the next bytes of guest memory to `buffer[range]`; false if they end early or lie outside RAM.
  mutating func read(into buffer: inout [UInt8], _ range: Range<Int>, _ memory: any DMAMemory) -> Bool {
    var at = range.lowerBound
    while at < range.upperBound {
      guard let (physical, count) = next(range.upperBound - at),
        memory.dmaRead(physical, into: &buffer, at..<(at + count))
      else { return false }
      at += count
    }
    return true
  }

  /// Copies `buffer[range]` to the next bytes of guest memory; false if they end early or lie outside RAM.
  mutating func write(from buffer: [UInt8], _ range: Range<Int>, _ memory: any DMAMemory) -> Bool {
    var at = range.lowerBound
    while at < range.upperBound {
      guard let (physical, count) = next(range.upperBound - at),
        memory.dmaWrite(physical, from: buffer, at..<(at + count))
      else { return false }
      at += count
    }
    return true
  }
}

/// One request: a descriptor chain, as the memory it names.
package struct VirtioChain {
  /// Index of the first descriptor, which names the chain in the used ring.
  let head: UInt16
  /// What the device reads.
  var readable = VirtioSegments()
  /// What the device writes.
  var writable = VirtioSegments()

  init(head: UInt16) { self.head = head }
}

/// A split virtqueue, from the side of the device.
///
/// Source: Virtual I/O Device (VIRTIO) 1.2, "Split Virtqueues".
struct Virtqueue {
  /// The largest queue size offered.
  static let maximumSize: UInt16 = 256
  /// The most descriptors of a chain, the indirect ones included.
  private static let chainLimit = 1024
  /// Value of a vector field for "no vector".
  static let noVector: UInt16 = 0xFFFF

  /// The number of descriptors: a power of two up to `maximumSize`.
  var size = maximumSize
  var isEnabled = false
  var descriptorArea: UInt64 = 0
  var driverArea: UInt64 = 0
  var deviceArea: UInt64 = 0
  /// MSI-X vector.
  var vector = noVector
  /// Index of the next entry to take from the available ring.
  private(set) var nextAvailable: UInt16 = 0
  /// Index of the next entry of the used ring.
  private var nextUsed: UInt16 = 0
  /// `nextUsed` at the last decision about an interrupt.
  private var signalledUsed: UInt16 = 0

  private enum Flags {
    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4
  }

  private struct Descriptor {
    let physical: UInt64
    let length: UInt32
    let flags: UInt16
    let next: UInt16

    init(at physical: UInt64, _ memory: any DMAMemory) throws(VirtqueueError) {
      guard let low = DMAInteger.read(memory, physical, bytes: 8),
        let high = DMAInteger.read(memory, physical &+ 8, bytes: 8)
      else { throw .memory }
      self.physical = low
      length = UInt32(truncatingIfNeeded: high)
      flags = UInt16(truncatingIfNeeded: high >> 32)
      next = UInt16(truncatingIfNeeded: high >> 48)
    }
  }

  /// How many chains wait in the available ring. More than the size is the driver's error.
  func waiting(_ memory: any DMAMemory) throws(VirtqueueError) -> UInt16 {
    guard let index = DMAInteger.read(memory, driverArea &+ 2, bytes: 2) else { throw .memory }
    let count = UInt16(truncatingIfNeeded: index) &- nextAvailable
    guard count <= size else { throw .malformed }
    return count
  }

  /// Takes the next chain from the available ring, which must not be empty.
  mutating func pop(_ memory: any DMAMemory) throws(VirtqueueError) -> VirtioChain {
    let slot = driverArea &+ 4 &+ 2 &* UInt64(nextAvailable % size)
    guard let head = DMAInteger.read(memory, slot, bytes: 2) else { throw .memory }
    nextAvailable &+= 1
    var chain = VirtioChain(head: UInt16(truncatingIfNeeded: head))
    var table = descriptorArea
    var tableSize = UInt32(size)
    var index = UInt32(head)
    var isIndirect = false
    var hasWritable = false
    for _ in 0..<Self.chainLimit {
      guard index < tableSize else { throw .malformed }
      let descriptor = try Descriptor(at: table &+ 16 &* UInt64(index), memory)
      if descriptor.flags & Flags.indirect != 0 {
        // "Indirect Descriptors": not nested, not chained onwards, whole entries only.
        guard !isIndirect, descriptor.flags & Flags.next == 0, descriptor.length > 0,
          descriptor.length % 16 == 0
        else { throw .malformed }
        isIndirect = true
        table = descriptor.physical
        tableSize = descriptor.length / 16
        index = 0
        continue
      }
      if descriptor.flags & Flags.write != 0 {
        hasWritable = true
        chain.writable.append(descriptor.physical, descriptor.length)
      } else {
        // Everything writable comes after everything readable.
        guard !hasWritable else { throw .malformed }
        chain.readable.append(descriptor.physical, descriptor.length)
      }
      guard descriptor.flags & Flags.next != 0 else { return chain }
      index = UInt32(descriptor.next)
    }
    // A loop, or longer than any driver may make it.
    throw .malformed
  }

  /// Returns a chain through the used ring: `length` bytes were written to its memory.
  mutating func push(_ head: UInt16, length: UInt32, _ memory: any DMAMemory) throws(VirtqueueError) {
    let slot = deviceArea &+ 4 &+ 8 &* UInt64(nextUsed % size)
    nextUsed &+= 1
    guard DMAInteger.write(memory, slot, UInt64(head) | UInt64(length) << 32, bytes: 8),
      DMAInteger.write(memory, deviceArea &+ 2, UInt64(nextUsed), bytes: 2)
    else { throw .memory }
  }

  /// Asks the driver to notify at the next chain (event index feature).
  func requestNotification(_ memory: any DMAMemory) throws(VirtqueueError) {
    let event = deviceArea &+ 4 &+ 8 &* UInt64(size)
    guard DMAInteger.write(memory, event, UInt64(nextAvailable), bytes: 2) else { throw .memory }
  }

  /// Whether the chains returned since the last call call for an interrupt: VIRTIO 1.2, "Used Buffer
  /// Notification Suppression".
  mutating func needsInterrupt(
    eventIndex: Bool, _ memory: any DMAMemory
  ) throws(VirtqueueError) -> Bool {
    let old = signalledUsed
    guard nextUsed != old else { return false }
    signalledUsed = nextUsed
    if eventIndex {
      let field = driverArea &+ 4 &+ 2 &* UInt64(size)
      guard let event = DMAInteger.read(memory, field, bytes: 2) else { throw .memory }
      return nextUsed &- UInt16(truncatingIfNeeded: event) &- 1 < nextUsed &- old
    }
    guard let flags = DMAInteger.read(memory, driverArea, bytes: 2) else { throw .memory }
    return flags & 1 == 0
  }

  func save(to w: inout StateWriter) {
    for value in [size, vector, nextAvailable, nextUsed, signalledUsed] { w.write(value) }
    for value in [descriptorArea, driverArea, deviceArea] { w.write(value) }
    w.write(isEnabled)
  }

  mutating func restore(from r: inout StateReader) throws(StateError) {
    let found = try r.read(UInt16.self)
    guard Self.isValid(size: found) else { throw r.invalid("size") }
    size = found
    vector = try r.read()
    nextAvailable = try r.read()
    nextUsed = try r.read()
    signalledUsed = try r.read()
    descriptorArea = try r.read()
    driverArea = try r.read()
    deviceArea = try r.read()
    isEnabled = try r.readBool("isEnabled")
  }

  /// Whether a driver may choose this size.
  static func isValid(size: UInt16) -> Bool {
    size != 0 && size <= maximumSize && size & (size - 1) == 0
  }
}

// MARK: For people

extension Virtqueue {
  func describe(_ memory: any DMAMemory, into description: inout DeviceDescription) {
    description.add("queue_desc", descriptorArea, "")
    description.add("queue_driver", driverArea, "")
    description.add("queue_device", deviceArea, "")
    var indices = "next available \(nextAvailable), next used \(nextUsed)"
    if isEnabled {
      // A ring that is wrong is the driver's error, and told of as soon as the queue is served.
      indices += (try? waiting(memory)).map { ", \($0) waiting" } ?? ", no valid available ring"
    }
    description.add("indices", indices)
  }
}
