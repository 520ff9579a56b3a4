#!/usr/bin/env python3
"""Answers the line protocol of Sources/ApusDiff/FORMATS.md with Unicorn (pip install unicorn).

    apus difftest --oracle exec Scripts/difftest-unicorn.py --count 10000
    apus difftest --mode real16 --oracle exec Scripts/difftest-unicorn.py --count 10000

What Unicorn cannot judge is answered as not judged; `UNJUDGED` and the functions that use it have the reasons.
Unicorn has no 64-bit kernel around user code: in long64, code runs at CPL 0 with flat segments. In prot32 and
compat32 it runs at CPL 3 with the GDT of the format, and in real16 in real-address mode; there Unicorn stops before
it delivers an exception, and this program pushes the frame as the SDM says (Vol. 3, "Interrupt and Exception
Handling" under "Real-Address Mode Operation"). Unicorn has no AVX.
"""
import os
import sys

try:
    import unicorn
    from unicorn import x86_const as x
except ImportError:
    sys.exit("difftest-unicorn.py: the Python package 'unicorn' is not installed")

LINE, DATA_SIZE, SLOT = 64, 0x2000, 0x80
READ, WRITE, EXECUTE = unicorn.UC_PROT_READ, unicorn.UC_PROT_WRITE, unicorn.UC_PROT_EXEC
# RAX ... RDI, as files name them in every mode; Unicorn takes 64-bit names in 64-bit mode alone.
GENERAL = "rax rcx rdx rbx rsp rbp rsi rdi".split()
SEGMENTS = "es cs ss ds fs gs".split()

# The physical registers R0-R7.
FP = [x.UC_X86_REG_FP0 + i for i in range(8)]
XMM = [x.UC_X86_REG_XMM0 + i for i in range(16)]
INSTRUCTION_LIMIT = 20000
# Under paging, the GDT of FORMATS.md, IRETD and its stack lie where cases have no memory.
KERNEL = 0xC0000000
GDT = [0, 0x00CF9B000000FFFF, 0x008F9B000000FFFF, 0x00CF93000000FFFF, 0x00CFFB000000FFFF, 0x00CFF3000000FFFF,
       0x008FFB000000FFFF]
# Exceptions without an error code that are faults: their frames have RF (SDM Vol. 3, "RF: Resume Flag").
FAULTS = {0, 5, 6, 7, 16}
UNJUDGED = ["result systemCall", "done"]


class Layout:
    """Where a mode has its memory."""

    def __init__(self, code, code_size, data, constant, leave, others):
        self.code, self.code_size, self.data, self.constant, self.exit = code, code_size, data, constant, leave
        self.others = others


def flat(leave):
    return Layout(0x10100000, 0x10000, 0x10200000, 0x10203000, leave, [(0x10000000, 0x1000)])


LAYOUTS = {
    "long64": flat(0x10000A6D), "compat32": flat(0x100009D3), "prot32": flat(0x100009D3),
    "real16": Layout(0x40000, 0x10000, 0x20000, 0x23000, 0x4FFA9, [(0, 0x1000)]),
}
MODES = {"long64": unicorn.UC_MODE_64, "compat32": unicorn.UC_MODE_32, "prot32": unicorn.UC_MODE_32,
         "real16": unicorn.UC_MODE_16}


def background(start, size):
    return bytes(((a ^ (a >> 8) ^ 0xA5) & 0xFF) for a in range(start, start + size))


def registers(mode):
    """The registers of a mode by the names in files."""
    names = GENERAL + ["rip", "rflags"]
    if mode == "long64":
        names += ["r%d" % i for i in range(8, 16)]
    table = {}
    for name in names + SEGMENTS:
        inner = name.upper()
        if mode != "long64" and name not in SEGMENTS:
            inner = "E" + inner[1:]
        table[name] = getattr(x, "UC_X86_REG_" + inner)
    return table


