import ApusInstructionSet

extension OpcodeRow {
  /// Whether the row is #UD unless XCR0 enables AVX state: all with VEX but those on general registers.
  var needsAVXState: Bool { map.isVEX && !operands.contains { $0.hasPrefix("G") || $0.hasPrefix("B") } }
}

extension HostFeatures {
  /// What of a row the processor lacks, or nil.
  func missing(_ row: OpcodeRow) -> String? {
    for requirement in Self.requirements where requirement.applies(row) && !requirement.isMet(self) {
      return "this processor lacks \(requirement.name)"
    }
    return nil
  }

  private struct Requirement: Sendable {
    let name: String
    let isMet: @Sendable (HostFeatures) -> Bool
    let applies: @Sendable (OpcodeRow) -> Bool
  }

  /// CPUID features by the rows that need them (SDM Vol. 2, "CPUID Feature Flag" in the opcode tables).
  private static let requirements: [Requirement] = {
    func named(_ mnemonics: String...) -> @Sendable (OpcodeRow) -> Bool {
      let set = Set(mnemonics)
      return { set.contains($0.mnemonic) }
    }
    func containing(_ texts: String...) -> @Sendable (OpcodeRow) -> Bool {
      { row in texts.contains { row.mnemonic.contains($0) } }
    }
    func basic(_ bit: UInt32) -> @Sendable (HostFeatures) -> Bool { { $0.basic >> bit & 1 != 0 } }
    func structured(_ bit: UInt32) -> @Sendable (HostFeatures) -> Bool { { $0.structured >> bit & 1 != 0 } }
    func structured2(_ bit: UInt32) -> @Sendable (HostFeatures) -> Bool { { $0.structured2 >> bit & 1 != 0 } }
    let isVector: @Sendable (OpcodeRow) -> Bool = { $0.needsAVXState }
    return [
      Requirement(
        name: "AVX, or its kernel does not enable it", isMet: { $0.xcr0 & 4 != 0 }, applies: isVector),
      // 256-bit integers came with it; a processor with AVX alone has only the 128-bit ones.
      Requirement(
        name: "AVX2", isMet: structured(5),
        applies: { isVector($0) && ($0.mnemonic.hasPrefix("VP") || $0.mnemonic.hasPrefix("VGATHER")) }),
      Requirement(
        name: "VAES", isMet: structured2(9), applies: { isVector($0) && $0.mnemonic.contains("AES") }),
      Requirement(
        name: "VPCLMULQDQ", isMet: structured2(10), applies: { isVector($0) && $0.mnemonic.contains("CLMUL") }
      ),
      Requirement(name: "GFNI", isMet: structured2(8), applies: containing("GF2P8")),
      Requirement(
        name: "SERIALIZE", isMet: { $0.structured3 >> 14 & 1 != 0 }, applies: named("SERIALIZE")),
      Requirement(name: "SHA", isMet: structured(29), applies: containing("SHA1", "SHA256")),
      Requirement(name: "AES", isMet: basic(25), applies: containing("AES")),
      Requirement(name: "PCLMULQDQ", isMet: basic(1), applies: containing("CLMUL")),
      Requirement(name: "FMA", isMet: basic(12), applies: containing("VFM", "VFNM")),
      Requirement(name: "F16C", isMet: basic(29), applies: named("VCVTPH2PS", "VCVTPS2PH")),
      Requirement(name: "ADX", isMet: structured(19), applies: named("ADCX", "ADOX")),
      Requirement(name: "MOVBE", isMet: basic(22), applies: named("MOVBE")),
      Requirement(name: "POPCNT", isMet: basic(23), applies: named("POPCNT")),
      Requirement(name: "ABM", isMet: { $0.extended >> 5 & 1 != 0 }, applies: named("LZCNT")),
      Requirement(
        name: "BMI1", isMet: structured(3), applies: named("ANDN", "BLSR", "BLSMSK", "BLSI", "BEXTR", "TZCNT")
      ),
      Requirement(
        name: "BMI2", isMet: structured(8),
        applies: named("BZHI", "PEXT", "PDEP", "MULX", "SHLX", "SARX", "SHRX", "RORX")),
      Requirement(name: "CLFLUSHOPT", isMet: structured(23), applies: named("CLFLUSHOPT")),
      Requirement(name: "CLWB", isMet: structured(24), applies: named("CLWB")),
      Requirement(name: "SSE4.2", isMet: basic(20), applies: named("CRC32", "PCMPGTQ")),
      Requirement(
        name: "AMD's way to know which components are in use", isMet: { $0.isAMD },
        applies: named("XSAVE", "XSAVEOPT", "XSAVEC")),
    ]
  }()
}
