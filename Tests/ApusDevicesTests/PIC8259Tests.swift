import ApusBase
import ApusDevices
import Testing

/// The pair with its INTR recorded at input 0.
private struct Board {
  let cpu = LineRecorder()
  let pic: PIC8259Pair

  init(initialised: Bool = true, masterICW4: UInt8 = 0x01, slaveICW4: UInt8 = 0x01) {
    pic = PIC8259Pair(INTR: Line(cpu, 0))
    pic.reset(at: 0)
    guard initialised else { return }
    for (port, value): (UInt16, UInt8) in [
      (0x20, 0x11), (0x21, 0x20), (0x21, 0x04), (0x21, masterICW4),
      (0xA0, 0x11), (0xA1, 0x28), (0xA1, 0x02), (0xA1, slaveICW4),
    ] {
      write(port, value)
    }
  }

  func write(_ port: UInt16, _ value: UInt8) { pic.writeByte(port, value, at: 0) }
  func read(_ port: UInt16) -> UInt8 { pic.readByte(port, at: 0) }
  func raise(_ irq: Int) { pic.setLine(irq, level: true, at: 0) }
  func lower(_ irq: Int) { pic.setLine(irq, level: false, at: 0) }
  func pulse(_ irq: Int) { Line(pic, irq).pulse(at: 0) }
  func acknowledge() -> UInt8 { pic.acknowledge(at: 0) }
  var INTR: Bool { cpu.level(0) }
  /// IRR (OCW3 0Ah) and ISR (OCW3 0Bh).
  func IRR(_ base: UInt16 = 0x20) -> UInt8 {
    write(base, 0x0A)
    return read(base)
  }
  func ISR(_ base: UInt16 = 0x20) -> UInt8 {
    write(base, 0x0B)
    return read(base)
  }
}

@Suite struct PIC8259Tests {
  @Test func acknowledgesByPriorityAndNests() {
    let board = Board()
    board.raise(4)
    board.raise(1)
    #expect(board.INTR)
    #expect(board.IRR() == 0x12)
    #expect(board.acknowledge() == 0x21)
    #expect(board.ISR() == 0x02)
    #expect(board.IRR() == 0x10)
    #expect(!board.INTR)  // IR4 is inhibited by IR1 in service
    board.raise(0)
    #expect(board.INTR)
    #expect(board.acknowledge() == 0x20)
    board.write(0x20, 0x20)  // non-specific EOI ends IR0, the higher
    #expect(board.ISR() == 0x02)
    board.write(0x20, 0x20)
    #expect(board.INTR)
    #expect(board.acknowledge() == 0x24)
  }

  @Test func edgeNeedsNewEdgeLevelDoesNot() {
    let board = Board()
    board.write(0x4D0, 0xFF)
    board.write(0x4D1, 0xFF)
    #expect(board.read(0x4D0) == 0xF8)
    #expect(board.read(0x4D1) == 0xDE)
    board.raise(1)
    #expect(board.acknowledge() == 0x21)
    board.write(0x20, 0x61)
    #expect(!board.INTR)
    board.raise(5)
    #expect(board.acknowledge() == 0x25)
    board.write(0x20, 0x65)
    #expect(board.INTR)
    board.lower(5)
    #expect(!board.INTR)
  }

  @Test func LTIMMakesAllInputsLevelTriggered() {
    let board = Board()
    for (port, value): (UInt16, UInt8) in [(0x20, 0x19), (0x21, 0x40), (0x21, 0x04), (0x21, 0x01)] {
      board.write(port, value)
    }
    board.raise(0)
    #expect(board.acknowledge() == 0x40)
    board.write(0x20, 0x20)
    #expect(board.INTR)
    board.lower(0)
    #expect(!board.INTR)
  }

  @Test func slaveGoesThroughIR2() {
    let board = Board()
    board.raise(8)
    #expect(board.IRR() == 0x04)
    #expect(board.IRR(0xA0) == 0x01)
    #expect(board.acknowledge() == 0x28)
    #expect(board.ISR() == 0x04)
    #expect(board.ISR(0xA0) == 0x01)
    board.raise(12)
    #expect(!board.INTR)
    board.write(0xA0, 0x20)
    #expect(!board.INTR)  // the master still has IR2 in service
    board.write(0x20, 0x20)
    #expect(board.INTR)
    #expect(board.acknowledge() == 0x2C)
  }

  @Test func twoSlaveRequestsGiveTwoInterrupts() {
    let board = Board(masterICW4: 0x03, slaveICW4: 0x03)
    board.raise(9)
    board.raise(10)
    #expect(board.acknowledge() == 0x29)
    #expect(board.INTR)
    #expect(board.acknowledge() == 0x2A)
    #expect(!board.INTR)
    #expect(board.ISR() == 0)
    #expect(board.ISR(0xA0) == 0)
  }

  @Test func spuriousRequestGivesIR7WithoutISR() {
    let board = Board()
    board.write(0x4D0, 0x20)
    board.raise(5)
    board.lower(5)
    #expect(!board.INTR)
    #expect(board.acknowledge() == 0x27)
    #expect(board.ISR() == 0)
  }

