#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What runs cases and says what should come out.
package protocol Oracle: AnyObject {
  /// The name in messages.
  var name: String { get }
  /// Which processor or program answers, for the provenance of a corpus.
  var provenance: String { get }
  /// Batches that may be in flight at the same time: one or two, to be used by turns.
  var batches: [Batch] { get }
  /// The state components that it has (bits of XCR0).
  var components: UInt64 { get }
  /// What the oracle's processor has, if that is known.
  var features: HostFeatures? { get }
  /// Whether it runs cases of a mode.
  func runs(_ mode: CaseMode) -> Bool
  /// Makes every code slot `INT3` again. No batch is in flight.
  func clearCode()
  /// Begins with a batch.
  func submit(_ batch: Batch) throws(DiffFailure)
  /// Waits for it; its outcomes are then complete.
  func collect(_ batch: Batch) throws(DiffFailure)
}

extension Oracle {
  /// For an oracle that answers each case that it cannot run as not judged.
  package func runs(_ mode: CaseMode) -> Bool { true }
  /// For an oracle that sees one case at a time.
  package func clearCode() {}
}

#if os(Linux) && arch(x86_64)
  /// The processor that Apus runs on, by way of a worker process.
  package final class HostOracle: Oracle {
    package let name = "host"
    package let batches: [Batch]
    package private(set) var components: UInt64 = 0
    package private(set) var provenance = ""
    private let area: UnsafeMutableRawPointer
    private let descriptor: Int32
    private var worker: pid_t = -1
    private var request: Int32 = -1
    private var answer: Int32 = -1
    /// Milliseconds without a case finished after which one counts as endless, and after which the worker
    /// itself counts as hung.
    private static let patience: Int32 = 200
    private static let workerPatience = 50
    /// Batches that were submitted and not collected.
    private var inFlight: [Batch] = []
    private let program: String
    private let arguments: [String]
    /// Workers that may die, each in another case, before that counts as the oracle's end: a case can branch into
    /// the stubs by chance.
    private var spareWorkers = 16

    /// Starts a worker: `program` with `arguments`, which has to call `HostWorker.main`.
    package init(program: String, arguments: [String]) throws(DiffFailure) {
      guard RawSystem.hasFSGSBASE else {
        throw .unavailable("host", "the kernel does not enable FSGSBASE (Linux 5.9 or later does)")
      }
      let label: StaticString = "apus-difftest"
      let made = RawSystem.call(RawSystem.memfdCreate, Int(bitPattern: label.utf8Start), 0)
      guard let made else { throw .unavailable("host", "the host maps no executable memory") }
      guard made >= 0, ftruncate(Int32(made), SharedArea.size) == 0 else {
        throw .unavailable("host", "shared memory cannot be made")
      }
      descriptor = Int32(made)
      guard
        let area = RawSystem.map(nil, SharedArea.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor)
      else { throw .unavailable("host", "shared memory cannot be mapped") }
      self.area = area
      batches = (0..<SharedArea.batchCount).map { SharedArea.batch(area, $0) }
      self.program = program
      self.arguments = arguments
      clearCode()
      try start()
    }

    deinit {
      stop()
      close(descriptor)
      munmap(area, SharedArea.size)
    }

    private func stop() {
      if request >= 0 { close(request) }
      if answer >= 0 { close(answer) }
      if worker > 0 {
        // The end of its standard input ends it; one that hangs is killed.
        kill(worker, SIGKILL)
        waitpid(worker, nil, 0)
      }
      (request, answer, worker) = (-1, -1, -1)
    }

    private func start() throws(DiffFailure) {
      var toWorker: [Int32] = [-1, -1]
      var fromWorker: [Int32] = [-1, -1]
      guard pipe(&toWorker) == 0 else { throw .unavailable("host", "no pipe") }
      guard pipe(&fromWorker) == 0 else { throw .unavailable("host", "no pipe") }
      for end in [toWorker[1], fromWorker[0]] { setCloseOnExec(end) }
      var actions = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&actions)
      defer { posix_spawn_file_actions_destroy(&actions) }
      posix_spawn_file_actions_adddup2(&actions, toWorker[0], 0)
      posix_spawn_file_actions_adddup2(&actions, fromWorker[1], 1)
      posix_spawn_file_actions_adddup2(&actions, descriptor, HostWorker.sharedDescriptor)
      var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
      defer { for word in words { free(word) } }
      let failed = posix_spawn(&worker, program, &actions, nil, &words, environ)
      close(toWorker[0])
      close(fromWorker[1])
      request = toWorker[1]
      answer = fromWorker[0]
      guard failed == 0 else {
        worker = -1
        throw .oracle(name, "the worker \(program) cannot be started: \(String(cString: strerror(failed)))")
      }
      signal(SIGPIPE, SIG_IGN)
      var byte: UInt8 = 0
      guard wait(10_000), read(answer, &byte, 1) == 1, byte == UInt8(ascii: "r"),
        area.get(SharedArea.ready, UInt64.self) == SharedArea.readyMark
      else { throw .oracle(name, "the worker did not start\(epitaph())") }
      components = area.get(SharedArea.xcr0, UInt64.self) & 7
      provenance = describeProcessor()
    }

    private func setCloseOnExec(_ descriptor: Int32) {
      // FIOCLEX: `fcntl` is variadic, `ioctl` has an overlay.
      _ = ioctl(descriptor, UInt(0x5451))
    }

    /// Whether an answer can be read within `milliseconds`.
    private func wait(_ milliseconds: Int32) -> Bool {
      var entry = pollfd(fd: answer, events: Int16(POLLIN), revents: 0)
      return poll(&entry, 1, milliseconds) > 0
    }

    /// User code under a 64-bit kernel.
    package func runs(_ mode: CaseMode) -> Bool { mode.isUserMode }

    package func submit(_ batch: Batch) throws(DiffFailure) {
      for position in 0..<batch.count {
        let record = batch.caseRecord(position)
        let state = record + CaseRecord.state
        state.put(MachineImage.xstateBV, state.get(MachineImage.xstateBV, UInt64.self) & components)
        guard let offset = CaseRecord.slotOffset(record) else { continue }
        (area + SharedArea.code + offset)
          .copyMemory(from: record + CaseRecord.code, byteCount: LinearLayout.slotSize)
      }
      inFlight.append(batch)
      ask(batch, from: 0)
    }

    /// Asks the worker for the cases of a batch from `first` on. That it is gone shows when it does not answer.
    private func ask(_ batch: Batch, from first: Int) {
      let index = (batch.firstSlot - 1) / Batch.capacity
      let words = [index, first, first >> 8, batch.count, batch.count >> 8]
      let bytes = words.map { UInt8(truncatingIfNeeded: $0) }
      _ = write(request, bytes, bytes.count)
    }

    /// Goes on with a new worker behind the case in which the last one died, which stays without judgement.
    private func replaceWorker(_ batch: Batch) throws(DiffFailure) {
      let died = Int(area.get(SharedArea.progress, UInt32.self))
      guard spareWorkers > 0, died < batch.count else {
        throw .oracle(name, "the worker died in \(describe(batch, UInt32(died)))\(epitaph())")
      }
      spareWorkers -= 1
      batch.outcome(died).put(OutcomeRecord.end, CaseEnd.systemCall.rawValue)
      stop()
      try start()
      for other in inFlight { ask(other, from: other === batch ? died + 1 : 0) }
    }

    package func clearCode() {
      (area + SharedArea.code).initializeMemory(as: UInt8.self, repeating: 0xCC, count: LinearLayout.codeSize)
    }

    package func collect(_ batch: Batch) throws(DiffFailure) {
      while try !answers(batch) { try replaceWorker(batch) }
      inFlight.removeAll { $0 === batch }
    }

    /// Waits for the batch; false if the worker died.
    private func answers(_ batch: Batch) throws(DiffFailure) -> Bool {
      var last = ~UInt32(0)
      var idle = 0
      while !wait(Self.patience) {
        let now: UInt32 = area.get(SharedArea.progress)
        idle = now == last ? idle + 1 : 0
        guard idle < Self.workerPatience else {
          throw .oracle(name, "the worker hangs in \(describe(batch, now))")
        }
        // The same case as before: it does not end by itself.
        if now == last { kill(worker, SIGUSR1) }
        last = now
      }
      var byte: UInt8 = 0
      guard read(answer, &byte, 1) == 1 else { return false }
      guard byte == UInt8(ascii: "d") else {
        throw .oracle(name, "the worker answered \(byte) where 100 was expected")
      }
      return true
    }

    private func describe(_ batch: Batch, _ index: UInt32) -> String {
      guard index < batch.count else { return "no case" }
      let record = batch.caseRecord(Int(index))
      let length = min(Int(record.get(CaseRecord.codeLength, UInt32.self)), LinearLayout.slotSize)
      var text = "case \(record.get(CaseRecord.number, UInt64.self)) ("
      for offset in 0..<length {
        let byte: UInt8 = record.get(CaseRecord.code + offset)
        text += byte < 16 ? "0" : ""
        text += String(byte, radix: 16)
      }
      return text + ")"
    }

    /// How the worker ended, if it has.
    private func epitaph() -> String {
      var status: Int32 = 0
      for _ in 0..<100 {
        if worker > 0, waitpid(worker, &status, WNOHANG) == worker {
          worker = -1
          return status & 0x7F == 0
            ? ": exit status \((status >> 8) & 0xFF)" : ": signal \(status & 0x7F)"
        }
        usleep(1000)
      }
      return ""
    }

    // MARK: Identification

    /// EAX, EBX, ECX, EDX of leaf number `index` of `SharedArea.leaves`.
    private func leaf(_ index: Int) -> (eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32) {
      let at = SharedArea.identification + index * 16
      return (area.get(at), area.get(at + 4), area.get(at + 8), area.get(at + 12))
    }

    private func describeProcessor() -> String {
      func text(_ words: [UInt32]) -> String {
        var bytes: [UInt8] = []
        for word in words {
          for shift in stride(from: 0 as UInt32, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
          }
        }
        return String(decoding: bytes.filter { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
      }
      let (zero, one) = (leaf(0), leaf(1))
      var brand = ""
      if leaf(3).eax >= 0x8000_0004 {
        for index in 5...7 {
          let part = leaf(index)
          brand += text([part.eax, part.ebx, part.ecx, part.edx])
        }
      }
      while brand.hasSuffix(" ") { brand.removeLast() }
      let signature = String(one.eax, radix: 16, uppercase: true)
      return "\(text([zero.ebx, zero.edx, zero.ecx])) \(signature)h \(brand)"
    }

    /// CPUID 1:ECX, 7:EBX and 8000_0001:ECX of the host, for rows that need a feature.
    package var features: HostFeatures? {
      HostFeatures(
        basic: leaf(1).ecx, structured: leaf(2).ebx, structured2: leaf(2).ecx, structured3: leaf(2).edx,
        extended: leaf(4).ecx,
        xcr0: components, isAMD: leaf(0).ecx == 0x444D_4163)
    }
  }
#endif

/// Feature words of CPUID that decide which rows the host can judge.
package struct HostFeatures: Sendable {
  /// 1:ECX, 7:EBX, 7:ECX, 7:EDX, 8000_0001:ECX, XCR0.
  package var basic: UInt32
  package var structured: UInt32
  package var structured2: UInt32
  package var structured3: UInt32
  package var extended: UInt32
  package var xcr0: UInt64
  package var isAMD: Bool

  package init(
    basic: UInt32, structured: UInt32, structured2: UInt32, structured3: UInt32, extended: UInt32,
    xcr0: UInt64, isAMD: Bool = false
  ) {
    self.basic = basic
    self.structured = structured
    self.structured2 = structured2
    self.structured3 = structured3
    self.extended = extended
    self.xcr0 = xcr0
    self.isAMD = isAMD
  }
}
