/// Why a device could not be attached to the board.
package enum AttachError: Error, Equatable {
  /// The ports `first...last` that `device` asks for belong to `owner` in part.
  case portsOverlap(device: String, first: UInt16, last: UInt16, owner: String)
  /// The physical addresses `first...last` that `device` asks for belong to `owner` in part.
  case memoryOverlaps(device: String, first: UInt64, last: UInt64, owner: String)

  /// The error on one line.
  package var message: String {
    switch self {
    case .portsOverlap(let device, let first, let last, let owner):
      "\(device): ports \(hexadecimal(UInt64(first))) to \(hexadecimal(UInt64(last))) overlap those of \(owner)"
    case .memoryOverlaps(let device, let first, let last, let owner):
      "\(device): addresses \(hexadecimal(first)) to \(hexadecimal(last)) overlap those of \(owner)"
    }
  }
}
