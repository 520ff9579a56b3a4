// Plain text on COM1: StaticString pieces and numbers, no heap.

func say(_ text: StaticString) {
  for index in 0..<text.utf8CodeUnitCount { Serial.write(text.utf8Start[index]) }
}

func sayLine(_ text: StaticString = "") {
  say(text)
  Serial.write(0x0D)
  Serial.write(0x0A)
}

/// Upper-case hexadecimal with exactly `digits` digits, no prefix.
func sayHex(_ value: UInt64, _ digits: Int) {
  var shift = digits * 4
  while shift > 0 {
    shift -= 4
    let nibble = UInt8(truncatingIfNeeded: value &>> UInt64(shift)) & 0xF
    Serial.write(nibble < 10 ? 0x30 + nibble : 0x37 + nibble)
  }
}

/// Decimal, right-aligned in `width` columns.
func sayDecimal(_ value: UInt64, width: Int = 0) {
  var divisor: UInt64 = 1
  var digits = 1
  while value / divisor >= 10 {
    divisor *= 10
    digits += 1
  }
  sayPadding(width - digits)
  while divisor > 0 {
    Serial.write(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
    divisor /= 10
  }
}

func sayPadding(_ count: Int) {
  var left = count
  while left > 0 {
    Serial.write(0x20)
    left -= 1
  }
}

/// `text`, then spaces up to `width` columns.
func sayPadded(_ text: StaticString, _ width: Int) {
  say(text)
  sayPadding(width - text.utf8CodeUnitCount)
}

/// A size in the largest binary unit that divides it.
func saySize(_ bytes: UInt64) {
  if bytes & 0x3FFF_FFFF == 0, bytes != 0 {
    sayDecimal(bytes >> 30)
    say(" GiB")
  } else if bytes & 0xF_FFFF == 0, bytes != 0 {
    sayDecimal(bytes >> 20)
    say(" MiB")
  } else if bytes & 0x3FF == 0 {
    sayDecimal(bytes >> 10)
    say(" KiB")
  } else {
    sayDecimal(bytes)
    say(" bytes")
  }
}

/// Words separated by commas.
struct WordList {
  private var empty = true

  mutating func add(_ word: StaticString) {
    say(empty ? "" : ", ")
    say(word)
    empty = false
  }

  mutating func add(_ word: StaticString, if condition: Bool) {
    if condition { add(word) }
  }
}

/// An error of the kernel itself: says so and halts for good.
func stop(_ reason: StaticString) -> Never {
  say("\r\nThe kernel stopped: ")
  sayLine(reason)
  haltForever()
}
