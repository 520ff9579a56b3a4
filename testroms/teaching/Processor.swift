// The `cpu` command: CPUID in words (Intel SDM Vol. 2A, "CPUID - CPU Identification").

private struct Feature {
  var leaf: UInt32
  /// 0 EAX, 1 EBX, 2 ECX, 3 EDX
  var register: Int
  var bit: UInt32
  var text: StaticString
}

private let features: [Feature] = [
  Feature(leaf: 1, register: 3, bit: 0, text: "x87"),
  Feature(leaf: 1, register: 3, bit: 4, text: "time-stamp counter"),
  Feature(leaf: 1, register: 3, bit: 5, text: "MSRs"),
  Feature(leaf: 1, register: 3, bit: 6, text: "PAE"),
  Feature(leaf: 1, register: 3, bit: 8, text: "CMPXCHG8B"),
  Feature(leaf: 1, register: 3, bit: 9, text: "local APIC"),
  Feature(leaf: 1, register: 3, bit: 11, text: "SYSENTER"),
  Feature(leaf: 1, register: 3, bit: 12, text: "MTRRs"),
  Feature(leaf: 1, register: 3, bit: 13, text: "global pages"),
  Feature(leaf: 1, register: 3, bit: 15, text: "CMOV"),
  Feature(leaf: 1, register: 3, bit: 16, text: "PAT"),
  Feature(leaf: 1, register: 3, bit: 19, text: "CLFLUSH"),
  Feature(leaf: 1, register: 3, bit: 23, text: "MMX"),
  Feature(leaf: 1, register: 3, bit: 24, text: "FXSAVE"),
  Feature(leaf: 1, register: 3, bit: 25, text: "SSE"),
  Feature(leaf: 1, register: 3, bit: 26, text: "SSE2"),
  Feature(leaf: 1, register: 2, bit: 0, text: "SSE3"),
  Feature(leaf: 1, register: 2, bit: 1, text: "PCLMULQDQ"),
  Feature(leaf: 1, register: 2, bit: 3, text: "MONITOR"),
  Feature(leaf: 1, register: 2, bit: 9, text: "SSSE3"),
  Feature(leaf: 1, register: 2, bit: 12, text: "FMA"),
  Feature(leaf: 1, register: 2, bit: 13, text: "CMPXCHG16B"),
  Feature(leaf: 1, register: 2, bit: 17, text: "PCIDs"),
  Feature(leaf: 1, register: 2, bit: 19, text: "SSE4.1"),
  Feature(leaf: 1, register: 2, bit: 20, text: "SSE4.2"),
  Feature(leaf: 1, register: 2, bit: 21, text: "x2APIC"),
  Feature(leaf: 1, register: 2, bit: 22, text: "MOVBE"),
  Feature(leaf: 1, register: 2, bit: 23, text: "POPCNT"),
  Feature(leaf: 1, register: 2, bit: 24, text: "TSC deadline"),
  Feature(leaf: 1, register: 2, bit: 25, text: "AES"),
  Feature(leaf: 1, register: 2, bit: 26, text: "XSAVE"),
  Feature(leaf: 1, register: 2, bit: 28, text: "AVX"),
  Feature(leaf: 1, register: 2, bit: 29, text: "F16C"),
  Feature(leaf: 1, register: 2, bit: 30, text: "RDRAND"),
  Feature(leaf: 1, register: 2, bit: 31, text: "hypervisor"),
  Feature(leaf: 7, register: 1, bit: 0, text: "FSGSBASE"),
  Feature(leaf: 7, register: 1, bit: 3, text: "BMI1"),
  Feature(leaf: 7, register: 1, bit: 5, text: "AVX2"),
  Feature(leaf: 7, register: 1, bit: 7, text: "SMEP"),
  Feature(leaf: 7, register: 1, bit: 8, text: "BMI2"),
  Feature(leaf: 7, register: 1, bit: 9, text: "fast REP MOVSB"),
  Feature(leaf: 7, register: 1, bit: 10, text: "INVPCID"),
  Feature(leaf: 7, register: 1, bit: 18, text: "RDSEED"),
  Feature(leaf: 7, register: 1, bit: 19, text: "ADX"),
  Feature(leaf: 7, register: 1, bit: 20, text: "SMAP"),
  Feature(leaf: 7, register: 1, bit: 29, text: "SHA"),
  Feature(leaf: 7, register: 2, bit: 2, text: "UMIP"),
  Feature(leaf: 7, register: 2, bit: 16, text: "5-level paging"),
  Feature(leaf: 0x8000_0001, register: 3, bit: 11, text: "SYSCALL"),
  Feature(leaf: 0x8000_0001, register: 3, bit: 20, text: "no-execute pages"),
  Feature(leaf: 0x8000_0001, register: 3, bit: 26, text: "1 GiB pages"),
  Feature(leaf: 0x8000_0001, register: 3, bit: 27, text: "RDTSCP"),
  Feature(leaf: 0x8000_0001, register: 3, bit: 29, text: "64-bit mode"),
  Feature(leaf: 0x8000_0001, register: 2, bit: 0, text: "LAHF in 64-bit mode"),
  Feature(leaf: 0x8000_0001, register: 2, bit: 5, text: "LZCNT"),
]

