/// The checksums that the workloads are known to give.
package struct WorkloadChecksums {
  /// Nil where any will do.
  private let known: [String: String?]

  /// Lines `NAME CHECKSUM`, in which '-' is any.
  package init(_ text: String, path: String) throws(Failure) {
    var known: [String: String?] = [:]
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 2 else { throw .file("\(path): '\(line)' is not 'NAME CHECKSUM'") }
      known.updateValue(words[1] == "-" ? nil : words[1], forKey: words[0])
    }
    self.known = known
  }

  /// Those of the package; none if it has no such file.
  package init() throws(Failure) {
    let path = try PackageFiles.path(PackageFiles.workloadChecksums)
    let bytes = PackageFiles.exists(path) ? try PackageFiles.read(path) : []
    try self.init(String(decoding: bytes, as: UTF8.self), path: path)
  }

  package func run(_ row: RowName, _ interval: Interval) throws(Failure) -> Run {
    guard let checksum = interval.checksum else { return Run() }
    if let expected = known[row.name] ?? nil, expected != checksum {
      throw .check("\(row.full): its checksum is \(checksum), not \(expected)")
    }
    return Run(seconds: interval.seconds, checksum: checksum)
  }
}
