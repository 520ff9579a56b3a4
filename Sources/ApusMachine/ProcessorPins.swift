import ApusBase
import ApusCPU
import ApusDevices

/// The processor's pins, and the board's reset and power logic. Interrupt pins act at once; what would pull
/// the rug from under the device that asks for it is only noted, and the board acts on it after the access.
package final class ProcessorPins: LineSink {
  package enum Pin: Int {
    /// Level.
    case INTR
    /// Each rising edge counts, as for the four after it.
    case NMI
    /// System management interrupt.
    case SMI
    /// INIT from the local APIC.
    case INIT
    /// Reset of the whole machine.
    case reset
    /// Level: the A20 gate as the last device to write it has it.
    case A20
    /// Level: soft off.
    case powerOff
    /// Edge: the debug exit device has a value.
    case debugExit
    /// Edge: firmware is done, and the kernel may start.
    case kernelBoot
  }

  /// What is asked of the board since it last looked.
  package struct Requests {
    package var reset = false
    package var initialization = false
    package var powerOff = false
    package var debugExit = false
    package var kernelBoot = false
  }

  /// Set by the board once there is one.
  package var processor: Processor?
  package private(set) var requests = Requests()
  /// The A20 gate: open from power-on, as firmware leaves it; the last write of port 92h or the 8042 counts,
  /// as in QEMU.
  package private(set) var isA20Open = true

  /// Pins without a processor.
  package init() {}

  /// The wire to a pin.
  package func line(_ pin: Pin) -> Line { Line(self, pin.rawValue) }

  /// Departs from hardware: there is no system management mode, so SMI# does nothing.
  package func setLine(_ input: Int, level: Bool, at now: VirtualTime) {
    guard let pin = Pin(rawValue: input) else { return }
    switch pin {
    case .INTR: processor?.setInterruptLine(level)
    case .NMI: if level { processor?.raiseNMI() }
    case .SMI: break
    case .INIT: if level { ask { $0.initialization = true } }
    case .reset: if level { ask { $0.reset = true } }
    case .powerOff: if level { ask { $0.powerOff = true } }
    case .debugExit: if level { ask { $0.debugExit = true } }
    case .kernelBoot: if level { ask { $0.kernelBoot = true } }
    case .A20:
      isA20Open = level
      processor?.setA20(level)
    }
  }

  private func ask(_ change: (inout Requests) -> Void) {
    change(&requests)
    processor?.requestAttention()
  }

  /// Writes its state as fields of the caller's section.
  func save(to writer: inout StateWriter) {
    writer.write(isA20Open)
    for request in [
      requests.reset, requests.initialization, requests.powerOff, requests.debugExit, requests.kernelBoot,
    ] { writer.write(request) }
  }

  /// The inverse of `save`. The processor knows its own end of the wires.
  func restore(from reader: inout StateReader) throws(StateError) {
    isA20Open = try reader.readBool("A20")
    requests.reset = try reader.readBool("reset")
    requests.initialization = try reader.readBool("INIT")
    requests.powerOff = try reader.readBool("power off")
    requests.debugExit = try reader.readBool("debug exit")
    requests.kernelBoot = try reader.readBool("kernel start")
  }

  /// What was asked for, which is then forgotten.
  package func takeRequests() -> Requests {
    let taken = requests
    requests = Requests()
    return taken
  }
}
