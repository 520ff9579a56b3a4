// Runs the workloads one after another, with a mark before and behind each.

/// What the kernel put on the stack.
struct Invocation: @unchecked Sendable {
  let arguments: UnsafePointer<UnsafePointer<UInt8>>
  let count: Int
  /// The path that this program was started by.
  let path: UnsafePointer<UInt8>

  init(_ stack: UnsafePointer<UInt>) {
    count = Int(stack[0])
    arguments = UnsafeRawPointer(stack + 1).assumingMemoryBound(to: UnsafePointer<UInt8>.self)
    var path = arguments[0]
    var next = stack + count + 2
    while next[0] != 0 { next += 1 }
    next += 1
    // The auxiliary vector: pairs of a type and a value.
    while next[0] != 0 {
      if next[0] == 31, let name = UnsafePointer<UInt8>(bitPattern: next[1]) { path = name }  // AT_EXECFN
      next += 2
    }
    self.path = path
  }
}

struct Workload: Sendable {
  var name: StaticString
  /// What it computes; nil if that depends on more than this program.
  var checksum: UInt64?
  /// Bytes of memory that it works in.
  var size = 0
  /// Fills the memory, which has been touched.
  var prepare: @Sendable (UnsafeMutableRawPointer) -> Void = { _ in }
  /// The work; the result is the checksum.
  var work: @Sendable (UnsafeMutableRawPointer) -> UInt64
}

/// File descriptor of the console.
nonisolated(unsafe) private var console = 1
/// Address of the path that this program was started by.
nonisolated(unsafe) var programPath = 0

private func openConsole() {
  if SystemCall.fcntl(1, 1) >= 0 { return }  // F_GETFD
  console = SystemCall.open(address("/dev/console\0"), 2)  // O_RDWR
}

/// Waits until the console's serial port has sent everything: TCSBRK with 1, as tcdrain(3) does. An error says
/// that it is no terminal.
private func drain() { _ = SystemCall.ioctl(console, 0x5409, 1) }

/// One line, which is written at once so that lines of the kernel do not come between.
private func write(_ line: Line) {
  var line = line
  line.add("\n")
  let count = line.count
  let written = withUnsafeBytes(of: &line.bytes) {
    SystemCall.write(console, address($0.baseAddress!), count)
  }
  // A console that does not take this takes no message about it, either.
  if written != count { leave(1) }
}

func fail(_ reason: Line) -> Never {
  var line = Line()
  line.add("workloads: ")
  line.add(reason)
  write(line)
  leave(1)
}

func fail(_ reason: StaticString) -> Never {
  var line = Line()
  line.add(reason)
  fail(line)
}

/// Powers off as init, ends as another process.
private func leave(_ status: Int) -> Never {
  if SystemCall.getpid() == 1 {
    drain()
    // LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF
    _ = SystemCall.reboot(0xFEE1_DEAD, 0x2812_1969, 0x4321_FEDC)
  }
  exit(status)
}

private func mark(_ name: StaticString) -> Line {
  var line = Line()
  line.add("mark ")
  line.add(name)
  return line
}

private func run(_ workload: Workload) {
  if workload.name == "gzip", !gzipIsThere() {
    var line = mark(workload.name)
    line.add(" absent")
    write(line)
    return
  }
  let size = max(workload.size, 4096)
  let memory = map(size)
  var offset = 0
  while offset < size {
    (memory + offset).storeBytes(of: 1, as: UInt8.self)
    (memory + offset).storeBytes(of: 0, as: UInt8.self)
    offset += 4096
  }
  workload.prepare(memory)
  var line = mark(workload.name)
  line.add(" start")
  write(line)
  // Who takes the time outside shall see the mark before the work.
  drain()
  let start = nanoseconds()
  let checksum = workload.work(memory)
  let time = nanoseconds() &- start
  if let expected = workload.checksum, checksum != expected {
    var reason = Line()
    reason.add(workload.name)
    reason.add(": checksum ")
    reason.add(hexadecimal: checksum)
    fail(reason)
  }
  line = mark(workload.name)
  line.add(" end ")
  line.add(hexadecimal: checksum)
  line.add(" ")
  line.add(decimal: time)
  write(line)
  unmap(memory, size)
}

private func named(_ name: UnsafePointer<UInt8>) -> Workload {
  for index in 0..<workloads.count where workloads[index].name == name { return workloads[index] }
  var reason = Line()
  reason.add("no workload ")
  reason.add(name)
  fail(reason)
}

/// Called by start.S with the stack as the kernel left it. Arguments name the workloads to run; without any, all
/// are run.
@c(workloads_main)
public func workloadsMain(_ stack: UnsafePointer<UInt>) {
  let started = Invocation(stack)
  programPath = address(started.path)
  if started.count == 2, let status = exitStatus(started.arguments[1]) { exit(status) }
  openConsole()
  if started.count > 1 {
    // Before the first runs, so that a wrong name is told at once.
    for index in 1..<started.count { _ = named(started.arguments[index]) }
    for index in 1..<started.count { run(named(started.arguments[index])) }
  } else {
    for index in 0..<workloads.count { run(workloads[index]) }
  }
  leave(0)
}
