#if os(Linux) && arch(x86_64)
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// The memory that the host oracle and its worker share.
  enum SharedArea {
    /// UInt64: `readyMark` once the worker has started.
    static let ready = 0
    static let readyMark: UInt64 = 0x3177_6F72_6B75_7021
    /// UInt64: the worker's XCR0.
    static let xcr0 = 8
    /// UInt32: the case that the worker runs at this moment.
    static let progress = 16
    /// CPUID leaves 0, 1, 7 and 8000_0000...8000_0004: EAX, EBX, ECX, EDX each.
    static let identification = 64
    static let leaves: [UInt32] = [
      0, 1, 7, 0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0003, 0x8000_0004,
    ]
    static let code = 4096
    static let batches = code + LinearLayout.codeSize
    static let batchCount = 2
    static let size = batches + batchCount * Batch.bytes

    /// The batch `index` in an area mapped at `area`.
    static func batch(_ area: UnsafeMutableRawPointer, _ index: Int) -> Batch {
      Batch(storage: area + batches + index * Batch.bytes, firstSlot: 1 + index * Batch.capacity)
    }
  }

  /// System calls that Swift's C library modules leave out because they are variadic or new.
  enum RawSystem {
    /// `MFD_CLOEXEC` is not wanted: the worker inherits the descriptor.
    static let memfdCreate: Int = 319
    static let prctl: Int = 157

    private typealias Function = @convention(c) (Int, Int, Int, Int, Int, Int) -> Int

    /// Makes system call `number`; a negative result is -errno. Nil if the host maps no executable memory.
    static func call(_ number: Int, _ a: Int, _ b: Int, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0) -> Int? {
      // mov rax, rdi; mov rdi, rsi; mov rsi, rdx; mov rdx, rcx; mov r10, r8; mov r8, r9; syscall; ret
      let code: [UInt8] = [
        0x48, 0x89, 0xF8, 0x48, 0x89, 0xF7, 0x48, 0x89, 0xD6, 0x48, 0x89, 0xCA, 0x4D, 0x89, 0xC2, 0x4D, 0x89,
        0xC8, 0x0F, 0x05, 0xC3,
      ]
      guard let page = map(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS) else { return nil }
      defer { munmap(page, 4096) }
      page.copyMemory(from: code, byteCount: code.count)
      guard mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 else { return nil }
      return unsafeBitCast(page, to: Function.self)(number, a, b, c, d, e)
    }

    /// `mmap`; nil if refused, or if a fixed address is taken.
    static func map(
      _ address: UInt64?, _ size: Int, _ protection: Int32, _ flags: Int32, _ descriptor: Int32 = -1,
      _ offset: Int = 0
    ) -> UnsafeMutableRawPointer? {
      let fixedNoReplace: Int32 = 0x10_0000
      let wanted = address.flatMap { UnsafeMutableRawPointer(bitPattern: UInt($0)) }
      let got = mmap(
        wanted, size, protection, flags | (wanted == nil ? 0 : fixedNoReplace), descriptor, offset)
      guard let got, got != MAP_FAILED, wanted == nil || got == wanted else { return nil }
      return got
    }

    /// Whether the kernel lets user code read and write the bases of FS and GS (AT_HWCAP2 bit 1).
    static var hasFSGSBASE: Bool {
      let file = open("/proc/self/auxv", O_RDONLY)
      guard file >= 0 else { return false }
      defer { close(file) }
      var words = [UInt](repeating: 0, count: 128)
      let count = words.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) } / 16
      let capabilities2: UInt = 26
      for index in 0..<max(0, count) where words[index * 2] == capabilities2 {
        return words[index * 2 + 1] & 2 != 0
      }
      return false
    }
  }
#endif
