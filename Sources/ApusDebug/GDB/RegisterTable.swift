import ApusCPU

extension TargetDescription {
  /// The registers in the order of their numbers, which is that of the `g` packet. The first four features, the names
  /// in them and that XMM0 is number 40 are GDB's ("Target Descriptions", "i386 Features"); the last is ours.
  static let features: [Feature] = [core, sse, avx, segments, system]

  private static let core = Feature(
    name: "org.gnu.gdb.i386.core",
    types: [
      .flags(
        "i386_eflags", size: 4,
        [
          BitField("CF", 0), BitField("", 1), BitField("PF", 2), BitField("AF", 4), BitField("ZF", 6),
          BitField("SF", 7), BitField("TF", 8), BitField("IF", 9), BitField("DF", 10), BitField("OF", 11),
          BitField("IOPL", 13, 12), BitField("NT", 14), BitField("RF", 16), BitField("VM", 17),
          BitField("AC", 18), BitField("VIF", 19), BitField("VIP", 20), BitField("ID", 21),
        ])
    ],
    registers: [
      Register(.general(0), "rax", 64, "int64"),
      Register(.general(3), "rbx", 64, "int64"),
      Register(.general(1), "rcx", 64, "int64"),
      Register(.general(2), "rdx", 64, "int64"),
      Register(.general(6), "rsi", 64, "int64"),
      Register(.general(7), "rdi", 64, "int64"),
      Register(.general(5), "rbp", 64, "data_ptr"),
      Register(.general(4), "rsp", 64, "data_ptr"),
    ] + (8...15).map { Register(.general($0), "r\($0)", 64, "int64") } + [
      Register(.rip, "rip", 64, "code_ptr"),
      Register(.rflags, "eflags", 32, "i386_eflags"),
      Register(.selector(1), "cs", 32, "int32"),
      Register(.selector(2), "ss", 32, "int32"),
      Register(.selector(3), "ds", 32, "int32"),
      Register(.selector(0), "es", 32, "int32"),
      Register(.selector(4), "fs", 32, "int32"),
      Register(.selector(5), "gs", 32, "int32"),
    ] + (0...7).map { Register(.st($0), "st\($0)", 80, "i387_ext") } + [
      Register(.x87Control, "fctrl", 32, "int", group: "float"),
      Register(.x87Status, "fstat", 32, "int", group: "float"),
      Register(.x87Tag, "ftag", 32, "int", group: "float"),
      Register(.x87InstructionSelector, "fiseg", 32, "int", group: "float"),
      Register(.x87InstructionOffset, "fioff", 32, "int", group: "float"),
      Register(.x87OperandSelector, "foseg", 32, "int", group: "float"),
      Register(.x87OperandOffset, "fooff", 32, "int", group: "float"),
      Register(.x87Opcode, "fop", 32, "int", group: "float"),
    ])

  private static let sse = Feature(
    name: "org.gnu.gdb.i386.sse",
    types: [
      .vector("v4f", of: "ieee_single", count: 4),
      .vector("v2d", of: "ieee_double", count: 2),
      .vector("v16i8", of: "int8", count: 16),
      .vector("v8i16", of: "int16", count: 8),
      .vector("v4i32", of: "int32", count: 4),
      .vector("v2i64", of: "int64", count: 2),
      .union(
        "vec128",
        [
          ("v4_float", "v4f"), ("v2_double", "v2d"), ("v16_int8", "v16i8"), ("v8_int16", "v8i16"),
          ("v4_int32", "v4i32"), ("v2_int64", "v2i64"), ("uint128", "uint128"),
        ]),
      .flags(
        "i386_mxcsr", size: 4,
        [
          BitField("IE", 0), BitField("DE", 1), BitField("ZE", 2), BitField("OE", 3), BitField("UE", 4),
          BitField("PE", 5), BitField("DAZ", 6), BitField("IM", 7), BitField("DM", 8), BitField("ZM", 9),
          BitField("OM", 10), BitField("UM", 11), BitField("PM", 12), BitField("RC", 14, 13),
          BitField("FZ", 15),
        ]),
    ],
    registers: (0...15).map { Register(.xmm($0), "xmm\($0)", 128, "vec128") } + [
      Register(.mxcsr, "mxcsr", 32, "i386_mxcsr", group: "vector")
    ])

  private static let avx = Feature(
    name: "org.gnu.gdb.i386.avx", types: [],
    registers: (0...15).map { Register(.ymmHigh($0), "ymm\($0)h", 128, "uint128") })

  private static let segments = Feature(
    name: "org.gnu.gdb.i386.segments", types: [],
    registers: [
      Register(.segmentBase(4), "fs_base", 64, "int"),
      Register(.segmentBase(5), "gs_base", 64, "int"),
    ])
}

