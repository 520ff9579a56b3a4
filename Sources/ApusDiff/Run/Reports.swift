import ApusInstructionSet

/// Mismatches as text for people, and as files for `apus difftest replay`.
package enum MismatchReport {
  /// Bytes, inputs, both results, and what differs.
  package static func text(_ mismatch: Mismatch, name: String) -> String {
    var text = "mismatch in \(name)\n"
    withRecords(mismatch) { record, apus, oracle in
      let length = min(Int(record.get(CaseRecord.codeLength, UInt32.self)), LinearLayout.slotSize)
      let code = (0..<length).map { record.get(CaseRecord.code + $0, UInt8.self) }
      text += "  bytes   \(Hex.text(code))\n"
      text += disassembly(code, record)
      text += indented(
        "  input   ", CaseFileWriter.text(record, name: name).split(separator: "\n").dropFirst(1))
      text += indented("  apus    ", CaseFileWriter.results(record, apus).split(separator: "\n").dropLast())
      text += indented("  oracle  ", CaseFileWriter.results(record, oracle).split(separator: "\n").dropLast())
    }
    for difference in mismatch.differences {
      text += "  differs: \(difference.name): apus \(difference.apus), oracle \(difference.oracle)"
      text += difference.bits.isEmpty ? "\n" : " (\(difference.bits))\n"
    }
    return text
  }

  /// One line for each instruction.
  private static func disassembly(_ code: [UInt8], _ record: UnsafeMutableRawPointer) -> String {
    let mode = CaseRecord.caseMode(record).disassembly
    var address: UInt64 = record.get(CaseRecord.codeAddress)
    var rest = code[...]
    var text = ""
    while !rest.isEmpty {
      let instruction = Disassembler.decode(rest, at: address, mode: mode)
      text += text.isEmpty ? "  code    " : "          "
      text += instruction.text() + "\n"
      let length = max(1, instruction.length)
      rest = rest.dropFirst(length)
      address += UInt64(length)
    }
    return text
  }

  private static func indented(_ label: String, _ lines: some Collection<Substring>) -> String {
    var text = ""
    var prefix = label
    for line in lines {
      text += prefix + line + "\n"
      prefix = String(repeating: " ", count: label.count)
    }
    return text
  }

  /// The case with the oracle's results, which is what a regression test has to reach.
  package static func stored(_ mismatch: Mismatch, name: String) -> String {
    var text = ""
    withRecords(mismatch) { record, _, oracle in
      text = CaseFileWriter.text(record, name: name) + CaseFileWriter.results(record, oracle)
    }
    return text
  }

  private static func withRecords(
    _ mismatch: Mismatch,
    _ body: (UnsafeMutableRawPointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
  ) {
    var copy = mismatch
    copy.record.withUnsafeMutableBytes { record in
      copy.apus.withUnsafeMutableBytes { apus in
        copy.oracle.withUnsafeMutableBytes { oracle in
          if let a = record.baseAddress, let b = apus.baseAddress, let c = oracle.baseAddress {
            body(a, b, c)
          }
        }
      }
    }
  }
}

extension CaseMode {
  var disassembly: Disassembler.Mode {
    switch self {
    case .real16: .code16
    case .prot32, .compat32: .code32
    case .long64: .code64
    }
  }
}

extension FormList {
  /// What a case record was made for.
  package func caseName(_ record: [UInt8]) -> String {
    func number(_ at: Int, _ count: Int) -> UInt64 {
      (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(record[at + $1]) }
    }
    let form = Int(number(CaseRecord.form, 4))
    let other = form == Int(CaseRecord.undefinedForm) ? "undefined encoding" : "sequence"
    let what = form < forms.count ? forms[form].name : other
    return "\(what) #\(number(CaseRecord.number, 8))"
  }

  /// A row of the opcode maps as messages show it.
  package static func rowName(_ row: Int) -> String {
    let its = OpcodeRow.all[row]
    return Form(row: row, opcode: its.opcodes.lowerBound, isMemory: false, size: .normal, isLong: false)
      .encodingName + " \(its.mnemonic)"
  }
}

/// The summary of a run for programs.
package enum RunReport {
  /// One JSON object, with a newline.
  package static func json(
    _ summary: RunSummary, _ list: FormList, mode: CaseMode, seed: UInt64, oracle: String, provenance: String,
    seconds: Double, files: [String], failure: String?
  ) -> String {
    var text = "{\n  \"version\": 1,\n  \"mode\": \(quoted(mode.name)),\n  \"seed\": \(seed),\n"
    text += "  \"oracle\": \(quoted(oracle)),\n  \"provenance\": \(quoted(provenance)),\n"
    text += "  \"failure\": \(failure.map(quoted) ?? "null"),\n"
    text += "  \"milliseconds\": \(UInt64(max(0, seconds) * 1000)),\n"
    text += "  \"cases\": \(summary.cases),\n  \"mismatches\": \(summary.mismatches),\n"
    text += "  \"exceptions\": \(summary.exceptions),\n  \"timeouts\": \(summary.timeouts),\n"
    text += "  \"unjudged\": \(summary.unjudged),\n"
    text += "  \"files\": [\(files.map(quoted).joined(separator: ", "))],\n  \"forms\": [\n"
    let forms = list.forms.indices.map { index in
      "    {\"name\": \(quoted(list.forms[index].name)), \"cases\": \(summary.casesByForm[index]), "
        + "\"mismatches\": \(summary.mismatchesByForm[index])}"
    }
    text += forms.joined(separator: ",\n") + "\n  ],\n"
    text += "  \"sequences\": {\"cases\": \(summary.casesByForm.last ?? 0), "
    text += "\"mismatches\": \(summary.mismatchesByForm.last ?? 0)},\n"
    text += "  \"undefined\": {\"cases\": \(summary.undefinedCases), "
    text += "\"mismatches\": \(summary.undefinedMismatches)},\n  \"excluded\": [\n"
    let excluded = list.excluded.map {
      "    {\"row\": \(quoted(FormList.rowName($0.row))), \"reason\": \(quoted($0.reason))}"
    }
    return text + excluded.joined(separator: ",\n") + "\n  ]\n}\n"
  }

  /// A JSON string.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20: result += "\\u00" + Hex.text(UInt64(scalar.value), 2)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
