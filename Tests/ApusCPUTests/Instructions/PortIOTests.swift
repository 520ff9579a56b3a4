import ApusCPU
import Testing

@Suite struct PortIOTests {
  typealias Access = TestBus.PortAccess

  @Test func widthsAndPortOperands() {
    // OUT 12h, AL; OUT DX, AX; OUT DX, EAX; IN AL, DX; REX.W IN EAX, DX.
    let machine = GuestMachine(
      .long, code: [0xE6, 0x12, 0x66, 0xEF, 0xEF, 0xEC, 0x48, 0xED])
    machine[R.ax] = 0xFFFF_FFFF_8765_4321
    machine[R.dx] = 0xABCD_03F8
    machine.bench.bus.portInput = [0x99, 0xCAFE_F00D]
    #expect(machine.run() == nil)
    #expect(
      machine.bench.bus.portWrites == [
        Access(port: 0x12, value: 0x21, width: 1), Access(port: 0x3F8, value: 0x4321, width: 2),
        Access(port: 0x3F8, value: 0x8765_4321, width: 4),
      ])
    #expect(machine.bench.bus.portReads.map(\.width) == [1, 4])
    #expect(machine[R.ax] == 0xCAFE_F00D)
  }

  /// SDM Vol. 1, "I/O Permission Bit Map": a clear bit for every byte of the access permits it.
  @Test(arguments: [GuestMachine.Mode.long, .protected])
  func bitMapDecidesAboveIOPL(_ mode: GuestMachine.Mode) {
    for (denied, port, opcode, isAllowed) in [
      (0x60, 0x60, UInt8(0xEC), false), (0x61, 0x60, 0xEC, true), (0x61, 0x60, 0xED, false),
      (0x64, 0x60, 0xED, true), (0x6A, 0x67, 0xED, false), (0x6B, 0x67, 0xED, true),
    ] {
      let machine = GuestMachine(mode, cpl: 3, code: [opcode])
      machine[R.dx] = UInt64(port)
      machine.bench[GuestLayout.tss + GuestLayout.ioMap + denied / 8] = 1 << UInt8(denied & 7)
      #expect(machine.run() == (isAllowed ? 0x80 : 13), "port \(port), denied \(denied)")
      #expect(machine.bench.bus.portReads.isEmpty != isAllowed)
      if !isAllowed { #expect(machine.frame(0) == 0) }
    }
  }

  @Test func mapBeyondTheLimitDenies() {
    let machine = GuestMachine(.long, cpl: 3, code: [0xEC])
    machine[R.dx] = 0x80
    // The byte of port 80h is at the limit, but two bytes are read.
    machine.state.tr.limit = UInt32(GuestLayout.ioMap + 0x10)
    #expect(machine.run() == 13)
    machine.state = GuestMachine(.long, cpl: 3, code: [0xEC]).state
    machine[R.dx] = 0x80
    machine.state.tr.limit = UInt32(GuestLayout.ioMap + 0x11)
    #expect(machine.run() == 0x80)
  }

  @Test func iopl3NeedsNoMap() {
    let machine = GuestMachine(.long, cpl: 3, code: [0xEE])
    machine.bench[GuestLayout.tss + GuestLayout.ioMap + 0x10] = 0xFF
    machine[R.dx] = 0x80
    machine.state.rflags |= 0x3000
    #expect(machine.run() == 0x80)
    #expect(machine.bench.bus.portWrites.count == 1)
  }

  @Test func virtual8086AlwaysUsesTheMap() {
    let machine = GuestMachine(.virtual8086, code: [0xE6, 0x80])
    machine.bench[GuestLayout.tss + GuestLayout.ioMap + 0x10] = 1
    machine.state.rflags |= 0x3000
    #expect(machine.run() == 13)
    #expect(machine.bench.bus.portWrites.isEmpty)
  }

  @Test func repeatedTransfers() {
    // REP INSW, then REP OUTSD.
    let machine = GuestMachine(.long, code: [0x66, 0xF3, 0x6D, 0xB1, 0x02, 0xF3, 0x6F])
    machine.bench.bus.portInput = [0x1111, 0x2222, 0x3333]
    machine[R.dx] = 0x1F0
    machine[R.cx] = 3
    machine[R.di] = UInt64(GuestLayout.data)
    machine[R.si] = UInt64(GuestLayout.data)
    #expect(machine.run() == nil)
    #expect(machine.bench.read(GuestLayout.data, 6) == [0x11, 0x11, 0x22, 0x22, 0x33, 0x33])
    #expect(machine.bench.bus.portWrites.map(\.value) == [0x2222_1111, 0x3333])
    #expect(machine[R.di] == UInt64(GuestLayout.data + 6))
    #expect(machine[R.si] == UInt64(GuestLayout.data + 8))
  }

  @Test func inputWaitsForItsDestination() {
    let machine = GuestMachine(.long, code: [0xF3, 0x6C])
    machine.map(0x4_0000, to: nil)
    machine[R.dx] = 0x1F0
    machine[R.cx] = 2
    machine[R.di] = 0x4_0000
    #expect(machine.run() == 14)
    #expect(machine.bench.bus.portReads.isEmpty)
    #expect(machine[R.cx] == 2)
  }
}
