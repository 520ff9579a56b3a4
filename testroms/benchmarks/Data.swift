// Guests that move and order data: memory, REP, strings, hash table, quicksort.

@_extern(c, "fill_words")
private func fillWords(_ target: UnsafeMutableRawPointer, _ value: UInt64, _ count: UInt64)
@_extern(c, "copy_words")
private func copyWords(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: UInt64)
@_extern(c, "copy_bytes")
private func copyBytes(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: UInt64)
@_extern(c, "sum_words")
private func sumWords(_ source: UnsafeRawPointer, _ count: UInt64) -> UInt64
@_extern(c, "rep_fill8")
private func repFill8(_ target: UnsafeMutableRawPointer, _ value: UInt8, _ count: UInt64)
@_extern(c, "rep_fill64")
private func repFill64(_ target: UnsafeMutableRawPointer, _ value: UInt64, _ count: UInt64)
@_extern(c, "rep_copy8")
private func repCopy8(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: UInt64)
@_extern(c, "rep_copy64")
private func repCopy64(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: UInt64)
@_extern(c, "rep_copy8_down")
private func repCopy8Down(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: UInt64)

private let mebibyte: UInt64 = 1 << 20

/// Fills, copies and sums 4 MiB blocks by loops of single loads and stores.
func memoryGuest() -> UInt64 {
  let first = workArea
  let second = workArea + Int(8 * mebibyte)
  let words = 4 * mebibyte / 8
  var checksum: UInt64 = 0
  for round in 0..<UInt64(8) {
    fillWords(first, 0x0123_4567_89AB_CDEF &* (round &+ 1), words)
    copyWords(second, first, words)
    copyBytes(first + 8, second + 3, mebibyte)
    checksum = checksum &* 31 &+ sumWords(first, words) ^ sumWords(second, words)
  }
  return checksum
}

/// REP STOS and REP MOVS over long, short, unaligned, overlapping and descending blocks. Nearly all of the
/// work lies within the string instructions; the rest is many calls for a few bytes each.
func repGuest() -> UInt64 {
  let first = workArea
  let second = workArea + Int(16 * mebibyte)
  var checksum: UInt64 = 0
  for round in 0..<UInt64(16) {
    repFill64(first, 0x0123_4567_89AB_CDEF &* (round &+ 3), mebibyte)
    repFill8(first + 12345, UInt8(truncatingIfNeeded: round), mebibyte)
    repCopy64(second, first, mebibyte)
    repCopy8(second + 1, first + 4093, 4 * mebibyte)
    repCopy8(second + 100, second, 65536)  // overlapping upwards: a pattern of 100 bytes
    repCopy8Down(second + 99_999, second + 99_900, 65536)
    checksum = checksum &* 31 &+ sumWords(second, mebibyte / 8) ^ sumWords(first, 4096)
  }
  var random = Random(seed: 99)
  for _ in 0..<3_000_000 {
    let bits = random.next()
    let source = first + Int(bits & 0xFFFF)
    let target = second + Int(bits >> 16 & 0xFFFF)
    repCopy8(target, source, bits >> 32 & 31)
  }
  return checksum &* 31 &+ sumWords(second, 8192)
}

/// C-style strings: length, case folding, comparison, search, byte by byte.
func stringGuest() -> UInt64 {
  let text = workArea.assumingMemoryBound(to: UInt8.self)
  let copy = (workArea + Int(mebibyte)).assumingMemoryBound(to: UInt8.self)
  let length = 1 << 18
  var random = Random(seed: 5)
  for index in 0..<length {
    let bits = random.next()
    text[index] = bits & 7 == 0 ? 0x20 : UInt8((bits >> 8) % 26) + (bits & 8 == 0 ? 0x41 : 0x61)
  }
  text[length] = 0
  var checksum: UInt64 = 0
  for round in 0..<UInt8(14) {
    let size = byteLength(text)
    fold(text, into: copy)
    checksum = checksum &* 31 &+ UInt64(countWords(copy)) &* 0x10_0001 &+ UInt64(size)
    checksum = checksum &* 31 &+ UInt64(difference(text, copy))
    checksum ^= UInt64(occurrences(copy, 0x61 &+ round, 0x65)) << 32
    text[Int(round) &* 1000] = 0x41 &+ round
  }
  return checksum
}

@inline(never)
private func byteLength(_ text: UnsafePointer<UInt8>) -> Int {
  var end = text
  while end.pointee != 0 { end += 1 }
  return end - text
}

