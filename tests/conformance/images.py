"""Writes images in pure Python: PNG, GIF, BMP, TIFF, JPEG (baseline), WebP (lossless).

Pixels are rows of (red, green, blue, alpha). The writers are as small as their formats allow; each
says what it can express.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterable, Sequence

from png import Pixel, Rows, paeth

RED, GREEN, BLUE, WHITE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255,) * 4
SECRET = "SECRET-PLACE"


def solid(width: int, height: int, pixel: Pixel = RED) -> Rows:
    """One colour."""
    return [[pixel] * width for _ in range(height)]


def quadrants(width: int, height: int, alpha: int = 255) -> Rows:
    """Red, green / blue, white; `alpha` is that of the red one."""
    left, right = width - width // 2, width // 2
    top = [(255, 0, 0, alpha)] * left + [GREEN] * right
    bottom = [BLUE] * left + [WHITE] * right
    return [list(top) for _ in range(height - height // 2)] + [
        list(bottom) for _ in range(height // 2)
    ]


def grid(values: Sequence[Sequence[int]], cell_width: int, cell_height: int) -> Rows:
    """Cells of grey."""
    rows: Rows = []
    for line in values:
        row = [(v, v, v, 255) for v in line for _ in range(cell_width)]
        rows += [list(row) for _ in range(cell_height)]
    return rows


# PNG


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_file(
    width: int,
    height: int,
    depth: int,
    colour_type: int,
    scanlines: bytes,
    extra: Iterable[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG from filtered scanlines; `extra` chunks stand after the header."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(scanlines, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, data) for name, data in chunks)


def png(rows: Rows, extra: Iterable[tuple[bytes, bytes]] = (), filter_type: int = 0) -> bytes:
    """RGBA, 8 bits."""
    lines = [bytes(value for pixel in row for value in pixel) for row in rows]
    data, above = b"", bytes(len(lines[0]))
    for line in lines:
        data += bytes([filter_type]) + _png_filter(filter_type, line, above)
        above = line
    return png_file(len(rows[0]), len(rows), 8, 6, data, extra)


def _png_filter(kind: int, line: bytes, above: bytes) -> bytes:
    left = bytes(4) + line[:-4]
    corner = bytes(4) + above[:-4]
    guesses = {
        0: lambda i: 0,
        1: lambda i: left[i],
        2: lambda i: above[i],
        3: lambda i: (left[i] + above[i]) // 2,
        4: lambda i: paeth(left[i], above[i], corner[i]),
    }
    return bytes((value - guesses[kind](i)) & 0xFF for i, value in enumerate(line))


def png_rgb(rows: Rows, extra: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """RGB, 8 bits."""
    data = b"".join(b"\0" + bytes(v for pixel in row for v in pixel[:3]) for row in rows)
    return png_file(len(rows[0]), len(rows), 8, 2, data, extra)


def png_palette(rows: Rows) -> bytes:
    """A palette with transparency, 8 bits."""
    colours = sorted({pixel for row in rows for pixel in row})
    palette = b"".join(bytes(colour[:3]) for colour in colours)
    alphas = bytes(colour[3] for colour in colours)
    data = b"".join(b"\0" + bytes(colours.index(pixel) for pixel in row) for row in rows)
    extra = [(b"PLTE", palette), (b"tRNS", alphas)]
    return png_file(len(rows[0]), len(rows), 8, 3, data, extra)


def png16(rows: Rows) -> bytes:
    """RGBA, 16 bits."""
    data = b"".join(
        b"\0" + b"".join(struct.pack(">H", value * 257) for pixel in row for value in pixel)
        for row in rows
    )
    return png_file(len(rows[0]), len(rows), 16, 6, data)


def png_grey(rows: Rows) -> bytes:
    """Grey, 8 bits."""
    data = b"".join(b"\0" + bytes(pixel[0] for pixel in row) for row in rows)
    return png_file(len(rows[0]), len(rows), 8, 0, data)


def png_bilevel(width: int, height: int, extra: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Black, 1 bit per pixel: many pixels in few bytes."""
    line = b"\0" + bytes((width + 7) // 8)
    return png_file(width, height, 1, 0, line * height, extra)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size and whose pixels are not there."""
    return png_file(width, height, 8, 2, b"\0" * 100)


def png_with_metadata(rows: Rows) -> bytes:
    """A PNG with every chunk in which somebody could be found."""
    extra = [
        (b"tEXt", b"Author\0" + SECRET.encode()),
        (b"zTXt", b"Comment\0\0" + zlib.compress(SECRET.encode())),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET.encode()),
        (b"tIME", struct.pack(">HBBBBB", 2024, 1, 2, 3, 4, 5)),
        (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        (b"eXIf", exif(orientation=1)),
    ]
    return png(rows, extra)


# GIF


def gif_lzw(indices: bytes) -> bytes:
    """LZW that never fills its table: all codes keep 8 bits."""
    out = bytearray()
    for at in range(0, len(indices), 100):
        out.append(128)
        out += indices[at : at + 100]
    out.append(129)
    return bytes(out)


def gif_codes(stream: bytes) -> bytes:
    """The other way round."""
    return bytes(code for code in stream if code < 128)


def gif(frames: Sequence[Rows], transparent: Pixel | None = None) -> bytes:
    """One frame or an animation of at most 128 colours."""
    colours = sorted({pixel for rows in frames for row in rows for pixel in row})
    palette = b"".join(bytes(colour[:3]) for colour in colours).ljust(3 * 128, b"\0")
    width, height = len(frames[0][0]), len(frames[0])
    out = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF6, 0, 0) + palette
    if len(frames) > 1:
        out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    for rows in frames:
        out += _gif_frame(rows, colours, transparent)
    return out + b"\x3b"


def _gif_frame(rows: Rows, colours: list[Pixel], transparent: Pixel | None) -> bytes:
    flags, index = (1, colours.index(transparent)) if transparent else (0, 0)
    control = b"\x21\xf9\x04" + struct.pack("<BHB", flags, 10, index) + b"\0"
    place = b"\x2c" + struct.pack("<HHHHB", 0, 0, len(rows[0]), len(rows), 0)
    stream = gif_lzw(bytes(colours.index(pixel) for row in rows for pixel in row))
    blocks = [stream[at : at + 255] for at in range(0, len(stream), 255)]
    body = b"".join(bytes([len(block)]) + block for block in blocks)
    return control + place + b"\x07" + body + b"\0"


# BMP


def bmp(rows: Rows) -> bytes:
    """24 bits, bottom line first."""
    width, height = len(rows[0]), len(rows)
    pad = bytes(-3 * width % 4)
    body = b"".join(b"".join(bytes(p[2::-1]) for p in row) + pad for row in reversed(rows))
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + info + body


# TIFF and EXIF (which is a TIFF without pixels)

_SHORT, _LONG, _RATIONAL, _DOUBLE, _ASCII = 3, 4, 5, 12, 2
_FORMATS = {_SHORT: "H", _LONG: "I", _RATIONAL: "I", _DOUBLE: "d"}
Tag = tuple[int, int, object]


def _tag_bytes(kind: int, value: object) -> tuple[int, bytes]:
    if kind == _ASCII:
        data = str(value).encode() + b"\0"
        return len(data), data
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    data = struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)
    return len(values) // (2 if kind == _RATIONAL else 1), data


def _directory(tags: list[Tag], at: int, following: int = 0) -> bytes:
    """An IFD that stands at the offset `at`, with the values that don't fit after it."""
    head, tail = struct.pack("<H", len(tags)), b""
    values_at = at + 2 + 12 * len(tags) + 4
    for number, kind, value in sorted(tags, key=lambda tag: tag[0]):
        count, data = _tag_bytes(kind, value)
        head += struct.pack("<HHI", number, kind, count)
        if len(data) <= 4:
            head += data.ljust(4, b"\0")
            continue
        head += struct.pack("<I", values_at + len(tail))
        tail += data + bytes(len(data) % 2)
    return head + struct.pack("<I", following) + tail


def exif(orientation: int) -> bytes:
    """EXIF with an orientation, a description and a position on earth."""
    gps: list[Tag] = [
        (1, _ASCII, "N"),
        (2, _RATIONAL, [48, 1, 51, 1, 30, 1]),
        (3, _ASCII, "E"),
        (4, _RATIONAL, [2, 1, 21, 1, 7, 1]),
        (29, _ASCII, SECRET),
    ]
    tags: list[Tag] = [
        (0x010E, _ASCII, SECRET),
        (0x0112, _SHORT, orientation),
        (0x8825, _LONG, 0),
    ]
    gps_at = 8 + len(_directory(tags, 8))
    tags[2] = (0x8825, _LONG, gps_at)
    return b"II*\0" + struct.pack("<I", 8) + _directory(tags, 8) + _directory(gps, gps_at)


GEO_TAGS: list[Tag] = [
    (33550, _DOUBLE, [10.0, 10.0, 0.0]),
    (33922, _DOUBLE, [0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0]),
    (34735, _SHORT, [1, 1, 0, 1, 1024, 0, 1, 1]),
    (42112, _ASCII, f"<GDALMetadata>{SECRET}</GDALMetadata>"),
    (42113, _ASCII, "-9999"),
]


def tiff(pages: Sequence[Rows], extra: Sequence[Tag] = ()) -> bytes:
    """RGB, 8 bits, uncompressed; one page or several."""
    out = b"II*\0" + struct.pack("<I", 8)
    for index, rows in enumerate(pages):
        at = len(out)
        size = len(_directory(_page_tags(rows, 0, extra), at))
        pixels = b"".join(bytes(p[:3]) for row in rows for p in row)
        pixels += bytes(len(pixels) % 2)
        last = index == len(pages) - 1
        following = 0 if last else at + size + len(pixels)
        out += _directory(_page_tags(rows, at + size, extra), at, following) + pixels
    return out


def _page_tags(rows: Rows, pixels_at: int, extra: Sequence[Tag]) -> list[Tag]:
    width, height = len(rows[0]), len(rows)
    return [
        (256, _LONG, width),
        (257, _LONG, height),
        (258, _SHORT, [8, 8, 8]),
        (259, _SHORT, 1),
        (262, _SHORT, 2),
        (273, _LONG, pixels_at),
        (277, _SHORT, 3),
        (278, _LONG, height),
        (279, _LONG, width * height * 3),
        *extra,
    ]


# JPEG: baseline, every 8x8 block in one tone

_AC_SYMBOLS = bytes([0x00, 0x01, 0x02, 0x03, 0x11, 0x12, 0x21])  # 3 bits each; 0x00 ends a block
Plane = Sequence[Sequence[int]]


def _bits(value: int, size: int) -> str:
    """A JPEG magnitude: negative numbers in ones' complement."""
    if size == 0:
        return ""
    return format(value if value > 0 else value + (1 << size) - 1, f"0{size}b")


def _dc_bits(difference: int) -> str:
    size = abs(difference).bit_length()
    return format(size, "04b") + _bits(difference, size)


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _entropy_bytes(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _jpeg_file(width: int, height: int, components: int, scan: bytes, extra: bytes) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, components)
    frame += b"".join(struct.pack("BBB", i + 1, 0x11, 0) for i in range(components))
    start = bytes([components]) + b"".join(bytes([i + 1, 0]) for i in range(components))
    dc = bytes([0x00, 0, 0, 0, 12, *[0] * 12, *range(12)])
    ac = bytes([0x10, 0, 0, 7, *[0] * 13]) + _AC_SYMBOLS
    return (
        b"\xff\xd8"
        + extra
        + _segment(0xDB, b"\0" + b"\x01" * 64)
        + _segment(0xC0, frame)
        + _segment(0xC4, dc)
        + _segment(0xC4, ac)
        + _segment(0xDA, start + bytes([0, 63, 0]))
        + scan
        + b"\xff\xd9"
    )


def jpeg(planes: Sequence[Plane], extra: bytes = b"") -> bytes:
    """A JPEG of one (grey), three (YCbCr) or four (see jpeg_cmyk) planes, each a value per block.

    The image is 8 times as wide and high as its planes. `extra`: segments after the start.
    """
    width, height = 8 * len(planes[0][0]), 8 * len(planes[0])
    bits, last = [], [0] * len(planes)
    for y in range(len(planes[0])):
        for x in range(len(planes[0][0])):
            for index, plane in enumerate(planes):
                value = 8 * (plane[y][x] - 128)
                bits.append(_dc_bits(value - last[index]) + "000")
                last[index] = value
    return _jpeg_file(width, height, len(planes), _entropy_bytes("".join(bits)), extra)


def jpeg_exif(orientation: int) -> bytes:
    """The APP1 segment with EXIF."""
    return _segment(0xE1, b"Exif\0\0" + exif(orientation))


def jpeg_comment() -> bytes:
    """The COM segment."""
    return _segment(0xFE, SECRET.encode())


def jpeg_cmyk(blocks: Sequence[Sequence[tuple[int, int, int, int]]]) -> bytes:
    """Cyan, magenta, yellow and black in 0 to 255 (full ink), stored inverted as Adobe does."""
    planes = [[[255 - ink[i] for ink in row] for row in blocks] for i in range(4)]
    adobe = _segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0))
    return jpeg(planes, adobe)


