import ApusInstructionSet

/// An instruction about which another disassembler says something else.
struct Difference: CustomStringConvertible {
  var tool: ReferenceDisassembler
  var mode: Disassembler.Mode
  /// All that followed, not only the instruction.
  var bytes: [UInt8]
  var theirs: ReferenceDisassembler.Listed
  var ours: Instruction

  var description: String {
    let hex = bytes.prefix(15).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return "\(tool.rawValue) \(mode) \(hex): '\(theirs.text)' (\(theirs.bytes.count)), "
      + "Apus '\(ours.text())' (\(ours.length))"
  }

  /// Mnemonic without prefixes; a lone prefix is its own.
  var theirName: String { Self.name(theirs.text) }
  var ourName: String { ours.mnemonic }
  var isOursUndefined: Bool { ours.outcome != .defined }
  var isTheirsUndefined: Bool { theirs.text.contains("(bad)") || theirs.text.contains("<unknown>") }

  private static let prefixes: Set<Substring> = [
    "lock", "rep", "repe", "repz", "repnz", "repne", "data16", "data32", "addr32", "addr16", "cs", "ds", "es",
    "ss", "fs", "gs", "bnd", "notrack", "xacquire", "xrelease", "rex64",
  ]

  static func name(_ text: String) -> String {
    let words = text.split(separator: " ")
    let word = words.first { !prefixes.contains($0) && !$0.hasPrefix("rex.") && $0 != "rex" }
    return String(word ?? words.first ?? "")
  }

  /// The bytes after all legacy and REX prefixes.
  var code: ArraySlice<UInt8> { bytes.drop { isPrefix($0) } }

  func isPrefix(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x26, 0x2E, 0x36, 0x3E, 0x64...0x67, 0xF0, 0xF2, 0xF3: return true
    case 0x40...0x4F: return mode == .code64
    default: return false
    }
  }

  var prefixBytes: ArraySlice<UInt8> { bytes[..<code.startIndex] }

  /// The opcode byte behind 0Fh.
  var second: UInt8? { code.first == 0x0F ? code.dropFirst().first : nil }

  /// The same instruction without 66h, F2h and F3h.
  var withoutMandatory: Instruction {
    let prefixes = prefixBytes.filter { $0 != 0x66 && $0 != 0xF2 && $0 != 0xF3 }
    return Disassembler.decode(prefixes + code, at: 0, mode: mode)
  }
}

/// Why two disassemblers may say different things about the same bytes.
struct KnownDifference: Sendable {
  let reason: String
  let applies: @Sendable (Difference) -> Bool

  init(_ reason: String, _ applies: @escaping @Sendable (Difference) -> Bool) {
    self.reason = reason
    self.applies = applies
  }

  /// Differences in length or mnemonic.
  static let all: [KnownDifference] = processor + aliases + spelling

  /// Where Apus, like its processor, has no such instruction.
  private static let processor: [KnownDifference] = [
    KnownDifference("LOCK is #UD but for a list of instructions, with memory") {
      $0.isOursUndefined && $0.prefixBytes.contains(0xF0)
    },
    KnownDifference("segment registers 6 and 7, and loading CS, are #UD") {
      $0.isOursUndefined && ($0.code.first == 0x8C || $0.code.first == 0x8E)
    },
    KnownDifference("EVEX") { $0.isOursUndefined && $0.code.first == 0x62 },
    KnownDifference("XOP") { $0.isOursUndefined && $0.code.first == 0x8F },
    KnownDifference("3DNow!") { $0.isOursUndefined && ($0.second == 0x0F || $0.second == 0x0E) },
    KnownDifference("VEX instructions that the maps do not have") {
      $0.isOursUndefined && ($0.code.first == 0xC4 || $0.code.first == 0xC5)
    },
    KnownDifference("NP: with 66h, F2h or F3h the SDM has another instruction or none") {
      $0.isOursUndefined && $0.withoutMandatory.row?.prefix == OpcodeRow.MandatoryPrefix.none
    },
    KnownDifference("64-bit mode only") {
      $0.isOursUndefined && $0.mode != .code64
        && Disassembler.decode($0.bytes, at: 0, mode: .code64).row?.options.contains("o64") == true
    },
    KnownDifference("gathers whose registers are not all different are #UD") {
      $0.isOursUndefined && $0.theirName.contains("gather")
    },
    KnownDifference("TSX: XABORT, XBEGIN, XEND, XTEST") {
      $0.isOursUndefined && $0.theirName.hasPrefix("x")
        && ["xabort", "xbegin", "xend", "xtest"].contains($0.theirName)
    },
    KnownDifference("instructions of features that the processor does not have") {
      $0.isOursUndefined && others.contains($0.theirName)
    },
    KnownDifference("test registers, which the 80386 and 80486 had") {
      $0.isOursUndefined && ($0.second == 0x24 || $0.second == 0x26)
    },
    KnownDifference("more than 15 bytes") { $0.isOursUndefined && $0.prefixBytes.count >= 13 },
  ]

