import Foundation
import Testing
import apus

/// Disk images through the built-in BIOS, and the printer and the speaker of the machine.
@Suite struct FirmwareProcessTests {
  private let scratch = Scratch()

  /// A floppy disk of 1.44 MB that begins with an image of testroms/bios.
  private func floppy(_ image: String) throws -> String {
    let bytes = try RepositoryFile.bytes("testroms/bios/\(image).img")
    return scratch.file("\(image).img", bytes + [UInt8](repeating: 0, count: 1_474_560 - bytes.count))
  }

  private func flat(_ code: [UInt8]) -> [String] {
    ["--memory", "4M", "--debug-exit", "--flat", "\(scratch.file("guest.bin", code)),at=0x7c00"]
  }

  /// `mov al, value; mov dx, port; out dx, al`
  private func out(_ port: UInt16, _ value: UInt8) -> [UInt8] {
    [0xB0, value, 0xBA, UInt8(port & 0xFF), UInt8(port >> 8), 0xEE]
  }

  /// What INT 16h gives for keys, against what it gave under QEMU.
  @Test func keysAreWhatTheyAreUnderQEMU() throws {
    let keys = [
      "a", "Shift+a", "Ctrl+c", "Alt+x", "F1", "Shift+F12", "Up", "Ctrl+Home", "kp7", "CapsLock", "q",
      "NumLock",
      "kp7", "Enter", "Esc",
    ]
    let steps = ["sleep 2"] + keys.flatMap { ["press \($0)", "sleep 0.1"] }
    let script = scratch.file("s", Array(steps.joined(separator: "\n").utf8))
    let result = Child.run([
      try floppy("keys"), "--debug-exit", "--debugcon", "stdio", "--serial", "none", "--script", script,
    ])
    #expect(result.status == 1, "\(result.errors)")
    let expected = try String(decoding: RepositoryFile.bytes("testroms/bios/keys.txt"), as: UTF8.self)
    #expect(result.output == expected)
  }

