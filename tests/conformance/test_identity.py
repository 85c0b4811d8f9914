"""`id` and `timestamp`: kept, filled in, refused, ignored.

| section | sentence | cases |
|---|---|---|
| 4 | spellings of id, canonical out | Ids |
| 4 | spellings of timestamp, an integer out | Timestamps |
| 4 | filled in otherwise; newcomer always new | Ids, Timestamps |
| 4 | from rooms clients both are ignored unseen | Rooms |
| 4 | two messages with the same id are two messages | Ids.test_same_id_twice |
"""

from __future__ import annotations

import time
import uuid

from case import ChatCase
from messages import BROADCAST, CHANNELS, ROOMS, compact, sample

ID = "0e9d4d1c-7a2b-4c3d-9e8f-001122334455"


class Ids(ChatCase):
    """Of channels clients."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def test_is_kept_on_every_kind(self) -> None:
        for kind in BROADCAST:
            with self.subTest(kind):
                self.client.send_kind(kind, id=ID, timestamp=7)
                self.client.expect(kind, id=ID, timestamp=7)

    def test_every_spelling_comes_out_canonical(self) -> None:
        spellings = (ID.upper(), ID.replace("-", ""), "{" + ID + "}", "urn:uuid:" + ID,
                     ID.replace("-", "").upper(), "{" + ID.upper() + "}", ID.capitalize())
        for spelling in spellings:
            with self.subTest(spelling):
                self.client.send_kind("text", id=spelling)
                self.client.expect("text", id=ID)

    def test_nil_and_old_versions_are_ids(self) -> None:
        for value in map(str, (uuid.UUID(int=0), uuid.uuid1(), uuid.UUID(int=2**128 - 1))):
            self.client.send_kind("text", id=value)
            self.client.expect("text", id=value)

    def test_is_filled_in(self) -> None:
        ids = set()
        for kind in BROADCAST:
            self.client.send_kind(kind)
            ids.add(self.client.expect(kind)["id"])
        self.assertEqual(len(ids), len(BROADCAST))

    def test_other_texts_are_refused(self) -> None:
        for value in ("", "nope", ID[:-1], ID + "0", ID.replace("e", "g"), "{" + ID, ID + "\n"):
            with self.subTest(value):
                self.client.send_kind("text", id=value)
                self.client.expect_refusal("id")

    def test_other_types_are_refused(self) -> None:
        for value in (1, 1.5, True, [], {}):
            with self.subTest(value):
                self.client.send_kind("text", id=value)
                self.client.expect_refusal("id")

    def test_same_id_twice_is_two_messages(self) -> None:
        other = self.join_one(ROOMS)
        for text in ("one", "two"):
            self.client.send_kind("text", id=ID, text=text)
        for client in (self.client, other):
            client.expect("text", text="one")
            client.expect("text", text="two")
        self.assertEqual([m["id"] for m in self.last()], [ID, ID])

    def test_newcomer_is_always_new(self) -> None:
        self.client.send({"type": "newcomer", "id": ID, "timestamp": 7, "newcomer": "Ada"})
        got = self.client.expect("newcomer", newcomer="Ada")
        self.assertNotEqual(got["id"], ID)
        self.assertAlmostEqual(got["timestamp"], time.time(), delta=5)

    def test_is_the_same_for_all_and_in_last(self) -> None:
        other = self.join_one()
        self.client.say("x")
        got = self.client.expect("text")
        self.assertEqual(other.expect("text"), got)
        self.assertEqual(self.last(), [got])


class Timestamps(ChatCase):
    """Of channels clients."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def test_spellings(self) -> None:
        for spelling, kept in (("0", 0), ("2.0", 2), ('"12"', 12), ("1700000000", 1700000000),
                               ("1.7e9", 1700000000), ("-5", -5), ('"-5"', -5)):
            with self.subTest(spelling):
                self.client.send('{"type":"text","author":"Ada","text":"x","timestamp":'
                                 + spelling + "}")
                got = self.client.expect("text", timestamp=kept)
                self.assertIn(f'"timestamp":{kept},', got.raw)

    def test_is_filled_in(self) -> None:
        self.client.say("x")
        self.assertAlmostEqual(self.client.expect("text")["timestamp"], time.time(), delta=5)

    def test_far_times_are_kept(self) -> None:
        for value in (2**31, 2**32, 2**53, -(2**40)):
            self.client.send_kind("text", timestamp=value)
            self.client.expect("text", timestamp=value)

    def test_fractions_are_refused(self) -> None:
        for value in (1.5, "1.5", 1e-3):
            self.client.send_kind("text", timestamp=value)
            self.client.expect_refusal("timestamp")

    def test_other_texts_are_refused(self) -> None:
        for value in ("", "noon", "0x10", "2024-01-01T00:00:00Z", "NaN", "12a"):
            with self.subTest(value):
                self.client.send_kind("text", timestamp=value)
                self.client.expect_refusal("timestamp")

    def test_other_types_are_refused(self) -> None:
        for value in ([], {}, [1]):
            self.client.send_kind("text", timestamp=value)
            self.client.expect_refusal("timestamp")

    def test_numbers_beyond_64_bits_are_refused(self) -> None:
        for spelling in ("1" + "0" * 30, "1e300", '"' + "9" * 40 + '"', "1e999"):
            self.client.send('{"type":"text","author":"Ada","text":"x","timestamp":'
                             + spelling + "}")
            self.client.expect("uncompliant")


class Rooms(ChatCase):
    """From rooms clients both are ignored unseen."""

    def test_valid_ones_are_not_taken_over(self) -> None:
        modern, old = self.join_both()
        old.send_kind("text", id=ID, timestamp=7)
        got = modern.expect("text")
        self.assertNotEqual(got["id"], ID)
        self.assertAlmostEqual(got["timestamp"], time.time(), delta=5)

    def test_invalid_ones_do_not_matter(self) -> None:
        modern, old = self.join_both()
        for identity in ({"id": 1}, {"id": "nope"}, {"timestamp": "noon"}, {"timestamp": 1.5},
                         {"id": None, "timestamp": None}, {"id": [], "timestamp": {}}):
            with self.subTest(identity):
                old.send(compact({**sample("text", text="x"), **identity}))
                modern.expect("text", text="x")
                old.expect("text", text="x")

    def test_in_reply_to_id_of_a_rooms_client_is_ignored(self) -> None:
        modern, old = self.connect(CHANNELS, "?replies=1"), self.connect(ROOMS)
        self.settle(modern, old)
        for value in (ID, None, 42):
            old.send(compact({**sample("text", text="x"), "in_reply_to_id": value}))
            self.assertNotIn("in_reply_to_id", modern.expect("text", text="x"))
            old.expect("text", text="x")
