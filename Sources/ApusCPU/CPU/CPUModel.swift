/// What the processor is: its vendor, the numbers CPUID identifies it by, and its features.
public struct CPUModel: Equatable, Sendable {
  /// Whose processor it behaves like where software can tell.
  public enum Vendor: Equatable, Sendable {
    /// `AuthenticAMD`.
    case amd
    /// `GenuineIntel`.
    case intel
  }

  /// The vendor.
  public var vendor: Vendor
  /// CPUID 01H:EAX, and EDX after reset: family, model and stepping.
  package var signature: UInt32
  /// What it has.
  package var features: CPUFeatures

  /// An 80486 with CPUID, as the later ones have it: FPU, virtual-8086 mode extensions and large pages.
  public static let i486 = CPUModel(
    vendor: .intel, signature: 0x0480, features: CPUFeatures([.fpu, .vme, .pse]))

  /// A Pentium with MMX.
  public static let pentium = CPUModel(
    vendor: .intel, signature: 0x0543,
    features: CPUFeatures([.fpu, .vme, .de, .pse, .tsc, .msr, .mce, .cx8, .apic, .mmx]))

  /// The baseline of the x86-64 psABI, with what every such processor has besides.
  public static let x86_64 = CPUModel(
    vendor: .amd, signature: Self.zen,
    features: CPUFeatures([
      .fpu, .vme, .de, .pse, .tsc, .msr, .pae, .mce, .cx8, .apic, .sep, .mtrr, .pge, .mca, .cmov, .pat,
      .pse36,
      .clflush, .mmx, .fxsr, .sse, .sse2, .syscall, .nx, .lm, .hypervisor, .prefetchw,
    ]))

  /// Level 2 of the psABI.
  public static let x86_64_v2 = x86_64.adding([
    .cx16, .lahf_lm, .popcnt, .sse3, .ssse3, .sse4_1, .sse4_2, .x2apic, .rdtscp, .monitor,
  ])

  /// Level 3 of the psABI.
  public static let x86_64_v3 = x86_64_v2.adding([
    .avx, .avx2, .bmi1, .bmi2, .f16c, .fma, .abm, .movbe, .xsave,
  ])

  /// Everything that Apus has.
  public static let max = CPUModel(vendor: .amd, signature: Self.zen, features: .all)

  /// Family 19h, model 21h, stepping 0.
  private static let zen: UInt32 = 0x00A2_0F10
  /// What `signature` is for a 64-bit model whose vendor is changed to Intel: family 6, model 94, stepping 3.
  private static let skylake: UInt32 = 0x0005_06E3

  private func adding(_ features: [CPUFeature]) -> CPUModel {
    var model = self
    for feature in features { model.features.insert(feature) }
    return model
  }

  /// The same model by another vendor; 64-bit models get a signature of that vendor's.
  public func made(by vendor: Vendor) -> CPUModel {
    var model = self
    model.vendor = vendor
    // MXCSR.MM is AMD's alone.
    if vendor == .intel { model.features.remove(.misalignsse) }
    if signature == Self.zen || signature == Self.skylake {
      model.signature = vendor == .amd ? Self.zen : Self.skylake
    }
    return model
  }

  /// Family: bits 11:8 of the signature, with the extended family for Fh.
  var family: UInt32 {
    let base = signature >> 8 & 15
    return base == 15 ? base + (signature >> 20 & 0xFF) : base
  }

  // MARK: What follows from the features

  /// Bits that CR4 can have.
  var cr4: UInt64 {
    let bits: [(UInt64, CPUFeature)] = [
      (CR4.VME | CR4.PVI, .vme), (CR4.TSD, .tsc), (CR4.DE, .de), (CR4.PSE, .pse), (CR4.PAE, .pae),
      (CR4.MCE, .mce),
      (CR4.PGE, .pge), (CR4.PCE, .mmx), (CR4.OSFXSR, .fxsr), (CR4.OSXMMEXCPT, .sse), (CR4.UMIP, .umip),
      (CR4.LA57, .la57), (CR4.FSGSBASE, .fsgsbase), (CR4.PCIDE, .pcid), (CR4.OSXSAVE, .xsave),
      (CR4.SMEP, .smep),
      (CR4.SMAP, .smap), (CR4.PKE, .pku),
    ]
    return bits.reduce(0) { $0 | (features.contains($1.1) ? $1.0 : 0) }
  }

  /// Bits that IA32_EFER can have, without LMA; without any the register does not exist.
  var efer: UInt64 {
    (features.contains(.syscall) ? EFER.SCE : 0) | (features.contains(.lm) ? EFER.LME : 0)
      | (features.contains(.nx) ? EFER.NXE : 0)
      | (features.contains(.lm) && vendor == .amd ? EFER.AIBRSE : 0)
  }

  /// Components that XCR0 can have.
  var xcr0: UInt64 {
    XState.x87 | XState.sse | (features.contains(.avx) ? XState.avx : 0)
      | (features.contains(.pku) ? XState.pkru : 0)
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// Makes the processor one of this model. Only before it has run.
  func adopt(_ model: CPUModel) {
    pointee.features = model.features
    pointee.isIntel = model.vendor == .intel
    pointee.signature = model.signature
    pointee.cr4Writable = model.cr4
    pointee.eferWritable = model.efer
    pointee.xcr0Supported = model.xcr0
  }

  @inline(__always)
  func has(_ feature: CPUFeature) -> Bool { pointee.features.contains(feature) }
}
