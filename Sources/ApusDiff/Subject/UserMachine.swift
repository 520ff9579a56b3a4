import ApusCPU

/// An Apus processor with a kernel that runs cases as user code, at CPL 3 under paging.
package final class UserMachine: Subject {
  private let board: SubjectBoard
  private let kernel: any GuestKernel
  package private(set) var components: UInt64 = 0

  /// A machine with a 64-bit kernel, for 64-bit code and compatibility mode, that waits for its first case.
  package convenience init() { self.init(kernel: LongModeKernel()) }

  init(kernel: any GuestKernel) {
    self.kernel = kernel
    board = SubjectBoard(
      SubjectBoard.Places(
        size: Physical.size, code: Physical.code, data: Physical.data, constant: Physical.constant),
      regions: [MemoryRegion(start: 0, end: Physical.size, hostOffset: 0, isWritable: true)],
      layout: CaseMode.long64.layout)
    kernel.build(board)
    start()
  }

  deinit { board.close() }

  /// Runs the boot code, which enables the state components and waits.
  private func start() {
    let processor = board.resetProcessor()
    processor.state = kernel.initialState(processor.state)
    board.proceed(stepping: false)
    components = board.get(Physical.components) & 7
  }

  package func clearCode() { board.clearCode() }
  package func load(_ batch: Batch) { board.load(batch) }

  package func run(_ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer) {
    board.prepareMemory(record)
    let image = record + CaseRecord.state
    let input = board.image(Physical.input)
    input.copyMemory(from: image, byteCount: MachineImage.size)
    input.put(MachineImage.xstateBV, image.get(MachineImage.xstateBV, UInt64.self) & components)
    // What the kernel cannot reach stays as it is: a 32-bit one has no registers above 7.
    board.image(Physical.output).copyMemory(from: image, byteCount: MachineImage.size)
    // `IRETD` at CPL 0 would go to virtual-8086 mode with VM.
    let flags = image.get(MachineImage.rflags, UInt64.self) & ~0x2_0000
    let words = [
      image.get(MachineImage.rip, UInt64.self), UInt64(image.get(MachineImage.selectors + 2, UInt16.self)),
      flags, image.gpr(MachineImage.rsp), UInt64(image.get(MachineImage.selectors + 4, UInt16.self)),
    ]
    for (index, word) in words.enumerated() { putWord(index, word) }
    board.proceed(stepping: record.get(CaseRecord.steps, UInt8.self) != 0)
    readOutcome(outcome)
    board.reportMemory(outcome)
    if !board.isDone { start() }
  }

  // MARK: The frame: RIP, CS, RFLAGS, RSP, SS; below it error code and vector

  private func address(_ index: Int) -> UInt64 {
    Physical.stackTop &+ UInt64(bitPattern: Int64((index - 5) * kernel.wordSize))
  }

  private func putWord(_ index: Int, _ value: UInt64) {
    if kernel.wordSize == 8 {
      board.put(address(index), value)
    } else {
      board.put(address(index), UInt32(truncatingIfNeeded: value))
    }
  }

  private func word(_ index: Int) -> UInt64 {
    kernel.wordSize == 8 ? board.get(address(index)) : UInt64(board.get(address(index), UInt32.self))
  }

  private func readOutcome(_ outcome: UnsafeMutableRawPointer) {
    let image = outcome + OutcomeRecord.state
    image.copyMemory(from: board.image(Physical.output), byteCount: MachineImage.size)
    guard board.isDone else { return outcome.put(OutcomeRecord.end, board.endWithoutHandover.rawValue) }
    let vector = UInt8(truncatingIfNeeded: word(-2))
    let code = UInt32(truncatingIfNeeded: word(-1))
    let rip = word(0)
    let cs = UInt16(truncatingIfNeeded: word(1))
    var flags = word(2)
    image.put(MachineImage.rip, rip)
    image.setGPR(MachineImage.rsp, word(3))
    image.put(MachineImage.selectors + 2, cs)
    image.put(MachineImage.selectors + 4, UInt16(truncatingIfNeeded: word(4)))
    if vector == 13 && rip == kernel.exit(cs) && code == 0 {
      // The fault that ends a case set RF in the image.
      flags &= ~0x1_0000
      outcome.put(OutcomeRecord.end, CaseEnd.completed.rawValue)
    } else {
      outcome.put(OutcomeRecord.end, CaseEnd.exception.rawValue)
    }
    image.put(MachineImage.rflags, flags)
    outcome.put(OutcomeRecord.vector, vector)
    outcome.put(OutcomeRecord.errorCode, code)
    outcome.put(OutcomeRecord.cr2, board.get(Physical.cr2, UInt64.self))
  }
}
