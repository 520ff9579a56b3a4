import ApusCPU
import ApusMachine
import Testing
import apus

@Suite struct OptionParserTests {
  private func parse(_ words: String...) throws -> Options { try OptionParser.parse(words) }

  private func refusal(_ words: [String]) -> String? {
    do {
      _ = try OptionParser.parse(words)
      return nil
    } catch {
      return error.code == .usage && !error.message.contains("\n") ? error.message : nil
    }
  }

  @Test func nothingMeansTheBuiltInGuestOnTheTerminal() throws {
    let options = try parse()
    #expect(options.kernel == nil && options.image == nil && options.drives.isEmpty)
    #expect(options.serial == [.stdio(escapes: false)])
    #expect(options.memorySize == 256 << 20)
    #expect(options.startDate == .fixed(1_767_225_600))
    #expect(try parse("run") == options)
  }

  @Test(arguments: ["--kernel", "-kernel"])
  func oneDashOrTwo(_ name: String) throws {
    #expect(try parse(name, "bzImage").kernel == "bzImage")
    #expect(try parse("\(name)=bzImage").kernel == "bzImage")
    #expect(try parse("run", name, "-odd").kernel == "-odd")
  }

  @Test func everyGNUOption() throws {
    let options = try parse(
      "--kernel", "k", "--initrd", "i", "--module", "m a b", "--append", "console=ttyS0 -- x", "--memory",
      "1G",
      "--drive", "file=d,format=raw,if=virtio,readonly=on", "--serial", "file:log", "--serial", "stdio",
      "--limit-instructions", "5M", "--limit-seconds", "1.5", "--exit-on", "login:", "--state-hash",
      "--stats",
      "--rtc", "2000-01-01", "--raw-console", "--success-code", "33", "--no-reboot", "--debugcon", "stdio",
      "--cpu", "qemu64")
    #expect(options.kernel == "k" && options.initrd == "i" && options.modules == ["m a b"])
    #expect(options.commandLine == "console=ttyS0 -- x")
    #expect(options.memorySize == 1 << 30)
    #expect(options.drives.count == 1)
    #expect(options.drives[0].path == "d" && options.drives[0].interface == .virtio)
    #expect(options.drives[0].isReadOnly && options.drives[0].isExplicitlyRaw)
    #expect(options.serial == [.file("log"), .stdio(escapes: false)])
    #expect(options.limitInstructions == 5_000_000 && options.limitTime == 1_500_000_000)
    #expect(options.exitOn == "login:" && options.stateHash && options.stats && options.rawConsole)
    #expect(options.startDate == .fixed(946_684_800))
    #expect(options.successCode == 33 && options.debugExitPorts == 0xF4...0xF7 && options.noReboot)
    #expect(options.debugConsole == .stdio(escapes: false))
    #expect(options.cpuModel == .x86_64 && options.notices.isEmpty)
  }

  /// The command line of a typical hobby kernel's Makefile.
  @Test func everyQEMUSpelling() throws {
    let line = """
      -kernel k -initrd i -append quiet -m 512 -smp 1 -nographic -display none -serial mon:stdio -no-reboot \
      -cpu max -device isa-debug-exit,iobase=0xf4,iosize=0x4 -nic none -net none -monitor none -accel tcg \
      -machine pc,accel=tcg,usb=off -M q35 -rtc base=2020-02-02T02:02:02,clock=vm -parallel none -vga none \
      -boot c -boot order=c -no-user-config -name guest -nodefaults -icount shift=auto -d int,cpu_reset -D log \
      -L /usr/share -hda a,b -hdd d -action reboot=shutdown -drive file=v,if=virtio,cache=none,aio=native,media=disk
      """
    let options = try OptionParser.parse(line.split(separator: " ").map(String.init))
    #expect(options.memorySize == 512 << 20)
    #expect(options.serial == [.stdio(escapes: true)])
    #expect(options.debugExitPorts == 0xF4...0xF7 && options.noReboot)
    #expect(options.startDate == .fixed(1_580_608_922))
    #expect(options.drives.map(\.path) == ["a,b", "d", "v"])
    #expect(options.drives.map(\.index) == [0, 3, 0])
    #expect(options.notices.count == 4, "one each for q35, -d, -D and -L: \(options.notices)")
  }

