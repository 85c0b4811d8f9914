"""HTTP: every row of the table, paths, methods, headers.

| section | sentence | cases |
|---|---|---|
| 1 | Content-Type, Cache-Control of JSON answers | JsonHeaders, and every get_json of the suite |
| 1 | query strings, doubled leading slash | Paths |
| 1 | /users is cheap | Rows.test_users_is_cheap |
| 2 | compact, UTF-8 | Rows, and every get_json |
| 2 | decoding, `+`, capitals, 404, 405, 307, HEAD | Paths, Methods |
| 2 | the table's rows | Rows |
| 2 | unknown channel | UnknownChannels |
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

from case import CHANNEL_NAMES, ChatCase
from chat_client import channel_path
from http_client import Response
from messages import CHANNELS, ROOMS

GETS = ("/", "/version", "/channels", "/rooms", "/status", "/rules", "/openapi.json", "/docs")
JSON_GETS = ("/version", "/channels", "/rooms", "/status", "/rules", "/openapi.json")


class JsonHeaders(ChatCase):
    """Headers that QGIS compares byte by byte."""

    def check(self, response: Response) -> None:
        names = [name for name, _ in response.headers]
        self.assertIn("Content-Type", names)
        self.assertEqual(response.header("content-type"), "application/json")
        self.assertEqual(response.header("cache-control"), "no-store")

    def test_every_json_row(self) -> None:
        rows = [*JSON_GETS]
        for api in (CHANNELS, ROOMS):
            rows += [channel_path(self.channel, api) + f"/{what}" for what in ("users", "last")]
        for target in rows:
            with self.subTest(target):
                self.check(self.get(target))

    def test_not_found(self) -> None:
        self.check(self.get("/nope"))

    def test_wrong_method(self) -> None:
        self.check(self.request("POST", "/channels", body=b""))

    def test_unknown_channel(self) -> None:
        self.check(self.get("/channel/nope/users"))

    def test_put_and_its_refusals(self) -> None:
        bodies = [{"author": "Ada", "text": "x"}, {"author": "A"}, b"{nope", b"\xff", None]
        for body in bodies:
            with self.subTest(body):
                self.check(self.put(body))

    def test_put_that_is_too_large(self) -> None:
        self.check(self.put(b" " * (1 << 20) + b"{}"))

    def test_head_of_a_json_row(self) -> None:
        self.check(self.request("HEAD", "/channels"))


class Paths(ChatCase):
    """How targets are read."""

    def test_unknown_path_is_404(self) -> None:
        for target in ("/nope", "/channel", "/channel/", "/channel/QGIS", "/channel/QGIS/nope",
                       "/room/QGIS", "/users", "/channel/QGIS/last/more"):
            with self.subTest(target):
                self.assertEqual(self.get_json(target, 404), {"detail": "Not Found"})

    def test_query_strings_are_ignored(self) -> None:
        targets = [*GETS, *(channel_path(self.channel, api) + f"/{what}"
                            for api in (CHANNELS, ROOMS) for what in ("users", "last"))]
        for target in targets:
            with self.subTest(target):
                plain, tracked = self.get(target), self.get(target + "?utm_source=QGIS&x=%ff&=")
                self.assertEqual(tracked.status, 200)
                self.assertEqual(tracked.header("Content-Type"), plain.header("Content-Type"))

    def test_empty_query_is_ignored(self) -> None:
        self.assertEqual(self.get("/channels?").status, 200)

    def test_put_with_a_query(self) -> None:
        target = channel_path(self.channel) + "/text?utm_source=QGIS"
        headers = {"Content-Type": "application/json"}
        response = self.request("PUT", target, headers, b'{"author":"Ada","text":"x"}')
        self.assertEqual(response.status, 200)

    def test_doubled_leading_slash_is_one(self) -> None:
        for target in ("//channels", "//rules", "//channel/QGIS/users", "//room/QGIS/last"):
            with self.subTest(target):
                self.assertEqual(self.get(target).status, 200)

    def test_doubled_leading_slash_on_put(self) -> None:
        headers = {"Content-Type": "application/json"}
        target = "/" + channel_path(self.channel) + "/text"
        response = self.request("PUT", target, headers, b'{"author":"Ada","text":"x"}')
        self.assertEqual(response.status, 200)

    def test_names_are_decoded_as_utf8(self) -> None:
        self.assertIsInstance(self.get_json("/channel/%C3%89t%C3%A9%20%26%20co/last"), list)
        self.assertEqual(self.get_json("/room/%c3%89t%C3%A9%20&%20co/users"), [])

    def test_needless_escapes_are_decoded(self) -> None:
        self.assertEqual(self.get_json("/channel/%51%47%49%53/users"), [])
        self.assertEqual(self.get("/%63hannels").status, 200)

    def test_names_are_decoded_once(self) -> None:
        self.assertIsInstance(self.get_json("/channel/100%25/last"), list)
        detail = {"detail": "Channel '100%25' not registered"}
        self.assertEqual(self.get_json("/channel/100%2525/last", 404), detail)

    def test_plus_is_a_plus(self) -> None:
        self.assertEqual(self.get_json("/channel/a+b/users"), [])
        self.assertEqual(self.get_json("/channel/a%2Bb/users"), [])
        detail = {"detail": "Channel 'Été+&+co' not registered"}
        self.assertEqual(self.get_json("/channel/%C3%89t%C3%A9+&+co/users", 404), detail)

    def test_names_are_case_sensitive(self) -> None:
        self.assertEqual(self.get("/channel/qgis/last").status, 404)
        self.assertEqual(self.get("/channel/quiet/last").status, 404)
        self.assertEqual(self.get("/channel/QUIET/last").status, 200)
        self.assertEqual(self.get("/Channels").status, 404)

    def test_broken_escapes_end_nothing(self) -> None:
        with self.http() as connection:
            for target in ("/channel/%ff%fe/last", "/channel/%zz/last", "/channel/%/last"):
                response = connection.request("GET", target)
                self.assertIn(response.status, (400, 404), target)
                if response.header("Connection") == "close":
                    return
            self.assertEqual(connection.request("GET", "/channels").status, 200)

    def test_trailing_slash_redirects(self) -> None:
        targets = ["/channels", "/version", "/rules", "/status", "/docs", "/openapi.json",
                   "/qfield", "/channel/QGIS/users", "/room/QGIS/last"]
        for target in targets:
            with self.subTest(target):
                response = self.get(target + "/")
                self.assertEqual(response.status, 307)
                self.assertEqual(urlsplit(response.header("Location") or "").path, target)

    def test_trailing_slash_keeps_the_escapes_of_a_name(self) -> None:
        location = self.get("/channel/%C3%89t%C3%A9%20%26%20co/last/").header("Location")
        self.assertEqual(self.get(urlsplit(location or "").path).status, 200)

    def test_trailing_slash_on_put_redirects(self) -> None:
        target = channel_path(self.channel) + "/text/"
        headers = {"Content-Type": "application/json"}
        response = self.request("PUT", target, headers, b'{"author":"Ada","text":"x"}')
        self.assertEqual(response.status, 307)


class Methods(ChatCase):
    """405, Allow, HEAD, and how connections are used."""

    def test_wrong_method_is_405_with_allow(self) -> None:
        for target in (*GETS, "/qfield", "/channel/QGIS/users", "/room/QGIS/last"):
            for method in ("POST", "DELETE", "PATCH", "PUT"):
                with self.subTest(f"{method} {target}"):
                    response = self.request(method, target, body=b"")
                    self.assertEqual(response.status, 405)
                    self.assertEqual(response.json(), {"detail": "Method Not Allowed"})
                    self.assertIn("GET", response.header("Allow") or "")

    def test_put_row_allows_put_only(self) -> None:
        for method in ("GET", "POST", "DELETE"):
            response = self.request(method, channel_path(self.channel) + "/text")
            self.assertEqual(response.status, 405)
            self.assertIn("PUT", response.header("Allow") or "")

    def test_head_is_get_without_its_body(self) -> None:
        rows = [*GETS, "/qfield", "/channel/QGIS/users", "/room/QGIS/last", "/nope"]
        for target in rows:
            with self.subTest(target):
                head, got = self.request("HEAD", target), self.get(target)
                self.assertEqual(head.status, got.status)
                self.assertEqual(head.header("Content-Type"), got.header("Content-Type"))

    def test_nothing_follows_the_answer_to_head(self) -> None:
        with self.http() as connection:
            self.assertEqual(connection.request("HEAD", "/channels").status, 200)
            self.assertEqual(connection.request("GET", "/channels").status, 200)

    def test_a_connection_serves_many_requests(self) -> None:
        with self.http() as connection:
            for target in (*GETS, "/nope", "/channel/nope/last", "/qfield"):
                connection.request("GET", target)
            self.assertEqual(connection.request("GET", "/version").status, 200)

    def test_requests_in_one_packet_are_answered_in_order(self) -> None:
        with self.http() as connection:
            targets = ("/version", "/nope", "/channels")
            connection.send_raw(b"".join(connection.render("GET", t) for t in targets))
            statuses = [connection.read_response().status for _ in targets]
            self.assertEqual(statuses, [200, 404, 200])

    def test_connection_close_is_honoured(self) -> None:
        with self.http() as connection:
            response = connection.request("GET", "/version", {"Connection": "close"})
            self.assertEqual(response.status, 200)
            self.assertTrue(connection.ended())

    def test_http_1_0(self) -> None:
        with self.http() as connection:
            connection.send_raw(b"GET /channels HTTP/1.0\r\n\r\n")
            self.assertEqual(connection.read_response().status, 200)
            self.assertTrue(connection.ended())

    def test_a_request_in_small_pieces(self) -> None:
        with self.http() as connection:
            for byte in connection.render("GET", "/version"):
                connection.send_raw(bytes([byte]))
            self.assertEqual(connection.read_response().status, 200)

    def test_garbage_instead_of_http(self) -> None:
        with self.http() as connection:
            connection.send_raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
            self.assertTrue(connection.ended())
        self.assertEqual(self.get("/version").status, 200)


class Rows(ChatCase):
    """The rows of the table, except PUT and WebSocket."""

    def test_root_is_the_web_client(self) -> None:
        response = self.get("/")
        self.assertEqual(response.status, 200)
        self.assertTrue((response.header("Content-Type") or "").startswith("text/html"))
        self.assertIn("<html", response.text.lower())

    def test_version(self) -> None:
        body = self.get_json("/version")
        self.assertEqual(list(body), ["version"])
        self.assertRegex(body["version"], r"^\d+\.\d+")

    def test_channels_in_the_order_of_the_setting(self) -> None:
        self.assertEqual(self.get_json("/channels"), CHANNEL_NAMES)

    def test_rooms_are_the_channels(self) -> None:
        self.assertEqual(self.get_json("/rooms"), CHANNEL_NAMES)

    def test_names_are_not_escaped(self) -> None:
        self.assertIn('"Été & co"', self.get("/channels").text)

    def test_status_shape(self) -> None:
        body = self.get_json("/status")
        self.assertEqual(list(body), ["status", "healthy", "channels", "rooms"])
        self.assertEqual((body["status"], body["healthy"]), ("ok", True))
        self.assertEqual([entry["name"] for entry in body["channels"]], CHANNEL_NAMES)
        self.assertEqual(list(body["channels"][0]), ["name", "nb_connected_users"])

    def test_status_rooms_are_the_same(self) -> None:
        body = self.get_json("/status")
        self.assertEqual([list(e) for e in body["rooms"]], [list(e) for e in body["channels"]])
        self.assertEqual([e["name"] for e in body["rooms"]], [e["name"] for e in body["channels"]])

    def test_status_counts_both_apis_on_every_edge(self) -> None:
        self.join(CHANNELS, ROOMS, CHANNELS)
        for edge in self.deployment.edges:
            body = self.get_json("/status", edge=edge)
            for key in ("channels", "rooms"):
                counts = {e["name"]: e["nb_connected_users"] for e in body[key]}
                self.assertEqual(counts[self.channel], 3)

    def test_rules_keys_and_defaults(self) -> None:
        body = self.get_json("/rules")
        expected = {
            "main_lang": "en",
            "min_author_length": 3,
            "max_author_length": 32,
            "max_message_length": 255,
            "max_image_size": 800,
            "max_geojson_features": 500,
        }
        self.assertEqual(list(body), ["rules", *expected])
        self.assertEqual({key: body[key] for key in expected}, expected)
        self.assertGreater(len(body["rules"]), 10)

    def test_users_of_an_empty_channel(self) -> None:
        self.assertEqual(self.users(CHANNELS), [])
        self.assertEqual(self.users(ROOMS), [])

    def test_last_of_an_empty_channel(self) -> None:
        self.assertEqual(self.last(CHANNELS), [])
        self.assertEqual(self.last(ROOMS), [])

    def test_last_is_oldest_first_in_the_shape_of_the_api(self) -> None:
        for number in range(3):
            self.assertEqual(self.put({"author": "Ada", "text": f"n{number}"}).status, 200)
        modern, old = self.last(CHANNELS), self.last(ROOMS)
        self.assertEqual([m["text"] for m in modern], ["n0", "n1", "n2"])
        self.assertEqual([m["text"] for m in old], ["n0", "n1", "n2"])
        expected = ["type", "id", "timestamp", "author", "avatar", "text"]
        self.assertEqual(list(modern[0]), expected)
        self.assertEqual(list(old[0]), ["type", "author", "avatar", "text"])

    def test_last_is_the_same_on_every_edge(self) -> None:
        self.put({"author": "Ada", "text": "x"})
        self.each_edge(lambda edge: self.assertEqual(len(self.last(edge=edge)), 1))

    def test_users_is_cheap(self) -> None:
        client, = self.join(CHANNELS)
        client.register("Ada")
        target, times = channel_path(self.channel) + "/users", []
        with self.http() as connection:
            for _ in range(200):
                begin = time.monotonic()
                self.assertEqual(connection.request("GET", target).json(), ["Ada"])
                times.append(time.monotonic() - begin)
        self.assertLess(sorted(times)[len(times) // 2], 0.02)

    def test_qfield_redirects_to_the_plugin(self) -> None:
        response = self.get("/qfield")
        self.assertEqual(response.status, 307)
        self.assertRegex(response.header("Location") or "", r"^https://github\.com/.+\.zip$")

    def test_openapi(self) -> None:
        body = self.get_json("/openapi.json")
        self.assertTrue(body["openapi"].startswith("3.1"))
        self.assertEqual(body["info"]["version"], self.get_json("/version")["version"])
        paths = {re.sub(r"\{[^}]*\}", "{}", path) for path in body["paths"]}
        rows = {"/version", "/channels", "/rooms", "/status", "/rules", "/channel/{}/users",
                "/channel/{}/last", "/channel/{}/text", "/room/{}/users", "/room/{}/last",
                "/room/{}/text"}
        self.assertEqual(rows - paths, set())

    def test_docs_is_a_page(self) -> None:
        response = self.get("/docs")
        self.assertEqual(response.status, 200)
        self.assertTrue((response.header("Content-Type") or "").startswith("text/html"))

    def test_matrix_is_gone(self) -> None:
        self.assertEqual(self.get("/matrix").status, 404)


class UnknownChannels(ChatCase):
    """404 with the name decoded."""

    def test_channels_wording(self) -> None:
        for what in ("users", "last"):
            body = self.get_json(f"/channel/nope/{what}", 404)
            self.assertEqual(body, {"detail": "Channel 'nope' not registered"})

    def test_rooms_wording(self) -> None:
        for what in ("users", "last"):
            body = self.get_json(f"/room/nope/{what}", 404)
            self.assertEqual(body, {"detail": "Room 'nope' not registered"})

    def test_name_is_decoded(self) -> None:
        body = self.get_json("/channel/%C3%A9t%C3%A9%20%22x%22/users", 404)
        self.assertEqual(body, {"detail": "Channel 'été \"x\"' not registered"})

    def test_put(self) -> None:
        response = self.put({"author": "Ada", "text": "x"}, channel="nope")
        self.assertEqual(response.status, 404)
        self.assertEqual(response.json(), {"detail": "Channel 'nope' not registered"})
        response = self.put({"author": "Ada", "text": "x"}, ROOMS, channel="nope")
        self.assertEqual(response.json(), {"detail": "Room 'nope' not registered"})
