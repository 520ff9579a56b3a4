// The instruction TLB: in each bank, the pages that code was fetched from since their translations were last flushed.
// Whatever leads to code without a walk of the page tables (the jump cache, the return stack, links within a page) rests
// on an entry here and goes with it. So whether the guest's tables are read, and their accessed flags set, follows from
// what the guest did, and not from which blocks Apus has decoded: a restored machine has none of them.

/// Entries of 16 bytes: tag (the linear page, or `invalid`), and the physical page with `global`.
enum FetchTLB {
  static let count = 1024
  static let size = count * 16
  static let invalid = ~UInt64(0)
  static let global: UInt64 = 1

  static func entryOffset(_ linear: UInt64) -> Int {
    offset(Int(truncatingIfNeeded: linear >> 12) & (count - 1))
  }

  static func offset(_ index: Int) -> Int { TLB.fetchOffset + index << 4 }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The translation of `linear` for an instruction fetch at the present privilege.
  func translateFetch(_ linear: UInt64) throws(Exit) -> (physical: UInt64, isGlobal: Bool) {
    if let known = knownFetch(linear) { return known }
    let translation = try translate(linear, Access.fetch | userBit)
    return enterFetch(linear, translation)
  }

  /// The same where a page fault is not to be raised; nil if there would be one.
  func probeFetch(_ linear: UInt64) -> (physical: UInt64, isGlobal: Bool)? {
    if let known = knownFetch(linear) { return known }
    var failure = PageRule.permitted
    guard let found = walk(linear, Access.fetch | userBit, updating: true, &failure) else { return nil }
    if found.pageShift != 12 { noteLargePage(linear, found.pageShift) }
    return enterFetch(linear, found)
  }

  @inline(__always)
  private func knownFetch(_ linear: UInt64) -> (physical: UInt64, isGlobal: Bool)? {
    let entry = pointee.bank + FetchTLB.entryOffset(linear)
    guard entry.load(as: UInt64.self) == linear & ~0xFFF else { return nil }
    let frame = entry.load(fromByteOffset: 8, as: UInt64.self)
    return (frame & ~0xFFF | linear & 0xFFF, frame & FetchTLB.global != 0)
  }

  private func enterFetch(
    _ linear: UInt64, _ translation: Translation
  ) -> (physical: UInt64, isGlobal: Bool) {
    let bank = pointee.bank
    let offset = FetchTLB.entryOffset(linear)
    let entry = bank + offset
    if !translation.isGlobal { EntryLog(bank, .localFetches).note((offset - TLB.fetchOffset) >> 4) }
    let old = entry.load(as: UInt64.self)
    if old != FetchTLB.invalid { dropJumps((bank - self.bank(0)) / TLB.bankSize, page: old) }
    entry.storeBytes(of: linear & ~0xFFF, as: UInt64.self)
    let frame = translation.physical & ~0xFFF | (translation.isGlobal ? FetchTLB.global : 0)
    entry.storeBytes(of: frame, toByteOffset: 8, as: UInt64.self)
    return (translation.physical, translation.isGlobal)
  }

  // MARK: Flushes, for `flushTranslations`

  func clearFetchTLB(_ bank: RawPointer) {
    EntryLog(bank, .localFetches).clear()
    for index in 0..<FetchTLB.count { invalidateFetch(bank + FetchTLB.offset(index)) }
  }

  func clearLocalFetches(_ bank: RawPointer) {
    EntryLog(bank, .localFetches).drain(all: FetchTLB.count) { index in
      let entry = bank + FetchTLB.offset(index)
      if entry.load(fromByteOffset: 8, as: UInt64.self) & FetchTLB.global == 0 { invalidateFetch(entry) }
    }
  }

  func clearFetch(_ bank: RawPointer, _ linear: UInt64) {
    let entry = bank + FetchTLB.entryOffset(linear)
    if entry.load(as: UInt64.self) == linear & ~0xFFF { invalidateFetch(entry) }
  }

  private func invalidateFetch(_ entry: RawPointer) {
    entry.storeBytes(of: FetchTLB.invalid, as: UInt64.self)
  }
}
