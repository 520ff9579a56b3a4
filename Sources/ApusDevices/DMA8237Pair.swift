import ApusBase

/// The two 8237A DMA controllers of a PC/AT with their page registers: channels 0–3 move bytes within 64 KiB,
/// channels 5–7 move words within 128 KiB, channel 4 cascades the first controller to the second.
///
/// Sources: Intel 8237A datasheet (231466); IBM AT Technical Reference, "Direct Memory Access"; Intel 82371SB
/// (PIIX3) datasheet, "DMA Registers", for what differs in chip sets: the mask can be read at 0Fh and DEh, and
/// memory-to-memory transfers (command bits 1:0) do not exist, so the temporary register stays 0.
///
/// The page registers of 84h–86h, 88h and 8Ch–8Fh are plain storage; 80h belongs to `POSTCodePort`.
package final class DMA8237Pair: BytePortDevice {
  /// What a channel's mode register says to do with each byte (or word).
  package enum TransferType: UInt8 {
    /// Counts and moves nothing.
    case verify = 0
    /// From the device to memory.
    case write
    /// From memory to the device.
    case read
  }

  /// What became of a device's request.
  package struct Outcome: Equatable {
    /// Bytes moved (or, in a verify transfer, counted).
    package var moved: Int
    /// Whether the channel's count ran out, the TC signal.
    package var terminalCount: Bool

    /// An outcome with its two values.
    package init(moved: Int, terminalCount: Bool) {
      self.moved = moved
      self.terminalCount = terminalCount
    }
  }

  package let name = "DMA8237Pair"
  /// The ports to attach.
  package static let portRanges: [ClosedRange<UInt16>] = [0x00...0x0F, 0x81...0x8F, 0xC0...0xDF]

  private let memory: any DMAMemory
  private var controllers = [DMA8237(), DMA8237()]
  /// Ports 80h–8Fh; the first is never used.
  private var pages = [UInt8](repeating: 0, count: 16)

  /// Controllers after power-on: every channel masked.
  package init(memory: any DMAMemory) { self.memory = memory }

  package func reset(at now: VirtualTime) {
    controllers = [DMA8237(), DMA8237()]
    for i in pages.indices { pages[i] = 0 }
  }

  /// Leaves the controllers as PC firmware does: channel 4 in cascade mode and unmasked. Without it channels
  /// 0–3 get no service.
  package func initializeAsFirmware() {
    controllers[1].write(11, 0xC0)
    controllers[1].write(10, 0x00)
  }

  // MARK: Ports

  package func readByte(_ port: UInt16, at now: VirtualTime) -> UInt8 {
    switch port {
    case 0x00...0x0F: return controllers[0].read(Int(port))
    case 0x81...0x8F: return pages[Int(port & 15)]
    // A0 is not decoded.
    case 0xC0...0xDF: return controllers[1].read(Int(port - 0xC0) >> 1)
    default: return 0xFF
    }
  }

  package func writeByte(_ port: UInt16, _ value: UInt8, at now: VirtualTime) {
    switch port {
    case 0x00...0x0F: write(0, Int(port), value)
    case 0x81...0x8F: pages[Int(port & 15)] = value
    case 0xC0...0xDF: write(1, Int(port - 0xC0) >> 1, value)
    default: break
    }
  }

  private func write(_ controller: Int, _ register: Int, _ value: UInt8) {
    controllers[controller].write(register, value)
    if register == 9 && value.bit(2) { serveSoftwareRequest(controller * 4 + Int(value & 3)) }
  }

  /// "Software requests": not maskable, and served only in block mode. No device answers, so a write
  /// transfer stores what an idle data bus reads as, FFh.
  private func serveSoftwareRequest(_ number: Int) {
    let channel = controllers[number / 4].channels[number & 3]
    guard channel.mode.bits(7, 6) == 2, let type = channel.type, isServed(number) else { return }
    var idle = [UInt8](repeating: 0xFF, count: 4096)
    var ended = false
    while !ended { ended = move(number, type, &idle, 0..<4096).terminalCount }
  }

  // MARK: Devices

  /// Drives a channel's DREQ, which the status register shows. `transfer` needs no DREQ.
  package func setRequest(channel: Int, _ level: Bool) {
    guard (0...7).contains(channel) else { return }
    controllers[channel / 4].lines.setBit(channel & 3, level)
  }

  /// What `channel` (0–3, 5–7) would do with a request, nil if it would not acknowledge one: it is masked, its
  /// controller or the path through channel 4 disabled, or its mode cascade or the invalid transfer type.
  package func acknowledges(channel: Int) -> TransferType? {
    guard (0...7).contains(channel), channel != 4 else { return nil }
    let controller = controllers[channel / 4]
    let registers = controller.channels[channel & 3]
    guard !controller.mask.bit(channel & 3), registers.mode.bits(7, 6) != 3, isServed(channel) else {
      return nil
    }
    return registers.type
  }

  /// Moves the bytes of `buffer[range]` to or from memory as the channel is programmed, up to its terminal
  /// count. `type` is the direction that the device's cycles have; a channel set to the opposite one does not
  /// acknowledge, one set to verify counts only. Nil if the channel does not acknowledge. A word channel
  /// leaves an odd last byte.
  package func transfer(
    channel: Int, _ type: TransferType, _ buffer: inout [UInt8], _ range: Range<Int>
  ) -> Outcome? {
    guard let programmed = acknowledges(channel: channel), programmed == type || programmed == .verify,
      range.lowerBound >= 0, range.upperBound <= buffer.count
    else { return nil }
    return move(channel, programmed, &buffer, range)
  }

  /// Whether requests of `channel` reach the processor's HOLD pin.
  private func isServed(_ channel: Int) -> Bool {
    guard !controllers[1].isDisabled else { return false }
    guard channel < 4 else { return true }
    let cascade = controllers[1].channels[0].mode.bits(7, 6) == 3 && !controllers[1].mask.bit(0)
    return cascade && !controllers[0].isDisabled
  }

  private func move(
    _ number: Int, _ type: TransferType, _ buffer: inout [UInt8], _ range: Range<Int>
  ) -> Outcome {
    let unit = number < 4 ? 1 : 2
    var at = range.lowerBound
    while range.upperBound - at >= unit {
      let channel = controllers[number / 4].channels[number & 3]
      let isDown = channel.mode.bit(5)
      // As many units as are left before the count or the address wraps.
      let beforeWrap = isDown ? Int(channel.address) + 1 : 0x10000 - Int(channel.address)
      let units = min((range.upperBound - at) / unit, Int(channel.count) + 1, beforeWrap)
      let lowest = isDown ? Int(channel.address) + 1 - units : Int(channel.address)
      let chunk = at..<(at + units * unit)
      if type != .verify {
        copy(type, physical(number, UInt16(truncatingIfNeeded: lowest)), &buffer, chunk, isDown ? unit : 0)
      }
      at = chunk.upperBound
      if controllers[number / 4].advance(number & 3, by: units) {
        return Outcome(moved: at - range.lowerBound, terminalCount: true)
      }
    }
    return Outcome(moved: at - range.lowerBound, terminalCount: false)
  }

  /// Bytes outside RAM read as ones and are not stored anywhere. With `reversedUnit` not 0 units of that size
  /// go to descending addresses.
  private func copy(
    _ type: TransferType, _ physical: UInt64, _ buffer: inout [UInt8], _ range: Range<Int>,
    _ reversedUnit: Int
  ) {
    if type == .read {
      _ = memory.dmaRead(physical, into: &buffer, range)
      if reversedUnit != 0 { Self.reverse(&buffer, range, unit: reversedUnit) }
    } else if reversedUnit == 0 {
      _ = memory.dmaWrite(physical, from: buffer, range)
    } else {
      var turned = Array(buffer[range])
      Self.reverse(&turned, 0..<turned.count, unit: reversedUnit)
      _ = memory.dmaWrite(physical, from: turned, 0..<turned.count)
    }
  }

  private static func reverse(_ bytes: inout [UInt8], _ range: Range<Int>, unit: Int) {
    var (low, high) = (range.lowerBound, range.upperBound - unit)
    while low < high {
      for i in 0..<unit { bytes.swapAt(low + i, high + i) }
      low += unit
      high -= unit
    }
  }

  /// The byte address of a channel's address register: A16 upwards come from the page register, of which the
  /// word channels leave bit 0 unused.
  private func physical(_ number: Int, _ address: UInt16) -> UInt64 {
    let page = UInt64(pageRegister(number))
    return number < 4 ? page << 16 | UInt64(address) : (page & 0xFE) << 16 | UInt64(address) << 1
  }

  /// A channel's page register.
  private func pageRegister(_ number: Int) -> UInt8 {
    let registers: [Int] = [7, 3, 1, 2, 15, 11, 9, 10]
    return pages[registers[number]]
  }

  // MARK: State

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { writer in
      for controller in controllers { controller.save(to: &writer) }
      for page in pages { writer.write(page) }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (reader, _) throws(StateError) in
      for i in 0..<2 { try controllers[i].restore(from: &reader) }
      for i in pages.indices { pages[i] = try reader.read() }
    }
  }
}

