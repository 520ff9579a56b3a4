import ApusDevices

extension DeviceDescription {
  /// The value of the first row of a name.
  subscript(_ name: String) -> String? { rows.first { $0.name == name }?.value }

  /// The rows without a name that follow the first one of a name.
  func more(_ name: String) -> [String] {
    guard let first = rows.firstIndex(where: { $0.name == name }) else { return [] }
    return rows[(first + 1)...].prefix { $0.name.isEmpty }.map(\.value)
  }
}
