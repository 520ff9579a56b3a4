// Guests whose loops are of x87 and of AVX2 instructions. What they work on is made by general registers alone.

@_extern(c, "x87_loop") private func x87Loop(_ table: UnsafeRawPointer, _ rounds: UInt64) -> UInt64
@_extern(c, "avx2_start") func avx2Start() -> UInt32
@_extern(c, "avx2_loop") private func avx2Loop(_ block: UnsafeMutableRawPointer, _ rounds: UInt64) -> UInt64

/// Loads, stores, sums, products, quotients and square roots.
func x87Guest() -> UInt64 {
  var random = Random(seed: 13)
  for index in 0..<256 {
    let one: UInt64 = 0x3FF0_0000_0000_0000
    let number = one | random.next() &>> 12
    let integer = UInt32(truncatingIfNeeded: random.next() &>> 20)
    for entry in stride(from: index, to: 512, by: 256) {
      workArea.storeBytes(of: number, toByteOffset: entry * 8, as: UInt64.self)
      workArea.storeBytes(of: integer, toByteOffset: 4096 + entry * 4, as: UInt32.self)
    }
  }
  return x87Loop(workArea, 5_500_000)
}

/// 8 KiB of integers, through 256-bit registers.
func avx2Guest() -> UInt64 {
  var random = Random(seed: 14)
  for index in 0..<1024 { workArea.storeBytes(of: random.next(), toByteOffset: index * 8, as: UInt64.self) }
  return avx2Loop(workArea, 28_000)
}
