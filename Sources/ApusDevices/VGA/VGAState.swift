import ApusBase

extension VGA {
  /// Words of a saved page of display memory.
  private static let pageWords = 1024

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      configuration.save(to: &w)
      for registers in [sequencer, crtc, graphics, attribute] { registers.save(to: &w) }
      dac.save(to: &w)
      dispi.save(to: &w)
      w.write(memory.latch)
      w.write(attributeExpectsData)
      w.write(miscellaneousOutput)
      w.write(featureControl)
      w.write(isSubsystemEnabled)
      w.write(interruptArmedAt)
      savePages(to: &w)
    }
  }

  /// Pages of zeros are left out, which most are.
  private func savePages(to writer: inout StateWriter) {
    var pages: [Int] = []
    for page in 0..<(memory.words.count / Self.pageWords) {
      var any: UInt32 = 0
      for word in 0..<Self.pageWords { any |= memory.words[page * Self.pageWords + word] }
      if any != 0 { pages.append(page) }
    }
    writer.write(UInt16(pages.count))
    var bytes = [UInt8](repeating: 0, count: 4 * Self.pageWords)
    for page in pages {
      writer.write(UInt16(page))
      for word in 0..<Self.pageWords {
        let value = memory.words[page * Self.pageWords + word]
        for i in 0..<4 { bytes[4 * word + i] = UInt8(truncatingIfNeeded: value >> UInt32(8 * i)) }
      }
      writer.write(bytes)
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      try configuration.restore(from: &r)
      try sequencer.restore(from: &r, "sequencer")
      try crtc.restore(from: &r, "crtc")
      try graphics.restore(from: &r, "graphics")
      try attribute.restore(from: &r, "attribute")
      guard sequencer.index <= 0x07, crtc.index <= 0x3F, graphics.index <= 0x0F, attribute.index <= 0x3F
      else {
        throw r.invalid("index")
      }
      try dac.restore(from: &r)
      try dispi.restore(from: &r)
      memory.latch = try r.read()
      attributeExpectsData = try r.readBool("attributeExpectsData")
      miscellaneousOutput = try r.read()
      guard miscellaneousOutput & 0x10 == 0 else { throw r.invalid("miscellaneousOutput") }
      featureControl = try r.read()
      guard featureControl & ~0x0B == 0 else { throw r.invalid("featureControl") }
      isSubsystemEnabled = try r.readBool("isSubsystemEnabled")
      interruptArmedAt = try r.read()
      let isArmed = crtc[CRTCRegister.verticalRetraceEnd].bit(4)
      guard isArmed || interruptArmedAt == .never else { throw r.invalid("interruptArmedAt") }
      try restorePages(from: &r)
    }
    updateAll()
  }

  private func restorePages(from reader: inout StateReader) throws(StateError) {
    for word in memory.words.indices where memory.words[word] != 0 { memory.words[word] = 0 }
    let count: UInt16 = try reader.read()
    var next = 0
    for _ in 0..<count {
      let page = Int(try reader.read(UInt16.self))
      // Ascending, so that equal states are equal bytes.
      guard page >= next && page < memory.words.count / Self.pageWords else { throw reader.invalid("page") }
      next = page + 1
      let bytes = try reader.readBytes(limit: 4 * Self.pageWords, "page")
      guard bytes.count == 4 * Self.pageWords else { throw reader.invalid("page") }
      for word in 0..<Self.pageWords {
        var value: UInt32 = 0
        for i in 0..<4 { value |= UInt32(bytes[4 * word + i]) << UInt32(8 * i) }
        memory.words[page * Self.pageWords + word] = value
      }
    }
  }
}
