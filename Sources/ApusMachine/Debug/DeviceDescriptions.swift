import ApusBase
import ApusCPU
import ApusDevices

extension Machine {
  /// What is in the chips that interrupts, time and characters come from, for people. Looking changes nothing.
  package var deviceDescriptions: [DeviceDescription] {
    let now = processor.now
    return [board.pic.description, board.localAPIC.description(at: now), board.ioAPIC.description]
      + [board.pit.description(at: now), board.rtc.description] + board.serial.map { $0.description }
  }
}
