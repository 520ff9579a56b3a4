extension PageScript {
  /// Names and numbers as people read them.
  static let format = #"""
    // Names, and values as people read them.

    const byId = (id) => document.getElementById(id);

    /// An element with properties and children.
    function make(tag, properties = {}, ...children) {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(properties)) {
        if (name === "tone")
          element.style.setProperty("--tone", `var(--${value})`);
        else if (name in element)
          element[name] = value;
        else
          element.setAttribute(name, value);
      }
      element.append(...children.filter((child) => child !== null && child !== undefined));
      return element;
    }

    const number = (step) => (trace.first + step).toLocaleString("en-US");
    const hex = (value, digits = 1) => value.toString(16).padStart(digits, "0");

    /// A number of so many digits whose leading zeros are faint.
    function dimmed(value, digits = 16) {
      const text = value.toString(16);
      const zeros = "0".repeat(Math.max(0, digits - text.length));
      return [make("span", {className: "zeros"}, zeros + (value === 0n && digits > 0 ? "" : "")), text];
    }

    /// A number of things.
    const counted = (amount, thing) =>
      `${amount.toLocaleString("en-US")} ${thing}${amount === 1 ? "" : "s"}`;

    /// Nanoseconds of the guest's time.
    function clock(nanoseconds) {
      if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(3)} µs`;
      if (nanoseconds < 1e9) return `${(nanoseconds / 1e6).toFixed(4)} ms`;
      return `${(nanoseconds / 1e9).toFixed(6)} s`;
    }

    /// The colours of the modes, by their place in the trace's list.
    const modeTones =
      ["real", "virtual", "protected", "protected", "compatibility", "compatibility", "long"];
    const modeShort = ["real", "v8086", "16-bit", "32-bit", "compat 16", "compat 32", "64-bit"];
    const modeNames = [...trace.modes];
    const modeGroups = {
      real: "real-address mode",
      virtual: "virtual-8086 mode",
      protected: "protected mode",
      compatibility: "compatibility mode",
      long: "64-bit mode",
    };

    const vectorNames = [
      ["#DE", "divide error"],
      ["#DB", "debug"],
      ["NMI", "non-maskable interrupt"],
      ["#BP", "breakpoint"],
      ["#OF", "overflow"],
      ["#BR", "bound range exceeded"],
      ["#UD", "invalid opcode"],
      ["#NM", "device not available"],
      ["#DF", "double fault"],
      ["", "coprocessor segment overrun"],
      ["#TS", "invalid TSS"],
      ["#NP", "segment not present"],
      ["#SS", "stack-segment fault"],
      ["#GP", "general protection"],
      ["#PF", "page fault"],
      ["", "reserved"],
      ["#MF", "x87 error"],
      ["#AC", "alignment check"],
      ["#MC", "machine check"],
      ["#XM", "SIMD floating-point error"],
      ["#VE", "virtualization"],
      ["#CP", "control protection"],
    ];

    /// The short and the long name of a delivery's vector.
    function vectorName(delivery) {
      const known = vectorNames[delivery.vector];
      if (known && (isException(delivery) || delivery.vector === 2) && known[0]) return known;
      const name = `vector ${hex(delivery.vector, 2)}h`;
      return [name, delivery.source === 3 ? "interrupt from a device" : "INT instruction"];
    }

    const portRanges = [
      [0x00, 0x0f, "DMA 8237"],
      [0x20, 0x21, "PIC 8259A, first"],
      [0x40, 0x43, "timer 8254"],
      [0x60, 0x60, "keyboard"],
      [0x61, 0x61, "port B: speaker"],
      [0x64, 0x64, "keyboard controller"],
      [0x70, 0x71, "CMOS and clock"],
      [0x80, 0x8f, "DMA pages, POST code"],
      [0x92, 0x92, "port A: A20, reset"],
      [0xa0, 0xa1, "PIC 8259A, second"],
      [0xb2, 0xb3, "power management"],
      [0xc0, 0xdf, "DMA 8237, second"],
      [0xf0, 0xf1, "coprocessor error"],
      [0xf4, 0xf4, "debug exit"],
      [0x170, 0x177, "IDE, second"],
      [0x1f0, 0x1f7, "IDE, first"],
      [0x2e8, 0x2ef, "COM4"],
      [0x2f8, 0x2ff, "COM2"],
      [0x378, 0x37f, "LPT1"],
      [0x3b0, 0x3df, "VGA"],
      [0x3e8, 0x3ef, "COM3"],
      [0x3f0, 0x3f7, "floppy"],
      [0x3f8, 0x3ff, "COM1"],
      [0x402, 0x402, "debug console"],
      [0x510, 0x51b, "firmware configuration"],
      [0x600, 0x63f, "ACPI"],
      [0xcf8, 0xcff, "PCI configuration"],
    ];
    const portName = (port) =>
      portRanges.find(([first, last]) => port >= first && port <= last)?.[2] ?? "";

    /// Bits by register: position, name, what it says.
    const bitNames = {
      rflags: [
        [0, "CF", "carry"],
        [2, "PF", "parity of the low byte is even"],
        [4, "AF", "carry out of bit 3"],
        [6, "ZF", "the result is zero"],
        [7, "SF", "sign"],
        [8, "TF", "single step"],
        [9, "IF", "interrupts are taken"],
        [10, "DF", "strings go down"],
        [11, "OF", "signed overflow"],
        [12, "IOPL0", "I/O privilege level, bit 0"],
        [13, "IOPL1", "I/O privilege level, bit 1"],
        [14, "NT", "nested task"],
        [16, "RF", "resume: no instruction breakpoint once"],
        [17, "VM", "virtual-8086 mode"],
        [18, "AC", "alignment check; access to user pages"],
        [19, "VIF", "virtual IF"],
        [20, "VIP", "virtual interrupt pending"],
        [21, "ID", "CPUID is there"],
      ],
      cr0: [
        [0, "PE", "protection: segments come from descriptor tables"],
        [1, "MP", "WAIT obeys TS"],
        [2, "EM", "no x87 unit"],
        [3, "TS", "task switched: x87 and SSE raise #NM"],
        [4, "ET", "x87 type"],
        [5, "NE", "x87 errors are exceptions"],
        [16, "WP", "supervisor code obeys read-only pages"],
        [18, "AM", "alignment checks allowed"],
        [29, "NW", "no write-through"],
        [30, "CD", "caches disabled"],
        [31, "PG", "paging: linear addresses go through the page tables"],
      ],
      cr4: [
        [0, "VME", "virtual-8086 extensions"],
        [1, "PVI", "protected virtual interrupts"],
        [2, "TSD", "RDTSC only at CPL 0"],
        [3, "DE", "debugging extensions"],
        [4, "PSE", "4 MiB pages in 32-bit paging"],
        [5, "PAE", "page table entries of 64 bits; long mode needs it"],
        [6, "MCE", "machine checks"],
        [7, "PGE", "global pages stay in the TLB"],
        [8, "PCE", "RDPMC for all"],
        [9, "OSFXSR", "SSE may be used"],
        [10, "OSXMMEXCPT", "SSE errors are #XM"],
        [11, "UMIP", "user code may not read GDTR and the like"],
        [12, "LA57", "five levels of page tables"],
        [16, "FSGSBASE", "RDFSBASE and the like"],
        [17, "PCIDE", "process-context identifiers"],
        [18, "OSXSAVE", "XSAVE and XCR0"],
        [20, "SMEP", "supervisor code executes no user pages"],
        [21, "SMAP", "supervisor code reaches no user pages"],
        [22, "PKE", "protection keys"],
      ],
      efer: [
        [0, "SCE", "SYSCALL"],
        [8, "LME", "long mode once paging is on"],
        [10, "LMA", "long mode is active"],
        [11, "NXE", "pages without execution"],
        [12, "SVME", "virtualization"],
        [14, "FFXSR", "fast FXSAVE"],
      ],
    };

    /// What an error code says, for a vector.
    function errorText(vector, error) {
      const bit = (position) => (error >> position) & 1;
      if (vector === 14) {
        const what = bit(4) ? "fetch" : bit(1) ? "write" : "read";
        return [
          `P=${bit(0)} ${bit(0) ? "protection" : "not present"}`,
          `W=${bit(1)}`,
          `U=${bit(2)}`,
          bit(3) ? "RSVD=1" : "",
          bit(4) ? "I=1" : "",
          bit(5) ? "PK=1" : "",
          `(${what})`,
        ].filter(Boolean)
          .join(" ");
      }
      if (error === 0) return "0";
      const table = bit(1) ? "IDT" : bit(2) ? "LDT" : "GDT";
      return `${table}[${hex(error >> 3)}h]${bit(0) ? ", from an event (EXT)" : ""}`;
    }

    const segmentTypes = [
      "data r",
      "data r",
      "data rw",
      "data rw",
      "data r, down",
      "data r, down",
      "data rw, down",
      "data rw, down",
      "code x",
      "code x",
      "code rx",
      "code rx",
      "code x, conforming",
      "code x, conforming",
      "code rx, conforming",
      "code rx, conforming",
    ];
    const systemTypes = {
      1: "TSS 16",
      2: "LDT",
      3: "TSS 16, busy",
      4: "call gate 16",
      5: "task gate",
      6: "interrupt gate 16",
      7: "trap gate 16",
      9: "TSS",
      11: "TSS, busy",
      12: "call gate",
      14: "interrupt gate",
      15: "trap gate",
    };

    /// The attributes of a segment register.
    function segmentText(attributes) {
      const bits = Number(attributes);
      if (bits & 0x10000) return "null";
      const isSegment = (bits >> 4) & 1;
      const type = bits & 15;
      const name = isSegment ? segmentTypes[type] : systemTypes[type] ?? `type ${type}`;
      const size = !isSegment || !(type & 8) ? ""
        : bits & 0x2000                      ? " 64"
        : bits & 0x4000                      ? " 32"
                                             : " 16";
      return `${name.replace("code", "code" + size)}, DPL ${(bits >> 5) & 3}${
        bits & 0x80 ? "" : ", P=0"}`;
    }

    /// The parts of a gate of the IDT, or an entry of the interrupt vector table.
    function gateParts([, low, high, mode]) {
      const field = (shift, bits) => Number((low >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
      if (trace.modes[Number(mode)] === trace.modes[0]) {
        return {kind: "vector table entry", selector: field(16, 16), offset: BigInt(field(0, 16))};
      }
      const isLong = Number(mode) >= 4;
      const offset = (high & 0xffffffffn) << 32n | BigInt(field(48, 16)) << 16n | BigInt(field(0, 16));
      return {
        kind: systemTypes[field(40, 4)] ?? `type ${field(40, 4)}`,
        selector: field(16, 16),
        offset: isLong ? offset : offset & 0xffffffffn,
        dpl: field(45, 2),
        ist: isLong ? field(32, 3) : null,
        isPresent: field(47, 1) === 1,
      };
    }

    """#
}
