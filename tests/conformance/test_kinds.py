"""The thirteen kinds: keys and their order in both APIs, who gets them, what is stored.

| section | sentence | cases |
|---|---|---|
| 1 | the strict records of QTribu and QChat | Shapes (and every client of the suite) |
| 3, 4 | two APIs in one channel, each its shape | Shapes |
| 4 | keys in order, nullable always present, unknown dropped, duplicates | Shapes, Keys |
| 4 | goes to, stored | Stored, ServerOnly |
| 4 | cheat codes | CheatCodes |
| 5 | one sentence per fault, joined | Reasons |
"""

from __future__ import annotations

import json

from case import ChatCase
from messages import ANSWERABLE, BROADCAST, CHANNELS, CHEATCODES, KEYS, NULLABLE, ROOMS
from messages import compact, sample


class Shapes(ChatCase):
    """Exact keys in exact order."""

    def check(self, kind: str, from_api: str) -> None:
        modern, old = self.join_both()
        sender = modern if from_api == CHANNELS else old
        sent = sender.send_kind(kind)
        modern_got, old_got = modern.expect(kind), old.expect(kind)
        self.assertEqual(list(modern_got), ["type", "id", "timestamp", *KEYS[kind]])
        self.assertEqual(list(old_got), ["type", *KEYS[kind]])
        for key in KEYS[kind]:
            if key != "image_data":
                self.assertEqual(modern_got[key], sent[key])
            self.assertEqual(old_got[key], modern_got[key])

    def test_text_from_channels(self) -> None:
        self.check("text", CHANNELS)

    def test_text_from_rooms(self) -> None:
        self.check("text", ROOMS)

    def test_image_from_channels(self) -> None:
        self.check("image", CHANNELS)

    def test_image_from_rooms(self) -> None:
        self.check("image", ROOMS)

    def test_geojson_from_channels(self) -> None:
        self.check("geojson", CHANNELS)

    def test_geojson_from_rooms(self) -> None:
        self.check("geojson", ROOMS)

    def test_crs_from_channels(self) -> None:
        self.check("crs", CHANNELS)

    def test_crs_from_rooms(self) -> None:
        self.check("crs", ROOMS)

    def test_bbox_from_channels(self) -> None:
        self.check("bbox", CHANNELS)

    def test_bbox_from_rooms(self) -> None:
        self.check("bbox", ROOMS)

    def test_position_from_channels(self) -> None:
        self.check("position", CHANNELS)

    def test_position_from_rooms(self) -> None:
        self.check("position", ROOMS)

    def test_model_from_channels(self) -> None:
        self.check("model", CHANNELS)

    def test_model_from_rooms(self) -> None:
        self.check("model", ROOMS)

    def test_newcomer_from_channels(self) -> None:
        self.check("newcomer", CHANNELS)

    def test_newcomer_from_rooms(self) -> None:
        self.check("newcomer", ROOMS)

    def test_script_goes_to_channels_clients_only(self) -> None:
        modern, old, other = self.join(CHANNELS, ROOMS, CHANNELS)
        sent = modern.send_kind("script")
        for client in (modern, other):
            got = client.expect("script", name=sent["name"], raw_pycode=sent["raw_pycode"])
            self.assertEqual(list(got), ["type", "id", "timestamp", *KEYS["script"]])
        old.expect_nothing()

    def test_script_from_a_rooms_client_is_refused(self) -> None:
        modern, old = self.join_both()
        old.send_kind("script")
        old.expect_refusal()
        modern.expect_nothing()
        self.assertEqual(self.last(), [])

    def test_exiter(self) -> None:
        modern, old, leaver = self.join(CHANNELS, ROOMS, CHANNELS)
        leaver.register("Ada")
        leaver.send({"type": "exiter", "exiter": "Ada"})
        for client in (modern, old):
            client.expect("newcomer")
        got = modern.expect("exiter", exiter="Ada")
        self.assertEqual(list(got), ["type", "id", "timestamp", "exiter"])
        self.assertEqual(list(old.expect("exiter", exiter="Ada")), ["type", "exiter"])

    def test_nb_users(self) -> None:
        got = self.connect().receive_any()
        self.assertEqual(list(got), ["type", "id", "timestamp", "nb_users"])
        got = self.connect(ROOMS).receive_any()
        self.assertEqual(list(got), ["type", "nb_users"])

    def test_uncompliant(self) -> None:
        modern, old = self.join_both()
        modern.send("[]")
        got = modern.expect("uncompliant")
        self.assertEqual(list(got), ["type", "id", "timestamp", "reason"])
        old.send("[]")
        self.assertEqual(list(old.expect("uncompliant")), ["type", "reason"])

    def test_like(self) -> None:
        modern, old = self.join_both()
        modern.register("Ada")
        old.expect("newcomer")
        old.send_kind("like", "Bob", liked_author="Ada")
        got = modern.expect("like", liker_author="Bob", liked_author="Ada", message="good")
        self.assertEqual(list(got), ["type", "id", "timestamp", *KEYS["like"]])

    def test_like_for_a_rooms_client(self) -> None:
        modern, old = self.join_both()
        old.register("Ada")
        modern.expect("newcomer")
        modern.send_kind("like", "Bob", liked_author="Ada")
        got = old.expect("like", liker_author="Bob", liked_author="Ada", message="good")
        self.assertEqual(list(got), ["type", *KEYS["like"]])

    def test_ids_of_server_messages_differ(self) -> None:
        client, = self.join(CHANNELS)
        client.register("Ada")
        client.send("[]")
        client.expect("uncompliant")
        self.join_one()
        ids = [message["id"] for message in client.received]
        self.assertEqual(len(set(ids)), len(ids))


