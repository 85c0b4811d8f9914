"""A raw HTTP/1.1 client: sends the bytes that it is told to, keeps the answer's bytes as they came.

Header names keep their capitals, so that a test can look at them.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DEADLINE_SECONDS = 15.0


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class ConnectionEnded(Exception):
    """The peer ended the connection before the answer was complete."""


@dataclass
class Response:
    """One answer."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    rest: bytes = field(default=b"", repr=False)  # bytes received after the answer

    def header(self, name: str) -> str | None:
        """Value of the first header of that name in any capitals."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        """The body as JSON; NaN and infinities are no JSON."""
        return json.loads(self.text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class HttpConnection:
    """One connection, for one request after the other."""

    def __init__(self, address: Address, timeout: float = DEADLINE_SECONDS) -> None:
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._deadline_seconds = timeout
        self._host = f"{address.host}:{address.port}"
        self._buffer = b""

    def __enter__(self) -> HttpConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send_raw(self, data: bytes) -> None:
        """Sends bytes as they are. A peer that has already answered and closed is no error."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def request(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Sends a request and reads its answer."""
        self.send_raw(self.render(method, target, headers, body))
        return self.read_response(head_only=method == "HEAD")

    def render(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """The bytes of a request."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}"]
        fields = dict(headers or {})
        if body is not None and not {"Content-Length", "Transfer-Encoding"} & set(fields):
            fields["Content-Length"] = str(len(body))
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + (body or b"")

    def read_response(self, head_only: bool = False, timeout: float | None = None) -> Response:
        """Reads the next answer; ConnectionEnded when there is none."""
        deadline = time.monotonic() + (self._deadline_seconds if timeout is None else timeout)
        while b"\r\n\r\n" not in self._buffer:
            self._receive(deadline)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        response = parse_head(head)
        if not head_only and response.status >= 200 and response.status not in (204, 304, 101):
            response.body = self._read_body(response, deadline)
        response.rest = self._buffer
        return response

    def ended(self, timeout: float = DEADLINE_SECONDS) -> bool:
        """Waits until the peer has ended the connection; False when it does not."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self._receive(deadline)
        except ConnectionEnded:
            return True
        except TimeoutError:
            return False

    def _read_body(self, response: Response, deadline: float) -> bytes:
        if (response.header("Transfer-Encoding") or "").lower() == "chunked":
            return self._read_chunks(deadline)
        length = response.header("Content-Length")
        if length is None:
            return self._read_to_end(deadline)
        return self._take(int(length), deadline)

    def _read_chunks(self, deadline: float) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._buffer:
                self._receive(deadline)
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            body += self._take(size, deadline)
            self._take(2, deadline)
            if size == 0:
                return body

    def _read_to_end(self, deadline: float) -> bytes:
        try:
            while True:
                self._receive(deadline)
        except ConnectionEnded:
            body, self._buffer = self._buffer, b""
            return body

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._receive(deadline)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _receive(self, deadline: float) -> None:
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError as error:
            raise ConnectionEnded("reset") from error
        if not data:
            raise ConnectionEnded(f"closed after {self._buffer[:200]!r}")
        self._buffer += data


def parse_head(head: bytes) -> Response:
    """Status line and headers."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, *reason = status_line.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise AssertionError(f"no HTTP answer: {status_line!r}")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return Response(int(status), reason[0] if reason else "", headers)


def request(
    address: Address,
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = DEADLINE_SECONDS,
) -> Response:
    """One request on a connection of its own."""
    with HttpConnection(address, timeout) as connection:
        return connection.request(method, target, headers, body)
