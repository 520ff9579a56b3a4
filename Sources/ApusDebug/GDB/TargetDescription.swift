/// What GDB is told about the registers ("Target Descriptions" in its manual). The layout is that of 64-bit mode
/// whatever the processor is in, since GDB asks for it once.
package enum TargetDescription {
  package static let registers: [Register] = features.flatMap { $0.registers }

  package struct Register: Sendable {
    package let id: RegisterID
    package let name: String
    package let bitSize: Int
    /// A type of GDB's own, or one that the feature defines.
    let type: String
    let group: String?
    /// Whether GDB may put it back after a function that the user called in the guest.
    let isRestored: Bool

    package var byteSize: Int { bitSize / 8 }

    init(
      _ id: RegisterID, _ name: String, _ bitSize: Int, _ type: String, group: String? = nil,
      isRestored: Bool = true
    ) {
      self.id = id
      self.name = name
      self.bitSize = bitSize
      self.type = type
      self.group = group
      self.isRestored = isRestored
    }
  }

  /// Registers that GDB knows together by a name, and their types.
  struct Feature: Sendable {
    let name: String
    let types: [TypeDefinition]
    let registers: [Register]
  }

  enum TypeDefinition: Sendable {
    case flags(String, size: Int, [BitField])
    case vector(String, of: String, count: Int)
    case union(String, [(name: String, type: String)])
    case enumeration(String, size: Int, [(name: String, value: Int)])
  }

  /// Bits `high:low` of a `flags` type.
  struct BitField: Sendable {
    let name: String
    let high: Int
    let low: Int

    init(_ name: String, _ high: Int, _ low: Int) {
      self.name = name
      self.high = high
      self.low = low
    }

    init(_ name: String, _ bit: Int) { self.init(name, bit, bit) }
  }

  /// What a client calls the register; nil if there is none of that number.
  static func register(_ number: UInt64) -> Register? {
    number < UInt64(registers.count) ? registers[Int(number)] : nil
  }

  /// The number by which a client asks for a register.
  package static func number(of id: RegisterID) -> Int? {
    registers.firstIndex { $0.id == id }
  }
}

// MARK: XML

extension TargetDescription {
  /// The document `target.xml`.
  package static let xml: [UInt8] = Array(document.utf8)

  private static var document: String {
    var text =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n"
    text += element("architecture", content: "i386:x86-64")
    for feature in features {
      text += "<feature name=\"\(Markup.escaped(feature.name, inQuotes: true))\">\n"
      for type in feature.types { text += definition(type) }
      for register in feature.registers { text += definition(register) }
      text += "</feature>\n"
    }
    return text + "</target>\n"
  }

  private static func definition(_ register: Register) -> String {
    var attributes: [(name: String, value: String)] = [
      ("name", register.name), ("bitsize", "\(register.bitSize)"), ("type", register.type),
    ]
    if let group = register.group { attributes.append(("group", group)) }
    if !register.isRestored { attributes.append(("save-restore", "no")) }
    return element("reg", attributes)
  }

  private static func definition(_ type: TypeDefinition) -> String {
    switch type {
    case .flags(let id, let size, let fields):
      let content = fields.map { field in
        element("field", [("name", field.name), ("start", "\(field.low)"), ("end", "\(field.high)")])
      }
      return element("flags", [("id", id), ("size", "\(size)")], content: "\n" + content.joined())
    case .vector(let id, let type, let count):
      return element("vector", [("id", id), ("type", type), ("count", "\(count)")])
    case .union(let id, let fields):
      let content = fields.map { element("field", [("name", $0.name), ("type", $0.type)]) }
      return element("union", [("id", id)], content: "\n" + content.joined())
    case .enumeration(let id, let size, let values):
      let content = values.map { element("evalue", [("name", $0.name), ("value", "\($0.value)")]) }
      return element("enum", [("id", id), ("size", "\(size)")], content: "\n" + content.joined())
    }
  }

  private static func element(
    _ name: String, _ attributes: [(name: String, value: String)] = [], content: String? = nil
  ) -> String {
    var text = "<\(name)"
    for attribute in attributes {
      text += " \(attribute.name)=\"\(Markup.escaped(attribute.value, inQuotes: true))\""
    }
    guard let content else { return text + "/>\n" }
    return text + ">\(content)</\(name)>\n"
  }
}
