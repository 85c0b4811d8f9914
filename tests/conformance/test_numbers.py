"""Coordinates: what is taken for a number, and how it comes out.

| section | sentence | cases |
|---|---|---|
| 4 | ints come out as floats | Spelling |
| 4 | numeric strings, true and false | Strings |
| 4 | NaN and infinities in any spelling are refused | Refused |
| 4 | finite numbers | Refused |
"""

from __future__ import annotations

import json
import math

from case import ChatCase
from messages import CHANNELS, ROOMS, WKT, compact, sample

_HEAD = '{"type":"position","author":"Ada","crs_wkt":"","crs_authid":"","y":0,"x":'


class NumberCase(ChatCase):
    """A client that sends positions with an x of any spelling."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def send_x(self, spelling: str) -> None:
        self.client.send(_HEAD + spelling + "}")

    def check(self, spelling: str, value: float) -> str:
        """The spelling is accepted and comes out as a float of that value; gives its spelling."""
        with self.subTest(spelling):
            self.send_x(spelling)
            got = self.client.expect("position")
            self.assertIsInstance(got["x"], float)
            self.assertEqual(got["x"], value)
            self.assertEqual(math.copysign(1, got["x"]), math.copysign(1, value))
            return got.raw.split('"x":')[1].split(",")[0]
        return ""

    def refused(self, *spellings: str) -> None:
        for spelling in spellings:
            with self.subTest(spelling[:60]):
                self.send_x(spelling)
                self.client.expect_refusal("x")


class Spelling(NumberCase):
    """JSON numbers."""

    def test_int_comes_out_as_float(self) -> None:
        self.assertEqual(self.check("1", 1.0), "1.0")
        self.assertEqual(self.check("0", 0.0), "0.0")
        self.assertEqual(self.check("-180", -180.0), "-180.0")
        self.assertEqual(self.check("123456789", 123456789.0), "123456789.0")

    def test_floats_keep_their_value(self) -> None:
        for spelling in ("2.5", "0.1", "-0.1", "48.8566969", "1e3", "1E+3", "1.5e-7", "6.02e23",
                         "1e22", "1e21", "123456.789012345", "0.30000000000000004",
                         "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308"):
            self.check(spelling, float(spelling))

    def test_negative_zero(self) -> None:
        self.check("-0.0", -0.0)

    def test_large_ints_become_the_nearest_float(self) -> None:
        self.check("9007199254740993", 9007199254740992.0)
        self.check("18446744073709551616", 18446744073709551616.0)
        self.check("1" + "0" * 30, 1e30)

    def test_many_digits(self) -> None:
        self.check("0." + "1" * 100, float("0." + "1" * 100))
        self.check("3.14159265358979323846264338327950288", math.pi)

    def test_all_numbers_of_both_kinds(self) -> None:
        modern, old = self.client, self.join_one(ROOMS)
        for kind, keys in (("bbox", ("xmin", "xmax", "ymin", "ymax")), ("position", ("x", "y"))):
            numbers = dict(zip(keys, (-1, 2, 3, 4)))
            old.send(compact(sample(kind, **numbers)))
            for client in (modern, old):
                got = client.expect(kind)
                for key, value in numbers.items():
                    self.assertIn(f'"{key}":{value}.0', got.raw)

    def test_minimum_may_exceed_maximum(self) -> None:
        self.client.send_kind("bbox", xmin=5, xmax=1)
        self.client.expect("bbox", xmin=5.0, xmax=1.0)


class Strings(NumberCase):
    """Texts and booleans that count as numbers."""

    def test_plain(self) -> None:
        self.assertEqual(self.check('"1"', 1.0), "1.0")
        self.check('"2.5"', 2.5)

    def test_blanks_around(self) -> None:
        self.check('" 1.5 "', 1.5)
        self.check('"\\t1\\n"', 1.0)

    def test_sign(self) -> None:
        self.check('"-1.5"', -1.5)
        self.check('"+1.5"', 1.5)

    def test_exponent(self) -> None:
        self.check('"1e3"', 1000.0)
        self.check('"1E-3"', 0.001)
        self.check('"-2.5e+3"', -2500.0)

    def test_bare_points(self) -> None:
        self.check('".5"', 0.5)
        self.check('"1."', 1.0)
        self.check('"-.5"', -0.5)

    def test_single_underscores(self) -> None:
        self.check('"1_000"', 1000.0)
        self.check('"1_0.0_1"', 10.01)

    def test_leading_zeros(self) -> None:
        self.check('"007"', 7.0)

    def test_true_and_false(self) -> None:
        self.assertEqual(self.check("true", 1.0), "1.0")
        self.assertEqual(self.check("false", 0.0), "0.0")

    def test_hex_comma_and_empty_are_refused(self) -> None:
        self.refused('"0x10"', '"1,5"', '"1,000.5"', '""', '" "')

    def test_misplaced_underscores_are_refused(self) -> None:
        self.refused('"1__0"', '"_1"', '"1_"', '"1_.5"', '"1._5"', '"1e_5"')

    def test_other_texts_are_refused(self) -> None:
        self.refused('"abc"', '"1.5m"', '"1 2"', '"."', '"e5"', '"--1"', '"1e"', '"true"', '"½"',
                     '"1.2.3"', '"0b1"', '"0o7"', '"1f"', '"None"', '"٣"')


class Refused(NumberCase):
    """What is no finite number."""

    def test_nan_and_infinities_as_text(self) -> None:
        self.refused('"nan"', '"NaN"', '"inf"', '"-inf"', '"Infinity"', '"-Infinity"', '"+inf"',
                     '"INF"', '" nan "', '"infinity"', '"-nan"')

    def test_nan_and_infinities_as_words(self) -> None:
        for spelling in ("NaN", "Infinity", "-Infinity", "nan", "inf"):
            self.send_x(spelling)
            self.client.expect("uncompliant")

    def test_numbers_that_are_too_large(self) -> None:
        for spelling in ("1e999", "-1e999", "1e309", "1" + "0" * 400, "-1" + "0" * 400):
            self.send_x(spelling)
            self.client.expect("uncompliant")

    def test_texts_that_are_too_large(self) -> None:
        self.refused('"1e999"', '"-1e999"', '"' + "9" * 400 + '"')

    def test_other_types(self) -> None:
        self.refused("null", "[]", "[1]", "{}", '{"a":1}')

    def test_each_number_is_checked_and_named(self) -> None:
        for kind, keys in (("bbox", ("xmin", "xmax", "ymin", "ymax")), ("position", ("x", "y"))):
            for key in keys:
                self.client.send_kind(kind, **{key: "abc"})
                self.client.expect_refusal(key)

    def test_all_faults_are_told_together(self) -> None:
        self.client.send_kind("bbox", xmin=None, xmax="", ymin=[], ymax="nan")
        parts = self.client.expect_refusal().split("; ")
        self.assertEqual([part.split(":")[0] for part in parts], ["xmin", "xmax", "ymin", "ymax"])


class Rooms(ChatCase):
    """Rooms clients read the same numbers."""

    def test_numbers_of_a_stored_message(self) -> None:
        client = self.join_one()
        client.send_kind("position", x=1, y="2.5", crs_wkt=WKT)
        client.expect("position")
        for api in (CHANNELS, ROOMS):
            raw = self.get(f"/{'room' if api == ROOMS else 'channel'}/{self.channel}/last").text
            self.assertIn('"x":1.0,"y":2.5', raw)
            self.assertEqual(json.loads(raw)[0]["y"], 2.5)
