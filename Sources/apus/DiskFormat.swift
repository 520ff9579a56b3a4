import ApusDevices
import ApusMachine

/// Disk image formats that are not raw, recognised so that they are refused instead of overwritten.
package enum DiskFormat {
  /// How many bytes `name` wants.
  package static let beginningSize = 512

  /// The name of the format whose magic number the first bytes of a file hold; nil for raw images.
  package static func name(_ bytes: [UInt8]) -> String? {
    let formats: [(magic: [UInt8], name: String)] = [
      (Array("QFI".utf8) + [0xFB], "qcow2"), (Array("KDMV".utf8), "VMDK"), (Array("COWD".utf8), "VMDK"),
      (Array("# Disk Descriptor".utf8), "VMDK"), (Array("vhdxfile".utf8), "VHDX"),
      (Array("QED".utf8) + [0], "QED"), (Array("conectix".utf8), "VHD"),
    ]
    if let format = formats.first(where: { bytes.starts(with: $0.magic) }) { return format.name }
    // VDI: 7F 10 DA BE at 40h, after a line of text.
    return bytes.dropFirst(0x40).starts(with: [0x7F, 0x10, 0xDA, 0xBE]) ? "VDI" : nil
  }

  /// What a raw image is a copy of: a CD-ROM has a volume descriptor in its sector 16 (ISO 9660, "Volume
  /// Descriptor Set"), a floppy disk has one of a few sizes.
  package static func bootDevice(_ path: String) -> BootDevice {
    let descriptor = 16 * 2048
    let bytes = HostFile.beginning(of: path, count: descriptor + 6) ?? []
    if bytes.dropFirst(descriptor + 1).starts(with: Array("CD001".utf8)) { return .cdrom }
    guard let size = HostFile.size(of: path), size % 512 == 0,
      (try? FloppyGeometry.ofImage(sectors: size / 512)) != nil
    else { return .hardDisk }
    return .floppy
  }
}
