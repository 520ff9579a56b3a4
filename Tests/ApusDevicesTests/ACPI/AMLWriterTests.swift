import ApusDevices
import Testing

@Suite struct AMLWriterTests {
  private func encode(_ body: (inout AMLWriter) -> Void) -> [UInt8] {
    var aml = AMLWriter()
    body(&aml)
    return aml.bytes
  }

  // Expected bytes as iasl 20200925 compiles the ASL in the comments.

  @Test func integers() {
    // Name (\X, 0), 1, 0x80, 0x1234, 0x12345678, 0x123456789A
    let table: [(UInt64, [UInt8])] = [
      (0, [0x00]), (1, [0x01]), (0x80, [0x0A, 0x80]), (0x1234, [0x0B, 0x34, 0x12]),
      (0x1234_5678, [0x0C, 0x78, 0x56, 0x34, 0x12]),
      (0x12_3456_789A, [0x0E, 0x9A, 0x78, 0x56, 0x34, 0x12, 0, 0, 0]),
    ]
    for (value, expected) in table {
      let bytes = encode { $0.name("\\X", .integer(value)) }
      #expect(bytes == [0x08, 0x5C, 0x58, 0x5F, 0x5F, 0x5F] + expected)
    }
  }

  @Test func namesAndIdentifiers() {
    // Scope (\_SB.PCI0) { Name (_HID, EisaId ("PNP0A03")) }
    let bytes = encode { $0.scope("\\_SB.PCI0") { $0.name("_HID", .eisaID("PNP0A03")) } }
    #expect(
      bytes == [0x10, 0x15, 0x5C, 0x2E] + Array("_SB_PCI0".utf8) + [0x08] + Array("_HID".utf8)
        + [0x0C, 0x41, 0xD0, 0x0A, 0x03])
    // EisaId ("PNP0F13") and EisaId ("PNP0C0F").
    #expect(encode { $0.name("A", .eisaID("PNP0F13")) }.suffix(4) == [0x41, 0xD0, 0x0F, 0x13])
    #expect(encode { $0.name("A", .eisaID("PNP0C0F")) }.suffix(4) == [0x41, 0xD0, 0x0C, 0x0F])
    // Three segments: MultiNamePrefix.
    #expect(encode { $0.returnObject("\\A.B.C") } == [0xA4, 0x5C, 0x2F, 0x03] + Array("A___B___C___".utf8))
  }

  @Test func packageLengths() {
    // ACPI Specification, "Package Length Encoding": a buffer is BufferOp, PkgLength, size, bytes, and
    // PkgLength counts itself.
    func length(_ count: Int) -> [UInt8] {
      let bytes = encode { $0.name("B", .buffer([UInt8](repeating: 0, count: count))) }
      return Array(bytes[6..<10])
    }
    #expect(length(60) == [0x3F, 0x0A, 60, 0])
    #expect(length(61) == [0x41, 0x04, 0x0A, 61])
    // Total 4095 is the largest of the two-byte form.
    #expect(length(4090) == [0x4F, 0xFF, 0x0B, 0xFA])
    #expect(length(4091) == [0x81, 0x00, 0x01, 0x0B])
  }

  @Test func methods() {
    // Method (_PIC, 1) { Store (Arg0, \PICM) }
    #expect(
      encode { $0.method("_PIC", arguments: 1) { $0.storeArgument(0, to: "\\PICM") } }
        == [0x14, 0x0D] + Array("_PIC".utf8) + [0x01, 0x70, 0x68, 0x5C] + Array("PICM".utf8))
  }

  @Test func resources() {
    // ResourceTemplate () { IO (Decode16, 0x70, 0x70, 1, 2) IRQNoFlags () {8} }
    var rtc = ResourceTemplate()
    rtc.ports(0x70, count: 2)
    rtc.interrupt(8)
    #expect(
      encode { $0.name("_CRS", rtc.value) }
        == [0x08] + Array("_CRS".utf8) + [
          0x11, 0x10, 0x0A, 0x0D, 0x47, 0x01, 0x70, 0x00, 0x70, 0x00, 0x01, 0x02, 0x22, 0x00, 0x01, 0x79,
          0x00,
        ])
  }
}
