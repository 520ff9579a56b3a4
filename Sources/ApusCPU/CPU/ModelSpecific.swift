import ApusBase

// Model-specific registers: SDM Vol. 4, "Architectural MSRs"; AMD APM Vol. 2, appendix "MSR Cross-Reference".
// What is not listed raises #GP(0). Those of the local APIC are the bus's.

/// MSR numbers, by their names in the manuals.
private enum MSR {
  static let timeStampCounter: UInt32 = 0x10
  static let platformID: UInt32 = 0x17
  static let apicBase: UInt32 = 0x1B
  static let tscAdjust: UInt32 = 0x3B
  static let specCtrl: UInt32 = 0x48
  static let predCmd: UInt32 = 0x49
  static let patchLevel: UInt32 = 0x8B
  static let mtrrCap: UInt32 = 0xFE
  static let sysenterCS: UInt32 = 0x174
  static let sysenterESP: UInt32 = 0x175
  static let sysenterEIP: UInt32 = 0x176
  static let mcgCap: UInt32 = 0x179
  static let mcgStatus: UInt32 = 0x17A
  static let miscEnable: UInt32 = 0x1A0
  static let debugCtl: UInt32 = 0x1D9
  static let mtrrVariable = 0x200...0x20F as ClosedRange<UInt32>
  static let mtrrFixed64K: UInt32 = 0x250
  static let mtrrFixed16K = 0x258...0x259 as ClosedRange<UInt32>
  static let mtrrFixed4K = 0x268...0x26F as ClosedRange<UInt32>
  static let pat: UInt32 = 0x277
  static let mtrrDefType: UInt32 = 0x2FF
  static let machineCheckBanks = 0x400...0x40F as ClosedRange<UInt32>
  static let tscDeadline: UInt32 = 0x6E0
  static let x2APIC = 0x800...0x8FF as ClosedRange<UInt32>
  static let xss: UInt32 = 0xDA0
  static let efer: UInt32 = 0xC000_0080
  static let star: UInt32 = 0xC000_0081
  static let lstar: UInt32 = 0xC000_0082
  static let cstar: UInt32 = 0xC000_0083
  static let sfmask: UInt32 = 0xC000_0084
  static let fsBase: UInt32 = 0xC000_0100
  static let gsBase: UInt32 = 0xC000_0101
  static let kernelGSBase: UInt32 = 0xC000_0102
  static let tscAux: UInt32 = 0xC000_0103
  static let syscfg: UInt32 = 0xC001_0010
  static let hwcr: UInt32 = 0xC001_0015
  static let topOfMemory: UInt32 = 0xC001_001A
  static let topOfMemory2: UInt32 = 0xC001_001D
  /// NB_CFG.
  static let northbridge: UInt32 = 0xC001_001F
  static let mmioConfigurationBase: UInt32 = 0xC001_0058
  static let vmCR: UInt32 = 0xC001_0114
  static let loadStoreConfiguration: UInt32 = 0xC001_1020
  static let decodeConfiguration: UInt32 = 0xC001_1029
}

/// IA32_MTRRCAP: eight variable ranges, fixed ranges, write-combining.
private let mtrrCapabilities: UInt64 = 0x508
/// IA32_MCG_CAP: four banks, no control register.
private let machineCheckCapabilities: UInt64 = 4
/// The microcode revision of family 19h, model 21h that guests look for is of this form.
private let patchLevel: UInt64 = 0x0A20_1210
/// VM_CR: SVM disabled, and locked so.
private let virtualMachineControl: UInt64 = 0x18
private let reservedPhysical: UInt64 = ~((1 << physicalAddressBits) - 1)

extension UnsafeMutablePointer where Pointee == CPUState {
  func RDMSR(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    let index = UInt32(truncatingIfNeeded: self[.rcx])
    guard let value = readMSR(index, op) else { throw fault(.GP, unreadable(index)) }
    setPair(value)
  }

  func WRMSR(_ op: OpPointer) throws(Exit) {
    try requireCPL0()
    if let rule = writeMSR(UInt32(truncatingIfNeeded: self[.rcx]), pair, op) { throw fault(.GP, rule) }
  }