REGISTER = {mode: registers(mode) for mode in LAYOUTS}
BACKGROUND = {mode: background(layout.data, DATA_SIZE) for mode, layout in LAYOUTS.items()}
CONSTANT = {mode: background(layout.constant, 0x1000) for mode, layout in LAYOUTS.items()}


class Machine:
    """One Unicorn instance. Each case gets a copy: what a case does to segments and modes stays otherwise."""

    def __init__(self, mode):
        self.mode, self.layout, self.vector, self.strays = mode, LAYOUTS[mode], None, False
        self.unknown, self.accesses, self.last = 0, 0, 0
        self.register = REGISTER[mode]
        self.xmm = XMM if mode == "long64" else XMM[:8]
        self.uc = uc = unicorn.Uc(unicorn.UC_ARCH_X86, MODES[mode])
        # The model with the most features, of which Unicorn has those that its translator knows.
        uc.ctl_set_cpu_model(x.UC_CPU_X86_EPYC_ROME)
        layout = self.layout
        # Without paging, whatever can be read can be executed.
        execute = EXECUTE if mode == "real16" else 0
        for start, size in layout.others:
            uc.mem_map(start, size, READ | EXECUTE)
        uc.mem_map(layout.code, layout.code_size, READ | EXECUTE)
        uc.mem_map(layout.data, DATA_SIZE, READ | WRITE | execute)
        uc.mem_map(layout.constant, 0x1000, READ | execute)
        uc.mem_write(layout.constant, CONSTANT[mode])
        uc.mem_write(layout.code, b"\xcc" * layout.code_size)
        uc.hook_add(unicorn.UC_HOOK_INTR, self.on_interrupt)
        uc.hook_add(unicorn.UC_HOOK_CODE, self.on_instruction)
        uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self.on_access)
        if mode == "real16":
            uc.mem_write(0, b"".join(bytes([n, 0, 0x40, 0]) for n in range(256)) + b"\xf4" * 256)
            uc.reg_write(x.UC_X86_REG_CR0, 0x32)
            uc.reg_write(x.UC_X86_REG_CR4, 0x40600)
            uc.reg_write(x.UC_X86_REG_GDTR, (0, 0, 0, 0))
            uc.reg_write(x.UC_X86_REG_IDTR, (0, 0, 0x3FF, 0))
        elif mode != "long64":
            uc.mem_write(layout.others[0][0], b"\xcc" * 0x1000)

    def on_interrupt(self, uc, number, _):
        self.vector = number
        uc.emu_stop()

    def on_instruction(self, uc, linear, size, _):
        if linear >= KERNEL:
            return
        # The size of what cannot be decoded is not known.
        unknown = judge(bytes(uc.mem_read(linear, size if size <= 15 else 15)), self.mode)
        if unknown is None:
            self.strays = True
            uc.emu_stop()
        else:
            self.unknown |= unknown
            self.accesses = 0

    def on_access(self, uc, _, linear, size, value, __):
        """Unicorn has no limits in real mode: what crosses the end of a segment would be #GP or #SS. Nor does it
        check the alignment of vectors, which it moves as two quadwords."""
        self.accesses += 1
        if self.accesses == 2 and size == 8 and linear == self.last + 8 and self.last & 15 != 0:
            self.strays = True
        self.last = linear
        if self.mode != "real16":
            return
        for name in SEGMENTS:
            end = uc.reg_read(self.register[name]) * 16 + 0x10000
            if linear < end < linear + size:
                self.strays = True

    def enter_user_code(self, given):
        """Goes to CPL 3 as a kernel does; what the case begins with goes with it."""
        uc = self.uc
        uc.mem_map(KERNEL, 0x1000, READ | WRITE | EXECUTE)
        uc.mem_write(KERNEL, b"".join(entry.to_bytes(8, "little") for entry in GDT) + bytes(64))
        uc.mem_write(KERNEL + 0x100, b"\xcf")
        uc.reg_write(x.UC_X86_REG_GDTR, (0, KERNEL, 0x7F, 0))
        frame = [number(given, name) for name in ("rip", "cs", "rflags", "rsp", "ss")]
        uc.mem_write(KERNEL + 0x800, b"".join(word.to_bytes(4, "little") for word in frame))
        uc.reg_write(self.register["cs"], 8)
        uc.reg_write(self.register["ss"], 0x18)
        uc.reg_write(self.register["rsp"], KERNEL + 0x800)
        uc.emu_start(KERNEL + 0x100, frame[0], count=1)
        for name in ("es", "ds", "fs", "gs"):
            uc.reg_write(self.register[name], number(given, name))


