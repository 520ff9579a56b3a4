/// A feature that CPUID reports and that a model may lack. The number is 32 × word + bit, where the words are
/// 01H:EDX, 01H:ECX, 07H:EBX, 07H:ECX, 07H:EDX, 8000_0001H:EDX, 8000_0001H:ECX and 0DH.1:EAX (SDM Vol. 2,
/// `CPUID`; AMD APM Vol. 3, appendix "Obtaining Processor Information Via the CPUID Instruction"). The opcode maps
/// name features by these names.
package enum CPUFeature: UInt8, CaseIterable, Sendable {
  case fpu = 0
  case vme = 1
  case de = 2
  case pse = 3
  case tsc = 4
  case msr = 5
  case pae = 6
  case mce = 7
  case cx8 = 8
  case apic = 9
  case sep = 11
  case mtrr = 12
  case pge = 13
  case mca = 14
  case cmov = 15
  case pat = 16
  case pse36 = 17
  case clflush = 19
  case mmx = 23
  case fxsr = 24
  case sse = 25
  case sse2 = 26

  case sse3 = 32
  case pclmulqdq = 33
  case monitor = 35
  case ssse3 = 41
  case fma = 44
  case cx16 = 45
  case pcid = 49
  case sse4_1 = 51
  case sse4_2 = 52
  case x2apic = 53
  case movbe = 54
  case popcnt = 55
  case tsc_deadline = 56
  case aes = 57
  case xsave = 58
  case avx = 60
  case f16c = 61
  case rdrand = 62
  case hypervisor = 63

  case fsgsbase = 64
  case tsc_adjust = 65
  case bmi1 = 67
  case avx2 = 69
  case smep = 71
  case bmi2 = 72
  case erms = 73
  case invpcid = 74
  case rdseed = 82
  case adx = 83
  case smap = 84
  case clflushopt = 87
  case clwb = 88
  case sha = 93

  case umip = 98
  case pku = 99
  case gfni = 104
  case vaes = 105
  case vpclmulqdq = 106
  case la57 = 112
  case rdpid = 118

  case fsrm = 132
  case serialize = 142

  case syscall = 171
  case nx = 180
  case pdpe1gb = 186
  case rdtscp = 187
  case lm = 189

  case lahf_lm = 192
  case abm = 197
  case misalignsse = 199
  case prefetchw = 200

  case xsaveopt = 224
  case xsavec = 225
  case xgetbv1 = 226
  case xsaves = 227

  /// What makes no sense without something else: taking that away takes this with it.
  static let needs: [(CPUFeature, CPUFeature)] = [
    (.fxsr, .fpu), (.mmx, .fpu), (.sse, .fxsr), (.sse2, .sse), (.sse3, .sse2), (.ssse3, .sse3),
    (.sse4_1, .ssse3), (.sse4_2, .sse4_1), (.pclmulqdq, .sse2), (.aes, .sse2), (.sha, .sse2), (.gfni, .sse2),
    (.xsave, .fxsr), (.xsaveopt, .xsave), (.xsavec, .xsave), (.xgetbv1, .xsave), (.xsaves, .xsavec),
    (.avx, .xsave), (.avx, .sse4_2), (.avx2, .avx), (.fma, .avx), (.f16c, .avx), (.vaes, .avx2),
    (.vaes, .aes),
    (.vpclmulqdq, .avx2), (.vpclmulqdq, .pclmulqdq), (.pku, .xsave), (.pku, .lm),
    (.pae, .pse), (.lm, .pae), (.lm, .sse2), (.lm, .syscall), (.lm, .cmov), (.lm, .cx8), (.lm, .msr),
    (.cx16, .lm), (.lahf_lm, .lm), (.fsgsbase, .lm), (.pcid, .lm), (.la57, .lm), (.pdpe1gb, .lm),
    (.rdpid, .rdtscp),
    (.nx, .pae), (.x2apic, .apic), (.tsc_deadline, .apic), (.tsc_adjust, .tsc), (.rdtscp, .tsc),
    (.invpcid, .pcid), (.misalignsse, .sse),
  ]
}

/// A set of features, as the registers of CPUID hold them.
package struct CPUFeatures: Equatable, Sendable {
  private var words: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (
    0, 0, 0, 0, 0, 0, 0, 0
  )

  /// No feature.
  package init() {}

  /// These features and all that they need.
  package init(_ features: [CPUFeature]) {
    for feature in features { insert(feature) }
  }

  /// Every feature there is.
  package static let all = CPUFeatures(CPUFeature.allCases)

  /// A word in the order of `CPUFeature`, 0 to 7.
  package subscript(word word: Int) -> UInt32 {
    get {
      switch word {
      case 0: words.0
      case 1: words.1
      case 2: words.2
      case 3: words.3
      case 4: words.4
      case 5: words.5
      case 6: words.6
      default: words.7
      }
    }
    set {
      switch word {
      case 0: words.0 = newValue
      case 1: words.1 = newValue
      case 2: words.2 = newValue
      case 3: words.3 = newValue
      case 4: words.4 = newValue
      case 5: words.5 = newValue
      case 6: words.6 = newValue
      default: words.7 = newValue
      }
    }
  }

  /// Whether the feature with this number is there.
  @inline(__always)
  func contains(number: UInt8) -> Bool { self[word: Int(number >> 5)] >> UInt32(number & 31) & 1 != 0 }

  /// Whether `feature` is there.
  package func contains(_ feature: CPUFeature) -> Bool { contains(number: feature.rawValue) }

  /// Adds a feature and all that it needs.
  package mutating func insert(_ feature: CPUFeature) {
    guard !contains(feature) else { return }
    self[word: Int(feature.rawValue >> 5)] |= 1 << UInt32(feature.rawValue & 31)
    for (one, other) in CPUFeature.needs where one == feature { insert(other) }
  }

  /// Removes a feature and all that need it.
  package mutating func remove(_ feature: CPUFeature) {
    guard contains(feature) else { return }
    self[word: Int(feature.rawValue >> 5)] &= ~(1 << UInt32(feature.rawValue & 31))
    for (one, other) in CPUFeature.needs where other == feature { remove(one) }
  }

  package static func == (a: CPUFeatures, b: CPUFeatures) -> Bool {
    (0..<8).allSatisfy { a[word: $0] == b[word: $0] }
  }
}
