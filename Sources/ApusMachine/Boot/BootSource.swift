/// A file given to the kernel beside itself: Linux's or PVH's initial RAM disk, a multiboot module.
public struct BootModule: Sendable {
  /// The module's contents and name.
  public let file: BootFile
  /// What PVH and multiboot tell the kernel about the module. Linux does not use it.
  public let commandLine: String

  /// A module with the string that goes with it.
  public init(file: BootFile, commandLine: String = "") {
    self.file = file
    self.commandLine = commandLine
  }
}

/// The text screen of 80 columns and 25 lines that firmware has left, if it ran: where its cursor is.
package struct FirmwareScreen {
  package let column: UInt8
  package let row: UInt8
}

/// What a machine starts from.
public enum BootSource: Sendable {
  /// A kernel whose format is recognised by its magic numbers; see `ImageKind`.
  case kernel(BootFile, commandLine: String, modules: [BootModule])
  /// Raw bytes for physical address `address`, entered at `entry` (physical) or at their first byte. An
  /// address below 1 MiB means real mode, from 1 MiB on 32-bit protected mode.
  case flat(BootFile, address: UInt64, entry: UInt64?)

  /// Puts everything into `memory` and returns the state from which the processor starts. `memory` must be
  /// as after power-on, or as `firmware` left it. `acpiRSDP` is the physical address of the ACPI root pointer, 0 if
  /// there is none.
  /// Throws a `BootError` for every file or option that cannot be booted; memory may then be partly written.
  package func load(
    into memory: any BootMemory, map: MemoryMap, acpiRSDP: UInt64, after firmware: FirmwareScreen? = nil
  ) throws(BootError) -> BootState {
    guard memory.size == map.ramSize else {
      throw BootError(
        role: "memory", field: "size", found: "\(memory.size) bytes of RAM",
        expected: "\(map.ramSize) bytes as in the memory map")
    }
    var placement = Placement(memory, map)
    switch self {
    case .kernel(let file, let commandLine, let modules):
      return try Self.loadKernel(
        BootRequest(
          kernel: file, commandLine: commandLine, modules: modules, acpiRSDP: acpiRSDP, firmware: firmware),
        &placement)
    case .flat(let file, let address, let entry):
      return try FlatBoot.load(file, at: address, entry: entry, &placement)
    }
  }

  private static func loadKernel(
    _ request: BootRequest, _ placement: inout Placement
  ) throws(BootError) -> BootState {
    try request.check()
    let kind = ImageKind(of: request.kernel)
    if kind != .linux && request.firmware == nil { try BIOSData.write(&placement) }
    switch kind {
    case .multiboot1(let headerOffset):
      return try Multiboot1(request.kernel, headerOffset: headerOffset).load(request, &placement)
    case .elf:
      return try PVHBoot.load(request, &placement)
    case .linux:
      return try LinuxBoot(request.kernel).load(request, &placement)
    case .unknown(let reason):
      throw reason
    }
  }
}

/// A kernel with all that goes with it.
struct BootRequest {
  let kernel: BootFile
  let commandLine: String
  let modules: [BootModule]
  let acpiRSDP: UInt64
  let firmware: FirmwareScreen?

  /// More modules than this are refused, so that their table stays small.
  static let modulesLimit = 64

  /// Refuses what no kernel format can take.
  func check() throws(BootError) {
    guard kernel.size > 0 else {
      throw kernel.failure("size", at: 0, found: "an empty file", expected: "a kernel")
    }
    guard modules.count <= Self.modulesLimit else {
      throw BootError(
        role: "modules", field: "number", found: "\(modules.count)", expected: "at most \(Self.modulesLimit)")
    }
    _ = try Self.terminated(commandLine, role: "command line")
    for module in modules {
      guard module.file.size > 0 else {
        throw module.file.failure(
          "size", at: 0, found: "an empty file", expected: "the contents of the \(module.file.role)")
      }
      _ = try Self.terminated(module.commandLine, role: "command line of " + module.file.role)
    }
  }

  /// `text` in UTF-8 with a zero byte at the end. Throws if it has a zero byte within, or is absurdly long.
  static func terminated(_ text: String, role: String) throws(BootError) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      guard byte != 0 else {
        throw BootError(
          role: role, field: "text", offset: UInt64(bytes.count), found: "a zero byte",
          expected: "text without zero bytes")
      }
      bytes.append(byte)
    }
    guard bytes.count <= 65535 else {
      throw BootError(
        role: role, field: "length", found: "\(bytes.count) bytes", expected: "at most 65535 bytes")
    }
    bytes.append(0)
    return bytes
  }
}
