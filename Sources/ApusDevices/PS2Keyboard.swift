import ApusBase

/// A PS/2 keyboard on the 8042's first interface: commands, answers and a buffer of 16 scan code bytes.
/// Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-Key)", "Commands from
/// the System".
///
/// It speaks scan code sets 1 and 2; a request for set 3 is answered with RESEND, as by keyboards without
/// it, and the commands that set key types of set 3 (F7h–FDh) are acknowledged without effect. Typematic
/// repetition is left to whoever types: `enqueue` takes every byte that the key would send.
package struct PS2Keyboard {
  private enum Reply {
    static let ack: UInt8 = 0xFA, resend: UInt8 = 0xFE, testPassed: UInt8 = 0xAA, echo: UInt8 = 0xEE
  }
  /// The buffer's capacity in bytes.
  package static let bufferSize = 16

  /// Answers to commands, sent before scan codes.
  private var replies: [UInt8] = []
  private var codes: [UInt8] = []
  /// Scanning is enabled.
  package private(set) var isEnabled = true
  /// 1 or 2.
  package private(set) var scanCodeSet: UInt8 = 2
  /// Bit 0 scroll lock, bit 1 num lock, bit 2 caps lock.
  package private(set) var LEDs: UInt8 = 0
  /// Typematic rate and delay as the F3h command gave them.
  package private(set) var typematic: UInt8 = 0x2B
  /// The command whose parameter is awaited, 0 for none.
  private var pending: UInt8 = 0
  private var lastSent: UInt8 = 0
  /// A break prefix F0h was enqueued and its key code is to come (set 1 only).
  private var sawBreak = false

  package init() {}

  /// Whether a byte waits to be sent.
  package var hasData: Bool { !replies.isEmpty || !codes.isEmpty }

  /// How many bytes `enqueue` takes now.
  package var freeSpace: Int { Self.bufferSize - codes.count }

  /// Types scan codes of set 2. Without room for all of them the buffer takes the overrun code (00h in set
  /// 2, FFh in set 1) in its last place and false is returned; with scanning disabled they are lost.
  package mutating func enqueue(_ scancodes: [UInt8]) -> Bool {
    guard isEnabled else { return false }
    guard scancodes.count <= freeSpace else {
      let overrun: UInt8 = scanCodeSet == 1 ? 0xFF : 0x00
      if codes.count == Self.bufferSize {
        codes[Self.bufferSize - 1] = overrun
      } else {
        codes.append(overrun)
      }
      return false
    }
    for code in scancodes { enqueue(code) }
    return true
  }

  private mutating func enqueue(_ code: UInt8) {
    guard scanCodeSet == 1 else {
      codes.append(code)
      return
    }
    if code == 0xF0 {
      sawBreak = true
    } else {
      codes.append(ScanCodeTranslation.set1(code, isBreak: sawBreak))
      sawBreak = false
    }
  }

  /// The next byte on its way to the controller.
  package mutating func send() -> UInt8? {
    let byte: UInt8
    if !replies.isEmpty {
      byte = replies.removeFirst()
    } else if !codes.isEmpty {
      byte = codes.removeFirst()
    } else {
      return nil
    }
    if byte != Reply.resend { lastSent = byte }
    return byte
  }

  /// A byte from the controller.
  package mutating func receive(_ byte: UInt8) {
    replies.removeAll(keepingCapacity: true)
    // A command in place of a parameter ends the command that waits for one.
    if pending != 0 && byte < 0xED {
      receiveParameter(byte)
    } else {
      pending = 0
      receiveCommand(byte)
    }
  }

  private mutating func receiveParameter(_ byte: UInt8) {
    let command = pending
    pending = 0
    switch command {
    case 0xED:
      LEDs = byte & 7
    case 0xF0:
      switch byte {
      case 0:
        replies = [Reply.ack, scanCodeSet]
        return
      case 1, 2:
        scanCodeSet = byte
        codes.removeAll(keepingCapacity: true)
        sawBreak = false
      default:
        replies = [Reply.resend]
        return
      }
    case 0xF3:
      typematic = byte & 0x7F
    default:
      break  // FBh–FDh: a key of set 3
    }
    replies = [Reply.ack]
  }

  private mutating func receiveCommand(_ byte: UInt8) {
    switch byte {
    case 0xED, 0xF0, 0xF3, 0xFB...0xFD:
      pending = byte
      replies = [Reply.ack]
    case 0xEE:
      replies = [Reply.echo]
    case 0xF2:
      replies = [Reply.ack, 0xAB, 0x83]
    case 0xF4:
      codes.removeAll(keepingCapacity: true)
      isEnabled = true
      replies = [Reply.ack]
    case 0xF5, 0xF6:
      setDefaults()
      isEnabled = byte == 0xF6
      replies = [Reply.ack]
    case 0xF7...0xFA:
      replies = [Reply.ack]
    case 0xFE:
      replies = [lastSent]
    case 0xFF:
      setDefaults()
      LEDs = 0
      isEnabled = true
      replies = [Reply.ack, Reply.testPassed]
    default:
      replies = [Reply.resend]
    }
  }

  private mutating func setDefaults() {
    codes.removeAll(keepingCapacity: true)
    sawBreak = false
    scanCodeSet = 2
    typematic = 0x2B
  }

  /// Writes every field into the caller's section.
  package func save(to writer: inout StateWriter) {
    writer.write(replies)
    writer.write(codes)
    writer.write(isEnabled)
    writer.write(sawBreak)
    for byte in [scanCodeSet, LEDs, typematic, pending, lastSent] { writer.write(byte) }
  }

  /// Reads back what `save` wrote.
  package mutating func restore(from reader: inout StateReader) throws(StateError) {
    replies = try reader.readBytes(limit: 4, "keyboard replies")
    codes = try reader.readBytes(limit: Self.bufferSize, "keyboard codes")
    isEnabled = try reader.readBool("keyboard isEnabled")
    sawBreak = try reader.readBool("keyboard sawBreak")
    scanCodeSet = try reader.read()
    guard (1...2).contains(scanCodeSet) else { throw reader.invalid("scanCodeSet") }
    LEDs = try reader.read()
    typematic = try reader.read()
    pending = try reader.read()
    lastSent = try reader.read()
  }
}