def number(given, name):
    return int(given.get(name, "0"), 16)


def fields_of(machine):
    """The fields that are reported, by name, as the text of the format."""
    uc, values = machine.uc, {}
    for name, register in machine.register.items():
        if machine.mode != "long64" or name not in SEGMENTS:
            values[name] = "%x" % uc.reg_read(register)
    values["fcw"] = "%x" % uc.reg_read(x.UC_X86_REG_FPCW)
    values["fsw"] = "%x" % uc.reg_read(x.UC_X86_REG_FPSW)
    tags = uc.reg_read(x.UC_X86_REG_FPTAG)
    values["ftw"] = "%x" % sum(1 << i for i in range(8) if (tags >> (2 * i)) & 3 != 3)
    values["mxcsr"] = "%x" % uc.reg_read(x.UC_X86_REG_MXCSR)
    top = uc.reg_read(x.UC_X86_REG_FPSW) >> 11 & 7
    for i in range(8):
        significand, exponent = uc.reg_read(FP[(top + i) & 7])
        values["st%d" % i] = "%04x%016x" % (exponent, significand)
    for i, register in enumerate(machine.xmm):
        values["ymm%d" % i] = "%064x" % uc.reg_read(register)
    return values


def load(machine, given):
    uc, mode = machine.uc, machine.mode
    if mode in ("prot32", "compat32"):
        machine.enter_user_code(given)
    for name, register in machine.register.items():
        if name != "rip" and (mode == "real16" or name not in SEGMENTS):
            uc.reg_write(register, number(given, name))
    uc.reg_write(x.UC_X86_REG_FPCW, number(given, "fcw"))
    uc.reg_write(x.UC_X86_REG_FPSW, number(given, "fsw"))
    abridged = number(given, "ftw")
    uc.reg_write(x.UC_X86_REG_FPTAG, sum(0 if abridged >> i & 1 else 3 << (2 * i) for i in range(8)))
    uc.reg_write(x.UC_X86_REG_MXCSR, number(given, "mxcsr"))
    top = number(given, "fsw") >> 11 & 7
    for i in range(8):
        text = given.get("st%d" % i, "0" * 20)
        uc.reg_write(FP[(top + i) & 7], (int(text[4:], 16), int(text[:4], 16)))
    for i, register in enumerate(machine.xmm):
        uc.reg_write(register, number(given, "ymm%d" % i) & (1 << 128) - 1)
    if mode == "long64":
        uc.reg_write(x.UC_X86_REG_FS_BASE, number(given, "fsbase"))
        uc.reg_write(x.UC_X86_REG_GS_BASE, number(given, "gsbase"))


def deliver(machine):
    """Delivers an exception or interrupt in real-address mode; None if the frame does not fit."""
    uc = machine.uc
    stack = uc.reg_read(machine.register["ss"]) * 16
    pointer = uc.reg_read(machine.register["rsp"])
    flags = uc.reg_read(machine.register["rflags"])
    frame = [flags & 0xFFFF, uc.reg_read(machine.register["cs"]), uc.reg_read(machine.register["rip"]) & 0xFFFF]
    low = pointer & 0xFFFF
    data = machine.layout.data
    for word in frame:
        low = low - 2 & 0xFFFF
        if low == 0xFFFF or not data <= stack + low <= data + DATA_SIZE - 2:
            return None
        uc.mem_write(stack + low, word.to_bytes(2, "little"))
    return {"rsp": "%x" % (pointer & 0xFFFF0000 | low), "rflags": "%x" % frame[0], "rip": "%x" % frame[2]}


