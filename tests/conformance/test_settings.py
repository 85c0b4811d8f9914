"""Settings: their names, aliases, spellings and effects.

| section | sentence | cases |
|---|---|---|
| 7 | CHANNELS: default, alias, blanks, empty ones, `/` | Defaults, Changed, Mistakes |
| 7 | RULES, MAIN_LANG and alias, lengths, features, stored, cheat codes, QField | Changed |
| 7 | MAX_IMAGE_SIZE, MAX_IMAGE_RAW_LENGTH, MAX_IMAGE_PIXELS | Changed |
| 7 | REDIS_HOST, REDIS_PORT | Changed (where there is a Redis) |
| 7 | integers may have underscores | Changed |
| 3, 7 | WS_PING_INTERVAL, WS_PING_TIMEOUT | Pings |
"""

from __future__ import annotations

import base64
import subprocess
import time

import images
import png
from case import BENCH, SettingsCase, ToolCase
from messages import ROOMS, encoded

QFIELD = "https://example.org/plugin.zip?x=1"


class Defaults(SettingsCase):
    """No channels given, nothing stored, quick pings."""

    settings = {
        "CHANNELS": "",
        "MAX_STORED_MESSAGES": "0",
        "WS_PING_INTERVAL": "1",
        "WS_PING_TIMEOUT": "3",
    }

    def choose_channel(self) -> str:
        return "QGIS"

    def test_channels(self) -> None:
        self.assertEqual(self.get_json("/channels"), ["QGIS", "Geotribu"])
        self.assertEqual(self.get_json("/rooms"), ["QGIS", "Geotribu"])

    def test_rules_text_is_a_friendly_sentence(self) -> None:
        self.assertGreater(len(self.get_json("/rules")["rules"].split()), 3)

    def test_nothing_is_stored(self) -> None:
        client = self.join_one()
        client.say("x")
        client.expect("text")
        self.assertEqual(self.last(), [])
        late = self.connect()
        self.assertEqual(late.receive_any()["type"], "nb_users")
        late.expect_nothing()

    def test_put_is_not_stored_either(self) -> None:
        self.assertEqual(self.put({"author": "Ada", "text": "x"}).status, 200)
        self.assertEqual(self.last(ROOMS), [])

    def test_pings_come_at_the_interval(self) -> None:
        client = self.join_one()
        begin = time.monotonic()
        while len(client.socket.pings) < 4:
            try:
                client.receive_any(timeout=3)
            except TimeoutError:
                self.assertGreater(len(client.socket.pings), 0)
        self.assertGreater(time.monotonic() - begin, 2)
        self.assertLess(time.monotonic() - begin, 8)
        client.expect_nothing()

    def test_who_never_answers_is_dropped_as_gone(self) -> None:
        witness, silent = self.join("channels", "channels")
        silent.register("Ada")
        witness.expect("newcomer")
        silent.socket.auto_pong = False
        begin = time.monotonic()
        others = []
        while witness.count != 1:
            message = witness.receive_any(timeout=10)
            if message["type"] != "nb_users":
                others.append(message["type"])
        self.assertGreater(time.monotonic() - begin, 1.5)
        if not others:
            others = [witness.receive()["type"]]
        self.assertEqual(others, ["exiter"])
        silent.socket.wait_for_end()
        silent.socket.abort()

    def test_who_answers_late_stays(self) -> None:
        client = self.join_one()
        client.socket.auto_pong = False
        while len(client.socket.pings) < 2:
            try:
                client.receive_any(timeout=0.5)
            except TimeoutError:
                pass
        client.socket.auto_pong = True
        while len(client.socket.pings) < 5:
            try:
                client.receive_any(timeout=0.5)
            except TimeoutError:
                pass
        client.expect_nothing()


