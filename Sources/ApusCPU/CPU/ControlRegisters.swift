/// Bits of CR0 (SDM Vol. 3, "Control Registers").
enum CR0 {
  static let PE: UInt64 = 1
  static let MP: UInt64 = 1 << 1
  static let EM: UInt64 = 1 << 2
  static let TS: UInt64 = 1 << 3
  static let ET: UInt64 = 1 << 4
  static let NE: UInt64 = 1 << 5
  static let WP: UInt64 = 1 << 16
  static let AM: UInt64 = 1 << 18
  static let NW: UInt64 = 1 << 29
  static let CD: UInt64 = 1 << 30
  static let PG: UInt64 = 1 << 31
  static let writable: UInt64 = PE | MP | EM | TS | NE | WP | AM | NW | CD | PG
}

/// Bits of CR4; which of them exist depends on the model.
enum CR4 {
  static let VME: UInt64 = 1
  static let PVI: UInt64 = 1 << 1
  static let TSD: UInt64 = 1 << 2
  static let DE: UInt64 = 1 << 3
  static let PSE: UInt64 = 1 << 4
  static let PAE: UInt64 = 1 << 5
  static let MCE: UInt64 = 1 << 6
  static let PGE: UInt64 = 1 << 7
  static let PCE: UInt64 = 1 << 8
  static let OSFXSR: UInt64 = 1 << 9
  static let OSXMMEXCPT: UInt64 = 1 << 10
  static let UMIP: UInt64 = 1 << 11
  static let LA57: UInt64 = 1 << 12
  static let FSGSBASE: UInt64 = 1 << 16
  static let PCIDE: UInt64 = 1 << 17
  static let OSXSAVE: UInt64 = 1 << 18
  static let SMEP: UInt64 = 1 << 20
  static let SMAP: UInt64 = 1 << 21
  static let PKE: UInt64 = 1 << 22
}

/// Bits of IA32_EFER; which of them exist depends on the model.
enum EFER {
  static let SCE: UInt64 = 1
  static let LME: UInt64 = 1 << 8
  static let LMA: UInt64 = 1 << 10
  static let NXE: UInt64 = 1 << 11
  /// AMD APM Vol. 2, "Extended Feature Enable Register (EFER)": automatic IBRS, storage only.
  static let AIBRSE: UInt64 = 1 << 21
}

extension UnsafeMutablePointer where Pointee == CPUState {
  @inline(__always) var isProtected: Bool { pointee.cr0 & CR0.PE != 0 }
  @inline(__always) var isVirtual8086: Bool { pointee.systemFlags & RFLAGS.VM != 0 }
  /// Protected mode with descriptors: not real and not virtual-8086.
  @inline(__always) var hasDescriptors: Bool { isProtected && !isVirtual8086 }
  /// IA-32e mode: 64-bit or compatibility.
  @inline(__always) var isLongMode: Bool { pointee.efer & EFER.LMA != 0 }
  @inline(__always) var is64Bit: Bool { pointee.codeMode & CodeMode.sizeMask == CodeMode.code64 }
  @inline(__always) var iopl: UInt8 { UInt8(truncatingIfNeeded: pointee.systemFlags >> 12) & 3 }
}
