import ApusBase
import ApusDevices
import Testing

/// A controller driven as a driver does: polling the status with time advancing.
private final class Driver {
  let lines = LineRecorder()
  let controller: Controller8042
  var now: VirtualTime = 0

  init() {
    controller = Controller8042(
      IRQ1: Line(lines, 1), IRQ12: Line(lines, 12), A20: Line(lines, 20), reset: Line(lines, 30))
    controller.reset(at: 0)
  }
  func command(_ value: UInt8) { controller.writeByte(0x64, value, at: now) }
  func data(_ value: UInt8) { controller.writeByte(0x60, value, at: now) }
  func mouse(_ value: UInt8) {
    command(0xD4)
    data(value)
  }
  var status: UInt8 { controller.readByte(0x64, at: now) }
  /// All bytes that come within `limit` ns, the mouse's with bit 8.
  func receive(within limit: VirtualTime = 3_000_000) -> [UInt16] {
    var bytes: [UInt16] = []
    let end = now + limit
    while now < end {
      let status = status
      if status & 1 != 0 {
        bytes.append(UInt16(controller.readByte(0x60, at: now)) | (status & 0x20 != 0 ? 0x100 : 0))
      }
      now += 10_000
    }
    return bytes
  }
  /// What the mouse answers to `bytes`.
  func mouseAnswers(_ bytes: [UInt8]) -> [UInt8] {
    var answer: [UInt8] = []
    for byte in bytes {
      mouse(byte)
      let received = receive()
      #expect(received.allSatisfy { $0 >= 0x100 })
      answer += received.map { UInt8($0 & 0xFF) }
    }
    return answer
  }
  func keyboardAnswers(_ bytes: [UInt8]) -> [UInt8] {
    var answer: [UInt8] = []
    for byte in bytes {
      data(byte)
      let received = receive()
      #expect(received.allSatisfy { $0 < 0x100 })
      answer += received.map { UInt8($0 & 0xFF) }
    }
    return answer
  }
  func setCommandByte(_ value: UInt8) {
    command(0x60)
    data(value)
  }
  func commandByte() -> UInt8 {
    command(0x20)
    return UInt8(receive(within: 100_000).first.map { $0 & 0xFF } ?? 0)
  }
}

@Suite struct Controller8042Tests {
  @Test func selfTestsAndControllerRAM() {
    let driver = Driver()
    #expect(driver.status & 0x15 == 0x10)
    driver.command(0xAA)
    #expect(driver.receive() == [0x55])
    #expect(driver.status & 0x04 != 0)
    driver.command(0xAB)
    #expect(driver.receive() == [0])
    driver.command(0xA9)
    #expect(driver.receive() == [0])
    driver.command(0xA4)
    #expect(driver.receive() == [0xF1])
    driver.command(0x73)
    driver.data(0x5A)
    driver.command(0x33)
    #expect(driver.receive() == [0x5A])
    driver.command(0xC0)
    #expect(driver.receive().map { $0 & 0x80 } == [0x80])
  }

  /// The sequence of Linux's drivers/input/serio/i8042.c: loop-back, disable and enable, multiplexer probe.
  @Test func auxiliaryPortDetection() {
    let driver = Driver()
    for byte: UInt8 in [0x5A, 0xF0, 0x56, 0xA4] {
      driver.command(0xD3)
      driver.data(byte)
      #expect(driver.receive() == [UInt16(byte) | 0x100])
    }
    driver.command(0xA7)
    #expect(driver.commandByte() & 0x20 != 0)
    driver.command(0xA8)
    #expect(driver.commandByte() & 0x20 == 0)
    // With its interrupt enabled the loop-back raises IRQ12.
    driver.setCommandByte(0x02)
    driver.command(0xD3)
    driver.data(0xA5)
    #expect(driver.lines.level(12))
    #expect(!driver.lines.level(1))
    #expect(driver.receive() == [0x1A5])
    #expect(!driver.lines.level(12))
    driver.setCommandByte(0x01)
    driver.command(0xD2)
    driver.data(0x33)
    #expect(driver.lines.level(1))
    #expect(driver.receive() == [0x33])
  }

