// Guests whose work is control flow: calls and a bytecode interpreter.

@inline(never)
private func fibonacci(_ number: UInt64) -> UInt64 {
  number < 2 ? number : fibonacci(number &- 1) &+ fibonacci(number &- 2)
}

private typealias Step = @convention(c) (UInt64, UInt64) -> UInt64

private let steps: [Step] = [
  { value, index in value &+ index },
  { value, index in value ^ index &* 0x9E37_79B9 },
  { value, _ in value &<< 7 | value &>> 57 },
  { value, index in value &* 5 &- index },
  { value, index in value &>> 1 ^ index },
  { value, _ in ~value },
  { value, index in value &- index &<< 3 },
  { value, index in value & 1 == 0 ? value &+ 3 : value ^ index },
]

/// fib(31) by plain recursion, then eight million calls through a table.
func callGuest() -> UInt64 {
  let first = fibonacci(31)
  var value: UInt64 = first
  steps.withUnsafeBufferPointer { table in
    var index: UInt64 = 0
    while index < 8_000_000 {
      value = table[Int((value ^ index) & 7)](value, index)
      index &+= 1
    }
  }
  return first << 40 ^ value
}

/// Instructions of a register machine: operation, then three operand bytes.
private enum Operation: UInt8 {
  case halt, load, add, subtract, multiply, and, xor, shiftRight, less, equal, jump, jumpIfZero, move
}

/// Runs a program that adds up the Collatz sequence lengths of 1 to 30000, one decoded instruction a round.
func interpreterGuest() -> UInt64 {
  let program = workArea.assumingMemoryBound(to: UInt8.self)
  var end = 0
  func emit(_ operation: Operation, _ a: UInt8 = 0, _ b: UInt8 = 0, _ c: UInt8 = 0) {
    program[end] = operation.rawValue
    program[end + 1] = a
    program[end + 2] = b
    program[end + 3] = c
    end += 4
  }
  // r0 number, r1 limit, r2 total, r3 value, r4 one, r5 scratch, r6 three, r7 length
  emit(.load, 0, 0, 1)
  emit(.load, 1, 0x75, 0x30)
  emit(.load, 4, 0, 1)
  emit(.load, 6, 0, 3)
  emit(.move, 3, 0)  // 4: next number
  emit(.load, 7, 0, 0)
  emit(.equal, 5, 3, 4)  // 6: next value
  emit(.jumpIfZero, 5, 9)
  emit(.jump, 16)
  emit(.add, 7, 7, 4)  // 9
  emit(.and, 5, 3, 4)
  emit(.jumpIfZero, 5, 14)
  emit(.multiply, 3, 3, 6)
  emit(.add, 3, 3, 4)
  emit(.shiftRight, 3, 3, 4)  // 14: an odd value has become even, so both paths halve
  emit(.jump, 6)
  emit(.xor, 5, 2, 7)  // 16
  emit(.add, 2, 2, 7)
  emit(.add, 0, 0, 4)
  emit(.less, 5, 1, 0)
  emit(.jumpIfZero, 5, 4)
  emit(.halt)
  return execute(program, (workArea + 4096).assumingMemoryBound(to: UInt64.self))
}

@inline(never)
private func execute(
  _ program: UnsafePointer<UInt8>, _ registers: UnsafeMutablePointer<UInt64>
) -> UInt64 {
  for index in 0..<256 { registers[index] = 0 }
  var executed: UInt64 = 0
  var next = program
  while true {
    let a = Int(next[1])
    let b = Int(next[2])
    let c = Int(next[3])
    let operation = Operation(rawValue: next[0])
    next += 4
    executed &+= 1
    switch operation {
    case .load: registers[a] = UInt64(b &<< 8 | c)
    case .add: registers[a] = registers[b] &+ registers[c]
    case .subtract: registers[a] = registers[b] &- registers[c]
    case .multiply: registers[a] = registers[b] &* registers[c]
    case .and: registers[a] = registers[b] & registers[c]
    case .xor: registers[a] = registers[b] ^ registers[c]
    case .shiftRight: registers[a] = registers[b] &>> registers[c]
    case .less: registers[a] = registers[b] < registers[c] ? 1 : 0
    case .equal: registers[a] = registers[b] == registers[c] ? 1 : 0
    case .jump: next = program + a * 4
    case .jumpIfZero: if registers[a] == 0 { next = program + b * 4 }
    case .move: registers[a] = registers[b]
    case .halt, nil: return executed << 32 ^ registers[2]
    }
  }
}
