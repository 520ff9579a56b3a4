/// The kinds of rows.
package enum Group: String, Codable, CaseIterable {
  /// The guests of `testroms/benchmarks`, without an operating system.
  case bare
  /// Programs under Linux that compute.
  case compute
  /// Programs under Linux that call the kernel.
  case system
  /// Linux from its start to its first program and to power-off.
  case boots

  package var title: String {
    switch self {
    case .bare: "bare guests"
    case .compute: "compute workloads"
    case .system: "system workloads"
    case .boots: "boots"
    }
  }
}

/// What a row of the table measures.
package struct RowName: Hashable, Codable {
  package let group: Group
  package let name: String

  package init(group: Group, name: String) {
    self.group = group
    self.name = name
  }

  /// As `--only` takes it where the name alone could be another row, too.
  package var full: String { "\(group.rawValue)/\(name)" }

  /// Whether it has a part in the geometric mean of its group. Of the bare guests only the integer ones have:
  /// the speed of the others is that of the emulated floating point and vector registers.
  package var isInMean: Bool {
    switch group {
    case .bare: !["mandelbrot-sse2", "x87", "avx2"].contains(name)
    case .compute, .system: true
    case .boots: false
    }
  }

  package static let boots = ["vmlinuz-cloud", "vmlinuz-amd64"].map { RowName(group: .boots, name: $0) }

  /// In the order in which the guest runs them.
  package static let workloads =
    [
      "dhry", "sieve", "sha256", "memcpy", "rep-movsb", "strlen", "qsort", "ptrchase", "nbody", "sse2",
    ].map { RowName(group: .compute, name: $0) }
    + ["getpid", "fork-exec", "pipe", "page-faults", "gzip"].map { RowName(group: .system, name: $0) }
}

/// The rows that `--only` names.
package struct Selection {
  /// Names of rows, with or without their group, or of groups; empty for all.
  package let names: [String]

  /// Throws if a name is none of those of `rows`.
  package init(_ names: [String], among rows: [RowName]) throws(Failure) {
    self.names = names
    for name in names where !rows.contains(where: { Self.matches(name, $0) }) {
      throw .usage(
        "--only: there is no '\(name)'; groups are bare, workloads, compute, system, boots; rows are "
          + rows.map(\.full).joined(separator: ", "))
    }
  }

  package func contains(_ row: RowName) -> Bool { names.isEmpty || names.contains { Self.matches($0, row) } }

  private static func matches(_ name: String, _ row: RowName) -> Bool {
    name == row.name || name == row.full || name == row.group.rawValue
      || name == "workloads" && (row.group == .compute || row.group == .system)
  }
}