def finish(machine, failed):
    """How the case ended: the result line and fields that the end changes, or None."""
    uc, mode = machine.uc, machine.mode
    rip = uc.reg_read(machine.register["rip"])
    if machine.strays:
        return None
    if machine.vector is None and not failed:
        linear = rip + (uc.reg_read(machine.register["cs"]) * 16 if mode == "real16" else 0)
        return ("result completed", {}) if linear == machine.layout.exit else None
    # Of the others, Unicorn does not tell the error code.
    vector = 6 if failed else machine.vector
    if mode == "real16":
        changed = deliver(machine)
        return changed and ("result exception %d 0" % vector, changed)
    if vector in (3, 4):
        # Traps, whose frames have no RF.
        flags = uc.reg_read(machine.register["rflags"])
        return "result exception %d 0" % vector, {"rflags": "%x" % (flags & ~0x10000)}
    if vector in FAULTS and mode == "prot32":
        return "result exception %d 0" % vector, {"rflags": "%x" % (uc.reg_read(machine.register["rflags"]) | 0x10000)}
    return None


def run(machine, case):
    uc, mode, given, layout = machine.uc, case["mode"], case["fields"], machine.layout
    if number(given, "rflags") & 0x40100:
        # Neither alignment checks nor single steps.
        return UNJUDGED
    address, code = case["code"]
    if mode == "real16":
        leave = b"\xe9" + ((layout.exit - address - len(code) - 3) & 0xFFFF).to_bytes(2, "little")
    else:
        leave = b"\xe9" + ((layout.exit - address - len(code) - 5) & 0xFFFFFFFF).to_bytes(4, "little")
    uc.mem_write(address, (code + leave).ljust(SLOT, b"\xcc"))
    memory = bytearray(BACKGROUND[mode])
    for at, values in case["memory"]:
        memory[at - layout.data:at - layout.data + len(values)] = values
    uc.mem_write(layout.data, bytes(memory))
    load(machine, given)
    before = fields_of(machine)
    machine.vector, machine.strays, machine.unknown = None, False, 0
    start = number(given, "rip") + (number(given, "cs") * 16 if mode == "real16" else 0)
    failed = False
    try:
        uc.emu_start(start, layout.exit, count=INSTRUCTION_LIMIT)
    except unicorn.UcError as error:
        failed = error.errno == unicorn.UC_ERR_INSN_INVALID and mode in ("prot32", "real16")
        if not failed:
            return UNJUDGED
    end = finish(machine, failed)
    if end is None:
        return UNJUDGED
    lines = [end[0]]
    if machine.unknown:
        lines.append("ignore-flags %x" % machine.unknown)
    after = fields_of(machine)
    after.update(end[1])
    for name, value in after.items():
        # The case's own RIP and RFLAGS are what "changed" refers to.
        if name in ("rip", "rflags") or value != before[name]:
            lines.append("%s %s" % (name, value))
    result = uc.mem_read(layout.data, DATA_SIZE)
    for at in range(0, DATA_SIZE, LINE):
        if result[at:at + LINE] != memory[at:at + LINE]:
            lines.append("mem %08x %s" % (layout.data + at, bytes(result[at:at + LINE]).hex()))
    return lines + ["done"]


# Opcodes of shifts and rotates; those of 0F are doubles. OF is defined for counts of 1 alone.
SHIFTS, DOUBLE_SHIFTS = {0xC0, 0xC1, 0xD2, 0xD3}, {0xA4, 0xA5, 0xAC, 0xAD}
OF = 0x800
# What may have LOCK, with the values of ModRM.reg; with it, Unicorn runs much else too. The flags of NEG are wrong.
ANY = range(8)
LOCKABLE = {**{row + column: ANY for row in range(0, 0x38, 8) for column in (0, 1)}, 0x86: ANY, 0x87: ANY,
            **{opcode: range(7) for opcode in (0x80, 0x81, 0x83)}, 0xF6: [2], 0xF7: [2], 0xFE: [0, 1], 0xFF: [0, 1]}
