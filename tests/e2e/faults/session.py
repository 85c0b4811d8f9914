"""One connection of the load: joins a channel, writes, and tells the checker what it sees."""

from __future__ import annotations

import base64
import enum
import json
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chat_client import channel_path
from frames import Frame, FrameReader, Opcode, close_code, encode_frame
from http_client import parse_head
from messages import Message as Fields
from messages import compact, sample, shape_fault

from checker import Findings, Ledger, Membership, View
from world import Edge

# What is written, and how often.
KINDS = {
    "text": 78, "position": 5, "crs": 4, "bbox": 4, "geojson": 3, "model": 3, "like": 2, "image": 1,
}
_STALE_SECONDS = 10.0


class State(enum.Enum):
    """How far a connection is."""

    CONNECTING = 1
    OPEN = 2
    ENDED = 3


@dataclass
class Figures:
    """What all sessions measure together; reset before every fault."""

    sent: int = 0
    deliveries: int = 0
    joins: int = 0
    refused: int = 0
    unknown: int = 0
    longest_answer: float = 0.0
    longest_silence: float = 0.0
    longest_join: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)  # told to senders
    closed: Counter[int | None] = field(default_factory=Counter)


class Session:
    """A connection that is never waited for: everything happens when its socket is ready.

    Confined to the thread of the load.
    """

    def __init__(self, number: int, edge: Edge, channel: str, api: str, view: View,
                 findings: Findings, figures: Figures) -> None:
        self.number = number
        self.edge = edge
        self.channel = channel
        self.api = api
        self.label = f"session {number} ({api}, {edge.name})"
        self.view = view
        self.ledger = Ledger(self.label, findings)
        self.names = Membership(self.label, findings)
        self.state = State.CONNECTING
        self.close_code: int | None = None
        self.ended_at = 0.0
        self.may_end = False  # its end is part of the fault
        self.name: str | None = None  # registered
        self.wanted: str | None = None  # asked for, not answered yet
        self.refused_at = 0.0  # when the name was
        self.count: int | None = None
        self.counts_told = 0
        self.last_heard = time.monotonic()
        self.on_ended: Callable[[Session], None] = lambda _: None  # the socket is still open
        self.figures = figures
        self._findings = findings
        self._began = time.monotonic()
        self._last_number = 0
        self._out = bytearray()
        self._head = b""
        self._reader = FrameReader()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(edge.address)
        self._ask_in()

    # What it does

    def write(self, kind: str) -> None:
        """Sends a message whose author tells it from all others."""
        self._last_number += 1
        number, author = self._last_number, f"s{self.number}-{self._last_number}"
        if kind == "like":
            fields = sample("like", author, liked_author=self.name, message=author)
        else:
            fields = sample(kind, author)
        if kind == "text":
            fields["text"] = f"{author} says hello"
        self.ledger.send(number, time.monotonic())
        self.figures.sent += 1
        self._send(fields)

    def register(self, name: str) -> None:
        self.wanted = name
        self._send({"type": "newcomer", "newcomer": name})

    def leave(self) -> None:
        """Ends the connection without a word, as a crashed client does."""
        self.may_end = True
        self._end(None)

    # What happens to it

    def wants_to_write(self) -> bool:
        return len(self._out) > 0

    def on_writable(self) -> None:
        if not self._out:
            return
        try:
            sent = self.socket.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            return self._end(None)
        del self._out[:sent]

    def on_readable(self) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            return self._end(None)
        if not data:
            return self._end(None)
        if self.state == State.CONNECTING:
            data = self._take_head(data)
        self._reader.feed(data)
        while self.state == State.OPEN and (frame := self._reader.next()) is not None:
            self._take(frame)

    def check_join(self, now: float) -> None:
        """A connection attempt has to be answered, unless its edge hangs."""
        if self.state != State.CONNECTING or self.edge.hung or self.may_end:
            self._began = max(self._began, now - 1) if self.edge.hung else self._began
            return
        if now - self._began > _STALE_SECONDS:
            self._findings.add("join not answered", self.label)
            self.leave()

    # Inside

    def _ask_in(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"{self.edge.address.host}:{self.edge.address.port}"
        path = channel_path(self.channel, self.api)
        self._out += (
            f"GET {path}/ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def _take_head(self, data: bytes) -> bytes:
        """Reads the answer to the handshake; gives what follows it."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return b""
        status = parse_head(head).status
        if status == 101:
            self.state = State.OPEN
            self.figures.joins += 1
            if not self.may_end:
                took = time.monotonic() - self._began
                self.figures.longest_join = max(self.figures.longest_join, took)
            return rest
        if status not in (429, 503):
            self._findings.add("join refused", f"{self.label}: {status}")
        self.may_end = True
        self._end(None)
        return b""

    def _send(self, fields: Fields) -> None:
        self._out += encode_frame(Opcode.TEXT, compact(fields).encode())

    def _take(self, frame: Frame) -> None:
        if frame.opcode == Opcode.PING:
            self._out += encode_frame(Opcode.PONG, frame.payload)
        elif frame.opcode == Opcode.CLOSE:
            self._out += encode_frame(Opcode.CLOSE, frame.payload)
            self.on_writable()
            self._end(close_code(frame.payload))
        elif frame.opcode == Opcode.TEXT:
            self._hear(frame.payload)

    def _hear(self, payload: bytes) -> None:
        message: dict[str, Any] = json.loads(payload)
        if wrong := shape_fault(message, self.api, False):
            self._findings.add("wrong shape", f"{self.label}: {wrong}")
            return
        kind = message["type"]
        if kind == "nb_users":
            self._hear_count(message["nb_users"])
        elif kind == "newcomer":
            self._hear_newcomer(message["newcomer"])
        elif kind == "exiter":
            self.names.exiter(message["exiter"])
        elif kind == "uncompliant":
            self._hear_refusal(message["reason"])
        elif kind == "like":
            self._hear_own(_number_of(message["message"]))
        else:
            self._hear_message(message["author"])
        self.view.joined()

    def _hear_message(self, author: str) -> None:
        now = time.monotonic()
        self.figures.deliveries += 1
        self.figures.longest_silence = max(self.figures.longest_silence, now - self.last_heard)
        self.last_heard = now
        message = _number_of(author)
        if self.view.see(message):
            self._hear_own(message)

    def _hear_own(self, message: tuple[int, int]) -> None:
        if message[0] != self.number:
            return
        took = self.ledger.echo(message[1], time.monotonic())
        if took is not None:
            self.figures.longest_answer = max(self.figures.longest_answer, took)

    def _hear_count(self, count: int) -> None:
        if count == self.count:
            self._findings.add("count told twice", f"{self.label}: {count}")
        if count < 1:
            self._findings.add("count below 1", self.label)
        self.count = count
        self.counts_told += 1

    def _hear_newcomer(self, name: str) -> None:
        self.names.newcomer(name)
        if name == self.wanted:
            self.name, self.wanted = name, None

    def _hear_refusal(self, reason: str) -> None:
        if "already registered" in reason:
            if not self.names.again_allowed:
                self._findings.add("nickname refused", f"{self.label}: {reason}")
            self.refused_at = time.monotonic()
            self.wanted = None
            return
        before = self.ledger.refused, self.ledger.unknown
        self.figures.reasons[reason] += 1
        self.ledger.refuse(reason)
        self.figures.refused += self.ledger.refused - before[0]
        self.figures.unknown += self.ledger.unknown - before[1]

    def _end(self, code: int | None) -> None:
        if self.state == State.ENDED:
            return
        self.state = State.ENDED
        self.close_code = code
        self.ended_at = time.monotonic()
        self.figures.closed[code] += 1
        if not self.may_end:
            self._findings.add("connection lost", f"{self.label}: {code}")
        self.view.leave()
        self.on_ended(self)
        self.socket.close()


def pick_kind(random_source: random.Random, named: bool) -> str:
    """Some kind, as often as it should be; likes go to oneself, so they need a name."""
    kind = random_source.choices(list(KINDS), list(KINDS.values()))[0]
    return "text" if kind == "like" and not named else kind


def _number_of(author: str) -> tuple[int, int]:
    writer, _, number = author.removeprefix("s").partition("-")
    return int(writer), int(number)