  @Test(arguments: [
    ["-enable-kvm"], ["-accel", "kvm"], ["-accel", "hvf"], ["--accel=whpx"],
    ["-machine", "pc,accel=kvm:tcg"],
    ["-M", "accel=kvm"], ["-enable-kvm", "-accel", "kvm", "-accel", "tcg,thread=single"],
  ])
  func accelerationIsNoticedOnce(_ words: [String]) throws {
    let notices = try OptionParser.parse(words).notices
    #expect(notices.count == 1)
    #expect(notices[0].contains("software") && notices[0].hasPrefix("-"))
  }

  @Test func driveForms() throws {
    let options = try parse(
      "-drive", "file=a,,b.img,if=none,id=x", "-device", "virtio-blk-pci,drive=x", "-drive",
      "file=c,index=1,if=ide", "-hda", "first", "--drive", "file=e,cache=writethrough")
    #expect(options.drives.map(\.path) == ["first", "c", "e", "a,b.img"])
    #expect(options.drives.map(\.interface) == [.ide, .ide, .ide, .virtio])
    #expect(options.drives.map(\.index) == [0, 1, 2, 0])
    #expect(options.drives.map(\.writesThrough) == [false, false, true, false])
  }

  /// The defaults are those of QEMU's hw/misc/debugexit.c, as `-device isa-debug-exit,help` shows them.
  @Test func debugExitPorts() throws {
    #expect(try parse("-device", "isa-debug-exit").debugExitPorts == 0x501...0x502)
    #expect(try parse("-device", "isa-debug-exit,iobase=0xfffe,iosize=2").debugExitPorts == 0xFFFE...0xFFFF)
    let both = try parse("-device", "isa-debug-exit,iobase=0x600,iosize=1", "--success-code", "33")
    #expect(both.debugExitPorts == 0x600...0x600)
    #expect(try parse("--success-code", "33").debugExitPorts == 0xF4...0xF7)
  }

  @Test func serialForms() throws {
    #expect(try parse("-nodefaults").serial == [.none])
    #expect(try parse("-serial", "none").serial == [.none])
    #expect(try parse("-serial", "null", "-serial", "mon:stdio").serial == [.null, .stdio(escapes: true)])
    #expect(try parse("-serial", "file:a,b").serial == [.file("a,b")])
  }

  @Test func imageAndEndOfOptions() throws {
    #expect(try parse("disk.img", "-m", "1G").image == "disk.img")
    #expect(try parse("run", "run").image == "run")
    #expect(try parse("--", "-odd").image == "-odd")
    #expect(try parse("--flat", "a,,b,at=0x7c00").flat == Options.Flat(path: "a,b", physical: 0x7C00))
  }

