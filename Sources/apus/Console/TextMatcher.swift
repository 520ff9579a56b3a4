/// Looks for a text in a stream of bytes, in constant time per byte on average (Knuth, Morris, Pratt).
package struct TextMatcher {
  private let pattern: [UInt8]
  /// For each length of a partial match, the next shorter one that is also a prefix.
  private let fallback: [Int]
  private var matched = 0
  /// Whether the text has occurred.
  package private(set) var hasMatched = false

  /// `text` must not be empty; an empty text never matches.
  package init(_ text: String) {
    pattern = Array(text.utf8)
    var fallback = [Int](repeating: 0, count: pattern.count + 1)
    var length = 0
    for i in pattern.indices.dropFirst() {
      while length > 0 && pattern[i] != pattern[length] { length = fallback[length] }
      if pattern[i] == pattern[length] { length += 1 }
      fallback[i + 1] = length
    }
    self.fallback = fallback
  }

  /// Takes the next byte.
  package mutating func feed(_ byte: UInt8) {
    guard !pattern.isEmpty && !hasMatched else { return }
    while matched > 0 && pattern[matched] != byte { matched = fallback[matched] }
    if pattern[matched] == byte { matched += 1 }
    hasMatched = matched == pattern.count
  }
}
