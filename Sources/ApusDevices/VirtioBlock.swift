import ApusBase

/// A virtio block device with one request queue.
///
/// Source: VIRTIO 1.2, "Block Device". Offered: VIRTIO_BLK_F_SEG_MAX, RO (for a read-only store), BLK_SIZE,
/// FLUSH, TOPOLOGY and WRITE_ZEROES. A driver that does not accept FLUSH gets write-through.
package final class VirtioBlock: VirtioBackend {
  /// Data bytes of one request, beyond which it fails with VIRTIO_BLK_S_IOERR.
  package static let requestLimit: UInt64 = 16 << 20
  /// Sectors of one WRITE_ZEROES request.
  private static let writeZeroesLimit: UInt32 = 32_768
  private static let segmentLimit: UInt32 = 254
  private static let chunk = 65_536

  /// The medium.
  package let store: any BlockStore
  /// The last failure of the medium that was the host's doing, for the runner's exit code.
  package private(set) var lastError: BlockError?
  private let serial: [UInt8]
  private var buffer = [UInt8](repeating: 0, count: chunk)

  private enum Feature {
    static let segMax: UInt64 = 1 << 2
    static let readOnly: UInt64 = 1 << 5
    static let blkSize: UInt64 = 1 << 6
    static let flush: UInt64 = 1 << 9
    static let topology: UInt64 = 1 << 10
    static let writeZeroes: UInt64 = 1 << 14
  }

  private enum Outcome: UInt8 {
    case ok = 0
    case ioError = 1
    case unsupported = 2
  }

  /// A device on `store`; `serial` is cut to 20 ASCII characters.
  package init(store: any BlockStore, serial: String = "apus-virtio") {
    self.store = store
    self.serial = Array(serial.utf8.prefix(20))
  }

  package var deviceType: UInt16 { 2 }
  package var classCode: UInt32 { 0x01_0000 }
  package var queueCount: Int { 1 }

  package var features: UInt64 {
    let common = Feature.segMax | Feature.blkSize | Feature.flush | Feature.topology
    return common | (store.isReadOnly ? Feature.readOnly : Feature.writeZeroes)
  }

  /// `virtio_blk_config`.
  package func configurationByte(_ offset: UInt64) -> UInt8 {
    func byte(_ value: UInt64, _ base: UInt64) -> UInt8 {
      UInt8(truncatingIfNeeded: value >> (8 * (offset - base)))
    }
    switch offset {
    case 0..<8: return byte(store.sectorCount, 0)
    case 12..<16: return byte(UInt64(Self.segmentLimit), 12)
    case 20..<24: return byte(512, 20)
    case 26..<28: return byte(1, 26)  // min_io_size, in blocks; one logical block per physical one.
    case 34..<36: return byte(1, 34)  // num_queues
    case 48..<52: return byte(UInt64(store.isReadOnly ? 0 : Self.writeZeroesLimit), 48)
    case 52..<56: return byte(store.isReadOnly ? 0 : 1, 52)
    default: return 0
    }
  }

  // MARK: Requests

  package func serve(
    _ chain: VirtioChain, queue: Int, features: UInt64, _ memory: any DMAMemory
  ) -> UInt32? {
    var chain = chain
    // The last writable byte takes the status; without it and a header there is no request to answer.
    guard let statusAt = chain.writable.removeLastByte(),
      chain.readable.read(into: &buffer, 0..<16, memory)
    else { return nil }
    let type = field(0, UInt32.self)
    let sector = field(8, UInt64.self)
    let room = chain.writable.remaining
    let outcome: Outcome
    switch type {
    case 0: outcome = read(sector, &chain.writable, memory)
    case 1: outcome = write(sector, &chain.readable, memory, durable: features & Feature.flush == 0)
    case 4: outcome = flush()
    case 8: outcome = identify(&chain.writable, memory)
    case 13 where features & Feature.writeZeroes != 0:
      outcome = writeZeroes(&chain.readable, memory, durable: features & Feature.flush == 0)
    default: outcome = .unsupported
    }
    guard DMAInteger.write(memory, statusAt, UInt64(outcome.rawValue), bytes: 1) else { return nil }
    return UInt32(clamping: room - chain.writable.remaining + 1)
  }

  /// A little-endian field of the header or segment in the buffer.
  private func field<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
    var value: T = 0
    for i in 0..<(T.bitWidth / 8) {
      value |= T(truncatingIfNeeded: buffer[offset + i]) << T(truncatingIfNeeded: 8 * i)
    }
    return value
  }

  private func failure(_ error: BlockError) -> Outcome {
    if error == .io { lastError = error }
    return .ioError
  }

  /// Whether `bytes` from `sector` are whole sectors on the medium, within the limit.
  private func isValid(_ sector: UInt64, bytes: UInt64) -> Bool {
    bytes % 512 == 0 && bytes <= Self.requestLimit && sector <= store.sectorCount
      && bytes / 512 <= store.sectorCount - sector
  }

  private func read(
    _ sector: UInt64, _ target: inout VirtioSegments, _ memory: any DMAMemory
  ) -> Outcome {
    guard isValid(sector, bytes: target.remaining) else { return .ioError }
    var sector = sector
    while target.remaining > 0 {
      let bytes = Int(min(target.remaining, UInt64(Self.chunk)))
      do throws(BlockError) {
        try store.read(sector: sector, count: bytes / 512, into: &buffer, at: 0)
      } catch {
        return failure(error)
      }
      guard target.write(from: buffer, 0..<bytes, memory) else { return .ioError }
      sector += UInt64(bytes / 512)
    }
    return .ok
  }

  private func write(
    _ sector: UInt64, _ source: inout VirtioSegments, _ memory: any DMAMemory, durable: Bool
  ) -> Outcome {
    guard !store.isReadOnly, isValid(sector, bytes: source.remaining) else { return .ioError }
    var sector = sector
    while source.remaining > 0 {
      let bytes = Int(min(source.remaining, UInt64(Self.chunk)))
      guard source.read(into: &buffer, 0..<bytes, memory) else { return .ioError }
      do throws(BlockError) {
        try store.write(sector: sector, count: bytes / 512, from: buffer, at: 0)
      } catch {
        return failure(error)
      }
      sector += UInt64(bytes / 512)
    }
    return durable ? flush() : .ok
  }

  private func flush() -> Outcome {
    do throws(BlockError) {
      try store.flush()
      return .ok
    } catch {
      return failure(error)
    }
  }

  /// VIRTIO_BLK_T_GET_ID: 20 bytes, padded with zeros.
  private func identify(_ target: inout VirtioSegments, _ memory: any DMAMemory) -> Outcome {
    let bytes = Int(min(target.remaining, 20))
    for i in 0..<bytes { buffer[i] = i < serial.count ? serial[i] : 0 }
    return target.write(from: buffer, 0..<bytes, memory) ? .ok : .ioError
  }

  /// One `virtio_blk_discard_write_zeroes` segment: sector, number of sectors, flags (unmap is a hint).
  private func writeZeroes(
    _ source: inout VirtioSegments, _ memory: any DMAMemory, durable: Bool
  ) -> Outcome {
    guard !store.isReadOnly, source.remaining == 16, source.read(into: &buffer, 0..<16, memory) else {
      return .ioError
    }
    var sector = field(0, UInt64.self)
    let count = field(8, UInt32.self)
    guard field(12, UInt32.self) & ~1 == 0 else { return .unsupported }
    guard count <= Self.writeZeroesLimit, isValid(sector, bytes: UInt64(count) * 512) else {
      return .ioError
    }
    for i in buffer.indices { buffer[i] = 0 }
    var left = Int(count)
    while left > 0 {
      let part = min(left, Self.chunk / 512)
      do throws(BlockError) {
        try store.write(sector: sector, count: part, from: buffer, at: 0)
      } catch {
        return failure(error)
      }
      sector += UInt64(part)
      left -= part
    }
    return durable ? flush() : .ok
  }
}

// MARK: For people

extension VirtioBlock {
  /// VIRTIO 1.2, "Block Device", "Feature bits", without VIRTIO_BLK_F_.
  package var featureNames: [String] {
    [
      "", "SIZE_MAX", "SEG_MAX", "", "GEOMETRY", "RO", "BLK_SIZE", "", "", "FLUSH", "TOPOLOGY", "CONFIG_WCE",
      "MQ", "DISCARD", "WRITE_ZEROES",
    ]
  }

  package func describe(into description: inout DeviceDescription) {
    description.add("block device", "\(store.sectorCount) sectors" + (store.isReadOnly ? ", read-only" : ""))
  }
}
