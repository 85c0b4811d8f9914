"""A client of the chat that checks every frame it gets: shape, keys, compactness, counts."""

from __future__ import annotations

import itertools
import time
from typing import Any
from urllib.parse import quote

from http_client import DEADLINE_SECONDS, Address
from messages import CHANNELS, ROOMS, Message, compact, is_compact, parse_message, sample
from messages import shape_fault
from websocket_client import WebSocket

_marks = itertools.count(1)


class Received(dict):  # type: ignore[type-arg]
    """A message with the text that it came as."""

    def __init__(self, fields: Message, raw: str) -> None:
        super().__init__(fields)
        self.raw = raw


class ChatClient:
    """One connection to one channel, by the channels or the rooms API.

    `receive` and its kin skip counts (`nb_users`), which come at times of their own; `count` is the
    last one told and `counts` are all.
    """

    def __init__(
        self,
        edge: Address,
        channel: str,
        api: str = CHANNELS,
        query: str = "",
        **options: Any,
    ) -> None:
        self.edge = edge
        self.channel = channel
        self.api = api
        self.counts: list[int] = []
        self.received: list[Received] = []
        self.replies = "replies=1" in query
        self.nickname: str | None = None
        self.socket = WebSocket(edge, f"{channel_path(channel, api)}/ws{query}", **options)

    @property
    def count(self) -> int | None:
        return self.counts[-1] if self.counts else None

    # Sending

    def send(self, message: Message | str) -> None:
        """Sends a message, or a text as it is."""
        if isinstance(message, dict) and "in_reply_to_id" in message:
            self.replies = self.api == CHANNELS
        self.socket.send_text(message if isinstance(message, str) else compact(message))

    def send_kind(self, kind: str, author: str = "Ada", **changes: Any) -> Message:
        """Sends a valid message of a kind with some keys changed; gives what was sent."""
        message = sample(kind, author, **changes)
        self.send(message)
        return message

    def say(self, text: str, author: str = "Ada") -> None:
        self.send({"type": "text", "author": author, "avatar": None, "text": text})

    def mark(self) -> str:
        """Sends a text that everybody gets and nobody stores; gives what tells it from others."""
        author = f"mark-{next(_marks)}"
        self.say("wizz", author)
        return author

    def register(self, nickname: str) -> None:
        """Takes a nickname and waits until that is announced."""
        self.send({"type": "newcomer", "newcomer": nickname})
        self.expect("newcomer", newcomer=nickname)
        self.nickname = nickname

    # Receiving

    def receive_any(self, timeout: float = DEADLINE_SECONDS) -> Received:
        """The next message, counts included."""
        raw = self.socket.receive_message(timeout)
        return self._check(raw)

    def receive(self, timeout: float = DEADLINE_SECONDS) -> Received:
        """The next message that is no count."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive_any(max(deadline - time.monotonic(), 0.001))
            if message["type"] != "nb_users":
                return message

    def expect(self, kind: str, **fields: Any) -> Received:
        """The next message that is no count; it has to be of this kind, with these values."""
        message = self.receive()
        found = {key: message.get(key) for key in fields}
        if message["type"] != kind or found != fields:
            raise AssertionError(f"expected {kind} {fields}, got {message.raw[:500]}")
        return message

    def expect_refusal(self, *words: str) -> str:
        """The next message has to be `uncompliant` and name all of the words; gives the reason."""
        reason = self.expect("uncompliant")["reason"]
        missing = [word for word in words if word not in reason]
        if missing:
            raise AssertionError(f"{reason!r} does not name {missing}")
        return reason

    def until_mark(self, mark: str) -> list[Received]:
        """What comes before the mark, counts left out."""
        before = []
        while (message := self.receive()).get("author") != mark:
            before.append(message)
        return before

    def expect_nothing(self) -> None:
        """Nothing but counts has come, and nothing is under way to this client."""
        before = self.until_mark(self.mark())
        if before:
            raise AssertionError(f"unexpected: {[m.raw[:300] for m in before]}")

    def wait_for_count(self, number: int) -> list[Received]:
        """Waits until the last count told is `number`; gives what else came meanwhile."""
        others = []
        while self.count != number:
            message = self.receive_any()
            if message["type"] != "nb_users":
                others.append(message)
        return others

    # Ending

    def leave(self) -> None:
        """The closing handshake."""
        self.socket.close()

    # Inside

    def _check(self, raw: str | bytes) -> Received:
        if isinstance(raw, bytes):
            raise AssertionError("a binary frame")
        message = Received(parse_message(raw), raw)
        fault = shape_fault(message, self.api, self.replies)
        if fault:
            raise AssertionError(f"{fault} ({self.api}): {raw[:500]}")
        if len(raw) < 100_000 and not is_compact(raw):
            raise AssertionError(f"not compact: {raw[:500]}")
        if message["type"] == "nb_users":
            self._note_count(message["nb_users"])
        self.received.append(message)
        return message

    def _note_count(self, number: int) -> None:
        if number == self.count:
            raise AssertionError(f"told the count {number} twice")
        if number < 1:
            raise AssertionError(f"told the count {number} while connected")
        self.counts.append(number)


def channel_path(channel: str, api: str = CHANNELS) -> str:
    """Path of a channel in an API."""
    return f"/{'room' if api == ROOMS else 'channel'}/{quote(channel, safe='')}"
