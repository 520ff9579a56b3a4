import ApusFixture
import Foundation

/// A file of the package.
enum RepositoryFile {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func path(_ path: String) -> String { root.appendingPathComponent(path).path }

  static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: root.appendingPathComponent(path)))
  }
}

/// A directory for one test, removed with everything in it at the end.
final class Scratch {
  let path: String

  init() throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    path = directory.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  @discardableResult
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// Runs the built `apus`, which lies beside the test bundle.
struct Program {
  let status: Int32
  let output: String
  let errors: String

  private static let executable: URL = {
    let words = CommandLine.arguments
    let flag = words.firstIndex(of: "--test-bundle-path").map { words.index(after: $0) }
    var bundle = URL(
      fileURLWithPath: flag.flatMap { words.indices.contains($0) ? words[$0] : nil } ?? words[0])
    // A macOS bundle is a directory tree around its executable.
    while bundle.path.contains(".xctest/") { bundle.deleteLastPathComponent() }
    return bundle.deletingLastPathComponent().appendingPathComponent("apus")
  }()

  /// In `directory`, with its output in files, so that no full pipe can stop it.
  init(_ words: [String], in directory: String) throws {
    let process = Process()
    process.executableURL = Self.executable
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.standardInput = FileHandle.nullDevice
    let scratch = try Scratch()
    let streams = try ["output", "errors"].map { URL(fileURLWithPath: try scratch.file($0, [])) }
    process.standardOutput = try FileHandle(forWritingTo: streams[0])
    process.standardError = try FileHandle(forWritingTo: streams[1])
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = String(decoding: try Data(contentsOf: streams[0]), as: UTF8.self)
    errors = String(decoding: try Data(contentsOf: streams[1]), as: UTF8.self)
  }
}

/// Programs in real mode at 0000:7C00, assembled by hand.
enum Code {
  /// `mov al, c; mov dx, 3F8h; out dx, al` for each byte.
  static func say(_ text: String) -> [UInt8] { text.utf8.flatMap { [0xB0, $0, 0xBA, 0xF8, 0x03, 0xEE] } }
  /// `mov al, value; out 0F4h, al`
  static func exit(_ value: UInt8) -> [UInt8] { [0xB0, value, 0xE6, 0xF4] }
  /// `cli; jmp $`
  static let spin: [UInt8] = [0xFA, 0xEB, 0xFE]
  /// `cli; hlt`
  static let halt: [UInt8] = [0xFA, 0xF4]
  /// `lidt [7000h]`, where RAM is zero, so the table is empty; `int3`
  static let tripleFault: [UInt8] = [0x0F, 0x01, 0x1E, 0x00, 0x70, 0xCC]
}

extension GuestFixture {
  /// A machine of 4 MiB with a program.
  convenience init(
    program: [UInt8], name: String = "program", _ change: (inout GuestConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = GuestConfiguration(.flat(GuestFile(name, bytes: program), address: 0x7C00))
    configuration.memorySize = 4 << 20
    change(&configuration)
    try self.init(configuration)
  }

  /// The teaching guest, which goes from reset through all modes to a shell.
  static func lesson() throws -> GuestFixture {
    var configuration = GuestConfiguration(.builtInGuest)
    configuration.memorySize = 32 << 20
    return try GuestFixture(configuration)
  }
}
