import ApusDebug
import Testing

@Suite struct SymbolTableTests {
  private static let symbols: [(address: UInt64, name: String)] = [
    (0x1000, "start"), (0x2000, "main"), (0x2000, "alias"), (0xFFFF_FFFF_8100_0000, "kernel"),
  ]

  @Test func namesHaveOffsets() {
    let table = SymbolTable(Self.symbols)
    #expect(table.name(of: 0xFFF) == nil)
    #expect(table.name(of: 0x1000) == "start" && table.name(of: 0x1FFF) == "start+0xfff")
    #expect(table.name(of: 0x2000) == "main" && table.name(of: 0x80_0000) == nil)
    #expect(table.name(of: .max) == nil && table.name(of: 0xFFFF_FFFF_8100_0010) == "kernel+0x10")
    #expect(table.address(of: "kernel") == 0xFFFF_FFFF_8100_0000 && table.address(of: "none") == nil)
    #expect(SymbolTable().isEmpty && SymbolTable().name(of: 0) == nil)
  }
}
