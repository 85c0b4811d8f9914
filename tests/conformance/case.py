"""What test cases stand on: a running chat, a channel of their own, clients that are cleaned up."""

from __future__ import annotations

import itertools
import os
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat_client import ChatClient, channel_path
from deployment import Deployment
from http_client import Address, HttpConnection, Response, request
from messages import CHANNELS, ROOMS, Message, compact, is_compact
from websocket_client import Closed

ODD_NAMES = ["Été & co", "a+b", "100%", "l'été", "QUIET"]
_NUMBERED = [f"t{number:03d}" for number in range(1, 701)]  # one for each case
MOST_STARTS = 20  # of the shared deployment, after crashes
CHANNEL_NAMES = ["QGIS", "Geotribu", *ODD_NAMES, *_NUMBERED]


class Bench:
    """The set-up under test and the deployment that most cases share, started on first use."""

    def __init__(self) -> None:
        self.bin_dir = Path(os.environ.get("GISCHAT_TEST_BIN_DIR", "build/dev/bin"))
        self.setup = os.environ.get("GISCHAT_TEST_SETUP", "memory")
        self._shared: Deployment | None = None
        self._slow: HttpConnection | None = None
        self._names = iter(_NUMBERED)
        self._crashes: list[str] = []
        self._starts = 0

    def shared(self) -> Deployment:
        if self._shared is not None and not self._shared.alive():
            self._crashes = self.stop()  # so that one crash does not fail all other cases
        if self._shared is None:
            self._starts += 1
            if self._starts > MOST_STARTS:
                raise AssertionError("the deployment does not start or does not live")
            self._shared = self.deploy({"CHANNELS": ",".join(CHANNEL_NAMES)})
            self._slow = HttpConnection(self._shared.edges[0])
            self._slow.send_raw(b"GET /version HTTP/1.1\r\nHost: slow\r\n")
        return self._shared

    def slow_request(self) -> HttpConnection:
        """A request to the shared deployment, begun at its start and never finished."""
        self.shared()
        assert self._slow is not None
        return self._slow

    def deploy(self, settings: dict[str, str], redis_by_host: bool = False) -> Deployment:
        """Another deployment of the same set-up."""
        return Deployment(self.bin_dir, self.setup, settings, redis_by_host=redis_by_host)

    def fresh_channel(self) -> str:
        return next(self._names)

    def stop(self) -> list[str]:
        """Ends the shared deployment; says what went wrong with its processes."""
        if self._slow is not None:
            self._slow.close()
        problems = self._shared.stop() if self._shared else []
        self._shared = None
        problems, self._crashes = self._crashes + problems, []
        return problems


BENCH = Bench()


class ToolCase(unittest.TestCase):
    """A case that needs no server."""

    maxDiff = 4000