LOCKABLE_0F = {**{opcode: ANY for opcode in (0xAB, 0xB0, 0xB1, 0xB3, 0xBB, 0xC0, 0xC1)}, 0xBA: [5, 6, 7], 0xC7: [1]}
# What CPL 0 allows or does otherwise, and what looks at descriptors, of which there are none in long64.
PRIVILEGED = {0x8C, 0x8E, 0x9D, 0x9E, 0x9F, 0xFA, 0xFB}
PRIVILEGED_0F = {0x03, 0x06, 0x08, 0x09, 0x30, 0x32, 0x33, 0xA1, 0xA9, 0xB2, 0xB4, 0xB5, *range(0x20, 0x24)}
PREFIXES = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3}
# Opcodes of 0F: of MMX registers without 66h, whose exponents Unicorn does not set; of floating point, whose
# exceptions it does not record in MXCSR.
MMX = set(range(0x60, 0x80)) | set(range(0xD1, 0x100)) | {0x2A, 0x2C, 0x2D, 0xC4, 0xC5, 0xD0}
FLOATING = {0x2A, 0x2C, 0x2D, 0x2E, 0x2F, 0x51, 0x52, 0x53, *range(0x58, 0x60), 0x7C, 0x7D, 0xC2, 0xD0, 0xE6}


def judge(code, mode):
    """The flags of an instruction that Unicorn does not know; None if it does not know the instruction."""
    if not is_judged(code, mode):
        return None
    opcode = bytes(byte for byte in code if byte not in PREFIXES) + bytes(2)
    if mode == "long64" and opcode[0] & 0xF0 == 0x40:
        opcode = opcode[1:]
    return OF if opcode[0] in SHIFTS or opcode[0] == 0x0F and opcode[1] in DOUBLE_SHIFTS else 0


