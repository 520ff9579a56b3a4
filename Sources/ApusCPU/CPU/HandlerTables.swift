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

  /// The handlers for an op of form `first` together with the one or two ops behind it.
  @inline(__always)
  static func runs(_ first: UInt16) -> Range<Int> {
    Int(formRuns[Int(first)])..<Int(formRuns[Int(first) + 1])
  }

  /// How many ops the run at `index` takes in, if they are those from `op` to at most `last`; 0 if not.
  @inline(__always)
  static func runLength(_ index: Int, _ op: OpPointer, _ last: OpPointer) -> Int {
    guard op < last, (op + 1).pointee.form == runSeconds[index] else { return 0 }
    let third = runThirds[index]
    if third == UInt16.max { return 2 }
    return op + 1 < last && (op + 2).pointee.form == third ? 3 : 0
  }

  /// The code address of the handler of the run at `index`.
  static func run(_ index: Int) -> UInt64 { runAddresses[index] }

  /// How many ops the handler of `op` does.
  static func runLength(of op: DecodedOp) -> Int {
    guard op.handler != fast(op.form), let index = runs(op.form).first(where: { run($0) == op.handler })
    else {
      return 1
    }
    return runThirds[index] == UInt16.max ? 2 : 3
  }

  static func slow(_ form: Int) -> SlowHandler { slowHandlers[form] }

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
