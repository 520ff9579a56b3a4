// SDM Vol. 2, `CPUID—CPU Identification`; AMD APM Vol. 3, appendix "Obtaining Processor Information Via the
// CPUID Instruction". Every bit set is a feature that works: see CPUModel.swift; and ModelSpecific.swift for the
// registers that the leaves announce.

/// What `CPUID` reports that does not depend on the guest.
enum Identification {
  static let amd = RegisterText("AuthenticAMD")
  static let intel = RegisterText("GenuineIntel")
  static let hypervisor = RegisterText("ApusApusApus")
  static let brand: StaticString = "Apus x86-64 software processor                 "
  static let maximumBasicLeaf: UInt32 = 0x16
  static let maximumExtendedLeaf: UInt32 = 0x8000_0021
  static let hypervisorLeaf: UInt32 = 0x4000_0000
  static let maximumHypervisorLeaf: UInt32 = 0x4000_0010
  /// The time-stamp counter and the APIC timer's input clock.
  static let clockFrequency: UInt32 = 1_000_000_000
  /// Bytes in a cache line.
  static let cacheLine: UInt32 = 64

  /// 01H:EDX bit 9, which follows IA32_APIC_BASE.
  static let apic: UInt32 = bits(9)
  /// 01H:ECX bit 27 and 07H:ECX bit 4, which follow CR4.
  static let osxsave: UInt32 = bits(27)
  static let ospke: UInt32 = bits(4)
  /// The bits of 01H:EDX that 8000_0001H:EDX repeats on AMD's processors.
  static let repeated: UInt32 = 0x0183_F3FF
  /// 8000_0008H:EBX: x87 error pointers always saved; an interpreter neither speculates past stores (SSB_NO)
  /// nor confuses branch types (BTC_NO).
  static let capacities: UInt32 = bits(2, 26, 29)
  /// 8000_0021H:EAX: LFENCE always serializing, a null selector clears the base, automatic IBRS, SRSO_NO.
  static let security: UInt32 = bits(2, 6, 8, 29)
  /// 8000_0021H:ECX: TSA_SQ_NO, TSA_L1_NO.
  static let security2: UInt32 = bits(1, 2)

  private static func bits(_ numbers: UInt32...) -> UInt32 {
    var result: UInt32 = 0
    for number in numbers { result |= 1 << number }
    return result
  }
}

/// Twelve characters as three registers hold them.
struct RegisterText {
  let words: (UInt32, UInt32, UInt32)

  init(_ text: StaticString) {
    words = (
      RegisterText.word(text, 0), RegisterText.word(text, 4), RegisterText.word(text, 8)
    )
  }

  /// Four characters from `offset` on; spaces past the end.
  static func word(_ text: StaticString, _ offset: Int) -> UInt32 {
    var result: UInt32 = 0
    for index in 0..<4 {
      let at = offset + index
      let character = at < text.utf8CodeUnitCount ? text.utf8Start[at] : 0x20
      result |= UInt32(character) << UInt32(index * 8)
    }
    return result
  }
}

/// What one leaf returns.
struct Leaf {
  var eax: UInt32 = 0
  var ebx: UInt32 = 0
  var ecx: UInt32 = 0
  var edx: UInt32 = 0
}

extension UnsafeMutablePointer where Pointee == CPUState {
  func CPUID(_ op: OpPointer) throws(Exit) {
    let leaf = identify(
      UInt32(truncatingIfNeeded: self[.rax]), UInt32(truncatingIfNeeded: self[.rcx]))
    self[.rax] = UInt64(leaf.eax)
    self[.rbx] = UInt64(leaf.ebx)
    self[.rcx] = UInt64(leaf.ecx)
    self[.rdx] = UInt64(leaf.edx)
  }

  /// A leaf and subleaf; what is reserved or beyond the maximum is zero, as on AMD processors.
  func identify(_ leaf: UInt32, _ subleaf: UInt32) -> Leaf {
    switch leaf >> 16 {
    case 0: return basicLeaf(leaf, subleaf)
    case 0x4000: return hypervisorLeaf(leaf)
    case 0x8000: return extendedLeaf(leaf)
    default: return Leaf()
    }
  }

  private var vendor: (UInt32, UInt32, UInt32) {
    (pointee.isIntel ? Identification.intel : Identification.amd).words
  }

  /// The highest leaf: the first processors with CPUID knew only 1.
  private var maximumBasicLeaf: UInt32 { has(.sse2) ? Identification.maximumBasicLeaf : 1 }

  private var featureBits: UInt32 {
    let isEnabled = processor.bus.readMSR(0x1B).map { $0 & (1 << 11) != 0 } ?? false
    return pointee.features[word: 0] & ~(isEnabled ? 0 : Identification.apic)
  }

