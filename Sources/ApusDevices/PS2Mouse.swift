import ApusBase

/// A PS/2 mouse on the 8042's auxiliary interface: the standard three-button mouse, which turns into an
/// IntelliMouse (wheel, ID 3) or IntelliMouse Explorer (five buttons, ID 4) after their sample-rate
/// sequences. Source: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; Microsoft, "Intellimouse
/// Explorer" note in the Windows hardware design archive for the extensions.
///
/// Departs from hardware: movement comes in counts; the resolution is kept and reported, not applied.
package struct PS2Mouse {
  private enum Reply {
    static let ack: UInt8 = 0xFA, resend: UInt8 = 0xFE, error: UInt8 = 0xFC
  }

  private var output: [UInt8] = []
  /// What RESEND repeats.
  private var lastOutput: [UInt8] = []
  private var isEnabled = false
  private var isRemote = false
  private var isWrapping = false
  private var isScaling2To1 = false
  private var resolution: UInt8 = 2
  private var sampleRate: UInt8 = 100
  /// 0, 3 or 4.
  package private(set) var deviceID: UInt8 = 0
  /// The last two sample rates set, newest in the low byte.
  private var rateHistory: UInt16 = 0
  /// The command whose parameter is awaited, 0 for none.
  private var pending: UInt8 = 0
  private var parameterErrors: UInt8 = 0
  private var x: Int32 = 0
  private var y: Int32 = 0
  private var wheel: Int32 = 0
  /// Bit 0 left, 1 right, 2 middle, 3 fourth, 4 fifth.
  private var buttons: UInt8 = 0
  private var reportedButtons: UInt8 = 0
  /// When the sample rate allows the next report.
  private var nextReport: VirtualTime = 0

  package init() {}

  /// Whether a byte waits to be sent.
  package var hasData: Bool { !output.isEmpty }

  /// Movement in counts (x right, y up, wheel towards the user) and the buttons now pressed (bit 0 left, 1
  /// right, 2 middle, 3 fourth, 4 fifth).
  package mutating func move(x dx: Int, y dy: Int, wheel dz: Int, buttons: UInt8) {
    func sum(_ a: Int32, _ b: Int) -> Int32 {
      Int32(min(max(Int(a) + min(max(b, -4096), 4096), -4096), 4096))
    }
    x = sum(x, dx)
    y = sum(y, dy)
    wheel = sum(wheel, dz)
    self.buttons = buttons & 0x1F
  }

  private var hasChanged: Bool {
    x != 0 || y != 0 || (wheel != 0 && deviceID != 0) || buttons != reportedButtons
  }

  /// When stream mode will send the next report; `never` if there is nothing to report.
  package var reportDeadline: VirtualTime {
    let streams = isEnabled && !isRemote && !isWrapping && pending == 0
    return streams && hasChanged && output.isEmpty ? nextReport : .never
  }

  /// Sends the report that `reportDeadline` announced.
  package mutating func report(at now: VirtualTime) {
    output = packet(scaled: isScaling2To1)
    lastOutput = output
    nextReport = now.later(by: VirtualTime.second / UInt64(max(sampleRate, 1)))
  }

  /// Three or four bytes; what exceeds nine bits (four for the wheel) stays for the next report.
  private mutating func packet(scaled: Bool) -> [UInt8] {
    let limit: Int32 = scaled ? 127 : 255
    let (dx, dy) = (min(max(x, -limit), limit), min(max(y, -limit), limit))
    let dz = min(max(wheel, -8), 7)
    x -= dx
    y -= dy
    wheel = deviceID == 0 ? 0 : wheel - dz
    reportedButtons = buttons
    let (sentX, sentY) = scaled ? (Self.scale2To1(dx), Self.scale2To1(dy)) : (dx, dy)
    let first =
      (buttons & 7) | 0x08 | (sentX < 0 ? 0x10 : 0) | (sentY < 0 ? 0x20 : 0)
    var bytes = [first, UInt8(truncatingIfNeeded: sentX), UInt8(truncatingIfNeeded: sentY)]
    if deviceID == 3 {
      bytes.append(UInt8(truncatingIfNeeded: dz))
    } else if deviceID == 4 {
      bytes.append((UInt8(truncatingIfNeeded: dz) & 0x0F) | (buttons & 0x18) << 1)
    }
    return bytes
  }

  /// "Set Scaling 2:1": the stream mode conversion of counts.
  private static func scale2To1(_ count: Int32) -> Int32 {
    let magnitude: Int32
    switch abs(count) {
    case 0: magnitude = 0
    case 1, 2: magnitude = 1
    case 3: magnitude = 3
    case 4: magnitude = 6
    case 5: magnitude = 9
    default: magnitude = 2 * abs(count)
    }
    return count < 0 ? -magnitude : magnitude
  }

  /// The next byte on its way to the controller.
  package mutating func send() -> UInt8? { output.isEmpty ? nil : output.removeFirst() }

  /// A byte from the controller; it cuts off whatever the mouse was sending.
  package mutating func receive(_ byte: UInt8) {
    output.removeAll(keepingCapacity: true)
    if isWrapping && byte != 0xEC && byte != 0xFF {
      output = [byte]
      return
    }
    if byte == 0xFE {
      output = lastOutput
      return
    }
    // F3h's and E8h's parameters lie below the commands.
    if pending != 0 && byte < 0xE6 {
      receiveParameter(byte)
    } else {
      pending = 0
      receiveCommand(byte)
    }
    lastOutput = output
  }

  private mutating func receiveParameter(_ byte: UInt8) {
    switch (pending, byte) {
    case (0xE8, 0...3):
      resolution = byte
    case (0xF3, 10), (0xF3, 20), (0xF3, 40), (0xF3, 60), (0xF3, 80), (0xF3, 100), (0xF3, 200):
      setSampleRate(byte)
    default:
      // "Resend" for a first invalid input, "Error" for the second.
      output = [parameterErrors == 0 ? Reply.resend : Reply.error]
      if parameterErrors == 0 { parameterErrors = 1 } else { (parameterErrors, pending) = (0, 0) }
      return
    }
    parameterErrors = 0
    pending = 0
    output = [Reply.ack]
  }

  private mutating func setSampleRate(_ rate: UInt8) {
    if rate == 80 {
      if rateHistory == 200 << 8 | 100 {
        deviceID = 3
      } else if rateHistory == 200 << 8 | 200 {
        deviceID = 4
      }
    }
    rateHistory = rateHistory << 8 | UInt16(rate)
    sampleRate = rate
  }

  private mutating func receiveCommand(_ byte: UInt8) {
    output = [Reply.ack]
    parameterErrors = 0
    switch byte {
    case 0xE6: isScaling2To1 = false
    case 0xE7: isScaling2To1 = true
    case 0xE8, 0xF3: pending = byte
    case 0xE9: output += [statusByte, resolution, sampleRate]
    case 0xEA: isRemote = false
    case 0xEB: output += packet(scaled: false)
    case 0xEC: isWrapping = false
    case 0xEE: isWrapping = true
    case 0xF0: isRemote = true
    case 0xF2: output.append(deviceID)
    case 0xF4: isEnabled = true
    case 0xF5: isEnabled = false
    case 0xF6: setDefaults()
    case 0xFF:
      setDefaults()
      isWrapping = false
      deviceID = 0
      rateHistory = 0
      output += [0xAA, 0x00]
    default: output = [Reply.resend]
    }
  }

  /// "Status Request", byte 1.
  private var statusByte: UInt8 {
    var status: UInt8 = (buttons & 1) << 2 | (buttons & 2) >> 1 | (buttons & 4) >> 1
    if isScaling2To1 { status |= 0x10 }
    if isEnabled { status |= 0x20 }
    if isRemote { status |= 0x40 }
    return status
  }

  private mutating func setDefaults() {
    isEnabled = false
    isRemote = false
    isScaling2To1 = false
    resolution = 2
    sampleRate = 100
    (x, y, wheel) = (0, 0, 0)
    nextReport = 0
  }

  /// Writes every field into the caller's section.
  package func save(to writer: inout StateWriter) {
    writer.write(output)
    writer.write(lastOutput)
    for flag in [isEnabled, isRemote, isWrapping, isScaling2To1] { writer.write(flag) }
    for byte in [resolution, sampleRate, deviceID, pending, parameterErrors, buttons, reportedButtons] {
      writer.write(byte)
    }
    writer.write(rateHistory)
    for counts in [x, y, wheel] { writer.write(counts) }
    writer.write(nextReport)
  }

  /// Reads back what `save` wrote.
  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    output = try reader.readBytes(limit: 5, "mouse output")
    lastOutput = try reader.readBytes(limit: 5, "mouse lastOutput")
    isEnabled = try reader.readBool("mouse isEnabled")
    isRemote = try reader.readBool("mouse isRemote")
    isWrapping = try reader.readBool("mouse isWrapping")
    isScaling2To1 = try reader.readBool("mouse isScaling2To1")
    resolution = try reader.read()
    sampleRate = try reader.read()
    deviceID = try reader.read()
    guard [0, 3, 4].contains(deviceID) else { throw reader.invalid("mouse deviceID") }
    pending = try reader.read()
    parameterErrors = try reader.read()
    buttons = try reader.read()
    reportedButtons = try reader.read()
    rateHistory = try reader.read()
    x = try reader.read()
    y = try reader.read()
    wheel = try reader.read()
    for counts in [x, y, wheel] where !(-4096...4096).contains(counts) {
      throw reader.invalid("mouse movement")
    }
    nextReport = try reader.read()
  }
}

// MARK: For people

extension PS2Mouse {
  /// Settings and what is on its way.
  package var description: DeviceDescription {
    var description = DeviceDescription("PS/2 mouse")
    let kinds: [UInt8: String] = [0: "standard mouse", 3: "IntelliMouse", 4: "IntelliMouse Explorer"]
    description.add("device ID", deviceID, kinds[deviceID] ?? "")
    description.add(
      "status", statusByte,
      bits: ["right button", "middle button", "left button", "", "scaling 2:1", "enabled", "remote mode"])
    description.add("mode", isWrapping ? "wrap" : isRemote ? "remote" : "stream")
    description.add("sample rate", "\(sampleRate) reports a second")
    description.add("resolution", resolution, "\(1 << Int(resolution & 3)) counts a millimetre")
    description.add("counts to report", "x \(x), y \(y), wheel \(wheel)")
    if pending != 0 { description.add("command", pending, "waits for its parameter") }
    description.add("output", DeviceDescription.list(output))
    return description
  }
}
