/// How instructions are written.
package enum Syntax: Sendable, Hashable {
  /// `mov eax,DWORD PTR [rbx+0x8]`
  case intel
  /// `mov 0x8(%rbx),%eax`
  case att
}

extension Instruction {
  /// The instruction as the GNU tools write it, but with one space where they align.
  package func text(_ syntax: Syntax = .intel) -> String {
    let name = syntax == .intel ? mnemonic : attMnemonic
    let list = syntax == .intel ? operands.map(intelText) : attOperands
    var text = ""
    for prefix in prefixes { text += prefix + " " }
    text += name
    for (index, operand) in list.enumerated() { text += (index == 0 ? " " : ",") + operand }
    if let relativeAddress { text += " # " + hexadecimal(relativeAddress) }
    return text
  }

  func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  private func intelText(_ operand: Operand) -> String {
    switch operand {
    case .register(let register): return register.name
    case .memory(let memory): return intelText(memory)
    case .immediate(let value): return hexadecimal(value)
    case .one: return "1"
    case .port: return "dx"
    case .target(let target): return hexadecimal(target)
    case .far(let selector, let offset):
      return hexadecimal(UInt64(selector)) + ":" + hexadecimal(UInt64(offset))
    }
  }

  private func intelText(_ memory: MemoryOperand) -> String {
    // The accumulator on the other side of an offset shows the size.
    let isOffset = row?.operands.contains { $0.utf8.first == UInt8(ascii: "O") } ?? false
    var text = isOffset ? "" : Instruction.sizeName(memory)
    if let segment = memory.segment { text += segment.name + ":" }
    guard memory.base != nil || memory.index != nil else {
      return text + (memory.segment == nil ? "ds:" : "") + hexadecimal(memory.absolute)
    }
    var terms: [String] = []
    if let base = memory.base { terms.append(base.name) }
    if let index = memory.index {
      terms.append(
        memory.addressBytes == 2
          ? index.name : "\(index.name)*\(memory.scale)")
    }
    text += "[" + terms.joined(separator: "+")
    if memory.hasDisplacement {
      if memory.isRelative {
        text += "+" + hexadecimal(UInt64(bitPattern: memory.displacement))
      } else {
        text += (memory.displacement < 0 ? "-" : "+") + hexadecimal(memory.displacement.magnitude)
      }
    }
    return text + "]"
  }

  private static func sizeName(_ memory: MemoryOperand) -> String {
    switch memory.bytes {
    case 1: return "BYTE PTR "
    case 2: return "WORD PTR "
    case 4: return "DWORD PTR "
    case 6: return "FWORD PTR "
    case 8: return "QWORD PTR "
    case 10: return "TBYTE PTR "
    case 16: return memory.isVector ? "XMMWORD PTR " : "OWORD PTR "
    case 32: return "YMMWORD PTR "
    default: return ""
    }
  }
}
