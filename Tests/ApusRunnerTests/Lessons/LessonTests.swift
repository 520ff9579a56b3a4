import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of a lesson that begins with ```` ```console ````: commands behind `$ `, each with lines of what it prints.
/// A line that is `…` stands for any number of lines, also at the beginning and the end.
private struct LessonCommand: CustomTestStringConvertible, Sendable {
  let lesson: String
  let line: Int
  let command: String
  let shown: [String]

  var testDescription: String { "\(lesson), line \(line)" }

  static func all(in lesson: String, _ text: String) -> [LessonCommand] {
    var commands: [LessonCommand] = []
    var isConsole = false
    var present: (line: Int, command: String, shown: [String])?
    func close() {
      guard let done = present else { return }
      commands.append(
        LessonCommand(lesson: lesson, line: done.line, command: done.command, shown: done.shown))
      present = nil
    }
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.hasPrefix("```") {
        close()
        isConsole = line == "```console"
      } else if isConsole, line.hasPrefix("$ ") {
        close()
        present = (index + 1, String(line.dropFirst(2)), [])
      } else if isConsole {
        present?.shown.append(String(line))
      }
    }
    close()
    return commands
  }

  /// Whether the lines that are shown are what the command printed.
  func matches(_ printed: [Substring]) -> Bool {
    var rest = printed[...]
    var isAnywhere = false
    for line in shown {
      if line == "…" {
        isAnywhere = true
        continue
      }
      if isAnywhere {
        guard let found = rest.firstIndex(where: { $0 == line }) else { return false }
        rest = rest[(found + 1)...]
      } else {
        guard rest.first.map({ $0 == line }) ?? false else { return false }
        rest = rest.dropFirst()
      }
      isAnywhere = false
    }
    return isAnywhere || rest.isEmpty
  }
}

/// What the lessons of the documentation tell the reader to do does what they say.
@Suite struct LessonTests {
  private static let directory = "Sources/ApusMachine/Apus.docc/Lessons"
  private static let lessons = RepositoryFile.names(in: directory).filter { $0.hasSuffix(".md") }.sorted()
  private static let commands = lessons.flatMap { name in
    LessonCommand.all(in: name, RepositoryFile.text(directory + "/" + name))
  }

  @Test func eachLessonHasCommands() {
    #expect(Self.lessons.count >= 9)
    for lesson in Self.lessons { #expect(Self.commands.contains { $0.lesson == lesson }, "\(lesson)") }
  }

  @Test(arguments: commands) private func itDoesWhatItSays(command: LessonCommand) {
    let scratch = Scratch()
    // The program is beside the tests, and what a command writes goes away with the directory.
    let script = "export PATH=\"$1:$PATH\"; cd \"$2\"; \(command.command)"
    let folder = Child.apus.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    let result = Child.run(
      ["-c", script + " 2>&1", "sh", folder, scratch.path], program: "/bin/sh", seconds: 60)
    var printed = result.output.split(separator: "\n", omittingEmptySubsequences: false)
    if printed.last?.isEmpty ?? false { printed.removeLast() }
    #expect(command.matches(printed), "\(command.command)\n\(result.output.prefix(4000))")
  }
}