class Keys(ChatCase):
    """Which keys come out, whatever went in."""

    def test_nullable_keys_are_always_present(self) -> None:
        modern, old = self.join_both()
        for kind in BROADCAST:
            nullable = NULLABLE & set(KEYS[kind])
            if kind == "script":
                continue
            with self.subTest(kind):
                message = {k: v for k, v in sample(kind).items() if k not in nullable}
                for got in self.broadcast(modern, message, kind):
                    self.assertEqual({key: got[key] for key in nullable}, dict.fromkeys(nullable))
                for got in self.broadcast(old, {**message, **dict.fromkeys(nullable)}, kind):
                    self.assertEqual({key: got[key] for key in nullable}, dict.fromkeys(nullable))

    def test_nullable_key_of_a_script(self) -> None:
        client = self.join_one()
        client.send({k: v for k, v in sample("script").items() if k != "avatar"})
        self.assertIsNone(client.expect("script")["avatar"])

    def test_empty_nullable_strings_stay_empty(self) -> None:
        client = self.join_one()
        client.send_kind("model", avatar="", model_group="")
        client.expect("model", avatar="", model_group="")

    def test_unknown_keys_are_dropped(self) -> None:
        modern, _ = self.join_both()
        for kind in ("text", "geojson", "bbox", "model"):
            message = {"zzz": 1, **sample(kind), "more": {"a": [1, None]}, "": "", "room": "x"}
            self.broadcast(modern, message, kind)

    def test_keys_may_come_in_any_order(self) -> None:
        modern, _ = self.join_both()
        for kind in ("text", "geojson", "bbox", "crs", "position"):
            message = dict(reversed(sample(kind).items()))
            for got in self.broadcast(modern, message, kind):
                self.assertEqual(got["author"], "Ada")

    def test_last_of_duplicate_keys_counts(self) -> None:
        client = self.join_one()
        client.send('{"type":"nope","text":1,"author":"Bob","type":"text",'
                    '"text":"last","author":"Ada"}')
        client.expect("text", author="Ada", text="last")

    def test_last_of_duplicate_keys_counts_when_it_is_wrong(self) -> None:
        client = self.join_one()
        client.send('{"type":"text","text":"x","author":"Ada","text":null}')
        client.expect_refusal("text")

    def test_keys_are_case_sensitive(self) -> None:
        client = self.join_one()
        client.send('{"type":"text","Author":"Ada","text":"x"}')
        client.expect_refusal("author")

    def test_escaped_keys_and_values(self) -> None:
        client = self.join_one()
        client.send('{"\\u0074ype":"te\\u0078t","author":"\\u0041da",'
                    '"text":"\\u00e9\\ud83d\\uddfa"}')
        client.expect("text", author="Ada", text="é🗺")

    def test_every_character_survives(self) -> None:
        modern, old = self.join_both()
        text = "".join(map(chr, [*range(1, 200), 0x2028, 0xFFFD, 0xFFFF, 0x1F5FA, 0x10FFFF]))
        for client in (modern, old):
            client.say(text)
            modern.expect("text", text=text)
            old.expect("text", text=text)

    def test_nul_survives(self) -> None:
        client = self.join_one()
        client.say("a\0b")
        client.expect("text", text="a\0b")

    def test_text_is_not_trimmed_or_normalised(self) -> None:
        client = self.join_one()
        for text in ("  x  ", "\n", "e\u0301", "\u00e9", "<b>&amp;</b>", "</script>"):
            client.say(text)
            client.expect("text", text=text)

    def test_empty_strings_are_fine(self) -> None:
        client = self.join_one()
        empties = {
            "text": {"text": "", "avatar": ""},
            "geojson": {"layer_name": "", "crs_wkt": "", "crs_authid": "", "style": ""},
            "crs": {"crs_wkt": "", "crs_authid": ""},
            "bbox": {"crs_wkt": "", "crs_authid": ""},
            "position": {"crs_wkt": "", "crs_authid": ""},
            "model": {"model_name": "", "model_group": "", "raw_xml": ""},
            "script": {"name": "", "raw_pycode": ""},
        }
        for kind, changes in empties.items():
            with self.subTest(kind):
                client.send_kind(kind, **changes)
                client.expect(kind, **changes)

    def test_frames_are_compact_with_raw_utf8(self) -> None:
        modern, old = self.join_both()
        modern.send(json.dumps(sample("text", text="é🗺"), indent=3))
        got = modern.expect("text")
        self.assertIn('"text":"é🗺"}', got.raw)
        self.assertEqual(got.raw, compact(got))
        self.assertEqual(old.expect("text").raw, compact(sample("text", text="é🗺")))


