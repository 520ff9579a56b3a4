// The assembly routines of machine.S, faults.S and bench.S, by their Swift names.

@_extern(c, "port_read8") func portRead8(_ port: UInt16) -> UInt8
@_extern(c, "port_write8") func portWrite8(_ port: UInt16, _ value: UInt8)
@_extern(c, "port_write16") func portWrite16(_ port: UInt16, _ value: UInt16)
@_extern(c, "port_read32") func portRead32(_ port: UInt16) -> UInt32
@_extern(c, "port_write32") func portWrite32(_ port: UInt16, _ value: UInt32)

@_extern(c, "cpu_id") func cpuID(_ leaf: UInt32, _ subleaf: UInt32, _ result: UnsafeMutablePointer<UInt32>)
@_extern(c, "read_msr") func readMSR(_ index: UInt32) -> UInt64
@_extern(c, "write_msr") func writeMSR(_ index: UInt32, _ value: UInt64)
@_extern(c, "read_cr0") func readCR0() -> UInt64
@_extern(c, "write_cr0") func writeCR0(_ value: UInt64)
@_extern(c, "read_cr2") func readCR2() -> UInt64
@_extern(c, "write_cr2") func writeCR2(_ value: UInt64)
@_extern(c, "read_cr3") func readCR3() -> UInt64
@_extern(c, "write_cr3") func writeCR3(_ value: UInt64)
@_extern(c, "read_cr4") func readCR4() -> UInt64
@_extern(c, "write_cr4") func writeCR4(_ value: UInt64)
@_extern(c, "read_dr6") func readDR6() -> UInt64
@_extern(c, "write_dr6") func writeDR6(_ value: UInt64)
@_extern(c, "write_dr7") func writeDR7(_ value: UInt64)
@_extern(c, "load_tables")
func loadTables(_ gdt: UnsafeRawPointer, _ idt: UnsafeRawPointer)

@_extern(c, "interrupts_off") func interruptsOff()
@_extern(c, "interrupts_on") func interruptsOn()
@_extern(c, "wait_for_interrupt") func waitForInterrupt()
@_extern(c, "halt_forever") func haltProcessor()
@_extern(c, "triple_fault") func shutDownProcessor()
@_extern(c, "read_ticks") func readTicks() -> UInt64
@_extern(c, "count_tick") func countTick()
@_extern(c, "capture_registers") func captureRegisters(_ values: UnsafeMutablePointer<UInt64>)
@_extern(c, "capture_selectors") func captureSelectors(_ values: UnsafeMutablePointer<UInt64>)
@_extern(c, "capture_table_registers") func captureTableRegisters(_ values: UnsafeMutableRawPointer)

@_extern(c, "probe") func probe(_ piece: Int)
@_extern(c, "probe_culprit") func probeCulprit(_ piece: Int) -> UInt64
@_extern(c, "read_probe_stack") func readProbeStack() -> UInt64

@_extern(c, "loop_integer") func loopInteger(_ rounds: UInt64)
@_extern(c, "loop_memory") func loopMemory(_ rounds: UInt64, _ buffer: UnsafeMutableRawPointer)
@_extern(c, "loop_call") func loopCall(_ rounds: UInt64)
@_extern(c, "loop_branch") func loopBranch(_ rounds: UInt64)
@_extern(c, "loop_string")
func loopString(_ rounds: UInt64, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer)

@_extern(c, "layout") private func layout(_ index: Int) -> UInt64

/// Linear addresses (equal to the physical ones) that the linker script or machine.S decided.
enum Layout: Int {
  case kernelStart, userTextStart, textEnd, rodataEnd, kernelEnd, bssEnd
  case stackGuard, stackTop, stackRing0Top, stackDoubleFaultTop, stackDebugTop
  case userData, interruptEntries, probeRecover

  var linear: UInt64 { layout(rawValue) }
}

func haltForever() -> Never {
  while true { haltProcessor() }
}

/// A pointer to a linear address that the kernel's page tables map.
func pointer(_ linear: UInt64) -> UnsafeMutableRawPointer {
  guard let result = UnsafeMutableRawPointer(bitPattern: UInt(linear)) else {
    stop("a null pointer was asked for")
  }
  return result
}
