// GDT, TSS and IDT (Intel SDM Vol. 3A, "Segment Descriptor Tables in IA-32e Mode", "TSS in IA-32e Mode",
// "64-Bit Mode IDT"). The selectors are those that machine.S and faults.S use.

enum Descriptors {
  /// Vectors with an entry stub: the exceptions, the two 8259As' sixteen lines, and the call from ring 3.
  static let vectors = 49
  static let userCall = 48

  nonisolated(unsafe) private static var idt: UInt64 = 0

  static func load() {
    let gdt = Paging.allocate(1)
    let tss = Paging.allocate(1)
    idt = Paging.allocate(1)

    let low = tss & 0xFF_FFFF
    let values: InlineArray<9, UInt64> = [
      0,
      0x00AF_9A00_0000_FFFF,  // 08h ring 0 code, 64-bit
      0x00CF_9200_0000_FFFF,  // 10h ring 0 data
      0x00CF_F200_0000_FFFF,  // 18h ring 3 data
      0x00AF_FA00_0000_FFFF,  // 20h ring 3 code, 64-bit
      0x00CF_9A00_0000_FFFF,  // 28h ring 0 code, 32-bit (compatibility mode)
      0x00CF_1200_0000_FFFF,  // 30h data, not present
      0x0000_8900_0000_0067 | low << 16 | (tss >> 24 & 0xFF) << 56,  // 38h TSS, 64-bit
      tss >> 32,
    ]
    for index in 0..<9 {
      pointer(gdt + UInt64(index) * 8).storeBytes(of: values[index], as: UInt64.self)
    }

    storeUnaligned(tss + 4, Layout.stackRing0Top.linear)  // RSP0
    storeUnaligned(tss + 0x24, Layout.stackDoubleFaultTop.linear)  // IST1
    storeUnaligned(tss + 0x2C, Layout.stackDebugTop.linear)  // IST2
    pointer(tss + 0x66).storeBytes(of: 0x68, as: UInt16.self)  // I/O map base beyond the limit: none

    for vector in 0..<vectors { setGate(vector, present: true) }

    var gdtRegister = tableRegister(gdt, 71)
    var idtRegister = tableRegister(idt, UInt64(vectors * 16 - 1))
    loadTables(&gdtRegister, &idtRegister)
  }

  /// An interrupt gate. NMI, #DF and #MC get a stack of their own, #DB another; INT3, INTO and the call
  /// may come from ring 3.
  static func setGate(_ vector: Int, present: Bool) {
    let entry = Layout.interruptEntries.linear + UInt64(vector) * 16
    let stack: UInt64 = vector == 2 || vector == 8 || vector == 18 ? 1 : vector == 1 ? 2 : 0
    let ring: UInt64 = vector == 3 || vector == 4 || vector == userCall ? 3 : 0
    let low =
      entry & 0xFFFF | 0x08 << 16 | stack << 32 | 0xE << 40 | ring << 45
      | (present ? 1 << 47 : 0) | (entry >> 16 & 0xFFFF) << 48
    let place = pointer(idt + UInt64(vector) * 16)
    place.storeBytes(of: low, as: UInt64.self)
    place.storeBytes(of: entry >> 32, toByteOffset: 8, as: UInt64.self)
  }

  /// The fields of a TSS lie at odd multiples of 4.
  private static func storeUnaligned(_ linear: UInt64, _ value: UInt64) {
    pointer(linear).storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
    pointer(linear + 4).storeBytes(of: UInt32(truncatingIfNeeded: value >> 32), as: UInt32.self)
  }

  /// The memory operand of LGDT and LIDT: a limit word, then the base.
  private static func tableRegister(_ base: UInt64, _ limit: UInt64) -> (UInt64, UInt64) {
    (limit | base << 16, base >> 48)
  }
}
