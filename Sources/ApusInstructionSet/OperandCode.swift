/// An operand code of SDM Vol. 2 Appendix A, taken apart.
struct OperandCode: Sendable {
  /// "Codes for Addressing Method": where the operand is.
  enum Method: Sendable {
    /// ModRM.rm: a general register or memory; memory only; a general register only.
    case E, M, R
    /// ModRM.reg: a general register.
    case G
    /// MMX registers: ModRM.reg; ModRM.rm or memory; ModRM.rm only.
    case P, Q, N
    /// Vector registers: ModRM.reg; ModRM.rm or memory; ModRM.rm only; VEX.vvvv; bits 7:4 of an immediate.
    case V, W, U, H, L
    /// ModRM.reg: control, debug, segment register.
    case C, D, S
    /// VEX.vvvv: a general register.
    case B
    /// The low three bits of the opcode: a general register.
    case Z
    /// An immediate; one byte, sign-extended; the distance of a branch; a far pointer.
    case I, sI, J, A
    /// An offset without ModRM.
    case O
    /// Memory at DS:rSI, at ES:rDI.
    case X, Y
    /// AL, AX, EAX or RAX; CL; the port in DX; the number 1; XMM0.
    case accumulator, CL, DX, one, XMM0
    /// A segment register in the opcode: ES, CS, SS, DS, FS, GS.
    case segment(UInt8)
    /// The top of the x87 stack; the register that ModRM.rm counts from there.
    case ST0, STi
  }

  /// "Codes for Operand Type": what the operand is.
  enum Kind: String, Sendable {
    /// Not said: memory without a size of its own.
    case none = ""
    /// 1, 2, 4, 8, 10, 16, 32 bytes.
    case b, w, d, q, t, dq, qq
    /// By operand size: 16, 32 or 64 bits; the same but never 64; 32 or 64; two of them; a far pointer.
    case v, z, y, a, p
    /// A pseudo-descriptor.
    case s
    /// Scalars of 4 and 8 bytes in a vector register; 8 bytes of integers.
    case ss, sd, pi
    /// 16 bytes, or 32 by VEX.L.
    case x, ps, pd, ph
    /// VSIB: the index is a vector register of doublewords, of quadwords.
    case vd, vq
  }

  var method: Method
  /// What a register operand is.
  var kind: Kind
  /// What a memory operand is, where it differs: `RdMb`, `Ux/Mq`.
  var memoryKind: Kind
  /// Half of a vector, by VEX.L: `Wps/2`.
  var isHalf = false
  /// A part of a vector, of which the code says how much of 16 bytes it is: `Ux/Mq` has 8 bytes, or 16 by VEX.L.
  var isPart = false

  /// The register or memory of ModRM.rm.
  var isInRM: Bool {
    switch method {
    case .E, .M, .R, .Q, .N, .W, .U, .STi: return true
    default: return false
    }
  }

  private init(_ method: Method, _ kind: Kind, memory: Kind? = nil) {
    self.method = method
    self.kind = kind
    memoryKind = memory ?? kind
  }

  /// Reads a code; nil if it is none.
  init?(_ code: String) {
    switch code {
    case "AL": self.init(.accumulator, .b)
    case "rAX": self.init(.accumulator, .v)
    case "AX": self.init(.accumulator, .w)
    case "CL": self.init(.CL, .b)
    case "DX": self.init(.DX, .w)
    case "1": self.init(.one, .b)
    case "XMM0": self.init(.XMM0, .dq)
    case "ES": self.init(.segment(0), .w)
    case "CS": self.init(.segment(1), .w)
    case "SS": self.init(.segment(2), .w)
    case "DS": self.init(.segment(3), .w)
    case "FS": self.init(.segment(4), .w)
    case "GS": self.init(.segment(5), .w)
    case "ST0": self.init(.ST0, .t)
    case "STi": self.init(.STi, .t)
    case "sIb": self.init(.sI, .b)
    default: self.init(letters: code)
    }
  }

  /// A method's letter and the kind, or both for a register and then both for memory.
  private init?(letters code: String) {
    if code.utf8.suffix(2).elementsEqual("/2".utf8) {
      self.init(letters: String(code.dropLast(2)))
      isHalf = true
      return
    }
    let halves = OperandCode.halves(code)
    guard let method = OperandCode.method(halves.first),
      let kind = Kind(rawValue: String(halves.first.dropFirst()))
    else { return nil }
    guard let second = halves.second else {
      self.init(method, kind)
      return
    }
    guard second.utf8.first == UInt8(ascii: "M"), let memory = Kind(rawValue: String(second.dropFirst()))
    else {
      return nil
    }
    switch method {
    case .R: self.init(.E, kind, memory: memory)
    case .U: self.init(.W, kind, memory: memory)
    case .N: self.init(.Q, kind, memory: memory)
    default: return nil
    }
    isPart = code.utf8.contains(UInt8(ascii: "/"))
  }

  private static func halves(_ code: String) -> (first: Substring, second: Substring?) {
    if let slash = code.utf8.firstIndex(of: UInt8(ascii: "/")) {
      return (code[..<slash], code[code.utf8.index(after: slash)...])
    }
    let second = code.utf8.dropFirst().firstIndex(of: UInt8(ascii: "M"))
    return second.map { (code[..<$0], code[$0...]) } ?? (Substring(code), nil)
  }

  private static func method(_ code: Substring) -> Method? {
    switch code.utf8.first {
    case UInt8(ascii: "E"): return .E
    case UInt8(ascii: "M"): return .M
    case UInt8(ascii: "R"): return .R
    case UInt8(ascii: "G"): return .G
    case UInt8(ascii: "P"): return .P
    case UInt8(ascii: "Q"): return .Q
    case UInt8(ascii: "N"): return .N
    case UInt8(ascii: "V"): return .V
    case UInt8(ascii: "W"): return .W
    case UInt8(ascii: "U"): return .U
    case UInt8(ascii: "H"): return .H
    case UInt8(ascii: "L"): return .L
    case UInt8(ascii: "C"): return .C
    case UInt8(ascii: "D"): return .D
    case UInt8(ascii: "S"): return .S
    case UInt8(ascii: "B"): return .B
    case UInt8(ascii: "Z"): return .Z
    case UInt8(ascii: "I"): return .I
    case UInt8(ascii: "J"): return .J
    case UInt8(ascii: "A"): return .A
    case UInt8(ascii: "O"): return .O
    case UInt8(ascii: "X"): return .X
    case UInt8(ascii: "Y"): return .Y
    default: return nil
    }
  }
}