def is_judged(code, mode):
    """Whether Unicorn knows an instruction well enough."""
    at, seen = 0, set()
    while at < len(code) and code[at] in PREFIXES:
        seen.add(code[at])
        at += 1
    if mode == "long64" and at < len(code) and code[at] & 0xF0 == 0x40:
        at += 1
    rest = code[at:] + bytes(4)
    if 0xF0 in seen:
        lockable, modrm = (LOCKABLE_0F.get(rest[1]), rest[2]) if rest[0] == 0x0F else (LOCKABLE.get(rest[0]), rest[1])
        if lockable is None or modrm >= 0xC0 or modrm >> 3 & 7 not in lockable:
            return False
    reg = rest[1] >> 3 & 7
    if mode == "real16" and (rest[0] in (0x9A, 0xEA) or rest[0] == 0xFF and reg in (3, 5)) and 0x66 in seen:
        # Far branches do not compare the offset with the limit.
        return False
    if rest[0] in (0xC4, 0xC5) and (mode == "long64" or rest[1] >= 0xC0):
        # VEX is read as if it were none.
        return False
    if mode != "real16":
        # CS counts as writable, ports as allowed, UMIP as off; LAR has less of the descriptor.
        if 0x2E in seen or rest[0] & 0xFC in (0x6C, 0xE4, 0xEC):
            return False
        if rest[0] == 0x0F and (
                rest[1] in (0x00, 0x02, 0x34, 0x35) or rest[1] == 0x01 and rest[2] >> 3 & 7 in (0, 1, 4)):
            return False
    if mode == "long64" and (
            rest[0] in PRIVILEGED or rest[0] == 0x0F and rest[1] in PRIVILEGED_0F
            or rest[0] == 0x0F and rest[1] == 0x01 and rest[2] >> 3 & 7 in (2, 3, 6, 7)):
        return False
    if rest[0] in (0xC2, 0xC8):
        # ENTER does not look whether the new top of the stack can be written; RET extends its operand's sign.
        return False
    if rest[0] == 0x0F and (rest[1] in DOUBLE_SHIFTS and rest[2] & 0xC7 == 0x05 or rest[1] == 0xB1):
        # Relative to RIP without the immediate; CMPXCHG writes the upper half of what it leaves alone.
        return False
    if rest[0] in (0xCA, 0xCB, 0xCF):
        # The next exception has a wrong EIP.
        return False
    if rest[0] != 0x0F:
        # x87: no exceptions of operands, no pointers. INT1 and TEST as /1 are #UD. HLT ends a run.
        return not 0xD8 <= rest[0] <= 0xDF and rest[0] not in (0x9B, 0xF1, 0xF4) and not (
            rest[0] in (0xF6, 0xF7) and reg == 1)
    opcode = rest[1]
    # NOPs of registers are #UD; SYSCALL and its kin look at the mode before EFER; masked stores look at no limit;
    # what has registers alone takes memory, too.
    if opcode in (0x05, 0x07, 0x18, 0xF7) or (
            rest[2] < 0xC0 if opcode in (0x50, 0xC5, 0xD7) else rest[2] >= 0xC0 and opcode == 0x1E):
        return False
    # In 16-bit code, their operands have 32 bits.
    if mode == "real16" and (opcode == 0xB8 or opcode == 0x38 and rest[2] in (0xF0, 0xF1)):
        return False
    if opcode == 0x38:
        # Horizontal operations on a register and itself read what they have written.
        if rest[2] in (1, 2, 3, 5, 6, 7) and rest[3] >= 0xC0 and rest[3] >> 3 & 7 == rest[3] & 7:
            return False
        # SHA, GFNI, INVPCID; MMX; MOVBE of registers.
        return not (rest[2] in (0xF0, 0xF1) and rest[3] >= 0xC0 or 0xC8 <= rest[2] <= 0xCF or rest[2] == 0x82
                    or rest[2] < 0x20 and 0x66 not in seen)
    if opcode == 0x3A:
        # Rounding and dot products; strings with lengths; PALIGNR of MMX; SHA, GFNI.
        return rest[2] not in (8, 9, 10, 11, 0x40, 0x41, 0x60, 0x61, 0xCC, 0xCE, 0xCF) and (
            rest[2] != 15 or 0x66 in seen)
    if opcode in (0xAE, 0xC7, 0x01):
        # XSAVE and its kin, CLFLUSHOPT, SERIALIZE, protection keys.
        return opcode == 0xC7 and rest[2] >> 3 & 7 == 1 or opcode == 0x01 and rest[2] < 0xC0
    if opcode in FLOATING or opcode in MMX and (0x66 not in seen or {0xF2, 0xF3} & seen):
        return opcode in (0x6F, 0x7E, 0x7F, 0x70) and 0xF3 in seen
    return True


MACHINES = {}


def answer(case):
    """The answer, made in a copy of this process: some cases end it, and none may leave a trace."""
    mode = case["mode"]
    if mode not in MACHINES:
        MACHINES[mode] = Machine(mode)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as output:
            output.write("\n".join(run(MACHINES[mode], case)) + "\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as input:
        text = input.read()
    os.waitpid(child, 0)
    return text if text.endswith("done\n") else "\n".join(UNJUDGED) + "\n"


def main():
    greeting = sys.stdin.readline().strip()
    if greeting != "apus-difftest 1":
        sys.exit("difftest-unicorn.py: expected 'apus-difftest 1', not %r" % greeting)
    print("ready 3 Unicorn %s" % unicorn.__version__, flush=True)
    case = None
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        key = words[0]
        if key == "case":
            case = {"mode": "long64", "code": (0, b""), "fields": {}, "memory": []}
        elif key == "mode":
            case["mode"] = words[1]
        elif key == "code":
            case["code"] = (int(words[1], 16), bytes.fromhex(words[2]))
        elif key == "mem":
            case["memory"].append((int(words[1], 16), bytes.fromhex(words[2])))
        elif key == "run":
            sys.stdout.write(answer(case))
            sys.stdout.flush()
        elif len(words) == 2:
            case["fields"][key] = words[1]


main()
