import ApusCPU
import Testing

/// CPUID, CR4, XCR0, MSRs and #UD agree with each other in every model (SDM Vol. 2, `CPUID`; Vol. 3, "Control
/// Registers"; the instructions' pages name the feature without which they raise #UD).
@Suite struct CPUModelTests {
  static let models: [(name: String, model: CPUModel)] = [
    ("486", .i486), ("pentium", .pentium), ("x86-64", .x86_64), ("x86-64-v2", .x86_64_v2),
    ("x86-64-v3", .x86_64_v3), ("max", .max), ("Intel", .max.made(by: .intel)),
  ]

  /// One instruction of each feature, in 32-bit code with EBX at aligned data.
  private static let instructions: [(CPUFeature, [UInt8])] = [
    (.cmov, [0x0F, 0x44, 0xC1]), (.cx8, [0x0F, 0xC7, 0x0B]), (.mmx, [0x0F, 0xFC, 0xC1]),
    (.fxsr, [0x0F, 0xAE, 0x03]), (.sse, [0x0F, 0x58, 0xC1]), (.sse2, [0x66, 0x0F, 0x58, 0xC1]),
    (.sse3, [0xF2, 0x0F, 0x7C, 0xC1]), (.ssse3, [0x0F, 0x38, 0x01, 0xC1]),
    (.sse4_1, [0x66, 0x0F, 0x38, 0x17, 0xC1]), (.sse4_2, [0xF2, 0x0F, 0x38, 0xF0, 0xC1]),
    (.popcnt, [0xF3, 0x0F, 0xB8, 0xC1]), (.aes, [0x66, 0x0F, 0x38, 0xDC, 0xC1]),
    (.pclmulqdq, [0x66, 0x0F, 0x3A, 0x44, 0xC1, 0x00]), (.sha, [0x0F, 0x38, 0xC8, 0xC1]),
    (.gfni, [0x66, 0x0F, 0x38, 0xCF, 0xC1]), (.movbe, [0x0F, 0x38, 0xF0, 0x03]),
    (.adx, [0x66, 0x0F, 0x38, 0xF6, 0xC1]), (.tsc, [0x0F, 0x31]), (.rdtscp, [0x0F, 0x01, 0xF9]),
    (.rdrand, [0x0F, 0xC7, 0xF0]), (.rdseed, [0x0F, 0xC7, 0xF8]), (.clflush, [0x0F, 0xAE, 0x3B]),
    (.clflushopt, [0x66, 0x0F, 0xAE, 0x3B]), (.clwb, [0x66, 0x0F, 0xAE, 0x33]), (.smap, [0x0F, 0x01, 0xCA]),
    (.serialize, [0x0F, 0x01, 0xE8]), (.xsave, [0x0F, 0x01, 0xD0]), (.bmi1, [0xC4, 0xE2, 0x70, 0xF2, 0xC0]),
    (.bmi2, [0xC4, 0xE2, 0x71, 0xF7, 0xC0]), (.avx, [0xC5, 0xF0, 0x58, 0xC0]),
    (.avx2, [0xC5, 0xF5, 0xFC, 0xC0]), (.fma, [0xC4, 0xE2, 0x71, 0x98, 0xC0]),
    (.f16c, [0xC4, 0xE2, 0x79, 0x13, 0xC0]), (.vaes, [0xC4, 0xE2, 0x75, 0xDC, 0xC0]),
    (.vpclmulqdq, [0xC4, 0xE3, 0x75, 0x44, 0xC0, 0x00]), (.xsaveopt, [0x0F, 0xAE, 0x33]),
    (.xsavec, [0x0F, 0xC7, 0x23]), (.invpcid, [0x66, 0x0F, 0x38, 0x82, 0x03]),
  ]

  private func bench(_ model: CPUModel) -> SystemBench {
    let bench = SystemBench(model)
    bench.enterProtectedMode()
    bench[.rbx] = SystemBench.data
    if model.features.contains(.xsave) { bench.processor.state.cr4 |= 1 << 18 }
    return bench
  }

