#if os(Linux) && arch(x86_64)
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// The process that runs cases natively. It is this executable, started again by `HostOracle` with the shared
  /// memory as descriptor 3 and pipes as descriptors 0 and 1. Whatever a case does to it, it does to this process
  /// alone: it has no other open files, and system calls that a case makes are refused by a filter.
  package enum HostWorker {
    static let sharedDescriptor: Int32 = 3
    /// Exit status when the host refuses what a worker needs; the reason is on standard error.
    static let refused: Int32 = 5

    /// Serves batches until standard input ends; returns the exit status.
    package static func main() -> Int32 {
      guard
        let area = RawSystem.map(
          nil, SharedArea.size, PROT_READ | PROT_WRITE, MAP_SHARED, sharedDescriptor)
      else { return refuse("descriptor 3 is not the memory of a host oracle") }
      guard RawSystem.hasFSGSBASE else { return refuse("the kernel does not enable FSGSBASE") }
      guard let runner = CaseRunner(area) else { return refuse("fixed addresses cannot be mapped") }
      guard runner.installSignals() else { return refuse("signal handlers cannot be installed") }
      runner.identify(area)
      guard runner.refuseSystemCalls() else { return refuse("the kernel refuses a system call filter") }
      area.put(SharedArea.ready, SharedArea.readyMark)
      serve(area, runner)
      return 0
    }

    private static func refuse(_ reason: String) -> Int32 {
      let text = Array((reason + "\n").utf8)
      _ = write(2, text, text.count)
      return refused
    }

    /// Five bytes ask for a batch: its index, the first case and the end of the cases, low bytes first. One byte
    /// answers.
    private static func serve(_ area: UnsafeMutableRawPointer, _ runner: CaseRunner) {
      let batches = (0..<SharedArea.batchCount).map { SharedArea.batch(area, $0) }
      var byte: UInt8 = UInt8(ascii: "r")
      guard write(1, &byte, 1) == 1 else { return }
      var request: [UInt8] = [0, 0, 0, 0, 0]
      while read(0, &request, 5) == 5 {
        let first = Int(request[1]) | Int(request[2]) << 8
        let end = Int(request[3]) | Int(request[4]) << 8
        guard Int(request[0]) < batches.count, first <= end, end <= Batch.capacity else { return }
        let batch = batches[Int(request[0])]
        for index in first..<end {
          area.put(SharedArea.progress, UInt32(index))
          runner.run(batch.caseRecord(index), batch.outcome(index))
        }
        byte = UInt8(ascii: "d")
        guard write(1, &byte, 1) == 1 else { return }
      }
    }
  }

  /// Runs cases in this process.
  ///
  /// Safety: all memory that it touches through raw pointers was mapped by its initializer or belongs to records
  /// that a `Batch` bounds; stubs and control block are those of `HostStubs`.
  final class CaseRunner {
    private typealias Enter =
      @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?
    private typealias Plain = @convention(c) () -> Int
    private typealias Identify = @convention(c) (UInt32, UInt32, UnsafeMutableRawPointer) -> Void

    private let stubs: UnsafeMutableRawPointer
    private let control: UnsafeMutableRawPointer
    private let data: UnsafeMutableRawPointer
    private let memory = DataMemory()
    private let enter: Enter

    /// Maps everything at its place; nil if the host refuses, or an address is taken.
    init?(_ area: UnsafeMutableRawPointer) {
      let anonymous = MAP_PRIVATE | MAP_ANONYMOUS
      let writable = PROT_READ | PROT_WRITE
      guard let stubs = RawSystem.map(LinearLayout.stubs, 4096, writable, anonymous),
        let control = RawSystem.map(HostStubs.Control.page, 4096, writable, anonymous),
        // Populated: a page fault that the kernel mends leaves RF set for the instruction.
        RawSystem.map(
          LinearLayout.code, LinearLayout.codeSize, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_POPULATE,
          HostWorker.sharedDescriptor, SharedArea.code) != nil,
        let data = RawSystem.map(LinearLayout.data, LinearLayout.dataSize, writable, anonymous),
        let constant = RawSystem.map(LinearLayout.constant, LinearLayout.constantSize, writable, anonymous)
      else { return nil }
      // The absent pages are claimed too, so that nothing else lands there.
      for page in [
        LinearLayout.data - 4096, LinearLayout.constant - 4096,
        LinearLayout.constant + UInt64(LinearLayout.constantSize),
        LinearLayout.code + UInt64(LinearLayout.codeSize),
      ] where RawSystem.map(page, 4096, PROT_NONE, anonymous) == nil { return nil }
      let code = HostStubs.code()
      stubs.copyMemory(from: code, byteCount: code.count)
      LinearLayout.fillBackground(constant, LinearLayout.constant, LinearLayout.constantSize)
      guard mprotect(stubs, 4096, PROT_READ | PROT_EXEC) == 0,
        mprotect(constant, LinearLayout.constantSize, PROT_READ) == 0
      else { return nil }
      self.stubs = stubs
      self.control = control
      self.data = data
      memory.fill(data)
      enter = unsafeBitCast(stubs + HostStubs.Entry.enter, to: Enter.self)
      control.put(Int(HostStubs.Control.mxcsr - HostStubs.Control.page), 0x1F80 as UInt32)
      _ = unsafeBitCast(stubs + HostStubs.Entry.bases, to: Plain.self)()
    }

    /// Tells the parent which processor this is.
    func identify(_ area: UnsafeMutableRawPointer) {
      let identify = unsafeBitCast(stubs + HostStubs.Entry.identify, to: Identify.self)
      for (index, leaf) in SharedArea.leaves.enumerated() {
        identify(leaf, 0, area + SharedArea.identification + index * 16)
      }
      let enabled = unsafeBitCast(stubs + HostStubs.Entry.enabledComponents, to: Plain.self)
      area.put(SharedArea.xcr0, UInt64(bitPattern: Int64(enabled())))
    }

    /// All signals that a case can cause go to the stub, on a stack of their own.
    func installSignals() -> Bool {
      let size = 1 << 16
      guard let stack = RawSystem.map(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS) else {
        return false
      }
      // Whoever starts the worker may have signals blocked.
      var none = sigset_t()
      sigemptyset(&none)
      guard sigprocmask(SIG_SETMASK, &none, nil) == 0 else { return false }
      var alternate = stack_t(ss_sp: stack, ss_flags: 0, ss_size: size)
      guard sigaltstack(&alternate, nil) == 0 else { return false }
      for number in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGUSR1] {
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = unsafeBitCast(
          stubs + HostStubs.Entry.signal,
          to: (@convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void)
            .self)
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | Int32(bitPattern: UInt32(SA_NODEFER))
        guard sigaction(number, &action, nil) == 0 else { return false }
      }
      return true
    }

    /// System calls from the memory of cases raise SIGSYS instead: a case must not reach the host.
    func refuseSystemCalls() -> Bool {
      let setNoNewPrivileges = 38
      let setSeccomp = 22
      let filterMode = 2
      // What linux/filter.h calls BPF_STMT and BPF_JUMP: code, jump if true, jump if false, constant.
      func statement(_ code: UInt16, _ ifTrue: UInt8, _ ifFalse: UInt8, _ constant: UInt32) -> UInt64 {
        UInt64(code) | UInt64(ifTrue) << 16 | UInt64(ifFalse) << 24 | UInt64(constant) << 32
      }
      let load: UInt16 = 0x20
      let equal: UInt16 = 0x15
      let atLeast: UInt16 = 0x35
      let give: UInt16 = 0x06
      // struct seccomp_data: the instruction pointer lies at offset 8.
      let program: [UInt64] = [
        statement(load, 0, 0, 12), statement(equal, 0, 4, 0), statement(load, 0, 0, 8),
        statement(atLeast, 0, 2, UInt32(HostStubs.Control.page)),
        statement(atLeast, 1, 0, UInt32(LinearLayout.all.upperBound)),
        statement(give, 0, 0, 0x0003_0000),  // SECCOMP_RET_TRAP
        statement(give, 0, 0, 0x7FFF_0000),  // SECCOMP_RET_ALLOW
      ]
      guard RawSystem.call(RawSystem.prctl, setNoNewPrivileges, 1) == 0 else { return false }
      return program.withUnsafeBytes { filter in
        // struct sock_fprog: a 16-bit count, padding, a pointer.
        let words = [UInt(program.count), UInt(bitPattern: filter.baseAddress)]
        return words.withUnsafeBytes { header in
          RawSystem.call(
            RawSystem.prctl, setSeccomp, filterMode, Int(bitPattern: header.baseAddress)) == 0
        }
      }
    }

    /// Runs one case and writes its outcome.
    @inline(__always)
    func run(_ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer) {
      memory.prepare(data, record)
      let image = outcome + OutcomeRecord.state
      if let context = enter(record + CaseRecord.state, image) {
        readContext(context, record, outcome)
      } else {
        outcome.put(OutcomeRecord.end, CaseEnd.completed.rawValue)
        let mode = CaseRecord.caseMode(record)
        image.put(MachineImage.rip, mode.exit)
        if mode != .long64 {
          // The exit of 32-bit code goes through 64-bit code.
          image.put(MachineImage.selectors + 2, mode.selectors[1])
        }
      }
      memory.report(data, outcome)
    }

    /// The state that the kernel saved when it delivered a signal (struct sigcontext of x86-64).
    private func readContext(
      _ context: UnsafeMutableRawPointer, _ record: UnsafeMutableRawPointer,
      _ outcome: UnsafeMutableRawPointer
    ) {
      let registers = context + 40
      // The kernel's order: R8–R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, EFLAGS.
      let image = outcome + OutcomeRecord.state
      for index in 8..<16 { image.setGPR(index, registers.get((index - 8) * 8)) }
      image.setGPR(7, registers.get(64))
      image.setGPR(6, registers.get(72))
      image.setGPR(5, registers.get(80))
      image.setGPR(3, registers.get(88))
      image.setGPR(2, registers.get(96))
      image.setGPR(0, registers.get(104))
      image.setGPR(1, registers.get(112))
      image.setGPR(4, registers.get(120))
      image.put(MachineImage.rip, registers.get(128, UInt64.self))
      image.put(MachineImage.rflags, registers.get(136, UInt64.self))
      image.put(MachineImage.selectors + 2, registers.get(144, UInt16.self))
      image.put(MachineImage.selectors + 4, registers.get(150, UInt16.self))
      if let area = UnsafeRawPointer(bitPattern: registers.get(184, UInt.self)) {
        (image + MachineImage.xsave).copyMemory(from: area, byteCount: MachineImage.xsaveSize)
      }
      let signal: Int32 = control.get(Int(HostStubs.Control.signal - HostStubs.Control.page))
      let end: CaseEnd
      switch signal {
      case SIGUSR1: end = .timeout
      case SIGSYS: end = .systemCall
      default: end = .exception
      }
      outcome.put(OutcomeRecord.end, end.rawValue)
      outcome.put(OutcomeRecord.errorCode, UInt32(truncatingIfNeeded: registers.get(152, UInt64.self)))
      outcome.put(OutcomeRecord.vector, UInt8(truncatingIfNeeded: registers.get(160, UInt64.self)))
      outcome.put(OutcomeRecord.cr2, registers.get(176, UInt64.self))
    }
  }
#endif
