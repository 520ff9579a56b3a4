import Foundation

/// Arithmetic on the times of several runs.
package enum Statistics {
  /// Nil if there are none.
  package static func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// How far the least and the greatest value are from the median, in percent of it.
  package static func spread(_ values: [Double]) -> ClosedRange<Double>? {
    guard let middle = median(values), middle > 0, let least = values.min(), let greatest = values.max()
    else {
      return nil
    }
    return ((least / middle - 1) * 100)...((greatest / middle - 1) * 100)
  }

  /// Nil if there are none, or one is not positive.
  package static func geometricMean(_ values: [Double]) -> Double? {
    guard !values.isEmpty, values.allSatisfy({ $0 > 0 }) else { return nil }
    return exp(values.map { log($0) }.reduce(0, +) / Double(values.count))
  }

  /// From one value to another, in percent of the former.
  package static func change(from old: Double, to new: Double) -> Double { (new / old - 1) * 100 }
}

/// How the times of one emulator are to those of another.
package struct Ratio: Equatable {
  /// Of the medians.
  package let medians: Double
  /// The least and the greatest ratio of one round.
  package let rounds: ClosedRange<Double>

  /// Element by element the times of the same rounds. Nil if there are none, or not as many of both.
  package init?(_ times: [Double], to others: [Double]) {
    guard let time = Statistics.median(times), let other = Statistics.median(others),
      times.count == others.count, other > 0, others.allSatisfy({ $0 > 0 })
    else { return nil }
    let ratios = zip(times, others).map { $0 / $1 }
    guard let least = ratios.min(), let greatest = ratios.max() else { return nil }
    medians = time / other
    rounds = least...greatest
  }

  /// The geometric mean over several rows, and of each round for the least and greatest.
  package init?(mean rows: [(times: [Double], others: [Double])]) {
    let ratios = rows.compactMap { Ratio($0.times, to: $0.others)?.medians }
    guard !rows.isEmpty, ratios.count == rows.count, let mean = Statistics.geometricMean(ratios),
      let count = rows.map(\.times.count).min()
    else { return nil }
    let means = (0..<count).compactMap { round in
      Statistics.geometricMean(rows.map { $0.times[round] / $0.others[round] })
    }
    guard let least = means.min(), let greatest = means.max() else { return nil }
    medians = mean
    rounds = least...greatest
  }
}