class ChatCase(ToolCase):
    """A case with a channel of its own on the shared deployment.

    At its end all clients leave, and then nobody may be left in the channel.
    """

    def setUp(self) -> None:
        self.deployment = self.choose_deployment()
        self.channel = self.choose_channel()
        self.clients: list[ChatClient] = []
        self._connections: list[HttpConnection] = []

    def tearDown(self) -> None:
        for connection in self._connections:
            connection.close()
        for client in self.clients:
            client.socket.abort()
        self.assertTrue(self.deployment.alive(), "a process has ended")
        for channel in {self.channel, *(client.channel for client in self.clients)}:
            path = channel_path(channel).split("/")[-1]
            self.deployment.wait_until_empty(channel, path)

    def choose_deployment(self) -> Deployment:
        return BENCH.shared()

    def choose_channel(self) -> str:
        return BENCH.fresh_channel()

    # Clients

    def connect(self, api: str = CHANNELS, query: str = "", **options: Any) -> ChatClient:
        """A client that has just connected; what it is told first has not been read."""
        edge = options.pop("edge", None) or self.deployment.next_edge()
        channel = options.pop("channel", self.channel)
        client = ChatClient(edge, channel, api, query, **options)
        self.clients.append(client)
        return client

    def join(self, *apis: str) -> list[ChatClient]:
        """Clients of these APIs that have all been told about each other."""
        clients = [self.connect(api) for api in apis]
        self.settle(*clients)
        return clients

    def join_one(self, api: str = CHANNELS, query: str = "", **options: Any) -> ChatClient:
        """One more client; everybody in the channel has been told the new number."""
        client = self.connect(api, query, **options)
        self.settle(*self.present(client.channel))
        return client

    def join_both(self) -> tuple[ChatClient, ChatClient]:
        """A client of the channels API and one of the rooms API."""
        modern, old = self.join(CHANNELS, ROOMS)
        return modern, old

    def settle(self, *clients: ChatClient) -> None:
        """Waits until these clients, who are all that are there, have been told their number."""
        for client in clients:
            client.wait_for_count(len(clients))

    def present(self, channel: str | None = None) -> list[ChatClient]:
        """Clients of the channel that have not left."""
        name = self.channel if channel is None else channel
        return [c for c in self.clients if c.channel == name and c.socket.socket.fileno() >= 0]

    def broadcast(self, sender: ChatClient, message: Message | str, kind: str) -> list[Any]:
        """Sends, and gives what each client of the channel receives."""
        sender.send(message)
        return [client.expect(kind) for client in self.present()]

    def expect_close(self, client: ChatClient, *codes: int | None) -> Closed:
        closed = client.socket.wait_for_close()
        self.assertIn(closed.code, codes)
        client.socket.abort()
        return closed

    # HTTP

    def http(self, **options: Any) -> HttpConnection:
        connection = HttpConnection(self.deployment.next_edge(), **options)
        self._connections.append(connection)
        return connection

    def request(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        edge: Address | None = None,
    ) -> Response:
        """One request to one of the edges. A JSON answer is checked for what clients rely on."""
        address = edge or self.deployment.next_edge()
        response = request(address, method, target, headers, body)
        if "json" in (response.header("Content-Type") or ""):
            self.check_json_answer(response, method)
        return response

    def get(self, target: str, edge: Address | None = None) -> Response:
        return self.request("GET", target, edge=edge)

    def get_json(self, target: str, status: int = 200, edge: Address | None = None) -> Any:
        response = self.get(target, edge)
        self.assertEqual(response.status, status, response.body[:500])
        self.check_json_answer(response)
        return response.json()

    def put(
        self,
        body: Message | bytes | None,
        api: str = CHANNELS,
        channel: str | None = None,
        content_type: str | None = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Response:
        """PUT …/text."""
        data = compact(body).encode("utf-8") if isinstance(body, dict) else body
        fields = {"Content-Type": content_type} if content_type is not None else {}
        target = channel_path(self.channel if channel is None else channel, api) + "/text"
        return self.request("PUT", target, {**fields, **(headers or {})}, data)

    def last(self, api: str = CHANNELS, channel: str | None = None, **options: Any) -> Any:
        """…/last of the channel."""
        name = self.channel if channel is None else channel
        return self.get_json(channel_path(name, api) + "/last", **options)

    def users(self, api: str = CHANNELS, channel: str | None = None, **options: Any) -> Any:
        """…/users of the channel."""
        name = self.channel if channel is None else channel
        return self.get_json(channel_path(name, api) + "/users", **options)

    def check_json_answer(self, response: Response, method: str = "GET") -> None:
        """What QGIS compares byte by byte, and what keeps it from caching."""
        self.assertIn(("Content-Type", "application/json"), response.headers)
        self.assertEqual(response.header("Cache-Control"), "no-store")
        if method != "HEAD":
            self.assertTrue(is_compact(response.text), response.text[:500])

    def each_edge(self, check: Callable[[Address], None]) -> None:
        """Runs a check against every edge."""
        for edge in self.deployment.edges:
            with self.subTest(edge=edge):
                check(edge)


class SettingsCase(ChatCase):
    """Cases on a deployment of their own: `settings` come on top of the defaults."""

    settings: dict[str, str] = {}
    redis_by_host = False  # by REDIS_HOST and REDIS_PORT instead of REDIS_URL
    _deployment: Deployment | None = None
    _names: Any = None

    @classmethod
    def setUpClass(cls) -> None:
        names = [f"c{number:02d}" for number in range(60)]
        settings = {"CHANNELS": ",".join(names), **cls.settings}
        cls._names = itertools.cycle(names)
        cls._deployment = BENCH.deploy(settings, cls.redis_by_host)

    @classmethod
    def tearDownClass(cls) -> None:
        assert cls._deployment is not None
        problems = cls._deployment.stop()
        cls._deployment = None
        if problems:
            raise AssertionError("\n".join(problems))

    def choose_deployment(self) -> Deployment:
        assert self._deployment is not None
        return self._deployment

    def choose_channel(self) -> str:
        return next(self._names)