  @Test func screenForms() throws {
    #expect(try parse().display == .automatic && parse("-nographic").display == .serial)
    #expect(
      try parse("-display", "none").display == .serial && parse("-display", "curses").display == .terminal)
    #expect(try parse("-curses").display == .terminal && parse("--display=terminal").display == .terminal)
    #expect(try parse("-vga", "std", "-k", "en-us").hasVGA == true && parse("-vga", "none").hasVGA == false)
    let options = try parse(
      "--screenshot", "a.png", "--screen-text", "--type", "ab", "--type", "<F12>", "--script", "s", "--vnc",
      ":3",
      "--vnc-password-file", "p")
    #expect(options.screenshot == "a.png" && options.showsScreenText && options.script == "s")
    #expect(options.typed == ["a", "b", "F12"].compactMap { Chord($0) })
    #expect(options.vnc == VNCAddress("127.0.0.1:5903") && options.vncPasswordFile == "p")
    #expect(options.notices.isEmpty)
    #expect(try parse("-display", "vnc=:1").vnc == VNCAddress(":1") && parse("-vnc", "none").vnc == nil)
    #expect(try parse("-vnc", "0.0.0.0:0").notices.count == 1)
    for words in [["--screenshot", "a"], ["--screen-text"], ["-curses"], ["-vnc", ":0"]] {
      #expect(try OptionParser.parse(words).screenUser != nil)
    }
    #expect(try parse("--type", "a", "--script", "s").screenUser == nil)
  }

  @Test func cpuModels() throws {
    #expect(try parse("--cpu", "486").cpuModel == .i486)
    #expect(try parse("--cpu", "x86-64-v3").cpuModel == .x86_64_v3)
    #expect(try parse("--cpu", "max,vendor=intel").cpuModel.vendor == .intel)
    // What needs a feature goes with it, and comes with what it needs.
    let bare = try parse("--cpu", "max,-avx").cpuModel.features
    #expect(!bare.contains(.avx2) && !bare.contains(.fma) && bare.contains(.sse4_2))
    let more = try parse("--cpu", "x86-64,+avx2,sse4.1=on,lm=on").cpuModel.features
    #expect(more.contains(.avx) && more.contains(.xsave) && more.contains(.sse4_2))
    #expect(try !parse("--cpu", "x86-64,nx=off").cpuModel.features.contains(.nx))
  }

  @Test func cpuModelsOfQEMU() throws {
    let options = try parse("-cpu", "Haswell-noTSX,+avx2,-x2apic,pdpe1gb=on,+vmx")
    #expect(options.notices.contains { $0.contains("Haswell-noTSX") && $0.contains("x86-64-v3") })
    #expect(options.notices.contains { $0.hasSuffix("without effect: +vmx") })
    #expect(options.cpuModel.features.contains(.avx2) && options.cpuModel.features.contains(.pdpe1gb))
    #expect(!options.cpuModel.features.contains(.x2apic))
  }

  @Test(arguments: ["", "386", "max,vendor=via", "max,avx=maybe", "vendor=amd"])
  func badCPUModels(_ text: String) {
    #expect(throws: Failure.self) { try parse("--cpu", text) }
  }

  @Test func helpAndVersionNeedNothingElseToBeRight() throws {
    for word in ["--help", "-help", "-h"] { #expect(try parse(word, "--nonsense").action == .help) }
    #expect(try parse("-version").action == .version)
  }

  /// Every refusal is a usage error of one line that starts with the option as it was spelt.
  @Test(arguments: [
    ["--nonsense"], ["-nonsense=1"], ["---kernel", "k"], ["--kernel"], ["--kernel", ""], ["-initrd="],
    ["--profile-rows", "0"], ["--profile-rows", "many"], ["--profile=3"],
    ["--stats=1"], ["--memory", "x"], ["-m", "0"], ["-m", "65G"], ["-m", "99999999999999999999T"],
    ["-m", "512K"],
    ["-m", "1048577K"], ["-m", "1G,slots=2"], ["-m"], ["-m", ""], ["-smp", "2"], ["-smp", "cores=2"],
    ["-smp", "1,maxcpus=4"], ["-smp", "0"], ["-smp", "x"], ["-smp", "1,x=1"], ["-cpu", ""],
    ["-cpu", "banana"],
    ["-cpu", "+avx"], ["-cpu", "Haswell-vx"], ["-machine", "microvm"], ["-machine", "pc,foo=bar"],
    ["-accel", "cuda"], ["-accel", ""], ["-rtc", "yesterday"], ["-rtc", "base=2026-02-30"], ["-rtc", "x=1"],
    ["-device", "e1000"], ["-device", "isa-debug-exit,iobase=0xffff"],
    ["-device", "isa-debug-exit,iosize=0"],
    ["-device", "isa-debug-exit,iobase=0xf4,iosize=8"], ["-device", "isa-debug-exit,iobase=x"],
    ["-device", "isa-debug-exit,foo=1"], ["-device", "virtio-blk-pci"],
    ["-device", "virtio-blk-pci,drive=none"],
    ["-drive", "format=raw"], ["-drive", "file="], ["-drive", "file=a,format=qcow2"],
    ["-drive", "file=a,if=scsi"],
    ["-drive", "file=a,readonly=maybe"], ["-drive", "file=a,index=4"], ["-drive", "file=a,index=x"],
    ["-drive", "file=a,media=tape"], ["-drive", "file=a,snapshot=maybe"], ["-drive", "a"],
    ["-drive", "file=a,if=none"],
    ["-drive", "file=a,nonsense=1"], ["-hda", ""], ["-serial", "pty"], ["-serial", "tcp::4444"],
    ["-serial", "file:"], ["-monitor", "stdio"], ["-display", "gtk"], ["-display", ""],
    ["-display", "vnc=x"], ["-vga", "cirrus"], ["-net", "user"],
    ["-nic", "user"], ["-netdev", "user,id=n"], ["-boot", "x"], ["-boot", "order="], ["-boot", "cccc"],
    ["-boot", "menu=maybe"], ["-parallel", "tcp::1"], ["-pflash", ""], ["--speaker", ""],
    ["-drive", "file=a,if=pflash,unit=1"], ["-cdrom", ""], ["-fda", ""], ["-S"], ["--gdb", "tcp::"],
    ["--gdb", "unix:"], ["--gdb", ":70000"], ["--gdb", "0"], ["--trace", "everything"], ["--trace", ""],
    ["--trace-file", "f"], ["--trace-format", "xml"], ["--trace-range", "5"], ["--trace-range", "9-5"],
    ["--trace-last", "0"], ["--trace-from", "x"], ["--symbols", ""],
    ["-snapshot"], ["-usb"],
    ["-vnc", "0"], ["-vnc", ":x"], ["--vnc", ":0,password=on"], ["-vnc"], ["-k", "de"], ["-k", ""],
    ["-spice", "x"], ["-sdl"], ["--screenshot", ""], ["--screen-text=1"], ["--type", "<F99>"],
    ["--type", "é"],
    ["--type", "\\"], ["--script", ""], ["--vnc-password-file", ""],
    ["-daemonize"], ["-no-shutdown"], ["-action", "panic=pause"], ["--limit-instructions", "0"],
    ["--limit-instructions", "-5"], ["--limit-instructions", "99999999999999999999"],
    ["--limit-seconds", "0"],
    ["--limit-seconds", "soon"], ["--limit-seconds", "1e9"], ["--exit-on", ""], ["--panic-on", ""],
    ["--success-code", "256"],
    ["--success-code", "x"], ["--flat", "a"], ["--flat", "a,at=x"], ["--flat", "a,at=1,b=2"],
    ["--flat", ",at=0"],
  ])
  func refusals(_ words: [String]) {
    let message = refusal(words)
    let option = words[0].split(separator: "=")[0]
    #expect(message?.hasPrefix("\(option): ") == true, "\(words): \(message ?? "accepted")")
  }

  @Test(arguments: [
    ["a", "b"], ["--kernel", "k", "disk"], ["--initrd", "i"], ["--append", "x"], ["--module", "m"], [""],
    ["-hda", "a", "-drive", "file=b,index=0"], ["-serial", "stdio", "-serial", "stdio"],
    ["-serial", "null", "-serial", "null", "-serial", "null", "-serial", "null", "-serial", "null"],
    ["-vga", "none", "-display", "terminal"], ["--screenshot", "a.png", "-vga", "none"],
    ["-vga", "none", "--vnc", ":0"],
    ["-vga", "none", "--screen-text"], ["--vnc-password-file", "f"],
    ["-drive", "file=a,id=x,if=none", "-drive", "file=b,id=x,if=none"],
    ["-drive", "file=a,id=x", "-device", "ide-hd,drive=x"],
    ["-drive", "file=1", "-drive", "file=2", "-drive", "file=3", "-drive", "file=4", "-drive", "file=5"],
  ])
  func contradictions(_ words: [String]) {
    #expect(refusal(words) != nil)
  }

  @Test func unsupportedOptionsSaySo() {
    #expect(refusal(["-chardev", "x"])?.contains("not supported yet") == true)
    #expect(refusal(["--chardev=x"])?.hasPrefix("--chardev: ") == true)
  }
}

