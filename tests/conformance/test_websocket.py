"""WebSocket: the handshake, RFC 6455, what is no message, and who hears what.

| section | sentence | cases |
|---|---|---|
| 1 | no Origin, no compression, fragments above 512 KiB, query, `//` | Handshake, Frames |
| 3 | unknown channel or path: 403, no body | Handshake |
| 3 | 16 MiB, 1009; invalid UTF-8, 1007 | Limits |
| 3 | fragments, pings, close at any moment | Frames, Closing |
| 3 | anything that is not one JSON object | NoMessages |
| 3 | permessage-deflate only with clients that offer it | Handshake |
| 3 | the sender receives its own; no registration; two APIs | Hearing |
"""

from __future__ import annotations

import threading
from typing import Any

from case import ChatCase
from chat_client import ChatClient, channel_path
from frames import Opcode, close_payload, encode_frame
from messages import CHANNELS, ROOMS, compact, sample
from websocket_client import Closed, HandshakeRefused, WebSocket

MEBIBYTE = 1 << 20
LIMIT = 16 * MEBIBYTE


class Handshake(ChatCase):
    """How a connection begins."""

    def refusal(self, target: str, **options: Any) -> Any:
        with self.assertRaises(HandshakeRefused) as caught:
            WebSocket(self.deployment.next_edge(), target, **options)
        return caught.exception.response

    def test_unknown_channel_is_403_without_body(self) -> None:
        for target in ("/channel/nope/ws", "/room/nope/ws", "/channel/qgis/ws", "/channel//ws"):
            with self.subTest(target):
                response = self.refusal(target)
                self.assertEqual((response.status, response.body), (403, b""))

    def test_unknown_path_is_403_without_body(self) -> None:
        for target in ("/nope", "/ws", "/channel/QGIS", "/channel/QGIS/nope", "/channel/QGIS/ws/x"):
            with self.subTest(target):
                response = self.refusal(target)
                self.assertEqual((response.status, response.body), (403, b""))

    def test_answers_101_with_the_right_key(self) -> None:
        client = self.join_one()
        handshake = client.socket.handshake
        self.assertEqual(handshake.status, 101)
        self.assertEqual((handshake.header("Upgrade") or "").lower(), "websocket")
        self.assertEqual((handshake.header("Connection") or "").lower(), "upgrade")

    def test_no_extension_without_an_offer(self) -> None:
        for api in (CHANNELS, ROOMS):
            client = self.join_one(api)
            self.assertIsNone(client.socket.handshake.header("Sec-WebSocket-Extensions"))

    def test_client_that_offers_compression(self) -> None:
        client = self.join_one(deflate=True)
        for number in range(5):
            client.say(f"compress me {number} " + "x" * 200)
            self.assertIn(f"me {number}", client.expect("text")["text"])

    def test_compressed_and_plain_clients_together(self) -> None:
        squeezed = self.join_one(deflate=True)
        plain = self.join_one(ROOMS)
        squeezed.say("x" * 255)
        plain.expect("text", text="x" * 255)
        squeezed.expect("text", text="x" * 255)

    def test_origin_is_no_obstacle(self) -> None:
        for origin in ("http://localhost:8000", "https://qgis.org", "null"):
            self.join_one(headers={"Origin": origin}).expect_nothing()

    def test_query_is_ignored(self) -> None:
        self.join_one(query="?utm_source=QGIS&utm_medium=%ff").expect_nothing()

    def test_doubled_leading_slash(self) -> None:
        for api in (CHANNELS, ROOMS):
            target = "/" + channel_path(self.channel, api) + "/ws"
            with WebSocket(self.deployment.next_edge(), target) as socket:
                self.assertIn("nb_users", socket.receive_message())

    def test_names_are_decoded(self) -> None:
        for name in ("Été & co", "a+b", "100%"):
            with self.subTest(name):
                self.join_one(channel=name).expect_nothing()

    def test_plus_is_a_plus(self) -> None:
        response = self.refusal("/channel/%C3%89t%C3%A9+&+co/ws")
        self.assertEqual(response.status, 403)

    def test_capitals_of_headers_do_not_matter(self) -> None:
        client = self.join_one(headers={"Connection": "keep-alive, upgrade",
                                        "Upgrade": "WebSocket"})
        client.expect_nothing()

    def test_frames_sent_with_the_handshake_are_read(self) -> None:
        early = b"".join(
            encode_frame(Opcode.TEXT, compact(sample("text", text=f"early {n}")).encode())
            for n in range(3)
        )
        client = self.join_one(early=early)
        texts = [m["text"] for m in client.received if m["type"] == "text"]
        while len(texts) < 3:
            texts.append(client.expect("text")["text"])
        self.assertEqual(texts, ["early 0", "early 1", "early 2"])

    def test_wrong_version_is_refused(self) -> None:
        response = self.refusal(channel_path(self.channel) + "/ws",
                                headers={"Sec-WebSocket-Version": "8"})
        self.assertIn(response.status, (400, 426))

    def test_plain_get_of_a_websocket_path_is_no_handshake(self) -> None:
        response = self.get(channel_path(self.channel) + "/ws")
        self.assertIn(response.status, (400, 404, 405, 426))

    def test_handshake_after_requests_on_the_same_connection(self) -> None:
        with self.http() as connection:
            self.assertEqual(connection.request("GET", "/channels").status, 200)
            headers = {"Upgrade": "websocket", "Connection": "Upgrade",
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                       "Sec-WebSocket-Version": "13"}
            response = connection.request("GET", channel_path(self.channel) + "/ws", headers)
            self.assertEqual(response.status, 101)
            self.assertEqual(response.header("Sec-WebSocket-Accept"),
                             "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")


