// Workloads of the kernel: system calls, processes, pipes, page faults, and gzip.

/// A million system calls that do next to nothing: how many gave the same number as the first.
func getpidCalls() -> UInt64 {
  let process = SystemCall.getpid()
  var equal: UInt64 = 0
  for _ in 0..<1_000_000 where SystemCall.getpid() == process { equal &+= 1 }
  return equal
}

/// The status that this program is to exit with at once if its argument is "exit-X": X.
func exitStatus(_ argument: UnsafePointer<UInt8>) -> Int? {
  let prefix: StaticString = "exit-"
  for index in 0..<5 where argument[index] != prefix.utf8Start[index] { return nil }
  return Int(argument[5])
}

/// Replaces this process by a program without an environment; the arguments' addresses end with a zero.
private func execute(_ path: Int, _ arguments: UnsafePointer<Int>) -> Never {
  var environment = 0
  _ = require(SystemCall.execve(path, address(arguments), address(&environment)), "execve")
  exit(127)
}

/// 200 processes that run this program anew and exit with different statuses.
func forksAndExecs() -> UInt64 {
  var checksum: UInt64 = 0
  for index in 0..<200 {
    let letter = UInt8(0x41 + index % 26)
    let process = require(SystemCall.fork(), "fork")
    if process == 0 {
      var argument: InlineArray<8, UInt8> = [0x65, 0x78, 0x69, 0x74, 0x2D, letter, 0, 0]
      withUnsafeBytes(of: &argument) { text in
        var list: InlineArray<3, Int> = [programPath, address(text.baseAddress!), 0]
        withUnsafeBytes(of: &list) { execute(programPath, $0.baseAddress!.assumingMemoryBound(to: Int.self)) }
      }
    }
    checksum = checksum &* 31 &+ UInt64(wait(process))
  }
  return checksum
}

/// The descriptors to read from and to write to.
private func pipe() -> (input: Int, output: Int) {
  var descriptors: UInt64 = 0
  let result = withUnsafeMutablePointer(to: &descriptors) { SystemCall.pipe(address($0)) }
  _ = require(result, "pipe")
  return (Int(descriptors & 0xFFFF_FFFF), Int(descriptors >> 32))
}

private func send(_ byte: UInt8, _ descriptor: Int) {
  var byte = byte
  let count = withUnsafeMutablePointer(to: &byte) { SystemCall.write(descriptor, address($0), 1) }
  if require(count, "write to a pipe") != 1 { fail("write to a pipe") }
}

/// Nil at the end.
private func receive(_ descriptor: Int) -> UInt8? {
  var byte: UInt8 = 0
  let count = withUnsafeMutablePointer(to: &byte) { SystemCall.read(descriptor, address($0), 1) }
  return require(count, "read from a pipe") == 1 ? byte : nil
}

/// A process that changes each byte and sends it back, 20,000 times.
func pipeRoundTrips() -> UInt64 {
  let there = pipe()
  let back = pipe()
  let process = require(SystemCall.fork(), "fork")
  if process == 0 {
    _ = SystemCall.close(there.output)
    while let byte = receive(there.input) { send(byte &* 5 &+ 1, back.output) }
    exit(0)
  }
  _ = SystemCall.close(there.input)
  _ = SystemCall.close(back.output)
  var checksum: UInt64 = 0
  for index in 0..<20_000 {
    send(UInt8(truncatingIfNeeded: UInt64(index) ^ checksum), there.output)
    guard let byte = receive(back.input) else { fail("pipe: the other process ended") }
    checksum = checksum &* 31 &+ UInt64(byte)
  }
  _ = SystemCall.close(there.output)
  _ = SystemCall.close(back.input)
  if wait(process) != 0 { fail("pipe: the other process failed") }
  return checksum
}

