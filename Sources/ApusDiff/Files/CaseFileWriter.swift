/// Writes cases and outcomes as text: replay files, corpora, and what goes to an `exec` oracle. FORMATS.md
/// describes the format; `CaseFileReader` reads it.
package enum CaseFileWriter {
  /// The first line of a file.
  package static let magic = "apus-cases 1"

  /// The head of a file. `provenance` tells where its results come from.
  package static func head(provenance: String) -> String { "\(magic)\nprovenance \(provenance)\n" }

  /// A case without results.
  package static func text(_ record: UnsafeMutableRawPointer, name: String) -> String {
    let mode = CaseRecord.caseMode(record)
    let length = min(Int(record.get(CaseRecord.codeLength, UInt32.self)), LinearLayout.slotSize - 5)
    let code = (0..<length).map { record.get(CaseRecord.code + $0, UInt8.self) }
    var text = "case \(name)\nmode \(mode.name)\n"
    text += "code \(Hex.text(record.get(CaseRecord.codeAddress), 8)) \(Hex.text(code))\n"
    let ignored = ~record.get(CaseRecord.flagMask, UInt64.self)
    if ignored != 0 { text += "ignore-flags \(Hex.text(ignored, 1))\n" }
    let options: UInt32 = record.get(CaseRecord.options)
    if options != 0 { text += "options \(Hex.text(UInt64(options), 1))\n" }
    if record.get(CaseRecord.steps, UInt8.self) != 0 { text += "steps\n" }
    text += fields(record + CaseRecord.state, changedFrom: nil)
    let count = min(Int(record.get(CaseRecord.patchCount, UInt32.self)), CaseRecord.patchLimit)
    for index in 0..<count {
      let patch = record + (CaseRecord.patches + index * CaseRecord.patchSize)
      let bytes = (0..<min(64, Int(patch.get(4, UInt32.self)))).map { patch.get(8 + $0, UInt8.self) }
      text += memory(mode.layout.data + UInt64(patch.get(0, UInt32.self)), bytes)
    }
    return text
  }

  /// The results that belong to a case: how it ended, then the fields that it changed.
  package static func results(
    _ record: UnsafeMutableRawPointer, _ outcome: UnsafeMutableRawPointer
  ) -> String {
    var text = "result "
    switch CaseEnd(rawValue: outcome.get(OutcomeRecord.end)) {
    case .exception:
      let vector: UInt8 = outcome.get(OutcomeRecord.vector)
      text += "exception \(vector) \(Hex.text(UInt64(outcome.get(OutcomeRecord.errorCode, UInt32.self)), 1))"
      if vector == 14 { text += " \(Hex.text(outcome.get(OutcomeRecord.cr2), 1))" }
    case .some(let end): text += "\(end)"
    case .none: text += "stopped"
    }
    text += "\n"
    let ignored: UInt64 = outcome.get(OutcomeRecord.ignoredFlags)
    if ignored != 0 { text += "ignore-flags \(Hex.text(ignored, 1))\n" }
    text += fields(outcome + OutcomeRecord.state, changedFrom: record + CaseRecord.state)
    let count = min(Int(outcome.get(OutcomeRecord.lineCount, UInt32.self)), LinearLayout.lineCount)
    let data = CaseRecord.caseMode(record).layout.data
    for index in 0..<count {
      let line = UInt64(outcome.get(OutcomeRecord.lineNumbers + index, UInt8.self))
      let at = OutcomeRecord.lines + index * LinearLayout.lineSize
      let bytes = (0..<LinearLayout.lineSize).map { outcome.get(at + $0, UInt8.self) }
      text += memory(data + line * UInt64(LinearLayout.lineSize), bytes)
    }
    return text + "done\n"
  }

  private static func memory(_ linear: UInt64, _ bytes: [UInt8]) -> String {
    "mem \(Hex.text(linear, 8)) \(Hex.text(bytes))\n"
  }

  /// The fields of an image; only those that differ from another image, or that are not zero.
  static func fields(_ image: UnsafeMutableRawPointer, changedFrom other: UnsafeMutableRawPointer?) -> String
  {
    var text = ""
    func differs(_ offset: Int, _ count: Int) -> Bool {
      (offset..<(offset + count)).contains { image.get($0, UInt8.self) != other?.get($0, UInt8.self) ?? 0 }
    }
    for (index, name) in CaseFields.registers.enumerated() where differs(index * 8, 8) {
      text += "\(name) \(Hex.text(image.gpr(index), 1))\n"
    }
    for field in CaseFields.scalars where differs(field.offset, field.size) {
      text += "\(field.name) \(Hex.text(CaseFields.value(image, field), 1))\n"
    }
    for index in 0..<8 where differs(MachineImage.st + index * 16, 10) {
      let at = MachineImage.st + index * 16
      text += "st\(index) \(Hex.text(UInt64(image.get(at + 8, UInt16.self)), 4))"
      text += "\(Hex.text(image.get(at), 16))\n"
    }
    for index in 0..<16 {
      let (low, high) = (MachineImage.xmm + index * 16, MachineImage.ymmHigh + index * 16)
      guard differs(low, 16) || differs(high, 16) else { continue }
      text += "ymm\(index) "
      for at in [high + 8, high, low + 8, low] { text += Hex.text(image.get(at), 16) }
      text += "\n"
    }
    return text
  }
}

/// The fields of an image by the names they have in files.
enum CaseFields {
  struct Scalar {
    let name: String
    let offset: Int
    /// 2, 4 or 8 bytes.
    let size: Int
  }

  static let registers = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
  ]
  static let scalars: [Scalar] =
    [
      Scalar(name: "rip", offset: MachineImage.rip, size: 8),
      Scalar(name: "rflags", offset: MachineImage.rflags, size: 8),
      Scalar(name: "fsbase", offset: MachineImage.fsBase, size: 8),
      Scalar(name: "gsbase", offset: MachineImage.gsBase, size: 8),
    ]
    + ["es", "cs", "ss", "ds", "fs", "gs"].enumerated().map {
      Scalar(name: $1, offset: MachineImage.selectors + $0 * 2, size: 2)
    } + [
      Scalar(name: "fcw", offset: MachineImage.fcw, size: 2),
      Scalar(name: "fsw", offset: MachineImage.fsw, size: 2),
      Scalar(name: "ftw", offset: MachineImage.ftw, size: 2),
      Scalar(name: "fop", offset: MachineImage.fop, size: 2),
      Scalar(name: "fip", offset: MachineImage.fip, size: 8),
      Scalar(name: "fdp", offset: MachineImage.fdp, size: 8),
      Scalar(name: "mxcsr", offset: MachineImage.mxcsr, size: 4),
    ]

  static func value(_ image: UnsafeMutableRawPointer, _ field: Scalar) -> UInt64 {
    switch field.size {
    case 2: UInt64(image.get(field.offset, UInt16.self))
    case 4: UInt64(image.get(field.offset, UInt32.self))
    default: image.get(field.offset, UInt64.self)
    }
  }

  static func set(_ image: UnsafeMutableRawPointer, _ field: Scalar, _ value: UInt64) {
    switch field.size {
    case 2: image.put(field.offset, UInt16(truncatingIfNeeded: value))
    case 4: image.put(field.offset, UInt32(truncatingIfNeeded: value))
    default: image.put(field.offset, value)
    }
  }
}
