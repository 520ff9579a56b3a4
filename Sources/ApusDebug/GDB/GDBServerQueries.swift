import ApusCPU

// GDB manual, "General Query Packets".

extension GDBServer {
  // MARK: Queries

  func query(_ packet: PacketText) -> Reply {
    var packet = packet
    let name = Self.takeName(&packet)
    switch name {
    case "Supported": return supported(packet)
    case "Xfer": return transfer(packet)
    case "Rcmd": return command(packet)
    case "C": return packet.isEmpty ? .text("QC1") : .failed(.malformed)
    case "fThreadInfo": return .text("m1")
    case "sThreadInfo": return .text("l")
    case "ThreadExtraInfo": return threadInformation(packet)
    // So GDB lets the machine go when it quits, and does not end it.
    case "Attached": return .text("1")
    // There is nothing to look symbols up for.
    case "Symbol": return .ok
    case "qemu.PhyMemMode": return .text(isPhysical ? "1" : "0")
    case "qemu.Supported": return .text("PhyMemMode")
    // Among them `qTStatus`: there are no tracepoints, and any other reply would say there are.
    default: return .unsupported
    }
  }

  /// `Q` packets.
  func configure(_ packet: PacketText) -> Reply {
    var packet = packet
    let name = Self.takeName(&packet)
    switch name {
    case "StartNoAckMode":
      guard packet.isEmpty else { return .failed(.malformed) }
      endAcknowledgments()
      return .ok
    case "qemu.PhyMemMode":
      guard packet.take(":"), let mode = packet.takeLastNumber(), mode <= 1 else {
        return .failed(.malformed)
      }
      isPhysical = mode == 1
      return .ok
    default: return .unsupported
    }
  }

  /// The name ends at `:`, `,` or `;`, which stays.
  private static func takeName(_ packet: inout PacketText) -> String {
    var name: [UInt8] = []
    while let character = packet.rest.first {
      if character == UInt8(ascii: ":") || character == UInt8(ascii: ",") || character == UInt8(ascii: ";") {
        break
      }
      name.append(character)
      _ = packet.takeByte()
    }
    return String(decoding: name, as: UTF8.self)
  }

  private func supported(_ packet: PacketText) -> Reply {
    var packet = packet
    _ = packet.take(":")
    clientFeatures = []
    while !packet.isEmpty {
      switch String(decoding: packet.takeField(UInt8(ascii: ";")), as: UTF8.self) {
      case "swbreak+": clientFeatures.insert(.softwareBreakpoints)
      case "hwbreak+": clientFeatures.insert(.hardwareBreakpoints)
      default: break
      }
    }
    var features = [
      "PacketSize=\(String(Self.packetSize, radix: 16))", "QStartNoAckMode+", "qXfer:features:read+",
      "swbreak+", "hwbreak+", "vContSupported+",
    ]
    if target.canReverse { features += ["ReverseStep+", "ReverseContinue+"] }
    return .text(features.joined(separator: ";"))
  }

  /// `qXfer:object:read:annex:offset,length`: `m` and a part, or `l` and the last.
  private func transfer(_ packet: PacketText) -> Reply {
    var packet = packet
    guard packet.take(":features:read:") else { return .unsupported }
    let annex = packet.takeField(UInt8(ascii: ":"))
    guard let offset = packet.takeNumber(), packet.take(","), let length = packet.takeLastNumber()
    else { return .failed(.malformed) }
    // "E00: The request was malformed, or annex was invalid."
    guard annex.elementsEqual("target.xml".utf8) else { return .content(Array("E00".utf8)) }
    let document = TargetDescription.xml
    guard offset <= UInt64(document.count) else { return .failed(.malformed) }
    let wanted = document[Int(offset)...].prefix(Int(min(length, UInt64(Self.packetSize))))
    let part = Escape.encoded(wanted, limit: Self.packetSize - 1)
    let isLast = Int(offset) + part.count == document.count
    return .content([UInt8(ascii: isLast ? "l" : "m")] + part.text)
  }

  /// `qRcmd,` and a command line in hexadecimal: GDB's `monitor`.
  private func command(_ packet: PacketText) -> Reply {
    var packet = packet
    guard packet.take(","), let line = Hex.decoded(packet.rest) else { return .failed(.malformed) }
    sendConsole(target.monitor(String(decoding: line, as: UTF8.self)))
    return .ok
  }

  /// What `info threads` shows: the mode the processor is in.
  private func threadInformation(_ packet: PacketText) -> Reply {
    var packet = packet
    guard packet.take(","), packet.takeLastNumber() == 1 else { return .failed(.malformed) }
    let value = target.readRegister(.mode).map { UInt8(littleEndian: $0) }
    let mode = value.flatMap { ProcessorMode(rawValue: $0) }
    return .content(Hex.encoded(Array("CPU 0\(mode.map { ", \($0.shortName)" } ?? "")".utf8)))
  }
}
