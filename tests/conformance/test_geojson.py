"""geojson: what is a feature collection, and that its inside comes out as it went in.

| section | sentence | cases |
|---|---|---|
| 4 | numbers keep their kind, key order is kept, NaN refused | Inside |
| 4 | an object whose features is a list; len(features) | Features |
| 5 | `Too many geojson features : 600 vs max 500 allowed` | Features |
"""

from __future__ import annotations

from case import ChatCase
from messages import CHANNELS, ROOMS, compact, sample


class GeojsonCase(ChatCase):
    """A client of each API, the first one sends layers spelt by hand."""

    def setUp(self) -> None:
        super().setUp()
        self.client, self.old = self.join_both()

    def send_layer(self, spelling: str) -> None:
        message = compact(sample("geojson", geojson=None))
        self.client.send(message.replace('"geojson":null', '"geojson":' + spelling))

    def comes_out(self, spelling: str, expected: str | None = None) -> None:
        """The layer reaches clients of both APIs, byte by byte, and stays so in /last."""
        with self.subTest(spelling[:80]):
            self.send_layer(spelling)
            wanted = '"geojson":' + (spelling if expected is None else expected) + ',"style"'
            for client in (self.client, self.old):
                got = client.receive()
                self.assertIn(wanted, got.raw)
            for path in ("channel", "room"):
                self.assertIn(wanted, self.get(f"/{path}/{self.channel}/last").text)

    def refused(self, spelling: str, *words: str) -> None:
        with self.subTest(spelling[:80]):
            self.send_layer(spelling)
            self.client.expect_refusal(*words)


class Inside(GeojsonCase):
    """The inside of a layer is not ours."""

    def test_a_real_layer(self) -> None:
        self.comes_out(
            '{"type":"FeatureCollection","name":"réseau","crs":{"type":"name","properties":'
            '{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"features":[{"type":"Feature",'
            '"properties":{"id":1,"nom":"Île-de-France","ok":true,"none":null,"l":[]},'
            '"geometry":{"type":"Point","coordinates":[2.35,48.85,-0.0]}}]}'
        )

    def test_ints_stay_ints(self) -> None:
        self.comes_out('{"features":[1,0,-1,9007199254740993,18446744073709551615]}')

    def test_ints_beyond_64_bits_stay(self) -> None:
        self.comes_out('{"features":[123456789012345678901234567890,-99999999999999999999]}')

    def test_floats_stay_floats(self) -> None:
        self.comes_out('{"features":[1.0,2.5,-0.0,0.1]}')

    def test_spelling_of_numbers_stays(self) -> None:
        self.comes_out('{"features":[1e5,1E+5,1.50,100.00,0.10,1.0e-7]}')

    def test_key_order_stays(self) -> None:
        self.comes_out('{"zeta":1,"features":[],"alpha":{"z":1,"a":2,"m":3},"10":1,"9":2}')

    def test_strings_come_out_unescaped(self) -> None:
        self.comes_out('{"features":["\\u00e9\\ud83d\\uddfa\\/"]}', '{"features":["é🗺/"]}')

    def test_needed_escapes_stay(self) -> None:
        self.comes_out('{"features":["\\"\\\\\\n\\t\\r\\b\\f\\u0001\\u0000"]}')

    def test_blanks_are_dropped_outside_of_strings(self) -> None:
        self.comes_out('{ "features" : [ 1 , {\n"a b" :\t" c " } ] }',
                       '{"features":[1,{"a b":" c "}]}')

    def test_unknown_members_stay(self) -> None:
        self.comes_out('{"features":[],"bbox":[1,2,3,4],"":{"x":[[],{},null,true,false]}}')

    def test_words_stay(self) -> None:
        self.comes_out('{"features":[true,false,null,"true"]}')

    def test_nan_and_infinities_are_refused(self) -> None:
        for word in ("NaN", "Infinity", "-Infinity", "nan"):
            self.refused('{"features":[' + word + "]}")

    def test_numbers_that_are_too_large_never_come_out_as_infinity(self) -> None:
        for spelling in ("1e999", "-1e999"):
            self.send_layer('{"features":[' + spelling + "]}")
            got = self.client.receive()
            self.assertIn(got["type"], ("geojson", "uncompliant"))
            if got["type"] == "geojson":
                self.assertIn(spelling, got.raw)
                self.old.expect("geojson")

    def test_depth_counts_from_the_message(self) -> None:
        depth = "[" * 125 + "]" * 125
        self.comes_out('{"features":[' + depth + "]}")

    def test_deeper_than_128_is_refused(self) -> None:
        depth = "[" * 126 + "]" * 126
        self.refused('{"features":[' + depth + "]}")

    def test_a_layer_of_a_megabyte(self) -> None:
        feature = '{"type":"Feature","properties":{"t":"' + "x" * 2000 + '"},"geometry":null}'
        self.comes_out('{"features":[' + ",".join([feature] * 500) + "]}")


class Features(GeojsonCase):
    """What counts as a feature collection."""

    def test_features_must_be_a_list(self) -> None:
        for spelling in ("{}", '{"features":{}}', '{"features":null}', '{"features":"x"}',
                         '{"features":1}', '{"Features":[]}', '{"a":{"features":[]}}'):
            self.refused(spelling)

    def test_must_be_an_object(self) -> None:
        for spelling in ("[]", "1", "null", "true", '"x"', '[{"features":[]}]',
                         '"{\\"features\\":[]}"'):
            self.refused(spelling)

    def test_no_features_is_fine(self) -> None:
        self.comes_out('{"features":[]}')

    def test_limit_is_allowed(self) -> None:
        self.comes_out('{"features":[' + ",".join(["{}"] * 500) + "]}")

    def test_more_are_refused_in_fixed_words(self) -> None:
        for number in (501, 600):
            layer = '{"features":[' + ",".join(["{}"] * number) + "]}"
            self.send_layer(layer)
            reason = self.client.expect_refusal()
            self.assertEqual(reason, f"Too many geojson features : {number} vs max 500 allowed")

    def test_only_the_length_of_the_list_counts(self) -> None:
        inner = "[" + ",".join(["1"] * 1000) + "]"
        self.comes_out('{"features":[' + inner + ',{"features":' + inner + "}]}")

    def test_elements_may_be_anything(self) -> None:
        self.comes_out('{"features":[1,"x",null,[],{},true]}')

    def test_rooms_client_is_judged_alike(self) -> None:
        layer = {"features": [{}] * 501}
        self.old.send(compact(sample("geojson", geojson=layer)))
        reason = self.old.expect_refusal()
        self.assertEqual(reason, "Too many geojson features : 501 vs max 500 allowed")

    def test_too_many_features_and_another_fault(self) -> None:
        self.client.send(compact(sample("geojson", author="a$c", geojson={"features": [{}] * 501})))
        self.client.expect_refusal("author", "Too many geojson features : 501 vs max 500 allowed")

    def test_style_and_layer_come_back(self) -> None:
        for api_client in (self.client, self.old):
            api_client.send(compact(sample("geojson", style='<qgis a="é">\n</qgis>')))
            for client in (self.client, self.old):
                client.expect("geojson", style='<qgis a="é">\n</qgis>', layer_name="Layer")
        self.assertEqual(len(self.last(CHANNELS)), len(self.last(ROOMS)))
