/// The addresses of the generated handlers, by form.
enum HandlerTables {
  static func address(of handler: FastHandler) -> UInt64 {
    UInt64(UInt(bitPattern: unsafeBitCast(handler, to: UnsafeRawPointer.self)))
  }

  /// A copy of the slow table that handlers reach through the state block.
  static func makeSlowTable() -> UnsafeMutablePointer<UInt> {
    let table = UnsafeMutablePointer<UInt>.allocate(capacity: Int(Form.count))
    for index in 0..<Int(Form.count) {
      table[index] = UInt(bitPattern: unsafeBitCast(slowHandlers[index], to: UnsafeRawPointer.self))
    }
    return table
  }

  /// The code address of the threaded handler of `form`.
  @inline(__always)
  static func fast(_ form: UInt16) -> UInt64 { addresses[Int(form)] }

  /// The runs that begin with these two forms: they are in the order of first and second forms.
  @inline(__always)
  static func runs(_ first: UInt16, _ second: UInt16) -> Range<Int> {
    let end = Int(formRuns[Int(first) + 1])
    var low = Int(formRuns[Int(first)])
    var high = end
    while low < high {
      let middle = (low + high) >> 1
      if runSeconds[middle] < second { low = middle + 1 } else { high = middle }
    }
    var last = low
    while last < end && runSeconds[last] == second { last += 1 }
    return low..<last
  }

  /// How many ops the run at `index` takes in, if they are those from `op`, which are its first two, to at most `last`;
  /// 0 if not.
  @inline(__always)
  static func runLength(_ index: Int, _ op: OpPointer, _ last: OpPointer) -> Int {
    let length = runLength(index)
    guard last - op >= length - 1 else { return 0 }
    let rest = Int(runRestStarts[index])
    for later in 2..<length where (op + later).pointee.form != runRests[rest + later - 2] { return 0 }
    return forwards(index, op) ? length : 0
  }

  /// How many ops there are in the run at `index`.
  @inline(__always)
  private static func runLength(_ index: Int) -> Int {
    2 + Int(runRestStarts[index + 1] - runRestStarts[index])
  }

  /// Whether the ops from `op` on name the same registers where the run at `index` hands a value on, and have the
  /// scales that it knows.
  @inline(__always)
  private static func forwards(_ index: Int, _ op: OpPointer) -> Bool {
    for place in runForwardingStarts[index]..<runForwardingStarts[index + 1] {
      let code = runForwardings[Int(place)]
      let member = op + Int(code >> 6)
      let field = Int(code >> 3 & 7)
      let known = UInt8(code & 7)
      guard
        field == DecodedOp.scaleField
          ? member.pointee.scale == known
          : member.pointee.operand(field) == (op + Int(known)).pointee.destination
      else { return false }
    }
    return true
  }

  /// How often the run at `index` hands a value on or knows a scale.
  @inline(__always)
  static func forwardingCount(_ index: Int) -> Int {
    Int(runForwardingStarts[index + 1] - runForwardingStarts[index])
  }

  /// The code address of the handler of the run at `index`.
  static func run(_ index: Int) -> UInt64 { runAddresses[index] }

  /// How many ops the handler of `op` does.
  static func runLength(of op: DecodedOp) -> Int {
    guard op.handler != fast(op.form), let index = runIndexes[op.handler] else { return 1 }
    return runLength(index)
  }

  static func slow(_ form: Int) -> SlowHandler { slowHandlers[form] }

  /// The runs by the code addresses of their handlers.
  private static let runIndexes: [UInt64: Int] = {
    var indexes: [UInt64: Int] = [:]
    for index in runAddresses.indices.reversed() { indexes[runAddresses[index]] = index }
    return indexes
  }()

  private static let runAddresses: [UInt64] = runHandlers.map { address(of: $0) }

  private static let addresses: [UInt64] = {
    var addresses = [UInt64](repeating: address(of: slowOnly), count: Int(Form.count))
    for index in 0..<fastHandlers.count { addresses[index] = address(of: fastHandlers[index]) }
    for (form, target) in fastAliases { addresses[Int(form)] = addresses[Int(target)] }
    addresses[Int(Form.exit)] = address(of: exitHandler)
    return addresses
  }()
}

/// What an op means for flags that an earlier op set.
enum FlagEffect: UInt8 {
  /// Neither reads nor writes them all, and cannot fault.
  case none
  /// Writes CF and OF without reading them, and cannot fault.
  case overwrites
  case barrier
}

/// Facts about forms that the generator derives from the opcode maps.
enum FormTables {
  @inline(__always)
  static func flagEffect(_ form: UInt16) -> FlagEffect {
    FlagEffect(rawValue: formFlagEffects[Int(form)]) ?? .barrier
  }

  /// A kind of register that a run can hand on from one op to another.
  enum RegisterKind: UInt8 {
    case general = 1
    case vector = 2
  }

  /// Whether a form reads the register of this kind that a field (see `DecodedOp.operand`) names.
  static func reads(_ form: UInt16, _ field: Int, _ kind: RegisterKind) -> Bool {
    formReads[Int(form)] >> (kind == .vector ? field + 4 : field) & 1 != 0
  }

  /// What the register is that a form writes, if a run can hand it on.
  static func written(_ form: UInt16) -> RegisterKind? { RegisterKind(rawValue: formWrites[Int(form)]) }

  static func deadFlagForm(_ form: UInt16) -> UInt16? {
    let variant = formDeadVariants[Int(form)]
    return variant == 0 ? nil : variant
  }

  /// Whether the op takes branch targets.
  static func isBranch(_ form: UInt16) -> Bool {
    form >= Form.Jcc_J && form < Form.Jcc_J + 16 || form == Form.JMP_J || form == Form.CALL_J64
  }

  /// Whether the op has branch targets and so is its block's last.
  static func endsBlock(_ form: UInt16) -> Bool { form == Form.blockEnd || isBranch(form) || isFused(form) }

  /// Whether the op does the work of a compare and a branch.
  static func isFused(_ form: UInt16) -> Bool { fusedForms.contains(form) }

  private static let fusedForms: Set<UInt16> = {
    var forms: Set<UInt16> = []
    for form in formFusedAny where form != 0 { forms.formUnion(form...(form + 15)) }
    for form in formFusedZero where form != 0 { forms.formUnion(form...(form + 1)) }
    return forms
  }()

  /// The form that does the work of two adjacent ops, a compare and a conditional branch.
  static func fused(_ compare: OpPointer, _ branch: OpPointer) -> UInt16? {
    guard branch.pointee.form >= Form.Jcc_J && branch.pointee.form < Form.Jcc_J + 16,
      compare.pointee.count &+ 1 == branch.pointee.count
    else { return nil }
    let condition = branch.pointee.form - Form.Jcc_J
    let any = formFusedAny[Int(compare.pointee.form)]
    if any != 0 { return any + condition }
    let zero = formFusedZero[Int(compare.pointee.form)]
    if zero != 0 && (condition == 4 || condition == 5) { return zero + (condition - 4) }
    return nil
  }
}