  @Test func keyboardCommands() {
    let driver = Driver()
    driver.setCommandByte(0x01)  // no translation
    #expect(driver.keyboardAnswers([0xFF]) == [0xFA, 0xAA])
    #expect(driver.keyboardAnswers([0xF2]) == [0xFA, 0xAB, 0x83])
    #expect(driver.keyboardAnswers([0xEE]) == [0xEE])
    #expect(driver.keyboardAnswers([0xED, 0x05]) == [0xFA, 0xFA])
    #expect(driver.controller.keyboard.LEDs == 5)
    #expect(driver.keyboardAnswers([0xF3, 0x20]) == [0xFA, 0xFA])
    #expect(driver.controller.keyboard.typematic == 0x20)
    #expect(driver.keyboardAnswers([0xF0, 0x00]) == [0xFA, 0xFA, 0x02])
    #expect(driver.keyboardAnswers([0xF0, 0x01, 0xF0, 0x00]) == [0xFA, 0xFA, 0xFA, 0xFA, 0x01])
    #expect(driver.keyboardAnswers([0xF0, 0x03]) == [0xFA, 0xFE])
    #expect(driver.keyboardAnswers([0xF6, 0xF5, 0xF4]) == [0xFA, 0xFA, 0xFA])
    #expect(driver.keyboardAnswers([0x01]) == [0xFE])
    #expect(driver.keyboardAnswers([0xEE, 0xFE]) == [0xEE, 0xEE])
    // A command instead of a parameter is obeyed.
    #expect(driver.keyboardAnswers([0xED, 0xEE]) == [0xFA, 0xEE])
    // Under translation the ID reads AB 41, as drivers know it.
    driver.setCommandByte(0x41)
    #expect(driver.keyboardAnswers([0xF2]) == [0xFA, 0xAB, 0x41])
  }

  /// Make and break codes of both sets from the IBM key table, for keys all over the keyboard.
  @Test func translation() {
    let keys: [(set2: [UInt8], set1: [UInt8])] = [
      ([0x1C], [0x1E]), ([0x32], [0x30]), ([0x1A], [0x2C]), ([0x16], [0x02]), ([0x45], [0x0B]),
      ([0x76], [0x01]), ([0x5A], [0x1C]), ([0x29], [0x39]), ([0x66], [0x0E]), ([0x0D], [0x0F]),
      ([0x12], [0x2A]), ([0x59], [0x36]), ([0x14], [0x1D]), ([0x11], [0x38]), ([0x58], [0x3A]),
      ([0x05], [0x3B]), ([0x83], [0x41]), ([0x78], [0x57]), ([0x07], [0x58]), ([0x77], [0x45]),
      ([0x7E], [0x46]), ([0x61], [0x56]), ([0x5D], [0x2B]), ([0x4A], [0x35]), ([0x70], [0x52]),
      ([0xE0, 0x75], [0xE0, 0x48]), ([0xE0, 0x72], [0xE0, 0x50]), ([0xE0, 0x6B], [0xE0, 0x4B]),
      ([0xE0, 0x74], [0xE0, 0x4D]), ([0xE0, 0x71], [0xE0, 0x53]), ([0xE0, 0x14], [0xE0, 0x1D]),
      ([0xE0, 0x1F], [0xE0, 0x5B]), ([0xE0, 0x2F], [0xE0, 0x5D]), ([0x84], [0x54]),
    ]
    let translating = Driver()
    let native = Driver()
    native.setCommandByte(0x01)
    #expect(native.keyboardAnswers([0xF0, 0x01]) == [0xFA, 0xFA])
    for (set2, set1) in keys {
      let released = set2.dropLast() + [0xF0] + set2.suffix(1)
      let expected = set1 + set1.dropLast() + [set1[set1.count - 1] | 0x80]
      for driver in [translating, native] {
        #expect(driver.controller.type(set2 + released, at: driver.now))
        #expect(driver.receive() == expected.map { UInt16($0) })
      }
    }
    // A break code split over two calls.
    translating.controller.type([0xF0], at: translating.now)
    #expect(translating.receive() == [])
    translating.controller.type([0x1C], at: translating.now)
    #expect(translating.receive() == [0x9E])
  }

