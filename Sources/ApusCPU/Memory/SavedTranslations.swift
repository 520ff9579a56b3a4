import ApusBase

// What the TLBs hold, as a saved section. A guest that changes its page tables without flushing sees which translations
// the processor still has, and whether an accessed flag is set again follows from it: a machine that went on without
// them would not be the same. What rests on the TLBs (jump caches, return stacks, decoded blocks) is found again.

extension Processor {
  /// Writes the section `Translations`.
  package func saveTranslations(to writer: inout StateWriter) {
    writer.section("Translations", version: 1) { w in
      for index in 0..<Layout.bankCount {
        Self.save(cpu.dataEntries(index), to: &w)
        Self.save(cpu.fetchEntries(index), to: &w)
      }
      for index in 0..<TLB.walkCacheCount {
        let entry = cpu.walkCache[index]
        for value in [entry.tag, entry.table, entry.rights, entry.noExecute] { w.write(value) }
      }
      for index in 0..<64 { w.write(cpu.largeSet[index]) }
    }
  }

  /// The inverse of `saveTranslations`, after everything else that makes up the processor and its memory is restored.
  package func restoreTranslations(from reader: inout StateReader) throws(StateError) {
    cpu.flushTranslations(.all)
    try reader.section("Translations", newest: 1) { r, _ throws(StateError) in
      for index in 0..<Layout.bankCount {
        let bank = cpu.bank(index)
        for (tag, information) in try Self.entries(from: &r, limit: TLB.entryCount) {
          let page = information >> 12
          guard tag & 0xFFF == 0, page < UInt64(ram.pageCount) else { throw r.invalid("TLB entry") }
          cpu.restoreEntry(bank, tag, information)
        }
        for (tag, frame) in try Self.entries(from: &r, limit: FetchTLB.count) {
          guard tag & 0xFFF == 0, frame & 0xFFE == 0 else { throw r.invalid("instruction TLB entry") }
          cpu.restoreFetch(bank, tag, frame)
        }
      }
      for index in 0..<TLB.walkCacheCount {
        cpu.walkCache[index] = PageDirectoryEntry(
          tag: try r.read(), table: try r.read() & PageEntry.addressMask, rights: try r.read(),
          noExecute: try r.read())
      }
      for index in 0..<64 { cpu.largeSet[index] = try r.read() }
    }
  }

  private static func save(_ entries: [(UInt64, UInt64)], to w: inout StateWriter) {
    w.write(UInt32(truncatingIfNeeded: entries.count))
    for entry in entries {
      w.write(entry.0)
      w.write(entry.1)
    }
  }

  private static func entries(
    from r: inout StateReader, limit: Int
  ) throws(StateError) -> [(UInt64, UInt64)] {
    let count = Int(try r.read(UInt32.self))
    guard count <= limit else { throw r.invalid("number of TLB entries") }
    var entries: [(UInt64, UInt64)] = []
    for _ in 0..<count { entries.append((try r.read(), try r.read())) }
    return entries
  }
}

extension UnsafeMutablePointer where Pointee == CPUState {
  /// The valid entries of a bank in the order of their places: linear page and information.
  fileprivate func dataEntries(_ index: Int) -> [(UInt64, UInt64)] {
    var entries: [(UInt64, UInt64)] = []
    for slot in 0..<TLB.entryCount {
      let offset = slot << TLB.entryShift
      let tag = (bank(index) + offset).load(as: UInt64.self)
      guard tag != TLB.invalidTag(offset) else { continue }
      entries.append((tag, (bank(index) + offset).load(fromByteOffset: TLB.information, as: UInt64.self)))
    }
    return entries
  }

  fileprivate func fetchEntries(_ index: Int) -> [(UInt64, UInt64)] {
    var entries: [(UInt64, UInt64)] = []
    for slot in 0..<FetchTLB.count {
      let entry = bank(index) + FetchTLB.offset(slot)
      let tag = entry.load(as: UInt64.self)
      guard tag != FetchTLB.invalid else { continue }
      entries.append((tag, entry.load(fromByteOffset: 8, as: UInt64.self)))
    }
    return entries
  }

  /// The write tag comes with the first store: see `TLB.writable`.
  fileprivate func restoreEntry(_ bank: RawPointer, _ page: UInt64, _ information: UInt64) {
    let offset = TLB.entryOffset(page)
    let entry = bank + offset
    entry.storeBytes(of: page, as: UInt64.self)
    entry.storeBytes(of: TLB.invalidTag(offset), toByteOffset: TLB.writeTag, as: UInt64.self)
    let host = UInt64(UInt(bitPattern: host(Int(truncatingIfNeeded: information & ~0xFFF))))
    entry.storeBytes(of: host &- page, toByteOffset: TLB.addend, as: UInt64.self)
    entry.storeBytes(of: information, toByteOffset: TLB.information, as: UInt64.self)
    noteEntry(offset, hostPage: information)
    if information & TLB.smap != 0 { EntryLog(bank, .smapPages).note(offset >> TLB.entryShift) }
    if information & TLB.global == 0 { EntryLog(bank, .localPages).note(offset >> TLB.entryShift) }
  }

  fileprivate func restoreFetch(_ bank: RawPointer, _ page: UInt64, _ frame: UInt64) {
    let offset = FetchTLB.entryOffset(page)
    (bank + offset).storeBytes(of: page, as: UInt64.self)
    (bank + offset).storeBytes(of: frame, toByteOffset: 8, as: UInt64.self)
    if frame & FetchTLB.global == 0 { EntryLog(bank, .localFetches).note((offset - TLB.fetchOffset) >> 4) }
  }
}