@Suite struct HelpTests {
  @Test func helpIsComplete() {
    let text = Help.text
    for word in [
      "--kernel", "--initrd", "--append", "--memory, -m", "--drive", "--serial", "--limit-instructions",
      "--limit-seconds", "--exit-on", "--panic-on", "--state-hash", "--stats", "--profile",
      "--profile-rows N", "--rtc",
      "--raw-console", "--success-code",
      "-enable-kvm", "-nographic", "-no-reboot", "-device", "--smp", "--cpu", "-nic, -net", "-monitor",
      "-accel",
      "--display", "--vga", "--screenshot", "--screen-text", "--type", "--script", "--vnc", "-k en-us",
      "wait screen",
      "--machine", "--help", "--version", "Ctrl-A", "Exit codes", "Examples", "128+n",
    ] {
      #expect(text.contains(word), "\(word)")
    }
    // What an option does is filled to its column; a line end within it would break out.
    let options = text.split(separator: "\n").drop { $0 != "Boot:" }.prefix { !$0.hasPrefix("Keys at") }
    #expect(options.count > 40 && options.allSatisfy { $0.first == " " || $0.last == ":" })
    #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 104 && $0.last != " " })
  }

  @Test func exitCodesAreTheDocumentedNumbers() {
    let codes: [ExitCode] = [
      .success, .usage, .badInput, .diskFailure, .hostResources, .guestDied, .limitReached, .internalError,
      .scriptFailed, .diverged, .scripted(9), .signal(15), .debugExit(0), .debugExit(0x10),
      .debugExit(0xFFFF_FFFF),
    ]
    #expect(codes.map(\.status) == [0, 2, 3, 4, 5, 6, 7, 70, 8, 9, 9, 143, 1, 33, 255])
  }
}
