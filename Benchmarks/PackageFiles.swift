import Foundation

/// The files of the package that this program belongs to.
enum PackageFiles {
  static let benchmarks = "testroms/benchmarks/benchmarks.elf"
  static let workloadChecksums = "testroms/workloads/checksums.txt"
  static let guests = ".build/guests"

  /// The package that the current directory is in, else the one this program was built in: `swift run
  /// --package-path` leaves the current directory alone. Nil if it was copied elsewhere.
  static let directory: String? = {
    let starts = [FileManager.default.currentDirectoryPath, Bundle.main.executablePath].compactMap { $0 }
    for start in starts {
      var directory = URL(fileURLWithPath: start).resolvingSymlinksInPath()
      while true {
        if exists(directory.appendingPathComponent(benchmarks).path) { return directory.path }
        guard directory.pathComponents.count > 1 else { break }
        directory.deleteLastPathComponent()
      }
    }
    return nil
  }()

  static func path(_ relative: String) throws(Failure) -> String {
    guard let directory else {
      throw .file("\(benchmarks) is not here; run this in the package's directory")
    }
    return URL(fileURLWithPath: directory).appendingPathComponent(relative).path
  }

  /// Where `apus` is if it was built with this program.
  static var apus: String {
    let own = Bundle.main.executablePath ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: own).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("apus").path
  }

  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  static func read(_ path: String) throws(Failure) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .file("\(path): cannot be read")
    }
    return Array(data)
  }

  /// The program's path: as given if there is a slash in it, else from the directories of PATH. Nil if it is not
  /// installed.
  static func program(_ name: String) -> String? {
    let directories =
      name.contains("/") ? [""] : (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for directory in directories {
      let path = directory.isEmpty ? name : "\(directory)/\(name)"
      let type =
        try? FileManager.default.attributesOfItem(atPath: resolved(path))[.type] as? FileAttributeType
      if type == .typeRegular, FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    return nil
  }

  /// What a symbolic link leads to.
  static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }
}
