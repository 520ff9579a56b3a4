// The ways out: reset and power-off on a machine without a BIOS.

private func pciRead(_ device: UInt32, _ function: UInt32, _ register: UInt32) -> UInt32 {
  portWrite32(0xCF8, 1 << 31 | device << 11 | function << 8 | register)
  return portRead32(0xCFC)
}

private func pciWrite(_ device: UInt32, _ function: UInt32, _ register: UInt32, _ value: UInt32) {
  portWrite32(0xCF8, 1 << 31 | device << 11 | function << 8 | register)
  portWrite32(0xCFC, value)
}

/// Firmware decides where the power-management ports of the chipset lie; here that is left to us. Port 600h
/// is what PC firmware chooses (Intel 82371AB PIIX4, "PMBA" and "PMREGMISC"; Intel I/O Controller Hub 9,
/// "PMBASE" and "ACPI_CNTL").
private func placePowerManagement() {
  if pciRead(1, 3, 0) == 0x7113_8086 {
    pciWrite(1, 3, 0x40, 0x601)
    pciWrite(1, 3, 0x80, pciRead(1, 3, 0x80) | 1)
  }
  if pciRead(31, 0, 0) == 0x2918_8086 {
    pciWrite(31, 0, 0x40, 0x601)
    pciWrite(31, 0, 0x44, pciRead(31, 0, 0x44) | 0x80)
  }
}

/// PM1_CNT.SLP_EN with sleep type 0, which is soft-off on these chipsets (ACPI, "PM1 Control Registers").
func haltCommand(_ arguments: Arguments) {
  sayLine("turning the machine off")
  Serial.drain()
  placePowerManagement()
  portWrite16(0x604, 0x2000)
  portWrite16(0xB004, 0x2000)
  // The chipset may take a moment.
  let start = readTicks()
  while readTicks() - start < 50 { waitForInterrupt() }
  sayLine("no power-off port answered; the processor is halted")
  haltForever()
}

func rebootCommand(_ arguments: Arguments) {
  sayLine("resetting the machine")
  Serial.drain()
  interruptsOff()
  portWrite8(0x64, 0xFE)  // 8042: pulse the reset line
  for _ in 0..<1000 { _ = portRead8(0x64) }
  portWrite8(0xCF9, 0x02)
  portWrite8(0xCF9, 0x06)  // reset control register: hard reset
  shutDownProcessor()
  haltForever()
}
