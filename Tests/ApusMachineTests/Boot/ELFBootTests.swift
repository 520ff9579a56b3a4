import ApusMachine
import Testing

/// Layouts are those of the System V gABI, Xen's "x86/HVM direct boot ABI" and the Multiboot Specification.
@Suite struct ELFBootTests {
  private let contents = (0..<6000).map { UInt8($0 % 249) }

  @Test(arguments: [false, true])
  func entersPVHKernels(wide: Bool) throws {
    let image = Image.elf(wide: wide, contents: contents, note: 0x10_0010)
    let modules = [initrd(Image.cpio()), BootModule(file: initrd([7]).file, commandLine: "second")]
    let booted = try Booted(.kernel(image, "root=none", modules))
    let (state, memory) = (booted.state, booted.memory)
    #expect(state.rip == 0x10_0010)
    #expect(state.cr0 == 0x11 && state.cr4 == 0 && state.rflags == 2)
    #expect(state.cs == .flatCode32(0x10) && state.ds == .flatData(0x18) && state.es == .flatData(0x18))
    #expect(state.tr.base == 0 && state.tr.limit == 0x67 && state.tr.access == 0x8B)
    #expect(memory.bytes(0x10_0000, contents.count) == contents)
    let start = state.registers[3]
    #expect(memory.integer(start) == UInt32(0x336E_C578))
    #expect(memory.integer(start + 4) == UInt32(1))
    #expect(memory.integer(start + 12) == UInt32(2))
    let list: UInt64 = memory.integer(start + 16)
    #expect(memory.text(memory.integer(start + 24)) == "root=none")
    #expect(memory.integer(start + 32) == UInt64(0xF_0000))
    let map: UInt64 = memory.integer(start + 40)
    #expect(memory.integer(start + 48) == UInt32(booted.map.regions.count))
    for (i, region) in booted.map.regions.enumerated() {
      let entry = map + 24 * UInt64(i)
      #expect(memory.integer(entry) == region.start && memory.integer(entry + 8) == region.size)
      #expect(memory.integer(entry + 16) == region.kind.rawValue)
    }
    let first: UInt64 = memory.integer(list)
    #expect(memory.integer(list + 8) == UInt64(Image.cpio().count))
    #expect(memory.bytes(first, Image.cpio().count) == Image.cpio())
    #expect(memory[memory.integer(list + 32)] == 7)
    #expect(memory.text(memory.integer(list + 48)) == "second")
  }

  @Test func zeroesTheBSS() throws {
    let map = try MemoryMap(ramSize: 8 << 20)
    let memory = SparseMemory(map)
    #expect(memory.write([UInt8](repeating: 0xAA, count: 0x5000), at: 0x10_0000))
    let image = Image.elf(wide: true, contents: contents, extra: 0x1000, note: 0x10_0000)
    _ = try BootSource.kernel(image).load(into: memory, map: map, acpiRSDP: 0)
    let end = 0x10_0000 + UInt64(contents.count)
    #expect(memory.bytes(end, 0x1000) == [UInt8](repeating: 0, count: 0x1000))
    #expect(memory[end + 0x1000] == 0xAA)
  }

  @Test func refusesELFWithoutNote() {
    let error = failure(.kernel(Image.elf(wide: true, contents: contents)))
    #expect(error?.field == "PT_NOTE")
    #expect(error?.message.contains("CONFIG_PVH") == true)
  }

  /// Bytes put at an offset of a good ELF64 image, and the field that must be named.
  @Test(
    arguments: [
      (4, [3], "EI_CLASS"), (5, [2], "EI_DATA"), (6, [0], "EI_VERSION"), (16, [1], "e_type"),
      (18, [0xB7], "e_machine"), (32, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "program headers"),
      (54, [55], "e_phentsize"), (56, [0, 0], "e_phnum"), (56, [0xFF, 0xFF], "e_phnum"),
      (64, [2], "e_phnum"), (72, [0xFF, 0xFF, 0xFF], "segment contents"),
      (79, [0xFF], "segment contents"), (88, [0, 0, 0], "p_paddr+"), (95, [0xFF], "p_paddr"),
      (90, [0xA], "p_paddr"), (103, [1], "p_filesz"), (111, [1], "p_paddr"),
      (104, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "p_paddr"), (104, [1, 0], "p_filesz"),
      (128, [0xFF, 0xFF, 0xFF], "notes"),
    ] as [(Int, [UInt8], String)])
  func refusesBadFields(offset: Int, bytes: [UInt8], field: String) {
    var image = Image.elf(wide: true, contents: contents, note: 0x10_0000)
    image.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    let error = failure(.kernel(image))
    if field == "p_paddr+" {
      // Address 0 is RAM; then the note points outside.
      #expect(error?.field == "XEN_ELFNOTE_PHYS32_ENTRY")
    } else {
      #expect(error?.field == field)
    }
  }

  @Test func refusesOverlappingSegments() {
    var image = Image.elf(wide: true, contents: contents, note: 0x10_0000)
    // The note's header becomes a second copy of the first.
    image.replaceSubrange(120..<176, with: image[64..<120])
    image.put(UInt16(2), at: 56)
    // Without a note the segments are never loaded, so a multiboot header makes it a kernel.
    image += Image.multibootHeader(0)
    #expect(image.count < 8192)
    #expect(failure(.kernel(image))?.field == "p_paddr")
  }
}

