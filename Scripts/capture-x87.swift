// Runs x87 instructions on the host's own x87 unit and writes what they did as test vectors
// (Tests/ApusCPUTests/Vectors/X87.txt and X87Transcendental.txt). Run from the package directory on an x86-64
// Linux host:
//
//   swiftc -O Scripts/capture-x87.swift -o capture-x87 && ./capture-x87
//
// Each instruction runs between FXRSTOR and FXSAVE, neither of which waits, and FNINIT follows, so that
// unmasked exceptions are recorded but never delivered.
import Foundation

// MARK: The host

/// The state that FXRSTOR loads and FXSAVE stores.
struct Image {
  var bytes = [UInt8](repeating: 0, count: 512)

  init() { self[word: 24] = 0x1F80 }

  subscript(word at: Int) -> UInt16 {
    get { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }
    set { (bytes[at], bytes[at + 1]) = (UInt8(newValue & 0xFF), UInt8(newValue >> 8)) }
  }

  /// ST(`index`).
  subscript(index: Int) -> Value {
    get {
      let at = 32 + index * 16
      let significand = (0..<8).reduce(0 as UInt64) { $0 | UInt64(bytes[at + $1]) << UInt64($1 * 8) }
      return Value(exponent: self[word: at + 8], significand: significand)
    }
    set {
      let at = 32 + index * 16
      for k in 0..<8 { bytes[at + k] = UInt8(truncatingIfNeeded: newValue.significand >> UInt64(k * 8)) }
      self[word: at + 8] = newValue.exponent
    }
  }
}

struct Value: Equatable {
  var exponent: UInt16
  var significand: UInt64
  var text: String { hex(exponent) + ":" + hex(significand) }
}

func hex<T: FixedWidthInteger>(_ value: T) -> String { String(value, radix: 16) }
func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + hex($0) }.joined() }

final class Host {
  typealias Function =
    @convention(c) (
      UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer
    ) -> Void
  let page: UnsafeMutableRawPointer

  init() {
    page = mmap(nil, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  }

  /// Runs an instruction whose memory operand, if any, is addressed by RDI.
  func run(
    _ instruction: [UInt8], _ image: Image, _ memory: [UInt8], _ flags: UInt64
  ) -> (image: Image, memory: [UInt8], flags: UInt64) {
    // fxrstor [rsi]; push [rcx]; popfq; ...; pushfq; pop [rcx]; fxsave [rdx]; fninit; ret
    let code =
      [0x0F, 0xAE, 0x0E, 0xFF, 0x31, 0x9D] + instruction
      + [0x9C, 0x8F, 0x01, 0x0F, 0xAE, 0x02, 0xDB, 0xE3, 0xC3]
    page.copyMemory(from: code, byteCount: code.count)
    let area = page + 4096
    area.copyMemory(from: image.bytes, byteCount: 512)
    (area + 1024).copyMemory(from: memory, byteCount: memory.count)
    (area + 1536).storeBytes(of: flags | 0x202, as: UInt64.self)
    unsafeBitCast(page, to: Function.self)(area + 1024, area, area + 512, area + 1536)
    var result = Image()
    for k in 0..<512 { result.bytes[k] = (area + 512).load(fromByteOffset: k, as: UInt8.self) }
    let after = (0..<memory.count).map { (area + 1024).load(fromByteOffset: $0, as: UInt8.self) }
    return (result, after, (area + 1536).load(as: UInt64.self))
  }
}

// MARK: Operands

/// A fixed-seed generator (splitmix64).
struct Numbers {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
  mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }
}

var numbers = Numbers(state: 87)

