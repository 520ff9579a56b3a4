import Testing
import apus

@Suite struct Probe {
  @Test func parses() throws {
    #expect(try OptionParser.parse(["-m", "1G"]).memorySize == 1 << 30)
  }
}
