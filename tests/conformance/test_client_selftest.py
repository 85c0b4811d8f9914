"""The suite's own tools: do the WebSocket client, the HTTP client and the image writers work?

These cases run against a tiny echo server in this file, not against the chat.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
import unittest
import zlib

import images
import png
from case import ToolCase
from frames import FrameReader, Frame, Opcode, ProtocolViolation, encode_frame, mask
from http_client import Address, ConnectionEnded, HttpConnection, request
from websocket_client import Closed, HandshakeRefused, WebSocket


def server_frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    return encode_frame(opcode, payload, fin=fin, masked=False)


class EchoServer:
    """Answers each connection by a script: what to do is named by the path."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address(*self._listener.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_safely, args=(peer,), daemon=True).start()

    def _serve_safely(self, peer: socket.socket) -> None:
        with peer:
            try:
                self._serve(peer)
            except OSError:
                pass

    def _serve(self, peer: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        key = [l.split(b": ")[1] for l in head.split(b"\r\n") if l.startswith(b"Sec-WebSocket-Key")]
        if not key:
            peer.sendall(HTTP_ANSWERS[path])
            return
        if path == "/refused":
            peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        digest = hashlib.sha1(key[0] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = base64.b64encode(digest if path != "/wrong-accept" else b"x")
        peer.sendall(b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        if path in FRAME_ANSWERS:
            peer.sendall(FRAME_ANSWERS[path])
        self._echo(peer, rest)

    def _echo(self, peer: socket.socket, data: bytes) -> None:
        while True:
            opcode, fin, payload, data = self._read(peer, data)
            answer = Opcode.PONG if opcode == Opcode.PING else opcode
            peer.sendall(server_frame(answer, payload, fin))
            if opcode == Opcode.CLOSE:
                return

    def _read(self, peer: socket.socket, data: bytes) -> tuple[int, bool, bytes, bytes]:
        def need(size: int) -> None:
            nonlocal data
            while len(data) < size:
                more = peer.recv(1 << 16)
                if not more:
                    raise OSError("gone")
                data += more

        need(2)
        size, at = data[1] & 127, 2
        if size == 126:
            need(4)
            size, at = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            need(10)
            size, at = struct.unpack(">Q", data[2:10])[0], 10
        need(at + 4 + size)
        payload = bytes(b ^ data[at + i % 4] for i, b in enumerate(data[at + 4 : at + 4 + size]))
        return data[0] & 15, bool(data[0] & 128), payload, data[at + 4 + size :]


HTTP_ANSWERS = {
    "/plain": b"HTTP/1.1 200 OK\r\ncontent-TYPE: text/plain\r\nContent-Length: 2\r\n\r\nhi",
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhi\r\n1;x=y\r\n!\r\n0\r\n\r\n",
    "/to-end": b"HTTP/1.1 200 OK\r\n\r\nall of it",
    "/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
    "/nan": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[NaN]",
}

FRAME_ANSWERS = {
    "/fragments": server_frame(Opcode.TEXT, b"a\xc3", False)
    + server_frame(Opcode.PING, b"p")
    + server_frame(Opcode.CONTINUATION, b"\xa9b"),
    "/masked": encode_frame(Opcode.TEXT, b"x"),
    "/stray": server_frame(Opcode.CONTINUATION, b"x"),
    "/rsv": encode_frame(Opcode.TEXT, b"x", rsv=4, masked=False),
    "/opcode": server_frame(0x3, b"x"),
    "/utf8": server_frame(Opcode.TEXT, b"\xff"),
    "/long-ping": server_frame(Opcode.PING, b"x" * 126),
    "/long-form": b"\x81\x7e\x00\x01x",
    "/closing": server_frame(Opcode.CLOSE, struct.pack(">H", 1001) + b"bye"),
    "/bare-close": server_frame(Opcode.CLOSE, b""),
}


class ClientTest(ToolCase):
    """Against the echo server."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = EchoServer()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.stop()

    def open(self, path: str = "/", **options: object) -> WebSocket:
        socket_ = WebSocket(self.server.address, path, **options)  # type: ignore[arg-type]
        self.addCleanup(socket_.abort)
        return socket_

    def test_echoes_text_of_every_length_form(self) -> None:
        ws = self.open()
        for size in (0, 1, 125, 126, 65535, 65536):
            text = "é" * (size // 2) + "x" * (size % 2)
            ws.send_text(text)
            self.assertEqual(ws.receive_message(), text)

    def test_sends_fragments_and_reads_the_message_whole(self) -> None:
        ws = self.open()
        ws.send_fragments([b"ab", b"", b"cd"])
        self.assertEqual(ws.receive_message(), "abcd")

    def test_early_bytes_follow_the_handshake(self) -> None:
        ws = self.open(early=encode_frame(Opcode.TEXT, b"early"))
        self.assertEqual(ws.receive_message(), "early")

    def test_answers_a_ping_between_fragments(self) -> None:
        ws = self.open("/fragments")
        self.assertEqual(ws.receive_message(), "aéb")
        self.assertEqual(ws.pings, [b"p"])

    def test_waits_for_the_pong(self) -> None:
        ws = self.open()
        ws.send_text("before")
        ws.ping(b"12")
        self.assertEqual(ws.wait_for_pong(b"12"), ["before"])

    def test_close_handshake(self) -> None:
        self.assertEqual(self.open().close(1000).code, 1000)
        self.assertEqual(self.open().close(None).code, 1005)

    def test_reports_a_close_of_the_server(self) -> None:
        with self.assertRaises(Closed) as caught:
            self.open("/closing").receive_message()
        self.assertEqual((caught.exception.code, caught.exception.reason), (1001, "bye"))
        self.assertEqual(self.open("/bare-close").wait_for_close().code, 1005)

    def test_reports_a_refused_handshake(self) -> None:
        with self.assertRaises(HandshakeRefused) as caught:
            self.open("/refused")
        self.assertEqual(caught.exception.response.status, 403)

    def test_notices_violations_of_the_protocol(self) -> None:
        for path in ("/masked", "/stray", "/rsv", "/opcode", "/long-ping", "/long-form"):
            with self.subTest(path), self.assertRaises(ProtocolViolation):
                self.open(path).receive_message()
        with self.assertRaises(ProtocolViolation):
            self.open("/wrong-accept")
        with self.assertRaises(UnicodeDecodeError):
            self.open("/utf8").receive_message()

    def test_times_out_when_nothing_comes(self) -> None:
        with self.assertRaises(TimeoutError):
            self.open().receive_message(timeout=0.01)

    def test_reads_http_bodies(self) -> None:
        address = self.server.address
        plain = request(address, "GET", "/plain")
        self.assertEqual((plain.status, plain.text), (200, "hi"))
        self.assertEqual(plain.headers[0], ("content-TYPE", "text/plain"))
        self.assertEqual(request(address, "GET", "/chunked").text, "hi!")
        self.assertEqual(request(address, "GET", "/to-end").text, "all of it")
        self.assertEqual(request(address, "HEAD", "/cut").body, b"")
        with self.assertRaises(ConnectionEnded):
            request(address, "GET", "/cut")
        with self.assertRaises(ValueError):
            request(address, "GET", "/nan").json()

    def test_notices_the_end_of_an_http_connection(self) -> None:
        with HttpConnection(self.server.address) as connection:
            connection.request("GET", "/plain")
            self.assertTrue(connection.ended())


class FramesTest(ToolCase):
    """Frames as bytes."""

    def test_masking_twice_gives_the_payload_back(self) -> None:
        payload = bytes(range(256)) * 3 + b"x"
        self.assertEqual(mask(mask(payload, b"\x01\xff\x00\x7f"), b"\x01\xff\x00\x7f"), payload)
        self.assertEqual(mask(b"\x00\x00\x00\x00\x00", b"abcd"), b"abcda")

    def test_reads_frames_from_any_pieces(self) -> None:
        stream = b"".join(server_frame(Opcode.TEXT, b"x" * size) for size in (0, 5, 126, 70000))
        for step in (1, 7, 4096):
            reader, sizes = FrameReader(), []
            for at in range(0, len(stream), step):
                reader.feed(stream[at : at + step])
                while (frame := reader.next()) is not None:
                    sizes.append(len(frame.payload))
            self.assertEqual(sizes, [0, 5, 126, 70000])
            self.assertEqual(reader.pending(), 0)

    def test_a_frame_knows_what_it_is(self) -> None:
        reader = FrameReader()
        reader.feed(server_frame(Opcode.BINARY, b"x", fin=False))
        self.assertEqual(reader.next(), Frame(Opcode.BINARY, b"x", False))


class ImagesTest(ToolCase):
    """The image writers, as far as the PNG reader can check them."""

    def test_png_round_trip_in_every_colour_type(self) -> None:
        pixels = images.quadrants(5, 4)
        self.assertEqual(png.decode(images.png(pixels)).rows, pixels)
        self.assertEqual(png.decode(images.png_palette(pixels)).rows, pixels)
        self.assertEqual(png.decode(images.png16(pixels)).rows, pixels)
        grey = images.grid([[0, 255], [77, 1]], 1, 1)
        self.assertEqual(png.decode(images.png_grey(grey)).rows, grey)

    def test_png_reader_undoes_every_filter(self) -> None:
        for kind in range(5):
            pixels = images.quadrants(6, 5)
            self.assertEqual(png.decode(images.png(pixels, filter_type=kind)).rows, pixels)

    def test_png_reader_refuses_a_wrong_checksum(self) -> None:
        data = bytearray(images.png(images.quadrants(2, 2)))
        data[20] ^= 1
        with self.assertRaises(ValueError):
            png.decode(bytes(data))

    def test_gif_stream_holds_the_pixels(self) -> None:
        indices = bytes(range(100)) * 3
        self.assertEqual(images.gif_codes(images.gif_lzw(indices)), indices)

    def test_large_images_stay_below_the_raw_limit(self) -> None:
        for data in (images.large_jpeg(1024, 1024), images.large_png(512, 512)):
            self.assertLess(len(base64.b64encode(data)), 5_000_000)
        self.assertEqual(png.header(images.large_png(512, 256)).size, (512, 256))
        self.assertEqual(zlib.crc32(b"123456789"), 0xCBF43926)


if __name__ == "__main__":
    unittest.main()
