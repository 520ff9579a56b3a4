/// RFC 1951 decompression of RFC 1952 files, for test data.
struct Inflate {
  enum Failure: Error {
    case notGzip
    case truncated
    case malformed
  }

  private let input: [UInt8]
  private var position: Int
  private var bits: UInt32 = 0
  private var bitCount = 0
  private var output: [UInt8] = []

  /// The contents of a gzip file with one member.
  static func gunzip(_ file: [UInt8]) throws -> [UInt8] {
    guard file.count > 18, file[0] == 0x1F, file[1] == 0x8B, file[2] == 8 else { throw Failure.notGzip }
    let flags = file[3]
    var at = 10
    if flags & 4 != 0 { at += 2 + Int(file[at]) + Int(file[at + 1]) << 8 }
    for flag in [UInt8(8), 16] where flags & flag != 0 {
      while at < file.count, file[at] != 0 { at += 1 }
      at += 1
    }
    if flags & 2 != 0 { at += 2 }
    var inflate = Inflate(input: file, position: at)
    try inflate.blocks()
    let size = file.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard inflate.output.count == size else { throw Failure.malformed }
    return inflate.output
  }

  private init(input: [UInt8], position: Int) {
    self.input = input
    self.position = position
  }

  private mutating func read(_ count: Int) throws -> Int {
    while bitCount < count {
      guard position < input.count else { throw Failure.truncated }
      bits |= UInt32(input[position]) << UInt32(bitCount)
      position += 1
      bitCount += 8
    }
    let value = Int(bits & ((1 << UInt32(count)) - 1))
    bits >>= UInt32(count)
    bitCount -= count
    return value
  }

  /// A canonical Huffman code: how many codes have each length, and the symbols in code order.
  private struct Code {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []

    init(_ lengths: [Int]) {
      for length in lengths { counts[length] += 1 }
      counts[0] = 0
      for length in 1..<16 {
        for (symbol, its) in lengths.enumerated() where its == length { symbols.append(symbol) }
      }
    }
  }

  private mutating func symbol(_ code: Code) throws -> Int {
    var value = 0
    var first = 0
    var index = 0
    for length in 1..<16 {
      value |= try read(1)
      let count = code.counts[length]
      if value - count < first { return code.symbols[index + value - first] }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    throw Failure.malformed
  }

  private mutating func blocks() throws {
    var isLast = false
    while !isLast {
      isLast = try read(1) == 1
      switch try read(2) {
      case 0: try stored()
      case 1:
        let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        try compressed(Code(lengths), Code([Int](repeating: 5, count: 30)))
      case 2: try dynamic()
      default: throw Failure.malformed
      }
    }
  }

  private mutating func stored() throws {
    bits = 0
    bitCount = 0
    guard position + 4 <= input.count else { throw Failure.truncated }
    let count = Int(input[position]) | Int(input[position + 1]) << 8
    position += 4
    guard position + count <= input.count else { throw Failure.truncated }
    output += input[position..<(position + count)]
    position += count
  }

  private mutating func dynamic() throws {
    let literals = try read(5) + 257
    let distances = try read(5) + 1
    let codes = try read(4) + 4
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    var lengths = [Int](repeating: 0, count: 19)
    for index in 0..<codes { lengths[order[index]] = try read(3) }
    let lengthCode = Code(lengths)
    lengths = []
    while lengths.count < literals + distances {
      let value = try symbol(lengthCode)
      switch value {
      case 16:
        guard let last = lengths.last else { throw Failure.malformed }
        lengths += [Int](repeating: last, count: try read(2) + 3)
      case 17: lengths += [Int](repeating: 0, count: try read(3) + 3)
      case 18: lengths += [Int](repeating: 0, count: try read(7) + 11)
      default: lengths.append(value)
      }
    }
    guard lengths.count == literals + distances else { throw Failure.malformed }
    try compressed(Code(Array(lengths[..<literals])), Code(Array(lengths[literals...])))
  }

  private mutating func compressed(_ literals: Code, _ distances: Code) throws {
    while true {
      let value = try symbol(literals)
      if value < 256 {
        output.append(UInt8(value))
        continue
      }
      if value == 256 { return }
      let length = try length(value - 257)
      let distance = try distance(symbol(distances))
      guard distance <= output.count else { throw Failure.malformed }
      for _ in 0..<length { output.append(output[output.count - distance]) }
    }
  }

  private mutating func length(_ code: Int) throws -> Int {
    if code < 8 { return code + 3 }
    if code == 28 { return 258 }
    guard code < 28 else { throw Failure.malformed }
    let extra = code / 4 - 1
    return ((4 + code % 4) << extra) + 3 + (try read(extra))
  }

  private mutating func distance(_ code: Int) throws -> Int {
    if code < 4 { return code + 1 }
    guard code < 30 else { throw Failure.malformed }
    let extra = code / 2 - 1
    return ((2 + code % 2) << extra) + 1 + (try read(extra))
  }
}
