/// Decodes one instruction at a time into ops of a block. Free of side effects but for its own fields and
/// the ops it writes; it reads code through host pointers that the caller has translated.
struct Decoder {
  enum Failure {
    case none
    /// The instruction runs into the next page and the caller did not ask for that.
    case crossesPage
    /// Fetching the second page faults; the fault is recorded in the CPU.
    case fetchFault
    /// The bytes pass CS.limit or the canonical range.
    case limit
    /// More than 15 bytes.
    case tooLong
  }

  let cpu: CPU
  let is64: Bool
  let mode: UInt8
  private let limit: UInt64
  private let blockRIP: UInt64
  private var page: RawPointer?
  private var pageOffset: Int
  private(set) var secondPhysical: UInt64 = ~0
  var maySpan = false
  var failure = Failure.none

  // The present instruction.
  private(set) var rip: UInt64
  private var start: UInt64
  var rex: UInt8 = 0
  var hasOperandSize = false
  var hasAddressSize = false
  var repeatPrefix: UInt8 = 0
  var hasLock = false
  /// VEX.vvvv, VEX.L, and the opcode byte behind the prefix.
  var vexRegister: UInt8 = 0
  var isWideVector = false
  var vexOpcode: UInt8 = 0
  /// SIB.index with REX.X and SIB.scale: a vector register for gathers.
  var sibIndex: UInt8 = 0
  var sibScale: UInt8 = 0
  var segmentOverride: UInt8 = 0xFF
  var modRM: UInt8 = 0
  var isRIPRelative = false
  var addressForm = 0
  /// Whether the last instruction ends the block.
  var endsBlock = false
  /// Whether it was a hint that needs no op.
  var isHint = false

  init(_ cpu: CPU, physical: UInt64) {
    self.cpu = cpu
    mode = cpu.pointee.codeMode
    is64 = mode & CodeMode.sizeMask == CodeMode.code64
    limit = is64 ? ~0 : UInt64(cpu.segment(.cs).pointee.limit)
    rip = cpu.pointee.rip
    start = rip
    blockRIP = rip
    pageOffset = Int(physical & 0xFFF)
    page = cpu.hostOffset(physical & ~0xFFF).map { cpu.host($0) }
  }

  // MARK: Bytes

  /// Bytes of the present instruction so far.
  private var length: UInt64 { rip &- start }

  mutating func byte() -> UInt8 {
    if failure != .none { return 0 }
    if length >= 15 {
      failure = .tooLong
      return 0
    }
    if rip > limit {
      failure = .limit
      return 0
    }
    if pageOffset == 4096 {
      guard openSecondPage() else { return 0 }
    }
    let value = page.map { $0.load(fromByteOffset: pageOffset, as: UInt8.self) } ?? 0xFF
    pageOffset += 1
    rip = rip &+ 1
    return value
  }

  private mutating func openSecondPage() -> Bool {
    guard maySpan else {
      failure = .crossesPage
      return false
    }
    guard !is64 || cpu.isCanonical(rip) else {
      failure = .limit
      return false
    }
    do throws(Exit) {
      secondPhysical = try cpu.translateFetch(cpu.codeLinear(rip)).physical
    } catch {
      failure = .fetchFault
      return false
    }
    page = cpu.hostOffset(secondPhysical).map { cpu.host($0) }
    pageOffset = 0
    return true
  }

  mutating func word() -> UInt16 {
    let low = byte()
    return UInt16(low) | UInt16(byte()) << 8
  }

  mutating func doubleword() -> UInt32 {
    if failure == .none && pageOffset <= 4092 && length <= 11 && rip <= limit &- 3, let page {
      let value = (page + pageOffset).loadUnaligned(as: UInt32.self)
      pageOffset += 4
      rip = rip &+ 4
      return UInt32(littleEndian: value)
    }
    let low = word()
    return UInt32(low) | UInt32(word()) << 16
  }

  // MARK: Instruction

