import ApusCPU
import ApusMachine

/// The registers that a trace follows, as a row of numbers: the page has a name for each, and so knows what changed.
package enum RegisterFile {
  /// In the order of the SDM's encoding.
  static let general = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
  ]
  /// The six segment registers in the order of the SDM's encoding, LDTR and TR.
  static let segments = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"]
  /// Where RIP is in the row.
  static let rip = 16

  /// What the numbers of the row are.
  package static let names: [String] =
    general + ["rip", "rflags", "cpl", "cr0", "cr2", "cr3", "cr4", "efer"]
    + segments.flatMap { name in ["selector", "base", "limit", "attributes"].map { "\(name).\($0)" } }
    + ["gdtr.base", "gdtr.limit", "idtr.base", "idtr.limit", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"]

  /// Set in the attributes of a segment register that has no descriptor.
  private static let unusable: UInt64 = 1 << 16

  /// The row of a state.
  package static func values(_ state: ArchitecturalState) -> [UInt64] {
    var values = state.registers
    values += [state.rip, state.rflags, UInt64(state.cpl)]
    values += [state.cr0, state.cr2, state.cr3, state.cr4, state.efer]
    for segment in state.segments + [state.ldtr, state.tr] {
      values += [
        UInt64(segment.selector), segment.base, UInt64(segment.limit),
        UInt64(segment.attributes) | (segment.isNull ? unusable : 0),
      ]
    }
    values += [state.gdtrBase, UInt64(state.gdtrLimit), state.idtrBase, UInt64(state.idtrLimit)]
    return values + state.breakpoints + [state.dr6, state.dr7]
  }
}
