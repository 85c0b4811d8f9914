"""What is measured: a yardstick, the chat in its set-ups, or somebody else's server."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Behind our own folder: both have a run.py.
sys.path.append(str(Path(__file__).resolve().parents[2] / "conformance"))

from deployment import Deployment, grpc_target  # noqa: E402
from http_client import Address  # noqa: E402
from ports import free_port  # noqa: E402
from processes import RedisServer, ServerProcess, wait_until  # noqa: E402

PATH = "/channel/QGIS/ws"
YARDSTICKS = ("one-send", "gathering")

# Bounds that a load from one machine runs into by its nature; 0 turns each off.
_OFF = (
    "GISCHAT_CONNECTION_RATE",
    "GISCHAT_MAX_CONNECTIONS_PER_IP",
    "GISCHAT_MESSAGE_RATE",
    "GISCHAT_MESSAGE_RATE_PER_IP",
)


@dataclass
class Server:
    """A server that runs: where clients connect, and which processes serve them."""

    urls: list[str]
    pids: list[int] = field(default_factory=list)
    redis_port: int | None = None


@contextlib.contextmanager
def running(kind: str, bin_dir: Path, settings: dict[str, str]) -> Iterator[Server]:
    """Starts a server, waits until it is ready, ends it afterwards.

    one-send, gathering: the yardsticks. memory: all in one. redis: all in one with Redis.
    parts: in parts, one process of each. split: two fanouts, two edges. split-N: the same, clients
    on N edges (up to four of them run).
    """
    if kind in YARDSTICKS:
        with _yardstick(kind, bin_dir) as server:
            yield server
        return
    setup, _, edges = kind.partition("-")
    own_default = {"GISCHAT_THREADS": ""}
    deployment = Deployment(bin_dir, setup, {**own_default, **limits_off(bin_dir), **settings})
    try:
        while edges and len(deployment.edges) < int(edges):
            _add_edge(deployment)
        addresses = deployment.edges[: int(edges)] if edges else deployment.edges
        yield _server_of(deployment, addresses)
    finally:
        problems = deployment.stop()
    if problems:
        raise RuntimeError("\n".join(problems))


@contextlib.contextmanager
def _yardstick(variant: str, bin_dir: Path) -> Iterator[Server]:
    port = free_port()
    process = ServerProcess([bin_dir / "gischat-yardstick", str(port), variant], {})
    try:
        wait_until(lambda: _listens(port) or not process.running, "the yardstick listens")
        yield Server([f"ws://127.0.0.1:{port}{PATH}"], [process.pid])
    finally:
        process.stop()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _add_edge(deployment: Deployment) -> None:
    targets = {
        f"GISCHAT_{program.removeprefix('gischat-').upper()}_ADDRESS": grpc_target(addresses)
        for program, addresses in deployment.grpc_addresses.items()
    }
    edge = deployment.start("gischat-edge", targets)
    deployment.edges.append(edge.address("listening on"))
    edge.wait_until_ready()


def _server_of(deployment: Deployment, edges: list[Address]) -> Server:
    server = Server(
        urls=[f"ws://{edge.host}:{edge.port}{PATH}" for edge in edges],
        pids=[process.pid for process in deployment.processes],
    )
    if isinstance(deployment.redis, RedisServer):
        server.redis_port = deployment.redis.port
        server.pids.append(int(redis_info(deployment.redis.port)["process_id"]))
    return server


def redis_info(port: int) -> dict[str, str]:
    """What a Redis says about itself."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"INFO\r\n")
        stream = connection.makefile("rb")
        length = int(stream.readline().removeprefix(b"$"))
        text = stream.read(length).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def limits_off(bin_dir: Path) -> dict[str, str]:
    """Turns off what would refuse the load, as far as this build knows it: others are mistakes."""
    text = subprocess.run([bin_dir / "gischat", "--help"], capture_output=True, text=True).stdout
    known = set(re.findall(r"^  (GISCHAT_[A-Z_]+)", text, re.MULTILINE))
    return {name: "0" for name in _OFF if name in known}


@contextlib.contextmanager
def cores(wanted: set[int] | None) -> Iterator[None]:
    """What is started inside runs on these cores; None: on all that there are."""
    before = os.sched_getaffinity(0)
    if wanted is not None:
        os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
