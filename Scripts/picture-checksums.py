#!/usr/bin/env python3
"""Prints "NAME WIDTHxHEIGHT CRC32" for pictures, in the form of testroms/bios/video.txt.

    Scripts/picture-checksums.py FILE.png ...

The checksum is the CRC-32 of the pixels' red, green and blue bytes, row after row from the top left. Reads what
apus and QEMU write: PNG of eight bits a component or with a palette, without interlacing; binary PPM.
"""
import os
import struct
import sys
import zlib


def unfilter(data, stride, height, step):
    """The rows of a PNG without their filters (PNG specification, "Filtering")."""
    previous = bytearray(stride)
    rows = []
    for y in range(height):
        kind = data[y * (stride + 1)]
        row = bytearray(data[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride if kind else 0):
            left = row[i - step] if i >= step else 0
            above = previous[i]
            corner = previous[i - step] if i >= step else 0
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = above
            elif kind == 3:
                guess = (left + above) // 2
            else:
                guess = min((left, above, corner), key=lambda value: abs(left + above - corner - value))
            row[i] = (row[i] + guess) & 0xFF
        rows.append(row)
        previous = row
    return rows


def png(data):
    place, packed, palette = 8, b"", b""
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        body = data[place + 8:place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", body)
            if color not in (2, 3) or interlace or color == 2 and depth != 8:
                sys.exit("picture-checksums: a PNG of a kind that is not read here")
        elif kind == b"PLTE":
            palette = [body[i:i + 3] for i in range(0, length, 3)]
        elif kind == b"IDAT":
            packed += body
        place += length + 12
    if color == 2:
        return width, height, b"".join(unfilter(zlib.decompress(packed), 3 * width, height, 3))
    # Several pixels to a byte, the first in the high bits.
    stride = (width * depth + 7) // 8
    mask, pixels = (1 << depth) - 1, []
    for row in unfilter(zlib.decompress(packed), stride, height, 1):
        for x in range(width):
            place = x * depth
            pixels.append(palette[row[place >> 3] >> (8 - depth - (place & 7)) & mask])
    return width, height, b"".join(pixels)


def ppm(data):
    fields = data.split(maxsplit=4)
    width, height = int(fields[1]), int(fields[2])
    return width, height, data[-3 * width * height:]


for name in sys.argv[1:]:
    with open(name, "rb") as file:
        content = file.read()
    width, height, pixels = (png if content.startswith(b"\x89PNG") else ppm)(content)
    title = os.path.splitext(os.path.basename(name))[0]
    print(f"{title} {width}x{height} {zlib.crc32(pixels):08X}")