/// CPUID leaf `leaf`, subleaf 0: EAX, EBX, ECX, EDX.
func identify(_ leaf: UInt32) -> InlineArray<4, UInt32> {
  var result = InlineArray<4, UInt32>(repeating: 0)
  var span = result.mutableSpan
  span.withUnsafeMutableBufferPointer { cpuID(leaf, 0, $0.baseAddress!) }
  return result
}

/// Four characters of a name, lowest byte first; spaces at the very start are left out.
private func sayCharacters(_ value: UInt32, _ started: inout Bool) {
  for index in 0..<UInt32(4) {
    let byte = UInt8(truncatingIfNeeded: value >> (index * 8))
    guard byte > 0x20 || byte == 0x20 && started, byte < 0x7F else { continue }
    started = true
    Serial.write(byte)
  }
}

func cpuCommand(_ arguments: Arguments) {
  let base = identify(0)
  let extended = identify(0x8000_0000)[0]
  var started = false
  say("vendor    ")
  sayCharacters(base[1], &started)
  sayCharacters(base[3], &started)
  sayCharacters(base[2], &started)
  sayLine()
  if extended >= 0x8000_0004 {
    say("brand     ")
    started = false
    for leaf in UInt32(0x8000_0002)...0x8000_0004 {
      let text = identify(leaf)
      for register in 0..<4 { sayCharacters(text[register], &started) }
    }
    sayLine()
  }
  saySignature(identify(1)[0])
  if extended >= 0x8000_0008 {
    let sizes = identify(0x8000_0008)[0]
    say("addresses ")
    sayDecimal(UInt64(sizes & 0xFF))
    say(" bits physical, ")
    sayDecimal(UInt64(sizes >> 8 & 0xFF))
    sayLine(" bits linear")
  }
  say("leaves    up to ")
  sayHex(UInt64(base[0]), 8)
  say("h and ")
  sayHex(UInt64(extended), 8)
  sayLine("h")
  sayFeatures(base[0], extended)
}

/// The extended model counts only for families 6 and 15, the extended family only for 15.
private func saySignature(_ signature: UInt32) {
  var family = signature >> 8 & 0xF
  var model = signature >> 4 & 0xF
  if family == 6 || family == 15 { model |= signature >> 12 & 0xF0 }
  if family == 15 { family += signature >> 20 & 0xFF }
  say("family    ")
  sayDecimal(UInt64(family))
  say(", model ")
  sayDecimal(UInt64(model))
  say(", stepping ")
  sayDecimal(UInt64(signature & 0xF))
  sayLine()
}

private func sayFeatures(_ base: UInt32, _ extended: UInt32) {
  say("features  ")
  var column = 10
  for feature in features {
    let limit = feature.leaf >= 0x8000_0000 ? extended : base
    guard feature.leaf <= limit, identify(feature.leaf)[feature.register] >> feature.bit & 1 != 0 else {
      continue
    }
    let width = feature.text.utf8CodeUnitCount
    if column + width > 78 {
      say("\r\n          ")
      column = 10
    } else if column > 10 {
      say("  ")
    }
    say(feature.text)
    column += width + 2
  }
  sayLine()
}
