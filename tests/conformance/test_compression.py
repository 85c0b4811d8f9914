"""permessage-deflate (RFC 7692) with clients that offer it.

| section | sentence | cases |
|---|---|---|
| 3 | permessage-deflate only with clients that offer it | Negotiation, Off |
| 3 | large messages come compressed, small ones do not | Receiving |
| 3 | compressed messages are taken; 16 MiB hold for what they become | Sending |
"""

from __future__ import annotations

import random
import zlib
from typing import Any

from case import ChatCase, SettingsCase
from chat_client import ChatClient, channel_path
from frames import Opcode
from messages import CHANNELS, ROOMS, compact, sample
from websocket_client import WebSocket, deflated

LIMIT = 16 << 20
ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def layer(features: int) -> dict[str, Any]:
    """A layer of points."""
    numbers = random.Random(features)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": f"Brûlé {number}"},
                "geometry": {
                    "type": "Point",
                    "coordinates": [round(numbers.random(), 6), round(numbers.random(), 6)],
                },
            }
            for number in range(features)
        ],
    }


class Negotiation(ChatCase):
    """What is answered to an offer."""

    def answer(self, offer: str) -> str | None:
        target = channel_path(self.channel) + "/ws"
        headers = {"Sec-WebSocket-Extensions": offer}
        edge = self.deployment.next_edge()
        with WebSocket(edge, target, headers=headers, deflate=True) as socket:
            return socket.handshake.header("Sec-WebSocket-Extensions")

    def test_offers_of_browsers_are_taken(self) -> None:
        for offer in (
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=11; server_no_context_takeover",
            "foo, permessage-deflate; unknown=1, permessage-deflate",
        ):
            with self.subTest(offer):
                self.assertEqual(self.answer(offer), ANSWER)

    def test_what_is_malformed_is_not_answered(self) -> None:
        for offer in (
            "deflate",
            "permessage-deflate; client_max_window_bits=99",
            "permessage-deflate; client_no_context_takeover=1",
            ";;",
        ):
            with self.subTest(offer):
                self.assertIsNone(self.answer(offer))


class Receiving(ChatCase):
    """What comes compressed."""

    def setUp(self) -> None:
        super().setUp()
        self.plain = self.join_one()
        self.squeezed = self.join_one(deflate=True)
        self.old = self.join_one(ROOMS, deflate=True)

    def check(self, kind: str, compressed: bool, **changes: Any) -> None:
        """Everybody sees the same."""
        self.plain.send_kind(kind, **changes)
        texts = [client.expect(kind) for client in (self.plain, self.squeezed, self.old)]
        for key in changes:
            self.assertEqual(texts[1][key], texts[0][key])
            self.assertEqual(texts[2][key], texts[0][key])
        self.assertEqual(texts[1].raw, texts[0].raw)
        self.assertFalse(self.plain.socket.was_deflated)
        self.assertEqual(self.squeezed.socket.was_deflated, compressed)
        self.assertEqual(self.old.socket.was_deflated, compressed)

    def test_small_messages_come_as_they_are(self) -> None:
        self.check("text", False, text="hello")
        self.check("bbox", False)

    def test_large_layer(self) -> None:
        self.check("geojson", True, geojson=layer(400))

    def test_large_text_model_and_style(self) -> None:
        self.check("text", True, text="🗺" * 250)
        self.check("model", True, raw_xml="<Option/>" * 100_000)
        self.check("geojson", True, style="<q/>" * 1000)

    def test_many_at_once_keep_their_order(self) -> None:
        for number in range(40):
            self.plain.send_kind("model", model_name=str(number), raw_xml="x" * (number % 3 * 3000))
        for client in (self.plain, self.squeezed, self.old):
            names = [client.expect("model")["model_name"] for _ in range(40)]
            self.assertEqual(names, [str(number) for number in range(40)])

    def test_replay_is_compressed(self) -> None:
        self.plain.send_kind("model", raw_xml="x" * 5000)
        for client in (self.plain, self.squeezed, self.old):
            client.expect("model")
        late = self.connect(deflate=True)
        self.assertEqual(late.receive()["raw_xml"], "x" * 5000)
        self.assertTrue(late.socket.was_deflated)

    def test_what_one_client_alone_is_told_is_not(self) -> None:
        self.squeezed.send_kind("text", author="nobody knows this nickname " * 60)
        self.squeezed.expect_refusal("author")
        self.assertFalse(self.squeezed.socket.was_deflated)


