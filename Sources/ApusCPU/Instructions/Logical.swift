// SDM Vol. 1 ch. 5, "Logical Instructions".

enum AND: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a & b
    flags = LazyFlags(r.zeroExtended, 0, FlagKind.logic + T.log2)
    return r
  }
}

enum OR: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a | b
    flags = LazyFlags(r.zeroExtended, 0, FlagKind.logic + T.log2)
    return r
  }
}

enum XOR: BinaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    let r = a ^ b
    flags = LazyFlags(r.zeroExtended, 0, FlagKind.logic + T.log2)
    return r
  }
}

enum TEST: BinaryOperation {
  @inline(__always) static var writes: Bool { false }
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ b: T, _ flags: inout LazyFlags) -> T {
    AND.apply(a, b, &flags)
  }
}

enum NOT: UnaryOperation {
  @inline(__always)
  static func apply<T: OperandWidth>(_ a: T, _ cpu: CPU, _ op: some OpReference, _ flags: inout LazyFlags)
    -> T
  {
    ~a
  }
}
