import Testing

import ApusCPU

/// Availability, alignment, paging and SIMD floating-point exceptions of the MMX, SSE and SSE2 instructions
/// (SDM Vol. 2, "Exception Conditions for Legacy SIMD Instructions Operating on MMX Registers", and the forms
/// without VEX of "Exceptions Type 1", "2", "4" and "5").
@Suite struct SSEFaultTests {
  private typealias Control = SSETestMachine.Control

  private static let UD: UInt8 = 6
  private static let NM: UInt8 = 7
  private static let GP: UInt8 = 13
  private static let PF: UInt8 = 14
  private static let MF: UInt8 = 16
  private static let XM: UInt8 = 19

  /// The end of a 4 KiB page, whose successor tests leave out.
  private static let boundary = SSETestMachine.pages + 0x1_0000

  /// `MOV RDI, imm32`.
  static func pointer(_ linear: UInt64) -> [UInt8] {
    [0x48, 0xC7, 0xC7] + (0..<4).map { UInt8(truncatingIfNeeded: linear >> ($0 * 8)) }
  }

  private func vector(
    _ code: [UInt8], cr0: UInt32 = Control.cr0, cr4: UInt32 = Control.cr4
  ) throws -> UInt8? {
    let outcome = try #require(SSETestMachine(code, cr0: cr0, cr4: cr4).run())
    if outcome.vector == Self.GP { #expect(outcome.errorCode == 0) }
    return outcome.vector
  }

  // MARK: Availability

  /// An XMM instruction of each kind, from XMM1 to XMM0.
  private static let xmm: [[UInt8]] = [
    [0x0F, 0x28, 0xC1], [0x0F, 0x58, 0xC1], [0x66, 0x0F, 0xFC, 0xC1], [0xF2, 0x0F, 0x2A, 0xC1],
    [0x0F, 0x2E, 0xC1], [0x66, 0x0F, 0xD7, 0xC1], [0x66, 0x0F, 0x71, 0xD0, 1], [0x0F, 0x53, 0xC1],
    [0x66, 0x0F, 0x7E, 0xC1], [0x0F, 0x2D, 0xC1], [0xF3, 0x0F, 0xD6, 0xC1], [0x66, 0x0F, 0x70, 0xC1, 1],
  ]
  /// MMX instructions, of SSE and SSE2 too.
  private static let mmx: [[UInt8]] = [
    [0x0F, 0x6F, 0xC1], [0x0F, 0xFC, 0xC1], [0x0F, 0x77], [0x0F, 0xE0, 0xC1], [0x0F, 0xD4, 0xC1],
    [0x0F, 0x70, 0xC1, 1], [0x0F, 0xC5, 0xC1, 1], [0x0F, 0x71, 0xD0, 1], [0x0F, 0x7E, 0xC1],
  ]

  @Test(arguments: xmm) func availabilityOfXMM(_ code: [UInt8]) throws {
    #expect(try vector(code) == nil)
    #expect(try vector(code, cr0: Control.cr0 | Control.EM) == Self.UD)
    #expect(try vector(code, cr0: Control.cr0 | Control.TS) == Self.NM)
    #expect(try vector(code, cr0: Control.cr0 | Control.EM | Control.TS) == Self.UD)
    #expect(try vector(code, cr4: Control.cr4 & ~Control.OSFXSR) == Self.UD)
    let both = try vector(code, cr0: Control.cr0 | Control.TS, cr4: Control.cr4 & ~Control.OSFXSR)
    #expect(both == Self.UD)
  }

  @Test(arguments: mmx) func availabilityOfMMX(_ code: [UInt8]) throws {
    #expect(try vector(code) == nil)
    #expect(try vector(code, cr0: Control.cr0 | Control.EM) == Self.UD)
    #expect(try vector(code, cr0: Control.cr0 | Control.TS) == Self.NM)
    #expect(try vector(code, cr4: Control.cr4 & ~Control.OSFXSR) == nil)
  }

  /// Encodings beside the defined ones: a wrong ModRM form, a missing prefix, a free group member, LOCK.
  @Test(
    arguments: [
      [0x66, 0x0F, 0x12, 0xC1], [0x0F, 0x13, 0xC1], [0x66, 0x0F, 0x16, 0xC1], [0x0F, 0x17, 0xC1],
      [0x0F, 0x2B, 0xC1], [0x66, 0x0F, 0xE7, 0xC1], [0x0F, 0xE7, 0xC1], [0x0F, 0x50, 0x07],
      [0x66, 0x0F, 0xD7, 0x07], [0x0F, 0xC5, 0x07, 1], [0x66, 0x0F, 0xF7, 0x07], [0x0F, 0x71, 0x17, 1],
      [0x0F, 0x71, 0xC0, 1], [0x0F, 0x73, 0xD8, 1], [0x0F, 0x73, 0xF8, 1], [0x66, 0x0F, 0x72, 0xC8, 1],
      [0x0F, 0x6C, 0xC1], [0x0F, 0xD6, 0xC1], [0xF3, 0x0F, 0xFC, 0xC1], [0xF2, 0x0F, 0x28, 0xC1],
      [0xF0, 0x0F, 0x28, 0x07], [0xF0, 0x66, 0x0F, 0xFC, 0xC1], [0xF3, 0x0F, 0x2E, 0xC1],
      [0x66, 0x0F, 0x77], [0x66, 0x0F, 0x52, 0xC1], [0xF2, 0x0F, 0x53, 0xC1], [0x0F, 0xE6, 0xC1],
    ] as [[UInt8]])
  func undefined(_ code: [UInt8]) throws {
    #expect(try vector(Self.pointer(SSETestMachine.data) + code) == Self.UD)
  }

  // MARK: Alignment

  @Test(
    arguments: [
      [0x0F, 0x28, 0x07], [0x0F, 0x29, 0x07], [0x66, 0x0F, 0x6F, 0x07], [0x66, 0x0F, 0x7F, 0x07],
      [0x0F, 0x2B, 0x07], [0x66, 0x0F, 0xE7, 0x07], [0x0F, 0x58, 0x07], [0x66, 0x0F, 0xFC, 0x07],
      [0x66, 0x0F, 0x70, 0x07, 1], [0x0F, 0xC2, 0x07, 1], [0x0F, 0x14, 0x07], [0x66, 0x0F, 0x5B, 0x07],
      [0x66, 0x0F, 0xF1, 0x07], [0x0F, 0x54, 0x07], [0x0F, 0x53, 0x07], [0x66, 0x0F, 0x2D, 0x07],
    ] as [[UInt8]])
  func needsAlignment(_ code: [UInt8]) throws {
    for offset in [0, 16] as [UInt64] {
      #expect(try vector(Self.pointer(SSETestMachine.data + offset) + code) == nil)
    }
    for offset in [1, 4, 8, 15] as [UInt64] {
      #expect(try vector(Self.pointer(SSETestMachine.data + offset) + code) == Self.GP)
    }
    // Misalignment comes before the page fault of an absent page.
    let absent = Self.boundary
    let machine = SSETestMachine(Self.pointer(absent + 8) + code, absentPages: [absent])
    #expect(try #require(machine.run()).vector == Self.GP)
  }

  @Test(
    arguments: [
      [0x0F, 0x10, 0x07], [0x66, 0x0F, 0x11, 0x07], [0xF3, 0x0F, 0x6F, 0x07], [0xF3, 0x0F, 0x7F, 0x07],
      [0xF3, 0x0F, 0x58, 0x07], [0xF2, 0x0F, 0x58, 0x07], [0x0F, 0x12, 0x07], [0x0F, 0x16, 0x07],
      [0x0F, 0x5A, 0x07], [0xF3, 0x0F, 0xE6, 0x07], [0xF3, 0x0F, 0x7E, 0x07], [0x0F, 0xFC, 0x07],
      [0x0F, 0x2D, 0x07], [0x66, 0x0F, 0x2A, 0x07], [0x66, 0x0F, 0xF7, 0xC1], [0x66, 0x0F, 0xC4, 0x07, 1],
    ] as [[UInt8]])
  func needsNoAlignment(_ code: [UInt8]) throws {
    #expect(try vector(Self.pointer(SSETestMachine.data + 3) + code) == nil)
  }

  // MARK: Page crossings

  /// Bytes 1 to 16 eleven bytes before a page boundary, loaded and stored 16 bytes later with each unaligned
  /// pair of instructions.
  @Test(arguments: [[0x0F], [0x66, 0x0F], [0xF3, 0x0F]] as [[UInt8]])
  func crossesPages(_ prefix: [UInt8]) throws {
    let isInteger = prefix.first == 0xF3
    let source = Self.boundary - 11
    let target = Self.boundary + 0x1000 - 3
    let code =
      Self.pointer(source) + prefix + [isInteger ? 0x6F : 0x10, 0x07]
      + Self.pointer(target) + prefix + [isInteger ? 0x7F : 0x11, 0x07]
    let machine = SSETestMachine(code)
    machine.write(source, (1...16).map { UInt8($0) })
    let outcome = try #require(machine.run())
    #expect(outcome.vector == nil)
    #expect(machine.read64(target) == 0x0807_0605_0403_0201)
    #expect(machine.read64(target + 8) == 0x100F_0E0D_0C0B_0A09)
    #expect(machine.read8(target - 1) == 0 && machine.read8(target + 16) == 0)
  }

  /// A store into an absent second page leaves the first alone, and CR2 names the second page.
  @Test(
    arguments: [
      [0x0F, 0x11, 0x0F], [0xF3, 0x0F, 0x7F, 0x0F], [0x66, 0x0F, 0xF7, 0xC9], [0x66, 0x0F, 0xD6, 0x0F],
    ] as [[UInt8]])
  func faultsInTheSecondPage(_ store: [UInt8]) throws {
    // PCMPEQD XMM1, XMM1 makes all ones, which is a full mask too.
    let code = [0x66, 0x0F, 0x76, 0xC9] + Self.pointer(Self.boundary - 5) + store
    let machine = SSETestMachine(code, absentPages: [Self.boundary])
    let outcome = try #require(machine.run())
    #expect(outcome.vector == Self.PF)
    #expect(outcome.errorCode == 2)
    #expect(outcome.rip == SSETestMachine.program + UInt64(code.count - store.count))
    #expect(machine.read64(Self.boundary - 8) == 0)
  }

  /// SDM Vol. 2, `MASKMOVDQU`, leaves open whether bytes that the mask leaves out fault. AMD's processors check the
  /// whole operand (measured on family 25).
  @Test func maskedBytesFault() throws {
    let linear = Self.boundary - 5
    // XMM1 = FFFFFFFFh: only the first four bytes; XMM0 = all ones.
    let code: [UInt8] =
      [0xB8, 0xFF, 0xFF, 0xFF, 0xFF, 0x66, 0x0F, 0x6E, 0xC8, 0x66, 0x0F, 0x76, 0xC0]
      + Self.pointer(linear) + [0x66, 0x0F, 0xF7, 0xC1]
    let machine = SSETestMachine(code, absentPages: [Self.boundary])
    #expect(try #require(machine.run()).vector == Self.PF)
    #expect(machine.read64(Self.boundary - 8) == 0)
  }

  // MARK: SIMD floating-point exceptions

  /// `LDMXCSR` of the doubleword at the data area, which `run` sets.
  private static let loadMXCSR: [UInt8] = [0x0F, 0xAE, 0x14, 0x25, 0, 0, 0x60, 0]
  private static let dataA: [UInt8] = [0x0F, 0x28, 0x04, 0x25, 0x10, 0, 0x60, 0]
  private static let dataB: [UInt8] = [0x0F, 0x28, 0x0C, 0x25, 0x20, 0, 0x60, 0]

  /// Runs `code` on XMM0 and XMM1 under `mxcsr`.
  private func run(
    _ code: [UInt8], mxcsr: UInt32, _ a: SIMD2<UInt64>, _ b: SIMD2<UInt64>, cr4: UInt32 = Control.cr4
  ) throws -> (vector: UInt8?, machine: SSETestMachine) {
    let machine = SSETestMachine(Self.loadMXCSR + Self.dataA + Self.dataB + code, cr4: cr4)
    machine.write64(SSETestMachine.data, UInt64(mxcsr))
    for half in 0..<2 {
      machine.write64(SSETestMachine.data + 0x10 + UInt64(half) * 8, a[half])
      machine.write64(SSETestMachine.data + 0x20 + UInt64(half) * 8, b[half])
    }
    // Every handler stores XMM0, MXCSR and RAX before it halts.
    let epilogue: [UInt8] = [
      0x0F, 0x29, 0x04, 0x25, 0x30, 0, 0x60, 0, 0x0F, 0xAE, 0x1C, 0x25, 0x40, 0, 0x60, 0,
      0x48, 0x89, 0x04, 0x25, 0x48, 0, 0x60, 0, 0xF4, 0xEB, 0xFD,
    ]
    machine.extendHandlers(epilogue)
    let outcome = try #require(machine.run())
    return (outcome.vector, machine)
  }

  private static let one = SIMD2<UInt64>(repeating: 0x3FF0_0000_0000_0000)
  private static let signaling: UInt64 = 0x7FF0_0000_0000_0001

  struct Unmasked {
    var name: String
    var code: [UInt8]
    var a: SIMD2<UInt64>
    var b: SIMD2<UInt64>
    /// The exception flag, bit 5...0.
    var flag: UInt32
    /// The flags found afterwards.
    var flags: UInt32
  }

  static let unmasked: [Unmasked] = [
    Unmasked(name: "DIVPD by zero", code: [0x66, 0x0F, 0x5E, 0xC1], a: one, b: .zero, flag: 4, flags: 4),
    Unmasked(
      name: "ADDSD of a signaling NaN", code: [0xF2, 0x0F, 0x58, 0xC1], a: one,
      b: SIMD2(signaling, 0), flag: 1, flags: 1),
    Unmasked(
      name: "MULPD with a denormal", code: [0x66, 0x0F, 0x59, 0xC1], a: one, b: SIMD2(1, 1), flag: 2,
      flags: 2),
    Unmasked(
      name: "MULSD overflow", code: [0xF2, 0x0F, 0x59, 0xC1], a: SIMD2(0x7FE0_0000_0000_0000, 0),
      b: SIMD2(0x7FE0_0000_0000_0000, 0), flag: 8, flags: 8),
    Unmasked(
      name: "MULSD underflow", code: [0xF2, 0x0F, 0x59, 0xC1], a: SIMD2(0x0010_0000_0000_0000, 0),
      b: SIMD2(0x0010_0000_0000_0000, 0), flag: 16, flags: 16),
    Unmasked(
      name: "CVTPD2PS inexact", code: [0x66, 0x0F, 0x5A, 0xC1], a: one, b: SIMD2(0x3FF0_0000_0000_0001, 0),
      flag: 32, flags: 32),
    Unmasked(
      name: "CVTTSD2SI of a NaN", code: [0xF2, 0x48, 0x0F, 0x2C, 0xC1], a: one, b: SIMD2(signaling, 0),
      flag: 1, flags: 1),
    Unmasked(
      name: "COMISD of a NaN", code: [0x66, 0x0F, 0x2F, 0xC1], a: one, b: SIMD2(0x7FF8_0000_0000_0000, 0),
      flag: 1, flags: 1),
    Unmasked(
      name: "SQRTPD of a negative", code: [0x66, 0x0F, 0x51, 0xC1], a: one,
      b: SIMD2(0xBFF0_0000_0000_0000, 0), flag: 1, flags: 1),
    Unmasked(
      name: "CVTPD2PI inexact", code: [0x66, 0x0F, 0x2D, 0xC1], a: one, b: SIMD2(0x3FF8_0000_0000_0000, 0),
      flag: 32, flags: 32),
  ]

  /// An unmasked exception sets its flag and commits nothing else.
  @Test(arguments: unmasked.indices) func unmaskedException(_ index: Int) throws {
    let item = Self.unmasked[index]
    let mxcsr = 0x1F80 & ~(item.flag << 7)
    let found = try run(item.code, mxcsr: mxcsr, item.a, item.b)
    #expect(found.vector == Self.XM, "\(item.name)")
    let data = SSETestMachine.data
    #expect(found.machine.read64(data + 0x30) == item.a[0], "\(item.name)")
    #expect(found.machine.read64(data + 0x38) == item.a[1], "\(item.name)")
    #expect(found.machine.read32(data + 0x40) == mxcsr | item.flags, "\(item.name)")
    #expect(found.machine.read64(data + 0x48) == SSETestMachine.program, "RAX is still the entry point")
    let withoutXM = try run(
      item.code, mxcsr: mxcsr, item.a, item.b, cr4: Control.cr4 & ~Control.OSXMMEXCPT)
    #expect(withoutXM.vector == Self.UD, "\(item.name)")
    let masked = try run(item.code, mxcsr: 0x1F80, item.a, item.b)
    #expect(masked.vector == nil, "\(item.name)")
  }

  // MARK: x87

  /// `FXRSTOR` of an image whose status has ZE and ES set and whose control word unmasks ZE: MMX instructions
  /// report it as #MF, XMM ones do not care.
  @Test func pendingX87Exception() throws {
    let restore: [UInt8] = [0x0F, 0xAE, 0x0C, 0x25, 0, 0, 0x60, 0]
    for (code, expected) in [
      ([0x0F, 0xFC, 0xC1], Self.MF), ([0x0F, 0x77], Self.MF), ([0x0F, 0x2A, 0xC1], Self.MF),
      ([0x0F, 0x2A, 0x04, 0x25, 0, 0, 0x60, 0], nil), ([0x0F, 0x58, 0xC1], nil),
    ] as [([UInt8], UInt8?)] {
      let machine = SSETestMachine(restore + code)
      machine.write64(SSETestMachine.data, 0x0000_0000_8084_037B)
      machine.write64(SSETestMachine.data + 24, 0x1F80)
      #expect(try #require(machine.run()).vector == expected)
    }
  }
}
