import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The directory that `Scripts/fetch-debian-guest.sh` filled, named by the environment variable
/// APUS_DEBIAN_GUEST.
enum DebianGuest {
  static let directory = getenv("APUS_DEBIAN_GUEST").map { String(cString: $0) } ?? ""
  static let kernel = directory + "/vmlinuz-cloud"
  static let message = directory + "/initramfs-message.cpio"
  static let shell = directory + "/initramfs-shell.cpio"

  static let programs = directory + "/initramfs-programs.cpio"
  static let workloads = directory + "/initramfs-workloads.cpio"

  static let isPresent = areThere([kernel, message, shell])
  static let hasPrograms = areThere([kernel, programs])
  static let hasWorkloads = areThere([kernel, workloads])

  private static func areThere(_ paths: [String]) -> Bool {
    !directory.isEmpty && paths.allSatisfy { (path: String) in access(path, R_OK) == 0 }
  }

  static func boot(_ initrd: String, memory: String = "256M", append: String = "") -> [String] {
    ["--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet" + append, "-m", memory]
  }

  /// Seconds until the slowest of these boots is given up; a busy host needs several times its 10 s.
  static let patience = 120
}

/// A shell of the guest's on a pseudo-terminal.
private final class DebianShell {
  let child: Child
  let terminal: PseudoTerminal
  // Held open, so that the terminal outlives the child and what it wrote can be read.
  private let other: Int32
  private var step = 0

  init(_ more: [String] = []) throws {
    terminal = try #require(PseudoTerminal())
    other = open(terminal.path, O_RDWR | O_NOCTTY)
    child = try #require(
      Child(
        Child.apus, DebianGuest.boot(DebianGuest.shell) + more, input: terminal.path, output: terminal.path,
        errors: terminal.path, session: true))
    #expect(terminal.waitFor("APUS-SHELL-READY", seconds: DebianGuest.patience), "\(screen)")
    #expect(terminal.waitFor("# "), "\(screen)")
  }

  deinit {
    // Without effect on a child that has been waited for, whose number no other child of ours has yet.
    if !hasEnded { end(SIGKILL) }
    close(other)
  }

  private var hasEnded = false
  var screen: String { String(decoding: terminal.seen, as: UTF8.self) }

  /// Types a command and expects it to succeed. What shows that it did is computed by the guest, so that it
  /// differs from the command's echo.
  func type(_ command: String) {
    step += 1
    terminal.type("\(command) && echo DONE-$((1000 + \(step)))\n")
    #expect(terminal.waitFor("DONE-\(1000 + step)", seconds: 60), "\(command): \(screen)")
  }

  @discardableResult
  func end(_ signal: Int32) -> Int32 {
    kill(child.pid, signal)
    return wait()
  }

  func wait() -> Int32 {
    hasEnded = true
    return child.wait(seconds: DebianGuest.patience)
  }
}

/// Debian's own kernel. Skipped without APUS_DEBIAN_GUEST; one at a time, because each takes a whole core.
@Suite(.serialized, .enabled(if: DebianGuest.isPresent, "APUS_DEBIAN_GUEST names no directory with a guest"))
struct DebianBootTests {
  private let scratch = Scratch()

