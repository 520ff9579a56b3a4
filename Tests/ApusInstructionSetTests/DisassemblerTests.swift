import ApusInstructionSet
import Testing

@Suite struct DisassemblerTests {
  typealias Mode = Disassembler.Mode

  private func decode(_ bytes: [UInt8], _ mode: Mode = .code64, at address: UInt64 = 0x1000) -> Instruction {
    Disassembler.decode(bytes, at: address, mode: mode)
  }

  // MARK: Lengths

  @Test func noBytesAreTruncated() {
    let none = decode([])
    #expect(none.outcome == .truncated && none.length == 1 && none.text() == "(bad)")
  }

  /// SDM Vol. 2, "Instruction Format": 15 bytes at most.
  @Test func fifteenBytesAreTheMost() {
    let prefixes = [UInt8](repeating: 0x2E, count: 13)
    let longest = decode(prefixes + [0x01, 0xC0])
    #expect(longest.outcome == .defined && longest.length == 15)
    #expect(decode(prefixes + [0x2E, 0x01, 0xC0]).outcome == .undefined)
    #expect(decode([UInt8](repeating: 0x66, count: 40)).outcome == .undefined)
    #expect(decode([UInt8](repeating: 0x66, count: 14)).outcome == .truncated)
  }

  // MARK: #UD

  /// SDM Vol. 2, "LOCK": which destinations may have it, and only in memory.
  @Test func lockIsForListedInstructionsWithMemory() {
    #expect(decode([0xF0, 0x01, 0x00]).text() == "lock add DWORD PTR [rax],eax")
    #expect(decode([0xF0, 0x01, 0xC0]).outcome == .undefined)
    #expect(decode([0xF0, 0x03, 0x00]).outcome == .undefined)
    #expect(decode([0xF0, 0x89, 0x00]).outcome == .undefined)
    #expect(decode([0xF0, 0x0F, 0xBA, 0x20, 0x01]).outcome == .undefined)
    #expect(decode([0xF0, 0x0F, 0xBA, 0x28, 0x01]).text() == "lock bts DWORD PTR [rax],0x1")
    #expect(decode([0xF0, 0x90]).outcome == .undefined)
  }

  @Test func encodingsOfOtherProcessorsAreUndefined() {
    #expect(decode([0x62, 0xF1, 0x7C, 0x48, 0x10, 0x06]).outcome == .undefined)
    #expect(decode([0x8F, 0xE9, 0x78, 0x01, 0x20, 0x00, 0x00]).outcome == .undefined)
    #expect(decode([0x0F, 0x0F, 0xC1, 0x9E]).outcome == .undefined)
    #expect(decode([0x06]).outcome == .undefined)
    #expect(decode([0x8E, 0xC8]).outcome == .undefined)
    #expect(decode([0x8C, 0xF0]).outcome == .undefined)
  }

  // MARK: VEX

  private static let andn: [UInt8] = [0xF2, 0xD8]

  /// SDM Vol. 2, "The VEX Prefix" and the notes of ANDN.
  @Test func vexPrefixesAreChecked() {
    #expect(decode([0xC4, 0xE2, 0x60] + Self.andn).text() == "andn ebx,ebx,eax")
    #expect(decode([0xC4, 0xE2, 0xE0] + Self.andn).text() == "andn rbx,rbx,rax")
    #expect(decode([0xC4, 0x42, 0x00] + Self.andn).text() == "andn r11d,r15d,r8d")
    #expect(decode([0xC4, 0xE2, 0x64] + Self.andn).outcome == .undefined, "VEX.L")
    #expect(decode([0xC4, 0xE2, 0x61] + Self.andn).outcome == .undefined, "VEX.pp")
    #expect(decode([0xC4, 0xFF, 0x60] + Self.andn).outcome == .undefined, "VEX.mmmmm")
    for prefix: UInt8 in [0x66, 0xF2, 0xF3, 0xF0, 0x48] {
      #expect(decode([prefix, 0xC4, 0xE2, 0x60] + Self.andn).outcome == .undefined)
    }
    #expect(decode([0x64, 0xC4, 0xE2, 0x60, 0xF2, 0x18]).text() == "andn ebx,ebx,DWORD PTR fs:[rax]")
    // RORX has no register in VEX.vvvv.
    #expect(decode([0xC4, 0xE3, 0x7B, 0xF0, 0xC1, 0x05]).text() == "rorx eax,ecx,0x5")
    #expect(decode([0xC4, 0xE3, 0x73, 0xF0, 0xC1, 0x05]).outcome == .undefined)
  }

