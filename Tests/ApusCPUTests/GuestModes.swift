import ApusCPU

/// Fixed places in the first 2 MiB of the machines below.
enum GuestLayout {
  static let pml4 = 0x1000
  static let pageTable = 0x4000
  static let idt = 0x5000
  /// One `HLT` per vector, 16 bytes apart.
  static let handlers = 0x6000
  static let gdt = 0x7000
  static let tss = 0x8000
  /// Offset of the I/O permission bit map in the TSS.
  static let ioMap = 0x88
  static let kernelStack = 0xA000
  static let userStack = 0xC000
  static let code = 0x1_0000
  static let data = 0x2_0000
}

/// A processor in 64-bit mode, or in 32-bit protected mode without paging, or in virtual-8086 mode below it,
/// where every exception and interrupt ends in a `HLT` of its own.
final class GuestMachine {
  enum Mode { case long, protected, virtual8086 }

  let bench = GuestBench()
  let mode: Mode
  var state: ArchitecturalState
  private(set) var codeLength = 0

  /// `code` runs at `GuestLayout.code` (8086: 1000:0000), with `HLT` behind it at CPL 0 and `INT 80h` else.
  init(_ mode: Mode, cpl: UInt8 = 0, code: [UInt8]) {
    self.mode = mode
    state = ArchitecturalState.real(bench, rip: UInt64(GuestLayout.code))
    let level = mode == .virtual8086 ? 3 : cpl
    bench.write(GuestLayout.code, code + (level == 0 ? [0xF4] : [0xCD, 0x80]))
    codeLength = code.count
    for vector in 0..<256 { bench[GuestLayout.handlers + vector * 16] = 0xF4 }
    makeDescriptors()
    makeState(level)
    if mode == .long { makePaging() }
  }

  private func makeDescriptors() {
    let code0: UInt64 = mode == .long ? 0x00AF_9B00_0000_FFFF : 0x00CF_9B00_0000_FFFF
    let code3: UInt64 = mode == .long ? 0x00AF_FB00_0000_FFFF : 0x00CF_FB00_0000_FFFF
    bench.write(
      GuestLayout.gdt,
      values: [0, code0, 0x00CF_9300_0000_FFFF, code3, 0x00CF_F300_0000_FFFF] as [UInt64])
    for vector in 0..<256 {
      let target = UInt64(GuestLayout.handlers + vector * 16)
      // A 32- or 64-bit interrupt gate with DPL 3, so that `INT n` may use it.
      let low = (target & 0xFFFF) | 8 << 16 | 0xEE00 << 32 | (target >> 16) << 48
      if mode == .long {
        bench.write(GuestLayout.idt + vector * 16, values: [low, 0])
      } else {
        bench.write(GuestLayout.idt + vector * 8, values: [low])
      }
    }
    if mode == .long {
      bench.write(GuestLayout.tss + 4, values: [UInt64(GuestLayout.kernelStack)])
    } else {
      bench.write(GuestLayout.tss + 4, values: [UInt32(GuestLayout.kernelStack), 0x10])
    }
    bench.write(GuestLayout.tss + 0x66, values: [UInt16(GuestLayout.ioMap)])
  }

  private func makeState(_ level: UInt8) {
    state.cr0 = 0x11
    state.cpl = level
    let privilege = UInt32(level) << 5
    let codeAccess: UInt32 = (mode == .long ? 0xA09B : 0xC09B) | privilege
    let codeSelector: UInt16 = level == 0 ? 8 : 0x1B
    let dataSelector: UInt16 = level == 0 ? 0x10 : 0x23
    for index in 0..<6 {
      state.segments[index] = SegmentRegister(
        selector: index == 1 ? codeSelector : dataSelector, base: 0, limit: .max,
        attributes: index == 1 ? codeAccess : 0xC093 | privilege)
    }
    state.registers[4] = UInt64(level == 0 ? GuestLayout.kernelStack : GuestLayout.userStack)
    state.gdtrBase = UInt64(GuestLayout.gdt)
    state.gdtrLimit = 39
    state.idtrBase = UInt64(GuestLayout.idt)
    state.idtrLimit = 0xFFF
    state.tr = SegmentRegister(
      selector: 0x28, base: UInt64(GuestLayout.tss), limit: 0x1FFF, attributes: 0x8B)
    guard mode == .virtual8086 else { return }
    state.rflags |= 1 << 17
    for index in 0..<6 {
      state.segments[index] = SegmentRegister(selector: 0, base: 0, limit: 0xFFFF, attributes: 0xF3)
    }
    state.segments[1] = SegmentRegister(
      selector: UInt16(GuestLayout.code >> 4), base: UInt64(GuestLayout.code), limit: 0xFFFF,
      attributes: 0xF3)
    state.rip = 0
  }

  /// The first 2 MiB, one to one in pages of 4 KiB that user mode may use.
  private func makePaging() {
    bench.write(GuestLayout.pml4, values: [UInt64(0x2007)])
    bench.write(0x2000, values: [UInt64(0x3007)])
    bench.write(0x3000, values: [UInt64(GuestLayout.pageTable | 7)])
    bench.write(GuestLayout.pageTable, values: (0..<512).map { UInt64($0 * 4096 + 7) })
    state.cr3 = UInt64(GuestLayout.pml4)
    state.cr4 = 0x20
    state.efer = 0x500
    state.cr0 = 0x8001_0011
  }

  /// Maps the page of `linear` to `physical`, or to nothing.
  func map(_ linear: Int, to physical: UInt64?) {
    bench.write(GuestLayout.pageTable + (linear >> 12) * 8, values: [physical.map { $0 | 7 } ?? 0])
  }

  subscript(_ register: Int) -> UInt64 {
    get { state.registers[register] }
    set { state.registers[register] = newValue }
  }

  /// Sets the registers, runs to a `HLT` and reads them back. The result is the vector of the handler it
  /// stopped in, nil after the code's own `HLT`, and -1 if it did not halt.
  @discardableResult
  func run(_ limit: UInt64 = 100_000) -> Int? {
    bench.processor.state = state
    let halted = bench.runToHalt(limit)
    state = bench.processor.state
    guard halted else { return -1 }
    let offset = Int(truncatingIfNeeded: state.rip) - GuestLayout.handlers - 1
    return offset >= 0 && offset < 4096 && state.cpl == 0 ? offset / 16 : nil
  }

  /// What the exception pushed, from its error code on: error code (if any), RIP, CS, RFLAGS.
  func frame(_ index: Int) -> UInt64 {
    let size = mode == .long ? 8 : 4
    let at = Int(truncatingIfNeeded: state.registers[4]) + index * size
    return mode == .long ? bench.value(at, UInt64.self) : UInt64(bench.value(at, UInt32.self))
  }
}

/// Register numbers for `GuestMachine`.
enum R { static let ax = 0, cx = 1, dx = 2, bx = 3, sp = 4, bp = 5, si = 6, di = 7 }
