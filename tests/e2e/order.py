#!/usr/bin/env python3
"""Order and no loss: six clients write at full speed while thirty others come and go.

All six receive the same 6,000 texts in the same order, none lost, none doubled, each writer's own in
the order sent. Each visitor sees a stretch of that order without a hole or a double, its replay
included, also on its second visit.
"""

from __future__ import annotations

import selectors
import sys
import time
from collections import Counter

from e2e import deployment_of_arguments

from chat_client import channel_path
from deployment import Deployment
from frames import FrameReader, Opcode, encode_frame
from messages import CHANNELS, ROOMS, compact, parse_message
from websocket_client import WebSocket

WRITERS, TEXTS = 6, 1000
TOTAL = WRITERS * TEXTS
VISITORS, STAY = 30, 40
DEADLINE_SECONDS = 60.0
CHANNEL = "QGIS"


class Client:
    """A connection of a selector loop."""

    def __init__(self, loop: Loop, name: str, api: str, to_send: bytes = b"") -> None:
        self.name = name
        self.texts: list[str] = []
        self._loop = loop
        self._api = api
        self._to_send = memoryview(to_send)
        self.visits: list[list[str]] = []
        self.connect()

    def connect(self) -> None:
        target = channel_path(CHANNEL, self._api) + "/ws"
        self._socket = WebSocket(self._loop.deployment.next_edge(), target)
        self._reader: FrameReader = self._socket._reader  # holds what came with the handshake
        self.texts = []
        self.visits.append(self.texts)
        self._socket.socket.setblocking(False)
        self._loop.add(self._socket.socket, self)
        self._take_frames()

    def leave(self) -> None:
        self._loop.remove(self._socket.socket)
        self._socket.abort()

    def wants_to_write(self) -> bool:
        return len(self._to_send) > 0

    def on_writable(self) -> None:
        try:
            sent = self._socket.socket.send(self._to_send[: 1 << 16])
        except BlockingIOError:
            return
        self._to_send = self._to_send[sent:]
        if not self.wants_to_write():
            self._loop.only_read(self._socket.socket, self)

    def on_readable(self) -> None:
        try:
            data = self._socket.socket.recv(1 << 18)
        except BlockingIOError:
            return
        if not data:
            raise AssertionError(f"{self.name}: the server ended the connection")
        self._reader.feed(data)
        self._take_frames()

    def _send_behind_the_rest(self, frame: bytes) -> None:
        """Not in between: what is left may begin in the middle of a frame."""
        if self.wants_to_write():
            self._to_send = memoryview(bytes(self._to_send) + frame)
        else:
            self._socket.socket.send(frame)

    def _take_frames(self) -> None:
        while (frame := self._reader.next()) is not None:
            if frame.opcode == Opcode.PING:
                self._send_behind_the_rest(encode_frame(Opcode.PONG, frame.payload))
                continue
            if frame.opcode != Opcode.TEXT:
                raise AssertionError(f"{self.name}: {frame}")
            message = parse_message(frame.payload.decode("utf-8"))
            if message["type"] == "text":
                self.texts.append(message["text"])
            elif message["type"] != "nb_users":
                raise AssertionError(f"{self.name}: {message}")


