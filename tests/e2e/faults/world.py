"""A deployment whose every process can be killed, hung, ended and started again in its place."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from http_client import Address, ConnectionEnded, request
from ports import free_port
from processes import ServerProcess, wait_until

from redis_servers import Guarded, Redis

CHANNELS = ("QGIS", "Field trip", "Geotribu")
CROWDED = "Crowded"  # where nobody writes
DRAIN_SECONDS = 3
SERVICES = ("moderation", "presence", "fanout")

_COMMON = {
    "CHANNELS": ",".join((*CHANNELS, CROWDED)),
    "GISCHAT_ADDRESS": "127.0.0.1",
    "GISCHAT_DRAIN_SECONDS": str(DRAIN_SECONDS),
    "GISCHAT_LOG_LEVEL": "info",
}


@dataclass(frozen=True)
class Layout:
    """What a deployment consists of, besides two edges."""

    replicas: int = 2  # of each service
    redis: str = "one"  # or "guarded": by Sentinel
    proxied: bool = False  # whether the edges reach the services through links that can be cut


class Member:
    """One place in the deployment: a program with its ports, whichever process fills it."""

    def __init__(self, program: Path, name: str, settings: dict[str, str]) -> None:
        self.name = name
        self.kind = program.name.removeprefix("gischat-")
        self.admin = Address("127.0.0.1", free_port())
        self.logs: list[list[str]] = []
        self.hung = False
        self._program = program
        self._settings = {**settings, "GISCHAT_ADMIN_PORT": str(self.admin.port)}
        self.process = self._launch()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.running

    def start(self) -> None:
        """Fills the place again; does not wait until it is ready."""
        self.process = self._launch()

    def kill(self) -> None:
        self.process.kill()

    def hang(self) -> None:
        self.hung = True
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)
        self.hung = False

    def ask_to_end(self) -> None:
        self.process.signal(signal.SIGTERM)

    def is_ready(self) -> bool:
        return self.get("/readyz") == 200

    def get(self, path: str) -> int | None:
        """Status of a path of the admin port; None while nobody answers."""
        try:
            return request(self.admin, "GET", path, timeout=2).status
        except (OSError, ConnectionEnded):
            return None

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels."""
        text = request(self.admin, "GET", "/metrics", timeout=5).text
        lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * 4096

    def _launch(self) -> ServerProcess:
        process = ServerProcess([self._program], self._settings)
        self.logs.append(process._lines)
        return process


class Edge(Member):
    """A place that clients connect to."""

    def __init__(self, program: Path, name: str, settings: dict[str, str]) -> None:
        self.address = Address("127.0.0.1", free_port())
        super().__init__(program, name, {
            **settings, "GISCHAT_PORT": str(self.address.port), "GISCHAT_THREADS": "2"})


class Link:
    """What lies between an edge and the services."""

    def __init__(self, targets: Iterable[int]) -> None:
        self.port_of = {target: free_port() for target in targets}
        links = [f"{port}:{target}" for target, port in self.port_of.items()]
        script = Path(__file__).resolve().parent / "proxy.py"
        self.process = ServerProcess([sys.executable, script, *links], {})
        self.process.wait_for_line("ready")

    def cut(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def mend(self) -> None:
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.signal(signal.SIGCONT)
        self.process.kill()


class World:
    """The deployment."""

    def __init__(self, bin_dir: Path, layout: Layout) -> None:
        """Starts everything and waits until it is ready."""
        self.layout = layout
        self.members: list[Member] = []
        self.links: list[Link] = []
        self.redis: Redis | None = None
        self.guarded: Guarded | None = None
        try:
            self._start(bin_dir)
        except BaseException:
            self.stop()
            raise

    @property
    def edges(self) -> list[Edge]:
        return [member for member in self.members if isinstance(member, Edge)]

    def services(self, kind: str) -> list[Member]:
        return [member for member in self.members if member.kind == kind]

    def wait_until_ready(self, timeout: float = 30.0) -> None:
        for member in self.members:
            wait_until(member.is_ready, f"{member.name} is ready", timeout)

    def crashed(self) -> list[str]:
        """Members that ended though nobody ended them."""
        return [
            f"{member.name} ended by itself:\n{member.process.tail()}"
            for member in self.members
            if not member.running
        ]

    def stop(self) -> list[str]:
        """Ends everything, edges first; says what did not end well."""
        problems = self.crashed()
        for member in reversed(self.members):
            if member.running and (status := member.process.stop()) != 0:
                problems.append(f"{member.name} ended with {status}:\n{member.process.tail()}")
        for link in self.links:
            link.stop()
        for store in (self.redis, self.guarded):
            if store is not None:
                store.stop()
        return problems

    def write_logs(self, folder: Path) -> None:
        """What every process has said, for whoever looks for a cause."""
        folder.mkdir(parents=True, exist_ok=True)
        for member in self.members:
            lives = ["\n".join(lines) for lines in member.logs]
            text = "\n----- started again -----\n".join(lives)
            (folder / f"{member.name}.log").write_text(text + "\n", encoding="utf-8")

    def _start(self, bin_dir: Path) -> None:
        settings = {**_COMMON, **self._start_redis()}
        ports: dict[str, list[int]] = {}
        for kind in SERVICES:
            ports[kind] = [free_port() for _ in range(self.layout.replicas)]
            for number, port in enumerate(ports[kind], 1):
                place = {**settings, "GISCHAT_GRPC_PORT": str(port)}
                self.members.append(Member(bin_dir / f"gischat-{kind}", f"{kind} {number}", place))
        for number in (1, 2):
            reach = self._reach(ports)
            targets = {f"GISCHAT_{kind.upper()}_ADDRESS": _target(reach[kind]) for kind in SERVICES}
            place = {**settings, **targets}
            self.members.append(Edge(bin_dir / "gischat-edge", f"edge {number}", place))
        self.wait_until_ready()

    def _start_redis(self) -> dict[str, str]:
        if self.layout.redis == "guarded":
            self.guarded = Guarded()
            return self.guarded.settings
        self.redis = Redis()
        return self.redis.settings

    def _reach(self, ports: dict[str, list[int]]) -> dict[str, list[int]]:
        """Where an edge finds the services."""
        if not self.layout.proxied:
            return ports
        link = Link(port for of_kind in ports.values() for port in of_kind)
        self.links.append(link)
        return {kind: [link.port_of[port] for port in of_kind] for kind, of_kind in ports.items()}


def _target(ports: list[int]) -> str:
    return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
