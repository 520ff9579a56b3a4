import ApusCPU
import Testing

/// A `RET` leads where the guest's stack and page tables say now, however often it led elsewhere before.
@Suite struct ReturnStackTests {
  /// What the called function does on its third call.
  enum Change: CaseIterable {
    /// Maps the caller's page elsewhere.
    case remap
    /// Writes the instruction after the call.
    case modify
    /// Loads CR3 with tables that map the caller's page elsewhere.
    case switchTables
    /// Replaces the address on the stack.
    case redirect
  }

  private static let oldPage = 0x3_0000
  private static let newPage = 0x3_4000

  @Test(arguments: Change.allCases, [false, true]) func afterChange(_ change: Change, _ isComputed: Bool) {
    let bench = PagingBench(.level4)
    let target = bench.mode.target
    bench.map(target, to: UInt64(Self.oldPage))
    bench.map(target + 0x1000, to: PagingBench.code)
    // call code; mov al, 1; test ecx, ecx; jnz start; hlt
    let call: [UInt8] = isComputed ? [0x41, 0xFF, 0xD0, 0x66, 0x90] : [0xE8, 0xFB, 0x0F, 0x00, 0x00]
    let caller = call + [0xB0, 0x01, 0x85, 0xC9, 0x75, 0xF5, 0xF4]
    bench.guest.write(Self.oldPage, caller)
    bench.guest.write(Self.newPage, caller)
    bench.guest[Self.newPage + 6] = 2
    bench.guest.write(Self.oldPage + 0x100, [0xB0, 0x02, 0xF4])
    var action: [UInt8]
    switch change {
    case .remap:
      action = [0x48, 0x89, 0x17, 0x0F, 0x01, 0x3B]  // mov [rdi], rdx; invlpg [rbx]
      bench[R.di] = UInt64(bench.entryAddress(1, target))
      bench[R.dx] = UInt64(Self.newPage) | 7
    case .modify:
      action = [0xC6, 0x07, 0x02]  // mov byte ptr [rdi], 2
      bench[R.di] = UInt64(Self.oldPage + 6)
    case .switchTables:
      action = [0x0F, 0x22, 0xDA]  // mov cr3, rdx
      let copy = bench.allocateTable()
      bench.guest.write(copy, bench.guest.read(Int(bench.state.cr3), 0x1000))
      let original = bench.state.cr3
      bench.state.cr3 = UInt64(copy)
      bench[4, target] = 0
      bench.map(target, to: UInt64(Self.newPage))
      bench.map(target + 0x1000, to: PagingBench.code)
      bench.state.cr3 = original
      bench[R.dx] = UInt64(copy)
    case .redirect:
      action = [0x48, 0x89, 0x14, 0x24]  // mov [rsp], rdx
      bench[R.dx] = target + 0x100
    }
    // dec ecx; jnz over the action; action; ret
    let callee = [0xFF, 0xC9, 0x75, UInt8(action.count)] + action + [0xC3]
    bench.guest.write(Int(PagingBench.code), callee)
    bench[8] = target + 0x1000
    bench[R.bx] = target
    bench[R.cx] = 3
    #expect(bench.resume(at: target) == .done)
    #expect(bench[R.ax] & 0xFF == 2)
    #expect(bench[R.cx] == 0)
    #expect(bench[4] == UInt64(PagingBench.kernelStack))
  }
}
