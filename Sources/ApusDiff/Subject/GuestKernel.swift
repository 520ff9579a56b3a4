import ApusBase
import ApusCPU

/// A kernel of a hundred instructions around cases: tables and code in physical memory, for one width of kernel.
/// State goes in and out by the guest's own `XRSTOR`, `IRET`, interrupt gates and `XSAVE`, so nothing that a user
/// program can observe bypasses the processor under test.
protocol GuestKernel {
  /// Where physical address 0 lies in linear memory; absolute 32-bit displacements reach it.
  var base: UInt64 { get }
  /// Bytes of a word on the kernel's stack.
  var wordSize: Int { get }
  /// The selector of the kernel's code, and bytes of a gate of the IDT.
  var codeSelector: UInt64 { get }
  var gateSize: UInt64 { get }
  /// The content of the page of exits; `HLT`, which is #GP for user code, stands at each.
  var exits: [UInt8] { get }
  /// The exit of code in the segment that a selector names.
  func exit(_ selector: UInt16) -> UInt64
  /// The structures above the page directories, the GDT and the TSS.
  func buildTables(_ board: SubjectBoard)
  /// The state that the boot code begins with.
  func initialState(_ reset: ArchitecturalState) -> ArchitecturalState
  /// Code that stores EAX at a physical address.
  func storeEAX(_ code: inout MachineCode, _ physical: UInt64)
  /// Code that stores the registers of a case, and the one that loads them and returns to it.
  func saveState(_ code: inout MachineCode)
  func restoreState(_ code: inout MachineCode)
}

/// Physical addresses.
enum Physical {
  static let pml4: UInt64 = 0x1000
  static let lowPDPT: UInt64 = 0x2000
  static let lowPD: UInt64 = 0x3000
  static let stubsPT: UInt64 = 0x4000
  static let dataPT: UInt64 = 0x5000
  static let highPDPT: UInt64 = 0x6000
  static let highPD: UInt64 = 0x7000
  static let gdt: UInt64 = 0x8000
  static let tss: UInt64 = 0x8200
  static let idt: UInt64 = 0x9000
  static let gates: UInt64 = 0xA000
  static let common: UInt64 = 0xB000
  static let boot: UInt64 = 0xB800
  static let stackTop: UInt64 = 0xD000
  /// Images: what the next case begins with, how the last one ended.
  static let input: UInt64 = 0xD000
  static let output: UInt64 = 0xD400
  static let cr2: UInt64 = 0xD800
  static let components: UInt64 = 0xD808
  static let stubs: UInt64 = 0x1_0000
  static let code: UInt64 = 0x2_0000
  static let data: UInt64 = 0x3_0000
  static let constant: UInt64 = 0x3_2000
  static let size: UInt64 = 0x20_0000
}

/// Bits of page-table entries (SDM Vol. 3, "4-Level Paging", "PAE Paging").
enum PageEntry {
  static let present: UInt64 = 1
  static let writable: UInt64 = 2
  static let user: UInt64 = 4
  static let used: UInt64 = 0x60
  static let large: UInt64 = 0x80
  static let noExecute: UInt64 = 1 << 63
}

extension GuestKernel {
  func absolute(_ physical: UInt64, _ offset: Int = 0) -> UInt64 {
    base &+ physical &+ UInt64(bitPattern: Int64(offset))
  }

  /// Puts the kernel in place.
  func build(_ board: SubjectBoard) {
    board.write(Physical.stubs, exits)
    mapUserPages(board)
    buildTables(board)
    buildGates(board)
    var code = MachineCode()
    code.emit(0xE6, SubjectBoard.leavePort)  // out leave, al
    saveState(&code)
    code.emit(0xE6, SubjectBoard.donePort)  // out done, al
    let resume = absolute(Physical.common, code.bytes.count)
    restoreState(&code)
    board.write(Physical.common, code.bytes)
    var boot = MachineCode()
    // mov eax, 0Dh; xor ecx, ecx; cpuid; and eax, 7
    boot.emit(0xB8, 0x0D, 0, 0, 0, 0x31, 0xC9, 0x0F, 0xA2, 0x83, 0xE0, 0x07)
    storeEAX(&boot, Physical.components)
    // xor ecx, ecx; xor edx, edx; xsetbv; out done, al
    boot.emit(0x31, 0xC9, 0x31, 0xD2, 0x0F, 0x01, 0xD1, 0xE6, SubjectBoard.donePort)
    boot.jump(to: resume, origin: absolute(Physical.boot))
    board.write(Physical.boot, boot.bytes)
  }

