"""Images: six formats in, a PNG of the first frame out, fitted and without metadata.

| section | sentence | cases |
|---|---|---|
| 6 | base64: standard alphabet, padded, no prefix | Base64 |
| 6 | PNG, JPEG, GIF, WebP, BMP, TIFF, no other format | Formats, OtherFormats |
| 6 | first frame; alpha; CMYK; EXIF orientation | Formats, Colours, Orientation |
| 6 | fitted, ratio kept, never enlarged, Lanczos | Sizes |
| 6 | every piece of metadata gone | Metadata |
| 6 | MAX_IMAGE_PIXELS by the header | Pixels |
| 6 | unreadable or truncated: fixed words | Damaged |
| 4 | image_data at most MAX_IMAGE_RAW_LENGTH | Base64.test_longest_allowed |
"""

from __future__ import annotations

import base64
import random
import struct
import time
import zlib

import images
import png
from case import ChatCase
from messages import encoded

REFUSAL = "Invalid or oversized image data."
REMAINING_CHUNKS = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND", "sRGB", "gAMA", "cHRM"}
Colour = tuple[int, int, int, int]


class ImageCase(ChatCase):
    """A client that sends image files."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def send_data(self, image_data: str) -> None:
        self.client.send_kind("image", image_data=image_data)

    def convert(self, data: bytes) -> bytes:
        """What the server makes of a file: a PNG."""
        self.send_data(encoded(data))
        got = self.client.receive(30)
        self.assertEqual(got["type"], "image", got.raw[:300])
        out = base64.b64decode(got["image_data"], validate=True)
        self.assertEqual(encoded(out), got["image_data"])
        names = set(png.header(out).chunk_names)
        self.assertLessEqual(names, REMAINING_CHUNKS)
        return out

    def picture(self, data: bytes) -> png.Picture:
        return png.decode(self.convert(data))

    def refused(self, image_data: str) -> None:
        self.send_data(image_data)
        message = self.client.receive(30)
        self.assertEqual((message["type"], message.get("reason")), ("uncompliant", REFUSAL))

    def file_refused(self, data: bytes) -> None:
        self.refused(encoded(data))

    def assert_near(self, got: Colour, wanted: Colour, tolerance: int = 3) -> None:
        far = [abs(a - b) > tolerance for a, b in zip(got, wanted)]
        self.assertFalse(any(far), f"{got} is not near {wanted}")


class Formats(ImageCase):
    """What is read."""

    def check_quadrants(self, data: bytes) -> None:
        out = self.picture(data)
        self.assertEqual(out.size, (32, 16))
        corners = [out.pixel(2, 2), out.pixel(29, 2), out.pixel(2, 13), out.pixel(29, 13)]
        for got, wanted in zip(corners, (images.RED, images.GREEN, images.BLUE, images.WHITE)):
            self.assert_near(got, wanted)

    def test_png(self) -> None:
        self.check_quadrants(images.png(images.quadrants(32, 16)))

    def test_png_of_every_filter(self) -> None:
        for kind in range(1, 5):
            self.check_quadrants(images.png(images.quadrants(32, 16), filter_type=kind))

    def test_png_with_a_palette(self) -> None:
        self.check_quadrants(images.png_palette(images.quadrants(32, 16)))

    def test_png_of_16_bits(self) -> None:
        self.check_quadrants(images.png16(images.quadrants(32, 16)))

    def test_png_without_alpha(self) -> None:
        self.check_quadrants(images.png_rgb(images.quadrants(32, 16)))

    def test_gif(self) -> None:
        self.check_quadrants(images.gif([images.quadrants(32, 16)]))

    def test_bmp(self) -> None:
        self.check_quadrants(images.bmp(images.quadrants(32, 16)))

    def test_tiff(self) -> None:
        self.check_quadrants(images.tiff([images.quadrants(32, 16)]))

    def test_geotiff(self) -> None:
        self.check_quadrants(images.tiff([images.quadrants(32, 16)], images.GEO_TAGS))

    def test_webp(self) -> None:
        self.check_quadrants(images.webp(images.quadrants(32, 16)))

    def test_jpeg(self) -> None:
        out = self.picture(images.jpeg([[[10, 90, 200], [30, 120, 250]]]))
        self.assertEqual(out.size, (24, 16))
        for x, y, tone in ((4, 4, 10), (12, 4, 90), (20, 12, 250)):
            self.assert_near(out.pixel(x, y), (tone, tone, tone, 255))

    def test_first_frame_of_an_animation(self) -> None:
        frames = [images.solid(8, 8, colour) for colour in (images.BLUE, images.RED, images.GREEN)]
        self.assert_near(self.picture(images.gif(frames)).pixel(4, 4), images.BLUE)

    def test_first_page_of_a_tiff(self) -> None:
        pages = [images.solid(9, 7, images.GREEN), images.solid(4, 4, images.RED)]
        out = self.picture(images.tiff(pages))
        self.assertEqual(out.size, (9, 7))
        self.assert_near(out.pixel(4, 4), images.GREEN)

    def test_goes_to_everybody_alike(self) -> None:
        other = self.join_one("rooms")
        self.convert(images.png(images.quadrants(8, 8)))
        live = self.client.received[-1]["image_data"]
        self.assertEqual(other.expect("image")["image_data"], live)
        self.assertEqual(self.last()[-1]["image_data"], live)

    def test_order_with_texts_holds(self) -> None:
        self.send_data(encoded(images.large_png(1500, 1000)))
        self.client.say("after")
        self.client.expect("image")
        self.client.expect("text", text="after")


class Colours(ImageCase):
    """Alpha and colour spaces."""

    def test_alpha_is_kept(self) -> None:
        for alpha in (0, 1, 128, 254):
            out = self.picture(images.png(images.quadrants(8, 8, alpha)))
            self.assertEqual(out.pixel(1, 1)[3], alpha)
            self.assert_near(out.pixel(6, 1), images.GREEN)

    def test_alpha_of_a_palette_is_kept(self) -> None:
        out = self.picture(images.png_palette(images.quadrants(8, 8, 100)))
        self.assert_near(out.pixel(1, 1), (255, 0, 0, 100))

    def test_alpha_of_a_webp_is_kept(self) -> None:
        out = self.picture(images.webp(images.quadrants(8, 8, 100)))
        self.assert_near(out.pixel(1, 1), (255, 0, 0, 100))

    def test_transparency_of_a_gif_is_kept(self) -> None:
        out = self.picture(images.gif([images.quadrants(8, 8)], transparent=images.GREEN))
        self.assertEqual(out.pixel(6, 1)[3], 0)
        self.assert_near(out.pixel(1, 6), images.BLUE)

    def test_alpha_survives_shrinking(self) -> None:
        rows = images.png(images.quadrants(1000, 10, 128))
        out = self.picture(rows)
        self.assertEqual(out.size, (800, 8))
        self.assert_near(out.pixel(100, 1), (255, 0, 0, 128))

    def test_grey(self) -> None:
        out = self.picture(images.png_grey(images.grid([[0, 77, 255]], 4, 4)))
        for x, tone in ((1, 0), (5, 77), (9, 255)):
            self.assert_near(out.pixel(x, 1), (tone, tone, tone, 255))

    def test_colours_of_a_jpeg(self) -> None:
        out = self.picture(images.jpeg([[[76, 150, 29]], [[85, 44, 255]], [[255, 21, 107]]]))
        for x, wanted in ((4, images.RED), (12, images.GREEN), (20, images.BLUE)):
            self.assert_near(out.pixel(x, 4), wanted, 6)

    def test_cmyk_becomes_rgb(self) -> None:
        inks = [(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 0)]
        out = self.picture(images.jpeg_cmyk([inks]))
        self.assertIn(out.header.colour_type, (2, 3, 6))
        cyan, magenta, yellow, black, paper = (out.pixel(8 * i + 4, 4) for i in range(5))
        self.assertLess(cyan[0], 110)
        self.assertGreater(min(cyan[1:3]), 130)
        self.assertLess(magenta[1], 110)
        self.assertGreater(magenta[0], 130)
        self.assertLess(yellow[2], 110)
        self.assertGreater(min(yellow[:2]), 200)
        self.assertLess(max(black[:3]), 60)
        self.assertGreater(min(paper[:3]), 240)


class Orientation(ImageCase):
    """EXIF orientation is applied: the picture comes out as a viewer shows it."""

    TONES = [[10, 90, 170], [50, 130, 250]]

    def turned(self, orientation: int) -> list[list[int]]:
        rows = [list(row) for row in self.TONES]
        mirrored = [row[::-1] for row in rows]
        across = [list(column) for column in zip(*rows)]
        return {
            1: rows,
            2: mirrored,
            3: mirrored[::-1],
            4: rows[::-1],
            5: across,
            6: [row[::-1] for row in across],
            7: [row[::-1] for row in across][::-1],
            8: across[::-1],
        }[orientation]

    def check(self, data: bytes, orientation: int) -> None:
        out, wanted = self.picture(data), self.turned(orientation)
        self.assertEqual(out.size, (8 * len(wanted[0]), 8 * len(wanted)))
        for y, row in enumerate(wanted):
            for x, tone in enumerate(row):
                self.assert_near(out.pixel(8 * x + 4, 8 * y + 4), (tone, tone, tone, 255))

    def test_of_a_jpeg(self) -> None:
        for orientation in range(1, 9):
            with self.subTest(orientation):
                extra = images.jpeg_exif(orientation)
                self.check(images.jpeg([self.TONES], extra), orientation)

    def test_of_a_png(self) -> None:
        rows = images.grid(self.TONES, 8, 8)
        for orientation in (3, 6, 8):
            with self.subTest(orientation):
                self.check(images.png(rows, [(b"eXIf", images.exif(orientation))]), orientation)

    def test_of_a_webp(self) -> None:
        rows = images.quadrants(16, 8)
        out = self.picture(images.webp(rows, images.exif(6)))
        self.assertEqual(out.size, (8, 16))
        self.assert_near(out.pixel(6, 2), images.RED)

    def test_values_that_mean_nothing(self) -> None:
        for orientation in (0, 9, 65535):
            with self.subTest(orientation):
                out = self.picture(images.jpeg([self.TONES], images.jpeg_exif(orientation)))
                self.assertEqual(out.size, (24, 16))

    def test_sides_are_swapped_before_fitting(self) -> None:
        plane = [[128] * 150 for _ in range(50)]
        out = self.convert(images.jpeg([plane], images.jpeg_exif(6)))
        self.assertEqual(png.header(out).size, (267, 800))


class Sizes(ImageCase):
    """Fitted into 800 x 800."""

    def check(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        with self.subTest(before):
            self.assertEqual(png.header(self.convert(images.png_bilevel(*before))).size, after)

    def test_examples(self) -> None:
        self.check((1200, 800), (800, 533))
        self.check((801, 800), (800, 799))

    def test_high_ones(self) -> None:
        self.check((800, 1200), (533, 800))
        self.check((800, 801), (799, 800))

    def test_both_sides_too_large(self) -> None:
        self.check((1600, 1600), (800, 800))
        self.check((2400, 1000), (800, 333))
        self.check((1000, 2400), (333, 800))
        self.check((3000, 1500), (800, 400))

    def test_what_fits_stays(self) -> None:
        for size in ((800, 800), (800, 1), (1, 800), (1, 1), (799, 3), (640, 480)):
            self.check(size, size)

    def test_no_side_vanishes(self) -> None:
        self.check((8000, 4), (800, 1))
        self.check((4, 8000), (1, 800))
        self.check((9000, 1), (800, 1))

    def test_every_format_is_fitted(self) -> None:
        rows = images.quadrants(1000, 8)
        tones = [[128] * 125]
        for name, data in (("gif", images.gif([rows])), ("bmp", images.bmp(rows)),
                           ("tiff", images.tiff([rows])), ("webp", images.webp(rows)),
                           ("jpeg", images.jpeg([tones]))):
            with self.subTest(name):
                self.assertEqual(png.header(self.convert(data)).size, (800, 6))

    def test_stripes_blend(self) -> None:
        line = images.grid([[0, 255] * 800], 1, 2)
        out = self.picture(images.png_grey(line))
        self.assertEqual(out.size[0], 800)
        tones = {out.pixel(x, 0)[0] for x in range(10, 790)}
        self.assertTrue(all(90 < tone < 165 for tone in tones), sorted(tones))

    def test_edges_stay_sharp_as_by_lanczos(self) -> None:
        line = images.grid([[64, 192]], 800, 16)
        out = self.picture(images.png_grey(line))
        tones = [out.pixel(x, 4)[0] for x in range(800)]
        self.assertLess(min(tones), 64)  # overshoots, which a box or a triangle does not
        self.assertGreater(max(tones), 192)
        self.assertLessEqual(len([tone for tone in tones if 70 < tone < 186]), 4)


class Metadata(ImageCase):
    """Nothing about the person who took the picture."""

    def check(self, data: bytes) -> None:
        self.assertIn(images.SECRET.encode(), data)
        out = self.convert(data)
        self.assertNotIn(images.SECRET.encode(), out)
        for _, content in png.header(out).chunks:
            self.assertNotIn(b"Exif", content)

    def test_of_a_jpeg(self) -> None:
        extra = images.jpeg_exif(1) + images.jpeg_comment()
        self.check(images.jpeg([[[1, 2], [3, 4]]], extra))

    def test_of_a_png(self) -> None:
        self.check(images.png_with_metadata(images.quadrants(8, 8)))

    def test_of_a_geotiff(self) -> None:
        self.check(images.tiff([images.quadrants(8, 8)], images.GEO_TAGS))

    def test_of_a_webp(self) -> None:
        self.check(images.webp(images.quadrants(8, 8), images.exif(1)))

    def test_of_an_image_that_is_shrunk(self) -> None:
        plane = [[128] * 150]
        self.check(images.jpeg([plane], images.jpeg_exif(1) + images.jpeg_comment()))


class Base64(ImageCase):
    """The text around the file."""

    def setUp(self) -> None:
        super().setUp()
        self.good = encoded(images.png(images.quadrants(9, 9)) + b"")

    def test_prefix_is_refused(self) -> None:
        self.refused("data:image/png;base64," + self.good)

    def test_other_alphabet_is_refused(self) -> None:
        noise = random.Random(1).randbytes(3 * 60 * 60)
        rows = b"".join(b"\0" + noise[i : i + 180] for i in range(0, len(noise), 180))
        data = encoded(images.png_file(60, 60, 8, 2, rows))
        self.assertTrue("+" in data and "/" in data)
        self.send_data(data)
        self.client.expect("image")
        self.refused(data.replace("+", "-").replace("/", "_"))

    def test_missing_padding_is_refused(self) -> None:
        extra = 0
        while not (good := encoded(images.png(images.quadrants(9, 9 + extra)))).endswith("="):
            extra += 1
        self.send_data(good)
        self.client.expect("image")
        self.refused(good.rstrip("="))

    def test_no_base64_is_refused(self) -> None:
        for data in ("", "=", "====", "%%%%", "é" * 8, "A", "iVBORw0KGgo=", self.good + "!!!!"):
            with self.subTest(data[:20]):
                self.refused(data)

    def test_other_faults_are_told_as_well(self) -> None:
        for data, faults in ((self.good, 1), ("%%%%", 2)):
            with self.subTest(data[:20]):
                self.client.send({"type": "image", "author": "a", "image_data": data})
                reasons = self.client.expect_refusal().split("; ")
                self.assertTrue(reasons[0].startswith("author: "), reasons)
                self.assertEqual(reasons[1:], [REFUSAL] * (faults - 1))

    def test_longest_allowed(self) -> None:
        self.send_data(encoded(self._file_of(3_750_000)))
        self.assertEqual(self.client.receive(30)["type"], "image")

    def test_longer_is_refused(self) -> None:
        self.send_data(encoded(self._file_of(3_750_003)))
        reason = self.client.expect_refusal()
        self.assertTrue(reason == REFUSAL or "image_data" in reason, reason)

    def _file_of(self, size: int) -> bytes:
        """A PNG of noise of exactly that many bytes."""
        side = 1117
        noise = random.Random(2).randbytes(3 * side * side)
        lines = b"".join(b"\0" + noise[i : i + 3 * side] for i in range(0, len(noise), 3 * side))
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

        def build(padding: int) -> bytes:
            chunks = [(b"IHDR", head), (b"tEXt", b"pad\0" + b"x" * padding),
                      (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b"")]
            return b"\x89PNG\r\n\x1a\n" + b"".join(images.png_chunk(*chunk) for chunk in chunks)

        return build(size - len(build(0)))


class Pixels(ImageCase):
    """MAX_IMAGE_PIXELS, 50 million, by the header."""

    def test_limit_is_allowed(self) -> None:
        out = self.convert(images.png_bilevel(10_000, 5_000))
        self.assertEqual(png.header(out).size, (800, 400))

    def test_one_line_more_is_refused(self) -> None:
        self.file_refused(images.png_bilevel(10_000, 5_001))

    def test_headers_that_claim_too_much_are_refused_at_once(self) -> None:
        claims = {
            "png": images.png_claiming(60_000, 60_000),
            "largest png": images.png_claiming(2**31 - 1, 2**31 - 1),
            "gif": _patched(images.gif([images.solid(4, 4)]), 6, struct.pack("<HH", 65535, 65535)),
            "bmp": _patched(images.bmp(images.solid(4, 4)), 18, struct.pack("<ii", 60000, 60000)),
            "tiff": images.tiff([images.solid(4, 4)]).replace(
                struct.pack("<HHII", 256, 4, 1, 4), struct.pack("<HHII", 256, 4, 1, 60000)).replace(
                struct.pack("<HHII", 257, 4, 1, 4), struct.pack("<HHII", 257, 4, 1, 60000)),
            "jpeg": images.jpeg([[[1]]]).replace(
                struct.pack(">BHH", 8, 8, 8), struct.pack(">BHH", 8, 60000, 60000)),
            "webp": _patched(images.webp(images.solid(4, 4)), 21,
                             ((16383 << 14 | 16383) | 1 << 28).to_bytes(4, "little")),
        }
        begin = time.monotonic()
        for name, data in claims.items():
            with self.subTest(name):
                self.file_refused(data)
        self.assertLess(time.monotonic() - begin, 10)


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


class OtherFormats(ImageCase):
    """What ImageMagick could read, and we don't."""

    def test_svg(self) -> None:
        self.file_refused(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        self.file_refused(b'<?xml version="1.0"?><svg width="9" height="9"></svg>')

    def test_pdf_and_postscript(self) -> None:
        self.file_refused(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>")
        self.file_refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")

    def test_scripts_of_imagemagick(self) -> None:
        self.file_refused(b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 "
                          b"'https://127.0.0.1/x.png'\npop graphic-context\n")
        self.file_refused(b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>')

    def test_urls_and_prefixes(self) -> None:
        for text in (b"https://example.org/x.png", b"msl:/etc/passwd", b"label:@/etc/passwd",
                     b"png:/etc/passwd", b"/etc/passwd", b"xc:red", b"rose:"):
            with self.subTest(text):
                self.file_refused(text)

    def test_plain_pixel_formats(self) -> None:
        self.file_refused(b"P6\n2 2\n255\n" + bytes(12))
        self.file_refused(b"P3\n1 1\n255\n0 0 0\n")
        self.file_refused(b"/* XPM */ static char*x[]={\"1 1 1 1\",\"a c #000\",\"a\"};")
        self.file_refused(bytes([0, 0, 2] + [0] * 9 + [2, 0, 2, 0, 24, 0]) + bytes(12))

    def test_icon(self) -> None:
        inner = images.png(images.quadrants(8, 8))
        head = struct.pack("<HHHBBBBHHII", 0, 1, 1, 8, 8, 0, 0, 1, 32, len(inner), 22)
        self.file_refused(head + inner)

    def test_photoshop(self) -> None:
        self.file_refused(b"8BPS" + struct.pack(">H6xHIIHHIIIH", 1, 3, 2, 2, 8, 3, 0, 0, 0, 0)
                          + bytes(12))

    def test_archives_and_programs(self) -> None:
        for data in (zlib.compress(images.png(images.quadrants(4, 4))), b"PK\x03\x04" + bytes(60),
                     b"\x7fELF" + bytes(60), b"\x1f\x8b\x08\0" + bytes(60), b"GIF", b"\0" * 100):
            self.file_refused(data)


class Damaged(ImageCase):
    """Truncated and unreadable files."""

    def test_truncated(self) -> None:
        chance = random.Random(3)
        rows = [[chance.choice((images.RED, images.GREEN, images.BLUE, images.WHITE))
                 for _ in range(64)] for _ in range(64)]
        for name, data in images.every_format(rows).items():
            for share in (0.1, 0.5, 0.8):
                with self.subTest(f"{name} {share}"):
                    self.file_refused(data[: int(len(data) * share)])

    def test_headers_alone(self) -> None:
        for name, data in images.every_format(images.quadrants(16, 16)).items():
            for size in (2, 4, 8, 12):
                with self.subTest(f"{name} {size}"):
                    self.file_refused(data[:size])

    def test_wrong_checksum_of_a_png(self) -> None:
        data = bytearray(images.png(images.quadrants(16, 16)))
        data[data.index(b"IDAT") + 10] ^= 0xFF
        self.file_refused(bytes(data))

    def test_no_pixels(self) -> None:
        for data in (images.png_claiming(0, 0), images.png_claiming(0, 8)):
            self.file_refused(data)

    def test_other_faults_are_told_with_or_before_it(self) -> None:
        self.client.send_kind("image", author="a$c", image_data="nope")
        words = self.client.expect_refusal("author").removesuffix("; " + REFUSAL)
        self.assertNotIn("image", words)

    def test_next_image_is_fine(self) -> None:
        self.file_refused(b"nope")
        self.convert(images.png(images.quadrants(8, 8)))
