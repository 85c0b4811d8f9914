"""Two thousand clients at once, read in the cheapest way: only counts are looked at."""

from __future__ import annotations

import base64
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable

from chat_client import channel_path
from frames import Opcode, encode_frame
from messages import compact

from world import CROWDED, Edge

_BATCH = 100  # connects between two looks at what has come
_COUNT = b'{"type":"nb_users"'


class Member:
    """One client of the crowd."""

    def __init__(self, edge: Edge, name: str | None) -> None:
        self.name = name
        self.is_in = False
        self.count = 0
        self.counts_told = 0
        self._buffer = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(edge.address)
        self._edge = edge

    def on_writable(self) -> None:
        """The connection is there: asks to be let in, and for its name."""
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {channel_path(CROWDED)}/ws HTTP/1.1\r\nHost: {self._edge.address.host}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        if self.name is not None:
            fields = {"type": "newcomer", "newcomer": self.name}
            request += encode_frame(Opcode.TEXT, compact(fields).encode())
        self.socket.send(request)

    def on_readable(self) -> None:
        data = self.socket.recv(1 << 18)
        assert data, "a client of the crowd was cut"
        self._buffer += data
        if not self.is_in:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.is_in, self._buffer = True, rest
        self._take_frames()

    def _take_frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, begin = buffer[at + 1], at + 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size, begin = struct.unpack_from(">H", buffer, at + 2)[0], at + 4
            if len(buffer) < begin + size:
                break
            if buffer.startswith(_COUNT, begin):
                self.count = int(buffer[begin : begin + size].rpartition(b":")[2][:-1])
                self.counts_told += 1
            at = begin + size
        self._buffer = buffer[at:]


class Crowd:
    """All of them. Used by one thread, which lends itself to them while it waits."""

    def __init__(self, edges: list[Edge], size: int, named: int) -> None:
        self._edges = edges
        self._names = [f"crowd-{number}" if number < named else None for number in range(size)]
        self._selector = selectors.DefaultSelector()
        self.members: list[Member] = []

    @property
    def names(self) -> list[str]:
        return [member.name for member in self.members if member.name is not None]

    def come(self, timeout: float) -> float:
        """Everybody joins at once; gives the seconds until the last is in."""
        began = time.monotonic()
        for number, name in enumerate(self._names):
            member = Member(self._edges[number % len(self._edges)], name)
            self.members.append(member)
            self._selector.register(member.socket, selectors.EVENT_WRITE, member)
            if number % _BATCH == 0:
                self._turn(0)
        self.attend(lambda: all(member.is_in for member in self.members), "everybody is in",
                    timeout)
        return time.monotonic() - began

    def leave(self) -> None:
        """Everybody leaves at once, without a word."""
        for member in self.members:
            self._selector.unregister(member.socket)
            member.socket.close()
        self.members = []

    def attend(self, condition: Callable[[], bool], what: str, timeout: float) -> float:
        """Serves everybody until something holds; gives the seconds that it took."""
        began = time.monotonic()
        while True:
            self._turn(0.01)
            took = time.monotonic() - began
            if condition():
                return took
            assert took < timeout, f"not within {timeout} s: {what}"

    def _turn(self, seconds: float) -> None:
        for key, events in self._selector.select(seconds):
            if events & selectors.EVENT_WRITE:
                key.data.on_writable()
                self._selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
            else:
                key.data.on_readable()
