"""Many clients in one thread that measure how long messages take to reach them."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections.abc import Callable

from chat_client import channel_path
from frames import Opcode, encode_frame
from http_client import Address
from messages import compact, sample
from websocket_client import WebSocket

LARGE_BYTES = 500_000  # a message of more than this is one of ours that is large
_NUMBER = re.compile(rb'"text":"probe (\d+)"')


class Latencies:
    """Seconds that messages took, each receiver counted."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def at(self, share: float) -> float:
        """That share of all took no longer."""
        return sorted(self.all)[int(len(self.all) * share)]


class Listener:
    """A client that reads whatever comes, as fast as it comes, and keeps only what is small."""

    def __init__(self, edge: Address, channel: str, **options: int) -> None:
        self._ws = WebSocket(edge, channel_path(channel) + "/ws", **options)  # type: ignore
        self.socket: socket.socket = self._ws.socket
        self._head = bytearray(self._ws.handshake.rest)
        self._skip = 0
        self.large = 0  # messages so far
        self.on_large: Callable[[int], None] = lambda number: None
        self.on_small: Callable[[bytes], None] = lambda frame: None
        self.socket.setblocking(False)

    def take(self, data: memoryview) -> None:
        """What has come. Payloads of large frames are skipped, not copied."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                if not self._skip:
                    self.large += 1
                    self.on_large(self.large - 1)
                continue
            step = min(LARGE_BYTES, len(data) - at)
            self._head += data[at : at + step]
            at += step
            self._take_frames()

    def close(self) -> None:
        self.socket.close()

    def _take_frames(self) -> None:
        while len(self._head) >= 2:
            start, length = 2, self._head[1] & 127
            if length == 126:
                start = 4
            elif length == 127:
                start = 10
            if len(self._head) < start:
                return
            if start > 2:
                length = int.from_bytes(self._head[2:start], "big")
            left = start + length - len(self._head)
            if length > LARGE_BYTES and left > 0:
                self._head.clear()
                self._skip = left
                return
            if left > 0:
                return
            frame = bytes(self._head[start : start + length])
            opcode = self._head[0] & 15
            del self._head[: start + length]
            if length > LARGE_BYTES:
                self.large += 1
                self.on_large(self.large - 1)
            elif opcode == Opcode.PING:
                self.socket.send(encode_frame(Opcode.PONG, frame))
            else:
                self.on_small(frame)


class Crowd:
    """Listeners, and one talker that sends large messages and small probes at fixed rates."""

    def __init__(self, edges: list[Address], channel: str, size: int) -> None:
        self.listeners = [Listener(edges[i % len(edges)], channel) for i in range(size)]
        self._talker = Listener(edges[-1], channel)
        self._selector = selectors.DefaultSelector()
        self._buffer = memoryview(bytearray(1 << 20))
        self._unsent = b""
        self._large = encode_frame(
            Opcode.TEXT, compact(sample("model", raw_xml="x" * 900_000)).encode()
        )
        self._probes_sent: list[float] = []
        self._large_sent: list[float] = []
        self.probes, self.larges = Latencies(), Latencies()
        for listener in [*self.listeners, self._talker]:
            self._listen(listener)

    def add(self, listener: Listener) -> None:
        """One more that is read from; its latencies are not measured."""
        self._selector.register(listener.socket, selectors.EVENT_READ, listener)

    def stall(self, listener: Listener) -> None:
        """Reads nothing more from it."""
        self._selector.unregister(listener.socket)

    def run(self, seconds: float, probes: float, larges: float) -> tuple[Latencies, Latencies]:
        """Sends so many per second, waits until all has come; latencies of probes and larges."""
        self.probes, self.larges = Latencies(), Latencies()
        begin = time.monotonic()
        sent_probes = sent_larges = 0
        while (now := time.monotonic()) < begin + seconds:
            if sent_probes < (now - begin) * probes:
                sent_probes += 1
                self._send_probe(now)
            if sent_larges < (now - begin) * larges and not self._unsent:
                sent_larges += 1
                self._large_sent.append(now)
                self._unsent += self._large
            self._step()
        expected = (sent_probes * len(self.listeners), sent_larges * len(self.listeners))
        while (len(self.probes.all), len(self.larges.all)) != expected:
            assert time.monotonic() < begin + seconds + 10, (expected, len(self.probes.all))
            self._step()
        return self.probes, self.larges

    def close(self) -> None:
        for listener in [*self.listeners, self._talker]:
            listener.close()

    def _listen(self, listener: Listener) -> None:
        if listener is not self._talker:
            listener.on_large = self._on_large
            listener.on_small = self._on_small
        self._selector.register(listener.socket, selectors.EVENT_READ, listener)

    def _send_probe(self, now: float) -> None:
        text = f"probe {len(self._probes_sent)}"
        self._probes_sent.append(now)
        message = {"type": "text", "author": "Ada", "avatar": None, "text": text}
        self._unsent += encode_frame(Opcode.TEXT, compact(message).encode())

    def _on_large(self, number: int) -> None:
        self.larges.all.append(time.monotonic() - self._large_sent[number])

    def _on_small(self, frame: bytes) -> None:
        if found := _NUMBER.search(frame):
            self.probes.all.append(time.monotonic() - self._probes_sent[int(found[1])])

    def _step(self) -> None:
        if self._unsent:
            try:
                self._unsent = self._unsent[self._talker.socket.send(self._unsent) :]
            except BlockingIOError:
                pass
        for key, _ in self._selector.select(0.001):
            count = key.fileobj.recv_into(self._buffer)  # type: ignore[union-attr]
            assert count, "a client was cut that reads all the time"
            key.data.take(self._buffer[:count])


def reset_at_end(listener: Listener) -> None:
    """Makes the kernel forget what a client did not read."""
    listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    listener.close()