class Stored(ChatCase):
    """What /last keeps."""

    def test_every_broadcast_kind_is_stored(self) -> None:
        client = self.join_one()
        for kind in BROADCAST:
            with self.subTest(kind):
                client.send_kind(kind)
                got = client.expect(kind)
                self.assertEqual(self.last()[-1], got)

    def test_rooms_see_them_without_scripts(self) -> None:
        client = self.join_one()
        for kind in ("text", "script", "crs"):
            client.send_kind(kind)
            client.expect(kind)
        self.assertEqual([m["type"] for m in self.last(ROOMS)], ["text", "crs"])
        self.assertEqual(list(self.last(ROOMS)[1]), ["type", *KEYS["crs"]])

    def test_the_last_five_are_kept(self) -> None:
        client = self.join_one()
        for number in range(8):
            client.say(f"n{number}")
            client.expect("text")
        self.assertEqual([m["text"] for m in self.last()], [f"n{n}" for n in range(3, 8)])

    def test_other_kinds_are_not_stored(self) -> None:
        client = self.join_one()
        client.register("Ada")
        client.send_kind("like", "Bob", liked_author="Ada")
        client.expect("like")
        client.send("[]")
        client.expect("uncompliant")
        client.send({"type": "exiter", "exiter": "Ada"})
        client.expect("exiter")
        self.assertEqual(self.last(), [])

    def test_refused_messages_are_not_stored(self) -> None:
        client = self.join_one()
        client.say("x" * 256)
        client.expect("uncompliant")
        self.assertEqual(self.last(), [])

    def test_what_a_client_has_received_is_in_last(self) -> None:
        one, two = self.join(CHANNELS, CHANNELS)
        for number in range(10):
            one.say(str(number))
            for client in (one, two):
                client.expect("text", text=str(number))
                self.assertEqual(self.last(edge=client.edge)[-1]["text"], str(number))

    def test_channels_do_not_mix(self) -> None:
        self.put({"author": "Ada", "text": "here"})
        self.assertNotIn("here", [m.get("text") for m in self.last(channel="Geotribu")])