// MARK: For people

extension PS2Keyboard {
  /// Settings and what is on its way.
  package var description: DeviceDescription {
    var description = DeviceDescription("PS/2 keyboard")
    description.add("scanning", isEnabled ? "enabled" : "disabled")
    description.add("scan code set", "\(scanCodeSet)")
    description.add("LEDs", LEDs, bits: ["scroll lock", "num lock", "caps lock"])
    // "Set Typematic Rate/Delay": the period is (8 + A) * 2^B * 4.17 ms, A in bits 2:0 and B in 4:3.
    let period = Int(8 + typematic.bits(2, 0)) << Int(typematic.bits(4, 3))
    let tenths = (2400 + period / 2) / period
    let delay = 250 * (1 + Int(typematic.bits(6, 5)))
    description.add("typematic", typematic, "\(tenths / 10).\(tenths % 10) a second after \(delay) ms")
    if pending != 0 { description.add("command", pending, "waits for its parameter") }
    description.add("answers", DeviceDescription.list(replies))
    description.add("buffer", "\(codes.count) of \(Self.bufferSize) bytes: " + DeviceDescription.list(codes))
    description.add("last byte sent", lastSent, "")
    return description
  }
}

/// The 8042's translation of scan code set 2 into set 1 (IBM AT Technical Reference, "Keyboard",
/// "Scan Code Translation").
package enum ScanCodeTranslation {
  private static let table: [UInt8] = [
    0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59,
    0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B,
    0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F,
    0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61,
    0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F,
    0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54,
  ]

  /// The set 1 byte for a set 2 byte other than F0h: bit 7 is set after a break prefix. Bytes from 80h up
  /// (prefixes and replies) pass unchanged, but 83h (F7) and 84h (SysRq).
  package static func set1(_ code: UInt8, isBreak: Bool) -> UInt8 {
    let make: UInt8
    switch code {
    case 0x00...0x7F: make = table[Int(code)]
    case 0x83: make = 0x41
    case 0x84: make = 0x54
    default: return code
    }
    return isBreak ? make | 0x80 : make
  }
}
