import ApusBase

// The board's access to the host block: DMA, loaders, and the hash of the machine's state. Every function
// checks its range against the block, which is what makes its pointers safe.

extension Processor {
  /// Bytes of RAM and ROM together.
  private var hostSize: UInt64 { ram.size + GuestRAM.romSize }

  private func isHost(_ hostOffset: UInt64, _ count: Int) -> Bool {
    count >= 0 && hostOffset <= hostSize && UInt64(count) <= hostSize - hostOffset
  }

  /// Copies `range.count` bytes at `hostOffset` to `buffer[range]`; false, with nothing done, if either does
  /// not exist.
  package func readHost(_ hostOffset: UInt64, into buffer: inout [UInt8], _ range: Range<Int>) -> Bool {
    guard range.lowerBound >= 0, range.upperBound <= buffer.count, isHost(hostOffset, range.count) else {
      return false
    }
    buffer.withUnsafeMutableBytes { bytes in
      forEachPage(hostOffset, range.count) { source, done, count in
        let target = UnsafeMutableRawBufferPointer(
          rebasing: bytes[(range.lowerBound + done)...].prefix(count))
        target.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count))
      }
    }
    return true
  }

  /// Copies `buffer[range]` to `hostOffset`, drops code decoded from there and marks the pages written; false,
  /// with nothing done, if either does not exist.
  package func writeHost(_ hostOffset: UInt64, from buffer: [UInt8], _ range: Range<Int>) -> Bool {
    guard range.lowerBound >= 0, range.upperBound <= buffer.count, isHost(hostOffset, range.count) else {
      return false
    }
    guard !range.isEmpty else { return true }
    noteDMAWrite(hostOffset: hostOffset, count: range.count)
    buffer.withUnsafeBytes { bytes in
      forEachPage(hostOffset, range.count) { target, done, count in
        let source = UnsafeRawBufferPointer(rebasing: bytes[(range.lowerBound + done)...].prefix(count))
        UnsafeMutableRawBufferPointer(start: target, count: count).copyMemory(from: source)
      }
    }
    return true
  }

  /// The pieces in one page each of a range of the host block: where the piece is, how many bytes of the range come
  /// before it, and how many it has.
  private func forEachPage(_ hostOffset: UInt64, _ count: Int, _ body: (RawPointer, Int, Int) -> Void) {
    var done = 0
    while done < count {
      let offset = Int(hostOffset) + done
      let piece = min(count - done, 4096 - offset & 0xFFF)
      body(cpu.host(offset), done, piece)
      done += piece
    }
  }

  /// Zeroes `count` bytes at `hostOffset`, leaving out pages that nothing has written; false, with nothing
  /// done, if they do not all exist.
  package func zeroHost(_ hostOffset: UInt64, count: UInt64) -> Bool {
    guard hostOffset <= hostSize, count <= hostSize - hostOffset else { return false }
    var at = hostOffset
    let end = hostOffset + count
    while at < end {
      let next = min((at | 0xFFF) + 1, end)
      if ram.flags[Int(at >> 12)] & PageFlag.dirty != 0 {
        noteDMAWrite(hostOffset: at, count: Int(next - at))
        cpu.host(Int(at)).initializeMemory(as: UInt8.self, repeating: 0, count: Int(next - at))
      }
      at = next
    }
    return true
  }

  /// A 64-bit hash of RAM and ROM. Pages that hold zeros count for nothing, so it does not matter whether
  /// anything wrote them; pages that nothing wrote are not touched.
  package func memoryHash() -> UInt64 {
    var hash: UInt64 = 0x243F_6A88_85A3_08D3
    for page in 0..<ram.pageCount where ram.flags[page] & PageFlag.dirty != 0 {
      guard let contents = pageHash(page) else { continue }
      hash = (hash ^ UInt64(page) ^ contents) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return hash
  }

  /// The hash of one page, nil if it holds zeros. Four lanes, so that the multiplications overlap.
  private func pageHash(_ page: Int) -> UInt64? {
    let bytes = UnsafeRawPointer(ram.page(page))
    guard !GuestRAM.isZero(UnsafeRawBufferPointer(start: bytes, count: 4096)) else { return nil }
    let words = bytes.assumingMemoryBound(to: SIMD4<UInt64>.self)
    var lanes = SIMD4<UInt64>(
      0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0, 0x082E_FA98_EC4E_6C89, 0x4528_21E6_38D0_1377)
    for index in 0..<128 {
      lanes = (lanes ^ words[index]) &* SIMD4(repeating: 0xD6E8_FEB8_6659_FD93)
      lanes ^= lanes &>> SIMD4(repeating: 32)
    }
    var hash = lanes[0]
    for lane in 1..<4 {
      hash = (hash ^ lanes[lane]) &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
    }
    return hash
  }
}

extension Processor {
  /// RAM and ROM as they are now; what the guest writes from now on goes to other pages. The guest does not notice.
  package func freezeMemory() -> MemoryImage {
    cpu.evictWriteTags()
    return ram.freeze()
  }

  /// Makes RAM and ROM those of an image of the same size. `restore` and `restoreTranslations` have to follow, which
  /// drop what rests on the old contents.
  package func revertMemory(to image: MemoryImage) {
    cpu.emptyBlockCache()
    cpu.flushTranslations(.all)
    ram.revert(to: image)
    watchPhysical(true)
  }
}