  /// Packets of the mouse by INT 15h C2h between keys by INT 16h. QEMU's mouse reports 127 counts at most at a time
  /// and takes a wheel's turn away from the user for a positive one.
  @Test func theMouseIsWhatItIsUnderQEMU() throws {
    let steps = [
      "wait serial ready 10", "press a", "sleep 0.1", "press F12", "sleep 0.1", "press Up", "sleep 0.1",
      "mouse 10 5", "sleep 0.1", "mouse -300 20", "sleep 0.1", "mouse 0 0 -1", "sleep 0.1", "mouse 0 0 0 1",
      "sleep 0.1", "mouse 0 0", "sleep 0.1", "press Tab", "sleep 0.1", "press Up", "sleep 0.1", "press F12",
      "sleep 0.1", "press Esc", "wait serial end 5", "exit 0",
    ]
    let result = Child.run([
      scratch.file("input.img", try RepositoryFile.bytes("testroms/bios/input.img")), "--debugcon",
      "file:\(scratch.path)/console", "--script",
      scratch.file("s", Array(steps.joined(separator: "\n").utf8)),
    ])
    #expect(result.status == 0, "\(result.errors)")
    func lines(_ bytes: [UInt8]) -> [String] {
      String(decoding: bytes, as: UTF8.self).split { $0.isNewline }.map(String.init)
    }
    let expected = lines(try RepositoryFile.bytes("testroms/bios/input.txt"))
    let found = lines(Scratch.read(scratch.path + "/console"))
    #expect(
      found.filter { !$0.hasPrefix("mouse +") && !$0.hasPrefix("mouse -") }
        == expected.filter { !$0.hasPrefix("mouse +") && !$0.hasPrefix("mouse -") })
    #expect(
      found.filter { $0.hasPrefix("mouse +") || $0.hasPrefix("mouse -") } == [
        "mouse +10 -5 wheel +0 buttons 0", "mouse -255 -20 wheel +0 buttons 0",
        "mouse -45 +0 wheel +0 buttons 0",
        "mouse +0 +0 wheel -1 buttons 0", "mouse +0 +0 wheel +0 buttons 1", "mouse +0 +0 wheel +0 buttons 0",
      ])
  }

  @Test func theScreenShowsWhatTheBIOSSays() throws {
    let blank = scratch.file("blank.img", [UInt8](repeating: 0, count: 1 << 20))
    let script = scratch.file("s", Array("wait screen \"No bootable device\" 10\nexit 0\n".utf8))
    let result = Child.run(["--hda", blank, "--script", script, "--screen-text"])
    #expect(result.status == 0 && result.output.contains("Apus BIOS"), "\(result.output) \(result.errors)")
    // The only image, which was meant to be booted.
    let alone = Child.run([blank])
    #expect(alone.status == 3 && alone.errors.contains("boot signature at offset 0x1fe"))
  }

  /// F12, a key that chooses nothing, and a floppy drive without a disk: as under QEMU.
  @Test func theBootMenuIsThatUnderQEMU() throws {
    let steps =
      "wait screen F12 5\npress F12\nsleep 0.5\npress 7\nsleep 0.5\npress 1\nwait screen \"try again\" 20\nexit 0"
    let console = scratch.path + "/console"
    let menu = Child.run([
      "--hda", scratch.file("empty.img", [UInt8](repeating: 0, count: 1 << 20)), "--cdrom",
      scratch.file("cd.img", try RepositoryFile.bytes("testroms/bios/torito.img")), "-boot", "menu=on",
      "--debugcon",
      "file:\(console)", "--script", scratch.file("s", Array(steps.utf8)),
    ])
    #expect(menu.status == 0, "\(menu.errors)")
    #expect(Scratch.read(console) == (try RepositoryFile.bytes("testroms/bios/boot-menu.txt")))
  }

  /// Every video mode and trick, against the recorded pictures, of which QEMU shows the same but for what it does
  /// not do (testroms/README.md).
  @Test func picturesAreWhatTheyShouldBe() throws {
    let steps = try String(decoding: RepositoryFile.bytes("testroms/bios/video.script"), as: UTF8.self)
      .replacingOccurrences(of: "\nscreenshot ", with: "\nscreenshot \(scratch.path)/")
    let image = scratch.file("video.img", try RepositoryFile.bytes("testroms/bios/video.img"))
    let result = Child.run([image, "--script", scratch.file("s", Array(steps.utf8))], seconds: 120)
    #expect(result.status == 0, "\(result.errors)")
    var expected: [String: [String]] = [:]
    for line in try String(decoding: RepositoryFile.bytes("testroms/bios/video.txt"), as: UTF8.self).split(
      separator: "\n")
    {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      // Two lines of a name are two phases of blinking.
      expected[words[0], default: []].append(words[1])
    }
    #expect(expected.count == 45)
    for (name, pictures) in expected.sorted(by: { $0.key < $1.key }) {
      let picture = try #require(PNGTests.decode(Scratch.read("\(scratch.path)/\(name).png")), "\(name)")
      let bytes = picture.pixels.flatMap { color in [16, 8, 0].map { UInt8(truncatingIfNeeded: color >> $0) }
      }
      let checksum = String(Checksum.crc32(bytes), radix: 16, uppercase: true)
      let padding = String(repeating: "0", count: 8 - checksum.count)
      let found = "\(picture.width)x\(picture.height) \(padding)\(checksum)"
      #expect(pictures.contains(found), "\(name): \(found)")
    }
  }

  @Test func theSameRunEachTime() throws {
    let words = [try floppy("services"), "--debug-exit", "--state-hash", "--success-code", "1"]
    let first = Child.run(words)
    #expect(first.status == 0 && first.errors.hasPrefix("state-hash: "), "\(first.errors)")
    #expect(Child.run(words).errors == first.errors)
  }

  @Test func thePrinterPrints() {
    // Data, then STROBE on and off; BUSY takes a microsecond.
    let code = "Print\n".utf8.flatMap { byte in
      out(0x378, byte) + out(0x37A, 0x0D) + out(0x37A, 0x0C) + [UInt8](repeating: 0x90, count: 3000)
    }
    let file = scratch.path + "/print"
    let result = Child.run(flat(code + out(0xF4, 0)) + ["-parallel", "file:\(file)"])
    #expect(result.status == 1, "\(result.errors)")
    #expect(String(decoding: Scratch.read(file), as: UTF8.self) == "Print\n")
    #expect(Child.run(flat(code) + ["-parallel", "file:/nonexistent/print"]).status == 3)
  }

  /// A tone of 1193182 / 1193 Hz for a tenth of a second: counter 2 in mode 3, then `mov ecx, 100000000; loop $`.
  @Test func theSpeakerIsRecorded() {
    let code =
      out(0x43, 0xB6) + out(0x42, 0xA9) + out(0x42, 0x04) + out(0x61, 3)
      + [0x66, 0xB9, 0x00, 0xE1, 0xF5, 0x05, 0x67, 0xE2, 0xFD] + out(0x61, 0) + out(0xF4, 0)
    let file = scratch.path + "/beep.wav"
    let result = Child.run(flat(code) + ["--speaker", file])
    #expect(result.status == 1, "\(result.errors)")
    let bytes = Scratch.read(file)
    func integer(_ offset: Int, _ size: Int) -> Int {
      bytes[offset..<offset + size].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    #expect(bytes.count > 44 && bytes.starts(with: Array("RIFF".utf8)))
    guard bytes.count > 44 else { return }
    #expect(integer(4, 4) == bytes.count - 8 && integer(40, 4) == bytes.count - 44)
    #expect(integer(20, 2) == 1 && integer(22, 2) == 1 && integer(24, 4) == 44_100 && integer(34, 2) == 16)
    // 100 million instructions of a nanosecond each.
    let samples = stride(from: 44, to: bytes.count - 1, by: 2).map {
      Int16(truncatingIfNeeded: integer($0, 2))
    }
    #expect((4400...4420).contains(samples.count))
    let rises = zip(samples, samples.dropFirst()).count { $0 < 0 && $1 >= 0 }
    #expect((97...101).contains(rises))
  }
}
