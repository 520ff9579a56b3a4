// Integer guests: CRC-32, sieve, SHA-256, matrix product.

/// CRC-32 (IEEE 802.3) by table over 1 MiB of noise, 24 times, each time going on from the last result.
func crc32Guest() -> UInt64 {
  let table = workArea.assumingMemoryBound(to: UInt32.self)
  for index in 0..<256 {
    var value = UInt32(index)
    for _ in 0..<8 { value = value & 1 != 0 ? 0xEDB8_8320 ^ (value &>> 1) : value &>> 1 }
    table[index] = value
  }
  let bytes = (workArea + 4096).assumingMemoryBound(to: UInt8.self)
  var random = Random(seed: 0x1234_5678_9ABC_DEF0)
  for index in 0..<(1 << 20) { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
  var crc: UInt32 = 0
  for _ in 0..<24 {
    crc = ~crc
    for index in 0..<(1 << 20) {
      crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[index])] ^ (crc &>> 8)
    }
    crc = ~crc
  }
  return UInt64(crc)
}

/// Sieve of Eratosthenes to 4 million, one byte a number, twice: how many primes, and their sum.
func sieveGuest() -> UInt64 {
  let limit = 4_000_000
  let composite = workArea.assumingMemoryBound(to: UInt8.self)
  var checksum: UInt64 = 0
  for _ in 0..<2 {
    var clear = 0
    while clear <= limit {
      (workArea + clear).storeBytes(of: 0, as: UInt64.self)
      clear += 8
    }
    var count: UInt64 = 0
    var sum: UInt64 = 0
    var number = 2
    while number <= limit {
      if composite[number] == 0 {
        count &+= 1
        sum &+= UInt64(number)
        var multiple = number &* number
        while multiple <= limit {
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

/// One block of SHA-256 (FIPS 180-4, section "SHA-256 Hash Computation"). `schedule` has room for 64 words,
/// of which the block fills the first 16.
private func compress(_ state: UnsafeMutablePointer<UInt32>, _ schedule: UnsafeMutablePointer<UInt32>) {
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
    h = g
    g = f
    f = e
    e = d &+ first
    d = c
    c = b
    b = a
    a = first &+ other &+ majority
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

/// SHA-256 of 3 MiB of bytes that count 0, 1 … 255, 0 …: the first 8 bytes of the digest.
func sha256Guest() -> UInt64 {
  let state = workArea.assumingMemoryBound(to: UInt32.self)
  let schedule = (workArea + 64).assumingMemoryBound(to: UInt32.self)
  state[0] = 0x6a09_e667
  state[1] = 0xbb67_ae85
  state[2] = 0x3c6e_f372
  state[3] = 0xa54f_f53a
  state[4] = 0x510e_527f
  state[5] = 0x9b05_688c
  state[6] = 0x1f83_d9ab
  state[7] = 0x5be0_cd19
  let length: UInt64 = 3 << 20
  var position: UInt64 = 0
  while position < length {
    for index in 0..<16 {
      let byte = UInt8(truncatingIfNeeded: position &+ UInt64(index) &* 4)
      schedule[index] =
        UInt32(byte) &<< 24 | UInt32(byte &+ 1) &<< 16 | UInt32(byte &+ 2) &<< 8 | UInt32(byte &+ 3)
    }
    compress(state, schedule)
    position &+= 64
  }
  for index in 0..<16 { schedule[index] = 0 }
  schedule[0] = 0x8000_0000
  schedule[14] = UInt32(truncatingIfNeeded: length &>> 29)
  schedule[15] = UInt32(truncatingIfNeeded: length &<< 3)
  compress(state, schedule)
  return UInt64(state[0]) << 32 | UInt64(state[1])
}

/// Eight products of 160 x 160 matrices of 64-bit integers, each product cut to 16 bits for the next.
func matrixGuest() -> UInt64 {
  let size = 160
  let left = workArea.assumingMemoryBound(to: Int64.self)
  let right = left + size * size
  let product = right + size * size
  var random = Random(seed: 7)
  for index in 0..<(size * size) {
    left[index] = Int64(random.next() & 0xFFFF) - 0x8000
    right[index] = Int64(random.next() & 0xFFFF) - 0x8000
  }
  var checksum: UInt64 = 0
  for _ in 0..<8 {
    for row in 0..<size {
      for column in 0..<size {
        var sum: Int64 = 0
        var first = left + row * size
        var second = right + column
        for _ in 0..<size {
          sum &+= first.pointee &* second.pointee
          first += 1
          second += size
        }
        product[row * size + column] = sum
      }
    }
    for index in 0..<(size * size) {
      checksum = (checksum << 5 | checksum >> 59) ^ UInt64(bitPattern: product[index])
      left[index] = product[index] & 0xFFFF &- 0x8000
    }
  }
  return checksum
}
