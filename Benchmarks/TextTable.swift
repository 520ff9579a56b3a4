/// Columns of text: the first to the left, the others to the right.
package struct TextTable {
  private var rows: [[String]]

  package init(_ header: [String]) { rows = [header] }

  package mutating func add(_ cells: [String]) { rows.append(cells) }

  /// Columns with nothing below their header are left out.
  package var text: String {
    let columns = rows[0].indices.filter { column in
      column == 0 || rows.dropFirst().contains { !$0[column].isEmpty }
    }
    let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      zip(columns, widths).map { column, width in
        let padding = String(repeating: " ", count: width - row[column].count)
        return column == 0 ? row[column] + padding : padding + row[column]
      }.joined(separator: "  ")
    }
    return lines.map { line in
      String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }.joined()
  }
}
