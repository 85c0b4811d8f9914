"""PUT …/text: what it publishes, and FastAPI's shape of refusals.

| section | sentence | cases |
|---|---|---|
| 2 | publishes a text; 200 with the whole message | Publishing |
| 2 | the body is checked before the channel | Refusing.test_body_is_checked_before_the_channel |
| 2 | content types, 1 MiB, 413, invalid UTF-8 | Bodies |
| 2 | the table of faults, field order, input cut | Refusing |
| 4 | cheat codes also by PUT | Publishing.test_cheat_code_is_not_stored |
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from case import ChatCase
from messages import CHANNELS, ROOMS, Message, is_canonical_uuid

PATTERN = "^[a-z-A-Z-0-9-_]+$"
GOOD: Message = {"author": "Ada", "text": "hello"}
KEYS = ["type", "id", "timestamp", "author", "avatar", "text"]


class Publishing(ChatCase):
    """What a good body does."""

    def publish(self, body: Message, api: str = CHANNELS) -> Any:
        response = self.put(body, api)
        self.assertEqual(response.status, 200, response.body)
        return response.json()

    def test_answers_with_the_whole_message(self) -> None:
        body = self.publish(GOOD)
        self.assertEqual(list(body), KEYS)
        self.assertEqual((body["type"], body["author"], body["text"]), ("text", "Ada", "hello"))
        self.assertIsNone(body["avatar"])
        self.assertTrue(is_canonical_uuid(body["id"]))
        self.assertAlmostEqual(body["timestamp"], time.time(), delta=5)

    def test_room_answers_in_the_rooms_shape(self) -> None:
        body = self.publish({**GOOD, "avatar": "x.svg"}, ROOMS)
        expected = {"type": "text", "author": "Ada", "avatar": "x.svg", "text": "hello"}
        self.assertEqual(list(body.items()), list(expected.items()))

    def test_clients_of_both_apis_receive_it(self) -> None:
        modern, old = self.join_both()
        body = self.publish(GOOD)
        self.assertEqual(dict(modern.expect("text")), body)
        self.assertEqual(old.expect("text")["text"], "hello")

    def test_clients_receive_what_was_put_into_the_room(self) -> None:
        modern, old = self.join_both()
        self.publish(GOOD, ROOMS)
        self.assertEqual(modern.expect("text")["author"], "Ada")
        self.assertEqual(old.expect("text")["author"], "Ada")

    def test_is_stored(self) -> None:
        body = self.publish(GOOD)
        self.assertEqual(self.last(), [body])

    def test_cheat_code_is_broadcast_and_not_stored(self) -> None:
        modern, old = self.join_both()
        self.publish({"author": "Ada", "text": "givemesomecheese"})
        self.publish({"author": "Ada", "text": "spaceandtime"}, ROOMS)
        for client in (modern, old):
            client.expect("text", text="givemesomecheese")
            client.expect("text", text="spaceandtime")
        self.assertEqual(self.last(), [])

    def test_type_may_be_given(self) -> None:
        self.assertEqual(self.publish({"type": "text", **GOOD})["type"], "text")

    def test_id_and_timestamp_are_kept(self) -> None:
        given = {"id": "0e9d4d1c-7a2b-4c3d-9e8f-001122334455", "timestamp": 12}
        body = self.publish({**GOOD, **given})
        self.assertEqual({key: body[key] for key in given}, given)

    def test_id_becomes_canonical(self) -> None:
        body = self.publish({**GOOD, "id": "{0E9D4D1C-7A2B-4C3D-9E8F-001122334455}"})
        self.assertEqual(body["id"], "0e9d4d1c-7a2b-4c3d-9e8f-001122334455")

    def test_timestamp_spellings(self) -> None:
        for given, kept in ((2.0, 2), ("12", 12)):
            self.assertEqual(self.publish({**GOOD, "timestamp": given})["timestamp"], kept)

    def test_avatar_null(self) -> None:
        self.assertIsNone(self.publish({**GOOD, "avatar": None})["avatar"])

    def test_avatar_is_kept(self) -> None:
        self.assertEqual(self.publish({**GOOD, "avatar": "mIcon.svg"})["avatar"], "mIcon.svg")

    def test_unknown_keys_are_dropped(self) -> None:
        self.assertEqual(list(self.publish({**GOOD, "extra": [1], "room": "x"})), KEYS)

    def test_last_of_duplicate_keys_counts(self) -> None:
        response = self.put(b'{"author":"Bob","text":"1","author":"Ada","text":"2"}')
        self.assertEqual((response.json()["author"], response.json()["text"]), ("Ada", "2"))

    def test_empty_text(self) -> None:
        self.assertEqual(self.publish({"author": "Ada", "text": ""})["text"], "")

    def test_text_at_the_limit_counts_code_points(self) -> None:
        for text in ("x" * 255, "é" * 255, "🗺" * 255):
            self.assertEqual(self.publish({"author": "Ada", "text": text})["text"], text)

    def test_author_at_the_limits(self) -> None:
        for author in ("A_1", "a" * 32, "---", "0-Z"):
            self.assertEqual(self.publish({"author": author, "text": "x"})["author"], author)

    def test_text_comes_back_unescaped(self) -> None:
        response = self.put(b'{"author":"Ada","text":"\\u00e9\\ud83d\\uddfa \\"q\\" \\\\ \\n"}')
        self.assertIn('"text":"é🗺 \\"q\\" \\\\ \\n"', response.text)

    def test_in_order_of_the_requests(self) -> None:
        client, = self.join(CHANNELS)
        for number in range(20):
            self.publish({"author": "Ada", "text": str(number)})
        self.assertEqual([client.expect("text")["text"] for _ in range(20)],
                         [str(number) for number in range(20)])

    def test_odd_channel_name(self) -> None:
        response = self.put(GOOD, channel="Été & co")
        self.assertEqual(response.status, 200)
        self.assertIn(response.json(), self.last(channel="Été & co"))


class Bodies(ChatCase):
    """Content types, sizes and transfer."""

    def test_parameters_and_suffixes_of_the_content_type(self) -> None:
        for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8",
                     "application/vnd.api+json", "Application/JSON", "application/geo+json; a=b"):
            with self.subTest(kind):
                self.assertEqual(self.put(GOOD, content_type=kind).status, 200)

    def test_other_content_types(self) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "text/json", None):
            with self.subTest(kind):
                response = self.put(GOOD, content_type=kind)
                self.assertEqual(response.status, 422)
                fault = response.json()["detail"][0]
                self.assertEqual(fault["type"], "model_attributes_type")
                self.assertEqual(fault["loc"], ["body"])

    def test_one_mebibyte_is_allowed(self) -> None:
        body = b'{"author":"Ada","text":"x"}'
        response = self.put(body + b" " * ((1 << 20) - len(body)))
        self.assertEqual(response.status, 200)

    def test_more_than_one_mebibyte_is_413(self) -> None:
        body = b'{"author":"Ada","text":"x"}'
        response = self.put(body + b" " * ((1 << 20) + 1 - len(body)))
        self.assertEqual(response.status, 413)
        self.assertIsInstance(response.json()["detail"], str)

    def test_413_before_the_body_is_there(self) -> None:
        with self.http() as connection:
            head = connection.render("PUT", f"/channel/{self.channel}/text", {
                "Content-Type": "application/json", "Content-Length": str(1 << 30)})
            connection.send_raw(head)
            self.assertEqual(connection.read_response().status, 413)

    def test_chunked_body_above_the_limit_is_413(self) -> None:
        with self.http() as connection:
            connection.send_raw(connection.render("PUT", f"/channel/{self.channel}/text", {
                "Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
            for _ in range(17):
                connection.send_raw(b"10000\r\n" + b" " * 65536 + b"\r\n")
            self.assertEqual(connection.read_response().status, 413)

    def test_chunked_body(self) -> None:
        with self.http() as connection:
            connection.send_raw(connection.render("PUT", f"/channel/{self.channel}/text", {
                "Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
            connection.send_raw(b'10\r\n{"author":"Ada",\r\nb\r\n"text":"x"}\r\n0\r\n\r\n')
            self.assertEqual(connection.read_response().status, 200)

    def test_expect_100_continue(self) -> None:
        body = b'{"author":"Ada","text":"x"}'
        with self.http() as connection:
            connection.send_raw(connection.render("PUT", f"/channel/{self.channel}/text", {
                "Content-Type": "application/json", "Content-Length": str(len(body)),
                "Expect": "100-continue"}))
            self.assertEqual(connection.read_response().status, 100)
            connection.send_raw(body)
            self.assertEqual(connection.read_response().status, 200)

    def test_invalid_utf8_is_400(self) -> None:
        detail = {"detail": "There was an error parsing the body"}
        for text in (b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\xaf"):
            with self.subTest(text):
                response = self.put(b'{"author":"Ada","text":"' + text + b'"}')
                self.assertEqual((response.status, response.json()), (400, detail))

    def test_connection_goes_on_after_a_refusal(self) -> None:
        target, headers = f"/channel/{self.channel}/text", {"Content-Type": "application/json"}
        with self.http() as connection:
            for body in (b"{nope", b"[]", b"", b'{"author":"A"}', b"\xff"):
                self.assertIn(connection.request("PUT", target, headers, body).status, (400, 422))
            self.assertEqual(connection.request("GET", "/version").status, 200)


class Refusing(ChatCase):
    """422: the table of faults."""

    def faults(self, body: Message | bytes | None, api: str = CHANNELS, **options: Any) -> Any:
        response = self.put(body, api, **options)
        self.assertEqual(response.status, 422, response.body[:300])
        self.assertEqual(list(response.json()), ["detail"])
        return response.json()["detail"]

    def fault(self, body: Message | bytes | None, **options: Any) -> Any:
        faults = self.faults(body, **options)
        self.assertEqual(len(faults), 1, faults)
        return faults[0]

    def test_example_byte_by_byte(self) -> None:
        response = self.put({"author": "ab", "text": "x"})
        self.assertEqual(response.text, (
            '{"detail":[{"type":"string_too_short","loc":["body","author"],'
            '"msg":"String should have at least 3 characters","input":"ab",'
            '"ctx":{"min_length":3}}]}'))

    def test_no_body_empty_and_null(self) -> None:
        for body, kind in ((None, None), (b"", "application/json"), (b"null", "application/json")):
            with self.subTest(body):
                fault = self.fault(body, content_type=kind)
                self.assertEqual(fault["type"], "missing")
                self.assertEqual(fault["loc"], ["body"])
                self.assertEqual(fault["msg"], "Field required")

    def test_not_an_object(self) -> None:
        for body in (b"[]", b"1", b'"x"', b"true", b'[{"author":"Ada","text":"x"}]'):
            with self.subTest(body):
                fault = self.fault(body)
                self.assertEqual(fault["type"], "model_attributes_type")
                self.assertEqual(fault["loc"], ["body"])
                words = "Input should be a valid dictionary or object to extract fields from"
                self.assertEqual(fault["msg"], words)

    def test_bad_json(self) -> None:
        for body, offset in ((b"{nope", 1), (b'{"a" 1}', 5), (b"nope", 0), (b'{"a":x}', 5)):
            with self.subTest(body):
                fault = self.fault(body)
                self.assertEqual(fault["type"], "json_invalid")
                self.assertEqual(fault["loc"], ["body", offset])
                self.assertEqual(fault["msg"], "JSON decode error")
                self.assertIsInstance(fault["ctx"]["error"], str)
                self.assertEqual(list(fault["ctx"]), ["error"])

    def test_bad_json_at_its_end(self) -> None:
        for body in (b"{", b'{"author":"Ada"', b'{"author":"Ada","text":"x"}}', b'{"a":1,}'):
            with self.subTest(body):
                fault = self.fault(body)
                self.assertEqual((fault["type"], fault["loc"][0]), ("json_invalid", "body"))
                self.assertIn(fault["loc"][1], range(len(body) + 1))

    def test_missing_fields(self) -> None:
        for name in ("author", "text"):
            body = {key: value for key, value in GOOD.items() if key != name}
            fault = self.fault(body)
            self.assertEqual(fault["type"], "missing")
            self.assertEqual(fault["loc"], ["body", name])
            self.assertEqual(fault["msg"], "Field required")

    def test_too_short(self) -> None:
        for author in ("", "ab"):
            fault = self.fault({**GOOD, "author": author})
            self.assertEqual(fault["type"], "string_too_short")
            self.assertEqual(fault["ctx"], {"min_length": 3})
            self.assertEqual(fault["input"], author)

    def test_too_long(self) -> None:
        for name, limit in (("author", 32), ("text", 255), ("avatar", 255)):
            with self.subTest(name):
                fault = self.fault({**GOOD, name: "x" * (limit + 1)})
                self.assertEqual(fault["type"], "string_too_long")
                self.assertEqual(fault["loc"], ["body", name])
                self.assertEqual(fault["msg"], f"String should have at most {limit} characters")
                self.assertEqual(fault["ctx"], {"max_length": limit})

    def test_length_counts_code_points(self) -> None:
        self.assertEqual(self.fault({**GOOD, "text": "🗺" * 256})["type"], "string_too_long")

    def test_characters(self) -> None:
        for author in ("chri$tian", "Ada L", "Zoé", "a.b", "Ada\n", "abc[", "a,b", "日本語"):
            with self.subTest(author):
                fault = self.fault({**GOOD, "author": author})
                self.assertEqual(fault["type"], "string_pattern_mismatch")
                self.assertEqual(fault["loc"], ["body", "author"])
                self.assertEqual(fault["msg"], f"String should match pattern '{PATTERN}'")
                self.assertEqual(fault["ctx"], {"pattern": PATTERN})
                self.assertEqual(fault["input"], author)

    def test_not_a_string(self) -> None:
        for name in ("author", "text", "avatar"):
            for value in (1, 1.5, True, ["x"], {"a": 1}):
                with self.subTest(f"{name}={value}"):
                    fault = self.fault({**GOOD, name: value})
                    self.assertEqual(fault["type"], "string_type")
                    self.assertEqual(fault["loc"], ["body", name])
                    self.assertEqual(fault["msg"], "Input should be a valid string")

    def test_null_is_no_string(self) -> None:
        for name in ("author", "text"):
            self.assertEqual(self.fault({**GOOD, name: None})["type"], "string_type")

    def test_type(self) -> None:
        for value in ("image", "Text", "", "nb_users"):
            with self.subTest(value):
                fault = self.fault({**GOOD, "type": value})
                self.assertEqual(fault["type"], "enum")
                self.assertEqual(fault["loc"], ["body", "type"])
                self.assertEqual(fault["msg"], "Input should be 'text'")
                self.assertEqual(fault["ctx"], {"expected": "'text'"})
                self.assertEqual(fault["input"], value)

    def test_id_that_is_no_uuid(self) -> None:
        for value in ("", "nope", "0e9d4d1c-7a2b-4c3d-9e8f-00112233445", "x" * 36):
            with self.subTest(value):
                fault = self.fault({**GOOD, "id": value})
                self.assertEqual((fault["type"], fault["loc"]), ("uuid_parsing", ["body", "id"]))
                self.assertTrue(fault["msg"].startswith("Input should be a valid UUID"))

    def test_id_of_another_type(self) -> None:
        for value in (1, True, ["x"]):
            fault = self.fault({**GOOD, "id": value})
            self.assertEqual((fault["type"], fault["loc"]), ("uuid_type", ["body", "id"]))

    def test_timestamp_with_a_fraction(self) -> None:
        fault = self.fault({**GOOD, "timestamp": 1.5})
        self.assertEqual((fault["type"], fault["loc"]), ("int_from_float", ["body", "timestamp"]))
        self.assertTrue(fault["msg"].startswith("Input should be a valid integer"))

    def test_timestamp_that_cannot_be_read(self) -> None:
        for value in ("", "noon", "1.5", "0x1"):
            with self.subTest(value):
                fault = self.fault({**GOOD, "timestamp": value})
                self.assertEqual(fault["type"], "int_parsing")
                self.assertTrue(fault["msg"].startswith("Input should be a valid integer"))

    def test_timestamp_of_another_type(self) -> None:
        for value in ([1], {"a": 1}):
            fault = self.fault({**GOOD, "timestamp": value})
            self.assertEqual(fault["type"], "int_type")

    def test_one_entry_per_fault_in_field_order(self) -> None:
        body = {"text": 1, "avatar": "x" * 300, "author": "a$b", "timestamp": "x", "id": "y",
                "type": "z"}
        faults = self.faults(body)
        order = ["type", "id", "timestamp", "author", "avatar", "text"]
        self.assertEqual([fault["loc"][1] for fault in faults], order)

    def test_keys_of_an_entry_in_order(self) -> None:
        order = ["type", "loc", "msg", "input", "ctx"]
        for fault in self.faults({"author": "a$c", "text": "x" * 256, "avatar": 1}):
            self.assertEqual(list(fault), [key for key in order if key in fault])
            self.assertEqual(list(fault)[:4], order[:4])

    def test_input_is_cut_at_200_characters(self) -> None:
        fault = self.fault({**GOOD, "text": "é" * 300})
        self.assertIsInstance(fault["input"], str)
        self.assertTrue(fault["input"].startswith("é" * 190))
        self.assertLessEqual(len(fault["input"]), 203)

    def test_body_is_checked_before_the_channel(self) -> None:
        self.assertEqual(self.fault({"author": "Ada"}, channel="nope")["type"], "missing")
        self.assertEqual(self.fault(b"{nope", channel="nope")["type"], "json_invalid")

    def test_rooms_refuse_alike(self) -> None:
        faults = self.faults({"author": "ab", "text": "x"}, ROOMS)
        self.assertEqual(faults[0]["type"], "string_too_short")

    def test_nobody_hears_of_a_refused_message(self) -> None:
        modern, old = self.join_both()
        for body in ({"author": "Ada"}, {"author": "a$c", "text": "x"}, b"{nope"):
            self.faults(body)
        modern.expect_nothing()
        old.expect("text", text="wizz")
        self.assertEqual(self.last(), [])

    def test_random_ids_are_accepted(self) -> None:
        for version in (uuid.uuid1(), uuid.uuid4(), uuid.UUID(int=0)):
            response = self.put({**GOOD, "id": str(version)})
            self.assertEqual(response.json()["id"], str(version))
