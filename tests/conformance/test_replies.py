"""in_reply_to_id: who sets it, who sees it.

| section | sentence | cases |
|---|---|---|
| 1 | which kinds QChat 1.7 accepts it on; breaks all others | Relayed, Hidden |
| 4 | stored and relayed when a UUID, otherwise absent | Relayed |
| 4 | seen after the socket has itself sent the key (null counts), or with `?replies=1` | Seeing |
| 4 | `/channel/{c}/last` always shows it | Relayed.test_last_always_shows_it |
"""

from __future__ import annotations

from case import ChatCase
from messages import ANSWERABLE, CHANNELS, KEYS, ROOMS, compact, sample

ID = "0e9d4d1c-7a2b-4c3d-9e8f-001122334455"


class Relayed(ChatCase):
    """To those who asked for it."""

    def setUp(self) -> None:
        super().setUp()
        self.modern = self.join_one(CHANNELS, "?replies=1")
        self.plain = self.join_one(CHANNELS)
        self.old = self.join_one(ROOMS)

    def test_on_every_kind_that_can_answer(self) -> None:
        for kind in ANSWERABLE:
            with self.subTest(kind):
                self.modern.send_kind(kind, in_reply_to_id=ID)
                got = self.modern.expect(kind, in_reply_to_id=ID)
                keys = [key for key in got if key != "in_reply_to_id"]
                self.assertEqual(keys, ["type", "id", "timestamp", *KEYS[kind]])

    def test_is_hidden_from_the_others(self) -> None:
        for kind in ANSWERABLE:
            with self.subTest(kind):
                self.modern.send_kind(kind, in_reply_to_id=ID)
                self.modern.expect(kind, in_reply_to_id=ID)
                self.assertNotIn("in_reply_to_id", self.plain.expect(kind))
                if kind != "script":
                    self.assertEqual(list(self.old.expect(kind)), ["type", *KEYS[kind]])

    def test_absent_when_not_set(self) -> None:
        self.modern.say("x")
        self.assertNotIn("in_reply_to_id", self.modern.expect("text"))

    def test_absent_when_null(self) -> None:
        for kind in ANSWERABLE:
            self.modern.send_kind(kind, in_reply_to_id=None)
            self.assertNotIn("in_reply_to_id", self.modern.expect(kind))

    def test_comes_out_canonical(self) -> None:
        self.modern.send_kind("text", in_reply_to_id=ID.upper())
        self.modern.expect("text", in_reply_to_id=ID)

    def test_not_on_a_like(self) -> None:
        self.modern.register("Bob")
        self.modern.send_kind("like", liked_author="Bob", in_reply_to_id=ID)
        self.assertNotIn("in_reply_to_id", self.modern.expect("like"))

    def test_not_on_a_newcomer(self) -> None:
        self.modern.send({"type": "newcomer", "newcomer": "Ada", "in_reply_to_id": ID})
        self.assertNotIn("in_reply_to_id", self.modern.expect("newcomer"))

    def test_last_always_shows_it(self) -> None:
        self.modern.send_kind("text", in_reply_to_id=ID)
        self.modern.expect("text")
        self.modern.say("x")
        self.modern.expect("text")
        stored = self.last()
        self.assertEqual(stored[0]["in_reply_to_id"], ID)
        self.assertNotIn("in_reply_to_id", stored[1])
        for message in self.last(ROOMS):
            self.assertEqual(list(message), ["type", *KEYS["text"]])

    def test_id_need_not_be_known(self) -> None:
        self.modern.send_kind("text", in_reply_to_id="00000000-0000-0000-0000-000000000000")
        self.modern.expect("text", in_reply_to_id="00000000-0000-0000-0000-000000000000")


class Seeing(ChatCase):
    """How a socket comes to see the key."""

    def setUp(self) -> None:
        super().setUp()
        self.author = self.join_one(CHANNELS, "?replies=1")
        self.client = self.join_one(CHANNELS)

    def sees(self) -> bool:
        """Whether the client is shown the key of an answer."""
        self.author.send_kind("text", in_reply_to_id=ID)
        self.author.expect("text", in_reply_to_id=ID)
        return "in_reply_to_id" in self.client.expect("text")

    def test_not_by_default(self) -> None:
        self.assertFalse(self.sees())

    def test_after_it_has_sent_the_key(self) -> None:
        self.client.send_kind("text", in_reply_to_id=ID)
        self.client.expect("text", in_reply_to_id=ID)
        self.author.expect("text")
        self.assertTrue(self.sees())

    def test_after_it_has_sent_the_key_as_null(self) -> None:
        self.client.send_kind("text", in_reply_to_id=None)
        self.assertNotIn("in_reply_to_id", self.client.expect("text"))
        self.author.expect("text")
        self.assertTrue(self.sees())

    def test_not_after_it_has_sent_something_else(self) -> None:
        self.client.say("in_reply_to_id")
        self.client.expect("text")
        self.author.expect("text")
        self.assertFalse(self.sees())

    def test_one_socket_does_not_speak_for_another(self) -> None:
        other = self.join_one(CHANNELS)
        other.send_kind("text", in_reply_to_id=None)
        for client in (other, self.author, self.client):
            client.expect("text")
        self.assertFalse(self.sees())

    def test_other_values_of_the_query_do_not_count(self) -> None:
        for query in ("?replies=0", "?replies", "?replies=", "?noreplies=1", "?xreplies=1"):
            with self.subTest(query):
                self.client = self.join_one(CHANNELS, query)
                self.client.replies = False
                self.author.send_kind("text", in_reply_to_id=ID)
                self.assertNotIn("in_reply_to_id", self.client.expect("text"))

    def test_among_other_parameters(self) -> None:
        client = self.join_one(CHANNELS, "?utm_source=QGIS&replies=1&x=2")
        self.author.send_kind("text", in_reply_to_id=ID)
        client.expect("text", in_reply_to_id=ID)

    def test_rooms_never_see_it(self) -> None:
        old = self.join_one(ROOMS, "?replies=1")
        old.send(compact({**sample("text"), "in_reply_to_id": ID}))
        self.assertEqual(list(old.expect("text")), ["type", *KEYS["text"]])
        self.author.send_kind("text", in_reply_to_id=ID)
        self.assertEqual(list(old.expect("text")), ["type", *KEYS["text"]])


class Replayed(ChatCase):
    """In the stored messages that a socket gets when it connects."""

    def test_with_the_query(self) -> None:
        author = self.join_one(CHANNELS, "?replies=1")
        author.send_kind("text", in_reply_to_id=ID)
        author.expect("text")
        late = self.connect(CHANNELS, "?replies=1")
        self.assertEqual(late.receive_any()["in_reply_to_id"], ID)

    def test_without_it(self) -> None:
        author = self.join_one(CHANNELS, "?replies=1")
        author.send_kind("text", in_reply_to_id=ID)
        author.expect("text")
        self.assertNotIn("in_reply_to_id", self.connect(CHANNELS).receive_any())
        old = self.connect(ROOMS)
        old.wait_for_count(3)
        self.assertEqual(list(old.expect("text")), ["type", *KEYS["text"]])