  private static let others: Set<String> = [
    // VMX, SVM, SEV.
    "vmread", "vmwrite", "vmcall", "vmlaunch", "vmresume", "vmxoff", "vmxon", "vmptrld", "vmptrst", "vmclear",
    "vmfunc", "invept", "invvpid", "vmrun", "vmmcall", "vmload", "vmsave", "stgi", "clgi", "skinit",
    "invlpga",
    "vmgexit", "pvalidate", "rmpadjust", "rmpupdate", "psmash", "invlpgb", "tlbsync",
    // SMX, SGX, TDX, CET, user interrupts.
    "getsec", "encls", "enclu", "enclv", "seamcall", "seamret", "seamops", "tdcall", "incsspd", "incsspq",
    "saveprevssp", "rstorssp", "wrssd", "wrssq", "wrussd", "wrussq", "setssbsy", "clrssbsy", "clui", "stui",
    "uiret", "testui", "senduipi",
    // SSE4a, GFNI, Key Locker, PadLock, RAO-INT.
    "extrq", "insertq", "movntss", "movntsd", "gf2p8mulb", "gf2p8affineqb", "gf2p8affineinvqb", "loadiwkey",
    "encodekey128", "encodekey256", "aesenc128kl", "aesdec128kl", "aesenc256kl", "aesdec256kl",
    "aesencwide128kl",
    "aesdecwide128kl", "aesencwide256kl", "aesdecwide256kl", "xstore-rng", "xstore", "xcrypt-ecb",
    "xcrypt-cbc",
    "xcrypt-ctr", "xcrypt-cfb", "xcrypt-ofb", "xcryptecb", "xcryptcbc", "xcryptctr", "xcryptcfb", "xcryptofb",
    "montmul", "xsha1", "xsha256", "aadd", "aand", "aor", "axor",
    // Small ones.
    "movdiri", "movdir64b", "enqcmd", "enqcmds", "rdpkru", "wrpkru", "umonitor", "umwait", "tpause",
    "serialize",
    "mcommit", "clzero", "monitorx", "mwaitx", "rdpru", "ptwrite", "clwb", "pconfig", "hreset", "xsusldtrk",
    "xresldtrk", "wrmsrns", "rdmsrlist", "wrmsrlist", "frstpm(287", "frstpm",
  ]

  private static let x87Aliases: Set<String> = [
    "fstp1", "fcom2", "fcomp3", "fxch4", "fcomp5", "fxch7", "fstp8", "fstp9",
  ]

  /// What processors execute although others do not list it.
  private static let aliases: [KnownDifference] = [
    KnownDifference("x87 encodings that no manual lists") {
      $0.isTheirsUndefined && x87Aliases.contains($0.ourName)
    },
    KnownDifference("8087 and 80287 instructions, no operations since") {
      ["feni", "fdisi", "fsetpm"].contains($0.ourName)
    },
    KnownDifference("encodings that processors execute: SALC, INT1, SHL /6, TEST /1, UD0") {
      $0.isTheirsUndefined && ["salc", "int1", "shl", "test", "ud0", "ud1"].contains($0.ourName)
    },
    KnownDifference("0F 0D and 0F 18 to 0F 1F are hints, whatever was made of them since") {
      guard let second = $0.second, !$0.isOursUndefined else { return false }
      return second == 0x0D || 0x18...0x1F ~= second
    },
    KnownDifference("fences whatever ModRM.rm says") {
      $0.isTheirsUndefined && ["lfence", "mfence", "sfence"].contains($0.ourName)
    },
    KnownDifference("moves to and from control and debug registers whatever ModRM.mod says") {
      guard let second = $0.second, 0x20...0x23 ~= second else { return false }
      return $0.ourName == "mov" && $0.code.count > 2 && $0.code[$0.code.startIndex + 2] < 0xC0
    },
    KnownDifference("WBINVD, BSF and BSR with a prefix that has no meaning there") {
      ["wbinvd", "bsf", "bsr"].contains($0.ourName) && ($0.isTheirsUndefined || $0.theirName == "wbnoinvd")
    },
  ]

  /// Differences of how things are told.
  private static let spelling: [KnownDifference] = [
    KnownDifference("a prefix before REX or another prefix is shown as an instruction") {
      $0.theirs.bytes.allSatisfy($0.isPrefix)
    },
    KnownDifference("REX before another prefix is shown as an instruction") {
      $0.mode == .code64 && $0.theirs.text.split(separator: " ").last?.hasPrefix("rex") == true
    },
    KnownDifference("FWAIT is taken for a prefix") { $0.code.first == 0x9B },
    KnownDifference("a PCLMULQDQ pseudo-op whose other bits are not zero") {
      $0.ourName == "pclmulqdq" && $0.theirName.hasPrefix("pclmul")
    },
    KnownDifference("66h with REX.W before a near branch, which then is one of 16 bits on AMD's processors") {
      $0.mode == .code64 && $0.prefixBytes.contains(0x66) && $0.ours.row?.options.contains("f64") == true
    },
    KnownDifference("66h with REX.W before 90h") { $0.code.first == 0x90 },
    KnownDifference("PCMPESTRx with REX.W has a suffix") {
      $0.theirName.hasPrefix("pcmpestr") && $0.theirName.hasPrefix($0.ourName)
    },
    KnownDifference("66h with REX.W before FLDENV, FNSTENV, FNSAVE, FRSTOR") {
      $0.theirName == $0.ourName + "w" && $0.theirName.hasPrefix("f")
    },
    KnownDifference("the size of the base in SGDT and so on") { $0.theirName.dropLast() == $0.ourName },
  ]
}