  /// Decodes the next instruction into `op`. Check `failure` first: if set, nothing of it counts.
  mutating func decode(_ op: OpPointer) {
    start = rip
    rex = 0
    hasOperandSize = false
    hasAddressSize = false
    repeatPrefix = 0
    hasLock = false
    segmentOverride = 0xFF
    isWideVector = false
    isRIPRelative = false
    addressForm = 0
    endsBlock = false
    isHint = false
    op.pointee = DecodedOp(form: Form.UD)
    let opcode = prefixes()
    let entry = lookUp(opcode)
    let needsUD = entry.shape == .undefined || !isValid(entry)
    if failure != .none { return fail(op) }
    if needsUD {
      // What the opcode map does not define still has its ModRM fetched before #UD; the length only shows
      // in page faults at the end of a page, which hardware leaves open.
      return refuse(op, Form.UD, undefinedRule(entry))
    }
    operands(entry, opcode, op)
    if failure != .none { return fail(op) }
    if hasLock && !(entry.options & OpcodeOption.lock != 0 && op.pointee.isMemory) {
      isHint = false
      return refuse(op, Form.UD, .lockPrefix)
    }
    locate(op)
    if isRIPRelative {
      op.pointee.displacement = op.pointee.displacement &+ Int64(bitPattern: rip)
    }
    if entry.options & OpcodeOption.end != 0 { endsBlock = true }
  }

  private mutating func fail(_ op: OpPointer) {
    if failure == .tooLong {
      failure = .none
      refuse(op, Form.GP, .tooLong)
    }
  }

  /// Makes an op of bytes that are no instruction: it raises #UD or #GP, for a rule that it holds.
  private mutating func refuse(_ op: OpPointer, _ form: UInt16, _ rule: Rule) {
    setFault(op, form, rule)
    locate(op)
    endsBlock = true
  }

  private func setFault(_ op: OpPointer, _ form: UInt16, _ rule: Rule) {
    op.pointee.form = form
    op.pointee.immediate = Int32(rule.rawValue)
  }

  private func locate(_ op: OpPointer) {
    let offset = UInt16(truncatingIfNeeded: start &- blockRIP)
    op.pointee.location = offset << 4 | UInt16(truncatingIfNeeded: min(length, 15))
  }

  /// Reads prefixes; returns the first opcode byte. A REX prefix counts only directly before the opcode (SDM
  /// Vol. 2, "REX Prefixes").
  private mutating func prefixes() -> UInt8 {
    while true {
      let value = byte()
      switch value {
      case 0x66: hasOperandSize = true
      case 0x67: hasAddressSize = true
      case 0xF2, 0xF3: repeatPrefix = value
      case 0xF0: hasLock = true
      case 0x26, 0x2E, 0x36, 0x3E: if !is64 { segmentOverride = (value >> 3) & 3 }
      case 0x64: segmentOverride = SegmentName.fs.rawValue
      case 0x65: segmentOverride = SegmentName.gs.rawValue
      case 0x40...0x4F where is64:
        rex = value
        continue
      default: return value
      }
      rex = 0
      if failure != .none { return 0 }
    }
  }

  // MARK: Sizes

  /// Near branches of 64-bit mode with an operand-size prefix: Intel's processors ignore it (SDM Vol. 1, "Near
  /// Branches in 64-Bit Mode"), AMD's have 16-bit branches (AMD APM Vol. 3, "Near Branches in 64-Bit Mode").
  private func isShortBranch(_ entry: OpcodeEntry) -> Bool {
    hasOperandSize && !cpu.pointee.isIntel && (entry.shape == .J || entry.options & OpcodeOption.hot != 0)
  }

  /// log2 of the operand size in bytes.
  private func width(_ entry: OpcodeEntry) -> UInt8 {
    switch entry.width {
    case .b: return 0
    case .w: return 1
    case .d: return 2
    case .q: return 3
    case .y: return rex & 8 != 0 ? 3 : 2
    case .v, .z:
      if is64 {
        if entry.options & OpcodeOption.force64 != 0 { return isShortBranch(entry) ? 1 : 3 }
        if rex & 8 != 0 && entry.width == .v { return 3 }
        if entry.options & OpcodeOption.default64 != 0 { return hasOperandSize ? 1 : 3 }
        return hasOperandSize ? 1 : 2
      }
      let is32 = mode & CodeMode.sizeMask == CodeMode.code32
      return is32 != hasOperandSize ? 2 : 1
    }
  }

  var addressSize: UInt8 {
    if is64 { return hasAddressSize ? DecodedOp.addressSize32 : 0 }
    let is32 = mode & CodeMode.sizeMask == CodeMode.code32
    return is32 != hasAddressSize ? DecodedOp.addressSize32 : DecodedOp.addressSize16
  }

  /// The operand-file offset of a general register: without REX, byte registers 4–7 are AH, CH, DH, BH.
  func slot(_ register: UInt8, _ width: UInt8) -> UInt8 {
    width == 0 && rex == 0 && register & 0xC == 4 ? (register - 4) << 3 | 1 : register << 3
  }

