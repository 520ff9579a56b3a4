// Reads the opcode maps (Sources/ApusCPU/Decode/Maps/*.opcodes) and writes the handler stamps and decoder
// tables (Sources/ApusCPU/Generated/), and the rows themselves for all that describes instructions
// (Sources/ApusInstructionSet/Generated/). Run from the package directory:
//
//   swift Scripts/generate-stamps.swift          writes the files
//   swift Scripts/generate-stamps.swift --check  fails if they are not what the maps say
//
// The stamps carry no semantics: each is a concrete closure around a generic body, because a function
// pointer cannot be formed in a generic context. All of it is one file because `swift FILE` runs one.
import Foundation

func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data((message + "\n").utf8))
  exit(1)
}

// MARK: The opcode maps

struct Row {
  var map: String
  var opcodes: ClosedRange<Int>
  var prefix: String?
  var reg: Int?
  var rm: Int?
  var mod: String?
  var mnemonic: String
  var operands: [String]
  var written: String
  var undefined: String
  var options: Set<String>
  var name: String
  var shape: String?
  var width: String?
  /// `A`, or `A/B` for VEX.L = 0 and 1; of several joined by + the last decides, since AVX is in XCR0 already.
  var features: String?
  var place: String

  var isVEX: Bool { map.hasPrefix("V") }
  /// Whether the body is a function of `VectorForm`.
  var isVector: Bool {
    vectorShapes.contains(shapeName(of: self)) && !operands.contains { "PQN".contains($0.prefix(1)) }
      || ["VZEROUPPER", "VZEROALL"].contains(mnemonic)
  }
}

let vectorShapes: Set = [
  "VW", "WV", "VWI", "WVI", "UI", "VE", "EV", "VEI", "EVI", "GW", "GWI", "FMA", "gather", "maskMove",
]

