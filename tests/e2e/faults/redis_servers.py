"""Redis as operators run it: one that keeps its data, or a master and a replica under Sentinel."""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
from pathlib import Path

from ports import free_port
from processes import ServerProcess, wait_until


def ask(port: int, *words: str, timeout: float = 2.0) -> str:
    """Sends one command; gives the first bytes of the answer. OSError when nobody answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        parts = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        connection.sendall(f"*{len(words)}\r\n{parts}".encode())
        return connection.recv(1 << 16).decode("utf-8", "replace")


def answers(port: int) -> bool:
    """Whether a server answers PING there."""
    try:
        return ask(port, "PING", timeout=0.5).startswith("+PONG")
    except OSError:
        return False


class Redis:
    """One server; every write is on the disk before it is answered."""

    name = "redis"

    def __init__(self, master_port: int | None = None) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="gischat-redis-"))
        self._master_port = master_port
        self.process = self._launch()

    @property
    def settings(self) -> dict[str, str]:
        """How the parts are told where it is."""
        return {"REDIS_URL": f"redis://127.0.0.1:{self.port}"}

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> None:
        self.process.stop()

    def hang(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def start(self, empty: bool = False) -> None:
        """Starts it again, with what it had or without."""
        if empty:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
        self.process = self._launch()

    def cut_subscribers(self) -> None:
        ask(self.port, "CLIENT", "KILL", "TYPE", "pubsub")

    def stop(self) -> None:
        """Ends it for good."""
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> ServerProcess:
        options = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--dir": str(self.folder),
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "always",
            "--client-output-buffer-limit": "pubsub 256mb 64mb 60",
            "--logfile": str(self.folder / "log"),
        }
        if self._master_port is not None:
            options["--replicaof"] = f"127.0.0.1 {self._master_port}"
        command = ["redis-server", *(part for pair in options.items() for part in pair)]
        process = ServerProcess(command, {})
        wait_until(lambda: answers(self.port) or not process.running, "redis answers PING")
        return process


_SENTINEL = """port {port}
bind 127.0.0.1
dir {folder}
logfile {folder}/sentinel.log
sentinel monitor mymaster 127.0.0.1 {master} 2
sentinel down-after-milliseconds mymaster 1500
sentinel failover-timeout mymaster 6000
sentinel parallel-syncs mymaster 1
"""


class Guarded:
    """A master and two replicas, watched by three sentinels; a write needs one replica, so that the
    one that is left after a failover is enough.
    """

    name = "redis under sentinel"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gischat-sentinel-"))
        self.master = Redis()
        self.servers = [self.master, Redis(self.master.port), Redis(self.master.port)]
        for server in self.servers:
            _need_a_replica(server)
        wait_until(lambda: self._replicas_in_sync() == 2, "the replicas are in sync")
        self.ports = [free_port() for _ in range(3)]
        self.sentinels = [self._launch(port) for port in self.ports]
        for port in self.ports:
            wait_until(lambda: self._knows_the_others(port), "a sentinel knows the others", 20)

    @property
    def settings(self) -> dict[str, str]:
        places = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return {"REDIS_SENTINELS": places, "REDIS_MASTER_NAME": "mymaster"}

    def has_new_master(self) -> bool:
        """Whether another server than the one that was killed is master; remembers it."""
        for server in self.servers:
            if server is not self.master and _role(server) == "master":
                self.master = server
                return True
        return False

    def follows(self, server: Redis) -> bool:
        """Whether it is a replica in sync with the master."""
        return _role(server) == "slave" and self._replicas_in_sync() == 2

    def bring_back(self, server: Redis) -> None:
        """What was the master comes back; sentinel makes a replica of it."""
        server.start()
        _need_a_replica(server)
        wait_until(lambda: self._replicas_in_sync() == 2, "the former master is in sync", 30)

    def stop(self) -> None:
        for sentinel in self.sentinels:
            sentinel.stop()
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _replicas_in_sync(self) -> int:
        return ask(self.master.port, "INFO", "replication").count("state=online")

    def _knows_the_others(self, port: int) -> bool:
        try:
            told = ask(port, "SENTINEL", "MASTER", "mymaster").split("\r\n")
        except OSError:
            return False
        values = dict(zip(told[2::4], told[4::4]))
        return values.get("num-other-sentinels") == "2" and values.get("num-slaves") == "2"

    def _launch(self, port: int) -> ServerProcess:
        folder = self.folder / str(port)
        folder.mkdir()
        settings = folder / "sentinel.conf"
        settings.write_text(
            _SENTINEL.format(port=port, folder=folder, master=self.master.port), encoding="utf-8"
        )
        process = ServerProcess(["redis-sentinel", settings], {})
        wait_until(lambda: answers(port) or not process.running, "sentinel answers PING")
        return process


def _need_a_replica(server: Redis) -> None:
    ask(server.port, "CONFIG", "SET", "min-replicas-to-write", "1")


def _role(server: Redis) -> str | None:
    """master or slave; None while it does not answer."""
    try:
        return ask(server.port, "ROLE", timeout=0.5).split("\r\n")[2]
    except (OSError, IndexError):
        return None
