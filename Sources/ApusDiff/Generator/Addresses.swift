extension Generator {
  // MARK: Code

  /// Selectors of every kind but that of the host's per-processor segment (78h–7Fh), whose limit says where the
  /// host happens to run. In real mode, whose bases they are: such as have data memory at either end of the
  /// segment or in the middle, and others.
  mutating func selector() -> UInt16 {
    if mode == .real16 {
      return random.oneIn(4)
        ? UInt16(truncatingIfNeeded: random.next())
        : Self.realSelectors[random.below(Self.realSelectors.count)]
    }
    let values: [UInt16] = [
      0, 1, 2, 3, 0x08, 0x0B, 0x10, 0x13, 0x18, 0x1B, 0x20, 0x23, 0x28, 0x2B, 0x2B, 0x2B, 0x2A, 0x29, 0x30,
      0x33,
      0x38, 0x3B, 0x60, 0x63, 0x6B, 0x73, 0x80, 0x83, 0xFFF8, 0xFFFB, 0x04, 0x07, 0x0F, 0x2F, 0x7FFF, 0xFFFC,
    ]
    return values[random.below(values.count)]
  }

  private static let realSelectors: [UInt16] = [
    0x2000, 0x2000, 0x1200, 0x1200, 0x1201, 0x1FFF, 0x2001, 0x1A80, 0x1100, 0x2100, 0, 3, 0xFFFF,
  ]

  /// A selector that has data memory in its segment.
  mutating func dataSelector() -> UInt16 {
    random.oneIn(8) ? UInt16(0x1100 + random.below(0x1000)) : Self.realSelectors[random.below(9)]
  }

  /// The selector of a far branch: in real mode, one whose segment has the code as a rule.
  mutating func codeSelector() -> UInt16 {
    guard mode == .real16 else { return selector() }
    switch random.below(8) {
    case 0: return selector()
    case 1, 2: return UInt16(0x3100 + random.below(0xF00))
    case 3: return 0x3FFF
    default: return mode.selectors[1]
    }
  }

  /// The instruction pointer at a linear address of code.
  func instructionPointer(_ linear: UInt64) -> UInt64 {
    mode == .real16 ? (linear &- mode.layout.code) & 0xFFFF_FFFF : linear
  }

  /// Where a branch may lead: a filler byte of the slot, the exit, or where nothing is. A linear address.
  mutating func codeAddress(_ writer: CaseWriter) -> UInt64 {
    let choice = random.next()
    if provokesFaults && choice & 3 == 0 { return anyAddress() }
    switch choice >> 8 & 15 {
    case 0...3: return mode.exit
    case 4: return anyAddress()
    case 5: return mode.layout.data + (choice >> 16 & 0xFFF)
    default: return writer.address + 96 + (choice >> 16 & 31)
    }
  }

  /// The offset of a far branch. Under paging, the exit is code of the case's own mode alone.
  mutating func farTarget(_ writer: CaseWriter, _ selector: UInt16) -> UInt64 {
    let target = codeAddress(writer)
    if mode == .real16 { return (target &- UInt64(selector) << 4) & 0xFFFF_FFFF }
    return target == mode.exit && selector | 3 != mode.selectors[1] ? writer.address + 100 : target
  }

  // MARK: Data

  /// An address that is not of data memory as a rule: absent, read-only, non-canonical, the kernel's, the edges
  /// of what is there.
  mutating func anyAddress() -> UInt64 {
    let choice = random.next()
    let small = choice >> 16 & 0x3F
    let layout = mode.layout
    let data = layout.data
    let end = layout.dataRange.upperBound
    let constant = layout.constant
    switch choice & 15 {
    case 0: return end &- small
    case 1: return data &- small
    case 2: return constant + UInt64(LinearLayout.constantSize) &- small
    case 3: return constant + (choice >> 16 & 0xFFF)
    case 4: return constant &- small
    case 5: return end + small
    case 6: return 0x4000_0000 + (choice >> 16 & 0xFF_FFFF)
    case 7: return small
    case 8: return 0xFFFF_FFFF_FFFF_FFFF &- small
    case 9: return 0x0000_8000_0000_0000 &- small
    case 10: return 0x0000_8000_0000_0000 &+ small
    case 11: return 0xFFFF_7FFF_FFFF_FFFF &- small
    case 12: return 0x7FFF_FFFF &- small + (choice >> 32 & 1) << 6
    case 13: return 0xFFFF_FFFF &- small
    case 14: return random.next() | 1 << 52
    default: return layout.code + (choice >> 16 & 0x7F)
    }
  }

  /// The linear address of a memory operand in a segment (0...5).
  mutating func operandAddress(_ writer: CaseWriter, _ segment: Int, _ alignsTo: UInt64) -> UInt64 {
    let choice = random.next()
    let faults = provokesFaults ? choice & 1 == 0 : choice & 31 == 0
    if mode == .real16 { return realAddress(writer.realBase(segment), alignsTo, faults: faults) }
    let data = LinearLayout.data
    if faults { return anyAddress() }
    switch choice >> 8 & 15 {
    case 0...6: return data + ((choice >> 16) & 0x1F80) + ((choice >> 32) & 0x7F & ~(alignsTo &- 1))
    case 7: return data + 0x1000 - ((choice >> 16) & 0x3F)
    case 8: return data + 0x1000 - ((choice >> 16) & 0x3F & ~(alignsTo &- 1))
    case 9: return data + UInt64(LinearLayout.dataSize) - ((choice >> 16) & 0x7F)
    case 10: return data + ((choice >> 16) & 0x3F)
    case 11: return data + ((choice >> 16) & 0x1FFF)
    default: return data + 0x400 + ((choice >> 16) & 0x1FFF & ~(alignsTo &- 1)) % 0x1800
    }
  }

  /// An address within the 64 KiB from `base` on: of data memory, if it reaches there, or near an end of the
  /// segment, where what crosses the limit faults.
  private mutating func realAddress(_ base: UInt64, _ alignsTo: UInt64, faults: Bool) -> UInt64 {
    let choice = random.next()
    let segment = base..<base + 0x1_0000
    let small = choice >> 8 & 0x3F
    if faults {
      switch choice & 3 {
      case 0, 1: return segment.upperBound - 1 - small & 15
      case 2: return base + small
      default: return base + choice >> 16 & 0xFFFF
      }
    }
    let data = mode.layout.dataRange.clamped(to: segment)
    guard !data.isEmpty else { return base + choice >> 16 & 0xFFFF }
    let length = data.upperBound - data.lowerBound
    switch choice >> 4 & 15 {
    case 0: return data.upperBound - 1 - min(small, length - 1)
    case 1: return data.lowerBound + min(small, length - 1)
    case 2: return data.lowerBound + choice >> 16 % length
    default: return max(data.lowerBound, (data.lowerBound + choice >> 16 % length) & ~(alignsTo &- 1))
    }
  }

  /// The offset in a segment of a linear address, for implied operands: FS and GS have their bases in real mode
  /// alone there.
  func impliedOffset(_ writer: CaseWriter, _ linear: UInt64, _ segment: Int) -> UInt64 {
    mode == .real16 ? (linear &- writer.realBase(segment)) & 0xFFFF_FFFF : linear
  }
}

extension CaseWriter {
  /// The base of a segment (0...5) in real mode: 16 times the selector.
  func realBase(_ segment: Int) -> UInt64 {
    UInt64(image.get(MachineImage.selectors + segment * 2, UInt16.self)) << 4
  }
}

extension Encoding {
  /// The segment (0...5) of an operand, from its prefix.
  func segment(default implied: Int) -> Int {
    switch segmentPrefix {
    case 0x26: 0
    case 0x2E: 1
    case 0x36: 2
    case 0x3E: 3
    case 0x64: 4
    case 0x65: 5
    default: implied
    }
  }
}
