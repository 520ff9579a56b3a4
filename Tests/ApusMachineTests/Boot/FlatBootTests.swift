import ApusMachine
import Testing

@Suite struct FlatBootTests {
  private func flat(_ bytes: [UInt8], _ address: UInt64, _ entry: UInt64? = nil) -> BootSource {
    .flat(BootFile(role: "kernel", name: "a.bin", bytes: bytes), address: address, entry: entry)
  }

  @Test(
    arguments: [
      (0x0, 0, 0), (0x7C00, 0, 0x7C00), (0xFFFF, 0, 0xFFFF), (0x1_0000, 0x1000, 0), (0x8_1239, 0x8123, 9),
    ] as [(UInt64, UInt16, UInt64)])
  func startsLowProgramsInRealMode(address: UInt64, selector: UInt16, offset: UInt64) throws {
    let booted = try Booted(flat([0xF4, 1, 2, 3], address))
    let state = booted.state
    #expect(state.cr0 & 1 == 0 && state.rflags == 2)
    #expect(state.cs.selector == selector && state.cs.base == UInt64(selector) * 16)
    #expect(state.rip == offset)
    #expect(state.ds.selector == selector && state.ds.limit == 0xFFFF)
    #expect(booted.memory.bytes(address, 4) == [0xF4, 1, 2, 3])
  }

  @Test func startsHighProgramsInProtectedMode() throws {
    let state = try Booted(flat([0xF4, 1, 2, 3], 0x20_0000, 0x20_0002)).state
    #expect(state.cr0 == 0x11 && state.rip == 0x20_0002)
    #expect(state.cs == .flatCode32(0x10) && state.ss == .flatData(0x18))
  }

  @Test func refusesPlacesThatAreNotRAM() {
    let addresses: [UInt64] = [
      0x9_FBFD, 0xA_0000, 0xF_FFF0, 0xF_FFFF, (64 << 20) - 2, 0xFFFF_FFF0, 1 << 33, .max,
    ]
    for address in addresses { #expect(failure(flat([1, 2, 3, 4], address))?.field == "load address") }
    #expect(failure(flat([1, 2, 3, 4], 0x20_0000, 0x20_0004))?.field == "entry address")
    #expect(failure(flat([1, 2, 3, 4], 0x20_0000, 0))?.field == "entry address")
    #expect(failure(flat([], 0x7C00))?.field == "size")
  }

  /// Runs the report code by hand: the jumps must land on the marked instructions.
  @Test func reportsBIOSCallsByText() throws {
    let memory = try Booted(flat([0xF4], 0x7C00)).memory
    // INT 10h leads there, in the extended BIOS data area.
    #expect(memory.integer(0x40, UInt16.self) == 0x10 && memory.integer(0x42, UInt16.self) == 0x9FC0)
    let base: UInt64 = 0x9FC00
    let code = base + 0x10
    #expect(memory[code + 2] == 0xBE)
    let text = memory.text(base + UInt64(memory.integer(code + 3, UInt16.self)))
    #expect(text.contains("no BIOS"))
    // JZ at 9 to HLT; JMP at 17 back to CS LODSB at 5; JMP at 20 back to HLT at 19.
    #expect(memory.bytes(code + 5, 2) == [0x2E, 0xAC])
    #expect(memory[code + 9] == 0x74 && memory[code + 11 + UInt64(memory[code + 10])] == 0xF4)
    #expect(memory[code + 17] == 0xEB && 19 + Int(Int8(bitPattern: memory[code + 18])) == 5)
    #expect(memory[code + 20] == 0xEB && 22 + Int(Int8(bitPattern: memory[code + 21])) == 19)
  }
}

@Suite struct ImageKindTests {
  private func kind(_ bytes: [UInt8]) -> ImageKind {
    ImageKind(of: BootFile(role: "kernel", name: "k", bytes: bytes))
  }

  @Test func tellsFormatsApart() {
    #expect(kind(Image.linux()) == .linux)
    #expect(kind(Image.elf(wide: true, contents: [1])) == .elf)
    let header = Image.multibootHeader(0)
    #expect(kind([UInt8](repeating: 0, count: 8180) + header) == .multiboot1(headerOffset: 8180))
    // Beyond 8192 bytes, unaligned, or with a wrong checksum it is none.
    for bytes in [
      [UInt8](repeating: 0, count: 8184) + header, [0] + header, Array(header[..<11]) + [0],
    ] {
      guard case .unknown = kind(bytes) else {
        Issue.record("taken for a kernel")
        continue
      }
    }
  }

  @Test func namesWhatItKnows() {
    for (bytes, text) in [
      ([0x1F, 0x8B, 8], "gzip"), (Array("070701".utf8), "cpio"), ([0x4D, 0x5A], "EFI"),
      ([1, 2], "bytes 01 02"),
    ] as [([UInt8], String)] {
      #expect(failure(.kernel(bytes))?.found.contains(text) == true)
    }
  }
}
