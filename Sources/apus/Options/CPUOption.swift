import ApusCPU

// `--cpu MODEL[,FEATURE…]`: Apus's models, QEMU's names for the nearest of them, and feature switches as QEMU
// writes them.

extension OptionParser {
  mutating func setCPU(_ text: String) throws(Failure) {
    let entries = KeyValueList(text, impliedKey: "model").entries
    guard let name = entries.first?.value, entries.first?.key == "model" else {
      throw refuse("'\(text)' does not start with a CPU model; expected \(CPUModels.list)")
    }
    guard var model = CPUModels.model(name) else {
      throw refuse("'\(name)' is not a CPU model; expected \(CPUModels.list), or a model of QEMU's")
    }
    if let nearest = CPUModels.nearest(name) {
      notice("\(current): there is no model \(name); the guest sees \(nearest)")
    }
    var unknown: [String] = []
    for entry in entries.dropFirst() {
      if try !apply(entry, to: &model) {
        unknown.append(entry.value.map { "\(entry.key)=\($0)" } ?? entry.key)
      }
    }
    if !unknown.isEmpty {
      notice("\(current): no such feature, without effect: \(unknown.joined(separator: ","))")
    }
    options.cpuModel = model
  }

  /// `+F`, `-F`, `F`, `F=on|off` or `vendor=V`; false if there is no such feature.
  private func apply(_ entry: KeyValueList.Entry, to model: inout CPUModel) throws(Failure) -> Bool {
    if entry.key == "vendor" {
      switch entry.value {
      case "intel", "GenuineIntel": model = model.made(by: .intel)
      case "amd", "AuthenticAMD": model = model.made(by: .amd)
      default: throw refuse("vendor: '\(entry.value ?? "")' is not a vendor; expected intel or amd")
      }
      return true
    }
    var name = Substring(entry.key)
    var isOn = true
    if let sign = name.first, sign == "+" || sign == "-" {
      isOn = sign == "+"
      name = name.dropFirst()
    }
    guard let feature = CPUModels.feature(name) else { return false }
    switch entry.value {
    case nil, "on", "true", "yes": break
    case "off", "false", "no": isOn.toggle()
    default: throw refuse("\(entry.key): '\(entry.value ?? "")' is neither on nor off")
    }
    if isOn { model.features.insert(feature) } else { model.features.remove(feature) }
    return true
  }
}

/// The CPU models by name.
enum CPUModels {
  static let own: [(name: String, model: CPUModel)] = [
    ("486", .i486), ("pentium", .pentium), ("x86-64", .x86_64), ("x86-64-v2", .x86_64_v2),
    ("x86-64-v3", .x86_64_v3), ("max", .max),
  ]
  static let list = own.map(\.name).joined(separator: ", ")

  /// QEMU's names that promise no particular processor, and what they stand for.
  private static let generic = [
    "host": "max", "base": "x86-64", "qemu64": "x86-64", "kvm64": "x86-64", "qemu32": "x86-64",
    "kvm32": "x86-64",
  ]

  /// QEMU's names for processors, by the level of the psABI that they reach.
  private static let levels: [(level: String, names: [String])] = [
    ("pentium", ["pentium2", "pentium3"]),
    (
      "x86-64",
      [
        "coreduo", "core2duo", "n270", "athlon", "phenom", "Conroe", "Penryn", "Opteron_G1", "Opteron_G2",
        "Opteron_G3",
      ]
    ),
    (
      "x86-64-v2",
      [
        "Nehalem", "Westmere", "SandyBridge", "IvyBridge", "Denverton", "Snowridge", "Opteron_G4",
        "Opteron_G5",
      ]
    ),
    (
      "x86-64-v3",
      [
        "Haswell", "Broadwell", "Skylake-Client", "Skylake-Server", "Cascadelake-Server", "Cooperlake",
        "Icelake-Server", "SapphireRapids", "GraniteRapids", "SierraForest", "KnightsMill", "EPYC",
        "EPYC-Rome",
        "EPYC-Milan", "EPYC-Genoa", "Dhyana",
      ]
    ),
  ]

  /// The model of that name, Apus's or the one nearest to QEMU's.
  static func model(_ name: String) -> CPUModel? {
    let wanted = generic[name] ?? nearest(name) ?? name
    return own.first { $0.name == wanted }?.model
  }

  /// Apus's name for what comes nearest to a processor that QEMU knows, perhaps with a version (`-v2`) or a
  /// variant (`-noTSX`, `-IBRS`, `-IBPB`); nil for other names.
  static func nearest(_ name: String) -> String? {
    if own.contains(where: { $0.name == name }) { return nil }
    return levels.first { level in
      level.names.contains { known in
        guard name.hasPrefix(known) else { return false }
        let variant = name.dropFirst(known.count)
        return ["", "-noTSX", "-IBRS", "-IBPB", "-noTSX-IBRS"].contains(variant)
          || (variant.hasPrefix("-v") && UInt8(variant.dropFirst(2)) != nil)
      }
    }?.level
  }

  /// A feature by the name that Linux or QEMU gives it: `sse4.1`, `sse4-1` and `sse4_1` are one.
  static func feature(_ name: Substring) -> CPUFeature? {
    let plain = String(name.map { $0 == "." || $0 == "-" ? "_" : $0 })
    let aliases = [
      "clfsh": "clflush", "pni": "sse3", "lzcnt": "abm", "sha_ni": "sha", "3dnowprefetch": "prefetchw",
      "lahf_sahf": "lahf_lm", "xgetbv_1": "xgetbv1", "cmpxchg16b": "cx16", "cmpxchg8b": "cx8",
    ]
    let wanted = aliases[plain] ?? plain
    return CPUFeature.allCases.first { "\($0)" == wanted }
  }
}