let top: UInt64 = 1 << 63
/// Zeros, ones, infinities, NaNs of both kinds, denormals, pseudo-denormals, extremes and unsupported encodings.
let edgeParts: [(UInt16, UInt64)] = [
  (0, 0), (0x3FFF, top), (0x7FFF, top), (0x7FFF, 3 << 62), (0x7FFF, 0xC000_0000_0000_1234),
  (0x7FFF, 0xA000_0000_0000_0000), (0x7FFF, 0x8000_0000_0000_0001), (0, 1), (0, top - 1), (0, top),
  (0, top | 12345), (1, top), (0x7FFE, ~0), (0x7FFF, 0), (0x7FFF, 1 << 62), (0x3FFF, 1 << 62), (0x4005, 0),
  (0x4000, top), (0x3FFE, top), (0x3FFD, 0xFFFF_FFFF_FFFF_FFFF), (0x3FFF, 0xC000_0000_0000_0000),
  (0x4000, 0xA000_0000_0000_0000), (0x403E, ~0), (0x403D, top | 1),
]
let positiveEdges: [Value] = edgeParts.map { Value(exponent: $0.0, significand: $0.1) }
let edges: [Value] = positiveEdges.flatMap { value in
  [value, Value(exponent: value.exponent | 0x8000, significand: value.significand)]
}

/// Exponents at the borders of the other formats, of the integers, of the quotient's width and of wrapping.
func exponent() -> UInt16 {
  let borders = [
    0, 1, 2, 31, 32, 62, 63, 64, 65, 59, 15, 16, 127, 128, -126, -127, -149, -150, 1023, 1024, -1022, -1023,
    -1074, -1075, -8191, 8192, 16383, 16382, -16382, -16381, -16382 + 40, -1,
  ]
  switch numbers.below(4) {
  case 0: return UInt16(0x3FFF + numbers.pick(borders))
  case 1: return UInt16(0x3FFF - 80 + numbers.below(160))
  case 2: return UInt16(0x3FFF - 4 + numbers.below(8))
  default: return UInt16(1 + numbers.below(0x7FFE))
  }
}

/// Significands that are long, short, or next to a rounding point of 24, 53 or 64 bits.
func significand() -> UInt64 {
  let x = numbers.next()
  switch numbers.below(7) {
  case 0: return top
  case 1: return top | x & numbers.next() & numbers.next()
  case 2: return top | 1 << UInt64(numbers.below(63))
  case 3: return (~0 << UInt64(numbers.below(64))) ^ 1 << UInt64(numbers.below(62)) | top
  case 4: return top | x & ~0 << 39
  case 5: return top | x & ~0 << 10
  default: return top | x
  }
}

func operand() -> Value {
  if numbers.below(3) == 0 { return numbers.pick(edges) }
  let isDenormal = numbers.below(20) == 0
  return Value(
    exponent: (isDenormal ? 0 : exponent()) | UInt16(numbers.below(2)) << 15,
    significand: isDenormal ? numbers.next() >> UInt64(numbers.below(64)) : significand())
}

/// The second of two operands: sometimes close to the first.
func partner(_ a: Value) -> Value {
  switch numbers.below(8) {
  case 0: return Value(exponent: a.exponent ^ 0x8000, significand: a.significand ^ numbers.next() & 3)
  case 1: return a
  case 2: return Value(exponent: a.exponent &+ UInt16(numbers.below(140)) &- 70, significand: significand())
  default: return operand()
  }
}

/// What an instruction finds in memory; the width is known from its size.
enum Memory { case none, single, double, extended, integer, decimal, destination }

