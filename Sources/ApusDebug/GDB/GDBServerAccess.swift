// Registers, memory and points. GDB manual, "Packets".

extension GDBServer {
  typealias Register = TargetDescription.Register

  // MARK: Registers

  /// The value of a register as it is sent: unavailable digits are `x`.
  private func text(of register: Register) -> [UInt8] {
    guard let bytes = value(of: register) else {
      return Array(repeating: UInt8(ascii: "x"), count: 2 * register.byteSize)
    }
    return Hex.encoded(bytes)
  }

  private func value(of register: Register) -> [UInt8]? {
    target.readRegister(register.id).map { bytes in
      (0..<register.byteSize).map { $0 < bytes.count ? bytes[$0] : 0 }
    }
  }

  func readRegisters() -> Reply {
    .content(TargetDescription.registers.flatMap { text(of: $0) })
  }

  /// `G`: writes what differs, so that a client may send back registers that cannot be written.
  func writeRegisters(_ values: ArraySlice<UInt8>) -> Reply {
    let size = TargetDescription.registers.reduce(0) { $0 + 2 * $1.byteSize }
    guard values.count == size else { return .failed(.malformed) }
    var changes: [(register: Register, bytes: [UInt8])] = []
    var rest = values
    for register in TargetDescription.registers {
      let text = rest.prefix(2 * register.byteSize)
      rest = rest.dropFirst(text.count)
      if text.allSatisfy({ $0 == UInt8(ascii: "x") }) { continue }
      guard let bytes = Hex.decoded(text) else { return .failed(.malformed) }
      if bytes != value(of: register) { changes.append((register, bytes)) }
    }
    var isWritten = true
    for change in changes where !target.writeRegister(change.register.id, change.bytes) { isWritten = false }
    return isWritten ? .ok : .failed(.notPermitted)
  }

  func readRegister(_ packet: PacketText) -> Reply {
    var packet = packet
    guard let number = packet.takeLastNumber(), let register = TargetDescription.register(number)
    else { return .failed(.malformed) }
    return .content(text(of: register))
  }

  func writeRegister(_ packet: PacketText) -> Reply {
    var packet = packet
    guard let number = packet.takeNumber(), packet.take("="), let bytes = Hex.decoded(packet.rest),
      let register = TargetDescription.register(number), bytes.count == register.byteSize
    else { return .failed(.malformed) }
    return target.writeRegister(register.id, bytes) ? .ok : .failed(.notPermitted)
  }

  /// `n:r;` of a stop reply.
  func expedited(_ id: RegisterID) -> [UInt8] {
    guard let number = TargetDescription.number(of: id),
      let register = TargetDescription.register(UInt64(number)),
      let bytes = value(of: register)
    else { return [] }
    return Hex.encoded([UInt8(truncatingIfNeeded: number)]) + Array(":".utf8) + Hex.encoded(bytes)
      + Array(";".utf8)
  }

  // MARK: Memory

  func readMemory(_ packet: PacketText) -> Reply {
    var packet = packet
    guard let address = packet.takeNumber(), packet.take(","), let wanted = packet.takeLastNumber(),
      wanted > 0
    else { return .failed(.malformed) }
    // "The reply may contain fewer": what a packet holds, and none beyond the end of the address space.
    var count = min(wanted, UInt64(Self.packetSize / 2))
    if address != 0 { count = min(count, 0 &- address) }
    let bytes = target.readMemory(address, count: Int(count), isPhysical: isPhysical).prefix(Int(count))
    return bytes.isEmpty ? .failed(.fault) : .content(Hex.encoded(bytes))
  }

  func writeMemory(_ packet: PacketText, isBinary: Bool) -> Reply {
    var packet = packet
    guard let address = packet.takeNumber(), packet.take(","), let count = packet.takeNumber(),
      packet.take(":"),
      let bytes = isBinary ? Array(packet.rest) : Hex.decoded(packet.rest), UInt64(bytes.count) == count
    else { return .failed(.malformed) }
    // GDB asks with none whether there is `X` at all.
    guard !bytes.isEmpty else { return .ok }
    guard Self.isInAddressSpace(address, count) else { return .failed(.fault) }
    return target.writeMemory(address, bytes, isPhysical: isPhysical) ? .ok : .failed(.fault)
  }

  private static func isInAddressSpace(_ address: UInt64, _ size: UInt64) -> Bool {
    size > 0 && !address.addingReportingOverflow(size - 1).overflow
  }

  // MARK: Points

  /// "To avoid potential problems with duplicate packets, the operations should be implemented in an idempotent way."
  func insertPoint(_ packet: PacketText) -> Reply {
    switch Self.point(packet) {
    case .success(let point):
      guard !points.contains(point) else { return .ok }
      // More than anybody has, so that a client cannot fill memory with them.
      guard points.count < 1024 else { return .failed(.tooMany) }
      let result = target.insert(point.kind, at: point.address, size: point.size)
      if result == .done { points.append(point) }
      return Self.reply(result)
    case .failure(let reply): return reply.reply
    }
  }

  func removePoint(_ packet: PacketText) -> Reply {
    switch Self.point(packet) {
    case .success(let point):
      guard let index = points.firstIndex(of: point) else { return .ok }
      let result = target.remove(point.kind, at: point.address, size: point.size)
      if result == .done { points.remove(at: index) }
      return Self.reply(result)
    case .failure(let reply): return reply.reply
    }
  }

  private struct Refusal: Error {
    let reply: Reply
  }

  /// `type,address,kind`; the kind is the size of what is watched, and says nothing of breakpoints on x86. Conditions
  /// and commands are only for servers that say they take them.
  private static func point(_ packet: PacketText) -> Result<Point, Refusal> {
    var packet = packet
    guard let type = packet.takeNumber() else { return .failure(Refusal(reply: .failed(.malformed))) }
    guard let kind = kind(type) else { return .failure(Refusal(reply: .unsupported)) }
    guard packet.take(","), let address = packet.takeNumber(), packet.take(","),
      let given = packet.takeLastNumber()
    else { return .failure(Refusal(reply: .failed(.malformed))) }
    let size = kind == .software || kind == .hardware ? 1 : given
    guard isInAddressSpace(address, size) else { return .failure(Refusal(reply: .failed(.malformed))) }
    return .success(Point(kind: kind, address: address, size: size))
  }

  private static func kind(_ type: UInt64) -> BreakpointKind? {
    switch type {
    case 0: .software
    case 1: .hardware
    case 2: .watch(.write)
    case 3: .watch(.read)
    case 4: .watch(.access)
    default: nil
    }
  }

  private static func reply(_ result: PointResult) -> Reply {
    switch result {
    case .done: .ok
    case .unsupported: .unsupported
    case .failed: .failed(.notPermitted)
    }
  }
}
