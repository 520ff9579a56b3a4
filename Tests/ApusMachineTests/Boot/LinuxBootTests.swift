import ApusMachine
import Foundation
import Testing

/// Offsets and values are those of Linux Documentation/arch/x86/boot.rst and zero-page.rst.
@Suite struct LinuxBootTests {
  /// The physical address that 4-level paging gives `linear` (SDM Vol. 3A, "4-Level Paging"), 2 MiB pages.
  private func walk(_ booted: Booted, _ linear: UInt64) -> UInt64? {
    var table = booted.state.cr3
    for level in [39, 30, 21] as [UInt64] {
      let entry: UInt64 = booted.memory.integer(table + (linear >> level & 0x1FF) * 8)
      guard entry & 3 == 3 else { return nil }
      if level == 21 { return entry & 0x80 == 0 ? nil : (entry & ~0x1F_FFFF) | (linear & 0x1F_FFFF) }
      guard entry & 0x80 == 0 else { return nil }
      table = entry & ~0xFFF
    }
    return nil
  }

  @Test func entersAt64BitEntryPoint() throws {
    let image = Image.linux()
    let booted = try Booted(.kernel(image, "console=ttyS0 quiet"))
    let (state, memory) = (booted.state, booted.memory)
    #expect(state.rip == 0x10_0200)
    #expect(state.cr0 == 0x8000_0011 && state.cr4 == 0x20 && state.efer == 0x500 && state.rflags == 2)
    #expect(state.cs.selector == 0x10)
    for data in [state.ds, state.es, state.ss] { #expect(data.selector == 0x18) }
    // 64-bit code and flat data, as SDM Vol. 3A, "Segment Descriptors", lays them out.
    #expect(memory.integer(state.gdtr.base + 0x10) == UInt64(0x00AF_9B00_0000_FFFF))
    #expect(memory.integer(state.gdtr.base + 0x18) == UInt64(0x00CF_9300_0000_FFFF))
    #expect(state.gdtr.limit >= 0x1F)
    #expect(memory.bytes(0x10_0000, 0x2000) == Array(image[0xA00...]))
    for linear in [0, 0x10_0200, 0x7FFF_FFFF, 0xFFFF_FFFF] as [UInt64] {
      #expect(walk(booted, linear) == linear)
    }
    #expect(walk(booted, 0x1_0000_0000) == nil)
  }

  @Test func fillsTheZeroPage() throws {
    var image = Image.linux()
    image.put(UInt64(0x1234), at: 0x250)
    let booted = try Booted(.kernel(image, "console=ttyS0 quiet", [initrd(Image.cpio())]))
    let memory = booted.memory
    let page = booted.state.registers[6]
    #expect(page % 4096 == 0)
    #expect(memory.integer(page + 0x70) == UInt64(0xF_0000))
    #expect(memory.bytes(page, 0x40) == [UInt8](repeating: 0, count: 0x40))
    #expect(memory[page + 0x1EF] == 0)
    #expect(memory.integer(page + 0x1FE) == UInt16(0xAA55))
    #expect(memory.text(page + 0x202).hasPrefix("HdrS"))
    #expect(memory[page + 0x210] == 0xFF)
    #expect(memory[page + 0x211] & 1 == 1)
    #expect(memory.integer(page + 0x214) == UInt32(0x10_0000))
    #expect(memory.text(UInt64(memory.integer(page + 0x228, UInt32.self))) == "console=ttyS0 quiet")
    #expect(memory.integer(page + 0x250) == UInt64(0))
    #expect(Int(memory[page + 0x1E8]) == booted.map.regions.count)
    for (i, region) in booted.map.regions.enumerated() {
      let entry = page + 0x2D0 + 20 * UInt64(i)
      #expect(memory.integer(entry) == region.start)
      #expect(memory.integer(entry + 8) == region.size)
      #expect(memory.integer(entry + 16) == region.kind.rawValue)
    }
    let start = UInt64(memory.integer(page + 0x218, UInt32.self))
    let size = Int(memory.integer(page + 0x21C, UInt32.self))
    #expect(start % 4096 == 0 && size == Image.cpio().count)
    #expect(memory.bytes(start, size) == Image.cpio())
    #expect(start + UInt64(size) > booted.map.extendedRAMEnd - 8192)
  }

  @Test func enters32BitKernelsInProtectedMode() throws {
    for version in [0x0202, 0x0203, 0x0204, 0x0205, 0x0206, 0x020A, 0x020C] as [UInt16] {
      let booted = try Booted(.kernel(Image.linux(version: version, has64BitEntry: false), "a=b"))
      let state = booted.state
      #expect(state.rip == 0x10_0000)
      #expect(state.cr0 == 0x11 && state.cr4 == 0 && state.efer == 0 && state.rflags == 2)
      #expect(state.cs == .flatCode32(0x10) && state.ds == .flatData(0x18) && state.ss == .flatData(0x18))
      #expect(booted.memory.integer(state.gdtr.base + 0x10) == UInt64(0x00CF_9B00_0000_FFFF))
      for index in [3, 5, 7] { #expect(state.registers[index] == 0) }
      let text = UInt64(booted.memory.integer(state.registers[6] + 0x228, UInt32.self))
      #expect(booted.memory.text(text) == "a=b")
    }
  }

  @Test func loadsWhereTheKernelPrefers() throws {
    #expect(try Booted(.kernel(Image.linux(prefAddress: 0x100_0000))).state.rip == 0x100_0200)
    // Aligned up to kernel_alignment.
    #expect(try Booted(.kernel(Image.linux(prefAddress: 0x100_0001))).state.rip == 0x100_1200)
    // One that cannot be relocated moves itself; it is loaded at 1 MiB.
    let fixed = Image.linux(prefAddress: 0x100_0000, isRelocatable: false)
    #expect(try Booted(.kernel(fixed)).state.rip == 0x10_0200)
  }

  @Test func placesTheInitrdBelowItsLimit() throws {
    var image = Image.linux()
    image.put(UInt32(0x1FF_FFFF), at: 0x22C)
    let booted = try Booted(.kernel(image, "", [initrd(Image.cpio())]))
    let start = booted.memory.integer(booted.state.registers[6] + 0x218, UInt32.self)
    #expect(start == 0x1FF_E000)
    image.put(UInt32(0x10_9000), at: 0x22C)
    #expect(failure(.kernel(image, "", [initrd(Image.cpio())]))?.role == "initrd")
  }

  @Test func readsZeroSetupSectorsAsFour() throws {
    var image = Image.linux()
    image.put(UInt8(0), at: 0x1F1)
    #expect(try Booted(.kernel(image)).memory.bytes(0x10_0000, 4) == [0, 1, 2, 3])
  }

  /// Bytes put at an offset of a good image, and the field that must be named.
  @Test(
    arguments: [
      (0x1FE, [0, 0], "boot_flag"), (0x206, [0x01, 0x02], "version"), (0x206, [0, 3], "version"),
      (0x211, [0], "loadflags"), (0x1F1, [64], "setup_sects"), (0x1F4, [0, 0, 1, 0], "syssize"),
      (0x1F4, [0, 0, 0, 0], "syssize"), (0x1F4, [0xFF, 0xFF, 0xFF, 0xFF], "syssize"),
      (0x230, [0, 0, 0, 0], "kernel_alignment"), (0x230, [3, 0, 0, 0], "kernel_alignment"),
      (0x24C, [0xFF, 0xFF, 0xFF, 0xFF], "payload_length"), (0x25C, [1], "pref_address"),
      (0x258, [0, 0, 0, 0], "pref_address"),
      (0x258, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "pref_address"),
      (0x260, [0, 0, 0, 4], "init_size"), (0x260, [0xFF, 0xFF, 0xFF, 0xFF], "init_size"),
    ] as [(Int, [UInt8], String)])
  func refusesBadFields(offset: Int, bytes: [UInt8], field: String) {
    var image = Image.linux()
    image.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    if field == "pref_address" && bytes == [0, 0, 0, 0] {
      // Zero means no preference.
      #expect(failure(.kernel(image)) == nil)
      return
    }
    let error = failure(.kernel(image))
    #expect(error?.field == field)
    #expect(error?.role == "kernel" && error?.name == "vmlinuz" && error?.offset != nil)
  }

  @Test func refusesAKernelThatNeedsMoreMemory() {
    let image = Image.linux(initSize: 8 << 20)
    #expect(failure(.kernel(image), ramSize: 8 << 20)?.field == "init_size")
    #expect(failure(.kernel(image), ramSize: 16 << 20) == nil)
  }

  @Test func refusesBadCommandLines() {
    #expect(failure(.kernel(Image.linux(), String(repeating: "x", count: 2047))) == nil)
    #expect(failure(.kernel(Image.linux(), String(repeating: "x", count: 2048)))?.role == "command line")
    #expect(failure(.kernel(Image.linux(), "a\0b"))?.role == "command line")
    var huge = Image.linux()
    huge.put(UInt32.max, at: 0x238)
    #expect(failure(.kernel(huge, String(repeating: "x", count: 65536)))?.role == "command line")
    #expect(failure(.kernel(huge, String(repeating: "x", count: 65535))) == nil)
  }

  @Test func refusesBadInitrds() {
    #expect(failure(.kernel(Image.linux(), "", [initrd([])]))?.role == "initrd")
    let two = [initrd(Image.cpio()), initrd(Image.cpio())]
    #expect(failure(.kernel(Image.linux(), "", two))?.role == "modules")
    let large = [UInt8](repeating: 0x1F, count: 4 << 20)
    #expect(failure(.kernel(Image.linux(), "", [initrd(large)]), ramSize: 4 << 20)?.role == "initrd")
    var badSize = Image.cpio()
    badSize[60] = UInt8(ascii: "z")
    #expect(failure(.kernel(Image.linux(), "", [initrd(badSize)]))?.field == "c_filesize")
  }

  /// A cpio archive cut anywhere is refused unless the cut leaves whole members.
  @Test func reportsTruncatedCpioArchives() {
    let archive = Image.cpio()
    let body = Image.cpioMember("init", (0..<5000).map { UInt8($0 % 253) }).count
    for count in 1..<archive.count - 4 {
      let error = failure(.kernel(Image.linux(), "", [initrd(Array(archive[..<count]))]))
      if count == body {
        #expect(error == nil)
      } else {
        #expect(error?.role == "initrd", "cut at \(count)")
      }
    }
  }

  private static let debianGuest = ProcessInfo.processInfo.environment["APUS_DEBIAN_GUEST"]

  /// Debian's own kernel, cut off at every byte of its first 4 KiB.
  @Test(.enabled(if: debianGuest != nil, "APUS_DEBIAN_GUEST names no directory with a guest"))
  func loadsARealKernel() throws {
    let path = try #require(Self.debianGuest) + "/vmlinuz-cloud"
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let booted = try Booted(.kernel(bytes, "console=ttyS0", [initrd(Image.cpio())]), ramSize: 256 << 20)
    // startup_64 of x86-64 kernels starts with CLD, then CLI.
    #expect(booted.memory.bytes(booted.state.rip, 2) == [0xFC, 0xFA])
    #expect(booted.state.rip == 0x100_0200)
    for count in 0..<4096 {
      let error = failure(.kernel(Array(bytes[..<count])))
      #expect(error != nil, "cut at \(count)")
    }
  }
}
