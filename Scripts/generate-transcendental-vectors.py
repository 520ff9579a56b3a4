#!/usr/bin/env python3
"""Writes Tests/ApusCPUTests/Vectors/Transcendental.txt: reference values of the x87 transcendental functions,
computed with mpmath at a precision that leaves at least 300 correct bits. Run from the package directory:

  python3 Scripts/generate-transcendental-vectors.py            writes the file
  python3 Scripts/generate-transcendental-vectors.py stream N S  prints N random cases per function, seed S
"""
import random
import sys

from mpmath import mp, mpf, atan2, cos, expm1, floor, ldexp, ln, pi, sin

PATH = "Tests/ApusCPUTests/Vectors/Transcendental.txt"
ONES = (1 << 64) - 1
TOP = 1 << 63
# π × 2^64, cut off.
PI = 0x3_243F_6A88_85A3_08D3
FUNCTIONS = ["FSIN", "FCOS", "FPTAN", "FPATAN", "F2XM1", "FYL2X", "FYL2XP1"]

# The least and the greatest exponent of a finite extended number, denormals included.
LEAST, GREATEST = -16445, 16383


def value(number):
    negative, exponent, significand = number
    magnitude = ldexp(mpf(significand), exponent - 63)
    return -magnitude if negative else magnitude


def reduced(a):
    """The multiple of π/2 nearest to a, and the rest, exactly, with the π of 66 bits that processors have (SDM
    Vol. 1, "Approximation of Pi")."""
    half = ldexp(mpf(PI), -65)
    quadrant = int(floor(a / half + mpf(1) / 2))
    return quadrant, a - quadrant * half


def log2_times(b, a):
    """b log2(a), and whether it is exact."""
    if a.man == 1:
        return b * (mp.mag(a) - 1), True
    return b * (ln(a) / ln(mpf(2))), False


def reference(function, x, y):
    """The value, and whether it is exact."""
    # Enough for the whole part of the largest operand, a cancellation of 70 bits, and 300 more. Where the
    # second term of the Taylor series is yet smaller, `less` stands for it.
    mp.prec = 600
    less, more = 1 - ldexp(mpf(1), -500), 1 + ldexp(mpf(1), -500)
    a, b = value(x), value(y)
    if function in ("FSIN", "FCOS", "FPTAN"):
        quadrant, a = reduced(a)
        if x[1] > -200:
            s, c = sin(a), cos(a)
        else:
            s, c = a * less, less
        s, c = [(s, c), (c, -s), (-s, -c), (-c, s)][quadrant % 4]
        if function == "FPTAN":
            return s / c if x[1] > -200 else a * more, False
        return s if function == "FSIN" else c, False
    if function == "FPATAN":
        return atan2(b, a) if y[1] - x[1] > -200 or x[0] else b / a * less, False
    if function == "F2XM1":
        return expm1(a * ln(mpf(2))), abs(a) == 1
    if function == "FYL2X":
        return log2_times(b, a)
    if x[1] < -400:
        return b * (a / ln(mpf(2))), False
    mp.prec = 1200
    return log2_times(b, 1 + a)


def line(function, x, y):
    v, exact = reference(function, x, y)
    negative = v < 0
    v = abs(v)
    if v == 0:
        return None
    exponent = mp.mag(v) - 1
    significand = int(floor(ldexp(v, 127 - exponent)))

    def operand(n):
        return f"{int(n[0])} {n[1]} {n[2]:x}"

    two = function in ("FPATAN", "FYL2X", "FYL2XP1")
    parts = [function, operand(x)] + ([operand(y)] if two else [])
    return " ".join(parts + [f"{int(negative)} {exponent} {significand >> 64:x} {significand & ONES:x} {int(exact)}"])


# MARK: Operands

def some(r, low, high):
    """Mostly random significands; some with few bits set or clear."""
    patterns = [TOP, ONES, TOP | 1, ONES - 1, TOP | 1 << r.randrange(63), TOP | ONES >> r.randrange(1, 64)]
    significand = r.choice(patterns) if r.random() < 0.2 else TOP | r.getrandbits(63)
    return (r.random() < 0.5, r.randint(low, high), significand)


def nearest(v):
    """The extended number nearest to v."""
    negative, v = v < 0, abs(v)
    exponent = mp.mag(v) - 1
    significand = int(floor(ldexp(v, 63 - exponent) + mpf(1) / 2))
    return (negative, exponent + 1, TOP) if significand >> 64 else (negative, exponent, significand)


def near(v, r, spread=2):
    negative, exponent, significand = nearest(v)
    moved = significand + r.randint(-spread, spread)
    return (negative, exponent, min(max(moved, TOP), ONES))


