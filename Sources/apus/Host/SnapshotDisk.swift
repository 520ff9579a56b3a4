import ApusDevices

/// A disk whose writes are kept in memory and forgotten with it (`snapshot=on`). What was not written comes from the
/// image, which is only read. It holds as much of the image as the guest writes, in pieces of 4 KiB.
package final class SnapshotDisk: BlockStore {
  private static let sectorsPerPiece: UInt64 = 8
  private static let sectorSize = 512

  private let image: any BlockStore
  private var pieces: [UInt64: [UInt8]] = [:]

  /// A disk that begins as `image`.
  package init(_ image: any BlockStore) { self.image = image }

  package var sectorCount: UInt64 { image.sectorCount }
  package var isReadOnly: Bool { false }

  package func read(
    sector: UInt64, count: Int, into buffer: inout [UInt8], at offset: Int
  ) throws(BlockError) {
    try image.read(sector: sector, count: count, into: &buffer, at: offset)
    guard !pieces.isEmpty else { return }
    for index in 0..<UInt64(count) {
      let (number, rest) = (sector + index).quotientAndRemainder(dividingBy: Self.sectorsPerPiece)
      guard let piece = pieces[number] else { continue }
      let (from, to) = (Int(rest) * Self.sectorSize, offset + Int(index) * Self.sectorSize)
      buffer.replaceSubrange(to..<to + Self.sectorSize, with: piece[from..<from + Self.sectorSize])
    }
  }

  package func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError) {
    guard count >= 0, sector <= sectorCount, UInt64(count) <= sectorCount - sector, offset >= 0,
      offset <= buffer.count, count <= (buffer.count - offset) / Self.sectorSize
    else { throw .outOfRange }
    for index in 0..<UInt64(count) {
      let (number, rest) = (sector + index).quotientAndRemainder(dividingBy: Self.sectorsPerPiece)
      var piece: [UInt8]
      if let written = pieces.removeValue(forKey: number) {
        piece = written
      } else {
        piece = try original(number)
      }
      let (from, to) = (offset + Int(index) * Self.sectorSize, Int(rest) * Self.sectorSize)
      piece.replaceSubrange(to..<to + Self.sectorSize, with: buffer[from..<from + Self.sectorSize])
      pieces[number] = piece
    }
  }

  package func flush() throws(BlockError) {}

  /// A piece as the image has it; the last may be shorter.
  private func original(_ number: UInt64) throws(BlockError) -> [UInt8] {
    let first = number * Self.sectorsPerPiece
    let count = Int(min(Self.sectorsPerPiece, sectorCount - first))
    var piece = [UInt8](repeating: 0, count: count * Self.sectorSize)
    try image.read(sector: first, count: count, into: &piece, at: 0)
    return piece
  }
}
