extension Words {
  /// What an MSR is called (SDM Vol. 4, "Architectural MSRs"; AMD APM Vol. 2, "MSR Cross-Reference"); nil for one without
  /// a name here.
  package static func modelSpecificRegister(_ index: UInt32) -> String? {
    switch index {
    case 0x200...0x20F: "IA32_MTRR_PHYS\(index & 1 == 0 ? "BASE" : "MASK")\((index & 15) >> 1)"
    case 0x258...0x259: "IA32_MTRR_FIX16K_\(["80000", "A0000"][Int(index & 1)])"
    case 0x268...0x26F: "IA32_MTRR_FIX4K_\(String(0xC0000 + (index & 7) << 15, radix: 16, uppercase: true))"
    case 0x400...0x40F: "IA32_MC\((index & 15) >> 2)_\(["CTL", "STATUS", "ADDR", "MISC"][Int(index & 3)])"
    case 0x800...0x8FF: "x2APIC register \(hex(UInt64(index & 0xFF)))"
    default: modelSpecificNames[index]
    }
  }

  private static let modelSpecificNames: [UInt32: String] = [
    0x10: "IA32_TIME_STAMP_COUNTER", 0x17: "IA32_PLATFORM_ID", 0x1B: "IA32_APIC_BASE",
    0x3B: "IA32_TSC_ADJUST",
    0x48: "IA32_SPEC_CTRL", 0x49: "IA32_PRED_CMD", 0x79: "IA32_BIOS_UPDT_TRIG", 0x8B: "IA32_BIOS_SIGN_ID",
    0xFE: "IA32_MTRRCAP", 0x10A: "IA32_ARCH_CAPABILITIES", 0x174: "IA32_SYSENTER_CS",
    0x175: "IA32_SYSENTER_ESP", 0x176: "IA32_SYSENTER_EIP", 0x179: "IA32_MCG_CAP", 0x17A: "IA32_MCG_STATUS",
    0x1A0: "IA32_MISC_ENABLE", 0x1D9: "IA32_DEBUGCTL", 0x250: "IA32_MTRR_FIX64K_00000", 0x277: "IA32_PAT",
    0x2FF: "IA32_MTRR_DEF_TYPE", 0x6E0: "IA32_TSC_DEADLINE", 0xDA0: "IA32_XSS", 0xC000_0080: "IA32_EFER",
    0xC000_0081: "IA32_STAR", 0xC000_0082: "IA32_LSTAR", 0xC000_0083: "IA32_CSTAR",
    0xC000_0084: "IA32_FMASK", 0xC000_0100: "IA32_FS_BASE", 0xC000_0101: "IA32_GS_BASE",
    0xC000_0102: "IA32_KERNEL_GS_BASE", 0xC000_0103: "IA32_TSC_AUX", 0xC001_0010: "SYSCFG",
    0xC001_0015: "HWCR", 0xC001_001A: "TOP_MEM", 0xC001_001D: "TOP_MEM2", 0xC001_001F: "NB_CFG",
    0xC001_0058: "MMIO_CFG_BASE_ADDR", 0xC001_0114: "VM_CR", 0xC001_1020: "LS_CFG", 0xC001_1029: "DE_CFG",
  ]
}
