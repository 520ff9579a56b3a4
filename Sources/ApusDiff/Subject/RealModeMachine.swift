import ApusCPU

/// An Apus processor that runs cases in real-address mode. A case owns the processor there, so no code of ours can
/// stand in the same mode and keep the registers: x87, SSE and AVX state goes in and out by the guest's own
/// `XRSTOR` and `XSAVE` in protected mode above what real mode reaches, the other registers by `Processor.state`.
package final class RealModeMachine: Subject {
  /// Physical addresses; those below 1 MiB are FORMATS.md's.
  private enum Place {
    /// The interrupt vector table: `vectors:n` for vector n.
    static let vectors: UInt64 = 0
    /// 256 times `HLT`, at `handlerSelector:n`.
    static let handlers: UInt64 = 0x400
    static let handlerSelector: UInt16 = 0x40
    static let code: UInt64 = 0x11_0000
    static let restore: UInt64 = 0x11_0040
    static let save: UInt64 = 0x11_0080
    static let components: UInt64 = 0x11_0F00
    static let input: UInt64 = 0x11_1000
    static let output: UInt64 = 0x11_1400
    static let end: UInt64 = 0x11_2000
    static let size: UInt64 = 0x12_0000
  }

  private static let layout = CaseMode.real16.layout
  private let board: SubjectBoard
  package private(set) var components: UInt64 = 0

  package init() {
    let layout = Self.layout
    board = SubjectBoard(
      SubjectBoard.Places(
        size: Place.size, code: layout.code, data: layout.data, constant: layout.constant),
      regions: Self.regions, layout: layout)
    for vector in 0..<256 as Range<UInt64> {
      board.put(Place.vectors + vector * 4, UInt16(vector))
      board.put(Place.vectors + vector * 4 + 2, Place.handlerSelector)
      board.put(Place.handlers + vector, 0xF4 as UInt8)
    }
    buildCode()
    clearCode()
    start()
  }

  deinit { board.close() }

  /// Everything else is a hole, which reads as ones and ignores writes.
  private static var regions: [MemoryRegion] {
    func region(_ start: UInt64, _ size: Int, isWritable: Bool) -> MemoryRegion {
      MemoryRegion(start: start, end: start + UInt64(size), hostOffset: start, isWritable: isWritable)
    }
    return [
      region(Place.vectors, 4096, isWritable: false),
      region(layout.data, LinearLayout.dataSize, isWritable: true),
      region(layout.constant, LinearLayout.constantSize, isWritable: false),
      region(layout.code, LinearLayout.codeSize, isWritable: false),
      region(Place.code, Int(Place.end - Place.code), isWritable: true),
    ]
  }

  /// 32-bit code without paging: what boots, what loads a case's extended state, what stores it.
  private func buildCode() {
    var boot = MachineCode()
    // mov eax, 0Dh; xor ecx, ecx; cpuid; and eax, 7; mov [components], eax; out done, al
    boot.emit(0xB8, 0x0D, 0, 0, 0, 0x31, 0xC9, 0x0F, 0xA2, 0x83, 0xE0, 0x07, 0xA3)
    boot.emit32(Place.components)
    boot.emit(0xE6, SubjectBoard.donePort)
    board.write(Place.code, boot.bytes)
    var restore = MachineCode()
    // xor ecx, ecx; xor edx, edx; mov eax, [components]; xsetbv; xrstor [input]; out done, al
    restore.emit(0x31, 0xC9, 0x31, 0xD2, 0xA1)
    restore.emit32(Place.components)
    restore.emit(0x0F, 0x01, 0xD1, 0x0F, 0xAE, 0x2D)
    restore.emit32(Place.input + UInt64(MachineImage.xsave))
    restore.emit(0xE6, SubjectBoard.donePort)
    board.write(Place.restore, restore.bytes)
    var save = MachineCode()
    // xor edx, edx; mov eax, [components]; xsave [output]; out done, al
    save.emit(0x31, 0xD2, 0xA1)
    save.emit32(Place.components)
    save.emit(0x0F, 0xAE, 0x25)
    save.emit32(Place.output + UInt64(MachineImage.xsave))
    save.emit(0xE6, SubjectBoard.donePort)
    board.write(Place.save, save.bytes)
  }

  private func start() {
    _ = board.resetProcessor()
    call(Place.code)
    components = board.get(Place.components)
  }

  // MARK: States

  /// Runs code in protected mode until it writes to the port.
  private func call(_ place: UInt64) {
    guard let processor = board.processor else { return }
    var state = controlRegisters(processor.state)
    state.cr0 |= 1
    state.rflags = 2
    state.rip = place
    for index in 0..<6 {
      state.segments[index] = SegmentRegister(
        selector: 8, base: 0, limit: .max, attributes: index == 1 ? 0xC09B : 0xC093)
    }
    processor.state = state
    board.proceed(stepping: false)
  }

  /// What FORMATS.md says of control registers and tables, whatever a case made of them.
  private func controlRegisters(_ before: ArchitecturalState) -> ArchitecturalState {
    var state = before
    // MP, ET, NE.
    state.cr0 = 0x32
    state.cr2 = 0
    state.cr3 = 0
    // OSFXSR, OSXMMEXCPT, OSXSAVE.
    state.cr4 = 0x4_0600
    state.efer = 0
    state.breakpoints = [0, 0, 0, 0]
    state.dr6 = 0xFFFF_0FF0
    state.dr7 = 0x400
    state.cpl = 0
    state.gdtrBase = 0
    state.gdtrLimit = 0
    state.idtrBase = Place.vectors
    state.idtrLimit = 0x3FF
    return state
  }

  private func initialState(
    _ image: UnsafeMutableRawPointer, _ before: ArchitecturalState
  ) -> ArchitecturalState {
    var state = controlRegisters(before)
    for index in 0..<16 { state.registers[index] = index < 8 ? image.gpr(index) & 0xFFFF_FFFF : 0 }
    state.rip = image.get(MachineImage.rip, UInt64.self) & 0xFFFF_FFFF
    // Neither reserved bits nor VM.
    state.rflags = image.get(MachineImage.rflags, UInt64.self) & 0x3D_7FD5 | 2
    for index in 0..<6 {
      let selector: UInt16 = image.get(MachineImage.selectors + index * 2)
      state.segments[index] = SegmentRegister(
        selector: selector, base: UInt64(selector) << 4, limit: 0xFFFF,
        attributes: index == 1 ? 0x9B : 0x93)
    }
    return state
  }

  // MARK: Cases

  package func clearCode() {
    board.clearCode()
    board.put(Self.layout.exit, 0xF4 as UInt8)
  }

  package func load(_ batch: Batch) { board.load(batch) }

  package func run(_ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer) {
    guard let processor = board.processor else { return }
    board.prepareMemory(record)
    let image = record + CaseRecord.state
    let input = board.image(Place.input)
    input.copyMemory(from: image, byteCount: MachineImage.size)
    input.put(MachineImage.xstateBV, image.get(MachineImage.xstateBV, UInt64.self) & components)
    // Registers above 7 stay as they are.
    board.image(Place.output).copyMemory(from: image, byteCount: MachineImage.size)
    call(Place.restore)
    guard board.isDone else {
      // An area that `XRSTOR` refuses.
      outcome.put(OutcomeRecord.end, CaseEnd.stopped.rawValue)
      (outcome + OutcomeRecord.state).copyMemory(from: image, byteCount: MachineImage.size)
      board.reportMemory(outcome)
      return start()
    }
    processor.state = initialState(image, processor.state)
    board.proceed(stepping: record.get(CaseRecord.steps, UInt8.self) != 0, isInUserCode: true)
    let state = processor.state
    let isHalted = processor.isHalted
    let end = board.endWithoutHandover
    // Whatever a shutdown left of the state is lost.
    if processor.stopCode == .none { call(Place.save) }
    if !isHalted { start() }
    (outcome + OutcomeRecord.state).copyMemory(
      from: board.image(Place.output), byteCount: MachineImage.size)
    readRegisters(state, outcome + OutcomeRecord.state)
    outcome.put(OutcomeRecord.end, end.rawValue)
    outcome.put(OutcomeRecord.errorCode, 0 as UInt32)
    if isHalted { readEnd(state, outcome) }
    board.reportMemory(outcome)
  }

  private func readRegisters(_ state: ArchitecturalState, _ image: UnsafeMutableRawPointer) {
    for index in 0..<8 { image.setGPR(index, state.registers[index] & 0xFFFF_FFFF) }
    for index in 0..<6 {
      image.put(MachineImage.selectors + index * 2, state.segments[index].selector)
    }
    image.put(MachineImage.rip, state.rip)
    image.put(MachineImage.rflags, state.rflags)
  }

  /// Finds out which `HLT` the processor has executed.
  private func readEnd(_ state: ArchitecturalState, _ outcome: UnsafeMutableRawPointer) {
    let image = outcome + OutcomeRecord.state
    let code = state.segments[1]
    let at = state.rip &- 1
    if code.selector == Place.handlerSelector && at < 256 {
      outcome.put(OutcomeRecord.end, CaseEnd.exception.rawValue)
      outcome.put(OutcomeRecord.vector, UInt8(truncatingIfNeeded: at))
      // IP, CS, FLAGS.
      let stack = state.segments[2].base
      let words = (0..<3 as Range<UInt64>).map { index -> UInt64 in
        let offset = state.registers[MachineImage.rsp] &+ index * 2
        return UInt64(byte(stack, offset)) | UInt64(byte(stack, offset &+ 1)) << 8
      }
      image.put(MachineImage.rip, words[0])
      image.put(MachineImage.selectors + 2, UInt16(words[1]))
      image.put(MachineImage.rflags, words[2])
    } else if code.base &+ at == Self.layout.exit {
      outcome.put(OutcomeRecord.end, CaseEnd.completed.rawValue)
      image.put(MachineImage.rip, at)
    }
  }

  /// A byte of memory as the processor reads it.
  private func byte(_ base: UInt64, _ offset: UInt64) -> UInt8 {
    let linear = base &+ (offset & 0xFFFF)
    return Self.regions.contains { linear >= $0.start && linear < $0.end } ? board.get(linear) : 0xFF
  }
}