func memory(_ kind: Memory, _ size: Int) -> [UInt8] {
  func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
  }
  let sign = UInt64(numbers.below(2))
  let fraction = numbers.pick(
    [0, 1, ~0, 1 << 51, 1 << 22 | 1 << 51, numbers.next(), numbers.next()] as [UInt64])
  switch kind {
  case .none: return []
  case .single:
    let field = numbers.pick([0, 0, 1, 254, 255, 127, 128, 126, UInt64(numbers.below(255))] as [UInt64])
    return bytes(sign << 31 | field << 23 | fraction & 0x7F_FFFF, 4)
  case .double:
    let field = numbers.pick(
      [0, 0, 1, 2046, 2047, 1023, 1024, 1022, UInt64(numbers.below(2047))] as [UInt64])
    return bytes(sign << 63 | field << 52 | fraction & 0xF_FFFF_FFFF_FFFF, 8)
  case .extended:
    let value = operand()
    return bytes(value.significand, 8) + bytes(UInt64(value.exponent), 2)
  case .integer:
    let value = numbers.pick(
      [0, 1, ~0, 1 << UInt64(size * 8 - 1), numbers.next(), numbers.next()] as [UInt64])
    return bytes(value, size)
  case .decimal:
    return (0..<9).map { _ in UInt8(numbers.below(10) << 4 | numbers.below(10)) } + [UInt8(sign << 7)]
  case .destination: return [UInt8](repeating: 0x5A, count: size)
  }
}

// MARK: Instructions

struct Instruction {
  var code: [UInt8]
  var memory = Memory.none
  var size = 0
  var count = 110
}

var instructions: [Instruction] = []
func register(_ opcode: UInt8, _ modRM: [UInt8], _ count: Int = 110) {
  for byte in modRM { instructions.append(Instruction(code: [opcode, byte], count: count)) }
}
func inMemory(_ opcode: UInt8, _ regs: [UInt8], _ memory: Memory, _ size: Int, _ count: Int = 110) {
  for reg in regs {
    instructions.append(Instruction(code: [opcode, reg << 3 | 7], memory: memory, size: size, count: count))
  }
}

let all: [UInt8] = [0, 1, 2, 3, 4, 5, 6, 7]
register(0xD8, all.map { 0xC1 + $0 * 8 }, 220)
register(0xD8, [0xC0, 0xC3, 0xE0, 0xF8], 20)
register(0xD9, [0xC1, 0xC9, 0xD0, 0xD9, 0xDA], 25)
register(0xD9, [0xE0, 0xE1, 0xE8, 0xEE, 0xF6, 0xF7], 25)
register(0xD9, [0xE9, 0xEA, 0xEB, 0xEC, 0xED], 40)
register(0xD9, [0xE4, 0xE5, 0xF4, 0xFA, 0xFC], 150)
register(0xD9, [0xF5, 0xF8, 0xFD], 350)
register(0xDA, [0xC1, 0xC9, 0xD1, 0xD9], 30)
register(0xDB, [0xC1, 0xC9, 0xD1, 0xD9], 30)
register(0xDA, [0xE9])
register(0xDB, [0xE9, 0xF1])
register(0xDC, all.map { 0xC1 + $0 * 8 }, 90)
register(0xDD, [0xC1, 0xC9, 0xD1, 0xD9, 0xD8, 0xDA], 25)
register(0xDD, [0xE1, 0xE9])
register(0xDE, [0xC1, 0xC9, 0xD1, 0xD9, 0xE1, 0xE9, 0xF1, 0xF9], 90)
register(0xDF, [0xC1, 0xC9, 0xD1, 0xD9], 25)
register(0xDF, [0xE9, 0xF1])
inMemory(0xD8, all, .single, 4)
inMemory(0xDC, all, .double, 8)
inMemory(0xDA, all, .integer, 4, 60)
inMemory(0xDE, all, .integer, 2, 60)
inMemory(0xD9, [0], .single, 4)
inMemory(0xDD, [0], .double, 8)
inMemory(0xDB, [5], .extended, 10, 50)
inMemory(0xDF, [0], .integer, 2, 30)
inMemory(0xDB, [0], .integer, 4, 30)
inMemory(0xDF, [5], .integer, 8, 30)
inMemory(0xDF, [4], .decimal, 10, 60)
inMemory(0xD9, [2, 3], .destination, 4, 250)
inMemory(0xDD, [2, 3], .destination, 8, 250)
inMemory(0xDB, [7], .destination, 10, 40)
inMemory(0xDF, [1, 2, 3], .destination, 2)
inMemory(0xDB, [1, 2, 3], .destination, 4)
inMemory(0xDD, [1], .destination, 8)
inMemory(0xDF, [7], .destination, 8, 150)
inMemory(0xDF, [6], .destination, 10, 150)

