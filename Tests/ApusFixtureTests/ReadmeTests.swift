import Testing

/// README.md shows the example that is compiled here.
@Test func theREADMEHasTheExample() throws {
  func lines(_ path: String) throws -> [Substring] {
    String(decoding: try RepositoryFile.bytes(path), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
  }
  let example = try lines("Tests/ApusFixtureTests/HobbyOSExample.swift").dropLast().map {
    $0.isEmpty ? "" : "    " + $0
  }
  let readme = try lines("README.md").map(String.init)
  let start = try #require(readme.firstIndex(of: "    import ApusFixture"))
  #expect(Array(readme[start...].prefix(example.count)) == example)
  #expect(readme[(start + example.count)...].first == "")
}