/// One 8237A: its registers, without the address lines that the board adds.
struct DMA8237 {
  /// A channel's registers.
  struct Channel {
    var baseAddress: UInt16 = 0
    var baseCount: UInt16 = 0
    var address: UInt16 = 0
    var count: UInt16 = 0
    /// Bits 7:2 of the mode register.
    var mode: UInt8 = 0

    /// Nil for the invalid type 11.
    var type: DMA8237Pair.TransferType? { DMA8237Pair.TransferType(rawValue: mode.bits(3, 2)) }
  }

  private(set) var channels = [Channel](repeating: Channel(), count: 4)
  private var command: UInt8 = 0
  private(set) var mask: UInt8 = 0x0F
  /// Software requests.
  private var request: UInt8 = 0
  /// DREQ as the devices drive it.
  var lines: UInt8 = 0
  private var reachedTC: UInt8 = 0
  /// The first/last flip-flop: whether the next access goes to the upper byte.
  private var isUpper = false

  /// Command bit 2.
  var isDisabled: Bool { command.bit(2) }

  /// Reads register A3:A0.
  mutating func read(_ register: Int) -> UInt8 {
    switch register {
    case 0...7:
      let channel = channels[register >> 1]
      let value = register & 1 == 0 ? channel.address : channel.count
      isUpper.toggle()
      return UInt8(truncatingIfNeeded: isUpper ? value : value >> 8)
    case 8:
      let status = (request | lines) << 4 | reachedTC
      reachedTC = 0
      return status
    case 13: return 0
    case 15: return mask
    default: return 0xFF
    }
  }