@Suite struct Multiboot1Tests {
  private let body = [UInt8](repeating: 0x90, count: 4000)

  @Test(arguments: [false, true])
  func entersELFKernels(wide: Bool) throws {
    let image = Image.elf(wide: wide, contents: Image.multibootHeader(3) + body, entry: 0xC010_0020)
    let module = BootModule(
      file: BootFile(role: "module 1", name: "mod.bin", bytes: [1, 2, 3]), commandLine: "x y")
    let booted = try Booted(.kernel(image, "verbose", [module]))
    let (state, memory) = (booted.state, booted.memory)
    // The entry point is virtual, the segment lies C0000000h lower.
    #expect(state.rip == 0x10_0020)
    #expect(state.registers[0] == 0x2BAD_B002)
    #expect(state.cr0 == 0x11 && state.rflags == 2)
    #expect(state.cs == .flatCode32(0x10))
    for data in [state.ds, state.es, state.fs, state.gs, state.ss] { #expect(data == .flatData(0x18)) }
    let table = state.registers[3]
    func word(_ at: UInt64) -> UInt64 { UInt64(memory.integer(at, UInt32.self)) }
    #expect(word(table) == 0x24D)
    #expect(word(table + 4) == 639)
    #expect(word(table + 8) == (64 << 10) - 1024 - 128)
    #expect(memory.text(word(table + 16)) == "vmlinuz verbose")
    #expect(word(table + 20) == 1)
    let list = word(table + 24)
    #expect(word(list) % 4096 == 0 && word(list + 4) - word(list) == 3)
    #expect(memory.bytes(word(list), 3) == [1, 2, 3])
    #expect(memory.text(word(list + 8)) == "mod.bin x y")
    #expect(memory.text(word(table + 64)) == "Apus")
    var entry = word(table + 48)
    let end = entry + word(table + 44)
    for region in booted.map.regions {
      #expect(word(entry) == 20)
      #expect(memory.integer(entry + 4) == region.start && memory.integer(entry + 12) == region.size)
      #expect(word(entry + 20) == UInt64(region.kind.rawValue))
      entry += 4 + word(entry)
    }
    #expect(entry == end)
  }

  /// header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; the header stands at file offset 64.
  private func kludge(_ addresses: [UInt32], flags: UInt32 = 0x1_0002) -> [UInt8] {
    [UInt8](repeating: 0xCC, count: 64) + Image.multibootHeader(flags, addresses) + body
  }

  @Test func loadsByTheHeadersAddresses() throws {
    let whole = kludge([0x20_0020, 0x20_0000, 0, 0, 0x20_0040])
    let booted = try Booted(.kernel(whole))
    #expect(booted.state.rip == 0x20_0040)
    // 32 bytes of the file stand before what load_addr names.
    #expect(booted.memory.bytes(0x20_0000, whole.count - 32) == Array(whole[32...]))
    let part = kludge([0x20_0040, 0x20_0000, 0x20_0100, 0x20_0200, 0x20_0000])
    let second = try Booted(.kernel(part))
    #expect(
      second.memory.bytes(0x20_0000, 0x200) == Array(part[..<0x100]) + [UInt8](repeating: 0, count: 0x100))
  }

  @Test(
    arguments: [
      ([0x20_0000, 0x20_0001, 0, 0, 0x20_0000], "load_addr"),
      ([0x20_0041, 0x20_0000, 0, 0, 0x20_0000], "load_addr"),
      ([0x20_0040, 0x20_0000, 0x20_0000, 0, 0x20_0000], "load_end_addr"),
      ([0x20_0040, 0x20_0000, 0x30_0000, 0, 0x20_0000], "contents up to load_end_addr"),
      ([0x20_0040, 0x20_0000, 0, 0x20_0001, 0x20_0000], "bss_end_addr"),
      ([0x20_0040, 0x20_0000, 0, 0xFFFF_FFFF, 0x20_0000], "load_addr"),
      ([0xFFFF_FFFF, 0xFFFF_FFFF, 0, 0, 0xFFFF_FFFF], "load_addr"),
      ([0x20_0040, 0x20_0000, 0, 0, 0x1F_FFFF], "entry_addr"),
    ] as [([UInt32], String)])
  func refusesBadAddresses(addresses: [UInt32], field: String) {
    #expect(failure(.kernel(kludge(addresses)))?.field == field)
  }

  @Test func treatsFlagsAsTheSpecificationAsks() throws {
    let addresses: [UInt32] = [0x20_0040, 0x20_0000, 0, 0, 0x20_0000]
    #expect(failure(.kernel(kludge(addresses, flags: 0x1_0008)))?.field == "flags")
    // Bits 16 to 31 are optional; bit 2 asks for a video mode, which there is not.
    let booted = try Booted(.kernel(kludge(addresses, flags: 0x8001_0004)))
    #expect(booted.state.notices.count == 1)
    // Without bit 16 the file must be ELF.
    #expect(failure(.kernel(kludge(addresses, flags: 0)))?.field == "flags")
  }
}