  @Test func scanCodesComeOneByOneWithIRQ1() {
    let driver = Driver()
    driver.setCommandByte(0x01)
    driver.controller.type([0x1C, 0xF0, 0x1C], at: 0)
    #expect(driver.controller.deadline == 100_000)
    runDevice(driver.controller, until: .second)
    #expect(driver.lines.rises(1) == [100_000])
    #expect(driver.controller.deadline == .never)  // until the buffer is read
    driver.now = 500_000
    #expect(driver.controller.readByte(0x60, at: driver.now) == 0x1C)
    #expect(!driver.lines.level(1))
    #expect(driver.status & 1 == 0)
    #expect(driver.controller.deadline == 600_000)
    runDevice(driver.controller, until: 600_000)
    #expect(driver.lines.level(1))
    driver.now = 600_000
    #expect(driver.receive() == [0xF0, 0x1C])
    // A disabled interface holds the codes back.
    driver.command(0xAD)
    driver.controller.type([0x1C], at: driver.now)
    #expect(driver.receive() == [])
    driver.command(0xAE)
    #expect(driver.receive() == [0x1C])
  }

  @Test func fullBufferGivesTheOverrunCode() {
    let driver = Driver()
    driver.setCommandByte(0x01)
    let codes = (0..<15).map { UInt8($0 + 1) }
    #expect(driver.controller.type(codes, at: 0))
    #expect(!driver.controller.type([0x1C, 0x1D], at: 0))
    #expect(!driver.controller.type([0x1C], at: 0))
    #expect(driver.receive(within: 5_000_000) == codes.map { UInt16($0) } + [0])
    #expect(driver.keyboardAnswers([0xF5]) == [0xFA])
    #expect(!driver.controller.type([0x1C], at: driver.now))
    #expect(driver.receive() == [])
  }

  @Test func outputPortA20AndReset() {
    let driver = Driver()
    #expect(driver.lines.level(20))
    driver.command(0xD0)
    #expect(driver.receive().map { $0 & 3 } == [3])
    driver.command(0xD1)
    driver.data(0xDD)
    #expect(!driver.lines.level(20))
    driver.command(0xD1)
    driver.data(0xDF)
    #expect(driver.lines.level(20))
    #expect(driver.lines.rises(30).isEmpty)
    driver.command(0xFF)
    #expect(driver.lines.rises(30).isEmpty)
    driver.command(0xFE)
    #expect(driver.lines.rises(30).count == 1)
    driver.command(0xD1)
    driver.data(0xFE)
    #expect(driver.lines.rises(30).count == 2)
  }

  @Test func mouseCommands() {
    let driver = Driver()
    #expect(driver.mouseAnswers([0xFF]) == [0xFA, 0xAA, 0x00])
    #expect(driver.mouseAnswers([0xF2]) == [0xFA, 0x00])
    #expect(driver.mouseAnswers([0xE9]) == [0xFA, 0x00, 0x02, 100])
    #expect(driver.mouseAnswers([0xE8, 3, 0xF3, 40, 0xE7, 0xF4]) == [0xFA, 0xFA, 0xFA, 0xFA, 0xFA, 0xFA])
    #expect(driver.mouseAnswers([0xE9]) == [0xFA, 0x30, 0x03, 40])
    #expect(driver.mouseAnswers([0xEE, 0x12, 0xF4, 0xEC]) == [0xFA, 0x12, 0xF4, 0xFA])
    #expect(driver.mouseAnswers([0xE8, 9, 9]) == [0xFA, 0xFE, 0xFC])
    #expect(driver.mouseAnswers([0x77]) == [0xFE])
    #expect(driver.mouseAnswers([0xF6, 0xF0, 0xEB]) == [0xFA, 0xFA, 0xFA, 0x08, 0, 0])
  }

  @Test func mouseExtensions() {
    let driver = Driver()
    _ = driver.mouseAnswers([0xF3, 200, 0xF3, 100, 0xF3, 80])
    #expect(driver.mouseAnswers([0xF2]) == [0xFA, 3])
    _ = driver.mouseAnswers([0xF3, 200, 0xF3, 200, 0xF3, 80])
    #expect(driver.mouseAnswers([0xF2]) == [0xFA, 4])
    #expect(driver.mouseAnswers([0xF4]) == [0xFA])
    driver.controller.moveMouse(x: 1, y: -2, wheel: -1, buttons: 0b10001, at: driver.now)
    #expect(driver.receive() == [0x129, 0x101, 0x1FE, 0x12F])
    #expect(driver.mouseAnswers([0xFF, 0xF2]) == [0xFA, 0xAA, 0x00, 0xFA, 0x00])
  }