class Frames(ChatCase):
    """Fragments, masks, lengths and control frames."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.join_one()

    def payload(self, **changes: Any) -> bytes:
        return compact(sample("text", **changes)).encode("utf-8")

    def test_one_byte_per_fragment(self) -> None:
        data = self.payload(text="Bonjour 🗺")
        self.client.socket.send_fragments([data[i : i + 1] for i in range(len(data))])
        self.client.expect("text", text="Bonjour 🗺")

    def test_empty_fragments(self) -> None:
        data = self.payload(text="x")
        self.client.socket.send_fragments([b"", data[:5], b"", data[5:], b""])
        self.client.expect("text", text="x")

    def test_fragments_may_split_a_character(self) -> None:
        data = self.payload(text="🗺")
        at = data.index("🗺".encode()) + 2
        self.client.socket.send_fragments([data[:at], data[at:]])
        self.client.expect("text", text="🗺")

    def test_fragments_of_half_a_mebibyte_as_qt_sends_them(self) -> None:
        data = compact(sample("script", raw_pycode="x" * 1_900_000)).encode()
        size = 512 * 1024
        self.client.socket.send_fragments([data[i : i + size] for i in range(0, len(data), size)])
        self.assertEqual(len(self.client.expect("script")["raw_pycode"]), 1_900_000)

    def test_pings_between_fragments(self) -> None:
        data, socket = self.payload(text="x"), self.client.socket
        socket.send_frame(Opcode.TEXT, data[:4], fin=False)
        socket.ping(b"middle")
        socket.wait_for_pong(b"middle")
        socket.send_frame(Opcode.CONTINUATION, data[4:])
        self.client.expect("text", text="x")

    def test_ping_is_answered_with_its_payload(self) -> None:
        for payload in (b"", b"x", bytes(range(125))):
            self.client.socket.ping(payload)
            self.client.socket.wait_for_pong(payload)

    def test_many_pings(self) -> None:
        for number in range(200):
            self.client.socket.ping(b"%d" % number)
        self.client.socket.wait_for_pong(b"199")

    def test_unasked_pong_is_ignored(self) -> None:
        self.client.socket.send_frame(Opcode.PONG, b"unasked")
        self.client.expect_nothing()

    def test_zero_mask(self) -> None:
        self.client.socket.send_frame(Opcode.TEXT, self.payload(text="x"), key=b"\0\0\0\0")
        self.client.expect("text", text="x")

    def test_bytes_one_by_one(self) -> None:
        for byte in encode_frame(Opcode.TEXT, self.payload(text="slow")):
            self.client.socket.send_bytes(bytes([byte]))
        self.client.expect("text", text="slow")

    def test_many_messages_in_one_write(self) -> None:
        frames = [encode_frame(Opcode.TEXT, self.payload(text=str(n))) for n in range(300)]
        self.client.socket.send_bytes(b"".join(frames))
        for number in range(300):
            self.client.expect("text", text=str(number))

    def test_every_length_form(self) -> None:
        for size in (1, 125, 126, 65535, 65536):
            self.client.send_kind("model", raw_xml="x" * size)
            self.assertEqual(len(self.client.expect("model")["raw_xml"]), size)


class Limits(ChatCase):
    """16 MiB and UTF-8."""

    def test_sixteen_mebibytes_are_read(self) -> None:
        client = self.join_one()
        head = b'{"type":"text","author":"Ada","text":"x","more":"'
        client.socket.send_text(head + b"y" * (LIMIT - len(head) - 2) + b'"}')
        client.expect("text", text="x")

    def test_more_in_one_frame_closes_with_1009(self) -> None:
        client = self.join_one()
        client.socket.send_frame(Opcode.TEXT, b"x" * 1000, length=LIMIT + 1)
        self.expect_close(client, 1009)

    def test_more_in_fragments_closes_with_1009(self) -> None:
        client = self.join_one()
        part = encode_frame(Opcode.CONTINUATION, b" " * MEBIBYTE, fin=False)
        client.socket.send_frame(Opcode.TEXT, b" " * MEBIBYTE, fin=False)
        try:
            for _ in range(16):
                client.socket.send_bytes(part)
        except OSError:
            pass
        self.expect_close(client, 1009)

    def test_huge_announced_length_closes_with_1009(self) -> None:
        client = self.join_one()
        client.socket.send_frame(Opcode.TEXT, b"", length=(1 << 62))
        self.expect_close(client, 1009)

    def test_invalid_utf8_closes_with_1007(self) -> None:
        for text in (b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2"):
            with self.subTest(text):
                client = self.join_one()
                client.socket.send_text(b'{"type":"text","text":"' + text + b'"}')
                self.expect_close(client, 1007)

    def test_invalid_utf8_at_the_end_of_fragments_closes_with_1007(self) -> None:
        client = self.join_one()
        client.socket.send_fragments([b'{"a":"', b'\xe2\x82"}'])
        self.expect_close(client, 1007)

    def test_others_stay_when_one_is_closed(self) -> None:
        witness, guilty = self.join(CHANNELS, CHANNELS)
        guilty.socket.send_text(b"\xff")
        self.expect_close(guilty, 1007)
        witness.wait_for_count(1)
        witness.expect_nothing()


class Violations(ChatCase):
    """What RFC 6455 forbids ends the connection, and only that one."""

    def check(self, *frames: bytes, code: tuple[int | None, ...] = (1002,)) -> None:
        witness, guilty = self.join_one(ROOMS), self.join_one()
        guilty.socket.send_bytes(b"".join(frames))
        self.expect_close(guilty, *code)
        witness.wait_for_count(1)
        witness.expect_nothing()

    def test_frame_without_mask(self) -> None:
        self.check(encode_frame(Opcode.TEXT, b"{}", masked=False))

    def test_reserved_bit(self) -> None:
        self.check(encode_frame(Opcode.TEXT, b"{}", rsv=2))

    def test_compressed_bit_without_the_extension(self) -> None:
        self.check(encode_frame(Opcode.TEXT, b"{}", rsv=4))

    def test_unknown_opcode(self) -> None:
        self.check(encode_frame(0x3, b"{}"))

    def test_unknown_control_opcode(self) -> None:
        self.check(encode_frame(0xB, b""))

    def test_continuation_of_nothing(self) -> None:
        self.check(encode_frame(Opcode.CONTINUATION, b"{}"))

    def test_text_in_the_middle_of_fragments(self) -> None:
        self.check(encode_frame(Opcode.TEXT, b"{", fin=False), encode_frame(Opcode.TEXT, b"}"))

    def test_long_ping(self) -> None:
        self.check(encode_frame(Opcode.PING, b"x" * 126))

    def test_fragmented_ping(self) -> None:
        self.check(encode_frame(Opcode.PING, b"x", fin=False))

    def test_close_with_one_byte(self) -> None:
        self.check(encode_frame(Opcode.CLOSE, b"\x03"))

    def test_close_with_a_forbidden_code(self) -> None:
        self.check(encode_frame(Opcode.CLOSE, close_payload(1005)))


class Closing(ChatCase):
    """A close at any moment."""

    def setUp(self) -> None:
        super().setUp()
        self.witness = self.join_one(ROOMS)

    def tearDown(self) -> None:
        self.witness.wait_for_count(1)
        self.witness.expect_nothing()
        super().tearDown()

    def test_code_is_answered(self) -> None:
        for code in (1000, 1001, 3000, 4999):
            client = self.join_one()
            self.assertEqual(client.socket.close(code, b"bye").code, code)

    def test_close_without_a_code(self) -> None:
        self.assertIn(self.join_one().socket.close(None).code, (1005, 1000))

    def test_server_ends_the_connection_after_the_close(self) -> None:
        client = self.join_one()
        client.socket.send_frame(Opcode.CLOSE, close_payload(1000))
        client.socket.wait_for_end()
        client.socket.abort()

    def test_close_in_the_middle_of_fragments(self) -> None:
        client = self.join_one()
        client.socket.send_frame(Opcode.TEXT, b'{"type"', fin=False)
        self.assertEqual(client.socket.close().code, 1000)

    def test_close_right_after_the_handshake(self) -> None:
        client = self.connect(early=encode_frame(Opcode.CLOSE, close_payload(1000)))
        self.expect_close(client, 1000)

    def test_text_just_before_the_close_is_published(self) -> None:
        client = self.join_one()
        client.say("last words")
        client.socket.close()
        self.witness.expect("text", text="last words")

    def test_text_after_the_close_is_not_published(self) -> None:
        client = self.join_one()
        client.socket.send_bytes(
            encode_frame(Opcode.CLOSE, close_payload(1000))
            + encode_frame(Opcode.TEXT, compact(sample("text")).encode())
        )
        self.expect_close(client, 1000)

    def test_end_of_stream_without_a_close(self) -> None:
        self.join_one().socket.abort()

    def test_reset(self) -> None:
        self.join_one().socket.reset()

    def test_end_in_the_middle_of_a_frame(self) -> None:
        client = self.join_one()
        client.socket.send_frame(Opcode.TEXT, b"{", length=1000)
        client.socket.abort()

    def test_end_in_the_middle_of_the_handshake(self) -> None:
        with self.http() as connection:
            connection.send_raw(b"GET " + channel_path(self.channel).encode() + b"/ws HTTP/1.1\r\n")

    def test_end_while_a_message_is_reviewed(self) -> None:
        client = self.join_one()
        client.send_kind("image")
        client.socket.abort()
        self.witness.wait_for_count(1)
        before = self.witness.until_mark(self.witness.mark())
        self.assertIn([m["type"] for m in before], ([], ["image"]))


class NoMessages(ChatCase):
    """What is not one JSON object is answered with `uncompliant`, and the connection goes on."""

    def setUp(self) -> None:
        super().setUp()
        self.witness, self.client = self.join(CHANNELS, CHANNELS)

    def refused(self, *texts: str | bytes) -> None:
        for text in texts:
            with self.subTest(text[:60]):
                self.client.socket.send_text(text)
                self.assertGreater(len(self.client.expect_refusal()), 5)
        mark = self.client.mark()
        self.assertEqual(self.client.until_mark(mark), [])
        self.assertEqual(self.witness.until_mark(mark), [])

    def test_bad_json(self) -> None:
        good = '{"type":"text","author":"Ada","text":"x"'
        tails = ("", "}}", ",}", "} {}", "}x", ',"a":01}', ',"a":"\t"}', ',"a":"\\x"}',
                 ',"a":nan}', ',"a":.5}', ',"a":+1}', ",a:1}", "/**/}", ',"a":1 "b":2}')
        self.refused("nope", "{nope", good.replace('"', "'") + "}", *(good + t for t in tails))

    def test_array(self) -> None:
        self.refused("[]", f"[{compact(sample('text'))}]")

    def test_scalar(self) -> None:
        self.refused("1", "-1.5e3", '"text"', "true", "null")

    def test_empty_text_frame(self) -> None:
        self.refused("", " ", "\n")

    def test_object_without_type(self) -> None:
        self.refused("{}", '{"author":"Ada","text":"x"}')

    def test_unknown_type(self) -> None:
        self.refused(*(compact(sample("text", type=value))
                       for value in ("nope", "Text", "", "text ", 1, None, ["text"], True)))

    def test_binary_frame(self) -> None:
        for payload in (compact(sample("text")).encode(), b"", b"\xff\x00\x01"):
            self.client.socket.send_frame(Opcode.BINARY, payload)
            self.client.expect_refusal()
        self.client.expect_nothing()
        self.witness.expect("text", text="wizz")

    def test_binary_fragments(self) -> None:
        self.client.socket.send_fragments([b"{", b"}"], Opcode.BINARY)
        self.client.expect_refusal()

    def test_blanks_around_an_object_are_fine(self) -> None:
        self.client.send("\n \t" + compact(sample("text", text="x")) + " \r\n")
        self.client.expect("text", text="x")

    def test_depth_of_128_is_fine(self) -> None:
        depth = "[" * 127 + "]" * 127
        self.client.send(f'{{"type":"text","author":"Ada","text":"deep","more":{depth}}}')
        self.client.expect("text", text="deep")

    def test_deeper_than_128_is_refused(self) -> None:
        depth = "[" * 128 + "]" * 128
        self.refused(f'{{"type":"text","author":"Ada","text":"deep","more":{depth}}}')

    def test_much_deeper_is_refused(self) -> None:
        self.refused("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000)


class Hearing(ChatCase):
    """Who receives what."""

    def test_sender_receives_its_own_message(self) -> None:
        for api in (CHANNELS, ROOMS):
            client = self.join_one(api)
            client.say("hello")
            for present in self.present():
                present.expect("text", text="hello")

    def test_every_client_of_the_channel_receives_it_once(self) -> None:
        clients = self.join(CHANNELS, ROOMS, CHANNELS, ROOMS)
        clients[0].say("hello")
        for client in clients:
            client.expect("text", text="hello")
        for client in clients:
            mark = client.mark()
            for other in clients:
                self.assertEqual(other.until_mark(mark), [])

    def test_other_channels_hear_nothing(self) -> None:
        here = self.join_one()
        there = self.join_one(channel="Geotribu")
        here.say("hello")
        here.expect("text")
        there.expect_nothing()

    def test_writing_needs_no_registration(self) -> None:
        client = self.join_one()
        client.say("hello", author="Nobody")
        client.expect("text", author="Nobody")

    def test_author_may_differ_from_the_nickname(self) -> None:
        client = self.join_one()
        client.register("Ada")
        client.say("hello", author="Bob")
        client.expect("text", author="Bob")
        self.assertEqual(self.users(), ["Ada"])

    def test_order_is_the_same_for_everybody(self) -> None:
        clients = self.join(CHANNELS, ROOMS, CHANNELS, ROOMS)
        for client in clients:
            threading.Thread(target=self._flood, args=(client,)).start()
        heard = [[self._key(c.expect("text")) for _ in range(200)] for c in clients]
        for other in heard[1:]:
            self.assertEqual(other, heard[0])
        for index in range(len(clients)):
            own = [text for author, text in heard[0] if author == f"flood{index}"]
            self.assertEqual(own, [str(n) for n in range(50)])

    def _flood(self, client: ChatClient) -> None:
        for number in range(50):
            client.say(str(number), f"flood{self.clients.index(client)}")

    def _key(self, message: Any) -> tuple[str, str]:
        return message["author"], message["text"]

    def test_a_slow_reader_holds_up_nobody(self) -> None:
        reader = self.join_one()
        slow = self.join_one(receive_buffer=4096)
        for _ in range(20):
            reader.send_kind("script", raw_pycode="x" * 500_000)
            reader.expect("script")
        reader.expect_nothing()
        slow.socket.abort()

    def test_client_that_is_gone_gets_nothing_and_harms_nobody(self) -> None:
        gone, client = self.join(CHANNELS, CHANNELS)
        gone.socket.reset()
        for number in range(20):
            client.say(str(number))
            client.expect("text", text=str(number))
        with self.assertRaises((Closed, OSError)):
            gone.receive()
