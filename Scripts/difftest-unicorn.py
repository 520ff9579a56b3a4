#!/usr/bin/env python3
"""Answers the line protocol of Sources/ApusDiff/FORMATS.md with Unicorn (pip install unicorn).

    apus difftest --oracle exec Scripts/difftest-unicorn.py --count 10000

Unicorn has no 64-bit kernel around user code: it runs at CPL 0 with flat segments, so cases whose result depends on
privilege, on selectors or on FS and GS in 32-bit code are answered as not judged. Exceptions that it does not report
with vector and error code are not judged either. Unicorn has no AVX.
"""
import sys

try:
    import unicorn
    from unicorn import x86_const as x
except ImportError:
    sys.exit("difftest-unicorn.py: the Python package 'unicorn' is not installed")

PAGES = [(0x10000000, 0x1000, 5), (0x10100000, 0x10000, 5), (0x10200000, 0x2000, 3), (0x10203000, 0x1000, 1)]
DATA, DATA_SIZE, LINE = 0x10200000, 0x2000, 64
EXITS = {"long64": 0x10000A6D, "compat32": 0x100009D3}
GENERAL = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
REGISTERS = {name: getattr(x, "UC_X86_REG_" + name.upper()) for name in GENERAL + ["rip", "rflags"]}
# The physical registers R0-R7.
FP = [x.UC_X86_REG_FP0 + i for i in range(8)]
XMM = [x.UC_X86_REG_XMM0 + i for i in range(16)]
INSTRUCTION_LIMIT = 20000


def background(start, size):
    return bytes(((a ^ (a >> 8) ^ 0xA5) & 0xFF) for a in range(start, start + size))


class Machine:
    """One Unicorn instance. Each case gets a new one: what a case does to segments and modes stays otherwise."""

    def __init__(self, mode):
        self.mode = mode
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64 if mode == "long64" else unicorn.UC_MODE_32)
        for start, size, rights in PAGES:
            self.uc.mem_map(start, size, rights)
        self.uc.mem_write(0x10203000, background(0x10203000, 0x1000))
        self.vector = None
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self.on_interrupt)

    def on_interrupt(self, uc, number, _):
        self.vector = number
        uc.emu_stop()


def fields_of(uc, mode):
    """The fields that are reported, by name, as the text of the format."""
    values = {}
    for name, register in REGISTERS.items():
        if mode == "compat32" and name.startswith("r") and name[1:].isdigit():
            continue
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
    for i, register in enumerate(XMM):
        values["ymm%d" % i] = "%064x" % uc.reg_read(register)
    return values


def load(uc, case):
    given = case["fields"]
    for name, register in REGISTERS.items():
        if name != "rip":
            uc.reg_write(register, int(given.get(name, "0"), 16))
    uc.reg_write(x.UC_X86_REG_FPCW, int(given.get("fcw", "0"), 16))
    uc.reg_write(x.UC_X86_REG_FPSW, int(given.get("fsw", "0"), 16))
    abridged = int(given.get("ftw", "0"), 16)
    uc.reg_write(x.UC_X86_REG_FPTAG, sum(0 if abridged >> i & 1 else 3 << (2 * i) for i in range(8)))
    uc.reg_write(x.UC_X86_REG_MXCSR, int(given.get("mxcsr", "0"), 16))
    top = int(given.get("fsw", "0"), 16) >> 11 & 7
    for i in range(8):
        text = given.get("st%d" % i, "0" * 20)
        uc.reg_write(FP[(top + i) & 7], (int(text[4:], 16), int(text[:4], 16)))
    for i, register in enumerate(XMM):
        uc.reg_write(register, int(given.get("ymm%d" % i, "0"), 16) & (1 << 128) - 1)
    if case["mode"] == "long64":
        uc.reg_write(x.UC_X86_REG_FS_BASE, int(given.get("fsbase", "0"), 16))
        uc.reg_write(x.UC_X86_REG_GS_BASE, int(given.get("gsbase", "0"), 16))


def run(machine, case):
    uc, mode = machine.uc, case["mode"]
    if int(case["fields"].get("rflags", "0"), 16) & 0x40100:
        # Neither alignment checks nor single steps.
        return ["result systemCall", "done"]
    address, code = case["code"]
    slot = code + b"\xe9" + ((EXITS[mode] - address - len(code) - 5) & 0xFFFFFFFF).to_bytes(4, "little")
    uc.mem_write(address, slot.ljust(0x80, b"\xcc"))
    memory = bytearray(background(DATA, DATA_SIZE))
    for at, values in case["memory"]:
        memory[at - DATA:at - DATA + len(values)] = values
    uc.mem_write(DATA, bytes(memory))
    load(uc, case)
    before = fields_of(uc, mode)
    machine.vector = None
    try:
        uc.emu_start(int(case["fields"].get("rip", "0"), 16), EXITS[mode], count=INSTRUCTION_LIMIT)
    except unicorn.UcError:
        return ["result systemCall", "done"]
    rip = uc.reg_read(REGISTERS["rip"])
    uc.mem_write(address, b"\xcc" * 0x80)
    if machine.vector == 3:
        lines = ["result exception 3 0"]
    elif machine.vector is not None or rip != EXITS[mode]:
        return ["result systemCall", "done"]
    else:
        lines = ["result completed"]
    after = fields_of(uc, mode)
    for name, value in after.items():
        # The case's own RIP and RFLAGS are what "changed" refers to.
        if name in ("rip", "rflags") or value != before[name]:
            lines.append("%s %s" % (name, value))
    result = uc.mem_read(DATA, DATA_SIZE)
    for at in range(0, DATA_SIZE, LINE):
        if result[at:at + LINE] != memory[at:at + LINE]:
            lines.append("mem %08x %s" % (DATA + at, bytes(result[at:at + LINE]).hex()))
    return lines + ["done"]


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
            print("\n".join(run(Machine(case["mode"]), case)), flush=True)
        elif len(words) == 2:
            case["fields"][key] = words[1]


main()
