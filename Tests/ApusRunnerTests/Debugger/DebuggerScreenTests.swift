import ApusDebug
import ApusMachine
import Testing
import apus

@Suite struct DebuggerScreenTests {
  /// Everything fits into any terminal.
  @Test(arguments: [0, 86_000] as [UInt64])
  func anySizeIsDrawn(_ moment: UInt64) throws {
    let bench = try DebuggerBench([(0xF_FFF0, "reset_vector")])
    bench.go(to: moment)
    let sizes =
      [1, 2, 3, 5, 6, 13].flatMap { rows in [1, 2, 9, 40, 70].map { ($0, rows) } }
      + [(80, 24), (110, 30), (200, 3), (0, 0)]
    for page in DebuggerModel.Page.allCases {
      bench.model.page = page
      for (columns, rows) in sizes {
        let picture = {
          bench.model.size = (columns, rows); return DebuggerScreen.picture(bench.model)
        }()
        #expect(picture.columns == max(columns, 1) && picture.rows == max(rows, 1))
        #expect(picture.cells.count == picture.columns * picture.rows)
        if let cursor = picture.cursor {
          #expect(cursor.column < picture.columns && cursor.row < picture.rows)
        }
        #expect(DebuggerScreen.picture(bench.model) == picture, "the same is drawn the same")
      }
    }
    bench.press("1?")
    for (columns, rows) in sizes { _ = bench.rows(columns, rows) }
    bench.press(.escape)
    bench.press("w" + String(repeating: "long", count: 40))
    for (columns, rows) in sizes { _ = bench.rows(columns, rows) }
  }

  /// Looking changes nothing.
  @Test func drawingChangesNothing() throws {
    let (watched, alone) = (try DebuggerBench(), try DebuggerBench())
    for moment in stride(from: 1000 as UInt64, to: 90_000, by: 12_345) {
      watched.go(to: moment)
      for page in DebuggerModel.Page.allCases {
        watched.model.page = page
        _ = watched.rows()
      }
      alone.go(to: moment)
      #expect(watched.machine.stateHash() == alone.machine.stateHash())
    }
  }

  @Test func controlCharactersStayOutside() throws {
    let bench = try DebuggerBench([(0xF_FFF0, "a\u{1B}[2Jb\u{9B}"), (0xFFFF_FFF0, "a\u{1B}[2Jb\u{9B}")])
    let scalars = DebuggerScreen.picture(bench.model).cells.map(\.scalar)
    #expect(!scalars.contains { $0.value < 0x20 || 0x7F...0x9F ~= $0.value })
  }
}
