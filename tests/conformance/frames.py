"""WebSocket frames (RFC 6455) as bytes: building what a client sends, reading what a server sends.

Nothing here touches a socket, so that blocking clients and selector loops share it.
"""

from __future__ import annotations

import enum
import os
import struct
from dataclasses import dataclass


class Opcode(enum.IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


_OPCODES = frozenset(int(opcode) for opcode in Opcode)


class ProtocolViolation(AssertionError):
    """The server sent what RFC 6455 forbids."""


@dataclass(frozen=True)
class Frame:
    """One frame as received."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0


def mask(payload: bytes, key: bytes) -> bytes:
    """The payload under a 4-byte mask; masking twice gives the payload back."""
    size = len(payload)
    if size == 0 or key == b"\0\0\0\0":
        return payload
    stream = (key * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(stream, "little")
    return mixed.to_bytes(size, "little")


def encode_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    key: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """A client's frame. `length` announces another length than the payload has."""
    size = len(payload) if length is None else length
    head = bytearray([(0x80 if fin else 0) | (rsv << 4) | opcode])
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head.append(mask_bit | size)
    elif size < 1 << 16:
        head.append(mask_bit | 126)
        head += struct.pack(">H", size)
    else:
        head.append(mask_bit | 127)
        head += struct.pack(">Q", size)
    if not masked:
        return bytes(head) + payload
    mask_key = os.urandom(4) if key is None else key
    return bytes(head) + mask_key + mask(payload, mask_key)


class FrameReader:
    """Takes bytes as they arrive and gives the frames that are complete."""

    def __init__(self, allow_rsv1: bool = False) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._allow_rsv1 = allow_rsv1

    def feed(self, data: bytes) -> None:
        """Adds received bytes."""
        if self._at > 1 << 16:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._buffer) - self._at

    def next(self) -> Frame | None:
        """The next complete frame, or None when more bytes are needed."""
        available = len(self._buffer) - self._at
        if available < 2:
            return None
        first, second = self._buffer[self._at], self._buffer[self._at + 1]
        size, head = second & 0x7F, 2
        if size == 126:
            head = 4
        elif size == 127:
            head = 10
        if available < head:
            return None
        if head > 2:
            size = int.from_bytes(self._buffer[self._at + 2 : self._at + head], "big")
        if available < head + size:
            return None
        begin = self._at + head
        payload = bytes(self._buffer[begin : begin + size])
        self._at = begin + size
        frame = Frame(first & 0x0F, payload, bool(first & 0x80), (first >> 4) & 7)
        self._check(frame, masked=bool(second & 0x80), head=head)
        return frame

    def _check(self, frame: Frame, masked: bool, head: int) -> None:
        if masked:
            raise ProtocolViolation("the server masked a frame")
        if frame.rsv & (3 if self._allow_rsv1 else 7):
            raise ProtocolViolation(f"reserved bits {frame.rsv:03b} without an extension")
        if frame.opcode not in _OPCODES:
            raise ProtocolViolation(f"unknown opcode {frame.opcode:#x}")
        size = len(frame.payload)
        if frame.opcode >= Opcode.CLOSE and (size > 125 or not frame.fin):
            raise ProtocolViolation("a control frame that is fragmented or longer than 125 bytes")
        if (head == 4 and size < 126) or (head == 10 and size < 1 << 16):
            raise ProtocolViolation("a length that is not in its shortest form")


def close_payload(code: int | None = None, reason: bytes = b"") -> bytes:
    """Payload of a close frame."""
    return b"" if code is None else struct.pack(">H", code) + reason


def close_code(payload: bytes) -> int | None:
    """Code in the payload of a close frame; None when it has none."""
    if not payload:
        return None
    if len(payload) == 1:
        raise ProtocolViolation("a close frame with a payload of one byte")
    payload[2:].decode("utf-8")
    return struct.unpack(">H", payload[:2])[0]
