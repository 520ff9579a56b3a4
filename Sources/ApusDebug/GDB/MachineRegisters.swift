import ApusCPU
import ApusMachine

/// The registers of a machine as GDB sees them: 64 bits wide in every mode. RIP is the linear address of the next
/// instruction, so that breakpoints and code are where GDB looks for them in real-address mode, too.
struct MachineRegisters {
  private let machine: Machine
  private var state: ArchitecturalState
  private var extended: ExtendedRegisters

  init(_ machine: Machine) {
    self.machine = machine
    state = machine.state
    extended = machine.extendedRegisters
  }

  /// Gives the machine what was set.
  func store() {
    // Setting them drops translations, so what is the same is left alone.
    if state != machine.state { machine.state = state }
    if extended != machine.extendedRegisters { machine.extendedRegisters = extended }
  }

  /// CS.base, where code addresses have one.
  private var codeBase: UInt64 { machine.mode == .long64 ? 0 : state.segments[1].base }

  // MARK: Reading

  func read(_ register: RegisterID) -> [UInt8]? {
    switch register {
    case .general(let index): state.registers[index].littleEndianBytes()
    case .rip: machine.codeAddress.littleEndianBytes()
    case .rflags: state.rflags.littleEndianBytes()
    case .selector(let index): state.segments[index].selector.littleEndianBytes()
    case .segmentBase(let index): state.segments[index].base.littleEndianBytes()
    case .kernelGSBase: machine.kernelGSBase.littleEndianBytes()
    case .control(let index): control(index)?.littleEndianBytes()
    case .efer: state.efer.littleEndianBytes()
    case .debug(let index):
      (index < 4 ? state.breakpoints[index] : index == 6 ? state.dr6 : state.dr7).littleEndianBytes()
    case .gdtrBase: state.gdtrBase.littleEndianBytes()
    case .gdtrLimit: state.gdtrLimit.littleEndianBytes()
    case .idtrBase: state.idtrBase.littleEndianBytes()
    case .idtrLimit: state.idtrLimit.littleEndianBytes()
    case .ldtr: state.ldtr.selector.littleEndianBytes()
    case .ldtrBase: state.ldtr.base.littleEndianBytes()
    case .tr: state.tr.selector.littleEndianBytes()
    case .trBase: state.tr.base.littleEndianBytes()
    case .cpl: state.cpl.littleEndianBytes()
    case .mode: machine.mode.rawValue.littleEndianBytes()
    default: readExtended(register)
    }
  }

  private func control(_ index: Int) -> UInt64? {
    switch index {
    case 0: state.cr0
    case 2: state.cr2
    case 3: state.cr3
    case 4: state.cr4
    case 8: UInt64(machine.taskPriority)
    default: nil
    }
  }

  private func readExtended(_ register: RegisterID) -> [UInt8]? {
    let is64 = machine.mode == .long64
    switch register {
    case .st(let index): return extended.st(index).bytes
    case .x87Control: return extended.control.littleEndianBytes()
    case .x87Status: return extended.status.littleEndianBytes()
    case .x87Tag: return fullTag.littleEndianBytes()
    case .x87InstructionSelector:
      return (is64 ? extended.instructionPointer >> 32 : UInt64(extended.instructionSelector))
        .littleEndianBytes()
    case .x87InstructionOffset: return (extended.instructionPointer & 0xFFFF_FFFF).littleEndianBytes()
    case .x87OperandSelector:
      return (is64 ? extended.dataPointer >> 32 : UInt64(extended.dataSelector)).littleEndianBytes()
    case .x87OperandOffset: return (extended.dataPointer & 0xFFFF_FFFF).littleEndianBytes()
    case .x87Opcode: return extended.opcode.littleEndianBytes()
    case .xmm(let index): return extended.vector(index, 0..<16)
    case .ymmHigh(let index): return extended.vector(index, 16..<32)
    case .mxcsr: return extended.mxcsr.littleEndianBytes()
    default: return nil
    }
  }

  /// The tag word of `FSAVE` (SDM Vol. 1, "x87 FPU Tag Word"): 0 valid, 1 zero, 2 special, 3 empty.
  private var fullTag: UInt64 {
    var tag: UInt64 = 0
    for physical in 0..<8 {
      var kind: UInt64 = 3
      if extended.isValid(physical) {
        let exponent = extended.physical(physical).exponent & 0x7FFF
        let significand = extended.physical(physical).significand
        kind = exponent == 0 && significand == 0 ? 1 : exponent == 0x7FFF || significand >> 63 == 0 ? 2 : 0
      }
      tag |= kind << UInt64(physical * 2)
    }
    return tag
  }

  // MARK: Writing

  /// False for a register that cannot be written.
  mutating func write(_ register: RegisterID, _ bytes: [UInt8]) -> Bool {
    let value = UInt64(littleEndian: bytes)
    switch register {
    case .general(let index): state.registers[index] = value
    case .rip: state.rip = machine.mode == .long64 ? value : (value &- codeBase) & 0xFFFF_FFFF
    case .rflags: state.rflags = value & 0x3F_7FD7 | 2
    case .segmentBase(let index) where index >= 4: state.segments[index].base = value
    case .control(0): state.cr0 = value & 0xE005_003F | 0x10
    case .control(2): state.cr2 = value
    case .control(3): state.cr3 = value
    case .debug(let index) where index < 4: state.breakpoints[index] = value
    // A value that no instruction could give them would make a processor that there is not.
    case .selector, .segmentBase, .control, .efer, .debug, .cpl, .mode, .kernelGSBase:
      return read(register) == bytes
    case .gdtrBase, .gdtrLimit, .idtrBase, .idtrLimit, .ldtr, .ldtrBase, .tr, .trBase:
      return read(register) == bytes
    default: return writeExtended(register, bytes)
    }
    return true
  }

  private mutating func writeExtended(_ register: RegisterID, _ bytes: [UInt8]) -> Bool {
    let value = UInt64(littleEndian: bytes)
    switch register {
    case .st(let index):
      guard bytes.count == 10 else { return false }
      extended.significands[index] = value
      extended.exponents[index] = UInt16(bytes[8]) | UInt16(bytes[9]) << 8
    case .x87Control: extended.control = UInt16(truncatingIfNeeded: value) & 0x1F7F | 0x40
    case .x87Status: extended.status = UInt16(truncatingIfNeeded: value)
    case .x87Tag:
      var tag: UInt8 = 0
      for physical in 0..<8 where value >> UInt64(physical * 2) & 3 != 3 { tag |= 1 << UInt8(physical) }
      extended.tag = tag
    case .x87Opcode: extended.opcode = UInt16(truncatingIfNeeded: value) & 0x7FF
    case .xmm(let index):
      for place in 0..<min(16, bytes.count) { extended.vectors[index][place] = bytes[place] }
    case .ymmHigh(let index):
      for place in 0..<min(16, bytes.count) { extended.vectors[index][place + 16] = bytes[place] }
    case .mxcsr:
      guard value & ~0xFFFF == 0 else { return false }
      extended.mxcsr = UInt32(truncatingIfNeeded: value)
    default: return read(register) == bytes
    }
    return true
  }
}