  var reg: UInt8 { (modRM >> 3) & 7 | (rex & 4) << 1 }
  var rm: UInt8 { modRM & 7 | (rex & 1) << 3 }

  // MARK: Operands

  private mutating func immediate(_ width: UInt8) -> Int32 {
    switch width {
    case 0: return Int32(Int8(bitPattern: byte()))
    case 1: return Int32(Int16(bitPattern: word()))
    default: return Int32(bitPattern: doubleword())
    }
  }

  private mutating func immediate(_ entry: OpcodeEntry, _ width: UInt8) -> Int32 {
    if entry.options & OpcodeOption.signedByte != 0 { return Int32(Int8(bitPattern: byte())) }
    if entry.options & OpcodeOption.byteImmediate != 0 { return Int32(byte()) }
    return immediate(width)
  }

  /// Sets the form: the stamp for the width and, for hot memory forms, the address form.
  private func setForm(_ op: OpPointer, _ entry: OpcodeEntry, _ width: UInt8) {
    let w = UInt16(width)
    if entry.options & OpcodeOption.fixed != 0 {
      op.pointee.form = isWideVector ? entry.memory : entry.register
      if entry.options & OpcodeOption.hot != 0 && op.pointee.isMemory {
        op.pointee.form += 1 + UInt16(addressForm)
      }
    } else if entry.options & OpcodeOption.hot == 0 {
      op.pointee.form = entry.register + w
    } else if entry.legacy != 0 && width != 3 {
      op.pointee.form = entry.legacy + w
    } else if op.pointee.isMemory {
      op.pointee.form = entry.memory + w * 3 + UInt16(addressForm)
    } else {
      op.pointee.form = entry.register + w
    }
  }

  private mutating func operands(_ entry: OpcodeEntry, _ opcode: UInt8, _ op: OpPointer) {
    let width = width(entry)
    op.pointee.addressing = (op.pointee.addressing & 7) | addressSize
    switch entry.shape {
    case .none: break
    case .nop:
      modRMOperand(op, width)
      isHint = true
    case .EG:
      modRMOperand(op, width)
      op.pointee.destination = op.pointee.base
      op.pointee.source = slot(reg, width)
    case .GE: readOperandG(entry, op, width)
    case .EI:
      modRMOperand(op, width)
      op.pointee.destination = op.pointee.base
      op.pointee.immediate = immediate(entry, width)
      if !op.pointee.isMemory && entry.register == Form.MOV_ri {
        op.pointee.displacement = Int64(op.pointee.immediate)
      }
    case .AI:
      op.pointee.destination = GPR.rax.slot
      op.pointee.immediate = immediate(entry, width)
    case .GEI:
      readOperandG(entry, op, width)
      op.pointee.immediate = immediate(entry, width)
    case .E, .Enear:
      modRMOperand(op, width)
      op.pointee.destination = op.pointee.base
      op.pointee.source = op.pointee.base
    case .E1, .ECL: shiftOperand(entry, op, width)
    case .EGI, .EGCL:
      modRMOperand(op, width)
      op.pointee.destination = op.pointee.base
      op.pointee.source = slot(reg, width)
      if entry.shape == .EGI { doubleShiftCount(op, width) }
    case .Z:
      let register = opcode == 0x0F ? lastOpcodeRegister : opcode & 7 | (rex & 1) << 3
      op.pointee.destination = slot(register, width)
      op.pointee.source = op.pointee.destination
    case .ZI:
      op.pointee.destination = slot(opcode & 7 | (rex & 1) << 3, width)
      op.pointee.displacement = width == 3 ? quadword() : Int64(immediate(width))
    case .ZA:
      op.pointee.destination = slot(opcode & 7 | (rex & 1) << 3, width)
      op.pointee.source = GPR.rax.slot
      // 90h is NOP (F3: PAUSE) unless REX.B makes it an exchange with R8.
      if opcode == 0x90 && rex & 1 == 0 { isHint = true }
    case .GM:
      segmentOverride = 0xFF
      modRMOperand(op, width)
      op.pointee.destination = slot(reg, width)
    case .MG, .M:
      modRMOperand(op, width)
      op.pointee.source = slot(reg, width)
      op.pointee.destination = op.pointee.source
    case .AO, .OA: absoluteOffset(op)
    case .J: relativeBranch(entry, op, width)
    case .I:
      let isWord = entry.options & OpcodeOption.wordSource != 0
      op.pointee.immediate = isWord ? Int32(word()) : immediate(entry, width)
    case .IwIb:
      op.pointee.immediate = Int32(word())
      op.pointee.source = byte()
    case .Ap:
      let offset = width == 1 ? UInt64(word()) : UInt64(doubleword())
      op.pointee.displacement = Int64(bitPattern: offset | UInt64(word()) << 32)
    default: lessCommonOperands(entry, opcode, op, width)
    }
    if entry.shape != .J && entry.shape != .movsxd { setForm(op, entry, width) }
    adjustForm(entry, op, width)
  }