func parse(_ file: String, _ defaultMap: String) -> [Row] {
  guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { fail("cannot read \(file)") }
  var rows: [Row] = []
  for (number, line) in text.components(separatedBy: "\n").enumerated() {
    let place = "\(file):\(number + 1)"
    if line.hasPrefix("#") || line.trimmingCharacters(in: .whitespaces).isEmpty { continue }
    let fields = line.components(separatedBy: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    guard fields.count == 6 else { fail("\(place): expected 6 columns, found \(fields.count)") }
    var words = fields[0].split(separator: " ").map(String.init)
    var prefix: String?
    if words.count == 2 { prefix = words.removeFirst() }
    guard words.count == 1 else { fail("\(place): opcode column '\(fields[0])'") }
    var opcode = words[0]
    var reg: Int?
    if let slash = opcode.firstIndex(of: "/") {
      reg = Int(opcode[opcode.index(after: slash)...])
      opcode = String(opcode[..<slash])
    }
    var map = defaultMap
    if let dot = opcode.firstIndex(of: ".") {
      map = String(opcode[..<dot])
      opcode = String(opcode[opcode.index(after: dot)...])
    }
    let ends = opcode.split(separator: "-").compactMap { Int($0, radix: 16) }
    guard let low = ends.first, let high = ends.last, low <= high else {
      fail("\(place): opcode '\(opcode)'")
    }
    var row = Row(
      map: map, opcodes: low...high, prefix: prefix, reg: reg, rm: nil, mod: nil, mnemonic: fields[1],
      operands: fields[2] == "-" ? [] : fields[2].split(separator: ",").map(String.init),
      written: fields[3], undefined: fields[4], options: [], name: fields[1], shape: nil, width: nil, features: nil, place: place)
    for option in fields[5].split(separator: " ").map(String.init) {
      if option.hasPrefix("name=") {
        row.name = String(option.dropFirst(5))
      } else if option.hasPrefix("shape=") {
        row.shape = String(option.dropFirst(6))
      } else if option.hasPrefix("width=") {
        row.width = String(option.dropFirst(6))
      } else if option.hasPrefix("rm=") {
        row.rm = Int(option.dropFirst(3))
      } else if option == "mem" || option == "reg" {
        row.mod = option
      } else if option.hasPrefix("+") {
        row.features = String(option.dropFirst())
      } else {
        row.options.insert(option)
      }
    }
    if row.isVEX && row.operands.contains(where: { "BH".contains($0.prefix(1)) }) { row.options.insert("vvvv") }
    rows.append(row)
  }
  return rows
}

// MARK: Forms

struct Form {
  var comment: String
  var fast: String?
  var slow: String
  var effect = 2
  /// What the fast stamp is made of, for runs.
  var piece: Piece?
}

/// The parts of a fast stamp: what it asks before it runs, and the body; `c`, `o`, `r`, `s`, `k` are its
/// parameters, `f` the flags where it uses any.
struct Piece {
  var probe = ""
  /// Empty where the probe does it.
  var call: String
  var throwsExit: Bool
  /// Of a function of a `VectorForm`, which does not tell the next op.
  var isVector = false
  /// Writes all flags without looking at them.
  var replacesFlags = false
}

var forms: [Form] = []
var bases: [String: Int] = [:]
var order: [String] = []
let widths = ["UInt8", "UInt16", "UInt32", "UInt64"]
let addresses = ["AddressB", "AddressF", "AddressS"]
let conditions = ["O", "NO", "B", "NB", "Z", "NZ", "BE", "NBE", "S", "NS", "P", "NP", "L", "NL", "LE", "NLE"]
let holeSlow = "{ c, o in cold(c, o) { cpu, op throws(Exit) in throw cpu.fault(.UD, .opcodeUndefined) } }"

func base(_ name: String) {
  guard bases[name] == nil else { fail("form \(name) defined twice") }
  bases[name] = forms.count
  order.append(name)
}
func hole() { forms.append(Form(comment: "", fast: nil, slow: holeSlow)) }

/// Begins a stamp that replaces all flags before it can miss. The optimiser gives a function whose arguments are not
/// used a copy without them and makes the function a thunk; this uses them, for one comparison instead of a jump.
let keepsArguments = "guard c != o else { return missed(c, o, r, s, k) }; "

/// What a stamp asks before its body looks at flags (see `isQuick`); `f` are the flags.
func flagProbe(_ body: String) -> String {
  let looksAtOverflow = ["O", "NO", "L", "NL", "LE", "NLE"].contains { body.contains("CC_\($0).self") }
  guard looksAtOverflow, !body.hasPrefix("CMPJ"), !body.hasPrefix("TESTJ") else { return "" }
  return "guard isQuick(f.kind) else { return missed(c, o, r, s, k) }; "
}

/// A stamp whose body cannot fault.
func plain(_ body: String, effect: Int = 2, flags: Bool) {
  let f = flags ? ", &f" : ""
  let probe = flagProbe(body)
  let keeps = effect == 1 ? keepsArguments : ""
  let head = flags ? "\(keeps)var f = LazyFlags(r, s, k); \(probe)let n = " : "return go(c, "
  func call(_ access: String, _ pointer: String) -> String {
    let open = body.firstIndex(of: "(")!
    return "Body<\(access)>.\(body[..<open])(\(pointer)\(f)\(body[body.index(after: open)...])"
  }
  let fastCall = call("Fast", "cpu(c), op(o)")
  let fast =
    flags
    ? "{ c, o, r, s, k in \(head)\(fastCall); return go(c, n, f) }"
    : "{ c, o, r, s, k in return go(c, \(fastCall), LazyFlags(r, s, k)) }"
  let slow =
    flags
    ? "{ c, o in hot(c, o) { cpu, op, f throws(Exit) in \(call("Slow", "cpu, op")) } }"
    : "{ c, o in coldJump(c, o) { cpu, op throws(Exit) in \(call("Slow", "cpu, op")) } }"
  forms.append(
    Form(
      comment: body, fast: fast, slow: slow, effect: effect,
      piece: Piece(probe: probe, call: fastCall, throwsExit: false, replacesFlags: effect == 1)))
}

/// What a stamp asks before its body runs (see `Fast.reaches`): whether the accesses of the body hit the TLB.
func probe(_ body: String) -> String {
  let name = String(body[..<body.firstIndex(of: "(")!])
  var conditions: [String] = []
  if let address = addresses.first(where: { body.contains($0) }), !["LEA_rm", "bit_mr"].contains(name) {
    let onlyReads = ["CMP.self", "TEST.self", "BT.self"].contains { body.contains($0) }
    let isStore =
      !onlyReads && (name.hasSuffix("mr") || name.hasSuffix("mi") || name == "m" || name == "SETcc_m")
      && !name.hasPrefix("CMPJ") && !name.hasPrefix("TESTJ")
    let named = body.split(separator: " ").first { $0.hasPrefix("UInt") }?.prefix { $0 != "." }
    let width = named.map(String.init) ?? (name == "SETcc_m" ? "UInt8" : "UInt64")
    conditions.append(
      "Fast.reaches(cpu(c), op(o), \(width).self, \(address).self, Access.\(isStore ? "write" : "read"))")
  }
  if name.hasPrefix("PUSH") || name.hasPrefix("CALL") {
    conditions.append("Fast.reaches(cpu(c), cpu(c)[.rsp] &- 8, 8, Access.write)")
  } else if name == "POP_r64" || name == "RET64" {
    conditions.append("Fast.reaches(cpu(c), cpu(c)[.rsp], 8, Access.read)")
  } else if name == "LEAVE64" {
    conditions.append("Fast.reaches(cpu(c), cpu(c)[.rbp], 8, Access.read)")
  }
  // What a computed jump leads to.
  let address = addresses.first { body.contains($0) }
  if name == "RET64" {
    conditions.append("Fast.returns(cpu(c), to: Fast.known(cpu(c), cpu(c)[.rsp]))")
  } else if name == "JMP_r64" || name == "CALL_r64" {
    conditions.append("Fast.leads(cpu(c), to: cpu(c).register(op(o).fields.base))")
  } else if let address, name == "JMP_m64" || name == "CALL_m64" {
    conditions.append("Fast.leads(cpu(c), to: Fast.known(cpu(c), \(address).unchecked(cpu(c), op(o))))")
  }
  if conditions.isEmpty { return "" }
  return "guard \(conditions.joined(separator: ", ")) else { return missed(c, o, r, s, k) }; "
}

/// A stamp whose body reaches memory. `slowBody` is the same with the general address form.
func memory(_ body: String, slowBody: String? = nil, flags: Bool) {
  func call(_ text: String, _ access: String, _ pointer: String, _ f: String) -> String {
    let open = text.firstIndex(of: "(")!
    return "Body<\(access)>.\(text[..<open])(\(pointer)\(f)\(text[text.index(after: open)...])"
  }
  let f = flags ? ", &f" : ""
  let fastCall = call(body, "Fast", "cpu(c), op(o)", f)
  let slowCall = call(slowBody ?? body, "Slow", "cpu, op", f)
  let probe = probe(body) + flagProbe(body)
  let fast =
    flags
    ? "{ c, o, r, s, k in var f = LazyFlags(r, s, k); \(probe)let n: OpPointer; do throws(Exit) { n = try \(fastCall) } "
      + "catch { return missed(c, o, r, s, k) }; return go(c, n, f) }"
    : "{ c, o, r, s, k in \(probe)let n: OpPointer; do throws(Exit) { n = try \(fastCall) } "
      + "catch { return missed(c, o, r, s, k) }; return go(c, n, LazyFlags(r, s, k)) }"
  let slow =
    flags
    ? "{ c, o in hot(c, o) { cpu, op, f throws(Exit) in try \(slowCall) } }"
    : "{ c, o in coldJump(c, o) { cpu, op throws(Exit) in try \(slowCall) } }"
  forms.append(
    Form(comment: body, fast: fast, slow: slow, piece: Piece(probe: probe, call: fastCall, throwsExit: true)))
}

/// Four stamps by width; `ws` are those that exist. `body` ends before the width arguments.
func byWidth(
  _ name: String, _ ws: ClosedRange<Int>, effect: Int = 2, flags: Bool = true, _ body: (String) -> String
) {
  base(name)
  for w in 0..<4 { if ws.contains(w) { plain(body(widths[w]), effect: effect, flags: flags) } else { hole() } }
}

/// Twelve stamps by width and address form.
func byWidthAndAddress(
  _ name: String, _ ws: ClosedRange<Int>, flags: Bool = true, _ body: (String, String) -> String
) {
  base(name)
  for w in 0..<4 {
    for a in addresses {
      if ws.contains(w) {
        memory(body(widths[w], a), slowBody: body(widths[w], "AddressS"), flags: flags)
      } else {
        hole()
      }
    }
  }
}

func defineHotForms() {
  for a in ["ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "TEST"] {
    let effect = a == "ADC" || a == "SBB" ? 2 : 1
    byWidth("\(a)_rr", 0...3, effect: effect) { "rr(, \(a).self, \($0).self)" }
    byWidth("\(a)_ri", 0...3, effect: effect) { "ri(, \(a).self, \($0).self)" }
    if a != "TEST" {
      byWidthAndAddress("\(a)_rm", 0...3) { "rm(, \(a).self, \($0).self, \($1).self)" }
    }
    byWidthAndAddress("\(a)_mr", 0...3) { "mr(, \(a).self, \($0).self, \($1).self)" }
    byWidthAndAddress("\(a)_mi", 0...3) { "mi(, \(a).self, \($0).self, \($1).self)" }
  }
  for (suffix, setsFlags) in [("", true), ("_deadFlags", false)] {
    let effect = setsFlags ? 1 : 0
    let end = "setsFlags: \(setsFlags))"
    byWidth("IMUL_rr" + suffix, 1...3, effect: effect) { "IMUL_rr(, \($0).self, " + end }
    byWidthAndAddress("IMUL_rm" + suffix, 1...3) { "IMUL_rm(, \($0).self, \($1).self, " + end }
    byWidth("IMUL_rri" + suffix, 1...3, effect: effect) { "IMUL_rri(, \($0).self, " + end }
    byWidthAndAddress("IMUL_rmi" + suffix, 1...3) { "IMUL_rmi(, \($0).self, \($1).self, " + end }
    for (name, signed) in [("MUL", "false"), ("IMUL1", "true")] {
      byWidth("\(name)_r" + suffix, 0...3, effect: effect) { "MUL_r(, \($0).self, signed: \(signed), " + end }
      byWidthAndAddress("\(name)_m" + suffix, 0...3) {
        "MUL_m(, \($0).self, \($1).self, signed: \(signed), " + end
      }
    }
  }
  for (u, effect) in [("INC", 0), ("DEC", 0), ("NEG", 1), ("NOT", 0)] {
    byWidth("\(u)_r", 0...3, effect: effect) { "r(, \(u).self, \($0).self)" }
    byWidthAndAddress("\(u)_m", 0...3) { "m(, \(u).self, \($0).self, \($1).self)" }
  }
  for u in ["INC_deadCF", "DEC_deadCF"] { byWidth("\(u)_r", 0...3, effect: 0) { "r(, \(u).self, \($0).self)" } }
  for u in ["ROL", "ROR", "SHL", "SHR", "SAR"] {
    for (n, count) in [("c", "ByConstant"), ("cl", "ByCL")] {
      let effect = n == "cl" ? 2 : u.hasPrefix("RO") ? 0 : 1
      byWidth("\(u)_\(n)_r", 0...3, effect: effect) { "r(, \(u)<\(count)>.self, \($0).self)" }
      byWidthAndAddress("\(u)_\(n)_m", 0...3) { "m(, \(u)<\(count)>.self, \($0).self, \($1).self)" }
      if u.hasPrefix("RO") {
        byWidth("\(u)_\(n)_deadFlags_r", 0...3, effect: 0) { "r(, \(u)_deadFlags<\(count)>.self, \($0).self)" }
      }
    }
  }
  byWidth("shiftByZero_r", 0...3, effect: 0) { "r(, KEEP.self, \($0).self)" }
  byWidthAndAddress("shiftByZero_m", 0...3) { "m(, KEEP.self, \($0).self, \($1).self)" }
  for d in ["SHLD", "SHRD"] {
    for (n, count) in [("c", "ByConstant"), ("cl", "ByCL")] {
      byWidth("\(d)_\(n)_rr", 1...3) { "doubleShift_rr(, \(d).self, \(count).self, \($0).self)" }
      byWidthAndAddress("\(d)_\(n)_mr", 1...3) {
        "doubleShift_mr(, \(d).self, \(count).self, \($0).self, \($1).self)"
      }
    }
  }
  byWidth("MOV_rr", 0...3, effect: 0, flags: false) { "MOV_rr(, \($0).self)" }
  byWidth("MOV_ri", 0...3, effect: 0, flags: false) { "MOV_ri(, \($0).self)" }
  for m in ["MOV_rm", "MOV_mr", "MOV_mi"] {
    byWidthAndAddress(m, 0...3, flags: false) { "\(m)(, \($0).self, \($1).self)" }
  }
  for (n, s, ws) in [("8", "UInt8", 1...3), ("16", "UInt16", 1...3)] {
    for m in ["MOVZX", "MOVSX"] {
      byWidth("\(m)\(n)_rr", ws, effect: 0, flags: false) { "\(m)_rr(, \(s).self, \($0).self)" }
      byWidthAndAddress("\(m)\(n)_rm", ws, flags: false) { "\(m)_rm(, \(s).self, \($0).self, \($1).self)" }
    }
  }
  base("MOVSXD_rr")
  plain("MOVSX_rr(, UInt32.self, UInt64.self)", effect: 0, flags: false)
  base("MOVSXD_rm")
  for a in addresses {
    memory(
      "MOVSX_rm(, UInt32.self, UInt64.self, \(a).self)",
      slowBody: "MOVSX_rm(, UInt32.self, UInt64.self, AddressS.self)", flags: false)
  }
  byWidthAndAddress("LEA_rm", 1...3, flags: false) { "LEA_rm(, \($0).self, \($1).self)" }
  byWidth("XCHG_rr", 0...3, effect: 0, flags: false) { "XCHG_rr(, \($0).self)" }
  byWidthAndAddress("XCHG_mr", 0...3, flags: false) { "XCHG_mr(, \($0).self, \($1).self)" }
  for m in ["XADD", "CMPXCHG"] {
    byWidth("\(m)_rr", 0...3) { "\(m)_rr(, \($0).self)" }
    byWidthAndAddress("\(m)_mr", 0...3) { "\(m)_mr(, \($0).self, \($1).self)" }
  }
  byWidth("CBW", 1...3, effect: 0, flags: false) { "CBW(, \($0).self)" }
  byWidth("CWD", 1...3, effect: 0, flags: false) { "CWD(, \($0).self)" }
  byWidth("BSWAP_r", 1...3, effect: 0, flags: false) { "BSWAP_r(, \($0).self)" }
  for b in ["BT", "BTS", "BTR", "BTC"] {
    byWidth("\(b)_rr", 1...3) { "bit_rr(, \(b).self, \($0).self)" }
    byWidth("\(b)_ri", 1...3) { "bit_ri(, \(b).self, \($0).self)" }
    byWidthAndAddress("\(b)_mr", 1...3) { "bit_mr(, \(b).self, \($0).self, \($1).self)" }
    byWidthAndAddress("\(b)_mi", 1...3) { "bit_mi(, \(b).self, \($0).self, \($1).self)" }
  }
  for s in ["BSF", "BSR", "TZCNT", "LZCNT", "POPCNT"] {
    byWidth("\(s)_rr", 1...3) { "scan_rr(, \(s).self, \($0).self)" }
    byWidthAndAddress("\(s)_rm", 1...3) { "scan_rm(, \(s).self, \($0).self, \($1).self)" }
  }
  for (i, cc) in conditions.enumerated() {
    byWidth("CMOVcc_\(i)_rr", 1...3) { "CMOVcc_rr(, CC_\(cc).self, \($0).self)" }
    byWidthAndAddress("CMOVcc_\(i)_rm", 1...3) { "CMOVcc_rm(, CC_\(cc).self, \($0).self, \($1).self)" }
    base("SETcc_\(i)_r")
    plain("SETcc_r(, CC_\(cc).self)", flags: true)
    base("SETcc_\(i)_m")
    for a in addresses {
      memory("SETcc_m(, CC_\(cc).self, \(a).self)", slowBody: "SETcc_m(, CC_\(cc).self, AddressS.self)", flags: true)
    }
  }
  for m in ["MOVS", "STOS"] {
    base("REP_\(m)")
    for w in widths {
      forms.append(
        Form(
          comment: "REP \(m)",
          fast: "{ c, o, r, s, k in guard FastRepeat.\(m)(cpu(c), \(w).self) else { return missed(c, o, r, s, k) }; "
            + "return go(c, op(o) + 1, LazyFlags(r, s, k)) }",
          slow: "{ c, o in coldJump(c, o) { cpu, op throws(Exit) in try cpu.\(m)(op, \(w).self) } }"))
    }
  }
  defineControlForms()
}

/// Forms that exist at 64 bits only, laid out as if by width.
func only64(_ name: String, _ body: String) {
  base(name)
  for _ in 0..<3 { hole() }
  memory(body, flags: false)
}
func only64Memory(_ name: String, _ body: (String) -> String) {
  base(name)
  for _ in 0..<9 { hole() }
  for a in addresses { memory(body(a), slowBody: body("AddressS"), flags: false) }
}

var fusedAny: [Int: Int] = [:]
var fusedZero: [Int: Int] = [:]

func defineControlForms() {
  for (name, body) in [
    ("PUSH_r64", "PUSH_r64()"), ("PUSH_i64", "PUSH_i64()"), ("POP_r64", "POP_r64()"), ("RET64", "RET64()"),
    ("LEAVE64", "LEAVE64()"), ("CALL_r64", "CALL_r64()"), ("JMP_r64", "JMP_r64()"),
  ] { only64(name, body) }
  for name in ["PUSH_m64", "CALL_m64", "JMP_m64"] { only64Memory(name) { "\(name)(, \($0).self)" } }
  base("CALL_J64")
  memory("CALL_J64()", flags: false)
  base("JMP_J")
  plain("JMP_J()", flags: false)
  base("blockEnd")
  plain("blockEnd()", flags: false)
  base("linkFar")
  plain("linkFar()", flags: false)
  base("countEntry")
  plain("countEntry()", flags: false)
  base("Jcc_J")
  for cc in conditions { plain("Jcc_J(, CC_\(cc).self)", flags: true) }
  for w in 0..<4 {
    let t = widths[w]
    for (form, body) in [
      ("CMP_rr", "CMPJcc_rr"), ("CMP_ri", "CMPJcc_ri"), ("TEST_rr", "TESTJcc_rr"), ("TEST_ri", "TESTJcc_ri"),
    ] {
      fusedAny[bases[form]! + w] = forms.count
      for cc in conditions { plain("\(body)(, CC_\(cc).self, \(t).self)", effect: 1, flags: true) }
    }
    for (form, body) in [
      ("CMP_rm", "CMPJcc_rm"), ("CMP_mr", "CMPJcc_mr"), ("CMP_mi", "CMPJcc_mi"), ("TEST_mi", "TESTJcc_mi"),
    ] {
      for (i, a) in addresses.enumerated() where a != "AddressS" {
        fusedAny[bases[form]! + w * 3 + i] = forms.count
        for cc in conditions {
          memory(
            "\(body)(, CC_\(cc).self, \(t).self, \(a).self)",
            slowBody: "\(body)(, CC_\(cc).self, \(t).self, AddressS.self)", flags: true)
        }
      }
    }
    for a in ["ADD", "SUB"] {
      fusedZero[bases["\(a)_ri"]! + w] = forms.count
      for z in ["true", "false"] {
        plain("ALUJZ_ri(, \(a).self, \(t).self, ifZero: \(z))", effect: 1, flags: true)
      }
    }
    for u in ["INC", "DEC", "INC_deadCF", "DEC_deadCF"] {
      fusedZero[bases["\(u)_r"]! + w] = forms.count
      for z in ["true", "false"] {
        plain("incJZ_r(, \(u).self, \(t).self, ifZero: \(z))", effect: 0, flags: true)
      }
    }
  }
}

var deadVariants: [Int: Int] = [:]
func defineDeadVariants() {
  for w in 0..<4 {
    for u in ["INC", "DEC"] {
      // The flags of a fused op are live at the end of the block, so it has no dead form of its own.
      deadVariants[bases["\(u)_r"]! + w] = bases["\(u)_deadCF_r"]! + w
    }
    for u in ["ROL", "ROR"] {
      for n in ["c", "cl"] {
        deadVariants[bases["\(u)_\(n)_r"]! + w] = bases["\(u)_\(n)_deadFlags_r"]! + w
      }
    }
    for u in ["IMUL_rr", "IMUL_rri", "MUL_r", "IMUL1_r"] {
      deadVariants[bases[u]! + w] = bases["\(u)_deadFlags"]! + w
    }
  }
  for u in ["IMUL_rm", "IMUL_rmi", "MUL_m", "IMUL1_m"] {
    for form in 0..<(4 * addresses.count) {
      deadVariants[bases[u]! + form] = bases["\(u)_deadFlags"]! + form
    }
  }
}

// MARK: Hot forms of instructions on vector registers

/// How the stamps ask for the memory operand: arguments of `VectorForm.isReady` after the access.
let wholeVector = ""
let aligned = ", isAligned: true"
let unaligned = ", isAligned: false"
func bytes(_ count: Int) -> String { ", size: \(count)" }

struct HotVector {
  var ready = wholeVector
  var isStore = false
  /// The call of a function of `HostFloatingPoint` that takes the place of the body; `&f` means that it sets flags.
  var host: String?
}

let hotVectors: [String: HotVector] = {
  var hot: [String: HotVector] = [:]
  for name in [
    "PADDB", "PADDW", "PADDD", "PADDQ", "PSUBB", "PSUBW", "PSUBD", "PSUBQ", "PAND", "PANDN", "POR", "PXOR", "PCMPEQB",
    "PCMPEQW", "PCMPEQD", "PCMPEQQ", "PCMPGTB", "PCMPGTW", "PCMPGTD", "PMULLW", "PMULHW", "PMULUDQ", "PMULLD", "PMADDWD",
    "PMINUB", "PMAXUB", "PMINSW", "PMAXSW", "PMINSD", "PMAXSD", "PMINUD", "PMAXUD", "PUNPCKLBW", "PUNPCKLWD",
    "PUNPCKLDQ", "PUNPCKLQDQ", "PUNPCKHBW", "PUNPCKHWD", "PUNPCKHDQ", "PUNPCKHQDQ", "UNPCKLPS", "UNPCKHPS", "PSHUFD",
    "SHUFPS", "SHUFPD", "PACKUSWB", "PACKSSDW", "PSHUFB", "PALIGNR", "VPBLENDD", "VPERMD", "VPERMQ", "VPERM2I128",
    "VPSLLVD", "VPSLLVQ", "VPSRLVD", "VPSRLVQ", "VPSRAVD",
  ] { hot[name] = HotVector() }
  for name in ["PSLLW_I", "PSLLD_I", "PSLLQ_I", "PSRLW_I", "PSRLD_I", "PSRLQ_I", "PSRAW_I", "PSRAD_I", "MOVHLPS", "MOVLHPS", "PMOVMSKB", "MOVMSKPD", "MOVMSKPS", "VZEROUPPER"] {
    hot[name] = HotVector(ready: bytes(0))
  }
  hot["MOVAPS"] = HotVector(ready: aligned)
  hot["MOVAPS_WV"] = HotVector(ready: aligned, isStore: true)
  hot["MOVUPS"] = HotVector(ready: unaligned)
  hot["MOVUPS_WV"] = HotVector(ready: unaligned, isStore: true)
  for (name, size) in [("MOVSS", 4), ("MOVSD", 8), ("MOVQ", 8), ("MOVLPS", 8), ("MOVHPS", 8)] {
    hot[name] = HotVector(ready: bytes(size))
    hot["\(name)_WV"] = HotVector(ready: bytes(size), isStore: true)
  }
  hot["MOVD"] = HotVector(ready: "width")
  hot["MOVD_EV"] = HotVector(ready: "width", isStore: true)
  for (name, size) in [("VPBROADCASTB", 1), ("VPBROADCASTW", 2), ("VPBROADCASTD", 4), ("VPBROADCASTQ", 8)] {
    hot[name] = HotVector(ready: bytes(size))
  }
  for name in ["VBROADCASTI128", "VINSERTI128"] { hot[name] = HotVector(ready: bytes(16)) }
  hot["VEXTRACTI128"] = HotVector(ready: bytes(16), isStore: true)
  for (name, operation) in [
    ("ADD", "Add"), ("SUB", "Subtract"), ("MUL", "Multiply"), ("DIV", "Divide"), ("MIN", "Minimum"), ("MAX", "Maximum"),
  ] {
    hot["\(name)PS"] = HotVector(host: "hostPackedSingle(, Host\(operation).self)")
    hot["\(name)PD"] = HotVector(host: "hostPackedDouble(, Host\(operation).self)")
    hot["\(name)SS"] = HotVector(ready: bytes(4), host: "hostScalarSingle(, Host\(operation).self)")
    hot["\(name)SD"] = HotVector(ready: bytes(8), host: "hostScalarDouble(, Host\(operation).self)")
  }
  hot["SQRTSS"] = HotVector(ready: bytes(4), host: "hostSquareRootSingle()")
  hot["SQRTSD"] = HotVector(ready: bytes(8), host: "hostSquareRootDouble()")
  for prefix in ["", "U"] {
    hot["\(prefix)COMISS"] = HotVector(ready: bytes(4), host: "hostCompareSingle(, &f)")
    hot["\(prefix)COMISD"] = HotVector(ready: bytes(8), host: "hostCompareDouble(, &f)")
  }
  for (name, ready) in [
    ("CVTSI2SD", "width"), ("CVTSI2SS", "width"), ("CVTTSD2SI", bytes(8)), ("CVTTSS2SI", bytes(4)),
  ] { hot[name] = HotVector(ready: ready, host: "host\(name)(, width)") }
  for suffix in ["S", "D"] {
    hot["CMPP\(suffix)"] = HotVector(host: "hostMask\(suffix == "S" ? "Single" : "Double")()")
  }
  hot["CVTSS2SD"] = HotVector(ready: bytes(4), host: "hostCVTSS2SD()")
  hot["CVTSD2SS"] = HotVector(ready: bytes(8), host: "hostCVTSD2SS()")
  return hot
}()

/// The encodings in which a hot instruction exists, and whether its width varies.
func defineHotVectors() {
  var encodingsOf: [String: Set<String>] = [:]
  var variable: Set<String> = []
  for row in rows where row.isVector && hotVectors[row.name] != nil {
    let (encoding, wide) = encodings(row)
    encodingsOf[row.name, default: []].formUnion([encoding, wide])
    if !row.options.contains("fixed") { variable.insert(row.name) }
  }
  for (name, encodings) in encodingsOf.sorted(by: { $0.key < $1.key }) {
    for encoding in encodings.sorted() {
      let hot = hotVectors[name]!
      if variable.contains(name) {
        base("v_\(name)_\(encoding)_r")
        for w in 0..<4 { hotVector(name, hot, encoding, nil, w) }
        base("v_\(name)_\(encoding)_m")
        for w in 0..<4 { for address in addresses { hotVector(name, hot, encoding, address, w) } }
      } else {
        base("v_\(name)_\(encoding)")
        let isRegister = rows.allSatisfy { $0.name != name || $0.mod == "reg" || $0.shape == "none" }
        for address in isRegister ? [nil] : [nil] + addresses { hotVector(name, hot, encoding, address, nil) }
      }
    }
  }
}

/// One stamp: a register form, or a memory form with this kind of address.
func hotVector(_ name: String, _ hot: HotVector, _ encoding: String, _ address: String?, _ width: Int?) {
  if let width, width < 2 { return hole() }
  let type = width.map { ", \(widths[$0]).self" } ?? ""
  let slow = "{ c, o in cold(c, o) { cpu, op throws(Exit) in try \(encoding)<AnySource>.\(name)(cpu, op\(type)) } }"
  guard address != "AddressS" else { return forms.append(Form(comment: name, fast: nil, slow: slow)) }
  let form = "\(encoding)<\(address.map { "MemorySource<\($0)>" } ?? "RegisterSource")>"
  let ready = hot.ready == "width" ? bytes(1 << (width ?? 0)) : hot.ready
  let access = hot.isStore ? "Access.write" : "Access.read"
  let guarded = "guard \(form).isReady(cpu(c), op(o), \(access)\(ready))"
  let miss = "else { return missed(c, o, r, s, k) }; "
  var fast = "{ c, o, r, s, k in "
  var piece = Piece(probe: "\(guarded) \(miss)", call: "\(form).\(name)(cpu(c), op(o)\(type))", throwsExit: true, isVector: true)
  if let host = hot.host {
    let call = host.replacingOccurrences(of: "(", with: "(cpu(c), op(o)").replacingOccurrences(of: ", width", with: type)
    let flags = host.contains("&f")
    if flags { fast += "var f = LazyFlags(r, s, k); " }
    piece = Piece(probe: "\(guarded), \(form).\(call) \(miss)", call: "", throwsExit: false, isVector: true)
    fast += "\(guarded), \(form).\(call) \(miss)return go(c, op(o) + 1, \(flags ? "f" : "LazyFlags(r, s, k)")) }"
  } else {
    fast += "\(guarded) \(miss)do throws(Exit) { try \(form).\(name)(cpu(c), op(o)\(type)) } "
      + "catch { return missed(c, o, r, s, k) }; return go(c, op(o) + 1, LazyFlags(r, s, k)) }"
  }
  let comment = "\(name) \(encoding) \(address ?? "Register")\(type)"
  forms.append(Form(comment: comment, fast: fast, slow: slow, piece: piece))
}

// MARK: Runs

/// The fields of an op that name registers, in the order of their bits in `RegisterUse.reads`.
/// The fields of an op that a run may know: those that name registers, and the scale of an address.
let operandFields = ["destination", "source", "base", "index", "scale"]
let scaleField = 4

/// Which registers a body reads, and what it writes to `destination`, if a run can hand that on to a later op.
struct RegisterUse {
  /// Bits 3:0 the fields that name general registers, as `operandFields` has them, bits 7:4 those that name vectors.
  var reads = 0
  /// 1: 32 or 64 bits of a general register; 2: a vector.
  var writes = 0
}

func registerUse(of form: Form) -> RegisterUse {
  guard let piece = form.piece else { return RegisterUse() }
  let address = form.comment.contains("AddressB") ? 4 : form.comment.contains("AddressF") ? 12 : 0
  if piece.isVector { return vectorUse(of: form, address) }
  guard let name = form.comment.split(separator: "(").first else { return RegisterUse() }
  // The width of what is written is the last that is named.
  let width = widths.max { position($0, in: form.comment) < position($1, in: form.comment) }!
  let isWide = (width == "UInt32" || width == "UInt64") && position(width, in: form.comment) >= 0
  let writes = isWide && !form.comment.contains("CMP.self") && !form.comment.contains("TEST.self") ? 1 : 0
  switch name {
  case "rr", "IMUL_rr", "CMOVcc_rr": return RegisterUse(reads: 3, writes: writes)
  case "ri", "r", "ALUJZ_ri", "incJZ_r": return RegisterUse(reads: 1, writes: writes)
  case "rm", "IMUL_rm", "CMOVcc_rm": return RegisterUse(reads: 1 | address, writes: writes)
  case "MOV_rr", "MOVZX_rr", "MOVSX_rr": return RegisterUse(reads: 2, writes: writes)
  case "MOV_rm", "MOVZX_rm", "MOVSX_rm", "LEA_rm": return RegisterUse(reads: address, writes: writes)
  case "MOV_ri": return RegisterUse(writes: writes)
  case "mr", "MOV_mr": return RegisterUse(reads: 2 | address)
  case "mi", "m", "MOV_mi", "CMPJcc_mi", "TESTJcc_mi", "JMP_m64", "CALL_m64": return RegisterUse(reads: address)
  case "CMPJcc_rr", "TESTJcc_rr": return RegisterUse(reads: 3)
  case "CMPJcc_ri", "TESTJcc_ri": return RegisterUse(reads: 1)
  case "CMPJcc_rm": return RegisterUse(reads: 1 | address)
  case "CMPJcc_mr": return RegisterUse(reads: 2 | address)
  case "JMP_r64", "CALL_r64": return RegisterUse(reads: 4)
  default: return RegisterUse()
  }
}

/// Vectors: the first source is in `source`, the second in `base` where it is a register.
func vectorUse(of form: Form, _ address: Int) -> RegisterUse {
  let name = form.comment.split(separator: " ")[0]
  let second = address == 0 ? 4 << 4 : address
  if name.hasSuffix("_WV") || name == "MOVD_EV" { return RegisterUse(reads: 1 << 4 | address) }
  if name.hasSuffix("_I") { return RegisterUse(reads: 4 << 4) }
  if name.contains("COMIS") { return RegisterUse(reads: 1 << 4 | second, writes: 0) }
  if name.hasPrefix("CVTT") { return RegisterUse(reads: second, writes: 1) }
  if name.hasPrefix("CVTSI") || name == "MOVD" { return RegisterUse(reads: address == 0 ? 4 : address, writes: 2) }
  if name.contains("MOVMSK") { return RegisterUse(reads: 4 << 4, writes: 1) }
  let isUnary =
    ["MOVAPS", "MOVUPS", "MOVQ", "PSHUFD"].contains(name) || name.hasPrefix("CVTS") || name.contains("BROADCAST")
  if isUnary { return RegisterUse(reads: second, writes: 2) }
  if ["VZEROUPPER", "VEXTRACTI128"].contains(name) { return RegisterUse() }
  return RegisterUse(reads: 2 << 4 | second, writes: 2)
}

/// Where `word` last occurs, -1 if it does not.
func position(_ word: String, in text: String) -> Int {
  text.range(of: word, options: .backwards).map { text.distance(from: text.startIndex, to: $0.lowerBound) } ?? -1
}

/// That a field of an op names the register that an earlier op of the run writes, or that its scale is a known one.
struct Forwarding {
  /// Index in the run.
  var member: Int
  /// Index in `operandFields`.
  var field: Int
  /// The earlier op, or the scale.
  var from: Int

  /// `HandlerTables.forwards` takes it apart.
  var code: Int { member << 6 | field << 3 | from }
  /// What a stamp sets the field to.
  var value: String { field == scaleField ? "\(from)" : "\(memberPointers[from])Slot" }
}

/// What Frequent.runs calls the members of a run, and stamps their pointers and operands.
let memberNames = ["a", "b", "c", "d", "e", "f"]
let memberPointers = ["o", "p", "q", "u", "v", "w"]

struct Run {
  /// Two to six.
  var forms: [Int]
  var forwardings: [Forwarding]
  var stamp: String
}
var runs: [Run] = []

/// What Frequent.runs and profiles call a form: `MOV_rm UInt64 AddressB` is `MOV_rm(, UInt64.self, AddressB.self)`.
func name(of form: Form) -> String {
  form.comment.replacingOccurrences(of: ".self", with: "").replacingOccurrences(of: "(, ", with: " ")
    .replacingOccurrences(of: ",", with: "").replacingOccurrences(of: "()", with: "")
    .replacingOccurrences(of: ")", with: "")
}

/// The forms that Frequent.runs can name.
func formNames() -> [String: Int] {
  var names: [String: Int] = [:]
  for (index, form) in forms.enumerated() where form.piece != nil {
    let name = name(of: form)
    if names[name] == nil { names[name] = index }
  }
  return names
}

/// `b.source = a.destination, c.base = b.destination, c.scale = 2`: which ops of a run take what from which, and the
/// scales of indices (as `DecodedOp.scale` has them).
func forwardings(_ text: String, _ place: String) -> [Forwarding] {
  text.components(separatedBy: ", ").map { condition in
    let sides = condition.components(separatedBy: " = ").map { $0.components(separatedBy: ".") }
    if sides.count == 2, sides[0].count == 2, sides[0][1] == operandFields[scaleField],
      let member = memberNames.firstIndex(of: sides[0][0]), let scale = Int(sides[1][0]), 0...3 ~= scale
    {
      return Forwarding(member: member, field: scaleField, from: scale)
    }
    guard sides.count == 2, sides.allSatisfy({ $0.count == 2 }), sides[1][1] == "destination",
      let member = memberNames.firstIndex(of: sides[0][0]), let from = memberNames.firstIndex(of: sides[1][0]),
      let field = operandFields.firstIndex(of: sides[0][1]), from < member
    else { fail("\(place): '\(condition)' is not such as 'b.source = a.destination'") }
    return Forwarding(member: member, field: field, from: from)
  }
}

/// Stamps that do the work of two to six ops one after the other. The later ops stay where they are, so the
/// first one's slow form, and a later body that misses the TLB, go on as if there were no run.
func defineRuns(_ file: String) {
  guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { fail("cannot read \(file)") }
  let names = formNames()
  for (number, line) in text.components(separatedBy: "\n").enumerated() where !line.hasPrefix("#") && !line.isEmpty {
    let place = "\(file):\(number + 1)"
    let parts = line.components(separatedBy: " where ")
    let members = parts[0].components(separatedBy: " | ").map { names[$0] }
    let pieces = members.compactMap { $0.flatMap { forms[$0].piece } }
    guard 2...memberNames.count ~= members.count, pieces.count == members.count else {
      fail("\(place): not two to \(memberNames.count) forms with fast stamps")
    }
    let forwardings = parts.count > 1 ? forwardings(parts[1], place) : []
    runs.append(Run(forms: members.map { $0! }, forwardings: forwardings, stamp: runStamp(pieces, forwardings)))
  }
  // Of the runs that begin with the same two forms, the longest come first, and of those the most particular.
  func order(_ run: Run) -> [Int] {
    run.forms[..<2] + [-run.forms.count] + run.forms[2...] + [-run.forwardings.count] + run.forwardings.map(\.code)
  }
  runs.sort { order($0).lexicographicallyPrecedes(order($1)) }
}

func runStamp(_ pieces: [Piece], _ forwardings: [Forwarding]) -> String {
  let isUsingFlags = pieces.contains { $0.call.contains("&f") || $0.probe.contains("&f") }
  let first = pieces.firstIndex { $0.replacesFlags || $0.throwsExit || !$0.probe.isEmpty }
  var stamp = "{ c, o, r, s, k in " + (first.map { pieces[$0].replacesFlags } ?? false ? keepsArguments : "")
  stamp += "\(isUsingFlags ? "var" : "let") f = LazyFlags(r, s, k); let n: OpPointer; "
  for (index, piece) in pieces.enumerated() {
    let op = memberPointers[index]
    var reference = "op(\(op))"
    if index > 0 { stamp += "let \(op) = o + \(index == 1 ? "" : "\(index) * ")MemoryLayout<DecodedOp>.stride; " }
    let taken = forwardings.filter { $0.member == index }
    if !taken.isEmpty {
      reference = "\(op)View"
      stamp += "var \(reference) = ForwardedOp(op(\(op))); "
      for forwarding in taken {
        stamp += "\(reference).\(operandFields[forwarding.field]) = \(forwarding.value); "
      }
    }
    // Before the op's register is stored: the compiler must not think that the store changed the op.
    if forwardings.contains(where: { $0.field != scaleField && $0.from == index }) {
      stamp += "let \(op)Slot = \(reference).fields.destination; "
    }
    let miss = "missed(c, \(op), f.result, f.source, f.kind)"
    let isLast = index == pieces.count - 1
    let result = piece.isVector ? "" : isLast ? "n = " : "_ = "
    var body =
      piece.throwsExit
      ? "do throws(Exit) { \(result)try \(piece.call) } catch { return \(miss) }; "
      : piece.call.isEmpty ? "" : "\(result)\(piece.call); "
    if piece.isVector && isLast { body += "n = op(o).next; " }
    stamp += (piece.probe.replacingOccurrences(of: "missed(c, o, r, s, k)", with: miss) + body)
      .replacingOccurrences(of: "op(o)", with: reference)
  }
  return stamp + "return go(c, n, f) }"
}

// MARK: Aliases

/// Stamps whose code would be the same to the letter. LLVM merges such functions into one and a thunk that
/// calls it, and the tail jump is lost, so the table holds the address of the first one twice instead.
var aliases: [Int: Int] = [:]
func alias(_ form: Int, to target: Int) {
  aliases[form] = target
  forms[form].fast = nil
}

func defineAliases() {
  // After a logical operation CF = OF = 0, so these conditions say the same.
  let same = [2: 0, 3: 1, 6: 4, 7: 5, 12: 8, 13: 9]
  for start in fusedAny.filter({ forms[$0.value].comment.hasPrefix("TEST") }).values {
    for (cc, other) in same { alias(start + cc, to: start + other) }
  }
  // A zero-extended value is the same at 32 and 64 bits; moves of equal widths extend nothing.
  for n in ["8", "16"] {
    alias(bases["MOVZX\(n)_rr"]! + 3, to: bases["MOVZX\(n)_rr"]! + 2)
    for a in 0..<3 { alias(bases["MOVZX\(n)_rm"]! + 9 + a, to: bases["MOVZX\(n)_rm"]! + 6 + a) }
  }
  for m in ["MOVZX16", "MOVSX16"] {
    alias(bases["\(m)_rr"]! + 1, to: bases["MOV_rr"]! + 1)
    for a in 0..<3 { alias(bases["\(m)_rm"]! + 3 + a, to: bases["MOV_rm"]! + 3 + a) }
  }
  // These always take the slow path.
  for b in ["BT", "BTS", "BTR", "BTC"] { for w in 1...3 { forms[bases["\(b)_mr"]! + w * 3 + 2].fast = nil } }
  for a in 0..<3 { forms[bases["LEA_rm"]! + 3 + a].fast = nil }
}

// MARK: Cold forms

struct Cold {
  var widths: Set<Int> = []
  var fixed: Bool
  var jump: Bool
  /// The function: of the CPU, or of a `VectorForm`.
  var function: String
}
var colds: [String: Cold] = [:]

func noteCold(
  _ name: String, _ ws: [Int], fixed: Bool, jump: Bool, function: String? = nil, _ place: String
) {
  let function = function ?? "cpu.\(name)(op"
  var cold = colds[name] ?? Cold(fixed: fixed, jump: jump, function: function)
  guard cold.fixed == fixed, cold.jump == jump, cold.function == function else {
    fail("\(place): options of \(name) differ between rows")
  }
  cold.widths.formUnion(ws)
  colds[name] = cold
}

/// The encodings of a row: names of `VectorForm`s for VEX.L = 0 and 1; legacy rows have one.
func encodings(_ row: Row) -> (String, String) {
  if !row.isVEX { return ("Legacy", "Legacy") }
  return (row.options.contains("L1") ? "VEX256" : "VEX128", row.options.contains("L0") || row.options.contains("LIG") ? "VEX128" : "VEX256")
}

func coldName(_ row: Row, _ encoding: String) -> String {
  row.isVector && encoding != "Legacy" ? "\(row.name)_\(encoding)" : row.name
}

/// The functions of the rows without VEX serve those with it.
func shareNames() {
  for index in rows.indices where rows[index].isVEX && rows[index].name == rows[index].mnemonic {
    let row = rows[index]
    let legacy = rows.first {
      $0.map == ["V0F": "0F", "V38": "38", "V3A": "3A"][row.map] && $0.opcodes == row.opcodes && $0.prefix == row.prefix
        && $0.reg == row.reg && "V" + $0.mnemonic == row.mnemonic && ($0.mod == nil || $0.mod == row.mod)
    }
    if let legacy, legacy.isVector { rows[index].name = legacy.name }
  }
}

func defineColdForms() {
  for name in colds.keys.sorted() {
    base("cold_\(name)")
    let cold = colds[name]!
    let kind = cold.jump ? "coldJump" : "cold"
    if cold.fixed {
      forms.append(
        Form(
          comment: name, fast: nil, slow: "{ c, o in \(kind)(c, o) { cpu, op throws(Exit) in try \(cold.function)) } }"))
      continue
    }
    for w in 0..<4 {
      guard cold.widths.contains(w) else {
        hole()
        continue
      }
      forms.append(
        Form(
          comment: name, fast: nil,
          slow: "{ c, o in \(kind)(c, o) { cpu, op throws(Exit) in try \(cold.function), \(widths[w]).self) } }"))
    }
  }
  for (name, slow) in [
    ("UD", "{ c, o in cold(c, o) { cpu, op throws(Exit) in throw cpu.decodedFault(.UD, op) } }"),
    ("GP", "{ c, o in cold(c, o) { cpu, op throws(Exit) in throw cpu.decodedFault(.GP, op) } }"),
    ("linkNear", "{ c, o in coldJump(c, o) { cpu, op throws(Exit) in cpu.linkNear(op) } }"),
    ("lookup", "{ c, o in coldJump(c, o) { cpu, op throws(Exit) in cpu.lookup() } }"),
    ("MOVSXD_w", "{ c, o in cold(c, o) { cpu, op throws(Exit) in try cpu.MOVSXD_w(op) } }"),
    ("branchBeyondLimit", "{ c, o in coldJump(c, o) { cpu, op throws(Exit) in try cpu.branchBeyondLimit(op) } }"),
    ("exit", "{ c, o in o }"),
  ] {
    base(name)
    forms.append(Form(comment: name, fast: nil, slow: slow))
  }
}

// MARK: Decoder entries

/// The members of `OpcodeOption`, as OpcodeEntry.swift defines them.
let optionBits: [String: Int] = {
  let path = FileManager.default.currentDirectoryPath + "/Sources/ApusCPU/Decode/OpcodeEntry.swift"
  guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { fail("cannot read \(path)") }
  var bits: [String: Int] = [:]
  for line in text.components(separatedBy: "\n") {
    let words = line.split(separator: " ").map(String.init)
    if words.count == 6, words[0] == "static", words[3] == "UInt16", words[4] == "=", let bit = Int(words[5]) {
      bits[String(words[2].dropLast())] = bit
    }
  }
  return bits
}()

struct Entry: Hashable {
  var shape = "undefined"
  var width = "b"
  var options: [String] = []
  var register = 0
  var memory = 0
  var legacy = 0
  var feature = 0
  var wideFeature = 0
  var text: String {
    // A number, as operators in array literals cost the type checker time.
    var flags = 0
    for option in options {
      guard let bit = optionBits[option] else { fail("OpcodeOption has no \(option)") }
      flags |= bit
    }
    return "OpcodeEntry(shape: .\(shape), width: .\(width), options: \(flags), register: \(register), memory: \(memory), legacy: \(legacy)\(feature | wideFeature == 0 ? "" : ", feature: \(feature), wideFeature: \(wideFeature)"))"
  }
}

/// The numbers of the features, as CPUFeature.swift defines them.
let featureNumbers: [String: Int] = {
  let path = FileManager.default.currentDirectoryPath + "/Sources/ApusCPU/CPU/CPUFeature.swift"
  guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { fail("cannot read \(path)") }
  var numbers: [String: Int] = [:]
  for line in text.components(separatedBy: "\n") {
    let words = line.split(separator: " ").map(String.init)
    if words.count == 4, words[0] == "case", words[2] == "=", let number = Int(words[3]) { numbers[words[1]] = number }
  }
  return numbers
}()

/// The features for VEX.L = 0 and 1.
func featurePair(_ row: Row) -> (Int, Int) {
  guard let features = row.features, let last = features.components(separatedBy: "+").last else { return (0, 0) }
  let names = last.components(separatedBy: "/").map {
    $0.lowercased().replacingOccurrences(of: ".", with: "_")
  }
  let numbers = names.map { name -> Int in
    guard let number = featureNumbers[name] else { fail("\(row.place): no feature \(name)") }
    return number
  }
  return (numbers[0], numbers[numbers.count - 1])
}

/// The letter of an operand code that gives the width, or nil.
func widthLetter(_ operand: String) -> String? {
  switch operand {
  case "AL", "CL", "1", "DX", "ES", "CS", "SS", "DS", "FS", "GS": return operand == "AL" ? "b" : nil
  case "rAX": return "v"
  default: break
  }
  guard let first = operand.first, let last = operand.last, operand.count == 2 else { return nil }
  guard "EGBZROXYMCDIJ".contains(first), "bwdqvyz".contains(last) else { return nil }
  return String(last)
}

func shapeName(of row: Row) -> String {
  if let shape = row.shape { return shape }
  if row.options.contains("nop") { return "nop" }
  if row.options.contains("string") { return "string" }
  let kinds = row.operands.map { operand -> String in
    switch operand {
    case "AL", "rAX": return "A"
    case "CL", "1", "DX", "Ap": return operand
    case "ES", "CS", "SS", "DS", "FS", "GS": return "S"
    case "sIb": return "I"
    default: return String(operand.prefix(1))
    }
  }
  if row.isVEX, let shape = vectorShape(kinds) { return shape }
  switch kinds.joined(separator: ",") {
  case "": return row.reg != nil || row.rm != nil ? "M" : "none"
  case "E,G": return "EG"
  case "G,E": return row.mnemonic == "MOVSXD" ? "movsxd" : "GE"
  case "E,I": return "EI"
  case "A,I": return row.mnemonic == "IN" ? "portI" : "AI"
  case "I,A": return "portI"
  case "A,DX", "DX,A": return "portDX"
  case "G,E,I": return "GEI"
  case "E": return "E"
  case "E,1": return "E1"
  case "E,CL": return "ECL"
  case "E,G,I": return "EGI"
  case "E,G,CL": return "EGCL"
  case "Z": return "Z"
  case "Z,I": return "ZI"
  case "Z,A": return "ZA"
  case "G,M": return row.operands[1] == "Mp" ? "GMp" : row.mnemonic == "LEA" ? "GM" : "MG"
  case "M,G": return "MG"
  case "M": return "M"
  case "A,O": return "AO"
  case "O,A": return "OA"
  case "J": return "J"
  case "I": return "I"
  case "I,I": return "IwIb"
  case "Ap": return "Ap"
  case "S": return "S"
  case "S,E": return "SE"
  case "E,S", "R,S": return "ES"
  case "R,C", "C,R", "R,D", "D,R": return "RC"
  case "R": return "E"
  case "Y,DX", "DX,X": return "string"
  default: fail("\(row.place): no shape for operands \(row.operands)")
  }
}

/// The shape of a row with vector operands; the operand in VEX.vvvv does not count.
func vectorShape(_ kinds: [String]) -> String? {
  switch kinds.filter({ $0 != "H" }).joined(separator: ",") {
  case "V,W", "V,U", "V,M": return "VW"
  case "W,V", "U,V", "M,V": return kinds.first == "V" ? nil : "WV"
  case "V,W,I", "V,U,I", "V,W,L": return "VWI"
  case "W,V,I": return "WVI"
  case "U,I": return "UI"
  case "V,E", "V,R": return "VE"
  case "E,V": return "EV"
  case "V,E,I", "V,R,I": return "VEI"
  case "E,V,I", "R,V,I": return "EVI"
  case "G,W", "G,U": return "GW"
  case "G,U,I": return "GWI"
  default: return nil
  }
}

let segmentNumbers = ["ES": 0, "CS": 1, "SS": 2, "DS": 3, "FS": 4, "GS": 5]

func width(of row: Row) -> String {
  if let width = row.width { return width }
  if row.isVector { return row.operands.contains { ["Ey", "Gy", "Ry"].contains($0) } ? "y" : "d" }
  if ["IN", "OUT"].contains(row.mnemonic) { return row.operands.contains("AL") ? "b" : "z" }
  // `RET Iw`, `ENTER Iw,Ib`: the immediates count bytes and levels; what is pushed and popped has the size.
  if row.operands.first == "Iw" { return "v" }
  let codes = row.operands.compactMap(widthLetter)
  // `MOV Ev,Sw`: the segment register does not decide.
  if let code = codes.first { return code }
  return "v"
}

func widthIndexes(_ code: String) -> [Int] {
  switch code {
  case "b": return [0]
  case "w": return [1]
  case "d": return [2]
  case "q": return [3]
  case "y": return [2, 3]
  case "z": return [1, 2]
  default: return [1, 2, 3]
  }
}

/// The names of the hot stamps of a row: register form, memory form, form outside 64-bit operand size.
func hotNames(_ row: Row, _ opcode: Int, _ shape: String) -> (String?, String?, String?) {
  let m = row.mnemonic
  let cc = opcode & 15
  switch (m, shape) {
  case ("PUSH", "Z"): return ("PUSH_r64", nil, "PUSH_r")
  case ("POP", "Z"): return ("POP_r64", nil, "POP_r")
  case ("PUSH", "I"): return ("PUSH_i64", nil, "PUSH_i")
  case ("PUSH", "E"): return ("PUSH_r64", "PUSH_m64", "PUSH_E")
  case ("CALL", "E"): return ("CALL_r64", "CALL_m64", "CALL_E")
  case ("JMP", "E"): return ("JMP_r64", "JMP_m64", "JMP_E")
  case ("RET", _): return ("RET64", nil, "RET")
  case ("LEAVE", _): return ("LEAVE64", nil, "LEAVE")
  case ("CALL", "J"): return ("CALL_J64", nil, "CALL_J")
  case ("JMP", "J"): return ("JMP_J", nil, nil)
  case ("Jcc", _): return ("Jcc_J", nil, nil)
  case ("CMOVcc", _): return ("CMOVcc_\(cc)_rr", "CMOVcc_\(cc)_rm", nil)
  case ("SETcc", _): return ("SETcc_\(cc)_r", "SETcc_\(cc)_m", nil)
  case ("MOVSXD", _): return ("MOVSXD_rr", "MOVSXD_rm", nil)
  case ("MOVZX", _), ("MOVSX", _):
    let n = row.operands[1] == "Eb" ? "8" : "16"
    return ("\(m)\(n)_rr", "\(m)\(n)_rm", nil)
  case ("IMUL", "GEI"): return ("IMUL_rri", "IMUL_rmi", nil)
  case ("IMUL", "E"): return ("IMUL1_r", "IMUL1_m", nil)
  case ("CBW", _), ("CWD", _): return (m, nil, nil)
  case ("BSWAP", _): return ("BSWAP_r", nil, nil)
  case ("XCHG", "ZA"): return ("XCHG_rr", nil, nil)
  case ("ROL", "ECL"), ("ROR", "ECL"), ("SHL", "ECL"), ("SHR", "ECL"), ("SAR", "ECL"):
    return ("\(m)_cl_r", "\(m)_cl_m", nil)
  case ("ROL", _), ("ROR", _), ("SHL", _), ("SHR", _), ("SAR", _): return ("\(m)_c_r", "\(m)_c_m", nil)
  case (_, "EGI"): return ("\(m)_c_rr", "\(m)_c_mr", nil)
  case (_, "EGCL"): return ("\(m)_cl_rr", "\(m)_cl_mr", nil)
  case ("MOV", "ZI"): return ("MOV_ri", nil, nil)
  case ("MOV", "AO"): return (nil, "MOV_rm", nil)
  case ("MOV", "OA"): return (nil, "MOV_mr", nil)
  case (_, "GM"): return (nil, "\(m)_rm", nil)
  case (_, "EG"): return ("\(m)_rr", "\(m)_mr", nil)
  case (_, "GE"): return ("\(m)_rr", "\(m)_rm", nil)
  case (_, "EI"): return ("\(m)_ri", "\(m)_mi", nil)
  case (_, "AI"): return ("\(m)_ri", nil, nil)
  case (_, "E"), (_, "Z"): return ("\(m)_r", "\(m)_m", nil)
  default: fail("\(row.place): no hot stamps for \(m) \(shape)")
  }
}

func entry(_ row: Row, _ opcode: Int) -> Entry {
  var e = Entry()
  e.shape = shapeName(of: row)
  e.width = width(of: row)
  let names: [(String, String)] = [
    ("hot", "hot"), ("end", "end"), ("lock", "lock"), ("i64", "invalid64"), ("o64", "only64"),
    ("d64", "default64"), ("f64", "force64"), ("fixed", "fixed"), ("mmx", "mmx"), ("vvvv", "vvvv"),
  ]
  for (option, flag) in names where row.options.contains(option) { e.options.append(flag) }
  if row.mod == "mem" { e.options.append("memoryOnly") }
  if row.mod == "reg" { e.options.append("registerOnly") }
  if row.operands.contains("sIb") { e.options.append("signedByte") }
  if row.operands.contains("Ib") && e.shape != "portI" && (e.width != "b" || "E" == row.operands[0].prefix(1)) {
    let isShift = ["ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SAR", "BT", "BTS", "BTR", "BTC"].contains(row.mnemonic)
    if isShift || e.width != "b" { e.options.append("byteImmediate") }
  }
  if row.operands == ["Ib"] || row.operands == ["Jb"] {
    if !e.options.contains("byteImmediate") { e.options.append("byteImmediate") }
  }
  if row.operands == ["Iw"] { e.options.append("wordSource") }
  if e.shape == "GE" && row.operands[1] == "Eb" && e.width != "b" { e.options.append("byteSource") }
  if e.shape == "GE" && row.operands[1] == "Ew" && e.width != "w" { e.options.append("wordSource") }
  (e.feature, e.wideFeature) = featurePair(row)
  if e.shape == "nop" { return e }
  if row.isVector && hotVectors[row.name] != nil {
    let (encoding, wide) = encodings(row)
    let isFixed = row.options.contains("fixed")
    e.options.append("hot")
    e.register = bases["v_\(row.name)_\(encoding)\(isFixed ? "" : "_r")"]!
    e.memory = bases[isFixed ? "v_\(row.name)_\(wide)" : "v_\(row.name)_\(encoding)_m"]!
  } else if row.options.contains("hot") {
    let (register, memory, legacy) = hotNames(row, opcode, e.shape)
    func index(_ name: String) -> Int {
      guard let at = bases[name] else { fail("\(row.place): no form \(name)") }
      return at
    }
    if let register { e.register = index(register) }
    if let memory { e.memory = index(memory) }
    if let legacy { e.legacy = index("cold_\(legacy)") }
    if row.mnemonic == "Jcc" {
      e.register += opcode & 15
      e.memory = opcode & 15
    }
    if row.mnemonic == "JMP" && e.shape == "J" { e.memory = 16 }
  } else {
    let (encoding, wide) = encodings(row)
    e.register = bases["cold_\(coldName(row, encoding))"]!
    e.memory = bases["cold_\(coldName(row, wide))"]!
    if e.shape == "S" { e.memory = segmentNumbers[row.operands[0]]! }
    if e.shape == "GMp" { e.memory = segmentNumbers[String(row.mnemonic.dropFirst()) ]! }
  }
  return e
}

// MARK: Output

let directory = FileManager.default.currentDirectoryPath
let maps = directory + "/Sources/ApusCPU/Decode/Maps/"
var rows: [Row] = []
/// The rows of all maps as they are written, without the comments, each file after the map of its rows that name
/// none.
var mapText = ""
for (file, map) in [
  ("OneByte", "1"), ("TwoByte", "0F"), ("ThreeByte", "38"), ("X87", "1"), ("SIMD", "0F"), ("VEX", "V0F"),
] where FileManager.default.fileExists(atPath: maps + file + ".opcodes") {
  rows += parse(maps + file + ".opcodes", map)
  let text = (try? String(contentsOfFile: maps + file + ".opcodes", encoding: .utf8)) ?? ""
  let lines = text.components(separatedBy: "\n").filter {
    !$0.hasPrefix("#") && !$0.trimmingCharacters(in: .whitespaces).isEmpty
  }
  mapText += "    (\n      \"\(map)\",\n      #\"\"\"\n"
  for line in lines { mapText += "      \(line)\n" }
  mapText += "      \"\"\"#\n    ),\n"
}

shareNames()
for index in rows.indices where rows[index].isVector && width(of: rows[index]) != "y" {
  rows[index].options.insert("fixed")
}

defineHotForms()
defineHotVectors()
defineDeadVariants()
defineRuns(maps + "Frequent.runs")
defineAliases()
let fastCount = forms.count
for row in rows where !row.options.contains("hot") && !row.options.contains("nop") && !(row.isVector && hotVectors[row.name] != nil) {
  let (encoding, wide) = encodings(row)
  for encoding in row.isVector ? Set([encoding, wide]).sorted() : [encoding] {
    noteCold(
      coldName(row, encoding), widthIndexes(width(of: row)), fixed: row.options.contains("fixed"),
      jump: row.options.contains("jump"),
      function: row.isVector ? "\(encoding)<AnySource>.\(row.name)(cpu, op" : nil, row.place)
  }
}
for (name, jump) in [
  ("PUSH_r", false), ("POP_r", false), ("PUSH_i", false), ("PUSH_E", false), ("CALL_E", true), ("JMP_E", true),
  ("RET", true), ("LEAVE", false), ("CALL_J", true),
] { noteCold(name, [1, 2, 3], fixed: false, jump: jump, "generator") }
defineColdForms()

var alternatives: [String] = []
var groups: [Entry] = []
func table(_ map: String) -> [Entry] {
  (0..<256).map { opcode in
    let candidates = rows.filter { $0.map == map && $0.opcodes.contains(opcode) }
    if candidates.isEmpty { return Entry() }
    let hasConstraint = candidates.contains {
      $0.reg != nil || $0.rm != nil || $0.prefix != nil || candidates.count > 1
    }
    if !hasConstraint { return entry(candidates[0], opcode) }
    if candidates.allSatisfy({ $0.reg != nil && $0.rm == nil && $0.prefix == nil }),
      Set(candidates.compactMap(\.reg)).count == candidates.count
    {
      let start = groups.count
      for reg in 0..<8 {
        groups.append(candidates.first { $0.reg == reg }.map { entry($0, opcode) } ?? Entry())
      }
      return Entry(shape: "group", register: start)
    }
    let start = alternatives.count
    for row in candidates {
      let prefixes: Int
      switch row.prefix {
      case "NP": prefixes = 1
      case "66": prefixes = 2
      case "F3": prefixes = 4
      case "F2": prefixes = 8
      case nil: prefixes = 15
      default: fail("\(row.place): prefix \(row.prefix!)")
      }
      let mod = row.mod == "mem" ? 1 : row.mod == "reg" ? 2 : 3
      var mode = row.options.contains("i64") ? 1 : row.options.contains("o64") ? 2 : 3
      if map.hasPrefix("V") {
        mode |= row.options.contains("W0") ? 4 : row.options.contains("W1") ? 8 : 12
        mode |= row.options.contains("L0") ? 16 : row.options.contains("L1") ? 32 : 48
      }
      alternatives.append(
        "OpcodeAlternative(prefixes: \(prefixes), reg: \(row.reg ?? 255), rm: \(row.rm ?? 255), mod: \(mod), mode: \(mode), entry: \(entry(row, opcode).text))"
      )
    }
    return Entry(shape: "alternatives", register: start, memory: candidates.count)
  }
}

let notice = "// Generated by Scripts/generate-stamps.swift from the opcode maps. No semantics here; do not edit.\n// swift-format-ignore-file\n\n"
var outputs: [String: String] = [:]

var formFile = notice + "/// Stamp numbers: the first of each family.\nenum Form {\n  static let count: UInt16 = \(forms.count)\n"
for name in order { formFile += "  static let \(name.replacingOccurrences(of: "-", with: "_")): UInt16 = \(bases[name]!)\n" }
formFile += "}\n"
outputs["Forms.swift"] = formFile

var tables = notice + "enum OpcodeTables {\n"
/// A table in pieces, as the type checker's time and memory grow with the square of a literal's length: one
/// literal took 5 GB.
func pieces(_ name: String, _ type: String, _ elements: [String]) {
  let size = 16
  var names: [String] = []
  for start in stride(from: 0, to: elements.count, by: size) {
    let piece = "\(name)Part\(names.count)"
    tables += "  private static let \(piece): [\(type)] = [\n"
    for element in elements[start..<min(start + size, elements.count)] { tables += "    \(element),\n" }
    tables += "  ]\n"
    names.append(piece)
  }
  tables += "  static let \(name): [\(type)] = {\n    var all: [\(type)] = []\n"
  for piece in names { tables += "    all += \(piece)\n" }
  tables += "    return all\n  }()\n"
}
for (name, map) in [
  ("oneByte", "1"), ("twoByte", "0F"), ("threeByte38", "38"), ("threeByte3A", "3A"), ("vex0F", "V0F"), ("vex38", "V38"),
  ("vex3A", "V3A"),
] {
  pieces(name, "OpcodeEntry", table(map).map(\.text))
}
pieces("groups", "OpcodeEntry", groups.map(\.text))
pieces("alternatives", "OpcodeAlternative", alternatives)
tables += "}\n"
outputs["OpcodeTables.swift"] = tables

func array(_ name: String, _ type: String, _ values: [Int]) -> String {
  var text = "let \(name): [\(type)] = ["
  for (i, v) in values.enumerated() { text += (i % 24 == 0 ? "\n  " : " ") + "\(v)," }
  return text + "\n]\n\n"
}
/// Lists of different lengths: all their elements, and where each list starts.
func lists(_ name: String, _ type: String, _ values: [[Int]]) -> String {
  let starts = values.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
  return array("\(name)Starts", "UInt16", starts) + array("\(name)s", type, values.flatMap { $0 })
}
outputs["FormFacts.swift"] =
  notice
  + array("formFlagEffects", "UInt8", forms.map(\.effect))
  + array("formDeadVariants", "UInt16", forms.indices.map { deadVariants[$0] ?? 0 })
  + array("formFusedAny", "UInt16", forms.indices.map { fusedAny[$0] ?? 0 })
  + "let fastAliases: [(UInt16, UInt16)] = [\n"
  + aliases.sorted { $0.key < $1.key }.map { "  (\($0.key), \($0.value)),\n" }.joined() + "]\n\n"
  + array("formFusedZero", "UInt16", forms.indices.map { fusedZero[$0] ?? 0 })
  + array("formRuns", "UInt16", (0...forms.count).map { form in runs.firstIndex { $0.forms[0] >= form } ?? runs.count })
  + array("formReads", "UInt8", forms.map { registerUse(of: $0).reads })
  + array("formWrites", "UInt8", forms.map { registerUse(of: $0).writes })
  + array("runSeconds", "UInt16", runs.map { $0.forms[1] })
  + lists("runRest", "UInt16", runs.map { Array($0.forms[2...]) })
  + lists("runForwarding", "UInt16", runs.map { $0.forwardings.map(\.code) })

outputs["FormNames.swift"] =
  notice + "/// What forms are called, in their order.\nlet formNameText: StaticString = \"\"\"\n"
  + forms.map { "  " + name(of: $0) + "\n" }.joined() + "  \"\"\"\n"

/// Writes the stamps as many short arrays: the type checker needs minutes and gigabytes for a literal of
/// hundreds of closures. Some arrays share a file.
func chunks(_ kind: String, _ type: String, _ stamps: [String]) {
  let size = 24
  let title = kind.prefix(1).uppercased() + kind.dropFirst()
  var names: [String] = []
  for start in stride(from: 0, to: stamps.count, by: size) {
    let name = "\(kind)Stamps\(names.count)"
    var text = "let \(name): [\(type)] = [\n"
    for stamp in stamps[start..<min(start + size, stamps.count)] { text += "  \(stamp),\n" }
    outputs["\(title)Stamps\(names.count / 16).swift", default: notice] += text + "]\n\n"
    names.append(name)
  }
  var text = notice + "let \(kind)Handlers: [\(type)] = {\n  var all: [\(type)] = []\n"
  for name in names { text += "  all += \(name)\n" }
  outputs["\(title)Handlers.swift"] = text + "  return all\n}()\n"
}
chunks("fast", "FastHandler", forms[..<fastCount].map { $0.fast ?? "{ c, o, r, s, k in missed(c, o, r, s, k) }" })
chunks("slow", "SlowHandler", forms.map(\.slow))
chunks("run", "FastHandler", runs.map(\.stamp))

let described = [
  "OpcodeMapText.swift": notice
    + "/// The rows of the opcode maps, each file with the map of those rows that name none.\nenum OpcodeMapText {\n"
    + "  static let files: [(map: String, rows: String)] = [\n" + mapText + "  ]\n}\n"
]
let isChecking = CommandLine.arguments.contains("--check")
var differs: [String] = []

/// Makes `texts` the Swift files of a folder, or notes what differs from them.
func publish(_ texts: [String: String], in folder: String) {
  let path = directory + folder
  let existing = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  for name in existing where name.hasSuffix(".swift") && texts[name] == nil {
    differs.append(name)
    if !isChecking { try? FileManager.default.removeItem(atPath: path + name) }
  }
  for (name, text) in texts where (try? String(contentsOfFile: path + name, encoding: .utf8)) != text {
    differs.append(name)
    if !isChecking, (try? text.write(toFile: path + name, atomically: true, encoding: .utf8)) == nil {
      fail("cannot write \(path + name)")
    }
  }
}
publish(
  outputs.mapValues {
    $0.replacingOccurrences(of: "(, ", with: "(").replacingOccurrences(of: "op(o)()", with: "op(o))")
  }, in: "/Sources/ApusCPU/Generated/")
publish(described, in: "/Sources/ApusInstructionSet/Generated/")
if isChecking {
  guard differs.isEmpty else { fail("not what the opcode maps say: \(differs.sorted().joined(separator: ", "))") }
  print("the generated files are what the opcode maps say")
} else {
  print("\(forms.count) forms, \(fastCount) of them with fast stamps")
}