  /// Writes register A3:A0.
  mutating func write(_ register: Int, _ value: UInt8) {
    let number = Int(value & 3)
    switch register {
    case 0...7: writeHalf(register, value)
    case 8: command = value
    case 9: request.setBit(number, value.bit(2))
    case 10: mask.setBit(number, value.bit(2))
    case 11: channels[number].mode = value & 0xFC
    case 12: isUpper = false
    case 13:
      command = 0
      request = 0
      reachedTC = 0
      isUpper = false
      mask = 0x0F
    case 14: mask = 0
    default: mask = value & 0x0F
    }
  }

  /// Half of a base register and of the current one with it.
  private mutating func writeHalf(_ register: Int, _ value: UInt8) {
    let (shift, number): (UInt16, Int) = (isUpper ? 8 : 0, register >> 1)
    let kept: UInt16 = isUpper ? 0x00FF : 0xFF00
    isUpper.toggle()
    if register & 1 == 0 {
      channels[number].baseAddress = channels[number].baseAddress & kept | UInt16(value) << shift
      channels[number].address = channels[number].address & kept | UInt16(value) << shift
    } else {
      channels[number].baseCount = channels[number].baseCount & kept | UInt16(value) << shift
      channels[number].count = channels[number].count & kept | UInt16(value) << shift
    }
  }

  /// Counts `units` (1 to the present count plus 1) on a channel. True if that was the terminal count, after
  /// which the channel starts over (auto-initialise) or masks itself.
  mutating func advance(_ number: Int, by units: Int) -> Bool {
    let step = UInt16(truncatingIfNeeded: units)
    if channels[number].mode.bit(5) {
      channels[number].address &-= step
    } else {
      channels[number].address &+= step
    }
    let ends = units > Int(channels[number].count)
    channels[number].count &-= step
    guard ends else { return false }
    reachedTC.setBit(number, true)
    request.setBit(number, false)
    if channels[number].mode.bit(4) {
      channels[number].address = channels[number].baseAddress
      channels[number].count = channels[number].baseCount
    } else {
      mask.setBit(number, true)
    }
    return true
  }

