/// Makes cases from forms. The same seed and forms give the same cases.
package struct Generator {
  let mode: CaseMode
  let forms: [Form]
  let traits: [FormTraits]
  /// Most cases are to fault.
  let provokesFaults: Bool
  /// Every n-th case is a sequence of instructions; 0 for none.
  let sequenceInterval: Int
  /// Flags that the manuals leave undefined are compared too.
  let comparesUndefinedFlags: Bool
  /// Bits of XCR0 that both sides have.
  let components: UInt64
  /// Every n-th case is bytes that are no instruction; 0 for none.
  private let undefinedInterval: UInt64
  /// Forms that may be part of a sequence.
  private let sequenceForms: [Int]

  var random: RandomSource
  private var nextForm = 0
  private var number: UInt64 = 0
  /// A state that is refreshed now and then, since filling 800 bytes with edges takes longer than a case.
  let template: UnsafeMutableRawPointer
  private let owner: TemplateOwner

  /// Options beyond the forms.
  package struct Settings: Sendable {
    package var seed: UInt64 = 1
    package var provokesFaults = false
    package var sequenceInterval = 8
    package var comparesUndefinedFlags = false
    package var components: UInt64 = 7
    package init() {}
  }

  package init(_ list: FormList, mode: CaseMode, settings: Settings) {
    self.mode = mode
    forms = list.forms
    let mode = mode
    traits = list.forms.map { FormTraits($0, mode) }
    provokesFaults = settings.provokesFaults
    sequenceInterval = settings.sequenceInterval
    comparesUndefinedFlags = settings.comparesUndefinedFlags
    components = settings.components
    random = RandomSource(seed: settings.seed)
    undefinedInterval = list.isComplete ? 128 : 0
    let plain = traits.map(\.isPlain)
    sequenceForms = list.forms.indices.filter { index in
      let form = list.forms[index]
      return form.group != .branch && form.comparison.isEmpty && plain[index]
    }
    owner = TemplateOwner()
    template = owner.image
  }

  /// Makes the next case: case `index` of a batch.
  package mutating func make(_ batch: Batch, _ index: Int) {
    make(batch.caseRecord(index), at: batch.slotAddress(index, mode))
  }

  /// Writes the next case into a record; its code is to lie at `address`.
  private mutating func make(_ record: UnsafeMutableRawPointer, at address: UInt64) {
    var writer = CaseWriter(record: record, address: address, mode: mode)
    if number & 31 == 0 { refreshTemplate() }
    begin(&writer)
    record.put(CaseRecord.number, number)
    record.put(CaseRecord.steps, random.next() & 3 == 0 ? 1 : 0 as UInt8)
    if sequenceInterval > 0 && number % UInt64(sequenceInterval) == UInt64(sequenceInterval - 1)
      && !sequenceForms.isEmpty
    {
      makeSequence(&writer)
    } else if undefinedInterval > 0 && number % undefinedInterval == undefinedInterval / 2 {
      makeUndefined(&writer)
    } else {
      let index = nextForm
      nextForm += 1
      if nextForm == forms.count { nextForm = 0 }
      record.put(CaseRecord.form, UInt32(index))
      writer.beginInstruction()
      instruction(&writer, forms[index], traits[index], isFirst: true)
      let form = forms[index]
      record.put(CaseRecord.flagMask, comparesUndefinedFlags ? ~0 : ~form.flagsUndefined)
      record.put(CaseRecord.options, form.comparison.rawValue | undefinedRegister(writer, form))
    }
    writer.finish()
    number += 1
  }

  private func undefinedRegister(_ writer: CaseWriter, _ form: Form) -> UInt32 { 0 }

  // MARK: State

  private mutating func refreshTemplate() {
    let kinds: [OperandValues.Kind] = [.integers, .singles, .doubles]
    for index in 0..<16 {
      let kind = kinds[random.below(3)]
      OperandValues.fill(template + MachineImage.xmm + index * 16, 16, kind, &random)
      OperandValues.fill(template + MachineImage.ymmHigh + index * 16, 16, kind, &random)
    }
    template.put(MachineImage.xstateBV, components)
    refreshX87(template)
  }

  /// x87 registers, control, status and tag words; pending exceptions only now and then.
  mutating func refreshX87(_ image: UnsafeMutableRawPointer) {
    for index in 0..<8 {
      let (significand, exponent) = OperandValues.extended(&random)
      image.put(MachineImage.st + index * 16, significand)
      image.put(MachineImage.st + index * 16 + 8, UInt64(exponent))
    }
    let choice = random.next()
    var control: UInt16 = 0x037F
    if choice & 3 == 0 { control = 0x40 | UInt16(truncatingIfNeeded: choice >> 8) & 0x0F3F }
    if choice & 3 == 1 { control = 0x037F ^ UInt16(truncatingIfNeeded: choice >> 8) & 0x0C00 }
    var status = UInt16(truncatingIfNeeded: choice >> 24) & 0x7F00
    if choice >> 40 & 3 == 0 { status |= UInt16(truncatingIfNeeded: choice >> 42) & 0x7F }
    if choice >> 52 & 15 != 0 { status &= ~(~control & 0x3F) }
    if status & ~control & 0x3F != 0 { status |= 0x8080 }
    var tag: UInt8 = 0xFF
    if choice >> 56 & 3 == 0 { tag = UInt8(truncatingIfNeeded: random.next()) }
    if choice >> 58 & 7 == 0 { tag = 0 }
    image.put(MachineImage.fcw, control)
    image.put(MachineImage.fsw, status)
    image.put(MachineImage.ftw, UInt16(tag))
    // AMD's processors load the pointers, other than as zeros, only with an exception pending.
    let mask: UInt64 = status & 0x80 != 0 ? ~0 : 0
    image.put(MachineImage.fop, UInt16(truncatingIfNeeded: random.next() & mask) & 0x7FF)
    image.put(MachineImage.fip, random.next() >> 17 & mask)
    image.put(MachineImage.fdp, random.next() >> 17 & mask)
  }

  /// MXCSR: usually the default, sometimes another rounding, DAZ or FTZ, sometimes unmasked exceptions.
  mutating func mxcsr() -> UInt32 {
    let choice = random.next()
    var value: UInt32 = 0x1F80
    if choice & 1 == 0 { value |= UInt32(truncatingIfNeeded: choice >> 8) & 0x6000 }
    if choice & 6 == 0 { value |= UInt32(truncatingIfNeeded: choice >> 24) & 0x8040 }
    if choice & 24 == 0 { value |= UInt32(truncatingIfNeeded: choice >> 40) & 0x3F }
    if choice & 224 == 0 { value &= ~(UInt32(truncatingIfNeeded: random.next()) & 0x1F80) }
    return value
  }

  /// The state that every case starts from: template vectors, fresh general registers and flags.
  private mutating func begin(_ writer: inout CaseWriter) {
    let image = writer.image
    image.copyMemory(from: template, byteCount: MachineImage.size)
    for index in 0..<(mode == .long64 ? 16 : 8) { image.setGPR(index, generalValue()) }
    if mode != .long64 { for index in 8..<16 { image.setGPR(index, 0) } }
    for (index, selector) in mode.selectors.enumerated() {
      let chosen = mode == .real16 && index != 1 ? dataSelector() : selector
      image.put(MachineImage.selectors + index * 2, chosen)
    }
    writer.setGPR(MachineImage.rsp, stackPointer(&writer))
    image.put(MachineImage.rflags, flags())
    image.put(MachineImage.rip, instructionPointer(writer.address))
    image.put(MachineImage.mxcsr, mxcsr())
    let hasBases = mode == .long64
    image.put(MachineImage.fsBase, hasBases ? LinearLayout.data + 0x100 + (random.next() & 0xFF0) : 0)
    image.put(MachineImage.gsBase, hasBases ? LinearLayout.data + 0x800 + (random.next() & 0xFFF) : 0)
  }

  /// A general register: an edge or an address of data.
  @inline(__always)
  private mutating func generalValue() -> UInt64 {
    let choice = random.next()
    if choice & 7 == 0 { return mode.layout.data + ((choice >> 8) & 0x1FFF) }
    return safe(OperandValues.integer(&random))
  }

  /// Keeps values that may become addresses away from what the worker maps for itself.
  @inline(__always)
  func safe(_ value: UInt64) -> UInt64 {
    let low = value & 0xFFFF_FFFF
    return LinearLayout.all.contains(low) && !(LinearLayout.data..<LinearLayout.data + 0x2000).contains(low)
      ? value ^ 0x4000_0000 : value
  }

  private mutating func stackPointer(_ writer: inout CaseWriter) -> UInt64 {
    if mode == .real16 { return realStackPointer(&writer) }
    let choice = random.next()
    var at = LinearLayout.data + 0x800 + ((choice >> 16) & 0xFF8)
    switch choice & 31 {
    case 0: at += (choice >> 8) & 7
    case 1: at = LinearLayout.data + ((choice >> 8) & 0x3F)
    case 2: at = LinearLayout.data + UInt64(LinearLayout.dataSize) - ((choice >> 8) & 0x3F)
    case 3: at = LinearLayout.data + 0x1000 - ((choice >> 8) & 0x3F) + 16
    case 4 where provokesFaults: at = anyAddress()
    default: break
    }
    writer.patch(at, 32, .integers, &random)
    return at
  }

  /// In real mode SP alone counts, and every value of it is good for something: at 1 a push crosses the limit.
  private mutating func realStackPointer(_ writer: inout CaseWriter) -> UInt64 {
    let choice = random.next()
    let linear = operandAddress(writer, 2, choice & 15 == 0 ? 1 : 2)
    writer.patch(linear, 32, .integers, &random)
    let offset = impliedOffset(writer, linear, 2)
    return choice >> 8 & 3 == 0 ? offset | choice & 0xFFFF_0000 : offset
  }

  private mutating func flags() -> UInt64 {
    let choice = random.next()
    // The status flags in all states.
    var value = (choice & 0x8D5) | 0x202
    if choice >> 16 & 7 == 0 { value |= 0x400 }
    if choice >> 20 & 15 == 0 { value |= 0x4_0000 }
    if choice >> 24 & 3 == 0 { value |= 0x20_0000 }
    if choice >> 28 & 63 == 0 { value |= 0x100 }
    if choice >> 36 & 63 == 0 { value |= 0x1_0000 }
    if choice >> 44 & 63 == 0 { value |= 0x4000 }
    // At CPL 0, IF and IOPL are the case's own.
    if mode == .real16 && choice >> 52 & 7 == 0 { value ^= choice >> 40 & 0x3200 }
    return value
  }

  // MARK: Sequences

  private mutating func makeSequence(_ writer: inout CaseWriter) {
    let record = writer.record
    let count = 2 + random.below(5)
    var undefined: UInt64 = 0
    var first = true
    record.put(CaseRecord.form, ~UInt32(0))
    writer.image.put(MachineImage.rflags, writer.image.get(MachineImage.rflags, UInt64.self) & ~0x1_4500)
    for _ in 0..<count where writer.room > 40 {
      // Instructions that read what is undefined would make everything after them undefined.
      var index = sequenceForms[random.below(sequenceForms.count)]
      for _ in 0..<16 where undefined != 0 && !comparesUndefinedFlags && forms[index].readsFlags {
        index = sequenceForms[random.below(sequenceForms.count)]
      }
      if undefined != 0 && !comparesUndefinedFlags && forms[index].readsFlags { break }
      let form = forms[index]
      let skips = undefined == 0 && random.oneIn(6)
      var branch = 0
      if skips {
        writer.beginInstruction()
        writer.emit(0x70 | UInt8(truncatingIfNeeded: random.next() & 15))
        branch = writer.position
        writer.emit(0)
      }
      writer.beginInstruction()
      instruction(&writer, form, traits[index], isFirst: first)
      first = false
      if skips { record.put(CaseRecord.code + branch, UInt8(writer.position - branch - 1)) }
      // Nothing makes them defined again for sure: a shift by zero or a fault writes no flags.
      undefined |= form.flagsUndefined
    }
    record.put(CaseRecord.flagMask, comparesUndefinedFlags ? ~0 : ~undefined)
    record.put(CaseRecord.options, 0 as UInt32)
  }
}

/// Owns the template of a generator, so that copies of the generator share it.
private final class TemplateOwner: @unchecked Sendable {
  let image: UnsafeMutableRawPointer

  init() {
    image = .allocate(byteCount: MachineImage.size, alignment: 64)
    image.initializeMemory(as: UInt8.self, repeating: 0, count: MachineImage.size)
  }

  deinit { image.deallocate() }
}
