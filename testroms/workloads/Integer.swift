// Workloads on integers: sieve, SHA-256, quicksort.

let sieveLimit = 8_000_000

/// Sieve of Eratosthenes, a byte a number, twice: how many primes there are below the limit, and their sum.
func sieve(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  let composite = memory.assumingMemoryBound(to: UInt8.self)
  var checksum: UInt64 = 0
  for _ in 0..<2 {
    for index in 0..<(sieveLimit / 8) { memory.storeBytes(of: 0, toByteOffset: index &* 8, as: UInt64.self) }
    var count: UInt64 = 0
    var sum: UInt64 = 0
    var number = 2
    while number < sieveLimit {
      if composite[number] == 0 {
        count &+= 1
        sum &+= UInt64(number)
        var multiple = number &* number
        while multiple < sieveLimit {
          composite[multiple] = 1
          multiple &+= number
        }
      }
      number &+= 1
    }
    checksum = checksum &* 31 &+ (count << 44 ^ sum)
  }
  return checksum
}

let shaLength = 16 << 20

private let roundConstants: InlineArray<64, UInt32> = [
  0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
  0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
  0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
  0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
  0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
  0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
  0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
  0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
]

@inline(__always)
private func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 {
  value &>> count | value &<< (32 &- count)
}

/// One block (FIPS 180-4, section "SHA-256 Hash Computation").
@inline(never)
private func compress(
  _ state: UnsafeMutablePointer<UInt32>, _ schedule: UnsafeMutablePointer<UInt32>,
  _ block: UnsafePointer<UInt32>
) {
  for index in 0..<16 { schedule[index] = block[index].byteSwapped }
  for index in 16..<64 {
    let early = schedule[index &- 15]
    let late = schedule[index &- 2]
    let first = rotated(early, 7) ^ rotated(early, 18) ^ early &>> 3
    let second = rotated(late, 17) ^ rotated(late, 19) ^ late &>> 10
    schedule[index] = schedule[index &- 16] &+ first &+ schedule[index &- 7] &+ second
  }
  var (a, b, c, d) = (state[0], state[1], state[2], state[3])
  var (e, f, g, h) = (state[4], state[5], state[6], state[7])
  for index in 0..<64 {
    let sum = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
    let choice = e & f ^ ~e & g
    let first = h &+ sum &+ choice &+ roundConstants[index] &+ schedule[index]
    let other = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
    let majority = a & b ^ a & c ^ b & c
    (h, g, f, e) = (g, f, e, d &+ first)
    (d, c, b, a) = (c, b, a, first &+ other &+ majority)
  }
  state[0] &+= a
  state[1] &+= b
  state[2] &+= c
  state[3] &+= d
  state[4] &+= e
  state[5] &+= f
  state[6] &+= g
  state[7] &+= h
}

/// Bytes that count 0, 1 … 250, 0 …, then the block that ends a message of whole blocks.
func prepareMessage(_ memory: UnsafeMutableRawPointer) {
  let bytes = memory.assumingMemoryBound(to: UInt8.self)
  for index in 0..<shaLength { bytes[index] = UInt8(index % 251) }
  bytes[shaLength] = 0x80
  let bits = UInt64(shaLength) * 8
  memory.storeBytes(of: bits.byteSwapped, toByteOffset: shaLength + 56, as: UInt64.self)
}

/// The first 8 bytes of the digest.
func sha256(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  let schedule = (memory + shaLength + 256).assumingMemoryBound(to: UInt32.self)
  let state = schedule + 64
  state[0] = 0x6a09_e667
  state[1] = 0xbb67_ae85
  state[2] = 0x3c6e_f372
  state[3] = 0xa54f_f53a
  state[4] = 0x510e_527f
  state[5] = 0x9b05_688c
  state[6] = 0x1f83_d9ab
  state[7] = 0x5be0_cd19
  for block in 0...(shaLength / 64) {
    compress(state, schedule, (memory + block &* 64).assumingMemoryBound(to: UInt32.self))
  }
  return UInt64(state[0]) << 32 | UInt64(state[1])
}

typealias Comparison = @convention(c) (UnsafeRawPointer, UnsafeRawPointer) -> Int32

@_extern(c, "comparison") private func comparison() -> Comparison

/// What `comparison` points to.
@c(compare_numbers)
public func compareNumbers(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) -> Int32 {
  let first = left.load(as: Int32.self)
  let second = right.load(as: Int32.self)
  return first < second ? -1 : first > second ? 1 : 0
}

let sortCount = 1_000_000

func prepareSort(_ memory: UnsafeMutableRawPointer) {
  let numbers = memory.assumingMemoryBound(to: UInt32.self)
  var random = Random(seed: 77)
  for index in 0..<sortCount { numbers[index] = UInt32(truncatingIfNeeded: random.next() &>> 16) }
}

/// A million numbers in order, by a comparison as C's qsort has it.
func sort(_ memory: UnsafeMutableRawPointer) -> UInt64 {
  let numbers = memory.assumingMemoryBound(to: UInt32.self)
  sort(numbers, numbers + (sortCount - 1), comparison())
  return folded(memory, words: sortCount / 2)
}

/// Quicksort by the median of three, with insertion for short runs.
@inline(never)
private func sort(
  _ first: UnsafeMutablePointer<UInt32>, _ last: UnsafeMutablePointer<UInt32>, _ compare: Comparison
) {
  var low = first
  var high = last
  while high - low > 8 {
    let middle = low + (high - low) / 2
    if compare(middle, low) < 0 { exchange(middle, low) }
    if compare(high, middle) < 0 {
      exchange(high, middle)
      if compare(middle, low) < 0 { exchange(middle, low) }
    }
    // The pivot stays outside what is exchanged, where its address does not change.
    let pivot = low + 1
    exchange(pivot, middle)
    var left = pivot
    var right = high
    while true {
      repeat { left += 1 } while compare(left, pivot) < 0
      repeat { right -= 1 } while compare(right, pivot) > 0
      if left >= right { break }
      exchange(left, right)
    }
    exchange(pivot, right)
    // The shorter part by recursion, so that its depth is at most the logarithm.
    if right - low < high - right {
      sort(low, right - 1, compare)
      low = right + 1
    } else {
      sort(right + 1, high, compare)
      high = right - 1
    }
  }
  var next = low + 1
  while next <= high {
    var value = next.pointee
    var place = next
    while place > low, compare(place - 1, &value) > 0 {
      place.pointee = place[-1]
      place -= 1
    }
    place.pointee = value
    next += 1
  }
}

@inline(__always)
private func exchange(_ left: UnsafeMutablePointer<UInt32>, _ right: UnsafeMutablePointer<UInt32>) {
  let value = left.pointee
  left.pointee = right.pointee
  right.pointee = value
}
