#!/usr/bin/env python3
"""Draws the BIOS's fonts from firmware/font.txt.

  Scripts/make-font.py    writes firmware/vga/fonts-data.S and firmware/font8x8-low.inc
"""
import os

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "firmware")
# Rows of the three sizes for the rows 0-C of the strokes.
ROWS = {
    16: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
    14: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    8: [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 7],
}


def read_strokes():
    strokes = {}
    with open(os.path.join(ROOT, "font.txt")) as lines:
        for line in lines:
            words = line.split()
            if words and not line.startswith("#"):
                strokes[int(words[0], 16)] = words[1:]
    return strokes


def dot(rows, x, y):
    if 0 <= y < len(rows):
        rows[y] |= 0xC0 >> x


def segment(rows, x0, y0, x1, y1):
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for i in range(steps + 1):
        x = x0 + ((x1 - x0) * i * 2 + steps) // (2 * steps)
        y = y0 + ((y1 - y0) * i * 2 + steps) // (2 * steps)
        dot(rows, x, y)


def draw(strokes, code, height, above=True):
    rows = [0] * height
    for word in strokes.get(code, []):
        if word[0] in "=^":
            for y, bits in enumerate(draw(strokes, int(word[1:], 16), height, word[0] == "=")):
                rows[y] |= bits
            continue
        if word[0] == "~":
            return [0x7E if height // 4 <= y < height - height // 4 else 0 for y in range(height)]
        points = [(int(word[i]), int(word[i + 1], 16)) for i in range(0, len(word) - 1, 2)]
        points = [p for p in points if above or p[1] >= 3]
        points = [(x, ROWS[height][min(y, 12)]) for x, y in points]
        for a, b in zip(points, points[1:] or points):
            segment(rows, *a, *b)
    return rows


# Box drawing B3-DA: weight of the arms up, right, down, left; 1 single, 2 double.
BOX = dict(zip(range(0xB3, 0xDB), (
    "1010 1011 1012 2021 0021 0012 2022 2020 0022 2002 2001 1002 0011 1100 1101 0111 1110 0101 1111 "
    "1210 2120 "
    "2200 0220 2202 0222 2220 0202 2222 1202 2101 0212 0121 2100 1200 0210 0120 2121 1212 1001 0110").split()))


def box(code, height):
    rows = [0] * height
    up, right, down, left = (int(c) for c in BOX[code])
    middle = height // 2 - 1
    double = max(up, down) == 2
    wide = max(left, right) == 2
    columns = (0x20, 0x04) if double else (0x18,)
    lines = (middle - 1, middle + 1) if wide else (middle,)
    for y in range(height):
        if (up and y <= lines[-1]) or (down and y >= lines[0]):
            for c in columns:
                rows[y] |= c
    for y in lines:
        if right:
            rows[y] |= 0x3F if double else 0x1F
        if left:
            rows[y] |= 0xFC if double else 0xF8
    # The inner corners of double lines stay open.
    if double and wide:
        inner_row = middle
        rows[inner_row] &= ~0x18
    if double and wide and right and left:
        for y in lines:
            if (y == lines[0] and up) or (y == lines[1] and down):
                rows[y] &= ~0x18
    return rows


def block(code, height):
    half = height // 2
    shade = {0xB0: (0x22, 0x88), 0xB1: (0x55, 0xAA), 0xB2: (0xDD, 0x77)}
    if code in shade:
        return [shade[code][y & 1] for y in range(height)]
    return {
        0xDB: [0xFF] * height,
        0xDC: [0] * half + [0xFF] * (height - half),
        0xDD: [0xF0] * height,
        0xDE: [0x0F] * height,
        0xDF: [0xFF] * half + [0] * (height - half),
    }[code]


# The pictures of 01-1F, eight lines each, spread over the larger sizes.
PICTURES = {
    0x01: "7E81A581BD99817E", 0x02: "7EFFDBFFC3E7FF7E", 0x03: "006CFEFEFE7C3810", 0x04: "10387CFE7C381000",
    0x05: "383810EEEED61038", 0x06: "10387CFEFE7C1038", 0x07: "0000183C3C180000", 0x08: "FFFFE7C3C3E7FFFF",
    0x09: "003C664242663C00", 0x0A: "FFC399BDBD99C3FF", 0x0B: "1F07197884CC4830", 0x0C: "3C66663C187E1818",
    0x0D: "1E12121070F06000", 0x0E: "3F213F2125E7E6C0", 0x0F: "18DB3CE7E73CDB18", 0x10: "C0F0FCFFFCF0C000",
    0x11: "030F3FFF3F0F0300", 0x12: "183C7E18187E3C18", 0x13: "6666666666006600", 0x14: "7FDBDB7B1B1B1B00",
    0x15: "3E603C66663C067C", 0x16: "000000007E7E7E00", 0x17: "183C7E187E3C18FF", 0x18: "183C7E1818181800",
    0x19: "181818187E3C1800", 0x1A: "00180CFE0C180000", 0x1B: "003060FE60300000", 0x1C: "0000C0C0C0FE0000",
    0x1D: "002466FF66240000", 0x1E: "0010387CFEFE0000", 0x1F: "00FEFE7C38100000",
}


def glyph(strokes, code, height):
    if code in BOX:
        return box(code, height)
    if 0xB0 <= code <= 0xB2 or 0xDB <= code <= 0xDF:
        return block(code, height)
    if code in PICTURES:
        eight = bytes.fromhex(PICTURES[code])
        margin = (height - 8) // 4
        inner = height - 2 * margin
        return [0] * margin + [eight[y * 8 // inner] for y in range(inner)] + [0] * margin
    return draw(strokes, code, height)


def lines(strokes, codes, height):
    for code in codes:
        rows = glyph(strokes, code, height)
        yield "  .byte " + ", ".join("0x%02X" % (r & 0xFF) for r in rows) + " // %02X" % code


def main():
    strokes = read_strokes()
    header = "// Made by Scripts/make-font.py from firmware/font.txt; not for editing.\n"
    with open(os.path.join(ROOT, "vga", "fonts-data.S"), "w") as out:
        out.write(header + '.section .fonts, "a"\n')
        for height in (16, 14, 8):
            out.write(".globl font8x%d\nfont8x%d:\n" % (height, height))
            out.write("\n".join(lines(strokes, range(256), height)) + "\n")
    with open(os.path.join(ROOT, "font8x8-low.inc"), "w") as out:
        out.write(header + "\n".join(lines(strokes, range(128), 8)) + "\n")


if __name__ == "__main__":
    main()
