"""The chat as it is deployed: in one process, in one process with Redis, or split into parts."""

from __future__ import annotations

import itertools
from pathlib import Path

from http_client import Address, ConnectionEnded, request
from ports import free_port
from processes import RedisServer, ServerProcess, wait_until

SETUPS = ("memory", "redis", "split")

# What every deployment of the tests has; a test's own settings come on top.
_BASE = {
    "GISCHAT_ADDRESS": "127.0.0.1",
    "GISCHAT_PORT": "0",
    "GISCHAT_ADMIN_PORT": "0",
    "GISCHAT_DRAIN_SECONDS": "1",
    "GISCHAT_THREADS": "2",  # whatever the machine has: clients of two threads meet
}


class Deployment:
    """Servers of one set-up.

    memory: one `gischat`.
    redis:  one `gischat` and a Redis.
    parts:  one Redis, one gischat-moderation, one gischat-presence, one gischat-fanout, one
            gischat-edge.
    split:  the same with two gischat-fanout and two gischat-edge. Connections alternate between
            the two edges.
    """

    def __init__(
        self,
        bin_dir: Path,
        setup: str,
        settings: dict[str, str] | None = None,
        redis: RedisServer | None = None,
        redis_by_host: bool = False,
    ) -> None:
        """Starts everything and waits until it is ready. A given Redis is not ended."""
        self.setup = setup
        self.processes: list[ServerProcess] = []
        self._bin_dir = bin_dir
        self._settings = {**_BASE, **(settings or {})}
        self._own_redis = RedisServer() if redis is None and setup != "memory" else None
        self.redis = redis or self._own_redis
        self.edges: list[Address] = []
        self.grpc_addresses: dict[str, list[Address]] = {}
        if self.redis is not None:
            self._settings.update(self._redis_settings(redis_by_host))
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        self._turns = itertools.cycle(self.edges)

    @property
    def edge_processes(self) -> list[ServerProcess]:
        return [p for p in self.processes if p.name in ("gischat", "gischat-edge")]

    def process(self, name: str) -> ServerProcess:
        """The first process of that name."""
        return next(p for p in self.processes if p.name == name)

    def alive(self) -> bool:
        """Whether every process runs and every edge answers."""
        try:
            answers = [request(edge, "GET", "/version", timeout=30) for edge in self.edges]
        except (OSError, ConnectionEnded):
            return False
        return all(p.running for p in self.processes) and all(a.status == 200 for a in answers)

    def next_edge(self) -> Address:
        """Where the next client connects."""
        return next(self._turns)

    def wait_until_empty(self, channel: str, path: str) -> None:
        """Waits until every edge says that nobody is connected to the channel or registered."""
        for edge in self.edges:
            wait_until(lambda: self._users(edge, path) == [], f"no users left in {channel}")
            wait_until(lambda: self.count(edge, channel) == 0, f"nobody left in {channel}")

    def count(self, edge: Address, channel: str) -> int:
        """Connections of a channel as an edge's /status says."""
        channels = request(edge, "GET", "/status").json()["channels"]
        return next(c["nb_connected_users"] for c in channels if c["name"] == channel)

    def start(self, program: str, extra: dict[str, str] | None = None) -> ServerProcess:
        """Starts one more process with the deployment's settings."""
        process = ServerProcess([self._bin_dir / program], {**self._settings, **(extra or {})})
        self.processes.append(process)
        return process

    def start_service(self, program: str, port: int) -> ServerProcess:
        """Starts a gRPC service on a port of 127.0.0.1."""
        address = Address("127.0.0.1", port)
        self.grpc_addresses.setdefault(program, [])
        if address not in self.grpc_addresses[program]:
            self.grpc_addresses[program].append(address)
        return self.start(program, {"GISCHAT_GRPC_PORT": str(port)})

    def stop(self) -> list[str]:
        """Ends everything, edges first; says which processes did not end well."""
        problems = []
        for process in reversed(self.processes):
            if not process.running and process.wait() != 0:
                problems.append(f"{process.name} ended before its time:\n{process.tail()}")
            elif (status := process.stop()) != 0:
                problems.append(f"{process.name} ended with {status}:\n{process.tail()}")
        self.processes = []
        if self._own_redis is not None:
            self._own_redis.stop()
            self._own_redis = None
        return problems

    def _users(self, edge: Address, path: str) -> list[str]:
        return request(edge, "GET", f"/channel/{path}/users").json()

    def _redis_settings(self, by_host: bool) -> dict[str, str]:
        assert self.redis is not None
        if by_host:
            return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis.port)}
        return {"REDIS_URL": self.redis.url}

    def _start(self) -> None:
        replicas = {"parts": 1, "split": 2}.get(self.setup)
        edges = self._start_parts(replicas) if replicas else [self.start("gischat")]
        for process in edges:
            self.edges.append(process.address("listening on"))
        for process in self.processes:
            process.wait_until_ready()

    def _start_parts(self, replicas: int) -> list[ServerProcess]:
        self.start_service("gischat-moderation", free_port())
        self.start_service("gischat-presence", free_port())
        for _ in range(replicas):
            self.start_service("gischat-fanout", free_port())
        targets = {
            f"GISCHAT_{program.removeprefix('gischat-').upper()}_ADDRESS": grpc_target(addresses)
            for program, addresses in self.grpc_addresses.items()
        }
        return [self.start("gischat-edge", targets) for _ in range(replicas)]


def grpc_target(addresses: list[Address]) -> str:
    """Several addresses as one gRPC target."""
    return "ipv4:" + ",".join(f"{address.host}:{address.port}" for address in addresses)
