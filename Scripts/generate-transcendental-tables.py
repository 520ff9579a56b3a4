#!/usr/bin/env python3
"""Writes Sources/ApusCPU/Instructions/X87/TranscendentalTables.swift. Needs mpmath. Run from the package
directory:

  python3 Scripts/generate-transcendental-tables.py          writes the file
  python3 Scripts/generate-transcendental-tables.py --check  fails if the file is not what this writes
"""
import sys

from mpmath import mp, mpf, atan, factorial, floor, ln, log, pi

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


def two_over_pi():
    scaled = int(floor(2 / pi * mpf(2) ** 256 + mpf(1) / 2))
    words = [scaled >> (192 - 64 * i) & (1 << 64) - 1 for i in range(4)]
    lines = ["  /// 2 / π as a fraction of 256 bits, the highest word first.", "  @inline(__always)"]
    lines += ["  static var twoOverPi: (UInt64, UInt64, UInt64, UInt64) {", "    ("]
    lines += [f"      {grouped(words[0])}, {grouped(words[1])},", f"      {grouped(words[2])}, {grouped(words[3])}"]
    return lines + ["    )", "  }"]


def closest_to_multiple():
    """log2 of the least distance of x · 2/π from an integer, over all x = significand × 2^(exponent − 63) with
    exponents −1...62. For a given exponent the best rational approximations of 2/π · 2^(exponent − 63), which
    are its convergents, come closest (with the denominator as significand, or multiples of it)."""
    least = mpf(1)
    for exponent in range(-1, 63):
        ratio = 2 / pi * mpf(2) ** (exponent - 63)
        rest, (p0, q0), (p1, q1) = ratio, (0, 1), (1, 0)
        while True:
            whole = int(floor(rest))
            (p0, q0), (p1, q1) = (p1, q1), (whole * p1 + p0, whole * q1 + q0)
            if q1 >= 1 << 64:
                break
            if p1 > 0:
                least = min(least, abs(ratio * q1 - p1))
            rest = 1 / (rest - whole)
    return log(least, 2)


def main():
    distance = closest_to_multiple()
    # 256 bits of 2/π leave an error below 2^-193 in the fraction of the quotient; `TranscendentalTrigonometry`
    # relies on the fraction's having fewer than 128 zeros at its top.
    assert distance > -72, distance
    lines = [
        "// Written by Scripts/generate-transcendental-tables.py; do not edit. Each number is the nearest multiple of",
        "// 2^-128.",
        "",
        "/// Constants and tables of the transcendental functions, as fractions.",
        "enum TranscendentalTables {",
    ]
    parts = [
        two_over_pi(),
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
    print(f"multiples of π/2: the nearest x · 2/π is 2^{mp.nstr(distance, 5)} from an integer")


main()