class Sending(ChatCase):
    """What may be sent compressed."""

    def setUp(self) -> None:
        super().setUp()
        self.witness = self.join_one()
        self.client = self.join_one(deflate=True)

    def heard(self, kind: str, **fields: Any) -> None:
        self.client.expect(kind, **fields)
        self.witness.expect(kind, **fields)

    def test_compressed_and_plain_take_turns(self) -> None:
        for number in range(300):
            text = compact(sample("text", text=f"{number}" + "x" * (number % 200)))
            if number % 3 == 2:
                self.client.socket.send_text(text)
            else:
                self.client.socket.send_deflated(text, level=1 + number % 9)
        for number in range(300):
            self.heard("text", text=f"{number}" + "x" * (number % 200))

    def test_large_layer(self) -> None:
        geojson = layer(500)
        self.client.socket.send_deflated(compact(sample("geojson", geojson=geojson)))
        self.heard("geojson", geojson=geojson)

    def test_fragments_with_pings_between(self) -> None:
        data, socket = deflated(compact(sample("text", text="Bonjour 🗺"))), self.client.socket
        socket.send_fragments([data[i : i + 1] for i in range(len(data))], compressed=True)
        self.heard("text", text="Bonjour 🗺")
        socket.send_frame(Opcode.TEXT, data[:9], fin=False, rsv=4)
        socket.ping(b"middle")
        socket.wait_for_pong(b"middle")
        socket.send_frame(Opcode.CONTINUATION, data[9:])
        self.heard("text", text="Bonjour 🗺")

    def test_data_that_ends_itself(self) -> None:
        text = compact(sample("text", text="x")).encode()
        compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = compressor.compress(text) + compressor.flush() + b"\0"
        self.client.socket.send_frame(Opcode.TEXT, data, rsv=4)
        self.heard("text", text="x")

    def test_sixteen_mebibytes_are_read(self) -> None:
        head = b'{"type":"text","author":"Ada","text":"x","more":"'
        self.client.socket.send_deflated(head + b"y" * (LIMIT - len(head) - 2) + b'"}')
        self.heard("text", text="x")

    def test_bomb_closes_with_1009_and_harms_nobody_else(self) -> None:
        bomb = deflated(b" " * (64 << 20), level=9)
        self.assertLess(len(bomb), 100_000)
        self.client.socket.send_frame(Opcode.TEXT, bomb, rsv=4)
        self.expect_close(self.client, 1009)
        self.witness.wait_for_count(1)
        self.witness.expect_nothing()

    def test_bomb_in_fragments_closes_with_1009(self) -> None:
        bomb = deflated(b" " * (LIMIT + 1), level=9)
        parts = [bomb[i : i + 1000] for i in range(0, len(bomb), 1000)]
        self.client.socket.send_fragments(parts, compressed=True)
        self.expect_close(self.client, 1009)

    def test_broken_data_closes_with_1002(self) -> None:
        self.client.socket.send_frame(Opcode.TEXT, b"\xff\xff\xff\xff", rsv=4)
        self.expect_close(self.client, 1002)
        self.witness.wait_for_count(1)
        self.witness.expect_nothing()

    def test_invalid_utf8_closes_with_1007(self) -> None:
        self.client.socket.send_deflated(b'{"type":"\xff"}')
        self.expect_close(self.client, 1007)

    def test_compressed_part_of_a_message_closes_with_1002(self) -> None:
        self.client.socket.send_frame(Opcode.TEXT, b"{", fin=False)
        self.client.socket.send_frame(Opcode.CONTINUATION, deflated("}"), rsv=4)
        self.expect_close(self.client, 1002)


class Bound(SettingsCase):
    """GISCHAT_COMPRESS_BYTES."""

    settings = {"GISCHAT_COMPRESS_BYTES": "300"}

    def test_says_from_where_on(self) -> None:
        client = self.join_one(deflate=True)
        for size, compressed in ((10, False), (255, True)):
            client.say("x" * size)
            client.expect("text")
            self.assertEqual(client.socket.was_deflated, compressed)


class Off(SettingsCase):
    """GISCHAT_COMPRESS_BYTES=0."""

    settings = {"GISCHAT_COMPRESS_BYTES": "0"}

    def test_nobody_is_offered_it(self) -> None:
        client: ChatClient = self.join_one(CHANNELS, deflate=True)
        self.assertIsNone(client.socket.handshake.header("Sec-WebSocket-Extensions"))
        client.send_kind("model", raw_xml="x" * 5000)
        client.expect("model", raw_xml="x" * 5000)
        self.assertFalse(client.socket.was_deflated)
