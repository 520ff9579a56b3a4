// The one guest that uses SSE2: compiled by itself, with the SSE registers that the others do without.

/// Mandelbrot set by pairs of double-precision numbers, 480 x 360 points, at most 256 steps. The result is
/// the sum of the steps, each weighed by its place.
@c(mandelbrot)
public func mandelbrot() -> UInt64 {
  var checksum: UInt64 = 0
  for row in 0..<360 {
    let imaginary = SIMD2<Double>(repeating: Double(row) / 180 - 1)
    for column in stride(from: 0, to: 480, by: 2) {
      let real = SIMD2(Double(column), Double(column + 1)) / 192 - 2
      let steps = escape(real, imaginary)
      checksum = checksum &* 31 &+ steps
    }
  }
  return checksum
}

/// Steps of both points until they leave the circle of radius 2, in the halves of the result.
@inline(never)
private func escape(_ real: SIMD2<Double>, _ imaginary: SIMD2<Double>) -> UInt64 {
  var x = SIMD2<Double>(repeating: 0)
  var y = x
  var counts = SIMD2<Int64>(repeating: 0)
  for _ in 0..<256 {
    let xx = x * x
    let yy = y * y
    let inside = xx + yy .<= SIMD2(repeating: 4)
    if !inside[0], !inside[1] { break }
    counts = counts &+ SIMD2<Int64>(repeating: 0).replacing(with: 1, where: inside)
    let xy = x * y
    x = xx - yy + real
    y = xy + xy + imaginary
  }
  return UInt64(bitPattern: counts[0]) << 16 ^ UInt64(bitPattern: counts[1])
}