  /// Outside 64-bit mode C4 and C5 with memory in the second byte are LES and LDS, VEX.W counts for nothing, and
  /// of VEX.vvvv three bits.
  @Test func vexOutside64BitMode() {
    #expect(decode([0xC4, 0x18], .code32).text() == "les ebx,FWORD PTR [eax]")
    #expect(decode([0xC5, 0x18], .code16).text() == "lds bx,DWORD PTR [bx+si]")
    #expect(decode([0xC4, 0xE2, 0xE0] + Self.andn, .code32).text() == "andn ebx,ebx,eax")
    #expect(decode([0xC4, 0xE2, 0x20] + Self.andn, .code32).text() == "andn ebx,ebx,eax")
  }

  /// Operand codes of AVX: expected texts are those of GNU objdump 2.40.
  @Test(arguments: [
    ("C5E9FC18", "vpaddb xmm3,xmm2,XMMWORD PTR [rax]"),
    ("C5EDFCD9", "vpaddb ymm3,ymm2,ymm1"),
    ("C4416DFCD9", "vpaddb ymm11,ymm2,ymm9"),
    ("C5EC5818", "vaddps ymm3,ymm2,YMMWORD PTR [rax]"),
    ("C5EA5818", "vaddss xmm3,xmm2,DWORD PTR [rax]"),
    ("C5EF5818", "vaddsd xmm3,xmm2,QWORD PTR [rax]"),
    ("C4E36D4BD9F0", "vblendvpd ymm3,ymm2,ymm1,ymm15"),
    ("C4E37D391801", "vextracti128 XMMWORD PTR [rax],ymm3,0x1"),
    ("C4E27D5A18", "vbroadcasti128 ymm3,XMMWORD PTR [rax]"),
    ("C4E27D7918", "vpbroadcastw ymm3,WORD PTR [rax]"),
    ("C4E27D79D9", "vpbroadcastw ymm3,xmm1"),
    ("C4E26D901C88", "vpgatherdd ymm3,DWORD PTR [rax+ymm1*4],ymm2"),
    ("C4A2ED901C88", "vpgatherdq ymm3,QWORD PTR [rax+xmm9*4],ymm2"),
    ("C4E26D911C88", "vpgatherqd xmm3,DWORD PTR [rax+ymm1*4],xmm2"),
    ("C4E269921C2011000000", "vgatherdps xmm3,DWORD PTR [rax+xmm4*1],xmm2"),
    ("C5F877", "vzeroupper"),
    ("C5FC50C1", "vmovmskps eax,ymm1"),
    ("C4E1F96EC1", "vmovq xmm0,rcx"),
    ("C5ED73D905", "vpsrldq ymm2,ymm1,0x5"),
    ("C5ECC2D91E", "vcmpgt_oqps ymm3,ymm2,ymm1"),
    ("C5ECC2D920", "vcmpps ymm3,ymm2,ymm1,0x20"),
    ("C4E1EB2AD9", "vcvtsi2sd xmm3,xmm2,rcx"),
  ])
  func vectorOperandCodes(hex: String, expected: String) {
    #expect(decode(bytes(hex)).text() == expected)
  }

