import ApusBase

/// What stands behind a virtio transport: a block device, for example.
package protocol VirtioBackend: AnyObject {
  /// The device type of VIRTIO 1.2, "Device Types".
  var deviceType: UInt16 { get }
  /// PCI class, subclass and programming interface.
  var classCode: UInt32 { get }
  /// The number of queues, 1...16.
  var queueCount: Int { get }
  /// The device's own feature bits (0–23 and 50–127 of the specification; here below 24).
  var features: UInt64 { get }
  /// A byte of the device configuration, 0 behind its end.
  func configurationByte(_ offset: UInt64) -> UInt8
  /// Serves one request of `queue` under the negotiated features. Returns the bytes written to the chain,
  /// or nil if the request cannot be answered: the device then needs a reset.
  func serve(_ chain: VirtioChain, queue: Int, features: UInt64, _ memory: any DMAMemory) -> UInt32?
  /// The names of the device's own feature bits from bit 0 on, for people; "" where there is none.
  var featureNames: [String] { get }
  /// What the transport does not know of the device, for people.
  func describe(into description: inout DeviceDescription)
}

/// A modern virtio device on PCI: the transport, with one backend behind it.
///
/// Source: VIRTIO 1.2, "Virtio Over PCI Bus". BAR 0 holds the common (0h), ISR (1000h), device (2000h) and
/// notification (3000h) structures; BAR 1 the MSI-X table, if the board has a sink for messages.
///
/// Requests are served `notificationTime` of virtual time after the notification, so that a driver which
/// queues several in a row has them answered together, and not more than `runLimit` at a time.
package final class VirtioPCI: PCIFunction {
  /// Nanoseconds from a notification to the first request being served.
  package static let notificationTime: UInt64 = 5_000
  /// Requests served in one go.
  private static let runLimit = 32

  package let name: String
  package var configuration: PCIConfiguration
  private let backend: any VirtioBackend
  private let memory: any DMAMemory
  private let irq: Line
  private var msix: MSIX?
  /// Offset of the capability for access through configuration space.
  private let accessCapability: Int

  private var status: UInt8 = 0
  private var deviceFeatureSelect: UInt32 = 0
  private var driverFeatureSelect: UInt32 = 0
  private var driverFeatures: UInt64 = 0
  private var configurationVector = Virtqueue.noVector
  private var queueSelect: UInt16 = 0
  private var queues: [Virtqueue]
  /// ISR status: queue (0), configuration (1).
  private var isr: UInt8 = 0
  /// Queues (bit per number) that were notified.
  private var notified: UInt16 = 0
  private var dueAt = VirtualTime.never
  private var asserted = false

  private enum Status {
    static let driverOK: UInt8 = 0x04
    static let featuresOK: UInt8 = 0x08
    static let needsReset: UInt8 = 0x40
  }
  private enum Feature {
    static let indirectDescriptors: UInt64 = 1 << 28
    static let eventIndex: UInt64 = 1 << 29
    static let version1: UInt64 = 1 << 32
  }
  private enum Region {
    static let common: UInt32 = 0x0000
    static let isr: UInt32 = 0x1000
    static let device: UInt32 = 0x2000
    static let notify: UInt32 = 0x3000
    static let size: UInt32 = 0x1000
  }

  /// A device in a PCI slot. `irq` is its INTA# (`PCIHost.interruptLine`). Without `msi` there is no MSI-X
  /// capability.
  package init(
    name: String, backend: any VirtioBackend, memory: any DMAMemory, irq: Line, msi: (any MSISink)?
  ) {
    precondition((1...16).contains(backend.queueCount))
    self.name = name
    self.backend = backend
    self.memory = memory
    self.irq = irq
    queues = [Virtqueue](repeating: Virtqueue(), count: backend.queueCount)
    var space = PCIConfiguration(
      vendor: 0x1AF4, device: 0x1040 + backend.deviceType, revision: 1, classCode: backend.classCode,
      subsystemVendor: 0x1AF4, subsystem: 0x1100, commandMask: 0x0546, interruptPin: 1)
    space.defineVolatile(byte: PCIConfiguration.status, 0x08)
    space.define(bar: 0, .memory(size: 4 * Region.size))
    if let msi {
      msix = MSIX(vectors: backend.queueCount + 1, bar: 1, sink: msi, in: &space)
    }
    func structure(_ type: UInt8, _ offset: UInt32, _ extra: [UInt8] = []) -> [UInt8] {
      let place = [0, 0, 0, 0, 0, UInt8(offset >> 8), 0, 0, 0, UInt8(Region.size >> 8), 0, 0]
      return [UInt8(16 + extra.count), type] + place + extra
    }
    _ = space.appendCapability(0x09, structure(1, Region.common))
    // The offset of a queue's notification word is its number times 4.
    _ = space.appendCapability(0x09, structure(2, Region.notify, [4, 0, 0, 0]))
    _ = space.appendCapability(0x09, structure(3, Region.isr))
    _ = space.appendCapability(0x09, structure(4, Region.device))
    // bar, offset, length and pci_cfg_data are the driver's.
    accessCapability = space.appendCapability(
      0x09, [20, 5] + [UInt8](repeating: 0, count: 16),
      writable: [0, 0, 0xFF, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 12))
    configuration = space
  }

  package func reset(at now: VirtualTime) {
    configuration.reset()
    msix?.reset()
    resetDevice(at: now)
  }

  /// The driver's reset: everything but the PCI function itself.
  private func resetDevice(at now: VirtualTime) {
    status = 0
    deviceFeatureSelect = 0
    driverFeatureSelect = 0
    driverFeatures = 0
    configurationVector = Virtqueue.noVector
    queueSelect = 0
    queues = [Virtqueue](repeating: Virtqueue(), count: backend.queueCount)
    isr = 0
    notified = 0
    dueAt = .never
    driveINTx(at: now)
  }

  private var offeredFeatures: UInt64 {
    backend.features | Feature.indirectDescriptors | Feature.eventIndex | Feature.version1
  }

  // MARK: Configuration space

  package func readConfiguration(_ offset: Int, width: Int, at now: VirtualTime) -> UInt32 {
    if let (bar, target, length) = window(offset, width) {
      let value = readBAR(bar, target, width: length, at: now)
      for i in 0..<length {
        configuration.set(
          byte: accessCapability + 16 + i, UInt8(truncatingIfNeeded: value >> UInt64(8 * i)))
      }
    }
    return configuration.read(offset, width: width)
  }

  package func writeConfiguration(_ offset: Int, _ value: UInt32, width: Int, at now: VirtualTime) {
    configuration.write(offset, value, width: width)
    if let (bar, target, length) = window(offset, width) {
      let data = configuration.read(accessCapability + 16, width: length)
      writeBAR(bar, target, UInt64(data), width: length, at: now)
    }
    msix?.deliverPending(configuration, at: now)
    driveINTx(at: now)
    if notified != 0 && dueAt == .never { schedule(at: now) }
  }

  /// The access that pci_cfg_data stands for, if `offset` touches it and it is a valid one.
  private func window(_ offset: Int, _ width: Int) -> (bar: Int, offset: UInt64, length: Int)? {
    let data = accessCapability + 16
    guard offset < data + 4 && offset + width > data else { return nil }
    let bar = Int(configuration[accessCapability + 4])
    let target = configuration.read(accessCapability + 8, width: 4)
    let length = configuration.read(accessCapability + 12, width: 4)
    guard length == 1 || length == 2 || length == 4, target % length == 0, bar <= 1 else { return nil }
    return (bar, UInt64(target), Int(length))
  }

  // MARK: Memory

  package func readBAR(_ bar: Int, _ offset: UInt64, width: Int, at now: VirtualTime) -> UInt64 {
    if bar == 1 { return msix?.read(offset, width: width) ?? .max }
    let inner = offset & 0xFFF
    var value: UInt64 = 0
    for i in 0..<UInt64(min(width, 8)) {
      var byte: UInt8 = 0
      switch UInt32(truncatingIfNeeded: offset & 0x3000) {
      case Region.common: byte = commonByte(inner &+ i)
      case Region.isr: byte = inner &+ i == 0 ? readISR(at: now) : 0
      case Region.device: byte = backend.configurationByte(inner &+ i)
      default: break
      }
      value |= UInt64(byte) << (8 * i)
    }
    return value
  }

  package func writeBAR(
    _ bar: Int, _ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime
  ) {
    if bar == 1 {
      msix?.write(offset, value, width: width)
      msix?.deliverPending(configuration, at: now)
      return
    }
    let inner = offset & 0xFFF
    switch UInt32(truncatingIfNeeded: offset & 0x3000) {
    case Region.common: writeCommon(inner, value, width: width, at: now)
    case Region.notify:
      // The place names the queue; the value repeats its number.
      let queue = Int(inner / 4)
      guard queue < queues.count, status & Status.driverOK != 0 else { return }
      notified.setBit(queue, true)
      if dueAt == .never { schedule(at: now) }
    default: break  // No field of the device configuration is for writing.
    }
  }

  private func readISR(at now: VirtualTime) -> UInt8 {
    let value = isr
    isr = 0
    driveINTx(at: now)
    return value
  }

  // MARK: Common configuration

  private var selectedQueue: Virtqueue? {
    Int(queueSelect) < queues.count ? queues[Int(queueSelect)] : nil
  }

  /// A byte of `virtio_pci_common_cfg`: VIRTIO 1.2, "Common configuration structure layout".
  private func commonByte(_ offset: UInt64) -> UInt8 {
    func byte(_ value: UInt64, _ base: UInt64) -> UInt8 {
      UInt8(truncatingIfNeeded: value >> (8 * (offset - base)))
    }
    switch offset {
    case 0x00..<0x04: return byte(UInt64(deviceFeatureSelect), 0x00)
    case 0x04..<0x08:
      return deviceFeatureSelect < 2
        ? byte(offeredFeatures >> UInt64(32 * deviceFeatureSelect) & 0xFFFF_FFFF, 0x04) : 0
    case 0x08..<0x0C: return byte(UInt64(driverFeatureSelect), 0x08)
    case 0x0C..<0x10:
      return driverFeatureSelect < 2
        ? byte(driverFeatures >> UInt64(32 * driverFeatureSelect) & 0xFFFF_FFFF, 0x0C) : 0
    case 0x10..<0x12: return byte(UInt64(configurationVector), 0x10)
    case 0x12..<0x14: return byte(UInt64(queues.count), 0x12)
    case 0x14: return status
    case 0x15: return 0  // The device configuration never changes.
    case 0x16..<0x18: return byte(UInt64(queueSelect), 0x16)
    case 0x18..<0x1A: return byte(UInt64(selectedQueue?.size ?? 0), 0x18)
    case 0x1A..<0x1C: return byte(UInt64(selectedQueue?.vector ?? Virtqueue.noVector), 0x1A)
    case 0x1C..<0x1E: return byte(selectedQueue?.isEnabled == true ? 1 : 0, 0x1C)
    case 0x1E..<0x20: return byte(UInt64(queueSelect), 0x1E)
    case 0x20..<0x28: return byte(selectedQueue?.descriptorArea ?? 0, 0x20)
    case 0x28..<0x30: return byte(selectedQueue?.driverArea ?? 0, 0x28)
    case 0x30..<0x38: return byte(selectedQueue?.deviceArea ?? 0, 0x30)
    default: return 0
    }
  }

  /// Drivers must write each field at its width ("Driver Requirements: PCI Device Layout"), the 64-bit ones
  /// in two halves or whole; other writes do nothing.
  private func writeCommon(_ offset: UInt64, _ value: UInt64, width: Int, at now: VirtualTime) {
    let word = UInt32(truncatingIfNeeded: value)
    switch (offset, width) {
    case (0x00, 4): deviceFeatureSelect = word
    case (0x08, 4): driverFeatureSelect = word
    case (0x0C, 4):
      guard status & Status.featuresOK == 0, driverFeatureSelect < 2 else { return }
      let shift = UInt64(32 * driverFeatureSelect)
      driverFeatures = driverFeatures & ~(0xFFFF_FFFF << shift) | UInt64(word) << shift
    case (0x10, 2): configurationVector = validVector(value)
    case (0x14, 1): writeStatus(UInt8(truncatingIfNeeded: value), at: now)
    case (0x16, 2): queueSelect = UInt16(truncatingIfNeeded: value)
    case (0x18..., _): writeQueue(offset, value, width: width)
    default: break
    }
  }

  /// A vector that does not exist reads back as "no vector".
  private func validVector(_ value: UInt64) -> UInt16 {
    let vector = UInt16(truncatingIfNeeded: value)
    return Int(vector) < msix?.vectors ?? 0 ? vector : Virtqueue.noVector
  }

  private func writeQueue(_ offset: UInt64, _ value: UInt64, width: Int) {
    let index = Int(queueSelect)
    guard index < queues.count else { return }
    if offset == 0x1A && width == 2 {
      queues[index].vector = validVector(value)
      return
    }
    // The geometry of an enabled queue is fixed.
    guard !queues[index].isEnabled else { return }
    switch (offset, width) {
    case (0x18, 2):
      let size = UInt16(truncatingIfNeeded: value)
      if Virtqueue.isValid(size: size) { queues[index].size = size }
    case (0x1C, 2): queues[index].isEnabled = value & 0xFFFF == 1
    case (0x20..<0x28, _): Self.merge(&queues[index].descriptorArea, offset & 7, value, width)
    case (0x28..<0x30, _): Self.merge(&queues[index].driverArea, offset & 7, value, width)
    case (0x30..<0x38, _): Self.merge(&queues[index].deviceArea, offset & 7, value, width)
    default: break
    }
  }

  private static func merge(_ field: inout UInt64, _ offset: UInt64, _ value: UInt64, _ width: Int) {
    switch (offset, width) {
    case (0, 8): field = value
    case (0, 4): field = field & ~0xFFFF_FFFF | value & 0xFFFF_FFFF
    case (4, 4): field = field & 0xFFFF_FFFF | value << 32
    default: break
    }
  }

  private func writeStatus(_ value: UInt8, at now: VirtualTime) {
    if value == 0 { return resetDevice(at: now) }
    var accepted = value & 0x8F
    if accepted & Status.featuresOK != 0 && status & Status.featuresOK == 0 {
      let valid = driverFeatures & ~offeredFeatures == 0 && driverFeatures & Feature.version1 != 0
      if !valid { accepted &= ~Status.featuresOK }
    }
    // The device works only for a driver whose features it took.
    if accepted & Status.featuresOK == 0 { accepted &= ~Status.driverOK }
    status = accepted | status & Status.needsReset
  }

  // MARK: Serving the queues

  private func schedule(at now: VirtualTime) {
    if configuration.isBusMaster { dueAt = now.later(by: Self.notificationTime) }
  }

  package var deadline: VirtualTime { dueAt }

  package func run(at now: VirtualTime) {
    guard dueAt <= now else { return }
    dueAt = .never
    guard configuration.isBusMaster, status & Status.driverOK != 0, status & Status.needsReset == 0 else {
      return
    }
    for index in queues.indices where notified.bit(index) {
      notified.setBit(index, false)
      guard queues[index].isEnabled else { continue }
      do throws(VirtqueueError) {
        try serve(index, at: now)
      } catch {
        return needReset(at: now)
      }
    }
    if notified != 0 { schedule(at: now) }
  }

  private func serve(_ index: Int, at now: VirtualTime) throws(VirtqueueError) {
    let eventIndex = driverFeatures & Feature.eventIndex != 0
    var waiting = try queues[index].waiting(memory)
    for _ in 0..<Self.runLimit where waiting > 0 {
      let chain = try queues[index].pop(memory)
      waiting -= 1
      guard let written = backend.serve(chain, queue: index, features: driverFeatures, memory) else {
        throw .malformed
      }
      try queues[index].push(chain.head, length: written, memory)
    }
    // The rest later; with none left the driver has to notify again.
    if waiting > 0 { notified.setBit(index, true) }
    if eventIndex && waiting == 0 { try queues[index].requestNotification(memory) }
    guard try queues[index].needsInterrupt(eventIndex: eventIndex, memory) else { return }
    signal(isrBit: 0x01, vector: queues[index].vector, at: now)
  }

  /// VIRTIO 1.2, "Device Status Field", DEVICE_NEEDS_RESET: the driver learns it by a configuration change.
  private func needReset(at now: VirtualTime) {
    status |= Status.needsReset
    notified = 0
    signal(isrBit: 0x02, vector: configurationVector, at: now)
  }

  private func signal(isrBit: UInt8, vector: UInt16, at now: VirtualTime) {
    if let enabled = msix?.isEnabled(configuration), enabled {
      if vector != Virtqueue.noVector { msix?.signal(Int(vector), configuration, at: now) }
      return
    }
    isr |= isrBit
    driveINTx(at: now)
  }

  private func driveINTx(at now: VirtualTime) {
    let low = configuration[PCIConfiguration.status]
    configuration.set(byte: PCIConfiguration.status, isr != 0 ? low | 0x08 : low & ~0x08)
    let messages = msix?.isEnabled(configuration) ?? false
    let level = isr != 0 && !configuration.disablesINTx && !messages
    guard level != asserted else { return }
    asserted = level
    irq.set(level, at: now)
  }

  // MARK: Saved state

  package func save(to writer: inout StateWriter) {
    writer.section(name, version: 1) { w in
      configuration.save(to: &w)
      w.write(msix != nil)
      msix?.save(to: &w)
      for byte in [status, isr] { w.write(byte) }
      for word in [deviceFeatureSelect, driverFeatureSelect] { w.write(word) }
      w.write(driverFeatures)
      for half in [configurationVector, queueSelect, notified] { w.write(half) }
      w.write(dueAt)
      w.write(asserted)
      for queue in queues { queue.save(to: &w) }
    }
  }

  package func restore(from reader: inout StateReader) throws(StateError) {
    try reader.section(name, newest: 1) { (r, _) throws(StateError) in
      try configuration.restore(from: &r)
      guard try r.readBool("msix") == (msix != nil) else { throw r.invalid("msix") }
      try msix?.restore(from: &r)
      status = try r.read(UInt8.self) & 0xCF
      isr = try r.read(UInt8.self) & 0x03
      deviceFeatureSelect = try r.read()
      driverFeatureSelect = try r.read()
      driverFeatures = try r.read()
      configurationVector = try r.read()
      queueSelect = try r.read()
      notified = try r.read()
      guard Int(notified) < 1 << queues.count else { throw r.invalid("notified") }
      dueAt = try r.read()
      asserted = try r.readBool("asserted")
      for i in queues.indices { try queues[i].restore(from: &r) }
    }
  }
}

