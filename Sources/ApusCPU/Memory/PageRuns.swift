// Memory as a snapshot's file has it: runs of pages that hold more than zeros, each compressed.
//
// A run: number of the first page (UInt32), pages less one (UInt8, at most 15), whether it is compressed (UInt8, 0 or 1),
// length (UInt32), bytes: an LZ4 block, or the pages where that is no shorter.

/// Why runs of pages cannot be read.
package enum PageRunError: Error, Equatable {
  case truncated
  /// A page that does not exist or comes again, or a length that cannot be.
  case malformed
}

private let longestRun = LZ4Block.limit >> 12

extension MemoryImage {
  /// Gives all runs to `body` in the order of their pages, until it says false.
  package func forEachRun(_ body: ([UInt8]) -> Bool) {
    var next = 0
    while next < pageCount {
      guard let first = page(next), !GuestRAM.isZero(first) else {
        next += 1
        continue
      }
      let start = next
      var pages = [UInt8](first)
      next += 1
      while next < pageCount, next - start < longestRun, let bytes = page(next),
        !GuestRAM.isZero(bytes)
      {
        pages += bytes
        next += 1
      }
      guard body(run(start, pages)) else { return }
    }
  }

  private func run(_ first: Int, _ pages: [UInt8]) -> [UInt8] {
    let block = pages.withUnsafeBytes { LZ4Block.compress($0) }
    let isCompressed = block.count < pages.count
    let bytes = isCompressed ? block : pages
    var run: [UInt8] = []
    run.reserveCapacity(bytes.count + 10)
    withUnsafeBytes(of: UInt32(first).littleEndian) { run += $0 }
    run += [UInt8(pages.count >> 12 - 1), isCompressed ? 1 : 0]
    withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { run += $0 }
    return run + bytes
  }
}

extension GuestRAM {
  /// Fills pages from the runs in a range of bytes; their other pages stay. For memory that is all zero and that no
  /// processor uses yet. Returns the number of runs.
  package func load(runs bytes: [UInt8], _ range: Range<Int>) throws(PageRunError) -> Int {
    var at = range.lowerBound
    let end = range.upperBound
    var count = 0
    while at < end {
      guard end - at >= 10 else { throw .truncated }
      func word(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[at + offset + $1]) << ($1 * 8) } }
      let (first, pages, kind, length) = (word(0), Int(bytes[at + 4]) + 1, bytes[at + 5], word(6))
      at += 10
      guard pages <= longestRun, first <= pageCount - pages, kind <= 1, length <= LZ4Block.limit,
        kind == 1 || length == pages << 12
      else { throw .malformed }
      guard length <= end - at else { throw .truncated }
      guard load(bytes, at..<at + length, isCompressed: kind == 1, first, pages) else { throw .malformed }
      at += length
      count += 1
    }
    return count
  }

  private func load(_ bytes: [UInt8], _ range: Range<Int>, isCompressed: Bool, _ first: Int, _ pages: Int)
    -> Bool
  {
    for page in first..<first + pages {
      guard flags[page] == 0, displacements[page] == 0 else { return false }
      flags[page] = PageFlag.dirty
    }
    let target = UnsafeMutableRawBufferPointer(start: base + first << 12, count: pages << 12)
    return bytes.withUnsafeBytes { all in
      let source = UnsafeRawBufferPointer(rebasing: all[range])
      if isCompressed { return LZ4Block.decompress(source, into: target) }
      target.copyMemory(from: source)
      return true
    }
  }
}
