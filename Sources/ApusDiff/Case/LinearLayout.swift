/// Where a case lives in linear memory under paging. The layout is part of the corpus and line-protocol formats
/// (FORMATS.md): the same for every oracle, below 2 GiB so that absolute 32-bit addresses reach it.
package enum LinearLayout {
  /// The page of `exit`: readable and executable.
  package static let stubs: UInt64 = 0x1000_0000
  /// Where a case in 64-bit code that runs to its end jumps to: no address that cases come by, since what is there
  /// differs between oracles.
  package static let exit64: UInt64 = 0x1000_0A6D
  /// The same for 32-bit code.
  package static let exit32: UInt64 = 0x1000_09D3
  /// Code: readable and executable, `codeSize` bytes, no page beyond.
  package static let code: UInt64 = 0x1010_0000
  package static let codeSize = slotCount * slotSize
  /// Each case of a batch has a slot of its own, filled up with `INT3`.
  package static let slotSize = 128
  package static let slotCount = 512
  /// Data: readable and writable, `dataSize` bytes between two absent pages.
  package static let data: UInt64 = 0x1020_0000
  package static let dataSize = 0x2000
  /// A readable page between two absent pages.
  package static let constant: UInt64 = 0x1020_3000
  package static let constantSize = 0x1000
  /// Everything above lies in this range; what is not named is absent.
  package static let all: Range<UInt64> = 0x1000_0000..<0x1100_0000

  /// Memory is compared and reported in lines of this many bytes.
  package static let lineSize = 64
  package static let lineCount = dataSize / lineSize

  /// What a data byte holds that a case says nothing about, so that stray reads and writes show.
  @inline(__always)
  package static func background(_ linear: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: linear ^ (linear >> 8) ^ 0xA5)
  }

  /// Fills `count` bytes, which stand for linear memory from `linear` on, with the background.
  package static func fillBackground(_ target: UnsafeMutableRawPointer, _ linear: UInt64, _ count: Int) {
    for index in 0..<count {
      target.storeBytes(of: background(linear + UInt64(index)), toByteOffset: index, as: UInt8.self)
    }
  }
}

/// Where the cases of a mode live; sizes are those of `LinearLayout`.
package struct ModeLayout: Sendable {
  /// Linear addresses, of the first byte each.
  package let code: UInt64
  package let data: UInt64
  package let constant: UInt64
  /// Where code that runs to its end jumps to.
  package let exit: UInt64
  /// How many code slots there are for cases.
  package let slotCount: Int

  /// The linear addresses of data memory.
  package var dataRange: Range<UInt64> { data..<data + UInt64(LinearLayout.dataSize) }

  /// In real mode code fills one segment, whose last slot has the exit.
  fileprivate static let real = ModeLayout(
    code: 0x4_0000, data: 0x2_0000, constant: 0x2_3000, exit: 0x4_FFA9,
    slotCount: LinearLayout.slotCount - 1)

  fileprivate static func flat(exit: UInt64) -> ModeLayout {
    ModeLayout(
      code: LinearLayout.code, data: LinearLayout.data, constant: LinearLayout.constant, exit: exit,
      slotCount: LinearLayout.slotCount)
  }

  fileprivate static let long64 = flat(exit: LinearLayout.exit64)
  fileprivate static let other = flat(exit: LinearLayout.exit32)

  /// Whether a case may lie at an address.
  package func isSlot(_ linear: UInt64) -> Bool {
    let size = UInt64(LinearLayout.slotSize)
    return linear >= code && linear &- code < UInt64(slotCount) * size && (linear &- code) % size == 0
  }
}

/// The processor mode that a case runs in.
package enum CaseMode: UInt8, CaseIterable, Sendable {
  case real16, prot32, compat32, long64

  /// The name on the command line and in files.
  package var name: String {
    switch self {
    case .real16: "real16"
    case .prot32: "prot32"
    case .compat32: "compat32"
    case .long64: "long64"
    }
  }

  package init?(name: some StringProtocol) {
    guard let mode = CaseMode.allCases.first(where: { $0.name == name }) else { return nil }
    self = mode
  }

  /// Whether the worker of the host oracle can run it: user-mode code under a 64-bit kernel.
  package var isUserMode: Bool { self == .compat32 || self == .long64 }

  package var layout: ModeLayout {
    switch self {
    case .real16: .real
    case .prot32, .compat32: .other
    case .long64: .long64
    }
  }

  /// Where code that runs to its end jumps to.
  package var exit: UInt64 { layout.exit }

  /// ES, CS, SS, DS, FS, GS: under paging as a 64-bit Linux process has them. In real mode, the generator chooses
  /// others than these but for CS.
  package var selectors: [UInt16] {
    switch self {
    case .real16: [0x2000, 0x4000, 0x2000, 0x2000, 0x2000, 0x2000]
    case .prot32, .compat32: [0x2B, 0x23, 0x2B, 0x2B, 0x2B, 0x2B]
    case .long64: [0, 0x33, 0x2B, 0, 0, 0]
    }
  }
}
