#!/usr/bin/env python3
"""Writes what GNU objdump says into Tests/ApusInstructionSetTests/Vectors/Disassembly.txt.

    Scripts/capture-disassembly.py                 rewrites the texts of the lines there are
    Scripts/capture-disassembly.py MODE HEX ...    adds lines first (MODE is 16, 32 or 64)

Each instruction is at address 0. Columns: mode, bytes, objdump's text in Intel's and in AT&T's syntax, runs of
spaces as one; where Apus writes something else on purpose, its two texts and the reason follow and are kept.
Needs objdump (binutils 2.40 wrote the file).
"""
import os
import re
import subprocess
import sys
import tempfile

PATH = os.path.join(os.path.dirname(__file__), "../Tests/ApusInstructionSetTests/Vectors/Disassembly.txt")
SLOT = 32  # An instruction and no-operations up to the next one.
MACHINES = {"64": ["-m", "i386:x86-64"], "32": ["-m", "i386"], "16": ["-m", "i386"]}


def texts(mode, codes, syntax):
    """objdump's text of each of the codes (hexadecimal), as if each were at address 0."""
    result = []
    isa = "amd64" if mode == "64" else "i8086" if mode == "16" else "i386"
    with tempfile.NamedTemporaryFile() as image:
        image.write(b"".join(bytes.fromhex(code).ljust(SLOT, b"\x90") for code in codes))
        image.flush()
        listing = subprocess.run(
            ["objdump", "-z", "-D", "-b", "binary", *MACHINES[mode], "-M", f"{syntax},{isa}", "-w",
             "--insn-width=16", image.name], capture_output=True, text=True, check=True).stdout
    lines = {}
    for line in listing.splitlines():
        match = re.match(r"^ *([0-9a-f]+):\t([0-9a-f ]+?) *(?:\t(.*))?$", line)
        if match:
            lines[int(match[1], 16)] = re.sub(r"\s+", " ", (match[3] or "").strip())
    for index in range(len(codes)):
        text = lines[index * SLOT]
        mask = 0xFFFF if mode == "16" else 0xFFFFFFFF if mode == "32" else 0xFFFFFFFFFFFFFFFF
        if re.search(r"(call|jmp|ret)w", text):
            mask = 0xFFFF
        # Targets and addresses relative to RIP move with the instruction.
        text = re.sub(r"(# |^(?:\S+ )*(?:j\w+(?:,p[nt])?|loop\w*|call\w?) )0x([0-9a-f]+)$",
                      lambda m: m[1] + hex((int(m[2], 16) - index * SLOT) & mask), text)
        result.append(text)
    return result


def main():
    header, rows = [], []
    if os.path.exists(PATH):
        with open(PATH) as file:
            for line in file.read().splitlines():
                (header if line.startswith("#") else rows).append(line)
    rows = [[column.strip() for column in row.split("|")] for row in rows]
    if len(sys.argv) > 2:
        present = {(row[0], row[1]) for row in rows}
        rows += [[sys.argv[1], code] for code in sys.argv[2:] if (sys.argv[1], code) not in present]
    for mode in MACHINES:
        chosen = [row for row in rows if row[0] == mode]
        codes = [row[1] for row in chosen]
        if not codes:
            continue
        for row, intel, att in zip(chosen, texts(mode, codes, "intel"), texts(mode, codes, "att")):
            row[2:4] = [intel, att]
    with open(PATH, "w") as file:
        for line in header:
            file.write(line + "\n")
        for row in rows:
            file.write(" | ".join(row) + "\n")


main()
