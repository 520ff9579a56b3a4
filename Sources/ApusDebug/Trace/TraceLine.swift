/// The lines of a trace, as text for people or as JSON for programs: one definition serves both. Millions of them are
/// written each second, so bytes go straight to a buffer, which has room for a line of any event beyond a batch.
@safe final class TraceLines {
  let isJSON: Bool
  private let buffer: UnsafeMutablePointer<UInt8>
  private var count = 0
  /// The column of instructions with the blank behind it, which most lines share with the one before, and what it says.
  private let column: UnsafeMutablePointer<UInt8>
  private var columnValue = UInt64.max
  private var columnSize = 0

  /// Bytes that are worth a write, and the most that a line has: texts in it are cut to `longestText`.
  private static let batch = 1 << 18
  private static let longestLine = 1 << 12
  private static let longestText = 512
  /// Digits of the largest number, and a blank.
  private static let longestColumn = 21

  init(isJSON: Bool) {
    self.isJSON = isJSON
    unsafe buffer = .allocate(capacity: Self.batch + Self.longestLine)
    unsafe column = .allocate(capacity: Self.longestColumn)
  }

  deinit {
    unsafe buffer.deallocate()
    unsafe column.deallocate()
  }

  var isFull: Bool { count >= Self.batch }

  /// The lines since the last time.
  func take() -> [UInt8] {
    defer { count = 0 }
    return unsafe Array(UnsafeBufferPointer(start: buffer, count: count))
  }

  /// Begins a line about what an instruction did when so many were retired. People get its linear address, programs RIP.
  func begin(
    _ kind: StaticString, _ instructions: UInt64, rip: UInt64, linear: UInt64
  ) {
    if isJSON {
      append("{\"n\":")
      decimal(instructions)
      append(",\"rip\":\"0x")
      digits(rip, 1)
      append("\",\"event\":\"")
      append(kind)
      append("\"")
      return
    }
    column(instructions)
    place(linear)
    append("  ")
    append(kind)
  }

  /// Begins a line of text with how many instructions were retired.
  func column(_ instructions: UInt64) {
    if instructions != columnValue { moveColumn(to: instructions) }
    unsafe (buffer + count).update(from: column, count: columnSize)
    count += columnSize
  }

  /// The linear address of a line of text.
  func place(_ linear: UInt64) {
    digits(linear, 16)
    append("  ")
  }

  /// Most often, to the next number, of which one digit is another.
  private func moveColumn(to value: UInt64) {
    if columnValue &+ 1 == value, columnSize > 1, unsafe column[columnSize - 2] != 0x39 {
      unsafe column[columnSize - 2] += 1
    } else {
      let start = count
      decimal(value, width: 12)
      append(" ")
      columnSize = count - start
      unsafe column.update(from: buffer + start, count: columnSize)
      count = start
    }
    columnValue = value
  }

  /// Where the next byte comes.
  var position: Int { count }

  /// The bytes from a position on, which must be of the line that was begun last.
  func withBytes(from position: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    unsafe body(UnsafeBufferPointer(start: buffer + position, count: count - position))
  }

  /// Bytes that are a part of a line, at most as many as a text has.
  func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let base = bytes.baseAddress else { return }
    unsafe (buffer + count).update(from: base, count: min(bytes.count, Self.longestText))
    count += min(bytes.count, Self.longestText)
  }

  func end() { append(isJSON ? "}\n" : "\n") }

  /// A number in hexadecimal: `name=1f`, `"name":"0x1f"`.
  func hex(_ name: StaticString, _ value: UInt64, _ width: Int = 1) {
    key(name)
    if isJSON { append("\"0x") }
    digits(value, width)
    if isJSON { append("\"") }
  }

  func number(_ name: StaticString, _ value: UInt64) {
    key(name)
    decimal(value)
  }

  /// A word without blanks.
  func word(_ name: StaticString, _ value: StaticString) {
    key(name)
    if isJSON { append("\"") }
    append(value)
    if isJSON { append("\"") }
  }

  /// A word without blanks that is not known before.
  func label(_ name: StaticString, _ value: [UInt8]) {
    key(name)
    put(value)
  }

  /// Printable ASCII without quotes and backslashes; in text without the name.
  func text(_ name: StaticString, _ value: [UInt8]) {
    if isJSON { key(name) } else { append("  ") }
    put(value)
  }

  private func put(_ value: [UInt8]) {
    if isJSON { append("\"") }
    let size = min(value.count, Self.longestText)
    unsafe value.withUnsafeBufferPointer { source in
      guard let base = source.baseAddress else { return }
      unsafe (buffer + count).update(from: base, count: size)
    }
    count += size
    if isJSON { append("\"") }
  }

  /// What is there or not: its name in text, `"name":true` in JSON.
  func flag(_ name: StaticString, _ value: Bool) {
    guard value else { return }
    if isJSON {
      key(name)
      append("true")
    } else {
      append(" ")
      append(name)
    }
  }

  @inline(__always)
  private func key(_ name: StaticString) {
    append(isJSON ? ",\"" : " ")
    append(name)
    append(isJSON ? "\":" : "=")
  }

  /// Few bytes, so that a loop is faster than a call.
  @inline(__always)
  private func append(_ text: StaticString) {
    let size = text.utf8CodeUnitCount
    for index in 0..<size { unsafe buffer[count + index] = text.utf8Start[index] }
    count += size
  }

  /// At least `width` hexadecimal digits, sixteen at most.
  private func digits(_ value: UInt64, _ width: Int) {
    let size = max(width, (67 - value.leadingZeroBitCount) / 4)
    // Eight nibbles at a time, each in a byte of its own, the first in the lowest.
    store(value << UInt64(64 - size * 4), size)
  }

  /// Writes the `size` highest nibbles of `value`; the bytes behind them are written, too.
  @inline(__always)
  private func store(_ value: UInt64, _ size: Int) {
    unsafe UnsafeMutableRawPointer(buffer + count).storeBytes(of: Self.nibbles(value >> 32), as: UInt64.self)
    if size > 8 {
      unsafe UnsafeMutableRawPointer(buffer + count + 8)
        .storeBytes(of: Self.nibbles(value & 0xFFFF_FFFF), as: UInt64.self)
    }
    count += size
  }

  /// The eight nibbles of a number below 2^32 as digits.
  @inline(__always)
  private static func nibbles(_ value: UInt64) -> UInt64 {
    var x = (value & 0xFFFF_0000) << 16 | value & 0xFFFF
    x = (x & 0xFF00_0000_FF00) << 8 | x & 0x00FF_0000_00FF
    x = (x & 0x00F0_00F0_00F0_00F0) << 4 | x & 0x000F_000F_000F_000F
    // The nibbles are in bytes from high to low; one that is ten or more is a letter.
    let letters = (x &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return (x &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).byteSwapped.littleEndian
  }

  private func decimal(_ value: UInt64, width: Int = 1) {
    var size = 1
    var bound: UInt64 = 10
    while value >= bound {
      size += 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
      if overflow { break }
      bound = next
    }
    for _ in size..<max(size, width) {
      unsafe buffer[count] = 0x20
      count += 1
    }
    var rest = value
    var index = count + size
    repeat {
      index -= 1
      unsafe buffer[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while index > count
    count += size
  }
}
