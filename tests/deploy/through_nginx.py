"""The conformance suite through nginx and TLS: a forwarder that speaks TLS for its clients, and a
deployment that is not ours to start."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import tools  # noqa: F401  (finds the modules of the conformance suite)
from deployment import Deployment
from http_client import Address, ConnectionEnded, request


class TlsForwarder:
    """Listens on 127.0.0.1 and passes every byte on through TLS, in both directions."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE  # self-signed, and made a minute ago
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512), self._loop
        )
        self.address = Address("127.0.0.1", started.result().sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(
                *self._target, ssl=self._context, server_hostname="localhost"
            )
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.ensure_future(_copy(reader, far_writer)),
            asyncio.ensure_future(_copy(far_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)
        writer.close()
        far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one of them ends."""
    try:
        while (data := await reader.read(1 << 16)) and not writer.is_closing():
            writer.write(data)
            await writer.drain()
    except OSError:
        pass


class ComposedDeployment(Deployment):
    """What cases ask of a deployment, of one that docker-compose has started."""

    def __init__(self, edge: Address) -> None:  # pylint: disable=super-init-not-called
        self.setup = "compose"
        self.processes = []
        self.redis = None
        self.edges = [edge]
        self.grpc_addresses: dict[str, list[Address]] = {}

    def next_edge(self) -> Address:
        return self.edges[0]

    def alive(self) -> bool:
        try:
            return request(self.edges[0], "GET", "/version", timeout=30).status == 200
        except (OSError, ConnectionEnded):
            return False

    def start(self, program: str, extra: dict[str, str] | None = None) -> Any:
        raise AssertionError("the processes are not ours")

    def stop(self) -> list[str]:
        return []
