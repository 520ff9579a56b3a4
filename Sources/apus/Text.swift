/// Numbers as text, without Foundation.
package enum Text {
  /// A non-negative number with `places` (0 to 9) decimal places, rounded to nearest.
  package static func fixed(_ value: Double, places: Int) -> String {
    var scale: UInt64 = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = (value * Double(scale)).rounded()
    guard scaled >= 0, scaled < 1e18 else { return "-" }
    let number = UInt64(scaled)
    guard places > 0 else { return String(number) }
    return "\(number / scale).\(padded(String(number % scale), to: places, with: "0"))"
  }

  /// Nanoseconds as seconds with three decimal places.
  package static func seconds(_ nanoseconds: UInt64) -> String {
    fixed(Double(nanoseconds) / 1e9, places: 3)
  }

  /// `text` with `filler` on its left up to `width` characters.
  package static func padded(_ text: String, to width: Int, with filler: Character = " ") -> String {
    String(repeating: filler, count: max(0, width - text.count)) + text
  }

  /// Sixteen hexadecimal digits.
  package static func hex(_ value: UInt64) -> String { padded(String(value, radix: 16), to: 16, with: "0") }
}