/// 255 new pages, 200 times: how many were zero when first touched.
func pageFaults() -> UInt64 {
  let size = 255 * 4096
  var zeros: UInt64 = 0
  for _ in 0..<200 {
    let result = require(SystemCall.mmap(0, size, 3, 0x22, -1, 0), "mmap")
    for page in 0..<255 {
      let word = UnsafeMutablePointer<UInt64>(bitPattern: result &+ page &* 4096 &+ page &* 8)!
      // One instruction that reads and writes: reading alone would map the kernel's page of zeros first.
      word.pointee &+= 1
      if word.pointee == 1 { zeros &+= 1 }
    }
    _ = require(SystemCall.munmap(result, size), "munmap")
  }
  return zeros
}

let gzipLength = 4 << 20
private let gzipPath: StaticString = "/bin/gzip\0"
private let gzipInput: StaticString = "/tmp/workloads-input\0"
private let gzipOutput: StaticString = "/tmp/workloads-output\0"

func gzipIsThere() -> Bool { SystemCall.access(address(gzipPath), 1) == 0 }

private func create(_ path: StaticString) -> Int {
  require(SystemCall.open(address(path), 0o1102, 0o600), "create a file")  // O_CREAT, O_TRUNC, O_RDWR
}

/// Lines of words: 2048 different ones of 2 to 9 letters, the first ones oftener than the others, with numbers
/// between.
func prepareGzip(_ memory: UnsafeMutableRawPointer) {
  let bytes = memory.assumingMemoryBound(to: UInt8.self)
  var random = Random(seed: 15)
  var place = 0
  var column = 0
  func put(_ byte: UInt8) {
    if place < gzipLength { bytes[place] = byte }
    place += 1
    column += 1
  }
  while place < gzipLength {
    let bits = random.next()
    if bits & 31 == 0 {
      for digit in UInt64(0)..<4 { put(UInt8(0x30 + (bits >> (8 + digit * 8) & 0xFF) % 10)) }
    } else {
      let word = ((bits >> 8 & 2047) * (bits >> 20 & 2047)) >> 11
      var letters = Random(seed: (word + 1) * 0x9E37_79B9)
      _ = letters.next()
      let length = 2 + letters.next() % 8
      for _ in 0..<length { put(UInt8(0x61 + (letters.next() >> 7) % 26)) }
    }
    if column > 70 { column = 0 }
    put(column == 0 ? 0x0A : 0x20)
  }
  let file = create(gzipInput)
  var written = 0
  while written < gzipLength {
    written += require(
      SystemCall.write(file, address(memory + written), gzipLength - written), "write a file")
  }
  _ = SystemCall.close(file)
}

/// The time in the header would come from the input's, but for `-n`.
func gzip() -> UInt64 {
  let output = create(gzipOutput)
  let process = require(SystemCall.fork(), "fork")
  if process == 0 {
    let input = require(SystemCall.open(address(gzipInput), 0), "open a file")
    _ = require(SystemCall.dup2(input, 0), "dup2")
    _ = require(SystemCall.dup2(output, 1), "dup2")
    var list: InlineArray<5, Int> = [address(gzipPath), address("-6\0"), address("-n\0"), address("-c\0"), 0]
    withUnsafeBytes(of: &list) {
      execute(address(gzipPath), $0.baseAddress!.assumingMemoryBound(to: Int.self))
    }
  }
  if wait(process) != 0 { fail("gzip failed") }
  _ = SystemCall.close(output)
  let checksum = fileChecksum(gzipOutput)
  _ = SystemCall.unlink(address(gzipInput))
  _ = SystemCall.unlink(address(gzipOutput))
  return checksum
}

private func fileChecksum(_ path: StaticString) -> UInt64 {
  let size = 64 << 10
  let memory = map(size)
  let file = require(SystemCall.open(address(path), 0), "open a file")
  var checksum: UInt64 = 0
  while true {
    let count = require(SystemCall.read(file, address(memory), size), "read a file")
    if count == 0 { break }
    // Words; what the last one has beyond the end is zero.
    for index in count..<min(count + 8, size) {
      memory.storeBytes(of: 0, toByteOffset: index, as: UInt8.self)
    }
    checksum = checksum &* 31 &+ folded(memory, words: (count + 7) / 8)
  }
  _ = SystemCall.close(file)
  unmap(memory, size)
  return checksum
}
