import ApusDiff
import ApusInstructionSet
import Testing

@Suite struct GeneratorTests {
  private func records(_ count: Int, seed: UInt64, mode: CaseMode, sequences: Int = 8) -> [[UInt8]] {
    var settings = Generator.Settings()
    settings.seed = seed
    settings.sequenceInterval = sequences
    var generator = Generator(FormList(mode: mode), mode: mode, settings: settings)
    let batch = Batch()
    return (0..<count).map { index in
      let slot = index % Batch.capacity
      generator.make(batch, slot)
      return (0..<CaseRecord.size).map { batch.caseRecord(slot).get($0) }
    }
  }

  @Test(arguments: CaseMode.allCases)
  func theSeedDecides(_ mode: CaseMode) {
    let first = records(3000, seed: 7, mode: mode)
    #expect(first == records(3000, seed: 7, mode: mode))
    #expect(first != records(3000, seed: 8, mode: mode))
  }

  /// Every row is tested in a user mode, or there is a reason; in no mode both.
  @Test func everyRowHasFormsOrAReason() {
    let lists = [FormList(mode: .long64), FormList(mode: .compat32)]
    let tested = Set(lists.flatMap { $0.forms.map(\.row) })
    let excluded = Set(lists.flatMap { $0.excluded.map(\.row) })
    for row in OpcodeRow.all.indices {
      #expect(tested.contains(row) || excluded.contains(row), "\(FormList.rowName(row))")
    }
    #expect(lists.allSatisfy { $0.excluded.allSatisfy { !$0.reason.isEmpty } })
  }

  /// An exclusion that names no row hides a misspelling.
  @Test func everyExclusionNamesARow() {
    let mnemonics = Set(OpcodeRow.all.map(\.mnemonic))
    for exclusion in CaseMode.allCases.flatMap(Exclusion.all) {
      #expect(mnemonics.contains(exclusion.mnemonic), "\(exclusion.mnemonic)")
    }
  }

  /// What a mode does not have has no form there, and nothing is left out without a reason.
  @Test(arguments: CaseMode.allCases)
  func rowsOfAModeHaveFormsOrAReason(_ mode: CaseMode) {
    let list = FormList(mode: mode)
    let tested = Set(list.forms.map(\.row))
    #expect(list.excluded.allSatisfy { !tested.contains($0.row) && !$0.reason.isEmpty })
    for row in OpcodeRow.all.indices where mode == .real16 && OpcodeRow.all[row].map.isVEX {
      #expect(!tested.contains(row), "\(FormList.rowName(row))")
    }
  }

  @Test(arguments: CaseMode.allCases)
  func recordsKeepTheirBounds(_ mode: CaseMode) {
    // `JMP rel16` or `JMP rel32`.
    let jump = mode == .real16 ? 3 : 5
    for record in records(20_000, seed: 3, mode: mode) {
      func number(_ at: Int, _ count: Int) -> Int {
        (0..<count).reversed().reduce(0) { $0 << 8 | Int(record[at + $1]) }
      }
      let length = number(CaseRecord.codeLength, 4)
      let isInSlot = length > 0 && length <= LinearLayout.slotSize - jump
      let hasExit = isInSlot && record[CaseRecord.code + length] == 0xE9
      let filler = record[
        (CaseRecord.code + min(length, 123) + jump)..<(CaseRecord.code + LinearLayout.slotSize)]
      let patches = number(CaseRecord.patchCount, 4)
      var patchesFit = patches <= CaseRecord.patchLimit
      for index in 0..<min(patches, CaseRecord.patchLimit) {
        let at = CaseRecord.patches + index * CaseRecord.patchSize
        let (offset, size) = (number(at, 4), number(at + 4, 4))
        patchesFit = patchesFit && size > 0 && size <= 64 && offset + size <= LinearLayout.dataSize
      }
      guard isInSlot, hasExit, patchesFit, filler.allSatisfy({ $0 == 0xCC }) else {
        Issue.record("length \(length), exit \(hasExit), patches \(patchesFit)")
        return
      }
    }
  }

  /// INT 80h and selectors of the host's per-processor segment are never made on purpose.
  @Test func theHostsKernelIsNotCalled() {
    for record in records(30_000, seed: 5, mode: .long64, sequences: 0) {
      let code = record[CaseRecord.code..<(CaseRecord.code + 16)]
      if code.starts(with: [0xCD, 0x80]) {
        Issue.record("INT 80h")
        return
      }
    }
  }

  @Test func patternsChooseForms() {
    let list = FormList(mode: .long64, patterns: ["padd"])
    #expect(!list.forms.isEmpty)
    #expect(list.forms.allSatisfy { $0.name.contains("PADD") })
    #expect(FormList(mode: .long64, patterns: ["no such"]).forms.isEmpty)
  }

  @Test func missingFeaturesExcludeRows() {
    let none = HostFeatures(basic: 0, structured: 0, structured2: 0, structured3: 0, extended: 0, xcr0: 3)
    let list = FormList(mode: .long64, features: none)
    for mnemonic in ["VADDPS", "SHA1MSG1", "ANDN", "POPCNT", "AESENC"] {
      #expect(!list.forms.contains { OpcodeRow.all[$0.row].mnemonic == mnemonic }, "\(mnemonic)")
      #expect(
        list.excluded.contains { OpcodeRow.all[$0.row].mnemonic == mnemonic && $0.reason.contains("lacks") },
        "\(mnemonic)")
    }
    #expect(list.forms.contains { OpcodeRow.all[$0.row].mnemonic == "ADD" })
    let withoutAVX = FormList(mode: .prot32, components: 3)
    #expect(!withoutAVX.forms.contains { OpcodeRow.all[$0.row].mnemonic == "VADDPS" })
    #expect(withoutAVX.forms.contains { OpcodeRow.all[$0.row].mnemonic == "ANDN" })
  }
}