def large_jpeg(width: int, height: int, seed: int = 1) -> bytes:
    """A grey JPEG with texture in every block: as costly to decode as a photo of that size.

    Width and height are multiples of 16. About 5 bytes per block.
    """
    chance = random.Random(seed)
    blocks = []
    for _ in range(64):
        up = chance.randint(1, 250)
        blocks.append(_textured_block(chance, up) + _textured_block(chance, -up))
    count = width * height // 128
    scan = _entropy_bytes("".join(chance.choices(blocks, k=count)))
    return _jpeg_file(width, height, 1, scan, b"")


def _textured_block(chance: random.Random, difference: int) -> str:
    bits = _dc_bits(difference)
    for _ in range(3):
        index = chance.randint(1, 6)
        size = _AC_SYMBOLS[index] & 15
        bits += format(index, "03b") + format(chance.getrandbits(size), f"0{size}b")
    return bits + "000"


def large_png(width: int, height: int, seed: int = 1) -> bytes:
    """An RGB PNG with some noise in each line that compresses well."""
    chance = random.Random(seed)
    size = 3 * width
    packer = zlib.compressobj(1)
    parts = []
    for y in range(height):
        line = bytearray(size)
        if y % 8 == 0:
            for _ in range(size // 64):
                line[chance.randrange(size)] = chance.getrandbits(8)
        parts.append(packer.compress(b"\x02" + line))
    data = b"".join(parts) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in chunks)


