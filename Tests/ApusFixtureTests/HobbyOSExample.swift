import ApusFixture
import Testing

/// Runs a test; if it fails, attaches the run as a file for `apus replay`.
func recorded(_ machine: GuestFixture, _ test: () throws -> Void) throws {
  do { try test() } catch {
    Attachment.record(machine.bundle(), named: "failed.run")
    throw error
  }
}

@Suite struct BootTests {
  /// A boot sector that shows what the BIOS says of each key.
  @Test func theBootSectorSeesKeys() throws {
    let machine = try GuestFixture(GuestConfiguration(disk: "testroms/bios/keys.img"))
    try recorded(machine) {
      try machine.waitForScreen("keys", within: 10)
      try machine.press("Ctrl+c")
      try machine.waitForScreen("2E03", within: 1)
      try machine.type("<Esc>")
      let end = try machine.waitForEnd(within: 1)
      try #require(end == .debugExit(0))
    }
  }

  /// A 64-bit kernel with a shell on the first serial port.
  @Test func theShellSurvivesFaults() throws {
    var system = GuestConfiguration(.firmware(try GuestFile("testroms/teaching/teaching.rom")))
    system.memorySize = 16 << 20
    let machine = try GuestFixture(system)
    try recorded(machine) {
      try machine.waitForSerial("apus> ", within: 10)
      try #require(machine.registers.cr0 & 1 << 31 != 0, "paging is on")
      try #require(machine.read(linear: 0, as: UInt8.self) == nil, "the null pointer leads nowhere")
      let booted = try machine.snapshot()
      for fault in ["de", "ud", "pf-read", "user-hlt"] {
        try machine.restore(booted)
        try machine.send("fault \(fault)\n")
        let said = try machine.waitForSerial("apus> ", within: 1)
        try #require(!said.contains("unknown"), "\(said)")
      }
      try machine.send("halt\n")
      try #require(machine.waitForEnd(within: 1) == .poweredOff)
    }
  }
}
