"""Nicknames: newcomer, exiter, the register, /users.

| section | sentence | cases |
|---|---|---|
| 2 | /users: sorted by lower case, `_` before letters, stable | Users |
| 4 | unique in a channel, case-sensitive; taken; one's own again | Claims |
| 4 | rename; freed at once when its socket ends | Claims, Leaving |
| 4 | client-sent exiter | Exits |
| 5 | `User 'x' already registered in channel C` | Claims |
| 8 | exiter sent when a registered user leaves | Leaving |
"""

from __future__ import annotations

import threading

from case import ChatCase
from chat_client import ChatClient
from messages import CHANNELS, ROOMS
from processes import wait_until


def claim(client: ChatClient, nickname: str) -> None:
    client.send({"type": "newcomer", "newcomer": nickname})


class NicknameCase(ChatCase):
    """Helpers about the register."""

    def wait_for_users(self, *names: str) -> None:
        for edge in self.deployment.edges:
            wait_until(lambda: self.users(edge=edge) == list(names), f"{names} on {edge}")


class Claims(NicknameCase):
    """Taking a nickname."""

    def test_is_announced_to_everybody_sender_too(self) -> None:
        clients = self.join(CHANNELS, ROOMS, CHANNELS)
        claim(clients[0], "Ada")
        for client in clients:
            client.expect("newcomer", newcomer="Ada")
        for client in clients:
            mark = client.mark()
            self.assertTrue(all(not other.until_mark(mark) for other in clients))

    def test_is_not_announced_elsewhere(self) -> None:
        here, there = self.join_one(), self.join_one(channel="Geotribu")
        here.register("Ada")
        there.expect_nothing()

    def test_taken_is_refused_in_fixed_words(self) -> None:
        holder, other = self.join(CHANNELS, CHANNELS)
        holder.register("Ada")
        other.expect("newcomer")
        claim(other, "Ada")
        words = f"User 'Ada' already registered in channel {self.channel}"
        self.assertEqual(other.expect_refusal(), words)
        holder.expect_nothing()

    def test_words_for_rooms_clients(self) -> None:
        holder, other = self.join_both()
        holder.register("Ada")
        other.expect("newcomer")
        claim(other, "Ada")
        words = f"User 'Ada' already registered in room {self.channel}"
        self.assertEqual(other.expect_refusal(), words)

    def test_is_taken_across_apis(self) -> None:
        modern, old = self.join_both()
        old.register("Ada")
        modern.expect("newcomer")
        claim(modern, "Ada")
        modern.expect_refusal("already registered in channel")

    def test_ones_own_name_again_is_taken(self) -> None:
        client, other = self.join_both()
        client.register("Ada")
        other.expect("newcomer")
        claim(client, "Ada")
        words = f"User 'Ada' already registered in channel {self.channel}"
        self.assertEqual(client.expect_refusal(), words)
        other.expect_nothing()
        self.assertEqual(self.users(), ["Ada"])

    def test_names_are_case_sensitive(self) -> None:
        one, two = self.join(CHANNELS, CHANNELS)
        one.register("Ada")
        two.expect("newcomer")
        two.register("ada")
        one.expect("newcomer", newcomer="ada")
        self.assertEqual(self.users(), ["Ada", "ada"])

    def test_same_name_in_two_channels(self) -> None:
        self.join_one().register("Ada")
        self.join_one(channel="Geotribu").register("Ada")

    def test_rename_tells_exiter_then_newcomer(self) -> None:
        client, old = self.join_both()
        client.register("Ada")
        old.expect("newcomer")
        claim(client, "Bob")
        for present in (client, old):
            present.expect("exiter", exiter="Ada")
            present.expect("newcomer", newcomer="Bob")
        self.wait_for_users("Bob")

    def test_rename_frees_the_old_name(self) -> None:
        one, two = self.join(CHANNELS, ROOMS)
        one.register("Ada")
        two.expect("newcomer")
        claim(one, "Bob")
        two.expect("exiter", exiter="Ada")
        two.expect("newcomer", newcomer="Bob")
        claim(two, "Ada")
        two.expect("newcomer", newcomer="Ada")

    def test_rename_there_and_back(self) -> None:
        client = self.join_one()
        client.register("Ada")
        for old, new in (("Ada", "Bob"), ("Bob", "Ada"), ("Ada", "Cid")):
            claim(client, new)
            client.expect("exiter", exiter=old)
            client.expect("newcomer", newcomer=new)
        self.wait_for_users("Cid")

    def test_rename_to_a_taken_name_keeps_the_old_one(self) -> None:
        one, two = self.join(CHANNELS, CHANNELS)
        one.register("Ada")
        two.expect("newcomer")
        two.register("Bob")
        one.expect("newcomer")
        claim(two, "Ada")
        two.expect_refusal("'Ada' already registered")
        one.expect_nothing()
        self.assertEqual(self.users(), ["Ada", "Bob"])

    def test_refused_name_keeps_the_old_one(self) -> None:
        client = self.join_one()
        client.register("Ada")
        for name in ("A", "a$c", "", "x" * 33):
            claim(client, name)
            client.expect_refusal("newcomer")
        self.assertEqual(self.users(), ["Ada"])

    def test_one_of_many_simultaneous_claims_wins(self) -> None:
        clients = self.join(*(CHANNELS, ROOMS) * 4)
        for round_ in range(5):
            name = f"wanted-{round_}"
            heard = self._claim_together(clients, name)
            refusals = [kinds.count("uncompliant") for kinds in heard]
            self.assertEqual(sorted(refusals), [0] + [1] * 7)
            for kinds in heard:
                self.assertEqual(kinds.count("newcomer"), 1)
            clients[refusals.index(0)].send({"type": "exiter", "exiter": name})
            for client in clients:
                client.expect("exiter", exiter=name)

    def _claim_together(self, clients: list[ChatClient], name: str) -> list[list[str]]:
        """All claim at once and send a mark; what each of them hears up to the last mark."""
        marks: list[str] = []

        def claim_and_mark(client: ChatClient) -> None:
            claim(client, name)
            marks.append(client.mark())

        threads = [threading.Thread(target=claim_and_mark, args=(c,)) for c in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [self._kinds_up_to_all(client, set(marks)) for client in clients]

    def _kinds_up_to_all(self, client: ChatClient, marks: set[str]) -> list[str]:
        kinds: list[str] = []
        while marks:
            message = client.receive()
            marks = marks - {message.get("author")}
            kinds.append(message["type"])
        return kinds

    def test_longest_and_shortest(self) -> None:
        client = self.join_one()
        client.register("abc")
        claim(client, "x" * 32)
        client.expect("exiter", exiter="abc")
        client.expect("newcomer", newcomer="x" * 32)

    def test_many_register(self) -> None:
        clients = self.join(*(CHANNELS, ROOMS) * 8)
        for index, client in enumerate(clients):
            claim(client, f"user-{index:02d}")
        for client in clients:
            names = {client.expect("newcomer")["newcomer"] for _ in clients}
            self.assertEqual(names, {f"user-{index:02d}" for index in range(16)})


class Leaving(NicknameCase):
    """Giving a nickname back by going away."""

    def setUp(self) -> None:
        super().setUp()
        self.witness = self.join_one(ROOMS)
        self.client = self.join_one()
        self.client.register("Ada")
        self.witness.expect("newcomer")

    def check_gone(self) -> None:
        """The witness hears one exiter and the count, in whatever order."""
        others = self.witness.wait_for_count(1)
        if not others:
            others = [self.witness.receive()]
        self.assertEqual([(m["type"], m.get("exiter")) for m in others], [("exiter", "Ada")])
        self.witness.expect_nothing()
        self.wait_for_users()

    def test_by_the_closing_handshake(self) -> None:
        self.client.leave()
        self.check_gone()

    def test_by_the_end_of_the_stream(self) -> None:
        self.client.socket.abort()
        self.check_gone()

    def test_by_a_reset(self) -> None:
        self.client.socket.reset()
        self.check_gone()

    def test_by_a_violation(self) -> None:
        self.client.socket.send_text(b"\xff")
        self.expect_close(self.client, 1007)
        self.check_gone()

    def test_name_is_free_at_once(self) -> None:
        self.client.leave()
        self.witness.expect("exiter", exiter="Ada")
        self.witness.register("Ada")

    def test_name_after_a_rename_is_the_new_one(self) -> None:
        claim(self.client, "Bob")
        self.witness.expect("exiter", exiter="Ada")
        self.witness.expect("newcomer", newcomer="Bob")
        self.client.leave()
        self.witness.expect("exiter", exiter="Bob")

    def test_who_is_not_registered_leaves_without_exiter(self) -> None:
        guest = self.join_one()
        guest.leave()
        self.witness.wait_for_count(2)
        self.witness.expect_nothing()

    def test_exiter_comes_once_after_an_exit(self) -> None:
        self.client.send({"type": "exiter", "exiter": "Ada"})
        self.witness.expect("exiter", exiter="Ada")
        self.client.leave()
        self.witness.wait_for_count(1)
        self.witness.expect_nothing()

    def test_right_after_the_claim(self) -> None:
        guest = self.join_one()
        claim(guest, "Bob")
        guest.socket.abort()
        heard = self.witness.wait_for_count(2)
        wait_until(lambda: self.users() == ["Ada"], "Bob is gone")
        heard += self.witness.until_mark(self.witness.mark())
        kinds = [message["type"] for message in heard]
        self.assertIn(kinds, ([], ["newcomer", "exiter"]))


class Exits(NicknameCase):
    """Client-sent exiter."""

    def setUp(self) -> None:
        super().setUp()
        self.client, self.other = self.join(CHANNELS, ROOMS)
        self.client.register("Ada")
        self.other.expect("newcomer")

    def exit(self, client: ChatClient, name: object) -> None:
        client.send({"type": "exiter", "exiter": name})

    def test_own_name_leaves_the_register_and_tells_once(self) -> None:
        self.exit(self.client, "Ada")
        for client in (self.client, self.other):
            client.expect("exiter", exiter="Ada")
        self.exit(self.client, "Ada")
        mark = self.client.mark()
        for client in (self.client, self.other):
            self.assertEqual(client.until_mark(mark), [])
        self.assertEqual(self.users(), [])

    def test_name_can_be_taken_again(self) -> None:
        self.exit(self.client, "Ada")
        self.client.expect("exiter")
        self.client.register("Ada")
        self.other.expect("exiter")
        self.other.expect("newcomer", newcomer="Ada")

    def test_connection_and_count_stay(self) -> None:
        self.exit(self.client, "Ada")
        self.client.expect("exiter")
        self.other.expect("exiter")
        self.client.expect_nothing()
        self.assertEqual(self.client.counts[-1], 2)

    def test_others_names_are_ignored(self) -> None:
        self.exit(self.other, "Ada")
        mark = self.other.mark()
        for client in (self.client, self.other):
            self.assertEqual(client.until_mark(mark), [])
        self.assertEqual(self.users(), ["Ada"])

    def test_anything_else_is_ignored(self) -> None:
        for name in ("Nobody", "ada", "", 1, None, [], "x" * 1000, "a$c"):
            self.exit(self.client, name)
        self.client.send({"type": "exiter"})
        mark = self.client.mark()
        for client in (self.client, self.other):
            self.assertEqual(client.until_mark(mark), [])
        self.assertEqual(self.users(), ["Ada"])


class Users(NicknameCase):
    """/users."""

    def register(self, *names: str) -> None:
        clients = self.join(*[(CHANNELS, ROOMS)[i % 2] for i in range(len(names))])
        for client, name in zip(clients, names):
            client.send({"type": "newcomer", "newcomer": name})
            for present in clients:
                present.expect("newcomer", newcomer=name)

    def test_sorted_by_lower_case(self) -> None:
        self.register("bob", "Ada", "Cid", "adele", "Bea")
        self.wait_for_users("Ada", "adele", "Bea", "bob", "Cid")

    def test_signs_and_digits(self) -> None:
        self.register("abz", "a_z", "a-z", "a0z", "_az", "Zaa", "ABA")
        self.wait_for_users("_az", "a-z", "a0z", "a_z", "ABA", "abz", "Zaa")

    def test_equals_in_order_of_registration(self) -> None:
        self.register("ada", "ADA", "Ada", "aDa")
        self.wait_for_users("ada", "ADA", "Ada", "aDa")

    def test_rooms_see_the_same(self) -> None:
        self.register("bob", "Ada")
        self.assertEqual(self.users(ROOMS), self.users(CHANNELS))

    def test_own_edge_knows_at_once(self) -> None:
        clients = self.join(CHANNELS, CHANNELS)
        for number in range(10):
            claim(clients[0], f"name-{number}")
            for client in clients:
                if number:
                    client.expect("exiter")
                client.expect("newcomer", newcomer=f"name-{number}")
                wait_until(lambda: self.users(edge=client.edge) == [f"name-{number}"], "listed",
                           timeout=0.5)

    def test_who_has_not_registered_is_not_listed(self) -> None:
        self.join(CHANNELS, ROOMS)
        self.assertEqual(self.users(), [])
