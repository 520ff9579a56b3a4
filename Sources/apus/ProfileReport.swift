import ApusCPU
import ApusInstructionSet
import ApusMachine

/// What `--profile` prints: where a guest's instructions were executed, and what they cost that is not theirs.
struct ProfileReport {
  private let profile: MachineProfile
  private let rows: Int
  private let instructions: UInt64
  /// How often handlers were entered: all blocks are looked through for it.
  private let dispatches: UInt64

  init(_ profile: MachineProfile, rows: Int, instructions: UInt64) {
    self.profile = profile
    self.rows = rows
    self.instructions = instructions
    dispatches = profile.processor.dispatches
  }

  /// All lines, without line ends.
  var lines: [String] {
    summary + table("hottest blocks, by instructions executed", blocks)
      + table(
        "hottest handlers, by how often they were entered", counts(processor.handlers, dispatches))
      + table("slow forms that ran", counts(processor.slowForms, nil))
      + table("exceptions and software interrupts, by vector", vectors(processor.exceptions))
      + table("external interrupts, by vector", vectors(processor.interrupts))
      + table("accesses to devices", counts(profile.accesses, nil))
      + table(
        "most frequent runs of ops, as Frequent.runs has them",
        counts(processor.frequentRuns(longest: 6), dispatches))
  }

  private var processor: ExecutionProfile { profile.processor }

  private var summary: [String] {
    let counters = processor.counters
    let entries = processor.entries
    let executed = processor.blocks.reduce(0) { $0 &+ $1.executed }
    let operands = processor.memoryOperands
    let slow = processor.slowForms.reduce(0) { $0 &+ $1.count }
    let figures: [(String, String)] = [
      ("instructions retired", String(instructions)),
      ("in blocks", "\(executed), \(ratio(executed, entries, 1)) for each of \(entries) entries"),
      (
        "handlers entered",
        "\(dispatches), for \(ratio(executed, dispatches, 2)) instructions each"
      ),
      ("slow forms", "\(slow), \(perThousand(slow)) in a thousand instructions"),
      (
        "TLB fills",
        "\(counters.tlbFills), \(ratio(counters.tlbFills &* 1000, operands, 2)) in a thousand operands"
      ),
      ("TLB flushes", "\(counters.tlbFlushes), and of single pages \(counters.pageFlushes)"),
      (
        "blocks decoded", "\(counters.blocksDecoded), \(processor.blocks.count) of them different and entered"
      ),
      ("blocks overwritten", String(counters.blocksDropped)),
      ("block cache emptied", String(counters.cacheEmptied)),
    ]
    return ["profile: summary"]
      + figures.map { "  " + $0.0 + String(repeating: " ", count: 22 - $0.0.count) + $0.1 }
  }

  private func perThousand(_ count: UInt64) -> String { ratio(count &* 1000, instructions, 2) }

  private func ratio(_ count: UInt64, _ of: UInt64, _ places: Int) -> String {
    of == 0 ? "-" : Text.fixed(Double(count) / Double(of), places: places)
  }

  private func table(_ title: String, _ lines: [String]) -> [String] {
    lines.isEmpty ? [] : ["profile: \(title)"] + lines.map { "  " + $0 }
  }

  /// A share in percent, where there is something to be a share of.
  private func row(_ count: UInt64, _ total: UInt64?, _ name: String) -> String {
    let share = total.map { " " + Text.padded(ratio(count &* 100, $0, 2), to: 6) + " %" } ?? ""
    return Text.padded(String(count), to: 13) + share + "  " + name
  }

  private func counts(_ counts: [ExecutionProfile.Count], _ total: UInt64?) -> [String] {
    counts.prefix(rows).map { row($0.count, total, $0.name) }
  }

  private func vectors(_ counts: [UInt64]) -> [String] {
    counts.indices.filter { counts[$0] != 0 }.map { row(counts[$0], nil, "vector \($0)") }
  }

  private var blocks: [String] {
    processor.blocks.prefix(rows).flatMap { block -> [String] in
      let title = "\(Text.hex(block.rip)), \(block.codeBits) bits, entered \(block.entries) times"
      return [row(block.executed, instructions, title)] + listing(block)
    }
  }

  /// The block's instructions, the first dozen.
  private func listing(_ block: ExecutionProfile.Block) -> [String] {
    let mode: Disassembler.Mode =
      switch block.codeBits {
      case 16: .code16
      case 32: .code32
      default: .code64
      }
    let most = 12
    var lines: [String] = []
    var offset = 0
    while lines.count < min(block.instructions, most), offset < block.bytes.count {
      let address = block.rip &+ UInt64(offset)
      let instruction = Disassembler.decode(block.bytes[offset...], at: address, mode: mode)
      lines.append(String(repeating: " ", count: 25) + instruction.text())
      offset += instruction.length
    }
    if block.instructions > most {
      lines.append(String(repeating: " ", count: 25) + "and \(block.instructions - most) more")
    }
    return lines
  }
}