  @Test func mouseReportsAtTheSampleRate() {
    let driver = Driver()
    _ = driver.mouseAnswers([0xF3, 20, 0xF4])
    let start = driver.now
    driver.controller.moveMouse(x: 300, y: 0, wheel: 0, buttons: 0, at: start)
    #expect(driver.receive(within: 20_000_000) == [0x108, 0x1FF, 0x100])
    #expect(driver.controller.deadline == start + 50_000_000)
    #expect(driver.receive(within: 60_000_000) == [0x108, 45 | 0x100, 0x100])
    #expect(driver.controller.deadline == .never)
  }

  @Test func survivesAnything() throws {
    let make = {
      Controller8042(IRQ1: Line(nil, 0), IRQ12: Line(nil, 0), A20: Line(nil, 0), reset: Line(nil, 0))
    }
    for seed: UInt64 in 1...4 {
      try fuzz(make, ports: Controller8042.portRanges, seed: seed) { controller, word, now in
        if word & 1 == 0 {
          controller.type(
            [0xE0, UInt8(truncatingIfNeeded: word >> 8), 0xF0].dropLast(Int(word >> 1 & 3)), at: now)
        } else {
          controller.moveMouse(
            x: Int(Int16(truncatingIfNeeded: word >> 8)), y: Int(truncatingIfNeeded: word),
            wheel: Int(Int8(truncatingIfNeeded: word >> 24)), buttons: UInt8(truncatingIfNeeded: word >> 32),
            at: now)
        }
      }
    }
    fuzzRestore(make, ports: Controller8042.portRanges, seed: 9)
  }

  /// Reading port 60h would empty the output buffer.
  @Test func describesItself() {
    let driver = Driver()
    driver.command(0xAA)
    #expect(driver.receive() == [0x55])
    driver.setCommandByte(0x47)
    #expect(driver.keyboardAnswers([0xED, 0x06, 0xF3, 0x00]) == [0xFA, 0xFA, 0xFA, 0xFA])
    #expect(driver.mouseAnswers([0xF3, 200, 0xE8, 3, 0xF4]) == [0xFA, 0xFA, 0xFA, 0xFA, 0xFA])
    driver.controller.type([0x1C, 0xF0, 0x1C], at: driver.now)
    driver.now += 200_000
    driver.controller.run(at: driver.now)
    let before = savedState(driver.controller)
    let controller = driver.controller.description
    #expect(controller["status"] == "15h  OBF system flag not inhibited")
    #expect(
      controller["command byte"]
        == "47h  keyboard interrupt auxiliary interrupt system flag keyboard translate")
    #expect(controller["output buffer"] == "1Eh  full")
    #expect(controller["output port"] == "93h  not reset A20 IRQ1 keyboard data")
    #expect(controller["pins"] == "IRQ1 high, IRQ12 low")
    let keyboard = driver.controller.keyboard.description
    #expect(keyboard["LEDs"] == "06h  num lock caps lock" && keyboard["scan code set"] == "2")
    #expect(keyboard["typematic"] == "00h  30.0 a second after 250 ms")
    #expect(keyboard["buffer"] == "2 of 16 bytes: F0h 1Ch" && keyboard["answers"] == "none")
    let mouse = driver.controller.mouse.description
    #expect(mouse["status"] == "20h  enabled" && mouse["mode"] == "stream")
    #expect(mouse["sample rate"] == "200 reports a second")
    #expect(mouse["resolution"] == "03h  8 counts a millimetre")
    #expect(mouse["device ID"] == "00h  standard mouse" && savedState(driver.controller) == before)
    #expect(driver.receive() == [0x1E, 0x9E])
  }

  /// IBM's table of rates, from its ends and its middle.
  @Test func typematicRates() {
    var keyboard = PS2Keyboard()
    let rates: [(UInt8, String)] = [
      (0x2B, "10.9 a second after 500 ms"), (0x01, "26.7 a second after 250 ms"),
      (0x7F, "2.0 a second after 1000 ms"),
    ]
    for (value, text) in rates {
      keyboard.receive(0xF3)
      keyboard.receive(value)
      #expect(keyboard.description["typematic"]?.hasSuffix(text) == true)
    }
  }
}
