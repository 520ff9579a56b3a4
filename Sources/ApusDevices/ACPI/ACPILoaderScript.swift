/// The files of QEMU's firmware configuration device by which firmware such as SeaBIOS and OVMF places ACPI
/// tables: two blobs, and a script of commands that says where they go, which fields of theirs are pointers and
/// which bytes checksums. Source: QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device"; the
/// commands are those of its file `etc/table-loader`.
package enum ACPILoaderScript {
  private static let tablesFile = "etc/acpi/tables"
  private static let rsdpFile = "etc/acpi/rsdp"
  private static let scriptFile = "etc/table-loader"

  /// Where firmware puts a blob: anywhere, or between F0000h and FFFFFh.
  private enum Zone: UInt8 { case high = 1, fSegment = 2 }

  /// The three files for tables laid out from address 0 on, whose pointers so are offsets.
  package static func items(tables: [UInt8], rsdp: [UInt8]) -> [FirmwareConfiguration.Item] {
    [
      .init(.file(tablesFile), tables), .init(.file(rsdpFile), rsdp),
      .init(.file(scriptFile), script(tables: tables, rsdp: rsdp)),
    ]
  }

  private static func script(tables: [UInt8], rsdp: [UInt8]) -> [UInt8] {
    var script =
      allocate(tablesFile, alignment: 64, .high) + allocate(rsdpFile, alignment: 16, .fSegment)
    // RSDP: RsdtAddress and XsdtAddress. RSDT and XSDT: their entries.
    let roots = [Table(tables, at: integer(rsdp, 16, 4)), Table(tables, at: integer(rsdp, 24, 8))]
    var found = roots
    for (root, size) in zip(roots, [4, 8]) {
      for field in stride(from: root.start + 36, to: root.end, by: size) {
        script += addPointer(in: tablesFile, field, size)
        let table = Table(tables, at: integer(tables, field, size))
        if !found.contains(table) { found.append(table) }
      }
    }
    // FADT: FIRMWARE_CTRL and DSDT, X_FIRMWARE_CTRL and X_DSDT.
    for fadt in found where fadt.signature == "FACP" {
      for (offset, size) in [(36, 4), (40, 4), (132, 8), (140, 8)] {
        script += addPointer(in: tablesFile, fadt.start + offset, size)
      }
      found.append(Table(tables, at: integer(tables, fadt.start + 40, 4)))
    }
    script += addPointer(in: rsdpFile, 16, 4) + addPointer(in: rsdpFile, 24, 8)
    for table in found {
      script += addChecksum(tablesFile, at: table.start + 9, table.start, table.end - table.start)
    }
    // The first checksum covers the 20 bytes of ACPI 1.0, the second the whole structure.
    return script + addChecksum(rsdpFile, at: 8, 0, 20) + addChecksum(rsdpFile, at: 32, 0, rsdp.count)
  }

  /// A table with the System Description Table Header.
  private struct Table: Equatable {
    let start: Int
    let end: Int
    let signature: String

    init(_ blob: [UInt8], at start: Int) {
      self.start = start
      end = start + integer(blob, start + 4, 4)
      signature = String(decoding: blob[start..<start + 4], as: UTF8.self)
    }
  }

  private static func integer(_ blob: [UInt8], _ offset: Int, _ size: Int) -> Int {
    blob[offset..<offset + size].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  // MARK: Commands

  /// A command: a number and operands in 128 bytes.
  private static func command(_ number: UInt32, _ operands: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: number)
    bytes += operands
    return bytes + [UInt8](repeating: 0, count: 128 - bytes.count)
  }

  /// A file's name in 56 bytes.
  private static func name(_ file: String) -> [UInt8] {
    Array(file.utf8) + [UInt8](repeating: 0, count: 56 - file.utf8.count)
  }

  private static func number(_ value: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(truncatingIfNeeded: value))
    return bytes
  }

  private static func allocate(_ file: String, alignment: Int, _ zone: Zone) -> [UInt8] {
    command(1, name(file) + number(alignment) + [zone.rawValue])
  }

  /// Adds the address of the tables to a field.
  private static func addPointer(in file: String, _ offset: Int, _ size: Int) -> [UInt8] {
    command(2, name(file) + name(tablesFile) + number(offset) + [UInt8(size)])
  }

  private static func addChecksum(_ file: String, at offset: Int, _ start: Int, _ length: Int) -> [UInt8] {
    command(3, name(file) + number(offset) + number(start) + number(length))
  }
}