class Changed(SettingsCase):
    """Everything different from its default."""

    redis_by_host = True
    settings = {
        "CHANNELS": "",
        "ROOMS": " Alpha, ,Beta,, Gamma delta ,Été," + ",".join(f"c{n:02d}" for n in range(60)),
        "RULES": "Be kind – soyez gentils \"ici\"",
        "MAIN_LANGUAGE": "fr",
        "MIN_AUTHOR_LENGTH": "2",
        "MAX_AUTHOR_LENGTH": "12",
        "MAX_MESSAGE_LENGTH": "1_2",
        "MAX_IMAGE_SIZE": "64",
        "MAX_IMAGE_RAW_LENGTH": "2_000",
        "MAX_IMAGE_PIXELS": "10_000",
        "MAX_GEOJSON_FEATURES": "2",
        "MAX_MODEL_RAW_LENGTH": "20",
        "MAX_SCRIPT_RAW_LENGTH": "30",
        "MAX_STORED_MESSAGES": "2",
        "CHEATCODES": "abracadabra, open sesame",
        "QFIELD_PLUGIN_URL": QFIELD,
        "INSTANCE_ID": "conformance",
        "ENVIRONMENT": "local",
        "NB_UVICORN_WORKERS": "4",
        "SENTRY_DSN": "https://example.org",
        "MATRIX_ROOM": "x",
    }

    def test_names_are_trimmed_and_empty_ones_dropped(self) -> None:
        names = self.get_json("/channels")
        self.assertEqual(names[:5], ["Alpha", "Beta", "Gamma delta", "Été", "c00"])
        self.assertEqual(len(names), 64)
        self.assertEqual(self.get("/channel/Gamma%20delta/last").status, 200)

    def test_default_channels_are_gone(self) -> None:
        self.assertEqual(self.get("/channel/QGIS/last").status, 404)

    def test_rules(self) -> None:
        expected = {
            "rules": "Be kind – soyez gentils \"ici\"",
            "main_lang": "fr",
            "min_author_length": 2,
            "max_author_length": 12,
            "max_message_length": 12,
            "max_image_size": 64,
            "max_geojson_features": 2,
        }
        self.assertEqual(list(self.get_json("/rules").items()), list(expected.items()))

    def test_author_lengths(self) -> None:
        client = self.join_one()
        for author in ("ab", "a" * 12):
            client.say("x", author)
            client.expect("text", author=author)
        client.say("x", "a")
        client.expect_refusal("author", "2")
        client.say("x", "a" * 13)
        client.expect_refusal("author", "12", "13")

    def test_put_follows_the_lengths(self) -> None:
        faults = self.put({"author": "a", "text": "x" * 13}).json()["detail"]
        self.assertEqual([f.get("ctx") for f in faults], [{"min_length": 2}, {"max_length": 12}])

    def test_message_length(self) -> None:
        client = self.join_one()
        client.say("é" * 12)
        client.expect("text", text="é" * 12)
        client.say("x" * 13)
        client.expect_refusal("text", "12", "13")

    def test_image_size(self) -> None:
        client = self.join_one()
        client.send_kind("image", image_data=encoded(images.png_bilevel(100, 50)))
        data = base64.b64decode(client.expect("image")["image_data"])
        self.assertEqual(png.header(data).size, (64, 32))

    def test_image_pixels(self) -> None:
        client = self.join_one()
        client.send_kind("image", image_data=encoded(images.png_bilevel(100, 100)))
        client.expect("image")
        client.send_kind("image", image_data=encoded(images.png_bilevel(100, 101)))
        self.assertEqual(client.expect_refusal(), "Invalid or oversized image data.")

    def test_image_raw_length(self) -> None:
        client = self.join_one()
        for size, kind in ((1500, "image"), (1503, "uncompliant")):
            padding = size - len(images.png_bilevel(8, 8, [(b"tEXt", b"x\0")]))
            data = images.png_bilevel(8, 8, [(b"tEXt", b"x\0" + b"y" * padding)])
            client.send_kind("image", image_data=encoded(data))
            client.expect(kind)

    def test_features(self) -> None:
        client = self.join_one()
        client.send_kind("geojson", geojson={"features": [1, 2]})
        client.expect("geojson")
        client.send_kind("geojson", geojson={"features": [1, 2, 3]})
        reason = client.expect_refusal()
        self.assertEqual(reason, "Too many geojson features : 3 vs max 2 allowed")

    def test_model_and_script_lengths(self) -> None:
        client = self.join_one()
        for kind, field, limit in (("model", "raw_xml", 20), ("script", "raw_pycode", 30)):
            client.send_kind(kind, **{field: "x" * limit})
            client.expect(kind)
            client.send_kind(kind, **{field: "x" * (limit + 1)})
            client.expect_refusal(field, str(limit))

    def test_stored_messages(self) -> None:
        for number in range(4):
            self.put({"author": "Ada", "text": f"n{number}"})
        self.assertEqual([m["text"] for m in self.last()], ["n2", "n3"])
        client = self.connect()
        self.assertEqual([client.receive()["text"] for _ in range(2)], ["n2", "n3"])

    def test_cheat_codes(self) -> None:
        for text in ("abracadabra", "open sesame", "iamarobot"):
            self.assertEqual(self.put({"author": "Ada", "text": text}).status, 200)
        self.assertEqual([m["text"] for m in self.last()], ["iamarobot"])

    def test_qfield_plugin(self) -> None:
        response = self.get("/qfield")
        self.assertEqual((response.status, response.header("Location")), (307, QFIELD))

    def test_clients_of_all_edges_hear_each_other(self) -> None:
        clients = self.join("channels", "channels", "rooms", "rooms")
        clients[0].say("x")
        for client in clients:
            client.expect("text", text="x")


class Mistakes(ToolCase):
    """Settings that are refused before a port is opened."""

    def check(self, settings: dict[str, str]) -> tuple[int, str]:
        program = "gischat-edge" if BENCH.setup == "split" else "gischat"
        result = subprocess.run(
            [BENCH.bin_dir / program, "--check-config"],
            env=settings,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return result.returncode, result.stderr

    def test_name_with_a_slash(self) -> None:
        status, words = self.check({"CHANNELS": "QGIS,a/b"})
        self.assertEqual(status, 2)
        self.assertIn("CHANNELS", words)
        self.assertIn("a/b", words)

    def test_numbers_that_are_none(self) -> None:
        for value in ("many", "-1", "1.5", "1__0", "5 000"):
            status, words = self.check({"MAX_MESSAGE_LENGTH": value})
            self.assertEqual(status, 2, value)
            self.assertIn("MAX_MESSAGE_LENGTH", words)

    def test_queue_for_less_than_one_message(self) -> None:
        status, words = self.check({"GISCHAT_QUEUE_BYTES": "1_000_000"})
        self.assertEqual(status, 2)
        self.assertIn("GISCHAT_QUEUE_BYTES", words)

    def test_proxies_that_are_no_networks(self) -> None:
        status, words = self.check({"GISCHAT_TRUSTED_PROXIES": "10.0.0.0/8, nginx, ::1/129"})
        self.assertEqual(status, 2)
        for word in ("GISCHAT_TRUSTED_PROXIES", "nginx", "::1/129"):
            self.assertIn(word, words)

    def test_good_settings(self) -> None:
        settings = {"CHANNELS": "Été & co, x", "MAX_MESSAGE_LENGTH": "1_000", "MATRIX_X": "y"}
        self.assertEqual(self.check(settings)[0], 0)
