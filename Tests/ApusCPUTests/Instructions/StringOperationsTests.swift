import ApusCPU
import Testing

/// String instructions in 64-bit mode against a model that moves one element at a time.
@Suite struct StringOperationsTests {
  private struct Model {
    var memory: [UInt8]
    var source: Int
    var destination: Int
    var count: Int
    let size: Int
    let step: Int

    func element(_ at: Int) -> UInt64 {
      memory[at..<(at + size)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func store(_ at: Int, _ value: UInt64) {
      for index in 0..<size { memory[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
    }
  }

  /// Opcode bytes of a string instruction of `size` bytes, with its prefix.
  private static func code(_ opcode: UInt8, _ size: Int, _ prefix: UInt8?, isDown: Bool) -> [UInt8] {
    var bytes: [UInt8] = isDown ? [0xFD] : [0xFC]
    if let prefix { bytes.append(prefix) }
    if size == 2 { bytes.append(0x66) }
    if size == 8 { bytes.append(0x48) }
    bytes.append(size == 1 ? opcode : opcode + 1)
    return bytes
  }

  private static let window = 0x4000

  /// Random cases: sizes, directions, alignments, overlaps, lengths over several pages.
  private static func cases(_ seed: UInt64, _ count: Int, span: Int) -> [(Model, Bool)] {
    var numbers = TestNumbers(seed: seed)
    return (0..<count).map { _ in
      let size = 1 << numbers.below(4)
      let isDown = numbers.below(2) == 1
      let elements = numbers.below(span / size)
      let first = numbers.below(window - elements * size - size)
      let distance = numbers.below(3) == 0 ? numbers.below(64) - 32 : numbers.below(window) - window / 2
      let second = min(max(first + distance, 0), window - elements * size - size)
      let top = isDown ? max(elements - 1, 0) * size : 0
      // Few values, so that comparisons meet runs of equal elements.
      let memory = (0..<window).map { _ in UInt8(truncatingIfNeeded: numbers.below(40) == 0 ? 1 : 0) }
      let model = Model(
        memory: memory, source: first + top, destination: second + top, count: elements, size: size,
        step: isDown ? -size : size)
      return (model, isDown)
    }
  }

  private static func start(_ machine: GuestMachine, _ model: Model, _ code: [UInt8]) {
    machine.bench.write(GuestLayout.code, code + [0xF4])
    machine.state.rip = UInt64(GuestLayout.code)
    machine.bench.write(GuestLayout.data, model.memory)
    machine[R.si] = UInt64(GuestLayout.data + model.source)
    machine[R.di] = UInt64(GuestLayout.data + model.destination)
    machine[R.cx] = UInt64(model.count)
  }

  private static func expect(_ machine: GuestMachine, _ model: Model) {
    #expect(machine[R.cx] == UInt64(model.count))
    #expect(machine[R.si] == UInt64(GuestLayout.data + model.source))
    #expect(machine[R.di] == UInt64(GuestLayout.data + model.destination))
    #expect(machine.bench.read(GuestLayout.data, window) == model.memory)
  }

  @Test func movesElementByElement() {
    let machine = GuestMachine(.long, code: [])
    for (start, isDown) in Self.cases(1, 120, span: 0x2000) {
      var model = start
      // Bytes that all differ, so that order shows.
      model.memory = (0..<Self.window).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }
      Self.start(machine, model, Self.code(0xA4, model.size, 0xF3, isDown: isDown))
      #expect(machine.run() == nil)
      while model.count > 0 {
        model.store(model.destination, model.element(model.source))
        model.source += model.step
        model.destination += model.step
        model.count -= 1
      }
      Self.expect(machine, model)
    }
  }

  @Test func storesElementByElement() {
    let machine = GuestMachine(.long, code: [])
    for (start, isDown) in Self.cases(2, 60, span: 0x2000) {
      var model = start
      Self.start(machine, model, Self.code(0xAA, model.size, 0xF3, isDown: isDown))
      machine[R.ax] = 0x1122_3344_5566_7788
      #expect(machine.run() == nil)
      while model.count > 0 {
        model.store(model.destination, 0x1122_3344_5566_7788)
        model.destination += model.step
        model.count -= 1
      }
      Self.expect(machine, model)
    }
  }

  @Test func loadsTheLastElement() {
    let machine = GuestMachine(.long, code: [])
    for (start, isDown) in Self.cases(3, 40, span: 0x2000) where start.count > 0 {
      var model = start
      Self.start(machine, model, Self.code(0xAC, model.size, 0xF3, isDown: isDown))
      machine[R.ax] = 0
      #expect(machine.run() == nil)
      var value: UInt64 = 0
      while model.count > 0 {
        value = model.element(model.source)
        model.source += model.step
        model.count -= 1
      }
      #expect(machine[R.ax] == value)
      Self.expect(machine, model)
    }
  }

  @Test(arguments: [0xF2, 0xF3] as [UInt8])
  func comparesUntilTheConditionFails(_ prefix: UInt8) {
    let machine = GuestMachine(.long, code: [])
    for (start, isDown) in Self.cases(UInt64(prefix), 80, span: 0x1800) where start.count > 0 {
      var model = start
      Self.start(machine, model, Self.code(0xA6, model.size, prefix, isDown: isDown))
      #expect(machine.run() == nil)
      var isEqual = false
      var isBelow = false
      repeat {
        let (a, b) = (model.element(model.source), model.element(model.destination))
        isEqual = a == b
        isBelow = a < b
        model.source += model.step
        model.destination += model.step
        model.count -= 1
      } while model.count > 0 && isEqual == (prefix == 0xF3)
      #expect((machine.state.rflags & 0x40 != 0) == isEqual)
      #expect((machine.state.rflags & 1 != 0) == isBelow)
      Self.expect(machine, model)
    }
  }

  @Test(arguments: [0xF2, 0xF3] as [UInt8])
  func scansUntilTheConditionFails(_ prefix: UInt8) {
    let machine = GuestMachine(.long, code: [])
    for (start, isDown) in Self.cases(UInt64(prefix) + 7, 80, span: 0x1800) where start.count > 0 {
      var model = start
      Self.start(machine, model, Self.code(0xAE, model.size, prefix, isDown: isDown))
      let wanted: UInt64 = prefix == 0xF3 ? 0 : 1
      machine[R.ax] = wanted
      #expect(machine.run() == nil)
      var isEqual = false
      repeat {
        isEqual = model.element(model.destination) == wanted
        model.destination += model.step
        model.count -= 1
      } while model.count > 0 && isEqual == (prefix == 0xF3)
      #expect((machine.state.rflags & 0x40 != 0) == isEqual)
      Self.expect(machine, model)
    }
  }

  @Test func zeroCountTouchesNothing() {
    let machine = GuestMachine(.long, code: [0xF3, 0xA4, 0xF2, 0xAE, 0xF3, 0xAB])
    machine[R.si] = 0x7FFF_0000_0000
    machine[R.di] = 0x7FFF_0000_0000
    machine.state.rflags |= 0x40
    #expect(machine.run() == nil)
    #expect(machine[R.si] == 0x7FFF_0000_0000)
    #expect(machine.state.rflags & 0x40 != 0)
  }

  @Test(arguments: [false, true])
  func faultLeavesTheCompletedElements(_ isSource: Bool) {
    let machine = GuestMachine(.long, code: [0xF3, 0xA5])
    let present = GuestLayout.data
    let absent = 0x4_0000
    machine.map(absent + 0x1000, to: nil)
    machine[R.si] = UInt64(isSource ? absent + 2 : present + 2)
    machine[R.di] = UInt64(isSource ? present + 8 : absent + 8)
    machine[R.cx] = 3000
    #expect(machine.run() == 14)
    let start = isSource ? absent + 2 : absent + 8
    let done = (absent + 0x1000 - start) / 4
    #expect(machine[R.cx] == UInt64(3000 - done))
    #expect(machine[isSource ? R.si : R.di] == UInt64(start + done * 4))
    #expect(machine[isSource ? R.di : R.si] == UInt64((isSource ? present + 8 : present + 2) + done * 4))
    #expect(machine.frame(1) == UInt64(GuestLayout.code))
    // An element that crosses into the page faults at the page, another at its own address.
    #expect(machine.state.cr2 == UInt64(absent + 0x1000))
    #expect(machine.frame(0) == (isSource ? 0 : 2))
    // The handler maps the page and returns: the rest follows.
    machine.map(absent + 0x1000, to: UInt64(absent + 0x1000))
    machine.state.rip = UInt64(GuestLayout.code)
    #expect(machine.run() == nil)
    #expect(machine[R.cx] == 0)
    #expect(machine[isSource ? R.si : R.di] == UInt64(start + 12000))
  }

  @Test func chunksEndAtPagesAndCanBeInterrupted() {
    let machine = GuestMachine(.long, code: [0xF3, 0xAA])
    machine[R.di] = UInt64(GuestLayout.data + 0x100)
    machine[R.cx] = 0x10000
    machine.bench.processor.state = machine.state
    let processor = machine.bench.processor
    for tick in 1...3 as ClosedRange<UInt64> {
      #expect(processor.run(until: processor.now + 1) == .deadline)
      #expect(processor.state.rip == UInt64(GuestLayout.code))
      #expect(processor.state.registers[R.di] == UInt64(GuestLayout.data) + tick * 0x1000)
    }
    machine.state = processor.state
    machine.state.rflags |= 0x200
    processor.setInterruptLine(true)
    #expect(machine.run() == 0x20)
    #expect(machine.frame(0) == UInt64(GuestLayout.code))
    #expect(machine.frame(2) & 0x1_0000 != 0, "RF between iterations")
    #expect(machine[R.cx] == 0x10000 - 0x2F00)
  }

  @Test func devicesSeeEveryElementInOrder() {
    let machine = GuestMachine(.long, code: [0xF3, 0xAB])
    machine.map(0x4_0000, to: 0x4000_0000)
    machine[R.di] = 0x4_0000
    machine[R.cx] = 200
    let start = machine.bench.processor.now
    #expect(machine.run() == nil)
    #expect(machine.bench.bus.deviceWrites == (0..<200).map { 0x4000_0000 + $0 * 4 })
    // A tick for each element, and one for HLT.
    #expect(machine.bench.processor.now - start == 201)
  }

  @Test func movsFromADeviceToAnAbsentPageReadsNothing() {
    let machine = GuestMachine(.long, code: [0xF3, 0xA4])
    machine.map(0x4_0000, to: 0x4000_0000)
    machine.map(0x5_0000, to: nil)
    machine[R.si] = 0x4_0000
    machine[R.di] = 0x5_0000
    machine[R.cx] = 4
    #expect(machine.run() == 14)
    #expect(machine.bench.bus.deviceReads.isEmpty)
    #expect(machine[R.cx] == 4)
  }

  @Test func singleStepTrapsAfterEachIteration() {
    let machine = GuestMachine(.long, code: [0xF3, 0xAA])
    machine[R.di] = UInt64(GuestLayout.data)
    machine[R.cx] = 10
    machine.state.rflags |= 0x100
    #expect(machine.run() == 1)
    #expect(machine[R.cx] == 9)
    #expect(machine.frame(0) == UInt64(GuestLayout.code))
  }

  @Test func addressSizePrefixWrapsAt32Bits() {
    let machine = GuestMachine(.long, code: [0x67, 0xAC, 0x67, 0xF3, 0xAA])
    machine.bench[GuestLayout.data] = 0x5A
    machine[R.si] = 0xFFFF_FFFF_0000_0000 | UInt64(GuestLayout.data)
    machine[R.di] = UInt64(GuestLayout.data + 0x100)
    machine[R.cx] = 0xFFFF_FFFF_0000_0003
    #expect(machine.run() == nil)
    #expect(machine[R.ax] & 0xFF == 0x5A)
    #expect(machine[R.si] == UInt64(GuestLayout.data + 1))
    #expect(machine[R.cx] == 0)
    #expect(machine.bench.read(GuestLayout.data + 0x100, 4) == [0x5A, 0x5A, 0x5A, 0])
  }

  @Test func storingOverCodeTakesEffect() {
    // MOV AL, F4; REP STOSB over the two INC instructions that follow.
    let machine = GuestMachine(.long, code: [0xB0, 0xF4, 0xF3, 0xAA, 0xFF, 0xC3, 0xFF, 0xC3])
    machine[R.di] = UInt64(GuestLayout.code + 4)
    machine[R.cx] = 4
    #expect(machine.run() == nil)
    #expect(machine[R.bx] == 0)
    #expect(machine.state.rip == UInt64(GuestLayout.code + 5))
  }
}