  /// The GDT from its first descriptor on, and the TSS at 40h (its upper half, in IA-32e mode, is the kernel's), which
  /// has no I/O bit map.
  func putSegments(_ board: SubjectBoard, _ descriptors: [UInt64]) {
    for (index, descriptor) in descriptors.enumerated() {
      board.put(Physical.gdt + UInt64(index) * 8, descriptor)
    }
    let tss = absolute(Physical.tss)
    board.put(Physical.gdt + 64, 0x67 | (tss & 0xFF_FFFF) << 16 | 0x8B << 40 | (tss >> 24 & 0xFF) << 56)
    board.put(Physical.tss + 0x66, 0x68 as UInt16)
  }

  /// Page directory and page tables of what user code sees.
  private func mapUserPages(_ board: SubjectBoard) {
    let directory = PageEntry.present | PageEntry.writable | PageEntry.user
    board.put(Physical.lowPD + (LinearLayout.stubs >> 21) * 8, Physical.stubsPT | directory)
    board.put(Physical.lowPD + (LinearLayout.data >> 21) * 8, Physical.dataPT | directory)
    func map(_ table: UInt64, _ linear: UInt64, _ physical: UInt64, _ size: Int, _ rights: UInt64) {
      for page in 0..<UInt64(size / 4096) {
        let entry = physical + page << 12 | PageEntry.present | PageEntry.user | PageEntry.used | rights
        board.put(table + ((linear >> 12 + page) & 511) * 8, entry)
      }
    }
    let noExecute = PageEntry.noExecute
    map(Physical.stubsPT, LinearLayout.stubs, Physical.stubs, 4096, 0)
    map(Physical.stubsPT, LinearLayout.code, Physical.code, LinearLayout.codeSize, 0)
    map(
      Physical.dataPT, LinearLayout.data, Physical.data, LinearLayout.dataSize,
      PageEntry.writable | noExecute)
    map(Physical.dataPT, LinearLayout.constant, Physical.constant, LinearLayout.constantSize, noExecute)
  }

  /// Gates for the exceptions, and what they lead to: vector and error code on the stack.
  private func buildGates(_ board: SubjectBoard) {
    for vector in 0..<32 as Range<UInt64> {
      let at = Physical.gates + vector * 16
      let target = absolute(at)
      // User code may use the gates of INT3 and INTO.
      let rights: UInt64 = vector == 3 || vector == 4 ? 0xEE00 : 0x8E00
      board.put(
        Physical.idt + vector * gateSize,
        target & 0xFFFF | codeSelector << 16 | rights << 32 | (target >> 16 & 0xFFFF) << 48)
      if gateSize == 16 { board.put(Physical.idt + vector * 16 + 8, target >> 32) }
      var gate = MachineCode()
      let hasErrorCode = [8, 10, 11, 12, 13, 14, 17, 21].contains(vector)
      if !hasErrorCode { gate.emit(0x6A, 0x00) }  // push 0
      gate.emit(0x6A, UInt8(vector))  // push vector
      gate.jump(to: absolute(Physical.common), origin: target)
      board.write(at, gate.bytes)
    }
  }

  /// Control registers and tables that the kernels have in common.
  func commonState(_ reset: ArchitecturalState) -> ArchitecturalState {
    var state = reset
    state.cr0 = 0x8005_0033
    // PAE, PGE, OSFXSR, OSXMMEXCPT, UMIP, FSGSBASE, OSXSAVE.
    state.cr4 = 0x5_0EA0
    state.rflags = 2
    state.cpl = 0
    state.rip = absolute(Physical.boot)
    state.registers[MachineImage.rsp] = absolute(Physical.stackTop)
    let null = SegmentRegister(selector: 0, base: 0, limit: 0, attributes: 0, isNull: true)
    state.segments = Array(repeating: null, count: 6)
    state.ldtr = null
    state.tr = SegmentRegister(selector: 0x40, base: absolute(Physical.tss), limit: 0x67, attributes: 0x8B)
    state.gdtrBase = absolute(Physical.gdt)
    state.gdtrLimit = 127
    state.idtrBase = absolute(Physical.idt)
    state.idtrLimit = UInt16(32 * 16 * gateSize / 16 - 1)
    return state
  }
}
