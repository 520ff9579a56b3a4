import ApusBenchmarks
import Testing

/// Medians, means and ratios of times.
@Suite struct StatisticsTests {
  @Test func theMedianIsTheMiddleOne() {
    #expect(Statistics.median([3, 1, 2]) == 2)
    #expect(Statistics.median([4, 1, 2, 3]) == 2.5)
    #expect(Statistics.median([]) == nil)
  }

  @Test func theSpreadIsInPercentOfTheMedian() {
    #expect(Statistics.spread([3, 4, 6]) == -25...50)
    #expect(Statistics.spread([]) == nil)
    #expect(Statistics.spread([0, 0]) == nil)
  }

  @Test func theGeometricMeanNeedsPositiveValues() throws {
    #expect(abs(try #require(Statistics.geometricMean([2, 8])) - 4) < 1e-12)
    #expect(Statistics.geometricMean([]) == nil)
    #expect(Statistics.geometricMean([1, 0]) == nil)
  }

  @Test func aRatioIsOfMediansAndItsRangeOfRounds() throws {
    let ratio = try #require(Ratio([1, 4, 2], to: [1, 2, 4]))
    #expect(ratio.medians == 1)
    #expect(ratio.rounds == 0.5...2)
    #expect(Ratio([1], to: [1, 2]) == nil)
    #expect(Ratio([], to: []) == nil)
    #expect(Ratio([1], to: [0]) == nil)
  }

  @Test func theMeanRatioOfARoundIsTheMeanOfItsRows() throws {
    let ratio = try #require(
      Ratio(mean: [(times: [2, 2], others: [1, 1]), (times: [8, 2], others: [1, 1])]))
    #expect(abs(ratio.rounds.lowerBound - 2) < 1e-12)
    #expect(abs(ratio.rounds.upperBound - 4) < 1e-12)
    #expect(abs(ratio.medians * ratio.medians - 10) < 1e-12)
    #expect(Ratio(mean: []) == nil)
  }

  @Test func emptyColumnsAreLeftOut() {
    var table = TextTable(["row", "s", "peak", "ratio"])
    table.add(["crc32", "0.25", "", "1.00"])
    table.add(["sieve", "10.50", "", ""])
    #expect(table.text == "row        s  ratio\ncrc32   0.25   1.00\nsieve  10.50\n")
  }

  @Test func aListOfProcessorsHasRanges() {
    #expect(HostCPU.list("0-3,8") == [0, 1, 2, 3, 8])
    #expect(HostCPU.list("5") == [5])
    #expect(HostCPU.list("") == [])
  }

  @Test func countersSayTheirCounts() {
    let perf = HostInstructions(counter: .perf("perf"))
    #expect(perf.count("1234,,instructions:u,5678,100.00,,") == 1234)
    #expect(perf.count("<not supported>,,instructions:u,0,100.00,,") == nil)
    let valgrind = HostInstructions(counter: .valgrind("valgrind"))
    #expect(valgrind.count("==8005== I   refs:      374,858,655") == 374_858_655)
    #expect(valgrind.count("==8005== Command: apus") == nil)
  }
}
