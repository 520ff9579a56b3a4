import ApusCPU

/// A 32-bit kernel with PAE paging in legacy protected mode: user code finds what it finds in compatibility mode,
/// except that the processor has never been in IA-32e mode.
struct ProtectedModeKernel: GuestKernel {
  let base: UInt64 = 0xC000_0000
  let wordSize = 4
  let codeSelector: UInt64 = 0x08
  let gateSize: UInt64 = 8

  var exits: [UInt8] {
    var page = [UInt8](repeating: 0xCC, count: 4096)
    page[Int(LinearLayout.exit32 - LinearLayout.stubs)] = 0xF4
    return page
  }

  func exit(_ selector: UInt16) -> UInt64 { LinearLayout.exit32 }

  func initialState(_ reset: ArchitecturalState) -> ArchitecturalState {
    var state = commonState(reset)
    state.cr3 = Physical.lowPDPT
    // NXE. Without SCE, `SYSCALL` and `SYSRET` are undefined.
    state.efer = 0x800
    state.segments[1] = SegmentRegister(selector: 0x08, base: 0, limit: .max, attributes: 0xC09B)
    state.segments[2] = SegmentRegister(selector: 0x18, base: 0, limit: .max, attributes: 0xC093)
    return state
  }

  /// The places of the 64-bit kernel's GDT; where it has 64-bit code, 16-bit code.
  func buildTables(_ board: SubjectBoard) {
    // Bits 2:1 of these entries are reserved (SDM Vol. 3, "Format of a PAE Page-Directory-Pointer-Table Entry").
    board.put(Physical.lowPDPT, Physical.lowPD | PageEntry.present)
    board.put(Physical.lowPDPT + 3 * 8, Physical.highPD | PageEntry.present)
    board.put(
      Physical.highPD, PageEntry.present | PageEntry.writable | PageEntry.large | PageEntry.used)
    let descriptors: [UInt64] = [
      0, 0x00CF_9B00_0000_FFFF, 0x008F_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0x00CF_FB00_0000_FFFF,
      0x00CF_F300_0000_FFFF, 0x008F_FB00_0000_FFFF,
    ]
    putSegments(board, descriptors)
    // ESP0, SS0.
    board.put(Physical.tss + 4, UInt32(truncatingIfNeeded: absolute(Physical.stackTop)))
    board.put(Physical.tss + 8, 0x18 as UInt32)
  }

  func storeEAX(_ code: inout MachineCode, _ physical: UInt64) {
    operand(&code, [0x89], Register.rax, physical)
  }

  func saveState(_ code: inout MachineCode) {
    for register in 0..<8 as Range<UInt8> where register != Register.rsp {
      operand(&code, [0x89], register, Physical.output + UInt64(register) * 8)
    }
    code.emit(0x0F, 0x20, 0xD0)  // mov eax, cr2
    operand(&code, [0x89], Register.rax, Physical.cr2)
    for segment in [0, 3, 4, 5] as [UInt8] {
      // mov [...], segment
      operand(&code, [0x8C], segment, Physical.output + UInt64(MachineImage.selectors) + UInt64(segment) * 2)
    }
    extendedState(&code, 4, Physical.output)
  }

  func restoreState(_ code: inout MachineCode) {
    for segment in [0, 3, 4, 5] as [UInt8] {
      // mov segment, [...]
      operand(&code, [0x8E], segment, Physical.input + UInt64(MachineImage.selectors) + UInt64(segment) * 2)
    }
    extendedState(&code, 5, Physical.input)
    code.set32(Register.rsp, absolute(Physical.stackTop, -20))
    for register in 0..<8 as Range<UInt8> where register != Register.rsp {
      operand(&code, [0x8B], register, Physical.input + UInt64(register) * 8)
    }
    code.emit(0xE6, SubjectBoard.enterPort)  // out enter, al
    code.emit(0xCF)  // iretd
  }

  /// An instruction with an operand in the kernel's memory. It goes by way of SS: of the segments that can be
  /// written, the only one that is the kernel's own when a case has been left.
  private func operand(_ code: inout MachineCode, _ opcode: [UInt8], _ reg: UInt8, _ physical: UInt64) {
    code.emit(0x36)
    for byte in opcode { code.emit(byte) }
    code.emit(reg << 3 | 5)
    code.emit32(absolute(physical))
  }

  /// `XSAVE` (4) or `XRSTOR` (5) of the area in an image.
  private func extendedState(_ code: inout MachineCode, _ operation: UInt8, _ image: UInt64) {
    code.set32(Register.rax, 7)
    code.emit(0x31, 0xD2)  // xor edx, edx
    operand(&code, [0x0F, 0xAE], operation, image + UInt64(MachineImage.xsave))
  }
}
