"""Bounds on connections and requests.

| section | sentence | cases |
|---|---|---|
| 2 | 429 over a limit per address; 503 edge full, JSON with detail | PerAddress, Full |
| 2 | 403 refused Origin | PerAddress |
| 2 | 408, 431 for slow or oversized requests | Requests |
| 3 | the handshake's refusal is an HTTP answer | PerAddress, Full |
"""

from __future__ import annotations

from typing import Any

from case import BENCH, ChatCase, SettingsCase
from chat_client import ChatClient
from http_client import Response
from websocket_client import HandshakeRefused


class Requests(ChatCase):
    """Slow and oversized requests."""

    def test_oversized_headers_are_431(self) -> None:
        with self.http() as connection:
            response = connection.request("GET", "/version", {"X-Long": "x" * 200_000})
        self.assertEqual(response.status, 431)
        self.check_json_answer(response)
        self.assertIsInstance(response.json()["detail"], str)

    def test_oversized_target_is_refused(self) -> None:
        with self.http() as connection:
            response = connection.request("GET", "/" + "x" * 200_000)
        self.assertIn(response.status, (414, 431))

    def test_oversized_handshake_is_431(self) -> None:
        with self.assertRaises(HandshakeRefused) as caught:
            self.connect(headers={"X-Long": "x" * 200_000})
        self.assertEqual(caught.exception.response.status, 431)

    def test_slow_request_is_408(self) -> None:
        slow = BENCH.slow_request()
        response = slow.read_response(timeout=65)
        self.assertEqual(response.status, 408)
        self.check_json_answer(response)
        self.assertTrue(slow.ended())
        slow.close()


class GuardCase(SettingsCase):
    """Connects to one edge, where the limits count."""

    def connect_here(self) -> ChatClient:
        return self.connect(edge=self.deployment.edges[0])

    def refusal(self, **options: Any) -> Response:
        with self.assertRaises(HandshakeRefused) as caught:
            self.connect(edge=self.deployment.edges[0], **options)
        response = caught.exception.response
        self.check_json_answer(response)
        self.assertEqual(list(response.json()), ["detail"])
        self.assertGreater(len(response.json()["detail"].split()), 2)
        return response


class PerAddress(GuardCase):
    """GISCHAT_MAX_CONNECTIONS_PER_IP and GISCHAT_ALLOWED_ORIGINS."""

    settings = {
        "GISCHAT_MAX_CONNECTIONS_PER_IP": "4",
        "GISCHAT_ALLOWED_ORIGINS": "https://chat.example.org, http://localhost:8000",
    }

    def test_one_more_is_429(self) -> None:
        clients = [self.connect_here() for _ in range(4)]
        self.settle(*clients)
        self.assertEqual(self.refusal().status, 429)
        clients[0].expect_nothing()

    def test_who_leaves_makes_room(self) -> None:
        clients = [self.connect_here() for _ in range(4)]
        self.settle(*clients)
        clients[0].leave()
        clients[1].wait_for_count(3)
        self.settle(*clients[1:], self.connect_here())


    def test_other_origin_is_403(self) -> None:
        for origin in ("https://evil.example.org", "https://chat.example.org.evil.org", "null"):
            with self.subTest(origin):
                self.assertEqual(self.refusal(headers={"Origin": origin}).status, 403)

    def test_allowed_origin_and_none_pass(self) -> None:
        for headers in ({}, {"Origin": "https://chat.example.org"},
                        {"Origin": "http://localhost:8000"}):
            self.join_one(headers=headers)


class Full(GuardCase):
    """GISCHAT_MAX_CONNECTIONS."""

    settings = {"GISCHAT_MAX_CONNECTIONS": "4"}

    def test_one_more_is_503(self) -> None:
        clients = [self.connect_here() for _ in range(4)]
        self.settle(*clients)
        self.assertEqual(self.refusal().status, 503)
        clients[0].expect_nothing()


class Rates(GuardCase):
    """GISCHAT_CONNECTION_RATE."""

    settings = {"GISCHAT_CONNECTION_RATE": "2"}

    def test_too_many_new_ones_are_429(self) -> None:
        try:
            for _ in range(50):
                self.connect_here()
        except HandshakeRefused as refused:
            self.assertEqual(refused.response.status, 429)
            self.assertIn("Retry-After", dict(refused.response.headers))
            return
        self.fail("50 connections at once with a rate of 2 per second")