class CheatCodes(ChatCase):
    """Broadcast, not stored."""

    def test_each_is_broadcast_and_not_stored(self) -> None:
        modern, old = self.join_both()
        for code in CHEATCODES:
            for sender in (modern, old):
                sender.say(code)
                modern.expect("text", text=code)
                old.expect("text", text=code)
        self.assertEqual(self.last(), [])

    def test_only_the_exact_text_counts(self) -> None:
        client = self.join_one()
        near = ["WIZZ", "wizz ", " wizz", "wizz!", "its10o'clock"]
        for text in near:
            client.say(text)
            client.expect("text")
        self.assertEqual([m["text"] for m in self.last()], near)

    def test_only_texts_count(self) -> None:
        client = self.join_one()
        client.send_kind("model", raw_xml="wizz", model_name="wizz")
        client.expect("model")
        self.assertEqual(len(self.last()), 1)


class ServerOnly(ChatCase):
    """Kinds that only the server makes."""

    def ignored(self, message: dict[str, object]) -> None:
        for sender in self.join_both():
            sender.send(compact(message))
            mark = sender.mark()
            for client in self.present():
                self.assertEqual(client.until_mark(mark), [])

    def test_nb_users_of_a_client_is_ignored(self) -> None:
        self.ignored({"type": "nb_users", "nb_users": 99})

    def test_nb_users_with_an_odd_number_is_ignored(self) -> None:
        self.ignored({"type": "nb_users", "nb_users": "many"})

    def test_nb_users_without_a_number_is_ignored(self) -> None:
        self.ignored({"type": "nb_users"})

    def test_uncompliant_of_a_client_is_ignored(self) -> None:
        self.ignored({"type": "uncompliant", "reason": "because"})

    def test_exiter_of_nobody_is_ignored(self) -> None:
        self.ignored({"type": "exiter", "exiter": "Nobody"})


class Reasons(ChatCase):
    """Words for a person."""

    def test_names_field_limit_and_what_was_sent(self) -> None:
        client = self.join_one()
        client.say("x" * 300)
        client.expect_refusal("text", "255", "300")
        client.say("x", author="chri$tian")
        client.expect_refusal("author", "chri$tian")

    def test_example_wording(self) -> None:
        client = self.join_one()
        client.say("x" * 300)
        self.assertEqual(client.expect_refusal(), "text: at most 255 characters (you sent 300)")
        client.say("x", author="chri$tian")
        words = "author: only letters, digits, '_' and '-' (you sent 'chri$tian')"
        self.assertEqual(client.expect_refusal(), words)

    def test_one_sentence_per_fault_joined(self) -> None:
        client = self.join_one()
        client.send_kind("text", author="a$c", text="x" * 256, avatar="y" * 300)
        parts = client.expect_refusal().split("; ")
        self.assertEqual([part.split(":")[0] for part in parts], ["author", "avatar", "text"])

    def test_missing_fields_are_named(self) -> None:
        client = self.join_one()
        client.send({"type": "text"})
        parts = client.expect_refusal().split("; ")
        self.assertEqual([part.split(":")[0] for part in parts], ["author", "text"])

    def test_every_missing_field_of_every_kind_is_named(self) -> None:
        client = self.join_one()
        for kind in (*ANSWERABLE, "like", "newcomer"):
            for key in (k for k in KEYS[kind] if k not in NULLABLE):
                with self.subTest(f"{kind}.{key}"):
                    client.send({k: v for k, v in sample(kind).items() if k != key})
                    client.expect_refusal(key)

    def test_no_technical_dump(self) -> None:
        client = self.join_one()
        for message in ('{"type":"text"}', "[]", "{nope", '{"type":"text","author":1,"text":[]}'):
            client.send(message)
            reason = client.expect_refusal().lower()
            for word in ("pydantic", "nlohmann", "exception", "json.exception", "std::", "rpc"):
                self.assertNotIn(word, reason)

    def test_only_the_sender_is_told(self) -> None:
        sender, other = self.join_both()
        sender.send("[]")
        sender.expect("uncompliant")
        other.expect_nothing()
