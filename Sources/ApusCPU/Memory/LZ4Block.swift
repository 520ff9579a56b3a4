/// The LZ4 block format ("LZ4 Block Format Description", lz4.org): sequences of a token, literals, and a match of at
/// least four bytes up to 64 KiB back.
package enum LZ4Block {
  /// The longest block here: distances and positions have 16 bits.
  package static let limit = 1 << 16
  /// The format's own rules: the last five bytes are literals, and no match begins in the last twelve.
  private static let lastLiterals = 5
  private static let matchLimit = 12
  private static let minimum = 4
  private static let tableBits = 12
  /// After so many failed searches in a row (as a power of two), the step grows by one.
  private static let patience = 6

  /// The most bytes that `compress` writes for `count` bytes.
  package static func bound(_ count: Int) -> Int { count + count / 255 + 16 }

  /// The block for `source`, of at most `limit` bytes.
  package static func compress(_ source: UnsafeRawBufferPointer) -> [UInt8] {
    precondition(source.count <= limit)
    return [UInt8](unsafeUninitializedCapacity: bound(source.count)) { target, count in
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 1 << tableBits) { table in
        table.initialize(repeating: 0)
        // Nothing is written for an empty source but a token.
        guard let first = source.baseAddress, let to = target.baseAddress, let table = table.baseAddress
        else {
          count = 0
          return
        }
        count = compress(first, source.count, UnsafeMutableRawPointer(to), table)
      }
    }
  }

  private static func compress(
    _ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer,
    _ table: UnsafeMutablePointer<UInt16>
  ) -> Int {
    var out = target
    /// The first byte that no sequence has yet.
    var anchor = 0
    var position = 1
    while position < count - matchLimit {
      var attempts = 1 << patience
      var candidate = 0
      while position < count - matchLimit {
        let word = source.loadUnaligned(fromByteOffset: position, as: UInt32.self)
        let slot = Int((word &* 2_654_435_761) &>> UInt32(32 - tableBits))
        candidate = Int(table[slot])
        table[slot] = UInt16(truncatingIfNeeded: position)
        if source.loadUnaligned(fromByteOffset: candidate, as: UInt32.self) == word && candidate < position {
          break
        }
        position &+= attempts &>> patience
        attempts &+= 1
      }
      guard position < count - matchLimit else { break }
      while position > anchor && candidate > 0
        && source.load(fromByteOffset: position - 1, as: UInt8.self)
          == source.load(fromByteOffset: candidate - 1, as: UInt8.self)
      {
        position -= 1
        candidate -= 1
      }
      let length = commonLength(source, position, candidate, count - lastLiterals)
      emit(source, anchor..<position, to: &out, match: length - minimum)
      out.storeBytes(of: UInt16(truncatingIfNeeded: position - candidate).littleEndian, as: UInt16.self)
      out += 2
      emitRest(length - minimum, to: &out)
      position += length
      anchor = position
    }
    emit(source, anchor..<count, to: &out, match: 0)
    return out - target
  }

  /// How many bytes at two positions are the same, up to `end` for the first.
  @inline(__always)
  private static func commonLength(_ source: UnsafeRawPointer, _ first: Int, _ second: Int, _ end: Int) -> Int
  {
    var length = 0
    while first + length + 8 <= end {
      let different =
        source.loadUnaligned(fromByteOffset: first + length, as: UInt64.self)
        ^ source.loadUnaligned(fromByteOffset: second + length, as: UInt64.self)
      if different != 0 { return length + UInt64(littleEndian: different).trailingZeroBitCount >> 3 }
      length += 8
    }
    while first + length < end
      && source.load(fromByteOffset: first + length, as: UInt8.self)
        == source.load(fromByteOffset: second + length, as: UInt8.self)
    { length += 1 }
    return length
  }

  /// The token and the literals.
  @inline(__always)
  private static func emit(
    _ source: UnsafeRawPointer, _ literals: Range<Int>, to out: inout UnsafeMutableRawPointer, match: Int
  ) {
    let token = UInt8(min(literals.count, 15) << 4 | min(match, 15))
    out.storeBytes(of: token, as: UInt8.self)
    out += 1
    emitRest(literals.count, to: &out)
    out.copyMemory(from: source + literals.lowerBound, byteCount: literals.count)
    out += literals.count
  }

  /// What a length has beyond the fifteen of a token.
  @inline(__always)
  private static func emitRest(_ length: Int, to out: inout UnsafeMutableRawPointer) {
    guard length >= 15 else { return }
    var rest = length - 15
    while rest >= 255 {
      out.storeBytes(of: 255, as: UInt8.self)
      out += 1
      rest -= 255
    }
    out.storeBytes(of: UInt8(rest), as: UInt8.self)
    out += 1
  }

  // MARK: Back

  /// Fills `target` from the block; false if the block is malformed, or is one of more or fewer bytes. Whatever the
  /// bytes are, nothing outside the two buffers is touched.
  package static func decompress(_ block: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer)
    -> Bool
  {
    guard let source = block.baseAddress, let to = target.baseAddress else { return false }
    var at = 0
    var done = 0
    while at < block.count {
      let token = source.load(fromByteOffset: at, as: UInt8.self)
      at += 1
      guard let literals = length(Int(token >> 4), source, &at, block.count),
        literals <= block.count - at, literals <= target.count - done
      else { return false }
      if literals <= 16 && block.count - at >= 16 && target.count - done >= 16 {
        // What is too much is written over later.
        let bytes = source.loadUnaligned(fromByteOffset: at, as: SIMD16<UInt8>.self)
        (to + done).storeBytes(of: bytes, as: SIMD16<UInt8>.self)
      } else {
        (to + done).copyMemory(from: source + at, byteCount: literals)
      }
      at += literals
      done += literals
      if at == block.count { return done == target.count && token & 15 == 0 }
      guard block.count - at >= 2 else { return false }
      let distance = Int(UInt16(littleEndian: source.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
      at += 2
      guard let rest = length(Int(token & 15), source, &at, block.count) else { return false }
      let count = rest + minimum
      guard distance > 0, distance <= done, count <= target.count - done else { return false }
      copy(to + done, distance, count, room: target.count - done)
      done += count
    }
    return false
  }

  /// Copies what lies `distance` bytes before, which may be part of the copy. Up to `room` bytes may be written: what is
  /// too much is written over later.
  @inline(__always)
  private static func copy(_ to: UnsafeMutableRawPointer, _ distance: Int, _ count: Int, room: Int) {
    if distance >= 16 && count <= 64 && count + 15 <= room {
      copy(to, distance, count, SIMD16<UInt8>.self)
    } else if distance >= 8 && count <= 32 && count + 7 <= room {
      copy(to, distance, count, UInt64.self)
    } else if distance >= count {
      to.copyMemory(from: to - distance, byteCount: count)
    } else if distance == 1 {
      to.initializeMemory(as: UInt8.self, repeating: (to - 1).load(as: UInt8.self), count: count)
    } else {
      var done = 0
      // Pieces that do not overlap, each as long as all before it.
      while done < count {
        let piece = min(distance + done, count - done)
        (to + done).copyMemory(from: to - distance, byteCount: piece)
        done += piece
      }
    }
  }

  /// The same in pieces of the size of `T`, no larger than the distance.
  @inline(__always)
  private static func copy<T>(_ to: UnsafeMutableRawPointer, _ distance: Int, _ count: Int, _: T.Type) {
    var done = 0
    repeat {
      (to + done).storeBytes(of: (to + (done - distance)).loadUnaligned(as: T.self), as: T.self)
      done += MemoryLayout<T>.size
    } while done < count
  }

  @inline(__always)
  private static func length(_ start: Int, _ source: UnsafeRawPointer, _ at: inout Int, _ end: Int) -> Int? {
    guard start == 15 else { return start }
    var length = start
    while at < end {
      let byte = source.load(fromByteOffset: at, as: UInt8.self)
      at += 1
      length += Int(byte)
      if byte != 255 { return length }
    }
    return nil
  }
}
