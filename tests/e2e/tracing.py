#!/usr/bin/env python3
"""One message in the logs of all parts: found by its trace id, and its text by nothing."""

from __future__ import annotations

import argparse
import json
import sys
import unittest
from pathlib import Path
from typing import Any

import e2e  # noqa: F401: finds the conformance suite's tools

from chat_client import ChatClient
from deployment import Deployment
from http_client import HttpConnection
from messages import compact, sample
from processes import wait_until

CHANNEL = "QGIS"
SOCKET_TRACE, PUT_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
PARENT = "00f067aa0ba902b7"
SECRET = "the words of a message"
bin_dir = Path("build/dev/bin")

Line = dict[str, Any]


def traceparent(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{PARENT}-01"}


class Tracing(unittest.TestCase):
    """Real processes that log as JSON."""

    maxDiff = 4000

    def deploy(self, setup: str, level: str) -> Deployment:
        chat = Deployment(bin_dir, setup, {"CHANNELS": CHANNEL, "GISCHAT_LOG_FORMAT": "json",
                                           "GISCHAT_LOG_LEVEL": level})
        self.addCleanup(chat.stop)
        return chat

    def client(self, chat: Deployment, **headers: str) -> ChatClient:
        client = ChatClient(chat.next_edge(), CHANNEL, headers=headers)
        self.addCleanup(client.socket.abort)
        client.until_mark(client.mark())
        return client

    def put(self, chat: Deployment, text: str, headers: dict[str, str]) -> int:
        body = compact({"author": "Bob", "text": text}).encode()
        with HttpConnection(chat.next_edge()) as connection:
            return connection.request("PUT", f"/channel/{CHANNEL}/text",
                                      {"Content-Type": "application/json", **headers},
                                      body).status

    def steps(self, chat: Deployment, **wanted: str) -> list[Line]:
        """Lines with a step and these values, of all processes: one grep over all logs."""
        lines = [json.loads(line) for process in chat.processes for line in process.lines]
        return [line for line in lines if "step" in line
                and all(line.get(key) == value for key, value in wanted.items())]

    def await_steps(self, chat: Deployment, expected: set[tuple[str, str]], **wanted: str) -> None:
        def found() -> set[tuple[str, str]]:
            return {(line["process"], line["step"]) for line in self.steps(chat, **wanted)}

        try:
            wait_until(lambda: found() >= expected, "all steps")
        except AssertionError:
            self.assertEqual(found(), expected)

    def test_a_message_is_found_in_every_part(self) -> None:
        chat = self.deploy("split", "debug")
        ada = self.client(chat, **traceparent(SOCKET_TRACE))
        ada.register("Ada")
        bob = self.client(chat)
        ada.say(SECRET)
        ada.send(sample("image", "Ada"))
        self.assertEqual(self.put(chat, SECRET, traceparent(PUT_TRACE)), 200)
        for client in (ada, bob):
            while client.receive().get("author") != "Bob":
                pass
        edge, moderation = "gischat-edge", "gischat-moderation"
        way = {(edge, "received"), (edge, "reviewed"), (moderation, "reviewed"),
               (edge, "published"), ("gischat-fanout", "published"), (edge, "delivered")}
        self.await_steps(chat, way | {("gischat-presence", "registered"), (edge, "registered")},
                         trace_id=SOCKET_TRACE)
        self.await_steps(chat, way, trace_id=PUT_TRACE)
        for kind in ("text", "image"):
            received = self.steps(chat, trace_id=SOCKET_TRACE, step="received", kind=kind)
            request = received[-1]["request"]
            self.await_steps(chat, way, trace_id=SOCKET_TRACE, request=request)
        # Every edge says that it has delivered.
        for process in chat.edge_processes:
            process.wait_for_line(f'"delivered".*{PUT_TRACE}|{PUT_TRACE}.*"delivered"')
        for process in chat.processes:
            for line in process.lines:
                self.assertNotIn(SECRET, line)

    def test_each_message_has_its_own_request(self) -> None:
        chat = self.deploy("memory", "debug")
        ada = self.client(chat)  # has said one thing
        for number in range(5):
            ada.say(f"text {number}")
            ada.expect("text")
        received = self.steps(chat, step="received")
        self.assertEqual(len(received), 6)
        self.assertEqual(len({line["request"] for line in received}), 6)
        self.assertEqual(len({line["trace_id"] for line in received}), 1)
        for line in received:
            self.await_steps(chat, {("gischat", step) for step in
                                    ("received", "reviewed", "published", "delivered")},
                             request=line["request"])

    def test_an_invalid_header_is_ignored(self) -> None:
        chat = self.deploy("memory", "debug")
        self.client(chat, traceparent=f"00-{SOCKET_TRACE}-{PARENT}-01-x")
        self.assertEqual(self.put(chat, "x", {"traceparent": f"ff-{PUT_TRACE}-{PARENT}-01"}), 200)
        self.assertEqual(len(self.steps(chat, step="received")), 2)
        self.assertEqual(self.steps(chat, trace_id=SOCKET_TRACE), [])
        self.assertEqual(self.steps(chat, trace_id=PUT_TRACE), [])

    def test_a_refusal_is_told_without_its_words(self) -> None:
        chat = self.deploy("memory", "debug")
        ada = self.client(chat, **traceparent(SOCKET_TRACE))
        ada.say(SECRET * 100)
        ada.expect_refusal("at most")
        for verdict in ("accepted", "rejected", "too_long"):
            self.await_steps(chat, {("gischat", "reviewed")}, step="reviewed", verdict=verdict)
        self.assertEqual(len({line["verdict"] for line in self.steps(chat, step="reviewed")}), 3)
        self.assertFalse([line for line in chat.processes[0].lines if SECRET in line])

    def test_nothing_is_logged_per_message_at_info(self) -> None:
        chat = self.deploy("memory", "info")
        ada = self.client(chat, **traceparent(SOCKET_TRACE))
        lines = len(chat.processes[0].lines)
        for _ in range(20):
            ada.expect_nothing()
        self.assertEqual(len(chat.processes[0].lines), lines)


def main() -> int:
    global bin_dir
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    bin_dir = parser.parse_args().bin_dir.resolve()
    suite = unittest.TestLoader().loadTestsFromTestCase(Tracing)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