  /// Whether the model has the register: those of features, and those that one vendor's processors have.
  private func exists(_ index: UInt32) -> Bool {
    switch index {
    case MSR.timeStampCounter: return has(.tsc)
    case MSR.tscAdjust: return has(.tsc_adjust)
    case MSR.tscDeadline: return has(.tsc_deadline)
    case MSR.apicBase: return has(.apic)
    case MSR.x2APIC: return has(.x2apic)
    case MSR.efer: return pointee.eferWritable != 0
    case MSR.star: return has(.syscall)
    case MSR.lstar, MSR.cstar, MSR.sfmask, MSR.fsBase, MSR.gsBase, MSR.kernelGSBase: return has(.lm)
    case MSR.tscAux: return has(.rdtscp)
    case MSR.sysenterCS, MSR.sysenterESP, MSR.sysenterEIP: return has(.sep)
    case MSR.pat: return has(.pat)
    case MSR.mtrrCap, MSR.mtrrDefType, MSR.mtrrVariable, MSR.mtrrFixed64K, MSR.mtrrFixed16K,
      MSR.mtrrFixed4K:
      return has(.mtrr)
    case MSR.mcgCap, MSR.mcgStatus, MSR.machineCheckBanks: return has(.mca)
    case MSR.xss: return has(.xsaves)
    case MSR.miscEnable, MSR.platformID: return true
    case MSR.specCtrl, MSR.predCmd: return !pointee.isIntel && has(.lm)
    case MSR.patchLevel, MSR.debugCtl: return has(.cmov)
    case 0xC001_0000...0xC001_FFFF: return !pointee.isIntel && has(.lm)
    default: return true
    }
  }

  // MARK: Reading

  private func readMSR(_ index: UInt32, _ op: OpPointer) -> UInt64? {
    guard exists(index) else { return nil }
    switch index {
    case MSR.timeStampCounter: return timeStamp(op)
    case MSR.tscAdjust: return pointee.msr.tscOffset
    case MSR.tscDeadline: return processor.bus.readTSCDeadline()
    case MSR.apicBase, MSR.x2APIC: return processor.bus.readMSR(index)
    case MSR.efer: return pointee.efer
    case MSR.star: return pointee.msr.star
    case MSR.lstar: return pointee.msr.lstar
    case MSR.cstar: return pointee.msr.cstar
    case MSR.sfmask: return pointee.msr.sfmask
    case MSR.fsBase: return segment(.fs).pointee.base
    case MSR.gsBase: return segment(.gs).pointee.base
    case MSR.kernelGSBase: return pointee.msr.kernelGSBase
    case MSR.tscAux: return pointee.msr.tscAux
    case MSR.sysenterCS: return pointee.msr.sysenterCS
    case MSR.sysenterESP: return pointee.msr.sysenterESP
    case MSR.sysenterEIP: return pointee.msr.sysenterEIP
    case MSR.pat: return pointee.msr.pat
    case MSR.mtrrCap: return mtrrCapabilities
    case MSR.mtrrDefType: return pointee.msr.mtrrDefType
    case MSR.mtrrVariable, MSR.mtrrFixed64K, MSR.mtrrFixed16K, MSR.mtrrFixed4K:
      return memoryTypeRegister(index).pointee
    default: return readPlatformMSR(index)
    }
  }

  private func readPlatformMSR(_ index: UInt32) -> UInt64? {
    switch index {
    case MSR.platformID, MSR.xss, MSR.debugCtl, MSR.mmioConfigurationBase: return 0
    case MSR.specCtrl: return pointee.msr.specCtrl
    case MSR.patchLevel: return patchLevel
    case MSR.mcgCap: return machineCheckCapabilities
    case MSR.mcgStatus: return pointee.msr.machineCheckStatus
    case MSR.machineCheckBanks: return machineCheckRegister(index)?.pointee ?? 0
    case MSR.miscEnable: return pointee.msr.miscEnable
    case MSR.syscfg: return pointee.msr.syscfg
    case MSR.hwcr: return pointee.msr.hwcr
    case MSR.topOfMemory: return pointee.msr.topOfMemory
    case MSR.topOfMemory2: return pointee.msr.topOfMemory2
    // The host bridge is not on the chip: EnableCf8ExtCfg and the others stay clear.
    case MSR.northbridge: return 0
    case MSR.vmCR: return virtualMachineControl
    case MSR.loadStoreConfiguration: return pointee.msr.loadStoreConfiguration
    case MSR.decodeConfiguration: return pointee.msr.decodeConfiguration
    default: return nil
    }
  }

  /// Why a register has nothing to read.
  private func unreadable(_ index: UInt32) -> Rule {
    guard exists(index) else { return .msrAbsent }
    switch index {
    case MSR.predCmd: return .msrWriteOnly
    case MSR.apicBase, MSR.x2APIC: return .apicRegister
    default: return .msrAbsent
    }
  }

  // MARK: Writing

