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
    ("66 V0F.FC | VPADDB | Vx,Hx,Wx", "C5E9FC18", "vpaddb xmm3,xmm2,XMMWORD PTR [rax]"),
    ("66 V0F.FC | VPADDB | Vx,Hx,Wx", "C5E8FC18", ""),
    ("66 V0F.FC | VPADDB | Vx,Hx,Wx", "C5EDFCD9", "vpaddb ymm3,ymm2,ymm1"),
    ("66 V0F.FC | VPADDB | Vx,Hx,Wx", "C4416DFCD9", "vpaddb ymm11,ymm2,ymm9"),
    ("NP V0F.58 | VADDPS | Vps,Hps,Wps", "C5EC5818", "vaddps ymm3,ymm2,YMMWORD PTR [rax]"),
    ("F3 V0F.58 | VADDSS | Vss,Hss,Wss", "C5EA5818", "vaddss xmm3,xmm2,DWORD PTR [rax]"),
    ("F2 V0F.58 | VADDSD | Vsd,Hsd,Wsd", "C5EF5818", "vaddsd xmm3,xmm2,QWORD PTR [rax]"),
    ("66 V3A.4B | VBLENDVPD | Vx,Hx,Wx,Lx", "C4E36D4BD9F0", "vblendvpd ymm3,ymm2,ymm1,ymm15"),
    (
      "66 V3A.39 | VEXTRACTI128 | Wdq,Vqq,Ib", "C4E37D391801",
      "vextracti128 XMMWORD PTR [rax],ymm3,0x1"
    ),
    ("66 V38.5A | VBROADCASTI128 | Vqq,Mdq", "C4E27D5A18", "vbroadcasti128 ymm3,XMMWORD PTR [rax]"),
    ("66 V38.7A | VPBROADCASTW | Vx,Udq/Mw", "C4E27D7918", ""),
    ("66 V38.79 | VPBROADCASTW | Vx,Udq/Mw", "C4E27D7918", "vpbroadcastw ymm3,WORD PTR [rax]"),
    ("66 V38.79 | VPBROADCASTW | Vx,Udq/Mw", "C4E27D79D9", "vpbroadcastw ymm3,xmm1"),
    (
      "66 V38.90 | VPGATHERDD | Vx,Mvx,Hx", "C4E26D901C88",
      "vpgatherdd ymm3,DWORD PTR [rax+ymm1*4],ymm2"
    ),
    (
      "66 V38.90 | VPGATHERDQ | Vx,Mvdq,Hx", "C4A2ED901C88",
      "vpgatherdq ymm3,QWORD PTR [rax+xmm9*4],ymm2"
    ),
    (
      "66 V38.91 | VPGATHERQD | Vdq,Mvx,Hdq", "C4E26D911C88",
      "vpgatherqd xmm3,DWORD PTR [rax+ymm1*4],xmm2"
    ),
    (
      "66 V38.92 | VGATHERDPS | Vx,Mvx,Hx", "C4E269921C2011000000",
      "vgatherdps xmm3,DWORD PTR [rax+xmm4*1],xmm2"
    ),
    ("NP V0F.77 | VZEROUPPER | -", "C5F877", "vzeroupper"),
    ("NP V0F.50 | VMOVMSKPS | Gd,Ups", "C5FC50C1", "vmovmskps eax,ymm1"),
    ("66 V0F.6E | VMOVD | Vy,Ey", "C4E1F96EC1", "vmovq xmm0,rcx"),
    ("66 V0F.73/3 | VPSRLDQ | Hx,Ux,Ib", "C5ED73D905", "vpsrldq ymm2,ymm1,0x5"),
    ("NP V0F.C2 | VCMPPS | Vps,Hps,Wps,Ib", "C5ECC2D91E", "vcmpgt_oqps ymm3,ymm2,ymm1"),
    ("NP V0F.C2 | VCMPPS | Vps,Hps,Wps,Ib", "C5ECC2D920", "vcmpps ymm3,ymm2,ymm1,0x20"),
    ("F2 V0F.2A | VCVTSI2SD | Vsd,Hsd,Ey", "C4E1EB2AD9", "vcvtsi2sd xmm3,xmm2,rcx"),
  ])
  func vectorOperandCodes(row: String, hex: String, expected: String) throws {
    let isGather = row.contains("GATHER")
    let parsed = try #require(OpcodeRow("\(row) | - | - | \(isGather ? "vsib" : "")", defaultMap: "V0F"))
    let index = OpcodeIndex([parsed])
    let instruction = Disassembler.decode(bytes(hex), at: 0, mode: .code64, by: index)
    if expected.isEmpty {
      #expect(instruction.outcome == .undefined)
    } else {
      #expect(instruction.text() == expected)
    }
    if isGather {
      let registers = bytes(hex).prefix(4) + [0xC1]
      #expect(Disassembler.decode(registers, at: 0, mode: .code64, by: index).outcome == .undefined)
      let withoutSIB = bytes(hex).prefix(4) + [0x00]
      #expect(Disassembler.decode(withoutSIB, at: 0, mode: .code64, by: index).outcome == .undefined)
    }
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