  private mutating func lessCommonOperands(
    _ entry: OpcodeEntry, _ opcode: UInt8, _ op: OpPointer, _ width: UInt8
  ) {
    switch entry.shape {
    case .SE, .ES:
      modRMOperand(op, entry.shape == .SE ? 1 : width)
      op.pointee.source = reg & 7
      // MOV CS and the numbers 6 and 7 do not exist.
      if reg & 7 > 5 || (entry.shape == .SE && reg & 7 == 1) { op.pointee.source = 0xFF }
    case .S: op.pointee.source = UInt8(truncatingIfNeeded: entry.memory)
    case .GMp:
      modRMOperand(op, width)
      op.pointee.destination = slot(reg, width)
      op.pointee.immediate = Int32(entry.memory)
    case .RC:
      op.pointee.destination = rm << 3
      op.pointee.source = reg
    case .string:
      op.pointee.source = repeatPrefix == 0 ? 0 : repeatPrefix & 3
      setSegment(op, defaultsToStack: false)
    case .portI: op.pointee.immediate = Int32(byte())
    case .portDX: op.pointee.immediate = -1
    case .GBE:
      modRMOperand(op, width)
      op.pointee.destination = slot(reg, width)
      op.pointee.source = slot(vexRegister, width)
    case .movsxd: signExtendDoubleword(op, width, entry)
    case .VW, .WV, .VWI, .WVI, .UI, .VE, .EV, .VEI, .EVI, .GW, .GWI, .FMA, .gather:
      vectorOperands(entry, op, width)
    case .maskMove:
      op.pointee.destination = reg
      op.pointee.source = rm
      op.pointee.base = GPR.rdi.slot
      op.pointee.addressing |= DecodedOp.inMemory
      setSegment(op, defaultsToStack: false)
    case .x87:
      modRMOperand(op, width)
      op.pointee.immediate = Int32(modRM) | Int32(opcode) << 8
    default: break
    }
  }

  private mutating func readOperandG(_ entry: OpcodeEntry, _ op: OpPointer, _ width: UInt8) {
    let sourceWidth: UInt8 =
      entry.options & OpcodeOption.byteSource != 0
      ? 0 : entry.options & OpcodeOption.wordSource != 0 ? 1 : width
    modRMOperand(op, sourceWidth)
    op.pointee.source = op.pointee.base
    op.pointee.destination = slot(reg, width)
  }

  private mutating func shiftOperand(_ entry: OpcodeEntry, _ op: OpPointer, _ width: UInt8) {
    modRMOperand(op, width)
    op.pointee.destination = op.pointee.base
    op.pointee.source = entry.shape == .ECL ? 1 : 0
    op.pointee.immediate = 1
  }

  private mutating func doubleShiftCount(_ op: OpPointer, _ width: UInt8) {
    op.pointee.immediate = Int32(byte()) & (width == 3 ? 63 : 31)
  }

  private mutating func quadword() -> Int64 {
    let low = doubleword()
    return Int64(bitPattern: UInt64(low) | UInt64(doubleword()) << 32)
  }

  /// The register of `BSWAP`, whose opcode byte is the second one.
  private var lastOpcodeRegister: UInt8 { lastByte & 7 | (rex & 1) << 3 }
  private var lastByte: UInt8 {
    page.map { $0.load(fromByteOffset: pageOffset - 1, as: UInt8.self) } ?? 0
  }

  private mutating func absoluteOffset(_ op: OpPointer) {
    op.pointee.destination = GPR.rax.slot
    op.pointee.source = GPR.rax.slot
    switch addressSize {
    case DecodedOp.addressSize16: op.pointee.displacement = Int64(word())
    case DecodedOp.addressSize32: op.pointee.displacement = Int64(doubleword())
    default: op.pointee.displacement = quadword()
    }
    op.pointee.addressing |= DecodedOp.inMemory
    setSegment(op, defaultsToStack: false)
    chooseAddressForm(op)
  }

