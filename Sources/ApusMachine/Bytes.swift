/// Searching in bytes.
package enum Bytes {
  /// Where the first occurrence of `pattern` at `start` or later ends; nil if there is none.
  package static func end(of pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard let first = pattern.first else { return start }
    var place = start
    while place + pattern.count <= bytes.count {
      if bytes[place] == first && bytes[place..<(place + pattern.count)].elementsEqual(pattern) {
        return place + pattern.count
      }
      place += 1
    }
    return nil
  }
}
