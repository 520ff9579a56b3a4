import ApusBase
import ApusDevices

/// What a guest has written to a disk whose image stays as it is: pieces of 4 KiB by their number. Copies share what
/// neither has written since.
public struct DiskChanges: Sendable {
  static let sectorsPerPiece: UInt64 = 8
  static let pieceSize = 4096
  var pieces: [UInt64: [UInt8]] = [:]

  /// Whether nothing was written.
  public var isEmpty: Bool { pieces.isEmpty }

  /// No changes.
  public init() {}
}

/// A disk whose writes are kept in memory and forgotten with it (`snapshot=on`), so that snapshots of the machine have
/// them, too. What was not written comes from the image, which is only read. It holds as much of the image as the guest
/// writes, in pieces of 4 KiB.
public final class OverlayDisk: BlockStore {
  private static let sectorsPerPiece = DiskChanges.sectorsPerPiece
  private static let sectorSize = 512

  let image: any BlockStore
  /// What was written.
  public internal(set) var changes: DiskChanges
  private var pieces: [UInt64: [UInt8]] {
    _read { yield changes.pieces }
    _modify { yield &changes.pieces }
  }

  /// A disk that begins as `image` with some changes.
  public init(_ image: any BlockStore, changes: DiskChanges = DiskChanges()) {
    self.image = image
    self.changes = changes
  }

  /// The image's size.
  public var sectorCount: UInt64 { image.sectorCount }
  /// It can be written, whatever the image can.
  public var isReadOnly: Bool { false }

  /// Reads what was written last, by the guest or to the image.
  public func read(
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

  /// Keeps what is written.
  public func write(sector: UInt64, count: Int, from buffer: [UInt8], at offset: Int) throws(BlockError) {
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

  /// Nothing is to be made durable.
  public func flush() throws(BlockError) {}

  /// A piece as the image has it; the last may be shorter.
  private func original(_ number: UInt64) throws(BlockError) -> [UInt8] {
    let first = number * Self.sectorsPerPiece
    let count = Int(min(Self.sectorsPerPiece, sectorCount - first))
    var piece = [UInt8](repeating: 0, count: count * Self.sectorSize)
    try image.read(sector: first, count: count, into: &piece, at: 0)
    return piece
  }
}
