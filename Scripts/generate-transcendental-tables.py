#!/usr/bin/env python3
"""Writes Sources/ApusCPU/Instructions/X87/TranscendentalTables.swift. Needs mpmath. Run from the package
directory:

  python3 Scripts/generate-transcendental-tables.py          writes the file
  python3 Scripts/generate-transcendental-tables.py --check  fails if the file is not what this writes
"""
import sys

from mpmath import mp, mpf, atan, factorial, floor, ln, pi

mp.prec = 1024
PATH = "Sources/ApusCPU/Instructions/X87/TranscendentalTables.swift"


def grouped(word):
    text = f"{word:016X}"
    return "0x" + "_".join(text[i : i + 4] for i in range(0, 16, 4))


def bits(value):
    """A fraction in 0..<1, rounded to the nearest multiple of 2^-128."""
    scaled = int(floor(value * mpf(2) ** 128 + mpf(1) / 2))
    assert 0 <= scaled < 1 << 128
    return f"Bits128(high: {grouped(scaled >> 64)}, low: {grouped(scaled & (1 << 64) - 1)})"


def constant(name, comment, value):
    return [f"  /// {comment}", "  @inline(__always)", f"  static var {name}: Bits128 {{", f"    {bits(value)}", "  }"]


def table(name, comments, values):
    lines = [f"  /// {comment}" for comment in comments] + [f"  static let {name}: [Bits128] = ["]
    return lines + [f"    {bits(value)}," for value in values] + ["  ]"]


def main():
    lines = [
        "// Written by Scripts/generate-transcendental-tables.py; do not edit. Each number is the nearest multiple of",
        "// 2^-128.",
        "",
        "/// Constants and tables of the transcendental functions, as fractions.",
        "enum TranscendentalTables {",
    ]
    parts = [
        constant("quarterPi", "π / 4.", pi / 4),
        constant("naturalLogarithmOf2", "ln 2.", ln(2)),
        constant("halfLogarithmOfE", "log2(e) / 2.", 1 / ln(2) / 2),
        table(
            "reciprocalFactorials",
            ["1 / n!; the entries for 0 and 1, which are no fractions, are zero."],
            [mpf(0), mpf(0)] + [1 / factorial(n) for n in range(2, 32)],
        ),
        table(
            "oddReciprocals",
            ["1 / (2n + 1); the entry for 0, which is no fraction, is zero."],
            [mpf(0)] + [mpf(1) / (2 * n + 1) for n in range(1, 10)],
        ),
        table("arctangents", ["arctan(n / 64)."], [atan(mpf(n) / 64) for n in range(65)]),
        table(
            "logarithms",
            ["log2((n + 45) / 64), plus one where that is negative."],
            [(ln(mpf(n) / 64) / ln(2) + (1 if n < 64 else 0)) if n != 64 else mpf(0) for n in range(45, 91)],
        ),
        table("powers", ["2^(n / 64) − 1."], [mpf(2) ** (mpf(n) / 64) - 1 for n in range(64)]),
    ]
    for index, part in enumerate(parts):
        lines += ([""] if index else []) + part
    text = "\n".join(lines + ["}", ""])
    if "--check" in sys.argv:
        with open(PATH) as file:
            if file.read() != text:
                sys.exit(f"{PATH} is not what this script writes")
    else:
        with open(PATH, "w") as file:
            file.write(text)


main()
