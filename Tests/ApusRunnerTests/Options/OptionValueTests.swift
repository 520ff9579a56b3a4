import Testing
import apus

@Suite struct OptionValueTests {
  @Test(
    arguments: [
      ("256M", 256 << 20), ("256m", 256 << 20), ("1G", 1 << 30), ("1.5G", 3 << 29), ("0.25K", 256),
      ("512", 512 << 20),
      ("0", 0), ("16777215T", 16_777_215 << 40), ("1.000000001K", 1024), ("00008k", 8192),
    ] as [(String, UInt64)])
  func sizes(_ text: String, _ bytes: UInt64) throws {
    #expect(try OptionValue.size(text, unit: 1 << 20) == bytes)
  }

  @Test(arguments: [
    "", "M", "-1", "+1", "1MB", "1 M", " 1M", "0x10", "1.", ".5", "1.5.2G", "1e3", "1.0000000001G", "12Q",
    "١",
    "1KK", "1.xG",
  ])
  func malformedSizes(_ text: String) {
    #expect(throws: OptionValue.Refusal.malformed) { try OptionValue.size(text, unit: 1 << 20) }
  }

  @Test(arguments: [
    "18446744073709551616", "99999999999999999999999999999", "16777216T", "18446744073709551615K",
    "17592186044416", "16777215.999999999T9",
  ])
  func sizesBeyond64Bits(_ text: String) {
    #expect(throws: OptionValue.Refusal.self) { try OptionValue.size(text, unit: 1 << 20) }
  }

  @Test func countsScaleByThousands() throws {
    #expect(try OptionValue.count("1500M") == 1_500_000_000)
    #expect(try OptionValue.count("1.5G") == 1_500_000_000)
    #expect(try OptionValue.count("18446744073709551615") == .max)
    #expect(throws: OptionValue.Refusal.tooLarge) { try OptionValue.count("18446744073709551615K") }
  }

  @Test func secondsBecomeNanoseconds() throws {
    #expect(try OptionValue.seconds("10") == 10_000_000_000)
    #expect(try OptionValue.seconds("0.000000001") == 1)
    #expect(throws: OptionValue.Refusal.malformed) { try OptionValue.seconds("1K") }
    #expect(throws: OptionValue.Refusal.tooLarge) { try OptionValue.seconds("18446744074") }
  }

  @Test func numbers() throws {
    #expect(try OptionValue.number("0xF4") == 0xF4)
    #expect(try OptionValue.number("0XffffFFFFffffFFFF") == .max)
    #expect(throws: OptionValue.Refusal.tooLarge) { try OptionValue.number("0x10000000000000000") }
    for text in ["", "0x", "x", "-1", "+1", "1 ", "0x-1", "12g"] {
      #expect(throws: OptionValue.Refusal.malformed) { try OptionValue.number(text) }
    }
  }

  /// Expected values from `date -u -d DATE +%s`.
  @Test(
    arguments: [
      ("1970-01-01", 0), ("2026-01-01", 1_767_225_600), ("2000-02-29", 951_782_400),
      ("2024-02-29T23:59:59", 1_709_251_199), ("2100-03-01", 4_107_542_400),
      ("1999-12-31T23:59:59Z", 946_684_799),
      ("9999-12-31T23:59:59", 253_402_300_799), ("@1234567890", 1_234_567_890),
    ] as [(String, Int64)])
  func dates(_ text: String, _ seconds: Int64) throws {
    #expect(try OptionValue.date(text) == seconds)
  }

  @Test(arguments: [
    "", "2026", "2026-13-01", "2026-00-01", "2026-01-00", "2026-02-29", "2100-02-29", "1969-12-31",
    "2026-1-1",
    "2026-01-01 00:00:00", "2026-01-01T24:00:00", "2026-01-01T00:60:00", "2026-01-01T00:00:60",
    "2026-01-01T00:00", "2026-01-01Z", "@", "@-1", "@253402300800", "20260101", "2026-01-0１",
  ])
  func badDates(_ text: String) {
    #expect(throws: OptionValue.Refusal.self) { try OptionValue.date(text) }
  }

  @Test func doubledCommasAreCommas() {
    func entries(_ text: String, _ key: String? = nil) -> [String] {
      KeyValueList(text, impliedKey: key).entries.map { "\($0.key)|\($0.value ?? "-")" }
    }
    #expect(entries("file=a,,b.img,format=raw") == ["file|a,b.img", "format|raw"])
    #expect(entries("file=a,,,if=ide") == ["file|a,", "if|ide"])
    #expect(entries("file=x=y") == ["file|x=y"])
    #expect(entries("256M,slots=2", "size") == ["size|256M", "slots|2"])
    #expect(entries("kvm", nil) == ["kvm|-"])
    #expect(entries("", "size") == ["size|"])
    #expect(entries(",") == ["|-", "|-"])
  }
}
