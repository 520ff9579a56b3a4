/// RFC 1951 decompression of RFC 1952 (gzip) files with one member.
struct Inflate {
  /// Files that unpack to more are refused.
  static let sizeLimit = 1 << 28

  private let input: [UInt8]
  private let file: String
  private var position: Int
  private var bits: UInt32 = 0
  private var bitCount = 0
  private var output: [UInt8] = []

  /// Whether bytes begin like a gzip file.
  static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  /// The content of a gzip file; `name` is for messages.
  static func gunzip(_ bytes: [UInt8], name: String) throws(DiffFailure) -> [UInt8] {
    var inflate = Inflate(input: bytes, file: name, position: 0)
    try inflate.header()
    try inflate.blocks()
    let trailer = Array(bytes.suffix(4))
    let size = trailer.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard inflate.output.count == size else {
      throw inflate.bad("the size \(inflate.output.count) in the last four bytes")
    }
    return inflate.output
  }

  private init(input: [UInt8], file: String, position: Int) {
    self.input = input
    self.file = file
    self.position = position
  }

  private func bad(_ expectation: String) -> DiffFailure {
    .badInput(file: file, place: "offset \(position)", expectation: expectation)
  }

  private mutating func header() throws(DiffFailure) {
    guard input.count > 18, input[0] == 0x1F, input[1] == 0x8B, input[2] == 8 else {
      throw bad("a gzip header (1F 8B 08)")
    }
    let flags = input[3]
    position = 10
    if flags & 4 != 0 { position += 2 + Int(input[10]) + Int(input[11]) << 8 }
    for flag in [UInt8(8), 16] where flags & flag != 0 {
      while position < input.count, input[position] != 0 { position += 1 }
      position += 1
    }
    if flags & 2 != 0 { position += 2 }
    guard position < input.count else { throw bad("compressed data") }
  }

  private mutating func read(_ count: Int) throws(DiffFailure) -> Int {
    while bitCount < count {
      guard position < input.count else { throw bad("more compressed data") }
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

  private mutating func symbol(_ code: Code) throws(DiffFailure) -> Int {
    var value = 0
    var first = 0
    var index = 0
    for length in 1..<16 {
      value |= try read(1)
      let count = code.counts[length]
      if value - count < first {
        let at = index + value - first
        guard at >= 0, at < code.symbols.count else { break }
        return code.symbols[at]
      }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    throw bad("a code of the block's table")
  }

  private mutating func blocks() throws(DiffFailure) {
    var isLast = false
    while !isLast {
      isLast = try read(1) == 1
      switch try read(2) {
      case 0: try stored()
      case 1:
        let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        try compressed(Code(lengths), Code([Int](repeating: 5, count: 30)))
      case 2: try dynamic()
      default: throw bad("a block of type 0, 1 or 2")
      }
      guard output.count <= Self.sizeLimit else { throw bad("at most \(Self.sizeLimit) bytes unpacked") }
    }
  }

  private mutating func stored() throws(DiffFailure) {
    bits = 0
    bitCount = 0
    guard position + 4 <= input.count else { throw bad("the length of a stored block") }
    let count = Int(input[position]) | Int(input[position + 1]) << 8
    position += 4
    guard position + count <= input.count else { throw bad("\(count) stored bytes") }
    output += input[position..<(position + count)]
    position += count
  }

  private mutating func dynamic() throws(DiffFailure) {
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
        guard let last = lengths.last else { throw bad("a code length before a repetition") }
        lengths += [Int](repeating: last, count: try read(2) + 3)
      case 17: lengths += [Int](repeating: 0, count: try read(3) + 3)
      case 18: lengths += [Int](repeating: 0, count: try read(7) + 11)
      default: lengths.append(value)
      }
    }
    guard lengths.count == literals + distances else {
      throw bad("\(literals + distances) code lengths")
    }
    try compressed(Code(Array(lengths[..<literals])), Code(Array(lengths[literals...])))
  }

  private mutating func compressed(_ literals: Code, _ distances: Code) throws(DiffFailure) {
    while true {
      let value = try symbol(literals)
      if value < 256 {
        output.append(UInt8(value))
        continue
      }
      if value == 256 { return }
      let length = try length(value - 257)
      let distance = try distance(symbol(distances))
      guard distance <= output.count else { throw bad("a distance of at most \(output.count)") }
      guard output.count <= Self.sizeLimit else { throw bad("at most \(Self.sizeLimit) bytes unpacked") }
      for _ in 0..<length { output.append(output[output.count - distance]) }
    }
  }

  private mutating func length(_ code: Int) throws(DiffFailure) -> Int {
    if code < 8 { return code + 3 }
    if code == 28 { return 258 }
    guard code < 28 else { throw bad("a length code") }
    let extra = code / 4 - 1
    return ((4 + code % 4) << extra) + 3 + (try read(extra))
  }

  private mutating func distance(_ code: Int) throws(DiffFailure) -> Int {
    if code < 4 { return code + 1 }
    guard code < 30 else { throw bad("a distance code") }
    let extra = code / 2 - 1
    return ((2 + code % 2) << extra) + 1 + (try read(extra))
  }
}