def closest_to_multiples():
    """The x of each exponent that come closest to multiples of π/2: denominators of the convergents of
    2/π × 2^(exponent − 63), for the π of 66 bits, and their multiples of 64 bits."""
    mp.prec = 600
    for exponent in range(-1, 63):
        rest, (p0, q0), (p1, q1) = mpf(2) ** (exponent + 2) / PI, (0, 1), (1, 0)
        best = []
        while True:
            whole = int(floor(rest))
            (p0, q0), (p1, q1) = (p1, q1), (whole * p1 + p0, whole * q1 + q0)
            if q1 >> 64:
                break
            best.append(q1)
            if rest == whole:
                break
            rest = 1 / (rest - whole)
        for q in best[-2:]:
            significand = q << 64 - q.bit_length()
            if q.bit_length() < 64:
                significand = q * (ONES // q)
            if significand >> 63 == 1:
                yield (exponent & 1 == 0, exponent, significand)


ONE = (False, 0, TOP)


def angle(r):
    kind = r.randrange(6)
    if kind == 0:
        return some(r, LEAST, -1)
    if kind == 1:
        return some(r, -70, 5)
    if kind == 2:
        mp.prec = 200
        return near(pi / 4 * r.randint(1, 1 << r.randrange(1, 62)), r)
    return some(r, -3, 62)


def small_power(r):
    kind = r.randrange(5)
    if kind == 0:
        return some(r, LEAST, -2)
    if kind == 1:
        mp.prec = 200
        return near(mpf(r.randint(1, 127) * r.choice([1, -1])) / 128, r)
    return some(r, -9 if kind < 4 else -80, -1)


def ratio(r):
    kind = r.randrange(5)
    if kind == 0:
        return some(r, LEAST, GREATEST), some(r, LEAST, GREATEST)
    x = some(r, -100, 100)
    if kind == 1:
        mp.prec = 200
        y = near(value(x) * r.randint(1, 128) / 128 * r.choice([1, -1]), r)
        return (x, y) if r.random() < 0.5 else (y, x)
    spread = 2 if kind < 4 else 140
    return x, some(r, x[1] - spread, x[1] + spread)


def logarithm(r):
    y = some(r, -30, 30) if r.random() < 0.7 else some(r, LEAST, GREATEST)
    kind = r.randrange(5)
    if kind == 0:
        x = some(r, LEAST, GREATEST)
    elif kind == 1:
        mp.prec = 200
        x = near(1 + mpf(r.choice([1, -1])) / (1 << r.randrange(1, 64)), r)
    elif kind == 2:
        mp.prec = 200
        x = near(mpf(r.randint(90, 182)) / 128, r)
    else:
        x = some(r, -2, 1)
    return (False, x[1], x[2]), y


def logarithm_plus_one(r):
    y = some(r, -30, 30) if r.random() < 0.7 else some(r, LEAST, GREATEST)
    kind = r.randrange(5)
    if kind == 0:
        x = some(r, LEAST, -2)
    elif kind == 1:
        x = some(r, -80, -2)
    elif kind == 2:
        mp.prec = 200
        x = near(mpf(r.choice([1, -1]) * r.randint(1, 37)) / 128, r)
    elif kind == 3:
        x = some(r, -4, -1)
    else:
        x = some(r, 0, 140)
        x = (False, x[1], x[2])
    return x, y


def random_case(function, r):
    if function in ("FSIN", "FCOS", "FPTAN"):
        return angle(r), ONE
    if function == "F2XM1":
        return small_power(r), ONE
    return {"FPATAN": ratio, "FYL2X": logarithm, "FYL2XP1": logarithm_plus_one}[function](r)


def edges():
    tiny, huge = (False, LEAST, TOP), (False, GREATEST, ONES)
    for function in ("FSIN", "FCOS", "FPTAN"):
        for exponent in (LEAST, -16382, -129, -128, -66, -65, -64, -63, -34, -33, -32, -31, -3, -2, -1, 0, 1, 61, 62):
            for significand in (TOP, ONES):
                yield function, (exponent & 1 == 0, exponent, significand), ONE
    for index, x in enumerate(closest_to_multiples()):
        yield ("FSIN", "FCOS", "FPTAN")[index % 3], x, ONE
    for exponent in (LEAST, -16382, -128, -65, -64, -8, -7, -6, -2, -1):
        for significand in (TOP, ONES):
            for negative in (False, True):
                yield "F2XM1", (negative, exponent, significand), ONE
    for negative in (False, True):
        yield "F2XM1", (negative, 0, TOP), ONE
    numbers = [tiny, (False, -16382, TOP), (False, -1, ONES), ONE, (False, 0, TOP | 1), huge]
    for x in numbers:
        for y in numbers:
            for signs in range(4):
                yield "FPATAN", (signs & 1 != 0, *x[1:]), (signs & 2 != 0, *y[1:])
            yield "FYL2X", x, y
    for exponent in (LEAST, -3, -2, -1, 1, 2, 3, GREATEST):
        yield "FYL2X", (False, exponent, TOP), (exponent & 1 == 0, 5, TOP | 12345)
    limit = (False, -2, 0x95F6_1998_0C43_36F7)
    for x in [tiny, (True, LEAST, ONES), limit, (True, *limit[1:]), (True, -1, TOP), ONE, (False, 1, 3 << 62), huge]:
        yield "FYL2XP1", x, (True, 3, 5 << 61)


def hardness(text):
    """The distance of the result from a multiple of half a unit in the last of 64 places."""
    low = int(text.split()[-2], 16) & (1 << 63) - 1
    return min(low, (1 << 63) - low)


def hardest(function, r, pool, count):
    """Of a pool of random cases those that are hardest to round to 64 bits, without the trivial ones."""
    texts = [t for _ in range(pool) if (t := line(function, *random_case(function, r)))]
    return sorted((t for t in texts if hardness(t) > 1 << 8), key=hardness)[:count]


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "stream":
        r = random.Random(int(sys.argv[3]))
        for function in FUNCTIONS:
            for _ in range(int(sys.argv[2])):
                text = line(function, *random_case(function, r))
                if text:
                    print(text)
        return
    r = random.Random(87)
    lines = [
        "# Written by Scripts/generate-transcendental-vectors.py with mpmath. Operands x (and y where there are",
        "# two) as sign, exponent, significand: significand × 2^(exponent − 63). Result as sign, exponent and two",
        "# words: (high:low) × 2^(exponent − 127), truncated; then whether it is exact.",
    ]
    cases = list(edges())
    for function in FUNCTIONS:
        cases += [(function, *random_case(function, r)) for _ in range(450)]
    lines += [t for c in cases if (t := line(*c))]
    for function in FUNCTIONS:
        lines += hardest(function, r, 4000, 60)
    with open(PATH, "w") as file:
        file.write("\n".join(lines) + "\n")


main()