// MARK: System registers

extension TargetDescription {
  /// A function that the user calls from GDB does not change these; putting them back would have effects.
  private static func system(
    _ id: RegisterID, _ name: String, _ bitSize: Int, _ type: String
  ) -> Register {
    Register(id, name, bitSize, type, group: "system", isRestored: false)
  }

  private static let system = Feature(
    name: "org.apus.system", types: systemTypes,
    registers: [
      system(.segmentBase(1), "cs_base", 64, "data_ptr"),
      system(.segmentBase(2), "ss_base", 64, "data_ptr"),
      system(.segmentBase(3), "ds_base", 64, "data_ptr"),
      system(.segmentBase(0), "es_base", 64, "data_ptr"),
      system(.kernelGSBase, "k_gs_base", 64, "data_ptr"),
      system(.control(0), "cr0", 64, "cr0_flags"),
      system(.control(2), "cr2", 64, "data_ptr"),
      system(.control(3), "cr3", 64, "data_ptr"),
      system(.control(4), "cr4", 64, "cr4_flags"),
      system(.control(8), "cr8", 64, "uint64"),
      system(.efer, "efer", 64, "efer_flags"),
    ] + (0...3).map { system(.debug($0), "dr\($0)", 64, "data_ptr") } + [
      system(.debug(6), "dr6", 64, "dr6_flags"),
      system(.debug(7), "dr7", 64, "dr7_flags"),
      system(.gdtrBase, "gdtr_base", 64, "data_ptr"),
      system(.gdtrLimit, "gdtr_limit", 16, "uint16"),
      system(.idtrBase, "idtr_base", 64, "data_ptr"),
      system(.idtrLimit, "idtr_limit", 16, "uint16"),
      system(.ldtr, "ldtr", 16, "uint16"),
      system(.ldtrBase, "ldtr_base", 64, "data_ptr"),
      system(.tr, "tr", 16, "uint16"),
      system(.trBase, "tr_base", 64, "data_ptr"),
      system(.cpl, "cpl", 8, "uint8"),
      system(.mode, "mode", 32, "processor_mode"),
    ])

  /// SDM Vol. 3, "Control Registers", "Extended Feature Enable Register", "Debug Registers".
  private static let systemTypes: [TypeDefinition] = [
    .flags(
      "cr0_flags", size: 8,
      [
        BitField("PE", 0), BitField("MP", 1), BitField("EM", 2), BitField("TS", 3), BitField("ET", 4),
        BitField("NE", 5), BitField("WP", 16), BitField("AM", 18), BitField("NW", 29), BitField("CD", 30),
        BitField("PG", 31),
      ]),
    .flags(
      "cr4_flags", size: 8,
      [
        BitField("VME", 0), BitField("PVI", 1), BitField("TSD", 2), BitField("DE", 3), BitField("PSE", 4),
        BitField("PAE", 5), BitField("MCE", 6), BitField("PGE", 7), BitField("PCE", 8),
        BitField("OSFXSR", 9), BitField("OSXMMEXCPT", 10), BitField("UMIP", 11), BitField("LA57", 12),
        BitField("FSGSBASE", 16), BitField("PCIDE", 17), BitField("OSXSAVE", 18), BitField("SMEP", 20),
        BitField("SMAP", 21), BitField("PKE", 22),
      ]),
    .flags(
      "efer_flags", size: 8,
      [
        BitField("SCE", 0), BitField("LME", 8), BitField("LMA", 10), BitField("NXE", 11),
        BitField("AIBRSE", 21),
      ]),
    .flags(
      "dr6_flags", size: 8,
      [
        BitField("B0", 0), BitField("B1", 1), BitField("B2", 2), BitField("B3", 3), BitField("BD", 13),
        BitField("BS", 14), BitField("BT", 15),
      ]),
    .flags(
      "dr7_flags", size: 8,
      [
        BitField("L0", 0), BitField("G0", 1), BitField("L1", 2), BitField("G1", 3), BitField("L2", 4),
        BitField("G2", 5), BitField("L3", 6), BitField("G3", 7), BitField("LE", 8), BitField("GE", 9),
        BitField("GD", 13), BitField("RW0", 17, 16), BitField("LEN0", 19, 18), BitField("RW1", 21, 20),
        BitField("LEN1", 23, 22), BitField("RW2", 25, 24), BitField("LEN2", 27, 26), BitField("RW3", 29, 28),
        BitField("LEN3", 31, 30),
      ]),
    .enumeration(
      "processor_mode", size: 4, ProcessorMode.allCases.map { (name: $0.shortName, value: Int($0.rawValue)) }),
  ]
}
