"""What a client is told when it connects, and that nothing is missed or doubled.

| section | sentence | cases |
|---|---|---|
| 3 | channels: stored messages, oldest first, then nb_users | Order |
| 3 | rooms: nb_users, then the stored messages | Order |
| 3 | nothing missed or doubled between replay and live | Seam |
| 4 | the last MAX_STORED_MESSAGES | Order |
"""

from __future__ import annotations

import threading

from case import ChatCase
from chat_client import ChatClient
from messages import BROADCAST, CHANNELS, KEYS, ROOMS


class Order(ChatCase):
    """The first messages of a connection."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(7):
            self.put({"author": "Ada", "text": f"n{number}"})

    def test_channels_clients_get_the_count_last(self) -> None:
        client = self.connect()
        kinds = [client.receive_any() for _ in range(6)]
        self.assertEqual([m["type"] for m in kinds], ["text"] * 5 + ["nb_users"])
        self.assertEqual([m["text"] for m in kinds[:5]], [f"n{n}" for n in range(2, 7)])
        client.expect_nothing()

    def test_rooms_clients_get_the_count_first(self) -> None:
        client = self.connect(ROOMS)
        kinds = [client.receive_any() for _ in range(6)]
        self.assertEqual([m["type"] for m in kinds], ["nb_users"] + ["text"] * 5)
        self.assertEqual([m["text"] for m in kinds[1:]], [f"n{n}" for n in range(2, 7)])
        client.expect_nothing()

    def test_replay_equals_last(self) -> None:
        client = self.connect()
        self.assertEqual([dict(client.receive()) for _ in range(5)], self.last())
        old = self.connect(ROOMS)
        self.assertEqual([dict(old.receive()) for _ in range(5)], self.last(ROOMS))

    def test_every_connection_gets_it(self) -> None:
        for _ in range(4):
            client = self.connect()
            client.receive()
            self.assertEqual(len([client.receive() for _ in range(4)]), 4)
            client.leave()

    def test_live_messages_follow_the_replay(self) -> None:
        clients = [self.connect(), self.connect(ROOMS)]
        for client in clients:
            texts = [client.receive()["text"] for _ in range(5)]
            self.assertEqual(texts, [f"n{n}" for n in range(2, 7)])
        for client in clients:
            client.say("live")
        for client in clients:
            client.expect("text", text="live")
            client.expect("text", text="live")


class Kinds(ChatCase):
    """Every stored kind in the replay."""

    def test_every_kind_in_both_shapes(self) -> None:
        author = self.join_one()
        for kind in BROADCAST:
            with self.subTest(kind):
                author.send_kind(kind)
                live = author.expect(kind)
                replayed = self.replay(CHANNELS)
                self.assertEqual(replayed[-1], live)
                self.assertEqual(replayed[-1].raw, live.raw)
                if kind != "script":
                    self.assertEqual(list(self.replay(ROOMS)[-1]), ["type", *KEYS[kind]])

    def test_scripts_are_left_out_for_rooms(self) -> None:
        author = self.join_one()
        for kind in ("script", "text", "script"):
            author.send_kind(kind)
            author.expect(kind)
        self.assertEqual([m["type"] for m in self.replay(ROOMS)], ["text"])

    def test_cheat_codes_and_events_are_not_replayed(self) -> None:
        author = self.join_one()
        author.register("Ada")
        author.say("wizz")
        author.expect("text")
        self.assertEqual(self.replay(CHANNELS), [])

    def replay(self, api: str) -> list[ChatClient]:
        """Everything up to a mark that a new client is told."""
        client = self.connect(api)
        replayed = client.until_mark(client.mark())
        client.leave()
        for present in self.present():
            present.expect("text", text="wizz")
            present.wait_for_count(len(self.present()))
        return replayed


class Seam(ChatCase):
    """Joining while others write."""

    def test_nothing_is_missed_or_doubled(self) -> None:
        writer = self.join_one()
        stop = threading.Event()
        sent = threading.Thread(target=self._write, args=(writer, stop))
        sent.start()
        try:
            for number in range(30):
                self._check_run(self.connect((CHANNELS, ROOMS)[number % 2]))
        finally:
            stop.set()
            sent.join()

    def _write(self, writer: ChatClient, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            writer.say(f"{number}")
            writer.expect("text", text=f"{number}")
            number += 1

    def _check_run(self, client: ChatClient) -> None:
        numbers = [int(client.expect("text")["text"]) for _ in range(15)]
        first = numbers[0]
        self.assertEqual(numbers, list(range(first, first + 15)))
        client.leave()

    def test_nothing_is_missed_by_those_who_come_together(self) -> None:
        writer = self.join_one()
        for number in range(5):
            writer.say(f"{number}")
        clients = [self.connect((CHANNELS, ROOMS)[n % 2]) for n in range(10)]
        for number in range(5, 40):
            writer.say(f"{number}")
        for client in clients:
            numbers = [int(client.expect("text")["text"])]
            while numbers[-1] != 39:
                numbers.append(int(client.expect("text")["text"]))
            self.assertEqual(numbers, list(range(numbers[0], 40)))
