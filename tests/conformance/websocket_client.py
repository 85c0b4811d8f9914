"""A blocking WebSocket client (RFC 6455) that leaves every byte under the test's control."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import time
import zlib

from frames import Frame, FrameReader, Opcode, ProtocolViolation, close_code, close_payload
from frames import encode_frame
from http_client import DEADLINE_SECONDS, Address, ConnectionEnded, HttpConnection, Response

_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeRefused(Exception):
    """The server answered the handshake with something else than 101."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.body[:200]!r}")
        self.response = response


class Closed(Exception):
    """The connection is over. `code` is None when the server ended it without a close frame."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code
        self.reason = reason


class WebSocket:
    """One connection after its handshake.

    Pings are answered when `auto_pong` is set. Frames that break the protocol raise
    ProtocolViolation, so every test also checks the server's framing.
    """

    def __init__(
        self,
        address: Address,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        deflate: bool = False,
        early: bytes = b"",
        timeout: float = DEADLINE_SECONDS,
        receive_buffer: int | None = None,
    ) -> None:
        """Connects. `early` goes out together with the handshake, before its answer."""
        self.auto_pong = True
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.was_deflated = False  # the last message received
        self._timeout = timeout
        self._http = HttpConnection(address, timeout)
        self.socket = self._http.socket
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.handshake = self._shake_hands(target, headers or {}, deflate, early)
        extensions = self.handshake.header("Sec-WebSocket-Extensions") or ""
        self.deflated = "permessage-deflate" in extensions
        if self.deflated and not deflate:
            raise ProtocolViolation("an extension that was not offered")
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._fresh_inflater = "server_no_context_takeover" in extensions
        self._reader = FrameReader(allow_rsv1=self.deflated)
        self._reader.feed(self.handshake.rest)
        self._fragments: list[Frame] = []

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    # Sending

    def send_bytes(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.settimeout(self._timeout)
        self.socket.sendall(data)

    def send_frame(self, opcode: int, payload: bytes = b"", **options: object) -> None:
        """Sends one frame; options as in encode_frame."""
        self.send_bytes(encode_frame(opcode, payload, **options))  # type: ignore[arg-type]

    def send_text(self, text: str | bytes) -> None:
        """Sends a text message in one frame."""
        payload = text.encode("utf-8") if isinstance(text, str) else text
        self.send_frame(Opcode.TEXT, payload)

    def send_deflated(self, text: str | bytes, level: int = 6) -> None:
        """Sends a text message in one compressed frame."""
        self.send_frame(Opcode.TEXT, deflated(text, level), rsv=4)

    def send_fragments(
        self, parts: list[bytes], opcode: int = Opcode.TEXT, compressed: bool = False
    ) -> None:
        """Sends one message in as many frames as there are parts."""
        for index, part in enumerate(parts):
            kind = opcode if index == 0 else Opcode.CONTINUATION
            rsv = 4 if compressed and index == 0 else 0
            self.send_frame(kind, part, fin=index == len(parts) - 1, rsv=rsv)

    def ping(self, payload: bytes = b"") -> None:
        self.send_frame(Opcode.PING, payload)

    # Receiving

    def receive_frame(self, timeout: float | None = None) -> Frame:
        """The next frame of any kind. TimeoutError when none comes, Closed(None) at the end."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while (frame := self._reader.next()) is None:
            self._receive_bytes(deadline)
        return frame

    def receive_message(self, timeout: float | None = None) -> str | bytes:
        """The next complete message: str for text, bytes for binary. Closed when a close comes."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while True:
            frame = self.receive_frame(max(deadline - time.monotonic(), 0.001))
            if frame.opcode >= Opcode.CLOSE:
                self._handle_control(frame)
                continue
            self._add_fragment(frame)
            if frame.fin:
                return self._finish_message()

    def wait_for_pong(self, payload: bytes, timeout: float | None = None) -> list[str | bytes]:
        """Reads until the pong comes; gives the messages that came before it."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        messages: list[str | bytes] = []
        while payload not in self.pongs:
            frame = self.receive_frame(max(deadline - time.monotonic(), 0.001))
            if frame.opcode >= Opcode.CLOSE:
                self._handle_control(frame)
                continue
            self._add_fragment(frame)
            if frame.fin:
                messages.append(self._finish_message())
        return messages

    def wait_for_close(self, timeout: float | None = None) -> Closed:
        """Drops messages until the connection is over; says how it ended."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while True:
            try:
                self.receive_message(max(deadline - time.monotonic(), 0.001))
            except Closed as closed:
                return closed

    def wait_for_end(self, timeout: float | None = None) -> None:
        """Reads until the server has ended the TCP connection."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        try:
            while True:
                self._receive_bytes(deadline)
        except Closed:
            return

    # Ending

    def close(self, code: int | None = 1000, reason: bytes = b"") -> Closed:
        """The closing handshake: sends a close and waits for the answer."""
        self.send_frame(Opcode.CLOSE, close_payload(code, reason))
        answer = self.wait_for_close()
        self.socket.close()
        return answer

    def reset(self) -> None:
        """Ends the TCP connection with a reset, as a crashed client or a pulled cable does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def abort(self) -> None:
        """Ends the TCP connection without a close frame."""
        self.socket.close()

    # Inside

    def _shake_hands(
        self, target: str, headers: dict[str, str], deflate: bool, early: bytes
    ) -> Response:
        key = base64.b64encode(os.urandom(16))
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key.decode(),
            "Sec-WebSocket-Version": "13",
        }
        if deflate:
            fields["Sec-WebSocket-Extensions"] = "permessage-deflate; client_max_window_bits"
        fields.update(headers)
        self._http.send_raw(self._http.render("GET", target, fields) + early)
        try:
            response = self._http.read_response()
        except BaseException:
            self._http.close()
            raise
        if response.status != 101:
            self._http.close()
            raise HandshakeRefused(response)
        expected = base64.b64encode(hashlib.sha1(key + _ACCEPT_GUID).digest()).decode()
        if response.header("Sec-WebSocket-Accept") != expected:
            self._http.close()
            raise ProtocolViolation("wrong Sec-WebSocket-Accept")
        return response

    def _receive_bytes(self, deadline: float) -> None:
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError as error:
            raise Closed(None, "reset") from error
        if not data:
            raise Closed(None, "end of stream")
        self._reader.feed(data)

    def _handle_control(self, frame: Frame) -> None:
        if frame.opcode == Opcode.CLOSE:
            code = close_code(frame.payload)
            self._answer_close(frame)
            raise Closed(1005 if code is None else code, frame.payload[2:].decode("utf-8"))
        if frame.opcode == Opcode.PONG:
            self.pongs.append(frame.payload)
            return
        self.pings.append(frame.payload)
        if self.auto_pong:
            self.send_frame(Opcode.PONG, frame.payload)

    def _answer_close(self, frame: Frame) -> None:
        try:
            self.send_frame(Opcode.CLOSE, frame.payload)
        except OSError:
            pass

    def _add_fragment(self, frame: Frame) -> None:
        if (frame.opcode == Opcode.CONTINUATION) != bool(self._fragments):
            raise ProtocolViolation(f"frame {frame.opcode} in the wrong place")
        self._fragments.append(frame)

    def _finish_message(self) -> str | bytes:
        first, payload = self._fragments[0], b"".join(f.payload for f in self._fragments)
        self._fragments = []
        self.was_deflated = bool(first.rsv & 4)
        if self.was_deflated:
            payload = self._inflate(payload)
        return payload.decode("utf-8") if first.opcode == Opcode.TEXT else payload

    def _inflate(self, payload: bytes) -> bytes:
        text = self._inflater.decompress(payload + b"\x00\x00\xff\xff")
        if self._fresh_inflater:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return text


def deflated(text: str | bytes, level: int = 6) -> bytes:
    """A whole message as permessage-deflate carries it (RFC 7692)."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


__all__ = ["Closed", "ConnectionEnded", "HandshakeRefused", "WebSocket", "deflated"]
