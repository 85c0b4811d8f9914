"""Counts: `nb_users`, /status, and nobody left behind.

| section | sentence | cases |
|---|---|---|
| 3 | nb_users on connect; a count once, no two equal in a row | Counts (every client checks it) |
| 4 | nb_users goes to the channel when the number changes | Counts |
| 2 | /status counts connections, registered or not | Counts.test_status_follows |
"""

from __future__ import annotations

import time

from case import ChatCase
from messages import CHANNELS, ROOMS
from processes import wait_until


class Counts(ChatCase):
    """How many connections a channel has."""

    def test_first_count_includes_the_client_itself(self) -> None:
        client = self.connect()
        self.assertEqual(client.receive_any()["nb_users"], 1)

    def test_first_count_of_a_rooms_client(self) -> None:
        client = self.connect(ROOMS)
        self.assertEqual(client.receive_any()["nb_users"], 1)

    def test_first_count_includes_those_who_were_there(self) -> None:
        self.join(CHANNELS, ROOMS)
        for number, api in ((3, CHANNELS), (4, ROOMS), (5, CHANNELS)):
            client = self.connect(api)
            client.receive_any()
            self.assertEqual(client.counts, [number])

    def test_counts_both_apis_together(self) -> None:
        for client in self.join(CHANNELS, ROOMS, ROOMS, CHANNELS):
            self.assertEqual(client.count, 4)

    def test_everybody_is_told_when_one_leaves(self) -> None:
        clients = self.join(CHANNELS, ROOMS, CHANNELS)
        clients[0].leave()
        for client in clients[1:]:
            client.wait_for_count(2)

    def test_everybody_is_told_when_one_is_cut_off(self) -> None:
        clients = self.join(CHANNELS, ROOMS, CHANNELS)
        clients[1].socket.reset()
        clients[0].wait_for_count(2)
        clients[2].wait_for_count(2)

    def test_registered_or_not_counts_alike(self) -> None:
        one, two = self.join(CHANNELS, CHANNELS)
        one.register("Ada")
        two.expect("newcomer")
        two.expect_nothing()
        self.assertEqual((one.count, two.count), (2, 2))

    def test_leaving_and_coming_in_turns(self) -> None:
        witness = self.join_one()
        for _ in range(10):
            client = self.connect(ROOMS)
            client.wait_for_count(2)
            client.leave()
        witness.wait_for_count(1)
        witness.expect_nothing()
        self.assertLessEqual(len(witness.counts), 21)

    def test_a_crowd_comes_and_goes(self) -> None:
        crowd = self.join(*(CHANNELS, ROOMS) * 10)
        for client in crowd[2:]:
            client.socket.abort()
        for client in crowd[:2]:
            client.wait_for_count(2)

    def test_crowd_is_told_few_counts(self) -> None:
        witness = self.join_one()
        begin = time.monotonic()
        for _ in range(60):
            self.connect()
        self.settle(*self.present())
        self.assertEqual(witness.count, 61)
        intervals = (time.monotonic() - begin) / 0.1
        self.assertLess(len(witness.counts), intervals + 5)

    def test_other_channels_are_not_counted(self) -> None:
        client = self.join_one()
        self.join_one(channel="Geotribu")
        client.expect_nothing()
        self.assertEqual(client.counts, [1])

    def test_status_follows(self) -> None:
        for number in (1, 2, 3):
            client = self.join_one()
            for edge in self.deployment.edges:
                wait_until(lambda: self.deployment.count(edge, self.channel) == number, "counted")
        client.leave()
        for edge in self.deployment.edges:
            wait_until(lambda: self.deployment.count(edge, self.channel) == 2, "left")

    def test_refused_handshake_is_not_counted(self) -> None:
        client = self.join_one()
        response = self.get(f"/channel/{self.channel}/ws")
        self.assertGreaterEqual(response.status, 400)
        client.expect_nothing()
        self.assertEqual(client.counts, [1])
