"""Limits of fields: at the limit and one above, in code points, and nicknames everywhere.

| section | sentence | cases |
|---|---|---|
| 4 | the column of limits; the limit itself is allowed | Lengths |
| 4 | avatar 255, style 1,000,000 | Lengths |
| 4 | nicknames; no coercion | Nicknames |
"""

from __future__ import annotations

from typing import Any

from case import ChatCase
from messages import BROADCAST, KEYS, NUMBERS, sample


class Lengths(ChatCase):
    """One field after the other."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def check(
        self, kind: str, field: str, limit: int, letters: tuple[str, ...] = ("x", "🗺")
    ) -> None:
        for letter in letters:
            self.client.send_kind(kind, **{field: letter * limit})
            got = self.client.receive()
            self.assertEqual(got["type"], kind, got.raw[:300])
            self.assertEqual(len(got[field]), limit)
            self.client.send_kind(kind, **{field: letter * (limit + 1)})
            self.client.expect_refusal(field, f"{limit}", f"{limit + 1}")

    def test_text(self) -> None:
        self.check("text", "text", 255, ("x", "é", "🗺", "\u0301", "\n"))

    def test_layer_name(self) -> None:
        self.check("geojson", "layer_name", 255)

    def test_crs_wkt_of_geojson(self) -> None:
        self.check("geojson", "crs_wkt", 2000)

    def test_crs_authid_of_geojson(self) -> None:
        self.check("geojson", "crs_authid", 50)

    def test_style(self) -> None:
        self.check("geojson", "style", 1_000_000, ("x",))

    def test_model_name(self) -> None:
        self.check("model", "model_name", 128)

    def test_model_group(self) -> None:
        self.check("model", "model_group", 128)

    def test_raw_xml(self) -> None:
        self.check("model", "raw_xml", 1_000_000)

    def test_script_name(self) -> None:
        self.check("script", "name", 128)

    def test_raw_pycode(self) -> None:
        self.check("script", "raw_pycode", 2_000_000)

    def test_avatar_on_every_kind(self) -> None:
        for kind in BROADCAST:
            with self.subTest(kind):
                self.check(kind, "avatar", 255, ("x",))

    def test_message_of_a_like(self) -> None:
        self.client.register("Bob")
        self.check("like", "message", 255)

    def test_crs_kinds_have_no_limits_of_their_own(self) -> None:
        for kind in ("crs", "bbox", "position"):
            with self.subTest(kind):
                self.client.send_kind(kind, crs_wkt="x" * 2001, crs_authid="y" * 51)
                self.client.expect(kind, crs_authid="y" * 51)

    def test_escapes_count_once_decoded(self) -> None:
        self.client.send('{"type":"text","author":"Ada","text":"' + "\\ud83d\\uddfa" * 255 + '"}')
        self.client.expect("text", text="🗺" * 255)


class Nicknames(ChatCase):
    """The rule for author, newcomer, liker_author and liked_author."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def each_field(self, value: Any) -> Any:
        """Sends the value wherever a nickname stands; gives (field, answer type or None)."""
        yield "author", sample("text", author=value)
        yield "newcomer", sample("newcomer", newcomer=value)
        yield "liker_author", sample("like", liker_author=value)
        yield "liked_author", sample("like", liked_author=value)

    def refused(self, *values: Any) -> None:
        for value in values:
            for field, message in self.each_field(value):
                with self.subTest(f"{field}={value!r}"):
                    self.client.send(message)
                    self.client.expect_refusal(field)

    def test_every_allowed_character(self) -> None:
        letters = "abcdefghijklmnopqrstuvwxyz"
        for author in (letters, letters.upper(), "0123456789", "_-_-_", "-a-", "___"):
            self.client.say("x", author)
            self.client.expect("text", author=author)

    def test_every_other_ascii_character_is_refused(self) -> None:
        allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        for code in range(128):
            if chr(code) not in allowed:
                self.client.say("x", f"ab{chr(code)}c")
                self.client.expect_refusal("author")

    def test_other_alphabets_are_refused(self) -> None:
        self.refused("Zoé", "Äda", "Ада", "日本語日", "abc🗺", "a\u0301bc", "٣٤٥", "ＡＢＣ")

    def test_blanks_and_line_ends_are_refused(self) -> None:
        self.refused("Ada Lovelace", " Ada", "Ada ", "Ada\n", "\tAda", "Ada\0")

    def test_length(self) -> None:
        for author in ("abc", "a" * 32):
            self.client.say("x", author)
            self.client.expect("text", author=author)
        self.refused("ab", "a", "", "a" * 33, "a" * 1000)

    def test_are_not_coerced(self) -> None:
        self.refused(12345, 1.5, True, None, ["Ada"], {"a": "Ada"})

    def test_strings_are_not_coerced_anywhere(self) -> None:
        for kind in BROADCAST:
            for field in KEYS[kind]:
                if field in NUMBERS or field in ("geojson", "avatar"):
                    continue
                with self.subTest(f"{kind}.{field}"):
                    self.client.send_kind(kind, **{field: 123})
                    reason = self.client.expect_refusal()
                    self.assertTrue(field in reason or "image" in reason, reason)

    def test_author_rule_holds_on_every_kind(self) -> None:
        for kind in BROADCAST:
            with self.subTest(kind):
                self.client.send_kind(kind, author="a$c")
                self.client.expect_refusal("author", "a$c")