// MARK: For people

extension VirtioPCI {
  package var descriptions: [DeviceDescription] { [description] }

  /// Status, features and queues. What waits in a queue is read from the guest's memory.
  package var description: DeviceDescription {
    var description = DeviceDescription(name)
    backend.describe(into: &description)
    description.add(
      "device_status", status,
      bits: [
        "ACKNOWLEDGE", "DRIVER", "DRIVER_OK", "FEATURES_OK", "", "", "DEVICE_NEEDS_RESET", "FAILED",
      ])
    var names = backend.featureNames
    while names.count < 33 { names.append("") }
    for (bit, name) in [(28, "INDIRECT_DESC"), (29, "EVENT_IDX"), (32, "VERSION_1")] { names[bit] = name }
    description.add("device_feature", offeredFeatures, bits: names)
    description.add("driver_feature", driverFeatures, bits: names)
    description.add("ISR status", isr, bits: ["queue", "configuration"])
    description.add("INTA#", asserted ? "asserted" : "deasserted")
    if let msix { description.add("MSI-X", msix.text(configuration)) }
    description.add("config_msix_vector", Self.text(ofVector: configurationVector))
    description.add("queue_select", "\(queueSelect)")
    for (number, queue) in queues.enumerated() {
      var words = ["\(queue.size) entries", queue.isEnabled ? "enabled" : "disabled"]
      words.append(Self.text(ofVector: queue.vector))
      if notified.bit(number) { words.append("notified") }
      description.add("queue \(number)", words.joined(separator: ", "))
      queue.describe(memory, into: &description)
    }
    return description
  }

  private static func text(ofVector vector: UInt16) -> String {
    vector == Virtqueue.noVector ? "no vector" : "vector \(vector)"
  }
}
