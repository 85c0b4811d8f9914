"""A chat that lies in one way, so that a load driver can show that it notices."""

from __future__ import annotations

import base64
import hashlib
import json
import selectors
import socket
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "conformance"))

from frames import Opcode, encode_frame, mask  # noqa: E402

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TRUTH = "truth"
# Which message of a channel is lied about, and to which of its members.
VICTIM_MESSAGE = 20
VICTIM = 5


@dataclass
class Member:
    """One client."""

    socket: socket.socket
    number: int  # in its channel
    channel: str = ""
    read: bytes = b""
    held: list[bytes] = field(default_factory=list)  # deliveries that come late


class Liar:
    """Serves on a port of its own, in a thread, until it is stopped. Lies: `lose`, `double`, `late`
    (to one member), `swallow` (to all), `misroute`, `cut`, `forget` (a newcomer), `silent` (no
    count to the last who come)."""

    def __init__(self, lie: str = TRUTH, count_only: int = 1 << 30) -> None:
        self._lie = lie
        self._count_only = count_only  # `silent`: so many are told a count
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._channels: dict[str, list[Member]] = {}
        self._messages: dict[str, int] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def url(self, channel: str = "QGIS") -> str:
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}/channel/{channel}/ws"

    def stop(self) -> None:
        self._stopped = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _serve(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select(timeout=0.05):
                if key.data is None:
                    accepted, _ = self._listener.accept()
                    member = Member(accepted, 0)
                    self._selector.register(accepted, selectors.EVENT_READ, member)
                else:
                    self._read(key.data)

    def _read(self, member: Member) -> None:
        try:
            data = member.socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            return self._end(member)
        member.read += data
        if not member.channel and not self._upgrade(member):
            return
        while (text := self._next_text(member)) is not None:
            self._publish(member.channel, text)

    def _end(self, member: Member) -> None:
        if member in self._channels.get(member.channel, []):
            self._channels[member.channel].remove(member)
        self._selector.unregister(member.socket)
        member.socket.close()

    def _upgrade(self, member: Member) -> bool:
        head, blank, rest = member.read.partition(b"\r\n\r\n")
        if not blank:
            return False
        lines = head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines[1:])
        member.read, member.channel = rest, lines[0].split(b" ")[1].decode()
        members = self._channels.setdefault(member.channel, [])
        member.number = len(members)
        accept = base64.b64encode(hashlib.sha1(headers[b"Sec-WebSocket-Key"] + GUID).digest())
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        answer += b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        if member.number < self._count_only:
            answer += _text(b'{"type":"nb_users","nb_users":1}')
        member.socket.sendall(answer)
        members.append(member)
        return True

    @staticmethod
    def _next_text(member: Member) -> bytes | None:
        """The payload of the next whole frame, of those that are shorter than 64 KiB."""
        read = member.read
        if len(read) < 8:
            return None
        length, head = read[1] & 0x7F, 2
        if length == 126:
            length, head = int.from_bytes(read[2:4], "big"), 4
        end = head + 4 + length
        if len(read) < end:
            return None
        member.read = read[end:]
        return mask(read[head + 4 : end], read[head : head + 4])

    def _publish(self, channel: str, text: bytes) -> None:
        is_newcomer = json.loads(text)["type"] == "newcomer"
        number = self._messages.get(channel, 0)
        if not is_newcomer:
            self._messages[channel] = number + 1
        lied = number == VICTIM_MESSAGE and not is_newcomer
        if lied and self._lie == "swallow":
            return
        for member in list(self._channels[channel]):
            victim = member.number == VICTIM
            if is_newcomer and victim and self._lie == "forget":
                continue
            self._deliver(member, _text(text), self._lie if lied and victim else TRUTH)
        if lied and self._lie == "misroute":
            other = next(name for name in self._channels if name != channel)
            self._channels[other][VICTIM].socket.sendall(_text(text))

    def _deliver(self, member: Member, frame: bytes, lie: str) -> None:
        if lie == "lose":
            return
        if lie == "cut":
            member.socket.shutdown(socket.SHUT_RDWR)
            return
        if lie == "late":
            member.held.append(frame)
            return
        late = b"".join(member.held)
        member.held.clear()
        try:
            member.socket.sendall(frame + late + (frame if lie == "double" else b""))
        except OSError:
            pass  # it is being cut


def _text(payload: bytes) -> bytes:
    return encode_frame(Opcode.TEXT, payload, masked=False)