// MARK: Capture

let host = Host()

func vector(_ instruction: Instruction) -> String {
  let masks = numbers.pick(
    [0x3F, 0x3F, 0x3F, 0x3F, 0x3E, 0x3D, 0x3B, 0x37, 0x2F, 0x1F, 0, UInt16(numbers.below(64))] as [UInt16])
  let control =
    0x40 | masks | UInt16(numbers.below(4)) << 10 | numbers.pick([0, 2, 3, 3] as [UInt16]) << 8
  let stackTop = numbers.below(8)
  // Flags of masked exceptions, so that none is pending.
  let sticky = numbers.below(4) == 0 ? UInt16(numbers.below(64)) & masks : 0
  let status = UInt16(stackTop) << 11 | sticky | numbers.pick([0, 0x4700] as [UInt16])
  // ST(6) and ST(7) empty, ST(1) to ST(5) in use; sometimes something else.
  let used = numbers.below(8) != 0 ? 0x3F : numbers.pick([0x3E, 0x3D, 0x3C, 0xFF, 0, numbers.below(256)])
  let tag = UInt8(truncatingIfNeeded: (used << stackTop) | (used << stackTop) >> 8)
  let flags = UInt64(numbers.below(256)) & 0x45 | numbers.pick([0, 0x890] as [UInt64])
  var image = Image()
  image[word: 0] = control
  image[word: 2] = status
  image.bytes[4] = tag
  image[0] = operand()
  image[1] = partner(image[0])
  for k in 2..<8 { image[k] = Value(exponent: 0x4000 + UInt16(k), significand: top | UInt64(k)) }
  let before = memory(instruction.memory, instruction.size)
  let after = host.run(instruction.code, image, before + [UInt8](repeating: 0x5A, count: 16), flags)
  var fields = [
    hex(instruction.code), hex(control), hex(status), hex(tag), hex(flags), image[0].text, image[1].text,
    before.isEmpty ? "-" : hex(before), "=", hex(after.image[word: 2]), hex(after.image.bytes[4]),
    hex(after.flags & 0x8D5),
  ]
  let newTop = Int(after.image[word: 2] >> 11) & 7
  for k in 0..<8 {
    // Physical registers that changed.
    let old = image[(k - stackTop) & 7]
    let new = after.image[(k - newTop) & 7]
    if old != new { fields.append("\(k):\(new.text)") }
  }
  if Array(after.memory.prefix(before.count)) != before {
    fields.append("m:" + hex(Array(after.memory.prefix(before.count))))
  }
  return fields.joined(separator: " ")
}

let columns = """
  code; before: control, status, abridged tag, arithmetic flags, ST(0), ST(1), memory operand; =; after:
  # status, abridged tag, flags, then physical registers that changed (n:exponent:significand) and memory if
  # it did (m:bytes). ST(2) to ST(7) hold 4002:8000000000000002 and so on. Values are exponent:significand.
  """

func write(_ instructions: [Instruction], to name: String) throws {
  var lines = [
    "# x87 instructions as an AMD EPYC (family 25) executed them; written by Scripts/capture-x87.swift. Columns:",
    "# " + columns,
  ]
  for instruction in instructions {
    for _ in 0..<instruction.count { lines.append(vector(instruction)) }
  }
  try (lines.joined(separator: "\n") + "\n").write(
    toFile: "Tests/ApusCPUTests/Vectors/\(name)", atomically: true, encoding: .utf8)
  print("\(lines.count - 2) vectors in \(name)")
}

try write(instructions, to: "X87.txt")

instructions = []
register(0xD9, [0xF0, 0xF1, 0xF2, 0xF3, 0xF9, 0xFB, 0xFE, 0xFF], 200)
try write(instructions, to: "X87Transcendental.txt")