# WebP, lossless


def webp(rows: Rows, exif_data: bytes | None = None) -> bytes:
    """At most two values in each channel (such as quadrants): a bit for each of them."""
    image = _riff_chunk(b"VP8L", _vp8l(rows))
    if exif_data is not None:
        size = struct.pack("<I", len(rows[0]) - 1)[:3] + struct.pack("<I", len(rows) - 1)[:3]
        image = (
            _riff_chunk(b"VP8X", b"\x18\0\0\0" + size) + image + _riff_chunk(b"EXIF", exif_data)
        )
    return b"RIFF" + struct.pack("<I", len(image) + 4) + b"WEBP" + image


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


class _LsbBits:
    """Bits, least significant first."""

    def __init__(self) -> None:
        self._digits: list[str] = []

    def add(self, value: int, size: int) -> None:
        if size:
            self._digits.append(format(value, f"0{size}b")[::-1])

    def bytes(self) -> bytes:
        digits = "".join(self._digits)[::-1]
        size = (len(digits) + 7) // 8
        return int(digits, 2).to_bytes(size, "little")


def _vp8l(rows: Rows) -> bytes:
    bits = _LsbBits()
    bits.add(0x2F, 8)
    bits.add(len(rows[0]) - 1, 14)
    bits.add(len(rows) - 1, 14)
    bits.add(1, 1)  # alpha is used
    bits.add(0, 3)  # version
    bits.add(0, 3)  # no transform, no colour cache, no meta codes
    order = (1, 0, 2, 3)  # green, red, blue, alpha
    symbols = [sorted({pixel[channel] for row in rows for pixel in row}) for channel in order]
    for values in symbols:
        _simple_code(bits, values)
    _simple_code(bits, [0])  # distances
    for row in rows:
        for pixel in row:
            for channel, values in zip(order, symbols):
                bits.add(values.index(pixel[channel]), len(values) - 1)
    return bits.bytes()


def _simple_code(bits: _LsbBits, values: list[int]) -> None:
    if len(values) > 2:
        raise ValueError("more than two values in a channel")
    bits.add(1, 1)
    bits.add(len(values) - 1, 1)
    bits.add(1, 1)
    for value in values:
        bits.add(value, 8)


# What every format has in common


def every_format(rows: Rows) -> dict[str, bytes]:
    """The same picture in the six formats. JPEG takes its block tones from the red channel."""
    tones = [[rows[y][x][0] for x in range(0, len(rows[0]), 8)] for y in range(0, len(rows), 8)]
    return {
        "png": png(rows),
        "gif": gif([rows]),
        "bmp": bmp(rows),
        "tiff": tiff([rows]),
        "jpeg": jpeg([tones]),
        "webp": webp(rows),
    }