@inline(never)
private func fold(_ text: UnsafePointer<UInt8>, into copy: UnsafeMutablePointer<UInt8>) {
  var source = text
  var target = copy
  while true {
    let byte = source.pointee
    target.pointee = byte &- 0x41 < 26 ? byte | 0x20 : byte
    if byte == 0 { return }
    source += 1
    target += 1
  }
}

@inline(never)
private func countWords(_ text: UnsafePointer<UInt8>) -> Int {
  var count = 0
  var inside = false
  var position = text
  while position.pointee != 0 {
    let isSpace = position.pointee == 0x20
    if !isSpace, !inside { count &+= 1 }
    inside = !isSpace
    position += 1
  }
  return count
}

/// How many bytes differ.
@inline(never)
private func difference(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>) -> Int {
  var count = 0
  var index = 0
  while left[index] != 0, right[index] != 0 {
    if left[index] != right[index] { count &+= 1 }
    index &+= 1
  }
  return count
}

/// How often two bytes follow each other.
@inline(never)
private func occurrences(_ text: UnsafePointer<UInt8>, _ first: UInt8, _ second: UInt8) -> Int {
  var count = 0
  var position = text
  while position.pointee != 0 {
    if position.pointee == first, position[1] == second { count &+= 1 }
    position += 1
  }
  return count
}

/// Open addressing with linear probing: 2^18 slots of key and value; insertions, look-ups, updates.
func hashTableGuest() -> UInt64 {
  let mask: UInt64 = (1 << 18) - 1
  let slots = workArea.assumingMemoryBound(to: UInt64.self)
  for index in 0..<Int((mask + 1) * 2) { slots[index] = 0 }
  var checksum: UInt64 = 0
  for round in 0..<UInt64(8) {
    var random = Random(seed: 1000 + round % 3)
    for _ in 0..<60_000 {
      let key = random.next() | 1
      let slot = find(slots, key, mask)
      slots[slot] = key
      slots[slot + 1] &+= round &+ 1
    }
    var lookup = Random(seed: 1001)
    for _ in 0..<200_000 {
      let bits = lookup.next()
      let slot = find(slots, bits | 1, mask)
      checksum = checksum &* 3 &+ slots[slot + 1]
    }
  }
  return checksum
}

/// Index of the key's slot, or of the free one where it belongs.
@inline(never)
private func find(_ slots: UnsafePointer<UInt64>, _ key: UInt64, _ mask: UInt64) -> Int {
  var hash = key &* 0x9E37_79B9_7F4A_7C15
  hash ^= hash &>> 29
  var index = Int(hash & mask)
  while true {
    let found = slots[index &* 2]
    if found == key || found == 0 { return index &* 2 }
    index = (index &+ 1) & Int(mask)
  }
}

/// Quicksort (median of three, insertion sort for short runs) of 400,000 integers, three times.
func quicksortGuest() -> UInt64 {
  let values = workArea.assumingMemoryBound(to: Int64.self)
  let count = 400_000
  var checksum: UInt64 = 0
  for seed in UInt64(1)...3 {
    var random = Random(seed: seed)
    for index in 0..<count { values[index] = Int64(bitPattern: random.next()) &>> 20 }
    sort(values, 0, count - 1)
    for index in 1..<count {
      if values[index &- 1] > values[index] { return 0xDEAD }
      checksum = checksum &* 31 &+ UInt64(bitPattern: values[index])
    }
  }
  return checksum
}

@inline(never)
private func sort(_ values: UnsafeMutablePointer<Int64>, _ first: Int, _ last: Int) {
  var low = first
  let high = last
  while high &- low > 12 {
    let middle = (low &+ high) / 2
    if values[middle] < values[low] { swap(values, middle, low) }
    if values[high] < values[low] { swap(values, high, low) }
    if values[high] < values[middle] { swap(values, high, middle) }
    let pivot = values[middle]
    var left = low
    var right = high
    while left <= right {
      while values[left] < pivot { left &+= 1 }
      while values[right] > pivot { right &-= 1 }
      if left <= right {
        swap(values, left, right)
        left &+= 1
        right &-= 1
      }
    }
    sort(values, low, right)
    low = left
  }
  var index = low &+ 1
  while index <= high {
    let value = values[index]
    var position = index
    while position > low, values[position &- 1] > value {
      values[position] = values[position &- 1]
      position &-= 1
    }
    values[position] = value
    index &+= 1
  }
}

@inline(__always)
private func swap(_ values: UnsafeMutablePointer<Int64>, _ left: Int, _ right: Int) {
  let value = values[left]
  values[left] = values[right]
  values[right] = value
}