  @Test func specialFullyNestedLetsTheSlaveInterruptItself() {
    // IRQ8 preempts IRQ10 only in special fully nested mode; IRQ3 stays behind the slave in both.
    for (ICW4, nested): (UInt8, Bool) in [(0x01, false), (0x11, true)] {
      let board = Board(masterICW4: ICW4)
      board.raise(10)
      #expect(board.acknowledge() == 0x2A)
      board.raise(3)
      #expect(!board.INTR)
      board.raise(8)
      #expect(board.INTR == nested)
      if nested { #expect(board.acknowledge() == 0x28) }
    }
  }

  @Test func specialMaskModeEnablesLowerLevels() {
    let board = Board()
    board.raise(1)
    #expect(board.acknowledge() == 0x21)
    board.raise(6)
    #expect(!board.INTR)
    board.write(0x21, 0x02)
    #expect(!board.INTR)
    board.write(0x20, 0x68)
    #expect(board.INTR)
    #expect(board.acknowledge() == 0x26)
    // A non-specific EOI leaves the masked level in service.
    board.write(0x20, 0x20)
    #expect(board.ISR() == 0x02)
    board.write(0x20, 0x20)
    #expect(board.ISR() == 0x02)
    board.write(0x20, 0x48)
    board.write(0x20, 0x20)
    #expect(board.ISR() == 0)
  }

  @Test func rotationMovesTheLowestPriority() {
    let board = Board()
    // "Automatic Rotation": IR4 and IR6 in service; a rotating EOI makes IR4 the lowest.
    board.pulse(6)
    #expect(board.acknowledge() == 0x26)
    board.pulse(4)
    #expect(board.acknowledge() == 0x24)
    board.write(0x20, 0xA0)
    #expect(board.ISR() == 0x40)
    board.pulse(4)
    #expect(!board.INTR)
    board.pulse(5)
    #expect(board.INTR)
    #expect(board.acknowledge() == 0x25)
    // Set priority: IR5 lowest, so IR6 is the highest.
    board.write(0x20, 0xC5)
    board.write(0x20, 0x65)
    board.write(0x20, 0x66)
    board.pulse(7)
    #expect(board.acknowledge() == 0x27)
    board.pulse(6)
    #expect(board.acknowledge() == 0x26)
  }

  @Test func automaticEOIWithRotation() {
    let board = Board(masterICW4: 0x03)
    board.write(0x20, 0x80)
    board.pulse(0)
    #expect(board.acknowledge() == 0x20)
    #expect(board.ISR() == 0)
    board.pulse(0)
    board.pulse(1)
    #expect(board.acknowledge() == 0x21)
    #expect(board.acknowledge() == 0x20)
  }

  @Test func pollAcknowledges() {
    let board = Board()
    board.write(0x20, 0x0C)
    #expect(board.read(0x20) == 0)
    board.raise(3)
    board.write(0x20, 0x0C)
    #expect(board.read(0x21) == 0x83)
    #expect(board.ISR() == 0x08)
    #expect(board.read(0x21) == 0)  // the mask again
    board.raise(14)
    board.write(0xA0, 0x0C)
    #expect(board.read(0xA0) == 0x86)
    #expect(board.IRR() == 0)  // the slave's INT fell
  }

  @Test func initialisationForgetsEdgesAndMask() {
    let board = Board()
    board.write(0x21, 0xFB)
    board.raise(0)
    board.write(0x20, 0x11)
    #expect(!board.INTR)
    board.write(0x21, 0x50)
    board.write(0x21, 0x04)
    board.write(0x21, 0x01)
    #expect(board.read(0x21) == 0)
    #expect(!board.INTR)
    board.lower(0)
    board.raise(0)
    #expect(board.acknowledge() == 0x50)
  }

  @Test func MCS80VectorsAndICW4Default() {
    let board = Board()
    // IC4 = 0, single, interval 4: the low CALL address byte A7 A6 A5 + 4 * IR.
    board.write(0x20, 0xF6)
    board.write(0x21, 0x12)
    board.raise(3)
    #expect(board.acknowledge() == 0xEC)
    board.write(0x20, 0xD2)
    board.write(0x21, 0x12)
    board.raise(5)
    #expect(board.acknowledge() == 0xE8)
  }

  @Test func wrongSlaveAddressLeavesTheBusFloating() {
    let board = Board()
    for (port, value): (UInt16, UInt8) in [(0xA0, 0x11), (0xA1, 0x28), (0xA1, 0x05), (0xA1, 0x01)] {
      board.write(port, value)
    }
    board.raise(8)
    #expect(board.acknowledge() == 0xFF)
  }

  @Test func agreesWithQEMU() throws {
    let board = Board(initialised: false)
    var position = 0
    for entry in PIC8259QEMUTrace.split(separator: " ") {
      let target = try #require(UInt16(entry.dropFirst().prefix(3), radix: 16))
      let value = try #require(UInt8(entry.suffix(2), radix: 16))
      switch entry.first {
      case "W": board.write(target, value)
      case "L": board.pic.setLine(Int(target), level: value != 0, at: 0)
      default:
        let read = board.read(target)
        if read != value {
          Issue.record("entry \(position), \(entry): read \(read)")
          return
        }
      }
      position += 1
    }
    #expect(position > 3000)
  }

  @Test func survivesAnything() throws {
    let ports = PIC8259Pair.portRanges
    try fuzz({ PIC8259Pair(INTR: Line(nil, 0)) }, ports: ports, seed: 1) { pic, word, now in
      if word & 0x100 != 0 {
        _ = pic.acknowledge(at: now)
      } else {
        pic.setLine(Int(word & 15), level: word & 0x10 != 0, at: now)
      }
    }
    fuzzRestore({ PIC8259Pair(INTR: Line(nil, 0)) }, ports: ports, seed: 2)
  }
}