  private func basicLeaf(_ leaf: UInt32, _ subleaf: UInt32) -> Leaf {
    guard leaf <= maximumBasicLeaf else { return Leaf() }
    switch leaf {
    case 0: return Leaf(eax: maximumBasicLeaf, ebx: vendor.0, ecx: vendor.2, edx: vendor.1)
    case 1:
      let hasXSAVE = pointee.cr4 & CR4.OSXSAVE != 0
      return Leaf(
        eax: pointee.signature,
        // One logical processor, APIC ID 0; CLFLUSH size in quadwords.
        ebx: has(.clflush) ? 1 << 16 | (Identification.cacheLine / 8) << 8 : 0,
        ecx: pointee.features[word: 1] | (hasXSAVE ? Identification.osxsave : 0), edx: featureBits)
    case 5 where has(.monitor): return Leaf(eax: Identification.cacheLine, ebx: Identification.cacheLine)
    // ARAT: the APIC timer never stops.
    case 6: return Leaf(eax: 1 << 2)
    case 7 where subleaf == 0:
      return Leaf(
        ebx: pointee.features[word: 2],
        ecx: pointee.features[word: 3] | (pointee.cr4 & CR4.PKE != 0 ? Identification.ospke : 0),
        edx: pointee.features[word: 4])
    case 0xB where has(.x2apic): return topologyLeaf(subleaf)
    case 0xD where has(.xsave): return stateLeaf(subleaf)
    // TSC / crystal clock = 1 / 1.
    case 0x15: return Leaf(eax: 1, ebx: 1, ecx: Identification.clockFrequency)
    case 0x16:
      let megahertz = Identification.clockFrequency / 1_000_000
      return Leaf(eax: megahertz, ebx: megahertz, ecx: 100)
    default: return Leaf()
    }
  }

  /// Extended topology: one thread, one core, x2APIC ID 0.
  private func topologyLeaf(_ subleaf: UInt32) -> Leaf {
    switch subleaf {
    case 0: return Leaf(eax: 0, ebx: 1, ecx: 1 << 8)
    case 1: return Leaf(eax: 0, ebx: 1, ecx: 2 << 8 | 1)
    default: return Leaf(ecx: subleaf & 0xFF)
    }
  }

  /// XSAVE: the supported state, and the size of its area: for what XCR0 enables, and for all of it.
  private func stateLeaf(_ subleaf: UInt32) -> Leaf {
    let supported = pointee.xcr0Supported
    let all = UInt32(XState.size(supported, isCompacted: false))
    let size = UInt32(XState.size(pointee.xcr0, isCompacted: false))
    let compacted = UInt32(XState.size(pointee.xcr0, isCompacted: true))
    switch subleaf {
    case 0: return Leaf(eax: UInt32(truncatingIfNeeded: supported), ebx: size, ecx: all)
    case 1: return Leaf(eax: pointee.features[word: 7], ebx: has(.xsavec) ? compacted : 0)
    case 2 where supported & XState.avx != 0:
      return Leaf(eax: UInt32(XState.avxSize), ebx: UInt32(XState.avxOffset))
    case 9 where supported & XState.pkru != 0:
      return Leaf(eax: UInt32(XState.pkruSize), ebx: UInt32(XState.pkruOffset))
    default: return Leaf()
    }
  }

  private func hypervisorLeaf(_ leaf: UInt32) -> Leaf {
    guard has(.hypervisor) else { return Leaf() }
    switch leaf {
    case Identification.hypervisorLeaf:
      let words = Identification.hypervisor.words
      return Leaf(
        eax: Identification.maximumHypervisorLeaf, ebx: words.0, ecx: words.1, edx: words.2)
    // By convention of several hypervisors: TSC and local APIC bus frequency in kHz.
    case Identification.maximumHypervisorLeaf:
      let kilohertz = Identification.clockFrequency / 1000
      return Leaf(eax: kilohertz, ebx: kilohertz)
    default: return Leaf()
    }
  }

  /// Processors before `SYSCALL` had no extended leaves.
  private func extendedLeaf(_ leaf: UInt32) -> Leaf {
    guard has(.syscall) else { return Leaf() }
    let isIntel = pointee.isIntel
    switch leaf & 0xFFFF {
    case 0:
      if isIntel { return Leaf(eax: 0x8000_0008) }
      return Leaf(eax: Identification.maximumExtendedLeaf, ebx: vendor.0, ecx: vendor.2, edx: vendor.1)
    case 1:
      let repeated = isIntel ? 0 : featureBits & Identification.repeated
      // Intel's processors show SYSCALL in 64-bit mode alone, where it works.
      let hidden: UInt32 = isIntel && !is64Bit ? 1 << 11 : 0
      return Leaf(
        eax: isIntel ? 0 : pointee.signature, ecx: pointee.features[word: 6],
        edx: pointee.features[word: 5] & ~hidden | repeated)
    case 2, 3, 4:
      let at = Int((leaf & 0xFFFF) - 2) * 16
      let text = Identification.brand
      return Leaf(
        eax: RegisterText.word(text, at), ebx: RegisterText.word(text, at + 4),
        ecx: RegisterText.word(text, at + 8), edx: RegisterText.word(text, at + 12))
    // TLBs: 64 entries, fully associative. L1 caches: 32 KiB, 8 ways, 1 line per tag, 64-byte lines.
    case 5 where !isIntel: return Leaf(eax: 0xFF40_FF40, ebx: 0xFF40_FF40, ecx: 0x2008_0140, edx: 0x2008_0140)
    // L2 TLBs: none reported. L2 cache: 512 KiB, 8 ways. No L3.
    case 6: return Leaf(ecx: 0x0200_6140)
    // Invariant TSC.
    case 7: return Leaf(edx: 1 << 8)
    case 8:
      let linear: UInt32 = has(.la57) ? 57 : has(.lm) ? 48 : 32
      return Leaf(
        eax: linear << 8 | UInt32(physicalAddressBits), ebx: isIntel ? 0 : Identification.capacities)
    case 0x21 where !isIntel: return Leaf(eax: Identification.security, ecx: Identification.security2)
    default: return Leaf()
    }
  }
}
