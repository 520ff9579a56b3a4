// Writes to control registers and EFER with every check and consequence: SDM Vol. 3, "Control Registers",
// "IA-32e Mode Operation" (initializing and leaving), Vol. 2, `MOV—Move to/from Control Registers`; AMD APM
// Vol. 2, "System-Control Registers".

extension UnsafeMutablePointer where Pointee == CPUState {
  /// `MOV CR0`.
  func writeCR0(_ value: UInt64) throws(Exit) {
    guard value >> 32 == 0 else { throw fault(.GP, .reservedBits) }
    let new = value & CR0.writable | CR0.ET
    guard new & (CR0.PG | CR0.PE) != CR0.PG else { throw fault(.GP, .pagingWithoutProtection) }
    guard new & (CR0.NW | CR0.CD) != CR0.NW else { throw fault(.GP, .cacheControl) }
    let changed = new ^ pointee.cr0
    let enablesPaging = changed & new & CR0.PG != 0
    let disablesPaging = changed & CR0.PG != 0 && !enablesPaging
    let entersLongMode = enablesPaging && pointee.efer & EFER.LME != 0
    if entersLongMode { try checkLongModeActivation() }
    if disablesPaging && is64Bit { throw fault(.GP, .pagingOffIn64BitMode) }
    if disablesPaging && pointee.cr4 & CR4.PCIDE != 0 { throw fault(.GP, .pagingOffWithPCID) }
    if usesPDPTEs(cr0: new, cr4: pointee.cr4) && !entersLongMode
      && changed & (CR0.PG | CR0.CD | CR0.NW) != 0
    {
      guard loadPDPTEs(pointee.cr3) else { throw fault(.GP, .pdpteReserved) }
    }
    pointee.cr0 = new
    updateVectorFaults()
    if entersLongMode { pointee.efer |= EFER.LMA }
    if disablesPaging { pointee.efer &= ~EFER.LMA }
    // Without paging, neither PE nor WP changes what an address means.
    if changed & CR0.PG != 0 || changed & CR0.WP != 0 && new & CR0.PG != 0 { flushTranslations(.all) }
    if changed & (CR0.PG | CR0.PE) != 0 {
      privilegeOrModeChanged()
    } else if changed & CR0.AM != 0 {
      selectBank()
    }
    pointee.attention = 1
  }

  /// What must hold when CR0.PG is set with EFER.LME set. The TSS descriptor counts only once `LTR` has
  /// loaded one: out of reset TR holds what some processors report as a 16-bit TSS.
  private func checkLongModeActivation() throws(Exit) {
    let tr = pointee.tr
    let isTSS16 = tr.selector & 0xFFFC != 0 && tr.attributes & 0x1F == UInt32(SystemType.tss16Busy)
    guard pointee.cr4 & CR4.PAE != 0 else { throw fault(.GP, .longModeWithoutPAE) }
    guard segment(.cs).pointee.attributes & 0x2000 == 0 else { throw fault(.GP, .longModeFromLongCode) }
    guard !isTSS16 else { throw fault(.GP, .longModeWithTSS16) }
  }

  /// Whether the page-directory-pointer registers are in use: PAE paging outside IA-32e mode.
  private func usesPDPTEs(cr0: UInt64, cr4: UInt64) -> Bool {
    cr0 & CR0.PG != 0 && cr4 & CR4.PAE != 0 && pointee.efer & EFER.LMA == 0
  }

  /// `MOV CR3`. Bit 63 of the source, under CR4.PCIDE, says that translations of the new PCID may stay; the
  /// TLB holds those of one PCID at a time, so only a write of the present value can spare it.
  func writeCR3(_ value: UInt64) throws(Exit) {
    var new = value
    let hasPCID = pointee.cr4 & CR4.PCIDE != 0
    let keeps = hasPCID && new >> 63 != 0
    if hasPCID { new &= ~(1 << 63) }
    if is64Bit || isLongMode {
      guard new >> physicalAddressBits == 0 else { throw fault(.GP, .reservedBits) }
    }
    if usesPDPTEs(cr0: pointee.cr0, cr4: pointee.cr4) {
      guard loadPDPTEs(new) else { throw fault(.GP, .pdpteReserved) }
    }
    let isSame = new == pointee.cr3
    pointee.cr3 = new
    if !(keeps && isSame) { flushTranslations(.nonGlobal) }
    pointee.attention = 1
  }

  /// `MOV CR4`.
  func writeCR4(_ new: UInt64) throws(Exit) {
    guard new & ~pointee.cr4Writable == 0 else { throw fault(.GP, .reservedBits) }
    let changed = new ^ pointee.cr4
    if isLongMode {
      guard new & CR4.PAE != 0 else { throw fault(.GP, .longModeWithoutPAE) }
      guard changed & CR4.LA57 == 0 else { throw fault(.GP, .la57InLongMode) }
    }
    if changed & new & CR4.PCIDE != 0 {
      guard isLongMode else { throw fault(.GP, .pcidOutsideLongMode) }
      guard pointee.cr3 & 0xFFF == 0 else { throw fault(.GP, .pcidWithCR3) }
    }
    if usesPDPTEs(cr0: pointee.cr0, cr4: new)
      && changed & (CR4.PAE | CR4.PGE | CR4.PSE | CR4.SMEP) != 0
    {
      guard loadPDPTEs(pointee.cr3) else { throw fault(.GP, .pdpteReserved) }
    }
    pointee.cr4 = new
    updateVectorFaults()
    let translating: UInt64 =
      CR4.PSE | CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP | CR4.LA57 | CR4.PKE
    if changed & translating != 0 { flushTranslations(.all) }
    pointee.attention = 1
  }

  /// `MOV CR8`: the task priority of the local APIC.
  func writeCR8(_ value: UInt64) throws(Exit) {
    guard value <= 15 else { throw fault(.GP, .reservedBits) }
    processor.bus.taskPriority = UInt8(truncatingIfNeeded: value)
    pointee.attention = 1
  }

  /// WRMSR to EFER; what forbids it, or nil. LMA is the processor's and ignored.
  func writeEFER(_ value: UInt64) -> Rule? {
    guard value & ~(pointee.eferWritable | EFER.LMA) == 0 else { return .reservedBits }
    let new = value & pointee.eferWritable | pointee.efer & EFER.LMA
    let changed = new ^ pointee.efer
    if changed & EFER.LME != 0 && pointee.cr0 & CR0.PG != 0 { return .longModeChange }
    pointee.efer = new
    if changed & EFER.NXE != 0 {
      flushTranslations(.all)
      pointee.attention = 1
    }
    return nil
  }
}
