"""Bounds on connections and requests.

| section | sentence | cases |
|---|---|---|
| 2 | 429 over a limit per address; 503 edge full, JSON with detail | PerAddress, Full |
| 2 | 403 refused Origin | PerAddress |
| 2 | 408, 431 for slow or oversized requests | Requests, ShortPatience |
| 2 | 429 over a rate, Retry-After | Rates, MessageRate, MessageRateOfAnAddress |
| 5 | a refusal names the limit, and the connection goes on | MessageRate |
| 3 | a client that takes nothing is closed with a reason | Stalled |
| 3 | the handshake's refusal is an HTTP answer | PerAddress, Full |
"""

from __future__ import annotations

import re
import time
from typing import Any

from case import BENCH, ChatCase, SettingsCase
from chat_client import ChatClient, channel_path
from http_client import HttpConnection, Response, request
from messages import compact
from processes import wait_until
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

    def metric(self, name: str) -> float:
        """A value of the metrics of the edge where the clients are, 0 when there is none yet."""
        text = request(self.deployment.edge_processes[0].admin(), "GET", "/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def refused(self, reason: str) -> float:
        return self.metric(f'gischat_edge_connections_refused_total{{reason="{reason}"}}')

    def put_here(self, text: str, headers: dict[str, str] | None = None) -> Response:
        """PUT to the edge where the limits count."""
        target = channel_path(self.channel) + "/text"
        fields = {"Content-Type": "application/json", **(headers or {})}
        body = compact({"author": "Ada", "text": text}).encode()
        return self.request("PUT", target, fields, body, self.deployment.edges[0])

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
        before = self.refused("address")
        self.assertEqual(self.refusal().status, 429)
        self.assertEqual(self.refused("address"), before + 1)
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
                before = self.refused("origin")
                self.assertEqual(self.refusal(headers={"Origin": origin}).status, 403)
                self.assertEqual(self.refused("origin"), before + 1)

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
        self.assertEqual(self.refused("full"), 1)
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
            self.assertEqual(self.refused("rate"), 1)
            return
        self.fail("50 connections at once with a rate of 2 per second")


class MessageRate(GuardCase):
    """GISCHAT_MESSAGE_RATE."""

    settings = {"GISCHAT_MESSAGE_RATE": "5"}
    label = 'gischat_edge_uncompliant_total{reason="rate"}'

    def test_what_is_too_much_is_refused_in_its_turn_and_not_delivered(self) -> None:
        loud, witness = self.connect_here(), self.connect_here()
        self.settle(loud, witness)
        before = self.metric(self.label)
        begin = time.monotonic()
        for number in range(20):
            loud.say(f"n{number}")
        told = [loud.receive() for _ in range(20)]
        seconds = time.monotonic() - begin
        texts = [message["text"] for message in told if message["type"] == "text"]
        reasons = [message["reason"] for message in told if message["type"] == "uncompliant"]
        self.assertEqual(texts[:5], [f"n{number}" for number in range(5)])
        self.assertLessEqual(len(texts), 5 + 5 * seconds)
        self.assertEqual(
            set(reasons),
            {"message: not delivered, at most 5 per second may come from one connection"},
        )
        self.assertEqual(self.metric(self.label), before + len(reasons))
        witness.say("last")
        heard = []
        while (text := witness.receive()["text"]) != "last":
            heard.append(text)
        self.assertEqual(heard, texts)

    def test_who_was_refused_may_speak_again(self) -> None:
        client = self.connect_here()
        self.settle(client)
        for _ in range(20):
            client.send("no JSON")
        while "at most 5 per second" not in client.receive()["reason"]:
            pass
        wait_until(lambda: self.is_heard(client), "heard again", timeout=5)

    def test_ignored_kinds_count_as_well(self) -> None:
        client = self.connect_here()
        self.settle(client)
        for _ in range(20):
            client.send({"type": "nb_users", "nb_users": 5})
        client.expect_refusal("at most 5 per second")

    def test_put_is_not_counted_against_a_connection(self) -> None:
        for number in range(20):
            self.assertEqual(self.put_here(f"n{number}").status, 200)

    def is_heard(self, client: ChatClient) -> bool:
        client.say("again")
        while "reason" in (message := client.receive()):
            if "at most" in message["reason"]:
                return False
        return message["text"] == "again"


class MessageRateOfAnAddress(GuardCase):
    """GISCHAT_MESSAGE_RATE_PER_IP, with a proxy that tells the addresses of clients."""

    settings = {"GISCHAT_MESSAGE_RATE_PER_IP": "3", "GISCHAT_TRUSTED_PROXIES": "127.0.0.0/8, ::1"}

    def test_put_over_it_is_429(self) -> None:
        ada = {"X-Forwarded-For": "192.0.2.1"}
        statuses = [self.put_here(f"n{number}", ada) for number in range(20)]
        self.assertEqual([answer.status for answer in statuses[:3]], [200] * 3)
        refused = [answer for answer in statuses if answer.status != 200]
        self.assertGreater(len(refused), 5)
        for answer in refused:
            self.assertEqual(answer.status, 429)
            self.check_json_answer(answer)
            self.assertIn("at most 3 messages per second", answer.json()["detail"])
            self.assertGreaterEqual(int(answer.header("Retry-After") or 0), 1)
        self.assertEqual(self.put_here("x", {"X-Forwarded-For": "192.0.2.2"}).status, 200)

    def test_connections_of_an_address_share_it(self) -> None:
        here = {"X-Forwarded-For": "198.51.100.7, 203.0.113.5"}
        one, two = self.connect_at(here), self.connect_at(here)
        other = self.connect_at({"X-Forwarded-For": "203.0.113.6, 127.0.0.9"})
        self.settle(one, two, other)
        for _ in range(10):
            one.send("no JSON")
        while "from one address" not in one.receive()["reason"]:
            pass
        two.send("no JSON")
        two.expect_refusal("at most 3 per second may come from one address")
        other.say("others may speak")
        other.expect("text")

    def connect_at(self, headers: dict[str, str]) -> ChatClient:
        return self.connect(edge=self.deployment.edges[0], headers=headers)


class Proxies(GuardCase):
    """GISCHAT_TRUSTED_PROXIES and connections of one address."""

    settings = {"GISCHAT_TRUSTED_PROXIES": "127.0.0.1", "GISCHAT_MAX_CONNECTIONS_PER_IP": "2"}

    def test_clients_behind_a_proxy_are_told_apart(self) -> None:
        for last in (1, 1, 2, 2):
            self.connect(
                edge=self.deployment.edges[0], headers={"X-Forwarded-For": f"192.0.2.{last}"}
            )
        self.settle(*self.clients)
        for forwarded in ("192.0.2.1", "198.51.100.1, 192.0.2.2", "::ffff:192.0.2.1"):
            with self.subTest(forwarded):
                headers = {"X-Forwarded-For": forwarded}
                self.assertEqual(self.refusal(headers=headers).status, 429)

    def test_networks_of_ipv6_are_one_client(self) -> None:
        for host in ("1", "2"):
            self.connect(
                edge=self.deployment.edges[0], headers={"X-Forwarded-For": f"2001:db8::{host}"}
            )
        self.settle(*self.clients)
        headers = {"X-Forwarded-For": "2001:db8::ffff:3"}
        self.assertEqual(self.refusal(headers=headers).status, 429)


class ShortPatience(GuardCase):
    """GISCHAT_REQUEST_TIMEOUT, GISCHAT_IDLE_TIMEOUT, GISCHAT_MAX_HEADER_BYTES."""

    settings = {
        "GISCHAT_REQUEST_TIMEOUT": "1",
        "GISCHAT_IDLE_TIMEOUT": "1",
        "GISCHAT_MAX_HEADER_BYTES": "2_000",
    }

    def check_counted(self, status: int) -> None:
        name = f'gischat_edge_http_requests_total{{status="{status}"}}'
        self.assertGreaterEqual(self.metric(name), 1)

    def test_slow_head_and_slow_handshake_are_408(self) -> None:
        for line in ("GET /version HTTP/1.1", "GET /channel/c00/ws HTTP/1.1"):
            with HttpConnection(self.deployment.edges[0]) as connection:
                connection.send_raw(f"{line}\r\nHost: x\r\n".encode())
                self.assertEqual(connection.read_response().status, 408)
        self.check_counted(408)

    def test_slow_body_is_408(self) -> None:
        with HttpConnection(self.deployment.edges[0]) as connection:
            connection.send_raw(
                b"PUT /channel/c00/text HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
            )
            self.assertEqual(connection.read_response().status, 408)

    def test_long_head_is_431(self) -> None:
        with HttpConnection(self.deployment.edges[0]) as connection:
            response = connection.request("GET", "/version", {"X-Long": "x" * 3000})
        self.assertEqual(response.status, 431)
        self.check_counted(431)

    def test_idle_connection_is_closed(self) -> None:
        with HttpConnection(self.deployment.edges[0]) as connection:
            self.assertEqual(connection.request("GET", "/version").status, 200)
            self.assertTrue(connection.ended())


class Stalled(GuardCase):
    """GISCHAT_WRITE_TIMEOUT."""

    settings = {"GISCHAT_WRITE_TIMEOUT": "2"}
    cut = 'gischat_edge_connections_cut_total{cause="stalled"}'

    def test_who_takes_nothing_is_cut_off(self) -> None:
        talker = self.connect_here()
        silent = self.connect(edge=self.deployment.edges[0], receive_buffer=4096)
        self.settle(talker, silent)
        # More than the kernel holds for a client, less than GISCHAT_QUEUE_BYTES.
        for _ in range(14):
            talker.send_kind("model", raw_xml="x" * 900_000)
            talker.expect("model")
        wait_until(lambda: self.metric(self.cut) == 1, "cut off")
        closed = silent.socket.wait_for_close()
        self.assertIn((closed.code, closed.reason), ((1008, "not reading"), (None, "reset")))
        talker.wait_for_count(1)
        talker.expect_nothing()
