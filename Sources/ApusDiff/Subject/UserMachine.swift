import ApusBase
import ApusCPU

/// An Apus processor with a kernel of a hundred instructions that runs cases as a 64-bit Linux runs user code:
/// the same linear layout, selectors, control registers and privilege, so that what a case meets is what it
/// meets in the worker of the host oracle. State goes in and out by the guest's own `XRSTOR`, `IRETQ`, interrupt
/// gates and `XSAVE`, so nothing that a user program can observe bypasses the processor under test.
package final class UserMachine: SystemBus {
  /// Physical addresses.
  enum Physical {
    static let pml4: UInt64 = 0x1000
    static let lowPDPT: UInt64 = 0x2000
    static let lowPD: UInt64 = 0x3000
    static let stubsPT: UInt64 = 0x4000
    static let dataPT: UInt64 = 0x5000
    static let highPDPT: UInt64 = 0x6000
    static let highPD: UInt64 = 0x7000
    static let gdt: UInt64 = 0x8000
    static let tss: UInt64 = 0x8200
    static let idt: UInt64 = 0x9000
    static let gates: UInt64 = 0xA000
    static let common: UInt64 = 0xB000
    static let boot: UInt64 = 0xB800
    static let stackTop: UInt64 = 0xD000
    /// Images: what the next case begins with, how the last one ended.
    static let input: UInt64 = 0xD000
    static let output: UInt64 = 0xD400
    static let cr2: UInt64 = 0xD800
    static let components: UInt64 = 0xD808
    static let stubs: UInt64 = 0x1_0000
    static let code: UInt64 = 0x2_0000
    static let data: UInt64 = 0x3_0000
    static let constant: UInt64 = 0x3_2000
    static let size: UInt64 = 0x20_0000
  }

  /// Where physical address 0 lies in the kernel's half of linear memory; absolute 32-bit displacements reach it.
  static let kernel: UInt64 = 0xFFFF_FFFF_8000_0000
  /// The port whose write hands a finished case over.
  private static let donePort: UInt16 = 0x80
  /// The ports whose writes tell that user code comes next, and that it has been left.
  private static let enterPort: UInt16 = 0x81
  private static let leavePort: UInt16 = 0x82
  /// Instructions, the kernel's included, after which a case counts as endless.
  private static let limit: UInt64 = 50_000

  private let ram: UnsafeMutableRawPointer
  private let memory = DataMemory()
  private var machine: Processor?
  private var isDone = false
  /// The present case runs instruction by instruction, and user code is being run.
  private var isStepping = false
  private var isInUserCode = false
  /// The state components that this processor has (bits of XCR0).
  package private(set) var components: UInt64 = 0

  /// A machine that has started and waits for its first case.
  package init() {
    let bytes = GuestRAM.requiredBytes(size: Physical.size) ?? 0
    ram = .allocate(byteCount: bytes, alignment: 4096)
    ram.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    buildTables()
    buildKernel()
    memory.fill(ram + Int(Physical.data))
    LinearLayout.fillBackground(
      ram + Int(Physical.constant), LinearLayout.constant, LinearLayout.constantSize)
    start()
  }

  deinit {
    machine = nil
    ram.deallocate()
  }

  private func put<T: BitwiseCopyable>(_ physical: UInt64, _ value: T) { ram.put(Int(physical), value) }
  private func get<T: BitwiseCopyable>(_ physical: UInt64, _: T.Type = T.self) -> T { ram.get(Int(physical)) }

  /// Makes a processor and runs the boot code, which enables the state components and waits. Also the way out of
  /// an endless case.
  private func start() {
    machine = nil
    let processor = Processor(
      ram: GuestRAM(adopting: ram, size: Physical.size),
      regions: [MemoryRegion(start: 0, end: Physical.size, hostOffset: 0, isWritable: true)], bus: self)
    processor.state = initialState(processor.state)
    machine = processor
    isDone = false
    proceed(processor, stepping: false)
    components = get(Physical.components)
  }

  /// 64-bit mode at CPL 0 with the control registers of Linux.
  private func initialState(_ reset: ArchitecturalState) -> ArchitecturalState {
    var state = reset
    state.cr0 = 0x8005_0033
    // PAE, PGE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE, OSXSAVE.
    state.cr4 = 0x5_0EA0
    state.cr3 = Physical.pml4
    // SCE, LME, LMA, NXE.
    state.efer = 0xD01
    state.rflags = 2
    state.cpl = 0
    state.rip = Self.kernel + Physical.boot
    state.registers[MachineImage.rsp] = Self.kernel + Physical.stackTop
    let data = SegmentRegister(selector: 0, base: 0, limit: 0, attributes: 0, isNull: true)
    state.segments = Array(repeating: data, count: 6)
    state.segments[1] = SegmentRegister(selector: 0x10, base: 0, limit: .max, attributes: 0xA09B)
    state.ldtr = data
    state.tr = SegmentRegister(
      selector: 0x40, base: Self.kernel + Physical.tss, limit: 0x67, attributes: 0x8B)
    state.gdtrBase = Self.kernel + Physical.gdt
    state.gdtrLimit = 127
    state.idtrBase = Self.kernel + Physical.idt
    state.idtrLimit = 0xFFF
    return state
  }

  // MARK: Tables

  private func buildTables() {
    let (present, writable, user, large): (UInt64, UInt64, UInt64, UInt64) = (1, 2, 4, 0x80)
    let noExecute: UInt64 = 1 << 63
    let directory = present | writable | user
    put(Physical.pml4, Physical.lowPDPT | directory)
    put(Physical.pml4 + 511 * 8, Physical.highPDPT | present | writable)
    put(Physical.highPDPT + 510 * 8, Physical.highPD | present | writable)
    put(Physical.highPD, present | writable | large | 0x60)
    put(Physical.lowPDPT, Physical.lowPD | directory)
    put(Physical.lowPD + (LinearLayout.stubs >> 21) * 8, Physical.stubsPT | directory)
    put(Physical.lowPD + (LinearLayout.data >> 21) * 8, Physical.dataPT | directory)
    func map(_ table: UInt64, _ linear: UInt64, _ physical: UInt64, _ size: Int, _ rights: UInt64) {
      for page in 0..<UInt64(size / 4096) {
        let entry = physical + page << 12 | present | user | rights | 0x60
        put(table + ((linear >> 12 + page) & 511) * 8, entry)
      }
    }
    map(Physical.stubsPT, LinearLayout.stubs, Physical.stubs, 4096, 0)
    map(Physical.stubsPT, LinearLayout.code, Physical.code, LinearLayout.codeSize, 0)
    map(Physical.dataPT, LinearLayout.data, Physical.data, LinearLayout.dataSize, writable | noExecute)
    map(Physical.dataPT, LinearLayout.constant, Physical.constant, LinearLayout.constantSize, noExecute)
    buildDescriptors()
  }

  /// The descriptors that Linux has in its GDT at these places (arch/x86/include/asm/segment.h), so that
  /// selectors mean the same; a TSS for the stack; gates for the exceptions.
  private func buildDescriptors() {
    let descriptors: [UInt64] = [
      0, 0x00CF_9B00_0000_FFFF, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_FB00_0000_FFFF,
      0x00CF_F300_0000_FFFF, 0x00AF_FB00_0000_FFFF,
    ]
    for (index, descriptor) in descriptors.enumerated() { put(Physical.gdt + UInt64(index) * 8, descriptor) }
    let tss = Self.kernel + Physical.tss
    put(Physical.gdt + 64, 0x67 | (tss & 0xFF_FFFF) << 16 | 0x8B << 40 | (tss >> 24 & 0xFF) << 56)
    put(Physical.gdt + 72, tss >> 32)
    put(Physical.tss + 4, Self.kernel + Physical.stackTop)
    put(Physical.tss + 0x66, 0x68 as UInt16)
    for vector in 0..<32 as Range<UInt64> {
      let at = Self.kernel + Physical.gates + vector * 16
      // User code may use the gates of INT3 and INTO.
      let rights: UInt64 = vector == 3 || vector == 4 ? 0xEE00 : 0x8E00
      put(Physical.idt + vector * 16, at & 0xFFFF | 0x10 << 16 | rights << 32 | (at >> 16 & 0xFFFF) << 48)
      put(Physical.idt + vector * 16 + 8, at >> 32)
    }
  }

  // MARK: Kernel

  private func absolute(_ physical: UInt64, _ offset: Int = 0) -> UInt64 {
    Self.kernel &+ physical &+ UInt64(bitPattern: Int64(offset))
  }

  private func buildKernel() {
    for vector in 0..<32 as Range<UInt64> {
      var gate = MachineCode()
      let hasErrorCode = [8, 10, 11, 12, 13, 14, 17, 21].contains(vector)
      if !hasErrorCode { gate.emit(0x6A, 0x00) }  // push 0
      gate.emit(0x6A, UInt8(vector))  // push vector
      let at = Physical.gates + vector * 16
      gate.jump(to: absolute(Physical.common), origin: absolute(at))
      write(at, gate.bytes)
    }
    var code = MachineCode()
    saveState(&code)
    code.emit(0xE6, UInt8(Self.donePort))  // out done, al
    let resume = absolute(Physical.common, code.bytes.count)
    restoreState(&code)
    write(Physical.common, code.bytes)
    var boot = MachineCode()
    // mov eax, 0Dh; xor ecx, ecx; cpuid; and eax, 7
    boot.emit(0xB8, 0x0D, 0, 0, 0, 0x31, 0xC9, 0x0F, 0xA2, 0x83, 0xE0, 0x07)
    boot.store(Register.rax, absolute: absolute(Physical.components))
    // xor ecx, ecx; xor edx, edx; xsetbv; out done, al
    boot.emit(0x31, 0xC9, 0x31, 0xD2, 0x0F, 0x01, 0xD1, 0xE6, UInt8(Self.donePort))
    boot.jump(to: resume, origin: absolute(Physical.boot))
    write(Physical.boot, boot.bytes)
    // HLT is #GP for user code: the exit. The rest is as on the host, for cases that read it.
    write(Physical.stubs, HostStubs.code())
    put(Physical.stubs + UInt64(HostStubs.Entry.exit64), 0xF4 as UInt8)
    put(Physical.stubs + UInt64(HostStubs.Entry.exit32), 0xF4 as UInt8)
  }

  private func write(_ physical: UInt64, _ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() { put(physical + UInt64(index), byte) }
  }

  private func saveState(_ code: inout MachineCode) {
    code.emit(0xE6, UInt8(Self.leavePort))  // out leave, al
    for register in 0..<16 as Range<UInt8> where register != Register.rsp {
      code.store(register, absolute: absolute(Physical.output, Int(register) * 8))
    }
    code.emit(0x0F, 0x20, 0xD0)  // mov rax, cr2
    code.store(Register.rax, absolute: absolute(Physical.cr2))
    for segment in [0, 3, 4, 5] as [UInt8] {
      code.emit(0x8C, 0xC1 | segment << 3, 0x66, 0x89, 0x0C, 0x25)  // mov ecx, segment; mov [...], cx
      code.emit32(absolute(Physical.output, MachineImage.selectors + Int(segment) * 2))
    }
    code.base(0, Register.rcx)
    code.store(Register.rcx, absolute: absolute(Physical.output, MachineImage.fsBase))
    code.base(1, Register.rcx)
    code.store(Register.rcx, absolute: absolute(Physical.output, MachineImage.gsBase))
    extendedState(&code, 0x24, Physical.output)
  }

  private func restoreState(_ code: inout MachineCode) {
    for segment in [0, 3, 4, 5] as [UInt8] {
      code.emit(0x0F, 0xB7, 0x04, 0x25)  // movzx eax, word [...]
      code.emit32(absolute(Physical.input, MachineImage.selectors + Int(segment) * 2))
      code.setSegment(segment)
    }
    code.load(Register.rax, absolute: absolute(Physical.input, MachineImage.fsBase))
    code.base(2, Register.rax)
    code.load(Register.rax, absolute: absolute(Physical.input, MachineImage.gsBase))
    code.base(3, Register.rax)
    extendedState(&code, 0x2C, Physical.input)
    code.set(Register.rsp, absolute(Physical.stackTop, -40))
    for register in 0..<16 as Range<UInt8> where register != Register.rsp {
      code.load(register, absolute: absolute(Physical.input, Int(register) * 8))
    }
    code.emit(0xE6, UInt8(Self.enterPort))  // out enter, al
    code.emit(0x48, 0xCF)  // iretq
  }

  /// `XSAVE64` (24h) or `XRSTOR64` (2Ch) of the area in an image.
  private func extendedState(_ code: inout MachineCode, _ modRM: UInt8, _ image: UInt64) {
    code.set32(Register.rax, 7)
    code.emit(0x31, 0xD2, 0x48, 0x0F, 0xAE, modRM, 0x25)
    code.emit32(absolute(image, MachineImage.xsave))
  }

  // MARK: Running

  /// Makes every code slot `INT3` again.
  package func clearCode() {
    (ram + Int(Physical.code)).initializeMemory(as: UInt8.self, repeating: 0xCC, count: LinearLayout.codeSize)
    machine?.noteDMAWrite(hostOffset: Physical.code, count: LinearLayout.codeSize)
  }

  /// Puts the code of a batch in place.
  package func load(_ batch: Batch) {
    var first = Int.max
    var last = 0
    for index in 0..<batch.count {
      let record = batch.caseRecord(index)
      guard let offset = CaseRecord.slotOffset(record) else { continue }
      (ram + Int(Physical.code) + offset)
        .copyMemory(from: record + CaseRecord.code, byteCount: LinearLayout.slotSize)
      first = min(first, offset)
      last = max(last, offset + LinearLayout.slotSize)
    }
    guard first < last else { return }
    machine?.noteDMAWrite(hostOffset: Physical.code + UInt64(first), count: last - first)
  }

  /// Runs a case whose code `load` has put in place.
  package func run(_ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer) {
    guard let processor = machine else { return }
    let data = ram + Int(Physical.data)
    memory.prepare(data, record)
    let image = record + CaseRecord.state
    let input = ram + Int(Physical.input)
    input.copyMemory(from: image, byteCount: MachineImage.size)
    input.put(MachineImage.xstateBV, image.get(MachineImage.xstateBV, UInt64.self) & components)
    let frame = Physical.stackTop - 40
    put(frame, image.get(MachineImage.rip, UInt64.self))
    put(frame + 8, UInt64(image.get(MachineImage.selectors + 2, UInt16.self)))
    put(frame + 16, image.get(MachineImage.rflags, UInt64.self))
    put(frame + 24, image.gpr(MachineImage.rsp))
    put(frame + 32, UInt64(image.get(MachineImage.selectors + 4, UInt16.self)))
    isDone = false
    proceed(processor, stepping: record.get(CaseRecord.steps, UInt8.self) != 0)
    readOutcome(outcome)
    memory.report(data, outcome)
    if !isDone { start() }
  }

  /// Runs until the kernel hands over or the limit is reached. Near a deadline the processor runs one instruction
  /// at a time, so short deadlines make it step and long ones let it run threaded.
  private func proceed(_ processor: Processor, stepping: Bool) {
    let end = processor.now &+ Self.limit
    isStepping = stepping
    while !isDone && processor.now < end {
      let until = stepping && isInUserCode ? processor.now &+ 32 : end
      if processor.run(until: until) == .stopped { return }
    }
  }

  private func readOutcome(_ outcome: UnsafeMutableRawPointer) {
    let frame = Physical.stackTop - 40
    let image = outcome + OutcomeRecord.state
    image.copyMemory(from: ram + Int(Physical.output), byteCount: MachineImage.size)
    guard isDone else {
      let stopped = machine?.stopCode ?? .none
      outcome.put(OutcomeRecord.end, (stopped == .none ? CaseEnd.timeout : CaseEnd.stopped).rawValue)
      return
    }
    let vector = UInt8(truncatingIfNeeded: get(frame - 16, UInt64.self))
    let code = UInt32(truncatingIfNeeded: get(frame - 8, UInt64.self))
    let rip: UInt64 = get(frame)
    var flags: UInt64 = get(frame + 16)
    let cs: UInt16 = get(frame + 8)
    image.put(MachineImage.rip, rip)
    image.setGPR(MachineImage.rsp, get(frame + 24))
    image.put(MachineImage.selectors + 2, cs)
    image.put(MachineImage.selectors + 4, get(frame + 32, UInt16.self))
    let exit = cs == 0x33 ? LinearLayout.exit64 : LinearLayout.exit32
    if vector == 13 && rip == exit && code == 0 {
      // The fault that ends a case set RF in the image.
      flags &= ~0x1_0000
      outcome.put(OutcomeRecord.end, CaseEnd.completed.rawValue)
    } else {
      outcome.put(OutcomeRecord.end, CaseEnd.exception.rawValue)
    }
    image.put(MachineImage.rflags, flags)
    outcome.put(OutcomeRecord.vector, vector)
    outcome.put(OutcomeRecord.errorCode, code)
    outcome.put(OutcomeRecord.cr2, get(Physical.cr2, UInt64.self))
  }

  // MARK: The board, which is empty

  package func writePort(_ port: UInt16, _ value: UInt32, width: Int) {
    switch port {
    case Self.donePort: isDone = true
    case Self.enterPort where isStepping: isInUserCode = true
    case Self.leavePort where isStepping: isInUserCode = false
    default: return
    }
    machine?.requestAttention()
  }
  package func readPort(_ port: UInt16, width: Int) -> UInt32 { .max }
  package func readPhysical(_ physical: UInt64, width: Int) -> UInt64 { .max }
  package func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {}
  package func acknowledgeInterrupt() -> UInt8 { 0xFF }
  package func readMSR(_ index: UInt32) -> UInt64? { nil }
  package func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool { false }
  package func readTSCDeadline() -> UInt64 { 0 }
  package func writeTSCDeadline(_ value: UInt64, due: VirtualTime) {}
  package func moveTSCDeadline(due: VirtualTime) {}
  package func signalFloatingPointError() {}
  package var taskPriority: UInt8 {
    get { 0 }
    set {}
  }
}
