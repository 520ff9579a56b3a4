import Foundation

/// One of the guests in the image.
struct Guest {
  /// What `bench=` selects it by.
  let number: Int
  let name: String
  /// The checksum it prints, 16 hexadecimal digits.
  let checksum: String

  /// Whether it computes with integers in general registers. The others are told from these in the summary,
  /// because their speed depends on the host's floating point and vectors besides the interpreter's design.
  var isInteger: Bool { !["mandelbrot-sse2", "x87", "avx2"].contains(name) }
}

/// The image with its guests.
struct Suite {
  let path: String
  let image: [UInt8]
  let guests: [Guest]

  private static let relativePath = "testroms/benchmarks/benchmarks.elf"

  init(_ options: Options) throws(Failure) {
    if let image = options.image { path = image } else { path = try Self.find() }
    image = try Self.read(path)
    let list = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent("checksums.txt")
    let text = String(decoding: try Self.read(list.path), as: UTF8.self)
    var all: [Guest] = []
    for line in text.split(whereSeparator: \.isNewline) {
      let fields = line.split(separator: " ")
      guard fields.count == 3, let number = Int(fields[0]) else {
        throw .file("\(list.path): '\(line)' is not 'NUMBER NAME CHECKSUM'")
      }
      all.append(Guest(number: number, name: String(fields[1]), checksum: String(fields[2])))
    }
    for name in options.only where !all.contains(where: { $0.name == name }) {
      throw .usage("--only: no guest '\(name)'; there are: " + all.map(\.name).joined(separator: ", "))
    }
    guests = all.filter { options.only.isEmpty || options.only.contains($0.name) }
    guard !guests.isEmpty else { throw .file("\(list.path): names no guest") }
  }

  /// The image of the package that the current directory is in, else of the one this program was built in:
  /// `swift run --package-path` leaves the current directory alone.
  private static func find() throws(Failure) -> String {
    let starts = [FileManager.default.currentDirectoryPath, Bundle.main.executablePath].compactMap { $0 }
    for start in starts {
      var directory = URL(fileURLWithPath: start).resolvingSymlinksInPath()
      while true {
        let candidate = directory.appendingPathComponent(relativePath)
        if FileManager.default.fileExists(atPath: candidate.path) { return candidate.path }
        guard directory.pathComponents.count > 1 else { break }
        directory.deleteLastPathComponent()
      }
    }
    throw .file("\(relativePath) is not here; run this in the package's directory, or give --image FILE")
  }

  private static func read(_ path: String) throws(Failure) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .file("\(path): cannot be read")
    }
    return Array(data)
  }
}
