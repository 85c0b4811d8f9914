"""like: only the sockets registered as the liked author receive it.

| section | sentence | cases |
|---|---|---|
| 4 | goes to the sockets registered as liked_author only; not stored | Likes |
| 8 | like goes to the liked author only | Likes |
"""

from __future__ import annotations

from case import ChatCase
from messages import CHANNELS, ROOMS


class Likes(ChatCase):
    """Applause."""

    def setUp(self) -> None:
        super().setUp()
        self.ada, self.bob, self.guest, self.old = self.join(CHANNELS, CHANNELS, CHANNELS, ROOMS)
        self.ada.register("Ada")
        for client in (self.bob, self.guest, self.old):
            client.expect("newcomer")

    def all_quiet_but(self, *hearing: object) -> None:
        mark = self.guest.mark()
        for client in self.present():
            before = client.until_mark(mark)
            if client not in hearing:
                self.assertEqual(before, [])

    def test_reaches_the_liked_author_only(self) -> None:
        self.bob.send_kind("like", "Bob", liked_author="Ada", message="très bien")
        self.ada.expect("like", liker_author="Bob", liked_author="Ada", message="très bien")
        self.all_quiet_but()

    def test_from_a_rooms_client(self) -> None:
        self.old.send_kind("like", "Bob", liked_author="Ada")
        self.ada.expect("like", liker_author="Bob")
        self.all_quiet_but()

    def test_to_a_rooms_client(self) -> None:
        self.old.register("Bob")
        for client in (self.ada, self.bob, self.guest):
            client.expect("newcomer")
        self.ada.send_kind("like", "Ada", liked_author="Bob")
        self.old.expect("like", liked_author="Bob")
        self.all_quiet_but()

    def test_sender_does_not_get_it(self) -> None:
        self.bob.send_kind("like", "Bob", liked_author="Ada")
        self.assertEqual(self.bob.until_mark(self.bob.mark()), [])

    def test_of_oneself_reaches_oneself(self) -> None:
        self.ada.send_kind("like", "Ada", liked_author="Ada")
        self.ada.expect("like", liker_author="Ada", liked_author="Ada")
        self.all_quiet_but()

    def test_for_nobody_is_silent(self) -> None:
        for name in ("Nobody", "ada", "ADA"):
            self.bob.send_kind("like", "Bob", liked_author=name)
        self.all_quiet_but()

    def test_liker_needs_no_registration(self) -> None:
        self.guest.send_kind("like", "Somebody", liked_author="Ada")
        self.ada.expect("like", liker_author="Somebody")

    def test_follows_a_rename(self) -> None:
        self.ada.send({"type": "newcomer", "newcomer": "Ada-2"})
        for client in self.present():
            client.expect("exiter", exiter="Ada")
            client.expect("newcomer", newcomer="Ada-2")
        self.bob.send_kind("like", "Bob", liked_author="Ada")
        self.bob.send_kind("like", "Bob", liked_author="Ada-2")
        self.ada.expect("like", liked_author="Ada-2")
        self.all_quiet_but()

    def test_ends_with_the_registration(self) -> None:
        self.ada.send({"type": "exiter", "exiter": "Ada"})
        for client in self.present():
            client.expect("exiter")
        self.bob.send_kind("like", "Bob", liked_author="Ada")
        self.all_quiet_but()

    def test_who_has_written_under_the_name_is_not_liked(self) -> None:
        self.bob.say("x", author="Cid")
        for client in self.present():
            client.expect("text")
        self.guest.send_kind("like", "Dora", liked_author="Cid")
        self.all_quiet_but()

    def test_is_not_stored(self) -> None:
        self.bob.send_kind("like", "Bob", liked_author="Ada")
        self.ada.expect("like")
        self.assertEqual(self.last(), [])

    def test_stays_in_its_channel(self) -> None:
        elsewhere = self.join_one(channel="Geotribu")
        elsewhere.register("Bob")
        self.ada.send_kind("like", "Ada", liked_author="Bob")
        self.ada.expect_nothing()
        elsewhere.expect_nothing()

    def test_order_with_texts_holds(self) -> None:
        for number in range(20):
            self.bob.say(f"t{number}")
            self.bob.send_kind("like", "Bob", liked_author="Ada", message=f"l{number}")
        heard = [self.ada.receive() for _ in range(40)]
        words = [message.get("text") or message.get("message") for message in heard]
        self.assertEqual(words, [f"{letter}{n}" for n in range(20) for letter in "tl"])