  @Test func bootsTheSameTwice() {
    let arguments = DebianGuest.boot(DebianGuest.message) + ["--state-hash"]
    let first = Child.run(arguments, seconds: DebianGuest.patience)
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.output.contains("APUS-BOOT-OK"), "\(first.output)")
    #expect(first.errors.hasPrefix("state-hash: "))
    let second = Child.run(arguments, seconds: DebianGuest.patience)
    #expect(second.status == 0)
    #expect(second.output == first.output)
    #expect(second.errors == first.errors)
  }

  /// With a VGA adapter, the kernel finds the text screen that the BIOS has set up.
  /// Without a root file system the kernel panics. It has read what is not there before, and caught that.
  @Test func aPanicIsExamined() {
    let result = Child.run(
      ["--kernel", DebianGuest.kernel, "--append", "console=ttyS0 quiet nokaslr", "-m", "256M", "--autopsy"],
      seconds: DebianGuest.patience)
    #expect(result.status == 6)
    #expect(result.output.contains("Unable to mount root fs"))
    #expect(result.errors.contains("the guest has panicked: it wrote 'Kernel panic - not syncing'"))
    #expect(result.errors.contains("the last instructions:") && result.errors.contains("RIP FFFFFFFF"))
  }

  @Test func theScreenShowsTheKernel() {
    let script = scratch.file("s", Array("wait screen APUS-BOOT-OK 120\nexit 0\n".utf8))
    let arguments = [
      "--kernel", DebianGuest.kernel, "--initrd", DebianGuest.message, "--append", "console=tty0", "-m",
      "256M",
      "--vga", "std", "--script", script, "--screen-text",
    ]
    let result = Child.run(arguments, seconds: DebianGuest.patience)
    #expect(result.status == 0 && result.output.contains("APUS-BOOT-OK"), "\(result.output) \(result.errors)")
  }

  /// Commands that were there before the guest was are not lost on the way to its shell.
  @Test func commandsFromAFile() {
    let commands = "echo SUM-$((6 * 7))\nuname -s\npoweroff -f\n"
    let input = scratch.file("commands", Array(commands.utf8))
    let result = Child.run(
      DebianGuest.boot(DebianGuest.shell), input: input, seconds: DebianGuest.patience)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("SUM-42"), "\(result.output)")
  }

  @Test func typedCommandsAndIdleTime() throws {
    let shell = try DebianShell()
    shell.type("test $(uname -s) = Linux")
    shell.type("ls /lib/modules/*/modules.dep")
    // A guest that waits for a key costs the host next to nothing: 3 % of a core are the limit.
    let before = try #require(Self.processorTime(of: shell.child.pid))
    sleep(4)
    let after = try #require(Self.processorTime(of: shell.child.pid))
    #expect(after - before <= 0.12)
    shell.terminal.type("poweroff -f\n")
    #expect(shell.wait() == 0)
  }

  @Test func controlAXLeaves() throws {
    let before = try #require(PseudoTerminal())
    let shell = try DebianShell()
    shell.terminal.type("\u{1}x")
    #expect(shell.wait() == 0)
    #expect(shell.terminal.localFlags == before.localFlags)
    #expect(shell.terminal.inputFlags == before.inputFlags)
  }

  /// An IDE and a virtio disk. After `sync` the runner is killed; all that was synced is in the files.
  @Test func disksKeepWhatIsSynced() throws {
    let images = ["ide", "virtio"].map { scratch.file($0, []) }
    for image in images { #expect(truncate(image, 64 << 20) == 0) }
    let drives = [
      "--drive", "file=\(images[0]),format=raw,if=ide", "--drive", "file=\(images[1]),format=raw,if=virtio",
    ]
    let disks = ["/dev/sda", "/dev/vda"]
    let first = try DebianShell(drives)
    for disk in disks {
      first.type("printf 'n\\np\\n1\\n\\n\\nw\\n' | fdisk \(disk) >/dev/null")
      first.type("mke2fs \(disk)1 >/dev/null && mount -t ext4 \(disk)1 /mnt")
      first.type("seq 100 300 >/mnt/known && cp /bin/busybox /mnt/copy && sync")
      // Unmounted in between, so that the comparison reads the disk and not the cache.
      first.type("umount /mnt && echo 3 >/proc/sys/vm/drop_caches && mount -t ext4 \(disk)1 /mnt")
      first.type("seq 100 300 | cmp - /mnt/known && cmp /bin/busybox /mnt/copy")
      first.type("echo still mounted >/mnt/late && sync")
      first.type("cd /mnt && md5sum known copy late >/root/sums && cd && cp /root/sums /mnt && sync")
      // The file system of the virtio disk is mounted when the runner is killed.
      if disk != disks.last { first.type("umount /mnt") }
    }
    #expect(first.end(SIGKILL) == 1000 + SIGKILL)

    // The file fits in one block of the file system, which begins at a sector.
    let known = (100...300).map { "\($0)\n" }.joined().utf8
    for image in images {
      let bytes = Scratch.read(image)
      #expect(bytes.count == 64 << 20)
      let isThere = stride(from: 0, to: bytes.count - known.count, by: 512).contains {
        bytes[$0..<$0 + known.count].elementsEqual(known)
      }
      #expect(isThere, "\(image)")
    }

    let second = try DebianShell(drives)
    for disk in disks {
      second.type("mount -t ext4 -o ro \(disk)1 /mnt && cd /mnt && md5sum -c sums && cd && umount /mnt")
    }
    second.terminal.type("poweroff -f\n")
    #expect(second.wait() == 0)
  }

  /// The seconds of processor time that a process has used; nil where there is no /proc.
  private static func processorTime(of pid: pid_t) -> Double? {
    let text = String(decoding: Scratch.read("/proc/\(pid)/stat"), as: UTF8.self)
    // proc(5): after the name in parentheses come fields 3 and on; 14 and 15 are the times in ticks.
    guard let name = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: name)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return nil
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}

/// What a Debian kernel cut off in its header does to the runner.
@Suite(.enabled(if: DebianGuest.isPresent, "APUS_DEBIAN_GUEST names no directory with a guest"))
struct TruncatedDebianTests {
  private let scratch = Scratch()

  @Test func truncatedKernels() {
    let kernel = Scratch.read(DebianGuest.kernel)
    let whole = kernel.count
    for size in Array(stride(from: 0, through: 4096, by: 64)) + [
      0x1F1, 0x202, 0x263, 16385, whole / 2,
    ] {
      let file = scratch.file("kernel", Array(kernel[..<size]))
      let result = Child.run(["--kernel", file, "--limit-instructions", "1M"])
      #expect(result.status == 3, "\(size): \(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(size): \(result.errors)")
    }
  }

  @Test func initialDiskLargerThanMemory() {
    let initrd = scratch.file("initrd", [])
    #expect(truncate(initrd, 65 << 20) == 0)
    let result = Child.run(["--kernel", DebianGuest.kernel, "--initrd", initrd, "-m", "64M"])
    #expect(result.status == 3)
    #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains(initrd))
  }
}
