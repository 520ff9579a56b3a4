// Linux, called directly. Numbers: arch/x86/entry/syscalls/syscall_64.tbl.

@_extern(c, "system_call")
private func systemCall(
  _ number: Int, _ first: Int, _ second: Int, _ third: Int, _ fourth: Int, _ fifth: Int, _ sixth: Int
) -> Int

enum SystemCall: Int {
  case read = 0
  case write = 1
  case open = 2
  case close = 3
  case mmap = 9
  case munmap = 11
  case ioctl = 16
  case access = 21
  case pipe = 22
  case madvise = 28
  case dup2 = 33
  case getpid = 39
  case fork = 57
  case execve = 59
  case exit = 60
  case wait4 = 61
  case fcntl = 72
  case unlink = 87
  case reboot = 169
  case clockGettime = 228

  /// What the kernel returns; an error is its number, negative.
  @inline(__always)
  func callAsFunction(
    _ first: Int = 0, _ second: Int = 0, _ third: Int = 0, _ fourth: Int = 0, _ fifth: Int = 0,
    _ sixth: Int = 0
  ) -> Int {
    systemCall(rawValue, first, second, third, fourth, fifth, sixth)
  }
}

/// The result of a system call that has to succeed; `name` is what the user is told failed.
func require(_ result: Int, _ name: StaticString) -> Int {
  if result < 0 {
    var line = Line()
    line.add(name)
    line.add(": error ")
    line.add(decimal: UInt64(-result))
    fail(line)
  }
  return result
}

func address(_ pointer: UnsafeRawPointer) -> Int { Int(bitPattern: pointer) }

/// The address of a literal, which has to end with a zero itself.
func address(_ text: StaticString) -> Int { Int(bitPattern: text.utf8Start) }

/// Anonymous memory in pages of 4 KiB: whether large ones are free is chance, and what they save is much.
func map(_ bytes: Int) -> UnsafeMutableRawPointer {
  // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
  let result = require(SystemCall.mmap(0, bytes, 3, 0x22, -1, 0), "mmap")
  _ = SystemCall.madvise(result, bytes, 15)  // MADV_NOHUGEPAGE; fails where there are no large pages
  return UnsafeMutableRawPointer(bitPattern: result)!
}

func unmap(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
  _ = require(SystemCall.munmap(address(memory), bytes), "munmap")
}

/// CLOCK_MONOTONIC.
func nanoseconds() -> UInt64 {
  var time = (seconds: 0, nanoseconds: 0)
  let result = withUnsafeMutablePointer(to: &time) { SystemCall.clockGettime(1, address($0)) }
  _ = require(result, "clock_gettime")
  return UInt64(time.seconds) &* 1_000_000_000 &+ UInt64(time.nanoseconds)
}

func exit(_ status: Int) -> Never {
  while true { _ = SystemCall.exit(status) }
}

/// The status that the child `process` exits with.
func wait(_ process: Int) -> Int {
  var status: Int32 = 0
  let result = withUnsafeMutablePointer(to: &status) { SystemCall.wait4(process, address($0)) }
  _ = require(result, "wait4")
  if status & 0x7F != 0 { fail("a process ended by a signal") }
  return Int(status >> 8)
}
