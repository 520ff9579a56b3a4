import ApusCPU
import ApusDebug
import ApusMachine
import Testing

/// What the page's script does with the data, as far as a test needs it.
private struct PageData {
  let text: Substring

  init(_ page: String) throws {
    let opening = "<script type=\"application/json\" id=\"trace\">"
    let start = try #require(page.range(of: opening))
    let end = try #require(page.range(of: "</script>", after: start.upperBound))
    text = page[start.upperBound..<end.lowerBound]
  }

  /// The texts of a list of texts.
  func list(_ name: String) throws -> [Substring] {
    let start = try #require(text.range(of: "\"\(name)\":["))
    let end = try #require(text.range(of: "]", after: start.upperBound))
    return text[start.upperBound..<end.lowerBound].split(separator: ",").map { $0.dropFirst().dropLast() }
  }

  /// The registers after all steps. `lengths` are those of the instructions.
  func registers(_ lengths: [Int]) throws -> [UInt64] {
    var values = try list("initial").map { try #require(UInt64($0, radix: 16)) }
    for step in try list("steps") {
      let words = step.split(separator: " ")
      var jumps = false
      for word in words.dropFirst() where word.first?.isNumber == true {
        let sign = try #require(word.firstIndex { "=+-".contains($0) })
        let register = try #require(Int(word[..<sign]))
        let number = try #require(UInt64(word[word.index(after: sign)...], radix: 16))
        switch word[sign] {
        case "=": values[register] = number
        case "+": values[register] &+= number
        default: values[register] &-= number
        }
        if register == 16 { jumps = true }
      }
      if !jumps, let code = Int(words[0]) { values[16] &+= UInt64(lengths[code]) }
    }
    return values
  }
}

extension StringProtocol {
  /// Where a text is first, at or after an index.
  fileprivate func range(of other: String, after start: Index? = nil) -> Range<Index>? {
    var index = start ?? startIndex
    while index < endIndex {
      if self[index...].hasPrefix(other) { return index..<self.index(index, offsetBy: other.count) }
      index = self.index(after: index)
    }
    return nil
  }
}

@Suite struct TracePageTests {
  private func page(_ recording: TraceRecording, title: String = "A guest") -> String {
    String(decoding: TracePage.bytes(recording, title: title, subtitle: "apus"), as: UTF8.self)
  }

  @Test func theDataSayWhatHappened() throws {
    let machine = try TracedGuest.lesson()
    let recording = TracedGuest.record(machine, 6000)
    let data = try PageData(page(recording))
    #expect(try data.list("steps").count == 6000)
    #expect(try data.list("registers").map(String.init) == RegisterFile.names)
    #expect(try data.registers(recording.code.map { $0.bytes.count }) == RegisterFile.values(machine.state))
  }

  /// What most instructions do takes a few bytes.
  @Test func pagesAreSmall() throws {
    let machine = try TracedGuest.lesson()
    TracedGuest.advance(machine, to: 5000)
    let recording = TracedGuest.record(machine, 20_000)
    let empty = TracedGuest.record(try TracedGuest.lesson(), 0)
    let frame = TracePage.bytes(empty, title: "", subtitle: "").count
    let whole = TracePage.bytes(recording, title: "", subtitle: "").count
    #expect(frame < 150_000 && (whole - frame) / 20_000 < 80, "\(frame) + \(whole - frame)")
  }

  @Test func textsCannotLeaveTheirPlace() throws {
    let title = "</script><b onclick='x'>&\"\\\u{2028}\u{1B}\u{7F}\n\u{E9}"
    let page = page(TracedGuest.record(try TracedGuest.lesson(), 3), title: title)
    #expect(page.split(separator: "</script>", omittingEmptySubsequences: false).count == 3)
    #expect(!page.contains("<b onclick"))
    #expect(page.contains("<title>&lt;/script&gt;&lt;b onclick='x'&gt;&amp;\"\\"))
    let json = "\"title\":\"\\u003c/script\\u003e\\u003cb onclick='x'\\u003e\\u0026\\\"\\\\"
    #expect(page.contains(json + "\\u2028\\u001b\\u007f\\u000a\u{E9}\""))
  }

  @Test func itAsksNobody() throws {
    let page = page(TracedGuest.record(try TracedGuest.lesson(), 3))
    for reference in ["http:", "https:", "//cdn", "url(", "@import", "<link", "src=", "import(", "fetch("] {
      #expect(!page.contains(reference), "\(reference)")
    }
    #expect(page.contains("default-src 'none'"))
    #expect(page.hasPrefix("<!DOCTYPE html>\n") && page.hasSuffix("</html>\n"))
  }
}
