import ApusBase
import ApusCPU
import ApusDevices

extension Machine {
  /// What is in the chips, for people. Looking changes nothing.
  package var deviceDescriptions: [DeviceDescription] { board.descriptions(at: processor.now) }
}

extension Board {
  /// What is in the chips at `now`, for people: interrupts and time, what is at fixed ports, and then the PCI bus with
  /// its functions.
  package func descriptions(at now: VirtualTime) -> [DeviceDescription] {
    var descriptions = [
      pic.description,
      localAPIC.description(at: now),
      ioAPIC.description,
      pit.description(at: now),
      hpet.description(at: now),
      rtc.description,
      power.description(at: now),
      portA.description,
      coprocessorError.description,
      keyboard.description,
      keyboard.keyboard.description,
      keyboard.mouse.description,
    ]
    descriptions += serial.map { $0.description }
    descriptions += [parallel.description, dma.description, floppy.description, postCode.description]
    if hasDebugExit { descriptions.append(debugExit.description) }
    if let firmware { descriptions.append(firmware.description) }
    return descriptions + pci.descriptions
  }
}