  func save(to writer: inout StateWriter) {
    for channel in channels {
      for value in [channel.baseAddress, channel.baseCount, channel.address, channel.count] {
        writer.write(value)
      }
      writer.write(channel.mode)
    }
    for value in [command, mask, request, lines, reachedTC] { writer.write(value) }
    writer.write(isUpper)
  }

  mutating func restore(from reader: inout StateReader) throws(StateError) {
    for i in 0..<4 {
      channels[i].baseAddress = try reader.read()
      channels[i].baseCount = try reader.read()
      channels[i].address = try reader.read()
      channels[i].count = try reader.read()
      channels[i].mode = try reader.read()
      guard channels[i].mode & 3 == 0 else { throw reader.invalid("mode") }
    }
    command = try reader.read()
    mask = try reader.read()
    request = try reader.read()
    lines = try reader.read()
    reachedTC = try reader.read()
    guard (mask | request | lines | reachedTC) & 0xF0 == 0 else { throw reader.invalid("mask") }
    isUpper = try reader.readBool("isUpper")
  }
}

// MARK: For people

extension DMA8237Pair {
  /// The registers of both controllers, and of the channels that something has been done to.
  package var description: DeviceDescription {
    var description = DeviceDescription("8237A pair (DMA)")
    for (number, controller) in controllers.enumerated() {
      controller.describe("controller \(number + 1)", firstChannel: number * 4, into: &description)
    }
    var untouched: [String] = []
    for number in 0..<8 {
      let (controller, place) = (controllers[number / 4], number & 3)
      guard controller.isTouched(place) || pageRegister(number) != 0 else {
        untouched.append("\(number)")
        continue
      }
      let channel = controller.channels[place]
      description.add("channel \(number)", controller.modes(place).joined(separator: ", "))
      let values = [channel.address, channel.count, channel.baseAddress, channel.baseCount].map {
        DeviceDescription.hex($0)
      }
      description.add(
        "",
        "current address \(values[0]), count \(values[1]); base address \(values[2]), count \(values[3])")
      let start = UInt32(truncatingIfNeeded: physical(number, channel.address))
      description.add(
        "", "page \(DeviceDescription.hex(pageRegister(number))), physical \(DeviceDescription.hex(start))")
    }
    if !untouched.isEmpty { description.add("channels at rest", untouched.joined(separator: " ")) }
    return description
  }
}

extension DMA8237 {
  /// Whether a channel is not as after a reset.
  fileprivate func isTouched(_ number: Int) -> Bool {
    let channel = channels[number]
    let registers = channel.baseAddress | channel.baseCount | channel.address | channel.count
    return registers != 0 || channel.mode != 0 || !mask.bit(number) || (request | lines).bit(number)
  }

  /// The mode of a channel, and what keeps it or makes it go.
  fileprivate func modes(_ number: Int) -> [String] {
    let mode = channels[number].mode
    var modes = [["demand", "single", "block", "cascade"][Int(mode.bits(7, 6))] + " mode"]
    modes.append(["verify", "write", "read", "illegal"][Int(mode.bits(3, 2))] + " transfer")
    if mode.bit(5) { modes.append("address decrement") }
    if mode.bit(4) { modes.append("autoinitialization") }
    if mask.bit(number) { modes.append("masked") }
    if lines.bit(number) { modes.append("DREQ") }
    if request.bit(number) { modes.append("software request") }
    return modes
  }

  fileprivate func describe(_ name: String, firstChannel: Int, into description: inout DeviceDescription) {
    description.add(
      "\(name) command", command,
      bits: [
        "memory-to-memory", "channel 0 address hold", "controller disable", "compressed timing",
        "rotating priority", "extended write", "DREQ active low", "DACK active high",
      ])
    let numbers = firstChannel..<(firstChannel + 4)
    description.add(
      "\(name) status", (request | lines) << 4 | reachedTC,
      bits: numbers.map { "TC\($0)" } + numbers.map { "request \($0)" })
    description.add("\(name) mask", mask, bits: numbers.map { "channel \($0)" })
    description.add("\(name) flip-flop", isUpper ? "upper byte next" : "lower byte next")
  }
}
