import ApusCPU

/// A 64-bit kernel as a 64-bit Linux looks to user code: the same linear layout, selectors, control registers and
/// privilege, so that what a case meets is what it meets in the worker of the host oracle.
struct LongModeKernel: GuestKernel {
  let base: UInt64 = 0xFFFF_FFFF_8000_0000
  let wordSize = 8
  let codeSelector: UInt64 = 0x10
  let gateSize: UInt64 = 16

  /// As on the host, for cases that read it, but for the exits themselves.
  var exits: [UInt8] {
    var page = HostStubs.code()
    page[HostStubs.Entry.exit64] = 0xF4
    page[HostStubs.Entry.exit32] = 0xF4
    return page
  }

  func exit(_ selector: UInt16) -> UInt64 {
    selector == 0x33 ? LinearLayout.exit64 : LinearLayout.exit32
  }

  func initialState(_ reset: ArchitecturalState) -> ArchitecturalState {
    var state = commonState(reset)
    state.cr3 = Physical.pml4
    // SCE, LME, LMA, NXE.
    state.efer = 0xD01
    state.segments[1] = SegmentRegister(selector: 0x10, base: 0, limit: .max, attributes: 0xA09B)
    return state
  }

  /// The descriptors that Linux has in its GDT at these places (arch/x86/include/asm/segment.h), so that
  /// selectors mean the same; a TSS for the stack.
  func buildTables(_ board: SubjectBoard) {
    let supervisor = PageEntry.present | PageEntry.writable
    board.put(Physical.pml4, Physical.lowPDPT | supervisor | PageEntry.user)
    board.put(Physical.pml4 + 511 * 8, Physical.highPDPT | supervisor)
    board.put(Physical.highPDPT + 510 * 8, Physical.highPD | supervisor)
    board.put(Physical.highPD, supervisor | PageEntry.large | PageEntry.used)
    board.put(Physical.lowPDPT, Physical.lowPD | supervisor | PageEntry.user)
    let descriptors: [UInt64] = [
      0, 0x00CF_9B00_0000_FFFF, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_FB00_0000_FFFF,
      0x00CF_F300_0000_FFFF, 0x00AF_FB00_0000_FFFF,
    ]
    putSegments(board, descriptors)
    board.put(Physical.gdt + 72, absolute(Physical.tss) >> 32)
    board.put(Physical.tss + 4, absolute(Physical.stackTop))
  }

  func storeEAX(_ code: inout MachineCode, _ physical: UInt64) {
    code.store(Register.rax, absolute: absolute(physical))
  }

  func saveState(_ code: inout MachineCode) {
    for register in 0..<16 as Range<UInt8> where register != Register.rsp {
      code.store(register, absolute: absolute(Physical.output, Int(register) * 8))
    }
    code.emit(0x0F, 0x20, 0xD0)  // mov rax, cr2
    code.store(Register.rax, absolute: absolute(Physical.cr2))
    for segment in [0, 3, 4, 5] as [UInt8] {
      code.emit(0x8C, 0xC1 | segment << 3, 0x66, 0x89, 0x0C, 0x25)  // mov ecx, segment; mov [...], cx
      code.emit32(absolute(Physical.output, MachineImage.selectors + Int(segment) * 2))
    }
    code.base(0, Register.rcx)
    code.store(Register.rcx, absolute: absolute(Physical.output, MachineImage.fsBase))
    code.base(1, Register.rcx)
    code.store(Register.rcx, absolute: absolute(Physical.output, MachineImage.gsBase))
    extendedState(&code, 0x24, Physical.output)
  }

  func restoreState(_ code: inout MachineCode) {
    for segment in [0, 3, 4, 5] as [UInt8] {
      code.emit(0x0F, 0xB7, 0x04, 0x25)  // movzx eax, word [...]
      code.emit32(absolute(Physical.input, MachineImage.selectors + Int(segment) * 2))
      code.setSegment(segment)
    }
    code.load(Register.rax, absolute: absolute(Physical.input, MachineImage.fsBase))
    code.base(2, Register.rax)
    code.load(Register.rax, absolute: absolute(Physical.input, MachineImage.gsBase))
    code.base(3, Register.rax)
    extendedState(&code, 0x2C, Physical.input)
    code.set(Register.rsp, absolute(Physical.stackTop, -40))
    for register in 0..<16 as Range<UInt8> where register != Register.rsp {
      code.load(register, absolute: absolute(Physical.input, Int(register) * 8))
    }
    code.emit(0xE6, SubjectBoard.enterPort)  // out enter, al
    code.emit(0x48, 0xCF)  // iretq
  }

  /// `XSAVE64` (24h) or `XRSTOR64` (2Ch) of the area in an image.
  private func extendedState(_ code: inout MachineCode, _ modRM: UInt8, _ image: UInt64) {
    code.set32(Register.rax, 7)
    code.emit(0x31, 0xD2, 0x48, 0x0F, 0xAE, modRM, 0x25)
    code.emit32(absolute(image, MachineImage.xsave))
  }
}
