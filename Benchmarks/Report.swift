import Foundation

/// The results as a table for people and as JSON.
struct Report {
  let measurements: [Measurement]

  var table: String {
    var lines = [Self.row("guest", ["instructions", "CPU s", "spread %", "million/s"])]
    for measurement in measurements {
      let spread = measurement.spread
      lines.append(
        Self.row(
          measurement.guest.name,
          [
            String(measurement.instructions), Self.fixed(measurement.median, 3),
            "\(Self.fixed(spread.lowerBound, 1)) +\(Self.fixed(spread.upperBound, 1))",
            Self.fixed(measurement.speed, 1),
          ]))
    }
    let integer = measurements.filter { $0.guest.isInteger }
    if let mean = Self.geometricMean(integer) {
      lines.append("geometric mean, integer guests (\(integer.count)): \(Self.fixed(mean, 1)) million/s")
    }
    if let mean = Self.geometricMean(measurements) {
      lines.append("geometric mean, all guests (\(measurements.count)): \(Self.fixed(mean, 1)) million/s")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  func write(json path: String) throws(Failure) {
    let document = Document(
      guests: measurements.map {
        Document.Entry(
          name: $0.guest.name, checksum: $0.guest.checksum, instructions: $0.instructions,
          cpuSeconds: $0.seconds, medianCPUSeconds: $0.median, millionInstructionsPerSecond: $0.speed)
      },
      geometricMeanInteger: Self.geometricMean(measurements.filter { $0.guest.isInteger }),
      geometricMeanAll: Self.geometricMean(measurements))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      var data = try encoder.encode(document)
      data.append(contentsOf: "\n".utf8)
      try data.write(to: URL(fileURLWithPath: path))
    } catch {
      throw .file("\(path): cannot be written: \(error.localizedDescription)")
    }
  }

  private struct Document: Encodable {
    struct Entry: Encodable {
      var name: String
      var checksum: String
      var instructions: UInt64
      var cpuSeconds: [Double]
      var medianCPUSeconds: Double
      var millionInstructionsPerSecond: Double
    }

    var guests: [Entry]
    var geometricMeanInteger: Double?
    var geometricMeanAll: Double?
  }

  /// Of the guests' speeds; nil if there are none.
  private static func geometricMean(_ measurements: [Measurement]) -> Double? {
    guard !measurements.isEmpty else { return nil }
    return exp(measurements.map { log($0.speed) }.reduce(0, +) / Double(measurements.count))
  }

  private static func row(_ name: String, _ columns: [String]) -> String {
    let padded = columns.map { String(repeating: " ", count: max(0, 13 - $0.count)) + $0 }
    return name.padding(toLength: 17, withPad: " ", startingAt: 0) + padded.joined(separator: " ")
  }

  private static func fixed(_ value: Double, _ places: Int) -> String {
    String(format: "%.\(places)f", value)
  }
}