  private mutating func relativeBranch(_ entry: OpcodeEntry, _ op: OpPointer, _ width: UInt8) {
    let distance: Int64
    if entry.options & OpcodeOption.byteImmediate != 0 {
      distance = Int64(Int8(bitPattern: byte()))
    } else {
      distance = width == 1 ? Int64(Int16(bitPattern: word())) : Int64(Int32(bitPattern: doubleword()))
    }
    let target = rip &+ UInt64(bitPattern: distance)
    let masked = width == 1 ? target & 0xFFFF : width == 2 ? target & 0xFFFF_FFFF : target
    op.pointee.displacement = Int64(bitPattern: masked)
    setForm(op, entry, width)
    // `LOOP` and `JrCXZ` count at the address size and have no other width.
    let reaches = is64 ? cpu.isCanonical(masked) : masked <= limit
    if entry.options & OpcodeOption.hot != 0 && entry.legacy == 0 {
      op.pointee.form = entry.register
      if !reaches {
        op.pointee.source = UInt8(truncatingIfNeeded: entry.memory)
        op.pointee.form = Form.branchBeyondLimit
      }
    } else if entry.legacy != 0 && width == 3 {
      if reaches { op.pointee.form = entry.register } else { setFault(op, Form.GP, .notCanonical) }
    }
  }

  private mutating func signExtendDoubleword(_ op: OpPointer, _ width: UInt8, _ entry: OpcodeEntry) {
    modRMOperand(op, width == 3 ? 2 : width)
    op.pointee.source = op.pointee.base
    op.pointee.destination = slot(reg, width)
    if width == 1 && op.pointee.isMemory && !cpu.pointee.isIntel {
      op.pointee.form = Form.MOVSXD_w
    } else if width == 3 {
      op.pointee.form =
        op.pointee.isMemory ? entry.memory + UInt16(addressForm) : entry.register
    } else {
      op.pointee.form =
        op.pointee.isMemory
        ? Form.MOV_rm + UInt16(width) * 3 + UInt16(addressForm) : Form.MOV_rr + UInt16(width)
    }
  }

  /// Corrections that depend on operand values.
  private mutating func adjustForm(_ entry: OpcodeEntry, _ op: OpPointer, _ width: UInt8) {
    if entry.shape == .EI && entry.options & OpcodeOption.byteImmediate != 0 {
      // Shifts and bit tests by a constant: masked here; a shift by zero changes nothing but may fault.
      let isBitTest = entry.options & OpcodeOption.lock != 0 || entry.register == Form.BT_ri
      if isBitTest {
        op.pointee.immediate &= (8 << Int32(width)) - 1
      } else {
        op.pointee.immediate &= width == 3 ? 63 : 31
        op.pointee.source = 0
        if op.pointee.immediate == 0 && entry.options & OpcodeOption.hot != 0 {
          if op.pointee.isMemory {
            op.pointee.form = Form.shiftByZero_m + UInt16(width) * 3 + UInt16(addressForm)
          } else {
            op.pointee.form = Form.shiftByZero_r + UInt16(width)
          }
        }
      }
    }
    if entry.shape == .SE || entry.shape == .ES, op.pointee.source == 0xFF {
      setFault(op, Form.UD, .segmentRegister)
    }
    // The registers of a gather must all differ, and 16-bit addresses have no index.
    if entry.shape == .gather {
      let (destination, mask, index) = (op.pointee.destination, op.pointee.source, op.pointee.index)
      let isClash = destination == mask || destination == index || mask == index
      if isClash || addressSize == DecodedOp.addressSize16 { setFault(op, Form.UD, .gatherOperands) }
    }
    if entry.shape == .string && repeatPrefix != 0 { chooseFastRepeat(entry, op, width) }
  }

  /// `REP MOVS` and `REP STOS` in 64-bit mode have a fast form, which knows flat segments and RCX only.
  private func chooseFastRepeat(_ entry: OpcodeEntry, _ op: OpPointer, _ width: UInt8) {
    guard is64, !hasAddressSize, op.pointee.segmentIndex == Int(SegmentName.flat.rawValue) else { return }
    if entry.register == Form.cold_MOVS { op.pointee.form = Form.REP_MOVS + UInt16(width) }
    if entry.register == Form.cold_STOS { op.pointee.form = Form.REP_STOS + UInt16(width) }
  }
}