  /// What forbids the write, by #GP(0) and with nothing changed; nil if it is done.
  private func writeMSR(_ index: UInt32, _ value: UInt64, _ op: OpPointer) -> Rule? {
    guard exists(index) else { return .msrAbsent }
    switch index {
    case MSR.timeStampCounter: moveTimeStamp(value &- timeSinceReset(op), op)
    case MSR.tscAdjust: moveTimeStamp(value, op)
    case MSR.tscDeadline:
      processor.bus.writeTSCDeadline(value, due: due(value, op))
      pointee.attention = 1
    case MSR.apicBase, MSR.x2APIC:
      guard processor.bus.writeMSR(index, value) else { return .apicRegister }
      pointee.attention = 1
    case MSR.efer: return writeEFER(value)
    case MSR.star: pointee.msr.star = value
    case MSR.lstar: return store(canonical: value, &pointee.msr.lstar)
    case MSR.cstar: return store(canonical: value, &pointee.msr.cstar)
    case MSR.sfmask: pointee.msr.sfmask = value & 0xFFFF_FFFF
    case MSR.fsBase:
      guard isCanonical(value) else { return .notCanonical }
      setFSBase(value)
    case MSR.gsBase:
      guard isCanonical(value) else { return .notCanonical }
      setGSBase(value)
    case MSR.kernelGSBase: return store(canonical: value, &pointee.msr.kernelGSBase)
    case MSR.tscAux:
      guard value >> 32 == 0 else { return .reservedBits }
      pointee.msr.tscAux = value
    case MSR.sysenterCS: pointee.msr.sysenterCS = value & 0xFFFF_FFFF
    case MSR.sysenterESP: return store(canonical: value, &pointee.msr.sysenterESP)
    case MSR.sysenterEIP: return store(canonical: value, &pointee.msr.sysenterEIP)
    case MSR.pat, MSR.mtrrDefType, MSR.mtrrVariable, MSR.mtrrFixed64K, MSR.mtrrFixed16K,
      MSR.mtrrFixed4K:
      return writeMemoryType(index, value)
    default: return writePlatformMSR(index, value)
    }
    return nil
  }

  private func store(canonical value: UInt64, _ field: inout UInt64) -> Rule? {
    guard isCanonical(value) else { return .notCanonical }
    field = value
    return nil
  }

  private func writePlatformMSR(_ index: UInt32, _ value: UInt64) -> Rule? {
    switch index {
    // No indirect branch is ever predicted: the bits are kept, and mean nothing.
    case MSR.specCtrl:
      guard value & ~0x87 == 0 else { return .reservedBits }
      pointee.msr.specCtrl = value
    case MSR.predCmd: return value & ~0x81 == 0 ? nil : .reservedBits
    // Neither supervisor state components, nor last-branch records and single-stepping on branches, nor a
    // configuration-space window exist.
    case MSR.xss, MSR.debugCtl, MSR.mmioConfigurationBase: return value == 0 ? nil : .msrValue
    // Software writes 0 before it asks CPUID to load the revision.
    case MSR.patchLevel: return value == 0 ? nil : .msrValue
    case MSR.mcgStatus:
      guard value & ~7 == 0 else { return .reservedBits }
      pointee.msr.machineCheckStatus = value
    case MSR.machineCheckBanks: return writeMachineCheck(index, value)
    case MSR.miscEnable: pointee.msr.miscEnable = value
    case MSR.syscfg: pointee.msr.syscfg = value & 0x00FC_0000
    case MSR.hwcr: pointee.msr.hwcr = value | 1 << 24
    case MSR.northbridge: break
    case MSR.topOfMemory:
      guard value & reservedPhysical == 0 else { return .reservedBits }
      pointee.msr.topOfMemory = value & ~0x7F_FFFF
    case MSR.topOfMemory2:
      guard value & reservedPhysical == 0 else { return .reservedBits }
      pointee.msr.topOfMemory2 = value & ~0x7F_FFFF
    case MSR.vmCR: return value & ~virtualMachineControl == 0 ? nil : .msrValue
    case MSR.loadStoreConfiguration: pointee.msr.loadStoreConfiguration = value
    // Bit 1: LFENCE is serializing, which it always is.
    case MSR.decodeConfiguration: pointee.msr.decodeConfiguration = value | 2
    case MSR.platformID, MSR.mtrrCap, MSR.mcgCap: return .msrReadOnly
    default: return .msrAbsent
    }
    return nil
  }

  // MARK: Time

  /// When the time-stamp counter reaches `value`: 0 if it has.
  private func due(_ value: UInt64, _ op: OpPointer) -> VirtualTime {
    let present = timeStamp(op)
    return value <= present ? 0 : now(op).later(by: value - present)
  }

  private func moveTimeStamp(_ offset: UInt64, _ op: OpPointer) {
    pointee.msr.tscOffset = offset
    let deadline = processor.bus.readTSCDeadline()
    if deadline != 0 {
      processor.bus.moveTSCDeadline(due: due(deadline, op))
      pointee.attention = 1
    }
  }

  // MARK: Machine check

