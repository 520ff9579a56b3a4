/// Cases and outcomes of one exchange with an oracle. The storage may be memory shared with another process.
///
/// Safety: records are addressed by an index below `capacity`, which `caseRecord` and `outcome` check; whoever
/// makes a batch guarantees storage of `Batch.bytes` and keeps it for as long as the batch.
package final class Batch {
  /// Two batches at a time leave the first slot and the last unused: addresses near the ends of the code are too
  /// easily met by chance.
  package static let capacity = LinearLayout.slotCount / 2 - 1
  /// Bytes of storage: the case records, then the outcomes.
  package static let bytes = capacity * (CaseRecord.size + OutcomeRecord.size)

  private let storage: UnsafeMutableRawPointer
  private let owns: Bool
  /// The number of cases in it.
  package var count = 0
  /// The first code slot of the batch: batches that are in use at the same time have different ones.
  package let firstSlot: Int

  /// A batch over storage that outlives it, 64-byte aligned, all zero.
  package init(storage: UnsafeMutableRawPointer, firstSlot: Int) {
    self.storage = storage
    self.firstSlot = firstSlot
    owns = false
  }

  /// A batch with storage of its own.
  package init(firstSlot: Int = 1) {
    storage = .allocate(byteCount: Batch.bytes, alignment: 64)
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: Batch.bytes)
    self.firstSlot = firstSlot
    owns = true
  }

  deinit { if owns { storage.deallocate() } }

  /// The record of case `index`.
  @inline(__always)
  package func caseRecord(_ index: Int) -> UnsafeMutableRawPointer {
    precondition(index >= 0 && index < Batch.capacity)
    return storage + index * CaseRecord.size
  }

  /// The record of the oracle's outcome of case `index`.
  @inline(__always)
  package func outcome(_ index: Int) -> UnsafeMutableRawPointer {
    precondition(index >= 0 && index < Batch.capacity)
    return storage + (Batch.capacity * CaseRecord.size + index * OutcomeRecord.size)
  }

  /// The linear address of the code slot of case `index`, whose mode is `mode`.
  package func slotAddress(_ index: Int, _ mode: CaseMode) -> UInt64 {
    mode.layout.code + UInt64((firstSlot + index) * LinearLayout.slotSize)
  }
}

/// Loads and stores in records, which are read and written without alignment.
extension UnsafeMutableRawPointer {
  @inline(__always)
  package func get<T: BitwiseCopyable>(_ offset: Int, _: T.Type = T.self) -> T {
    loadUnaligned(fromByteOffset: offset, as: T.self)
  }

  @inline(__always)
  package func put<T: BitwiseCopyable>(_ offset: Int, _ value: T) {
    storeBytes(of: value, toByteOffset: offset, as: T.self)
  }

  /// General register `index` of a machine image at this address.
  @inline(__always)
  package func gpr(_ index: Int) -> UInt64 { get(MachineImage.gpr + index * 8) }

  @inline(__always)
  package func setGPR(_ index: Int, _ value: UInt64) { put(MachineImage.gpr + index * 8, value) }
}
