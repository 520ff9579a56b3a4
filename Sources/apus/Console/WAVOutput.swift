import ApusDevices

/// A file that receives the PC speaker's sound: 16-bit samples of one channel in a RIFF/WAVE file (Microsoft and
/// IBM, "Multimedia Programming Interface and Data Specifications 1.0").
final class WAVOutput: AudioSink {
  private static let rate = 44_100
  /// RIFF counts bytes in 32 bits.
  private static let mostBytes = 0xFFFF_0000

  private let file: FileOutput
  private var sampler = SpeakerSampler(rate: WAVOutput.rate)
  private var byteCount = 0

  /// A recording into `file`, which is empty.
  init(_ file: FileOutput) {
    self.file = file
    // The sizes of a file that is still being written, or that cannot be written to twice.
    for byte in Self.header(.max) { file.send(byte) }
  }

  func take(_ segments: [SpeakerSegment], until end: UInt64) {
    sampler.append(segments, until: end) { samples in
      guard byteCount < Self.mostBytes else { return }
      byteCount += 2 * samples.count
      for sample in samples {
        file.send(UInt8(truncatingIfNeeded: sample))
        file.send(UInt8(truncatingIfNeeded: sample >> 8))
      }
    }
  }

  /// Writes the sizes, once everything else is written.
  func finish() { file.overwrite(Self.header(UInt32(byteCount))) }

  private static func header(_ dataSize: UInt32) -> [UInt8] {
    func integer(_ value: UInt32, _ size: Int) -> [UInt8] {
      (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
    }
    // PCM, one channel, samples and bytes a second, bytes of a sample, its bits.
    let format =
      integer(1, 2) + integer(1, 2) + integer(UInt32(rate), 4) + integer(UInt32(2 * rate), 4) + integer(2, 2)
      + integer(16, 2)
    return Array("RIFF".utf8) + integer(dataSize == .max ? .max : dataSize + 36, 4) + Array("WAVEfmt ".utf8)
      + integer(16, 4) + format + Array("data".utf8) + integer(dataSize, 4)
  }
}