  /// The storage of IA32_MCi_CTL or IA32_MCi_STATUS; nil for ADDR and MISC, which read as zero.
  private func machineCheckRegister(_ index: UInt32) -> UnsafeMutablePointer<UInt64>? {
    let field: RawPointer
    switch index & 3 {
    case 0: field = address(of: &pointee.msr.machineCheckControl)
    case 1: field = address(of: &pointee.msr.machineCheckBank)
    default: return nil
    }
    // `index` lies in `machineCheckBanks`, so the bank is 0–3.
    let bank = Int(index >> 2) & 3
    return (field + bank * 8).assumingMemoryBound(to: UInt64.self)
  }

  /// No error is ever reported, so status, address and miscellaneous registers only take zero (AMD APM Vol.
  /// 2, "MCi_STATUS": #GP for other values unless HWCR.McStatusWrEn).
  private func writeMachineCheck(_ index: UInt32, _ value: UInt64) -> Rule? {
    guard let register = machineCheckRegister(index) else { return value == 0 ? nil : .msrValue }
    if index & 3 == 1 {
      guard value == 0 || pointee.msr.hwcr & (1 << 18) != 0 else { return .msrValue }
    }
    register.pointee = value
    return nil
  }

  // MARK: Memory types

  /// SDM Vol. 3, "Memory Type Range Registers (MTRRs)", "Page Attribute Table (PAT)". The types are state
  /// only: without caches all of them behave alike.
  private func writeMemoryType(_ index: UInt32, _ value: UInt64) -> Rule? {
    switch index {
    case MSR.pat:
      for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
        let type = (value >> shift) & 0xFF
        guard isMemoryType(type) || type == 7 else { return .msrValue }
      }
      pointee.msr.pat = value
    case MSR.mtrrDefType:
      guard value & ~0xCFF == 0 else { return .reservedBits }
      guard isMemoryType(value & 0xFF) else { return .msrValue }
      pointee.msr.mtrrDefType = value
    case MSR.mtrrVariable:
      guard value & reservedPhysical == 0 else { return .reservedBits }
      if index & 1 == 0 {
        guard value & 0xF00 == 0 else { return .reservedBits }
        guard isMemoryType(value & 0xFF) else { return .msrValue }
      } else {
        guard value & 0x7FF == 0 else { return .reservedBits }
      }
      memoryTypeRegister(index).pointee = value
    default:
      for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
        guard isMemoryType((value >> shift) & 0xFF) else { return .msrValue }
      }
      memoryTypeRegister(index).pointee = value
    }
    return nil
  }

  /// UC, WC, WT, WP, WB.
  private func isMemoryType(_ type: UInt64) -> Bool {
    type == 0 || type == 1 || type == 4 || type == 5 || type == 6
  }

  /// The storage of a fixed or variable MTRR; `index` is one of theirs.
  private func memoryTypeRegister(_ index: UInt32) -> UnsafeMutablePointer<UInt64> {
    let fixed = address(of: &pointee.msr.mtrrFixed)
    let register: RawPointer
    switch index {
    case MSR.mtrrVariable: register = address(of: &pointee.msr.mtrrVariable) + Int(index & 15) * 8
    case MSR.mtrrFixed16K: register = fixed + 8 + Int(index & 1) * 8
    case MSR.mtrrFixed4K: register = fixed + 24 + Int(index & 7) * 8
    default: register = fixed
    }
    return register.assumingMemoryBound(to: UInt64.self)
  }

  /// The memory types a BIOS leaves: see `Processor.programMemoryTypes`.
  func programMemoryTypes(uncachedFrom hole: UInt64) {
    pointee.msr.mtrrFixed = (
      0x0606_0606_0606_0606, 0x0606_0606_0606_0606, 0, 0x0505_0505_0505_0505, 0x0505_0505_0505_0505,
      0x0505_0505_0505_0505, 0x0505_0505_0505_0505, 0x0505_0505_0505_0505, 0x0505_0505_0505_0505,
      0x0505_0505_0505_0505, 0x0505_0505_0505_0505
    )
    pointee.msr.mtrrVariable = ((0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0))
    var start = hole
    var number: UInt32 = 0
    while start < 1 << 32 && number < 8 {
      let size = start & (0 &- start)
      memoryTypeRegister(0x200 + number * 2).pointee = start
      memoryTypeRegister(0x201 + number * 2).pointee = ~(size - 1) & ~reservedPhysical | 0x800
      start += size
      number += 1
    }
    pointee.msr.mtrrDefType = 0xC06
  }
}

extension Processor {
  /// Programs the MTRRs as a BIOS does before it starts a kernel: everything write-back but the legacy video
  /// window and the physical addresses from `hole` (a multiple of 16 MiB, at least 1 GiB) up to 4 GiB, which
  /// are uncached. Kernels that find them disabled distrust memory. For boards that boot without a BIOS.
  package func programMemoryTypes(uncachedFrom hole: UInt64) {
    precondition(hole & 0xFF_FFFF == 0 && hole >= 1 << 30)
    cpu.programMemoryTypes(uncachedFrom: hole)
  }
}