  /// XCR0 ← EAX.
  private let setXCR0: [UInt8] = [0x31, 0xC9, 0x31, 0xD2, 0x0F, 0x01, 0xD1]

  private func undefined(_ rip: UInt64 = SystemBench.code) -> Ending { .exception(6, code: 0, rip: rip) }

  @Test(arguments: models.map(\.name)) func instructionsFollowFeatures(_ name: String) throws {
    let model = try #require(Self.models.first { $0.name == name }).model
    for (feature, bytes) in Self.instructions {
      let bench = bench(model)
      var program: [UInt8] = []
      if model.features.contains(.avx) { program = [0xB8, 7, 0, 0, 0] + setXCR0 }
      let start = SystemBench.code + UInt64(program.count)
      let ending = bench.run(program + bytes + [0xF4])
      #expect((ending == undefined(start)) != model.features.contains(feature), "\(feature)")
    }
  }

  @Test(arguments: models.map(\.name)) func controlRegistersFollowFeatures(_ name: String) throws {
    let model = try #require(Self.models.first { $0.name == name }).model
    let bits: [(UInt64, CPUFeature)] = [
      (0, .vme), (1, .vme), (2, .tsc), (3, .de), (4, .pse), (5, .pae), (6, .mce), (7, .pge), (9, .fxsr),
      (10, .sse), (11, .umip), (12, .la57), (16, .fsgsbase), (18, .xsave), (20, .smep), (21, .smap),
      (22, .pku),
    ]
    for (bit, feature) in bits {
      let bench = bench(model)
      bench[.rax] = 1 << bit
      let ending = bench.run([0x0F, 0x22, 0xE0, 0xF4])
      #expect(ending == (model.features.contains(feature) ? .halted : .generalProtection()), "\(feature)")
    }
    guard model.features.contains(.xsave) else { return }
    for (value, isValid) in [
      (3, true), (7, model.features.contains(.avx)), (0x203, model.features.contains(.pku)), (5, false),
      (2, false), (0xE7, false),
    ] as [(UInt64, Bool)] {
      let bench = bench(model)
      bench[.rax] = value
      let ending = bench.run(setXCR0 + [0xF4])
      #expect(ending == (isValid ? .halted : .generalProtection(SystemBench.code + 4)), "XCR0 \(value)")
    }
  }

  @Test(arguments: models.map(\.name)) func modelSpecificRegistersFollowFeatures(_ name: String) throws {
    let model = try #require(Self.models.first { $0.name == name }).model
    guard model.features.contains(.msr) else { return }
    let registers: [(UInt64, Bool)] = [
      (0x10, model.features.contains(.tsc)), (0x174, model.features.contains(.sep)),
      (0x277, model.features.contains(.pat)), (0x2FF, model.features.contains(.mtrr)),
      (0xC000_0080, model.features.contains(.syscall)), (0xC000_0100, model.features.contains(.lm)),
      (0xC001_0010, model.features.contains(.lm) && model.vendor == .amd),
    ]
    for (register, exists) in registers {
      let bench = bench(model)
      bench[.rcx] = register
      #expect(bench.run([0x0F, 0x32, 0xF4]) == (exists ? .halted : .generalProtection()), "\(register)")
    }
  }

  private func identify(_ bench: SystemBench, _ leaf: UInt64, _ subleaf: UInt64 = 0) -> [UInt64] {
    bench[.rax] = leaf
    bench[.rcx] = subleaf
    #expect(bench.run([0x0F, 0xA2, 0xF4]) == .halted)
    return [bench[.rax], bench[.rbx], bench[.rcx], bench[.rdx]]
  }

