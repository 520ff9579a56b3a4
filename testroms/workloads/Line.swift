// Text without memory to allocate, and numbers by chance that are the same in every run.

/// A line of text. What does not fit is left out.
struct Line {
  var bytes = InlineArray<160, UInt8>(repeating: 0)
  private(set) var count = 0

  private mutating func add(byte: UInt8) {
    // The last place is kept for the end of the line.
    if count < 159 || byte == 0x0A && count < 160 {
      bytes[count] = byte
      count += 1
    }
  }

  mutating func add(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { add(byte: text.utf8Start[index]) }
  }

  mutating func add(_ text: UnsafePointer<UInt8>) {
    var next = text
    while next.pointee != 0 {
      add(byte: next.pointee)
      next += 1
    }
  }

  mutating func add(_ line: Line) {
    for index in 0..<line.count { add(byte: line.bytes[index]) }
  }

  mutating func add(hexadecimal value: UInt64) {
    var shift: UInt64 = 64
    while shift > 0 {
      shift -= 4
      let nibble = UInt8(truncatingIfNeeded: value &>> shift) & 0xF
      add(byte: nibble < 10 ? 0x30 + nibble : 0x37 + nibble)
    }
  }

  mutating func add(decimal value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      add(byte: 0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
  }
}

/// Whether a text that ends with a zero is this literal.
func == (left: StaticString, right: UnsafePointer<UInt8>) -> Bool {
  for index in 0..<left.utf8CodeUnitCount where left.utf8Start[index] != right[index] { return false }
  return right[left.utf8CodeUnitCount] == 0
}

func == (left: StaticString, right: StaticString) -> Bool {
  guard left.utf8CodeUnitCount == right.utf8CodeUnitCount else { return false }
  for index in 0..<left.utf8CodeUnitCount where left.utf8Start[index] != right.utf8Start[index] {
    return false
  }
  return true
}

/// Xorshift64.
struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state ^= state &<< 13
    state ^= state &>> 7
    state ^= state &<< 17
    return state
  }
}

/// Folds words into a checksum.
func folded(_ memory: UnsafeRawPointer, words: Int) -> UInt64 {
  var checksum: UInt64 = 0
  for index in 0..<words {
    checksum = (checksum &<< 5 | checksum &>> 59) &+ memory.load(fromByteOffset: index &* 8, as: UInt64.self)
  }
  return checksum
}
