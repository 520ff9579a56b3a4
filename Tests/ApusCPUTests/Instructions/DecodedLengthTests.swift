import ApusCPU
import Foundation
import Testing

/// The processor's decoder takes as many bytes for an instruction as the GNU tools do: with all of them before the
/// end of a page, it does not look at the next page, and with one less it does (SDM Vol. 3, "Page-Fault
/// Exceptions"). The instructions are those of the disassembler's tests.
@Suite struct DecodedLengthTests {
  private static let physical = 0x3_4000

  /// The instructions of a mode in `Vectors/Disassembly.txt` about which objdump and Apus agree.
  private static func instructions(_ mode: Substring) throws -> [[UInt8]] {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../ApusInstructionSetTests/Vectors/Disassembly.txt").standardized
    let text = try String(contentsOf: file, encoding: .utf8)
    return text.split(separator: "\n").compactMap { line in
      let columns = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard columns.count == 4, columns[0] == mode, !columns[2].contains("(bad)") else { return nil }
      return stride(from: 0, to: columns[1].count, by: 2).compactMap { offset in
        UInt8(columns[1].dropFirst(offset).prefix(2), radix: 16)
      }
    }
  }

  /// Whether the fetch of an instruction of which the first page has `head` bytes faults in the second page.
  private func needsMore(_ bench: PagingBench, _ code: [UInt8], head: Int, from initial: ArchitecturalState)
    -> Bool
  {
    let second = bench.mode.target + 0x1000
    let start = second - UInt64(head)
    bench.guest.write(Self.physical + 0x1000 - head, Array(code.prefix(head)))
    bench.state = initial
    // One turn for REP and LOOP.
    bench[R.cx] = 1
    guard case .pageFault(let error, at: second) = bench.access(.fetch, start, cpl: 3) else { return false }
    return error & PF.I != 0 && bench.faultRIP == start
  }

  @Test(arguments: [("64", PagingMode.level4), ("32", PagingMode.pae)])
  func lengthsAreThoseOfTheGNUTools(mode: String, paging: PagingMode) throws {
    let instructions = try Self.instructions(mode[...])
    #expect(instructions.count > (mode == "64" ? 1500 : 100))
    let bench = PagingBench(paging)
    bench.map(paging.target, to: UInt64(Self.physical))
    let initial = bench.state
    var wrong: [[UInt8]] = []
    for code in instructions {
      let isLonger = needsMore(bench, code, head: code.count, from: initial)
      let isShorter = code.count > 1 && !needsMore(bench, code, head: code.count - 1, from: initial)
      if isLonger || isShorter { wrong.append(code) }
    }
    #expect(wrong.isEmpty)
  }
}
