import ApusBase
import ApusCPU

/// What every subject consists of: a processor, RAM with the code and data memory of cases, and a board that is
/// empty but for three ports, by which the code around a case says where it is.
final class SubjectBoard: SystemBus {
  /// Offsets in RAM.
  struct Places {
    let size: UInt64
    let code: UInt64
    let data: UInt64
    let constant: UInt64
  }

  /// The port whose write hands a finished case over.
  static let donePort: UInt8 = 0x80
  /// The ports whose writes tell that user code comes next, and that it has been left.
  static let enterPort: UInt8 = 0x81
  static let leavePort: UInt8 = 0x82
  /// Instructions, those around a case included, after which it counts as endless: more than a repeated string
  /// instruction finds bytes of code.
  private static let limit: UInt64 = 80_000

  private let ram: UnsafeMutableRawPointer
  private let places: Places
  private let regions: [MemoryRegion]
  private let memory: DataMemory
  private(set) var processor: Processor?
  /// The present case has been handed over.
  var isDone = false
  /// The present case runs instruction by instruction, and user code is being run.
  private var isStepping = false
  private var isInUserCode = false
  /// What runs is a case that may write to any port, and none of them means anything.
  private var ignoresPorts = false

  /// A board whose physical memory is `regions` of RAM; `layout` says which linear addresses the places have.
  init(_ places: Places, regions: [MemoryRegion], layout: ModeLayout) {
    self.places = places
    self.regions = regions
    memory = DataMemory(at: layout.data)
    let bytes = GuestRAM.requiredBytes(size: places.size) ?? 0
    ram = .allocate(byteCount: bytes, alignment: 4096)
    ram.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    memory.fill(ram + Int(places.data))
    LinearLayout.fillBackground(ram + Int(places.constant), layout.constant, LinearLayout.constantSize)
    clearCode()
  }

  deinit { ram.deallocate() }

  /// Lets go of the processor, which keeps its bus: whoever owns a board ends with this.
  func close() { processor = nil }

  func put<T: BitwiseCopyable>(_ offset: UInt64, _ value: T) { ram.put(Int(offset), value) }
  func get<T: BitwiseCopyable>(_ offset: UInt64, _: T.Type = T.self) -> T { ram.get(Int(offset)) }
  func write(_ offset: UInt64, _ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() { put(offset + UInt64(index), byte) }
  }
  /// A machine image in RAM.
  func image(_ offset: UInt64) -> UnsafeMutableRawPointer { ram + Int(offset) }

  /// A processor after RESET#. Also the way out of an endless case and out of a shutdown.
  func resetProcessor() -> Processor {
    if let processor {
      processor.reset()
      return processor
    }
    let made = Processor(
      ram: GuestRAM(adopting: ram, size: places.size), regions: regions, bus: self)
    processor = made
    return made
  }

  // MARK: Cases

  func clearCode() {
    (ram + Int(places.code)).initializeMemory(as: UInt8.self, repeating: 0xCC, count: LinearLayout.codeSize)
    processor?.noteDMAWrite(hostOffset: places.code, count: LinearLayout.codeSize)
  }

  func load(_ batch: Batch) {
    var first = Int.max
    var last = 0
    for index in 0..<batch.count {
      let record = batch.caseRecord(index)
      guard let offset = CaseRecord.slotOffset(record) else { continue }
      (ram + Int(places.code) + offset)
        .copyMemory(from: record + CaseRecord.code, byteCount: LinearLayout.slotSize)
      first = min(first, offset)
      last = max(last, offset + LinearLayout.slotSize)
    }
    guard first < last else { return }
    processor?.noteDMAWrite(hostOffset: places.code + UInt64(first), count: last - first)
  }

  /// Applies the patches of a case to data memory.
  func prepareMemory(_ record: UnsafeMutableRawPointer) { memory.prepare(ram + Int(places.data), record) }
  /// Writes what a case changed to its outcome, and restores the background.
  func reportMemory(_ outcome: UnsafeMutableRawPointer) { memory.report(ram + Int(places.data), outcome) }

  /// Runs until a case is handed over, the limit is reached, or the processor halts or stops. Near a deadline the
  /// processor runs one instruction at a time, so short deadlines make it step and long ones let it run threaded.
  /// - Parameter isInUserCode: user code comes at once, instead of after a write to a port, and ends otherwise.
  func proceed(stepping: Bool, isInUserCode startsInUserCode: Bool = false) {
    guard let processor else { return }
    let end = processor.now &+ Self.limit
    isDone = false
    isStepping = stepping
    isInUserCode = startsInUserCode
    ignoresPorts = startsInUserCode
    while !isDone && processor.now < end {
      let until = stepping && isInUserCode ? processor.now &+ 32 : end
      switch processor.run(until: until) {
      case .stopped, .halted, .paused: return
      case .deadline, .attention: continue
      }
    }
  }

  /// How a case ended that was not handed over.
  var endWithoutHandover: CaseEnd {
    guard let processor, processor.stopCode == .none, !processor.isHalted else { return .stopped }
    return .timeout
  }

  // MARK: The board

  func writePort(_ port: UInt16, _ value: UInt32, width: Int) {
    guard !ignoresPorts else { return }
    switch port {
    case UInt16(Self.donePort): isDone = true
    case UInt16(Self.enterPort) where isStepping: isInUserCode = true
    case UInt16(Self.leavePort) where isStepping: isInUserCode = false
    default: return
    }
    processor?.requestAttention()
  }
  func readPort(_ port: UInt16, width: Int) -> UInt32 { .max }
  func readPhysical(_ physical: UInt64, width: Int) -> UInt64 { .max }
  func writePhysical(_ physical: UInt64, _ value: UInt64, width: Int) {}
  func acknowledgeInterrupt() -> UInt8 { 0xFF }
  func readMSR(_ index: UInt32) -> UInt64? { nil }
  func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool { false }
  func readTSCDeadline() -> UInt64 { 0 }
  func writeTSCDeadline(_ value: UInt64, due: VirtualTime) {}
  func moveTSCDeadline(due: VirtualTime) {}
  func signalFloatingPointError() {}
  var taskPriority: UInt8 {
    get { 0 }
    set {}
  }
}
