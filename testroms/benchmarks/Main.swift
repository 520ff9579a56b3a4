// Picks a guest by the command line, runs it, prints its checksum and leaves.

@_extern(c, "port_read8") func portRead8(_ port: UInt16) -> UInt8
@_extern(c, "port_write8") func portWrite8(_ port: UInt16, _ value: UInt8)
@_extern(c, "port_write16") func portWrite16(_ port: UInt16, _ value: UInt16)
@_extern(c, "port_write32") func portWrite32(_ port: UInt16, _ value: UInt32)
@_extern(c, "read_tsc") func readTSC() -> UInt64
@_extern(c, "halt_forever") func haltForever()
@_extern(c, "mandelbrot") func mandelbrot() -> UInt64

struct Guest {
  var name: StaticString
  var run: @Sendable () -> UInt64
  /// Whether the processor can run it; makes it ready to.
  var isAvailable: @Sendable () -> Bool = { true }
}

/// `bench=1` is the first.
private let guests: [Guest] = [
  Guest(name: "crc32", run: crc32Guest),
  Guest(name: "sieve", run: sieveGuest),
  Guest(name: "sha256", run: sha256Guest),
  Guest(name: "memory", run: memoryGuest),
  Guest(name: "rep", run: repGuest),
  Guest(name: "string", run: stringGuest),
  Guest(name: "call", run: callGuest),
  Guest(name: "hash-table", run: hashTableGuest),
  Guest(name: "quicksort", run: quicksortGuest),
  Guest(name: "matrix", run: matrixGuest),
  Guest(name: "interpreter", run: interpreterGuest),
  Guest(name: "mandelbrot-sse2", run: { mandelbrot() }),
  Guest(name: "x87", run: x87Guest),
  Guest(name: "avx2", run: avx2Guest, isAvailable: { avx2Start() != 0 }),
]

/// Free RAM for the guests: 4 MiB to 64 MiB.
var workArea: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: 0x40_0000)! }

/// Xorshift64, so that every guest has the same data in every run.
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

func say(_ text: StaticString) {
  for index in 0..<text.utf8CodeUnitCount { put(text.utf8Start[index]) }
}

private func put(_ byte: UInt8) {
  while portRead8(0x3FD) & 0x20 == 0 {}
  portWrite8(0x3F8, byte)
}

private func sayHex(_ value: UInt64) {
  var shift: UInt64 = 64
  while shift > 0 {
    shift -= 4
    let nibble = UInt8(truncatingIfNeeded: value &>> shift) & 0xF
    put(nibble < 10 ? 0x30 + nibble : 0x37 + nibble)
  }
}

private func sayDecimal(_ value: UInt64) {
  var divisor: UInt64 = 1
  while value / divisor >= 10 { divisor *= 10 }
  while divisor > 0 {
    put(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
    divisor /= 10
  }
}

/// 115200 baud, 8 data bits, no parity, 1 stop bit, FIFOs on (TI PC16550D, "Registers").
private func initialiseSerial() {
  portWrite8(0x3F9, 0)
  portWrite8(0x3FB, 0x80)
  portWrite8(0x3F8, 1)
  portWrite8(0x3F9, 0)
  portWrite8(0x3FB, 3)
  portWrite8(0x3FA, 7)
}

/// The debug exit port, then soft-off where firmware puts it, then a halt.
private func leave(_ code: UInt32) {
  waitUntilSent()
  portWrite32(0xF4, code)
  portWrite16(0x604, 0x2000)
  haltForever()
}

/// The command line of hvm_start_info: its magic is at offset 0, the address of the text at 24.
private struct CommandLine {
  private var text: UnsafePointer<UInt8>?

  init(startInfo: UInt64) {
    guard let info = UnsafeRawPointer(bitPattern: UInt(startInfo)),
      info.load(as: UInt32.self) == 0x336E_C578
    else { return }
    text = UnsafePointer(bitPattern: UInt(info.load(fromByteOffset: 24, as: UInt64.self)))
  }

  /// The decimal number after `key`, or 0 if the key stands alone; nil if the key is absent. A key begins
  /// a word. At most 2048 bytes are read.
  func value(_ key: StaticString) -> UInt64? {
    guard let text else { return nil }
    var start = 0
    while start < 2048, text[start] != 0 {
      var matched = 0
      while matched < key.utf8CodeUnitCount, text[start + matched] == key.utf8Start[matched] {
        matched += 1
      }
      if matched == key.utf8CodeUnitCount, start == 0 || text[start - 1] == 0x20 {
        return number(text + (start + matched))
      }
      start += 1
    }
    return nil
  }

  private func number(_ digits: UnsafePointer<UInt8>) -> UInt64 {
    var result: UInt64 = 0
    var index = 0
    while index < 9, digits[index] >= 0x30, digits[index] <= 0x39 {
      result = result * 10 + UInt64(digits[index] - 0x30)
      index += 1
    }
    return result
  }
}

private func waitUntilSent() {
  while portRead8(0x3FD) & 0x40 == 0 {}
}

/// How each line about a guest begins.
private func sayName(_ number: Int) {
  say("bench ")
  sayDecimal(UInt64(number))
  say(" ")
  say(guests[number - 1].name)
}

private func run(_ number: Int, countingCycles: Bool) {
  let available = guests[number - 1].isAvailable()
  sayName(number)
  guard available else {
    say(" unavailable\r\n")
    return
  }
  // Who takes the time outside shall have the whole line before the work begins.
  say(" start\r\n")
  waitUntilSent()
  let start = readTSC()
  let checksum = guests[number - 1].run()
  let cycles = readTSC() &- start
  sayName(number)
  say(" checksum ")
  sayHex(checksum)
  if countingCycles {
    say(" cycles ")
    sayDecimal(cycles)
  }
  say("\r\n")
}

/// Called by start.S with the address of hvm_start_info. `bench=N` runs guest N, `bench=0` all of them;
/// `tsc` adds the time-stamp counter's difference to each line.
@c(benchmark_main)
public func benchmarkMain(_ startInfo: UInt64) {
  initialiseSerial()
  let line = CommandLine(startInfo: startInfo)
  let countingCycles = line.value("tsc") != nil
  guard let number = line.value("bench="), number <= UInt64(guests.count) else {
    say("give bench=N on the command line, N one of: 0 (all)")
    for index in 0..<guests.count {
      say(", ")
      sayDecimal(UInt64(index + 1))
      say(" ")
      say(guests[index].name)
    }
    say("\r\n")
    leave(1)
    return
  }
  if number == 0 {
    for index in 1...guests.count { run(index, countingCycles: countingCycles) }
  } else {
    run(Int(number), countingCycles: countingCycles)
  }
  leave(0)
}