  @Test(arguments: models.map(\.name)) func identification(_ name: String) throws {
    let model = try #require(Self.models.first { $0.name == name }).model
    let bench = bench(model)
    let vendor = identify(bench, 0)
    #expect(vendor[1] == (model.vendor == .amd ? 0x6874_7541 : 0x756E_6547))
    let first = identify(bench, 1)
    // OSXSAVE follows CR4.
    let osxsave: UInt64 = model.features.contains(.xsave) ? 1 << 27 : 0
    #expect(
      first[3] == UInt64(model.features[word: 0]) && first[2] == UInt64(model.features[word: 1]) | osxsave)
    let hasLeaf7 = vendor[0] >= 7
    #expect(hasLeaf7 == model.features.contains(.sse2))
    let seventh = identify(bench, 7)
    #expect(seventh[1] == (hasLeaf7 ? UInt64(model.features[word: 2]) : 0))
    bench.processor.reset()
    #expect(bench[.rdx] == first[0])
  }

  /// Without their features these are `BSF` and `BSR` with a prefix that means nothing.
  @Test func scansWithAPrefix() {
    for model in [CPUModel.pentium, .max] {
      let isOld = model == .pentium
      let bench = bench(model)
      bench[.rcx] = 0x00F0_0000
      #expect(bench.run([0xF3, 0x0F, 0xBC, 0xC1, 0xF3, 0x0F, 0xBD, 0xD1, 0xF4]) == .halted)
      #expect(bench[.rax] == 20 && bench[.rdx] == (isOld ? 23 : 8))
    }
  }

  // MARK: Vendors

  /// SDM Vol. 2, `SYSCALL`: #UD outside 64-bit mode. AMD APM Vol. 3: valid in compatibility mode.
  @Test func syscallInCompatibilityMode() {
    let bench = SystemBench(.max.made(by: .intel))
    bench.enterLongMode(cpl: 3)
    bench.processor.state.segments[1] = SegmentRegister(
      selector: 0x1B, base: 0, limit: .max, attributes: 0xC0FB)
    #expect(bench.run([0x0F, 0x05]) == undefined())
  }

  /// SDM Vol. 3, "SYSENTER and SYSEXIT Instructions in IA-32e Mode". AMD APM Vol. 3: #UD in long mode.
  @Test func sysenterInLongMode() {
    for vendor in [CPUModel.Vendor.amd, .intel] {
      let bench = SystemBench(.max.made(by: vendor))
      bench.enterLongMode(cpl: 3)
      bench.writeMSR(0x174, 8)
      bench.writeMSR(0x175, 0x1_F000)
      bench.writeMSR(0x176, 0x9000)
      bench.write(0x9000, [0xF4])
      let ending = bench.run([0x0F, 0x34])
      if vendor == .amd {
        #expect(ending == undefined())
        continue
      }
      #expect(ending == .halted)
      let state = bench.processor.state
      #expect(state.rip == 0x9001 && state.cpl == 0 && bench[.rsp] == 0x1_F000)
      #expect(state.segments[1].selector == 8 && state.segments[1].attributes & 0x6000 == 0x2000)
      // And back, with REX.W, to 64-bit code at CPL 3.
      bench[.rdx] = 0xA000
      bench[.rcx] = 0x1_E000
      bench.write(0xA000, [0x0F, 0x0B])
      _ = bench.run([0x48, 0x0F, 0x35])
      #expect(bench.processor.state.cpl == 0, "the #UD handler of what follows")
      #expect(bench.read64(Int(bench[.rsp])) == 0xA000 && bench.read64(Int(bench[.rsp]) + 8) == 8 + 32 | 3)
    }
  }

  /// SDM Vol. 2, `SYSRET`: #GP(0) in kernel mode if RCX is not canonical. AMD faults at the target.
  @Test func sysretToANonCanonicalAddress() {
    for vendor in [CPUModel.Vendor.amd, .intel] {
      let bench = SystemBench(.max.made(by: vendor))
      bench.enterLongMode()
      bench.writeMSR(0xC000_0081, 0x001B_0008 << 32)
      bench[.rcx] = 1 << 63
      let ending = bench.run([0x48, 0x0F, 0x07])
      #expect(ending == .generalProtection(vendor == .intel ? SystemBench.code : 1 << 63))
    }
  }
}