  /// SDM Vol. 2, "Vector SIB (VSIB) Memory Addressing": #UD without SIB, and with a 16-bit address.
  @Test func gathersNeedSIB() {
    #expect(decode(bytes("C4E26D901C88")).outcome == .defined)
    #expect(decode(bytes("C4E26D90C1")).outcome == .undefined)
    // ymm3, ymm1 * 4, mask ymm3; mask ymm1; destination ymm1.
    for code in ["C4E265901C88", "C4E275901C88", "C4E26D900C88"] {
      #expect(decode(bytes(code)).outcome == .undefined)
    }
    #expect(decode(bytes("C4E26D9000")).outcome == .undefined)
    #expect(decode(bytes("67C4E26D901C88"), .code32).outcome == .undefined)
  }

  /// SDM Vol. 1 and AMD APM Vol. 3, "Near Branches in 64-Bit Mode".
  @Test func operandSizeOfNearBranches() {
    let jump = bytes("66E9 1000 0000")
    let amd = Disassembler.decode(jump, at: 0x1_0000, mode: .code64, vendor: .amd)
    #expect(amd.length == 4 && amd.target == 0x14 && amd.text() == "jmpw 0x14")
    let intel = Disassembler.decode(jump, at: 0x1_0000, mode: .code64, vendor: .intel)
    #expect(intel.length == 6 && intel.target == 0x1_0016 && intel.text() == "data16 jmp 0x10016")
    #expect(Disassembler.decode(bytes("66C3"), at: 0, mode: .code64, vendor: .amd).text() == "retw")
    #expect(
      Disassembler.decode(bytes("66FF10"), at: 0, mode: .code64, vendor: .intel).text()
        == "data16 call QWORD PTR [rax]")
  }

  // MARK: Values

  @Test func targetsWrapAtTheOperandSize() {
    #expect(decode([0xEB, 0xFE], at: 0xFFFF_FFFF_8000_0000).target == 0xFFFF_FFFF_8000_0000)
    #expect(decode([0xE8, 0xFB, 0xFF, 0xFF, 0xFF], .code32, at: 0).target == 0)
    #expect(decode([0xE9, 0xF0, 0xFF], .code16, at: 0).target == 0xFFF3)
    #expect(decode([0xEB, 0x10], .code16, at: 0xF_FFF0).target == 0xF_0002)
    #expect(decode([0x66, 0xEB, 0x10], .code32, at: 0x1_0000).target == 0x13)
    #expect(decode([0x90]).target == nil)
  }

  @Test func relativeAddressesCountFromTheEnd() {
    let load = decode([0x48, 0x8B, 0x05, 0x10, 0x00, 0x00, 0x00], at: 0x40_0000)
    #expect(load.relativeAddress == 0x40_0017)
    let store = decode([0x67, 0xC7, 0x05, 0, 0, 0, 0x80, 1, 0, 0, 0], at: 0)
    #expect(store.relativeAddress == 0x8000_000B)
    #expect(decode([0x8B, 0x00]).relativeAddress == nil)
  }

  @Test func facts() {
    let instruction = decode([0xF0, 0x48, 0x0F, 0xB1, 0x0B])
    #expect(instruction.mnemonic == "cmpxchg" && instruction.prefixes == ["lock"])
    #expect(instruction.operandBytes == 8 && instruction.length == 5)
    guard case .memory(let memory)? = instruction.operands.first else {
      Issue.record("no memory operand")
      return
    }
    #expect(memory.bytes == 8 && memory.base?.name == "rbx" && memory.index == nil)
  }
}

/// Bytes of hexadecimal digits.
func bytes(_ hex: String) -> [UInt8] {
  var bytes: [UInt8] = []
  var digits = hex.filter { $0 != " " }[...]
  while let byte = UInt8(digits.prefix(2), radix: 16), !digits.isEmpty {
    bytes.append(byte)
    digits = digits.dropFirst(2)
  }
  return bytes
}
