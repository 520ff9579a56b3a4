// Workloads on memory: copies, string lengths, a chain of pointers.

@_extern(c, "copy_vectors")
private func copyVectors(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ bytes: Int)
@_extern(c, "copy_string")
private func copyString(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ bytes: Int)
@_extern(c, "byte_length") private func byteLength(_ text: UnsafeRawPointer) -> Int
@_extern(c, "chase")
private func chase(
  _ node: UnsafeRawPointer, _ steps: Int, _ sum: UnsafeMutablePointer<UInt64>
) -> UnsafeRawPointer

let copySize = 1 << 20

/// Source and target, 1 MiB each; the source has 4 KiB more.
func prepareCopy(_ memory: UnsafeMutableRawPointer) {
  var random = Random(seed: 4)
  for index in 0..<((copySize + 4096) / 8) {
    (memory + copySize).storeBytes(of: random.next(), toByteOffset: index * 8, as: UInt64.self)
  }
}

/// 1 GiB in copies from changing places, of all alignments, so that none leaves what the one before did.
@inline(__always)
private func copies(
  _ memory: UnsafeMutableRawPointer, _ copy: (UnsafeMutableRawPointer, UnsafeRawPointer, Int) -> Void
) -> UInt64 {
  var checksum: UInt64 = 0
  for round in 0..<1024 {
    copy(memory, memory + copySize + round, copySize)
    checksum = checksum &* 31 &+ (memory + round &* 1000).load(as: UInt64.self)
  }
  return checksum ^ folded(memory, words: copySize / 8)
}

func copyByVectors(_ memory: UnsafeMutableRawPointer) -> UInt64 { copies(memory) { copyVectors($0, $1, $2) } }

func copyByString(_ memory: UnsafeMutableRawPointer) -> UInt64 { copies(memory) { copyString($0, $1, $2) } }

let textSize = 4 << 20

/// Texts of 1 to 4000 bytes, short ones oftener than long ones, one behind another; an empty one is the end.
func prepareTexts(_ memory: UnsafeMutableRawPointer) {
  let bytes = memory.assumingMemoryBound(to: UInt8.self)
  var random = Random(seed: 6)
  var place = 0
  while place < textSize - 4008 {
    let bits = random.next()
    let length = Int(1 + (bits & 0xFFFF) % (4000 >> (bits >> 16 & 7)))
    for index in 0..<length { bytes[place + index] = UInt8(1 + (index + place) % 255) }
    bytes[place + length] = 0
    place += length + 1
  }
  bytes[place] = 0
}

func textLengths(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  var checksum: UInt64 = 0
  for _ in 0..<15 {
    var text = memory
    while true {
      let length = byteLength(text)
      if length == 0 { break }
      checksum = (checksum &<< 7 | checksum &>> 57) &+ UInt64(length)
      text += length &+ 1
    }
  }
  return checksum
}

let nodeCount = 4096

/// Where a page has its node: at a line of 64 bytes that differs from page to page.
private func place(_ page: Int) -> Int { page * 4096 + page * 37 % 64 * 64 }

/// A ring of all pages in an order by chance (Sattolo's algorithm: a permutation that is one cycle).
func prepareChase(_ memory: UnsafeMutableRawPointer) {
  var random = Random(seed: 8)
  for page in 0..<nodeCount {
    memory.storeBytes(of: UInt64(page), toByteOffset: place(page), as: UInt64.self)
  }
  var last = nodeCount - 1
  while last > 0 {
    let other = Int(random.next() >> 8) % last
    let number = memory.load(fromByteOffset: place(last), as: UInt64.self)
    let exchanged = memory.load(fromByteOffset: place(other), as: UInt64.self)
    memory.storeBytes(of: exchanged, toByteOffset: place(last), as: UInt64.self)
    memory.storeBytes(of: number, toByteOffset: place(other), as: UInt64.self)
    last -= 1
  }
  for page in 0..<nodeCount {
    let next = Int(memory.load(fromByteOffset: place(page), as: UInt64.self))
    memory.storeBytes(of: address(memory + place(next)), toByteOffset: place(page), as: Int.self)
    memory.storeBytes(of: next &* next, toByteOffset: place(page) + 8, as: Int.self)
  }
}

func chaseNodes(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  var sum: UInt64 = 0
  let end = chase(memory + place(0), 6_001_234, &sum)
  return sum << 24 ^ UInt64(end - UnsafeRawPointer(memory))
}
