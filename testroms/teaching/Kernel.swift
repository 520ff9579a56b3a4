// 64-bit entry: the machine step by step, then the shell.

/// Called by reset.S on the kernel's stack, interrupts off, everything mapped to itself.
@c(kernel_main)
public func kernelMain() {
  sayLine("[long]      64-bit code in RAM at 1 MiB, written in Embedded Swift")
  MemoryMap.detect()
  say("[memory]    ")
  saySize(MemoryMap.usableBytes)
  sayLine(" of RAM found through CMOS")
  Paging.build()
  say("[tables]    own page tables: ")
  sayDecimal(UInt64(Paging.tableCount))
  sayLine(" of them, 4 KiB and 2 MiB pages; text read-only, data no-execute")
  Descriptors.load()
  sayLine("[segments]  GDT, TSS with interrupt stacks, IDT loaded")
  LocalAPIC.initialise()
  PIC.initialise()
  PIT.initialise()
  Serial.enableReceiveInterrupt()
  interruptsOn()
  while readTicks() == 0 { waitForInterrupt() }
  sayLine("[timer]     8259A pair at vectors 20h-2Fh; 8254 at 100 Hz; the first tick has come")
  sayLine("\r\nType help for the list of commands.\r\n")
  Shell.run()
}
