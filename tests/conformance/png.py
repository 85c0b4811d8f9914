"""A PNG reader: enough to look at what the server makes of an image.

Reads every colour type and bit depth without interlacing, checks all checksums.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

Pixel = tuple[int, int, int, int]
Rows = list[list[Pixel]]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass
class Header:
    """IHDR, and the names of all chunks in their order."""

    width: int
    height: int
    depth: int
    colour_type: int
    chunks: list[tuple[str, bytes]] = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def chunk_names(self) -> list[str]:
        return [name for name, _ in self.chunks]

    def data(self, name: str) -> bytes | None:
        """Content of the chunks of one name, joined; None when there is none."""
        parts = [data for chunk, data in self.chunks if chunk == name]
        return b"".join(parts) if parts else None


@dataclass
class Picture:
    """A decoded image: RGBA, 8 bits per channel."""

    header: Header
    rows: Rows

    @property
    def size(self) -> tuple[int, int]:
        return self.header.size

    def pixel(self, x: int, y: int) -> Pixel:
        return self.rows[y][x]


def header(data: bytes) -> Header:
    """Splits a file into its chunks. ValueError when it is no sound PNG."""
    if not data.startswith(_SIGNATURE):
        raise ValueError(f"no PNG: {data[:16]!r}")
    chunks, at = [], len(_SIGNATURE)
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + size]
        checksum = data[at + 8 + size : at + 12 + size]
        if struct.pack(">I", zlib.crc32(name + content)) != checksum:
            raise ValueError(f"wrong checksum in chunk {name!r}")
        chunks.append((name.decode("ascii"), content))
        at += 12 + size
    if not chunks or chunks[0][0] != "IHDR" or chunks[-1] != ("IEND", b""):
        raise ValueError(f"chunks out of place: {[name for name, _ in chunks]}")
    width, height, depth, colour_type, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if interlace:
        raise ValueError("interlaced")
    return Header(width, height, depth, colour_type, chunks)


def decode(data: bytes) -> Picture:
    """The pixels of a file."""
    head = header(data)
    raw = zlib.decompress(head.data("IDAT") or b"")
    bits = _CHANNELS[head.colour_type] * head.depth
    stride, step = (head.width * bits + 7) // 8, max(1, bits // 8)
    rows, previous = [], bytes(stride)
    for y in range(head.height):
        begin = y * (stride + 1)
        previous = _unfilter(raw[begin], raw[begin + 1 : begin + 1 + stride], previous, step)
        rows.append(_pixels(head, previous))
    return Picture(head, rows)


def _unfilter(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    if kind == 0:
        return line
    out = bytearray(line)
    for i, value in enumerate(line):
        left = out[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            guess = paeth(left, above[i], corner)
        out[i] = (value + guess) & 0xFF
    return bytes(out)


def paeth(left: int, above: int, corner: int) -> int:
    """The predictor of filter 4."""
    estimate = left + above - corner
    distances = (abs(estimate - left), abs(estimate - above), abs(estimate - corner))
    return (left, above, corner)[distances.index(min(distances))]


def _samples(line: bytes, depth: int, count: int) -> list[int]:
    if depth == 8:
        return list(line[:count])
    if depth == 16:
        return list(line[0 : 2 * count : 2])
    per_byte, top = 8 // depth, (1 << depth) - 1
    shifts = [8 - depth * (i + 1) for i in range(per_byte)]
    return [(line[i // per_byte] >> shifts[i % per_byte]) & top for i in range(count)]


def _pixels(head: Header, line: bytes) -> list[Pixel]:
    channels = _CHANNELS[head.colour_type]
    values = _samples(line, head.depth, head.width * channels)
    if head.colour_type == 3:
        return [_palette_pixel(head, value) for value in values]
    if head.depth < 8:
        top = (1 << head.depth) - 1
        values = [value * 255 // top for value in values]
    key = _transparent_key(head)
    groups = [tuple(values[i : i + channels]) for i in range(0, len(values), channels)]
    return [_rgba(group, key) for group in groups]


def _palette_pixel(head: Header, index: int) -> Pixel:
    palette, alphas = head.data("PLTE") or b"", head.data("tRNS") or b""
    red, green, blue = palette[3 * index : 3 * index + 3]
    return red, green, blue, alphas[index] if index < len(alphas) else 255


def _transparent_key(head: Header) -> tuple[int, ...] | None:
    raw = head.data("tRNS")
    if raw is None:
        return None
    values = [value for (value,) in struct.iter_unpack(">H", raw)]
    if head.depth == 16:
        return tuple(value >> 8 for value in values)
    top = (1 << head.depth) - 1
    return tuple(value * 255 // top for value in values)


def _rgba(group: tuple[int, ...], key: tuple[int, ...] | None) -> Pixel:
    if len(group) == 4:
        return group  # type: ignore[return-value]
    if len(group) == 2:
        return group[0], group[0], group[0], group[1]
    alpha = 0 if group == key else 255
    return (*group, alpha) if len(group) == 3 else (*(group * 3), alpha)  # type: ignore
