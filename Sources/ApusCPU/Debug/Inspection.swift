import ApusBase

// The processor as somebody outside sees it, between two instructions. Looking changes nothing.

/// The registers of the x87 FPU, MMX, SSE and AVX.
package struct ExtendedRegisters: Equatable, Sendable {
  /// ST(0) to ST(7): significands, and signs and exponents.
  package var significands: [UInt64]
  package var exponents: [UInt16]
  package var control: UInt16
  package var status: UInt16
  /// One bit per physical register, 1 = valid.
  package var tag: UInt8
  package var opcode: UInt16
  package var instructionSelector: UInt16
  package var dataSelector: UInt16
  package var instructionPointer: UInt64
  package var dataPointer: UInt64
  /// YMM0–YMM15, the low 16 bytes of which are XMM0–XMM15.
  package var vectors: [SIMD32<UInt8>]
  package var mxcsr: UInt32
}

extension Processor {
  /// Where the byte at a linear address lies, as the page tables have it now; nil if they map nothing there.
  package func physicalAddress(_ linear: UInt64) -> UInt64? {
    let hooks = cpu.pointee.hooks
    cpu.pointee.hooks.remove(.walks)
    defer { cpu.pointee.hooks = hooks }
    var failure = PageRule.permitted
    return cpu.walk(linear & cpu.outsideMask, Access.outside, updating: false, &failure)?.physical
  }

  /// What a walk of the page tables for an access by the present code at CPL, or by supervisor code, finds: told to the
  /// observer, without a change to anything.
  package func showWalk(_ linear: UInt64, isWrite: Bool, isFetch: Bool, isUser: Bool) {
    var kind = isWrite ? Access.write : Access.read
    if isFetch { kind = Access.fetch }
    if isUser { kind |= Access.user }
    var failure = PageRule.permitted
    _ = cpu.walk(linear & cpu.outsideMask, kind, updating: false, &failure)
    observing?.flush()
  }

  /// Up to `count` bytes of RAM or ROM from a physical address on: those before the first that is neither.
  package func readPhysical(_ physical: UInt64, count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let at = physical &+ UInt64(bytes.count)
      guard let offset = cpu.hostOffset(at) else { break }
      let size = min(count - bytes.count, 4096 - Int(at & 0xFFF))
      bytes += UnsafeRawBufferPointer(start: cpu.host(offset), count: size)
    }
    return bytes
  }

  /// Up to `count` bytes from a linear address on: those before the first that is not mapped to RAM or ROM.
  package func readLinear(_ linear: UInt64, count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let at = linear &+ UInt64(bytes.count)
      let size = min(count - bytes.count, 4096 - Int(at & 0xFFF))
      guard let physical = physicalAddress(at) else { break }
      let piece = readPhysical(physical, count: size)
      bytes += piece
      if piece.count < size { break }
    }
    return bytes
  }

  /// Stores bytes to RAM at a physical address; false, with nothing done, if they do not all lie in RAM.
  package func writePhysical(_ physical: UInt64, _ bytes: [UInt8]) -> Bool {
    write(bytes) { physical &+ $0 }
  }

  /// Stores bytes at a linear address; false, with nothing done, if they are not all mapped to RAM.
  package func writeLinear(_ linear: UInt64, _ bytes: [UInt8]) -> Bool {
    write(bytes) { physicalAddress(linear &+ $0) }
  }

  private func write(_ bytes: [UInt8], _ physical: (UInt64) -> UInt64?) -> Bool {
    var places: [UInt64] = []
    for index in bytes.indices {
      guard let at = physical(UInt64(index)), let region = cpu.region(of: at), region.pointee.isWritable
      else {
        return false
      }
      places.append(at - region.pointee.start + region.pointee.hostOffset)
    }
    for (index, place) in places.enumerated() { _ = writeHost(place, from: bytes, index..<(index + 1)) }
    return true
  }

  /// The linear address of the next instruction.
  package var codeAddress: UInt64 { cpu.codeLinear(cpu.pointee.rip) }

  /// How the next instruction is decoded.
  package var mode: ProcessorMode { cpu.mode }

  /// The registers of the x87 FPU and the vector registers.
  package var extendedRegisters: ExtendedRegisters {
    get {
      let x87 = cpu.pointee.x87
      let top = Int(x87.status >> 11) & 7
      var significands: [UInt64] = []
      var exponents: [UInt16] = []
      withUnsafePointer(to: x87.significand) { all in
        all.withMemoryRebound(to: UInt64.self, capacity: 8) { registers in
          for index in 0..<8 { significands.append(registers[(top + index) & 7]) }
        }
      }
      withUnsafePointer(to: x87.exponent) { all in
        all.withMemoryRebound(to: UInt16.self, capacity: 8) { registers in
          for index in 0..<8 { exponents.append(registers[(top + index) & 7]) }
        }
      }
      return ExtendedRegisters(
        significands: significands, exponents: exponents, control: x87.control, status: x87.status,
        tag: x87.tag, opcode: x87.opcode, instructionSelector: x87.instructionSelector,
        dataSelector: x87.dataSelector, instructionPointer: x87.instructionPointer,
        dataPointer: x87.dataPointer,
        vectors: (0..<16 as Range<UInt8>).map { vector($0).pointee }, mxcsr: cpu.pointee.mxcsr)
    }
    set {
      var x87 = cpu.pointee.x87
      x87.control = newValue.control
      x87.status = newValue.status
      x87.tag = newValue.tag
      x87.opcode = newValue.opcode & 0x7FF
      x87.instructionSelector = newValue.instructionSelector
      x87.dataSelector = newValue.dataSelector
      x87.instructionPointer = newValue.instructionPointer
      x87.dataPointer = newValue.dataPointer
      let top = Int(x87.status >> 11) & 7
      withUnsafeMutablePointer(to: &x87.significand) { all in
        all.withMemoryRebound(to: UInt64.self, capacity: 8) { registers in
          for (index, value) in newValue.significands.prefix(8).enumerated() {
            registers[(top + index) & 7] = value
          }
        }
      }
      withUnsafeMutablePointer(to: &x87.exponent) { all in
        all.withMemoryRebound(to: UInt16.self, capacity: 8) { registers in
          for (index, value) in newValue.exponents.prefix(8).enumerated() {
            registers[(top + index) & 7] = value
          }
        }
      }
      cpu.pointee.x87 = x87
      for (index, value) in newValue.vectors.prefix(16).enumerated() { vector(UInt8(index)).pointee = value }
      cpu.pointee.mxcsr = newValue.mxcsr & 0xFFFF
    }
  }

  private func vector(_ index: UInt8) -> UnsafeMutablePointer<SIMD32<UInt8>> {
    UnsafeMutableRawPointer(cpu.ymm(index)).assumingMemoryBound(to: SIMD32<UInt8>.self)
  }

  /// IA32_KERNEL_GS_BASE.
  package var kernelGSBase: UInt64 { cpu.pointee.msr.kernelGSBase }

  /// CR8, the task priority class.
  package var taskPriority: UInt8 { bus.taskPriority }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The bits of a linear address that somebody outside gives.
  fileprivate var outsideMask: UInt64 { isLongMode ? ~0 : 0xFFFF_FFFF }
}