class Loop:
    """Runs all clients in one thread."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._selector = selectors.DefaultSelector()

    def add(self, socket: object, client: Client) -> None:
        events = selectors.EVENT_READ
        if client.wants_to_write():
            events |= selectors.EVENT_WRITE
        self._selector.register(socket, events, client)  # type: ignore[arg-type]

    def only_read(self, socket: object, client: Client) -> None:
        self._selector.modify(socket, selectors.EVENT_READ, client)  # type: ignore[arg-type]

    def remove(self, socket: object) -> None:
        self._selector.unregister(socket)  # type: ignore[arg-type]

    def turn(self) -> None:
        """Serves whoever is ready."""
        for key, events in self._selector.select(0.5):
            if events & selectors.EVENT_WRITE:
                key.data.on_writable()
            if events & selectors.EVENT_READ:
                key.data.on_readable()


class Visits:
    """Lets visitors join, leave after some texts, join again and stay."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._on_first_visit: list[Client] = []
        self.all: list[Client] = []

    def step(self, progress: int, last: str | None) -> None:
        """Called with how many texts the first writer has received, and the last of all texts."""
        due = min(VISITORS, 1 + progress * VISITORS // (TOTAL // 2))
        while len(self.all) < due:
            number = len(self.all)
            visitor = Client(self._loop, f"visitor {number}", (CHANNELS, ROOMS)[number // 2 % 2])
            self.all.append(visitor)
            self._on_first_visit.append(visitor)
        for visitor in list(self._on_first_visit):
            if len(visitor.texts) > STAY or (visitor.texts and visitor.texts[-1] == last):
                self._on_first_visit.remove(visitor)
                visitor.leave()
                visitor.connect()

    def done(self, last: str) -> bool:
        """Everybody has come twice and seen the last text."""
        return len(self.all) == VISITORS and all(
            len(visitor.visits) == 2 and visitor.texts and visitor.texts[-1] == last
            for visitor in self.all
        )


def text_of(writer: int, number: int) -> str:
    return f"{writer}-{number}"


def frames_of(writer: int) -> bytes:
    """All texts of a writer, ready to go out."""
    message = {"type": "text", "author": f"writer-{writer}", "avatar": None, "text": ""}
    texts = [compact({**message, "text": text_of(writer, n)}) for n in range(TEXTS)]
    return b"".join(encode_frame(Opcode.TEXT, text.encode()) for text in texts)


def run(deployment: Deployment) -> tuple[list[Client], list[Client], float]:
    """Writers, visitors, and how long it took."""
    loop = Loop(deployment)
    writers = [
        Client(loop, f"writer {n}", (CHANNELS, ROOMS)[n // 2 % 2], frames_of(n))
        for n in range(WRITERS)
    ]
    visits, begin = Visits(loop), time.monotonic()
    while True:
        loop.turn()
        finished = all(len(writer.texts) >= TOTAL for writer in writers)
        last = writers[0].texts[-1] if finished else None
        visits.step(len(writers[0].texts), last)
        if last is not None and visits.done(last):
            return writers, visits.all, time.monotonic() - begin
        if time.monotonic() - begin > DEADLINE_SECONDS:
            got = {client.name: len(client.texts) for client in [*writers, *visits.all]}
            raise AssertionError(f"not finished after {DEADLINE_SECONDS} s: {got}")


def check_writers(writers: list[Client]) -> list[str]:
    """The order that all writers saw."""
    order = writers[0].texts
    doubled = [text for text, times in Counter(order).items() if times > 1]
    wanted = {text_of(w, n) for w in range(WRITERS) for n in range(TEXTS)}
    assert not doubled, f"doubled: {doubled[:10]}"
    assert set(order) == wanted, f"lost: {sorted(wanted - set(order))[:10]}"
    for writer in writers[1:]:
        assert writer.texts == order, f"{writer.name} saw another order"
    for number in range(WRITERS):
        own = [text for text in order if text.startswith(f"{number}-")]
        assert own == [text_of(number, n) for n in range(TEXTS)], f"writer {number} reordered"
    return order


def check_visitors(visitors: list[Client], order: list[str]) -> int:
    """Each visit is a stretch of the order; gives the number of visits."""
    place = {text: index for index, text in enumerate(order)}
    for visitor in visitors:
        for visit in visitor.visits:
            if visit:
                first = place[visit[0]]
                stretch = order[first : first + len(visit)]
                assert visit == stretch, _first_fault(visitor, visit, order)
    return sum(len(visitor.visits) for visitor in visitors)


def _first_fault(visitor: Client, visit: list[str], order: list[str]) -> str:
    first = order.index(visit[0])
    for index, text in enumerate(visit):
        if order[first + index : first + index + 1] != [text]:
            around = (visit[max(0, index - 2) : index + 3], order[first + index - 2 :][:5])
            return f"{visitor.name}: hole or double at {index} of {len(visit)}: {around}"
    return f"{visitor.name}: differs"


def main() -> int:
    deployment = deployment_of_arguments(__doc__ or "", {"CHANNELS": CHANNEL})
    try:
        writers, visitors, seconds = run(deployment)
        order = check_writers(writers)
        visits = check_visitors(visitors, order)
    finally:
        problems = deployment.stop()
    assert not problems, "\n".join(problems)
    rate = TOTAL * WRITERS / seconds
    print(
        f"order {deployment.setup}: {TOTAL} texts to {WRITERS} writers in {seconds:.1f} s "
        f"({rate:.0f} deliveries/s), {visits} visits of {VISITORS} visitors, no hole, no double"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
