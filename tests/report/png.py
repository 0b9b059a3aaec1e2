"""The pixels of a PNG, as far as browsers write them: 8 bits a channel, not interlaced."""

from __future__ import annotations

import struct
import zlib


def pixels(data: bytes) -> tuple[int, int, list[tuple[int, ...]]]:
    """Width, height, and the colour of each pixel, row by row. https://www.w3.org/TR/png-3/"""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    place, packed, header = 8, b"", ()
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + size]
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        place += 12 + size
    width, height, depth, color, _, _, interlace = header
    assert (depth, interlace) == (8, 0)
    channels = {2: 3, 6: 4}[color]
    raw = zlib.decompress(packed)
    stride = width * channels
    above = bytearray(stride)
    found: list[tuple[int, ...]] = []
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, above, channels)
        found += zip(*(line[channel::channels] for channel in range(channels)), strict=True)
        above = line
    return width, height, found


def _unfilter(kind: int, line: bytearray, above: bytearray, step: int) -> None:
    for index in range(len(line)):
        left = line[index - step] if index >= step else 0
        up = above[index]
        corner = above[index - step] if index >= step else 0
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        line[index] = (line[index] + guess) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda value: abs(estimate - value))
