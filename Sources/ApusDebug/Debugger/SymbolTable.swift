/// Names of addresses, for people.
package struct SymbolTable: Sendable {
  /// Sorted by address.
  private var addresses: [UInt64] = []
  private var names: [String] = []

  /// No address has a name.
  package init() {}

  /// Of several names of one address the first counts.
  package init(_ symbols: some Sequence<(address: UInt64, name: String)>) {
    for symbol in symbols.enumerated().sorted(by: {
      ($0.element.address, $0.offset) < ($1.element.address, $1.offset)
    }) where addresses.last != symbol.element.address {
      addresses.append(symbol.element.address)
      names.append(symbol.element.name)
    }
  }

  package var isEmpty: Bool { addresses.isEmpty }

  /// Code further from the symbol before it is somebody else's.
  private static let farthest: UInt64 = 1 << 20

  /// The name of an address: `name` or `name+offset` in hexadecimal; nil if there is none near.
  package func name(of address: UInt64) -> String? {
    var (low, high) = (0, addresses.count)
    while low < high {
      let middle = (low + high) / 2
      if addresses[middle] <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0, address - addresses[low - 1] < Self.farthest else { return nil }
    let offset = address - addresses[low - 1]
    return offset == 0 ? names[low - 1] : names[low - 1] + "+0x" + String(offset, radix: 16)
  }

  /// The address of a name.
  package func address(of name: String) -> UInt64? {
    names.firstIndex(of: name).map { addresses[$0] }
  }
}
