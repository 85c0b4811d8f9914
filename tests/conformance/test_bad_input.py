"""Whatever a client sends, it harms nobody: not itself more than by its own fault, not the others.

After each case the sender's connection lives, it is still counted and registered, and bystanders of
both APIs saw nothing but valid messages (every client of the suite checks each frame).

| section | sentence | cases |
|---|---|---|
| 3 | anything that is not one JSON object; the connection goes on | Frames, Documents |
| 4 | each field of each kind | Fields |
| 6 | anything unreadable | Pictures |
| 8 | bad JSON, odd geojson, truncated images: nothing lost | all |
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import images
from case import ChatCase
from chat_client import Received
from frames import Opcode
from http_client import HttpConnection
from messages import CHANNELS, CLIENT_KINDS, KEYS, NULLABLE, NUMBERS, ROOMS
from messages import compact, encoded, sample

SEED = int(os.environ.get("GISCHAT_TEST_SEED", "20240817"))


class BadInput(ChatCase):
    """A sender and two bystanders."""

    api = CHANNELS

    def setUp(self) -> None:
        super().setUp()
        self.chance = random.Random(SEED)
        self.sender, self.modern, self.old = self.join(self.api, CHANNELS, ROOMS)
        self.sender.register("Mallory")
        self.modern.expect("newcomer")
        self.old.expect("newcomer")

    def answers(self) -> list[Received]:
        """What the sender has been told since; bystanders read along, and all is well."""
        mark = self.sender.mark()
        answers = self.sender.until_mark(mark)
        for bystander in (self.modern, self.old):
            for message in bystander.until_mark(mark):
                self.assertNotEqual(message["type"], "uncompliant")
        for client in (self.sender, self.modern, self.old):
            self.assertEqual(client.wait_for_count(3), [])
        self.assertIn("Mallory", self.users())
        return answers

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.answers()]

    def refused_all(self, texts: list[str | bytes]) -> None:
        for text in texts:
            self.sender.socket.send_text(text)
        kinds = self.kinds()
        self.assertEqual(kinds, ["uncompliant"] * len(texts), f"seed {SEED}")


class Frames(BadInput):
    """Frames without sense."""

    def test_random_text(self) -> None:
        texts = [self.chance.randbytes(self.chance.randint(0, 300)).decode("latin-1").encode()
                 for _ in range(200)]
        self.refused_all(texts)

    def test_random_json_tokens(self) -> None:
        tokens = ["{", "}", "[", "]", ":", ",", '"a"', "1", "null", "true", " ", "-", ".", "e", '"']
        texts: list[str | bytes] = []
        while len(texts) < 300:
            text = "".join(self.chance.choices(tokens, k=self.chance.randint(1, 20)))
            texts.append(text)
        self.refused_all(texts)

    def test_random_binary(self) -> None:
        for _ in range(100):
            payload = self.chance.randbytes(self.chance.randint(0, 300))
            self.sender.socket.send_frame(Opcode.BINARY, payload)
        self.assertEqual(self.kinds(), ["uncompliant"] * 100)

    def test_invalid_utf8_costs_its_own_connection_only(self) -> None:
        for _ in range(20):
            guest = self.connect()
            guest.socket.send_text(b"\xff" + self.chance.randbytes(20))
            self.expect_close(guest, 1007)
        for client in (self.sender, self.modern, self.old):
            client.wait_for_count(3)
        self.assertEqual(self.kinds(), [])

    def test_random_bytes_instead_of_frames(self) -> None:
        for _ in range(20):
            guest = self.connect()
            try:
                guest.socket.send_bytes(self.chance.randbytes(400))
            except OSError:
                pass
            guest.socket.abort()
        for client in (self.sender, self.modern, self.old):
            client.wait_for_count(3)
        self.assertEqual(self.kinds(), [])

    def test_random_bytes_instead_of_http(self) -> None:
        for _ in range(50):
            with HttpConnection(self.deployment.next_edge()) as connection:
                connection.send_raw(self.chance.randbytes(200))
        self.assertEqual(self.kinds(), [])


class Documents(BadInput):
    """JSON that is odd as a whole."""

    def test_nesting(self) -> None:
        nests = ((129, "[", "]"), (100_000, "[", "]"), (100_000, '{"a":', "}"))
        for depth, opening, closing in nests:
            self.refused_all([f'{{"type":"text","author":"Ada","text":"x","a":'
                              f'{opening * depth}1{closing * depth}}}'])
            self.refused_all([opening * depth])

    def test_nesting_up_to_the_limit(self) -> None:
        for depth in (1, 50, 127):
            nest = "[" * depth + "]" * depth
            self.sender.send(f'{{"type":"text","author":"Ada","text":"x","a":{nest}}}')
        self.assertEqual(self.kinds(), ["text"] * 3)

    def test_nesting_in_every_field(self) -> None:
        deep: Any = 1
        for _ in range(100):
            deep = [deep]
        for kind in CLIENT_KINDS:
            for key in KEYS[kind]:
                self.sender.send_kind(kind, **{key: deep})
        self.assertEqual(set(self.kinds()), {"uncompliant"})

    def test_huge_numbers_everywhere(self) -> None:
        for number in ("1e999", "-1e999", "1" + "0" * 400, "0." + "0" * 400 + "1", "1e-999",
                       "9" * 10_000, "-" + "9" * 10_000, "1e" + "9" * 30):
            for kind in CLIENT_KINDS:
                for key in (*KEYS[kind], "id", "timestamp", "type", "more"):
                    message = compact({**sample(kind, author="Mallory"), key: "PLACE"})
                    self.sender.send(message.replace('"PLACE"', number))
            self.assertLessEqual(set(self.kinds()) - {"uncompliant"},
                                 {*CLIENT_KINDS, "exiter"}, number[:20])

    def test_many_keys(self) -> None:
        for number, answers in ((5_000, {"text"}), (100_000, {"text", "uncompliant"})):
            more = ",".join(f'"k{n}":{n}' for n in range(number))
            self.sender.send('{"type":"text","author":"Ada","text":"x",' + more + "}")
            self.assertLessEqual(set(self.kinds()), answers)

    def test_one_key_many_times(self) -> None:
        more = ",".join('"text":"y"' for _ in range(50_000))
        self.sender.send('{"type":"text","author":"Ada","text":"x",' + more + "}")
        self.assertEqual([m["text"] for m in self.answers()], ["y"])

    def test_long_key(self) -> None:
        self.sender.send(compact({**sample("text"), "k" * 1_000_000: 1}))
        self.assertEqual(self.kinds(), ["text"])

    def test_lone_surrogates(self) -> None:
        head = '{"type":"text","author":"Ada","text":"'
        for escape in ("\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud800x", "\\ud800\\u0041"):
            self.sender.send(head + escape + '"}')
        self.assertLessEqual(set(self.kinds()), {"uncompliant", "text"})

    def test_mutated_messages(self) -> None:
        for kind in (*CLIENT_KINDS, "exiter", "nb_users", "uncompliant"):
            for _ in range(60):
                self.sender.send(self._mutated(compact(sample(kind, author="Mallory"))))
            with self.subTest(kind):
                allowed = {"uncompliant", *CLIENT_KINDS, "exiter"}
                self.assertLessEqual({m["type"] for m in self._tolerant_answers()}, allowed)

    def _mutated(self, text: str) -> str:
        letters = list(text)
        for _ in range(self.chance.randint(1, 3)):
            at = self.chance.randrange(len(letters))
            action = self.chance.randrange(4)
            if action == 0:
                del letters[at]
            elif action == 1:
                letters.insert(at, self.chance.choice('{}[]",:\\é0-tn'))
            elif action == 2:
                letters[at] = chr(self.chance.randrange(32, 127))
            else:
                letters = letters[: at + 1]
        return "".join(letters)

    def _tolerant_answers(self) -> list[Received]:
        """As answers(), but a mutation may have renamed or unregistered the sender."""
        mark = self.sender.mark()
        answers = self.sender.until_mark(mark)
        for bystander in (self.modern, self.old):
            bystander.until_mark(mark)
            self.assertEqual(bystander.count, 3)
        return answers


class RoomsDocuments(Documents):
    """The same by a rooms client."""

    api = ROOMS


class Fields(BadInput):
    """Every kind, each field: missing, null, of another type, too long."""

    def each_field(self) -> list[tuple[str, str]]:
        return [(kind, key) for kind in CLIENT_KINDS for key in KEYS[kind]]

    def test_missing(self) -> None:
        for kind, key in self.each_field():
            if key in NULLABLE:
                continue
            with self.subTest(f"{kind}.{key}"):
                self.sender.send({k: v for k, v in sample(kind).items() if k != key})
                self.assertEqual(self.kinds(), ["uncompliant"])

    def test_null(self) -> None:
        for kind, key in self.each_field():
            if key in NULLABLE:
                continue
            with self.subTest(f"{kind}.{key}"):
                self.sender.send_kind(kind, **{key: None})
                self.assertEqual(self.kinds(), ["uncompliant"])

    def test_of_another_type(self) -> None:
        for kind, key in self.each_field():
            values: list[Any] = [[], {}, ["x"], {"a": 1}]
            values += [] if key in NUMBERS else [0, -1, 1.5, True, False]
            values += ["x", "1"] if key == "geojson" else ["x", "12,5"] if key in NUMBERS else []
            with self.subTest(f"{kind}.{key}"):
                for value in values:
                    self.sender.send_kind(kind, **{key: value})
                self.assertEqual(self.kinds(), ["uncompliant"] * len(values))

    def test_much_too_long(self) -> None:
        limitless = {("crs", "crs_wkt"), ("crs", "crs_authid"), ("bbox", "crs_wkt"),
                     ("bbox", "crs_authid"), ("position", "crs_wkt"), ("position", "crs_authid")}
        for kind, key in self.each_field():
            if (kind, key) in limitless:
                continue
            with self.subTest(f"{kind}.{key}"):
                self.sender.send_kind(kind, **{key: "x" * 6_000_000})
                answers = self.answers()
                self.assertEqual([m["type"] for m in answers], ["uncompliant"])
                self.assertLess(len(answers[0]["reason"]), 1000)

    def test_everything_wrong_at_once(self) -> None:
        for kind in CLIENT_KINDS:
            self.sender.send({"type": kind, **dict.fromkeys(KEYS[kind], []), "id": 1,
                              "timestamp": {}})
            self.sender.send({"type": kind})
        self.assertEqual(self.kinds(), ["uncompliant"] * 2 * len(CLIENT_KINDS))


class RoomsFields(Fields):
    """The same by a rooms client."""

    api = ROOMS


class Pictures(BadInput):
    """Damaged images of every format: any verdict, but a verdict, and a valid one."""

    def send_picture(self, data: bytes) -> None:
        self.sender.send_kind("image", image_data=encoded(data))

    def test_truncated_anywhere(self) -> None:
        for name, data in images.every_format(images.quadrants(24, 24)).items():
            with self.subTest(name):
                for _ in range(8):
                    self.send_picture(data[: self.chance.randrange(len(data))])
                kinds = self.kinds()
                self.assertEqual(len(kinds), 8)
                self.assertLessEqual(set(kinds), {"image", "uncompliant"})

    def test_flipped_bits(self) -> None:
        for name, data in images.every_format(images.quadrants(24, 24)).items():
            with self.subTest(name):
                for _ in range(25):
                    self.send_picture(self._flipped(data))
                kinds = self.kinds()
                self.assertEqual(len(kinds), 25)
                self.assertLessEqual(set(kinds), {"image", "uncompliant"})

    def test_random_bytes_behind_a_signature(self) -> None:
        for name, data in images.every_format(images.quadrants(24, 24)).items():
            with self.subTest(name):
                for _ in range(8):
                    self.send_picture(data[:12] + self.chance.randbytes(200))
                self.assertEqual(len(self.kinds()), 8)

    def test_random_bytes(self) -> None:
        for _ in range(20):
            self.send_picture(self.chance.randbytes(self.chance.randint(0, 500)))
        self.assertEqual(self.kinds(), ["uncompliant"] * 20)

    def _flipped(self, data: bytes) -> bytes:
        broken = bytearray(data)
        for _ in range(self.chance.randint(1, 6)):
            broken[self.chance.randrange(len(broken))] ^= 1 << self.chance.randrange(8)
        return bytes(broken)


class Layers(BadInput):
    """Odd layers."""

    def test_random_json_as_layer(self) -> None:
        for _ in range(100):
            self.sender.send_kind("geojson", geojson=self._random_value(4))
        self.assertLessEqual(set(self.kinds()), {"uncompliant", "geojson"})

    def test_random_features_come_back_unchanged(self) -> None:
        for _ in range(50):
            features = [self._random_value(3) for _ in range(5)]
            layer = {"features": features, "more": self._random_value(3)}
            self.sender.send_kind("geojson", geojson=layer)
            got = self.sender.expect("geojson")["geojson"]
            self.assertEqual(json.dumps(got), json.dumps(layer))
        self.assertEqual(self.kinds(), [])

    def _random_value(self, depth: int) -> Any:
        kind = self.chance.randrange(8 if depth else 6)
        if kind == 0:
            return self.chance.choice([None, True, False])
        if kind == 1:
            return self.chance.randint(-(2**70), 2**70)
        if kind == 2:
            return self.chance.random() * 10 ** self.chance.randint(-5, 5)
        if kind < 6:
            letters = 'aé🗺"\\\n\t\0 /<'
            return "".join(self.chance.choices(letters, k=self.chance.randint(0, 9)))
        if kind == 6:
            return [self._random_value(depth - 1) for _ in range(self.chance.randint(0, 4))]
        return {f"k{n}": self._random_value(depth - 1) for n in range(self.chance.randint(0, 4))}


def setUpModule() -> None:
    print(f"bad input: seed {SEED}")
