"""Starts and stops the programs under test, and a Redis of our own."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from http_client import Address, ConnectionEnded, request
from ports import free_port

START_SECONDS = 30.0
POLL_SECONDS = 0.01


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    """Polls until the condition holds; AssertionError with `what` when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(POLL_SECONDS)


class ServerProcess:
    """One program, with what it says on stderr."""

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str]) -> None:
        self.name = Path(command[0]).name
        self._lines: list[str] = []
        self._begun = b""  # a line whose end has not come yet
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env={"PATH": os.environ.get("PATH", ""), **_kept_variables(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert self._process.stderr is not None
        self._said = self._process.stderr.fileno()
        os.set_blocking(self._said, False)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        """All that the program has said until now, be it read by the thread yet or not."""
        with self._changed:
            self._take()
            return list(self._lines)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_for_line(self, pattern: str, timeout: float = START_SECONDS) -> re.Match[str]:
        """The first line, said already or still to come, in which the pattern is found."""
        deadline, seen = time.monotonic() + timeout, 0
        with self._changed:
            while True:
                self._take()
                for line in self._lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f"{self.name} never said /{pattern}/:\n{self.tail()}")
                self._changed.wait(left)

    def address(self, phrase: str) -> Address:
        """The address that the program says after a phrase such as `listening on`."""
        match = self.wait_for_line(re.escape(phrase) + r" (127\.0\.0\.1):(\d+)")
        return Address(match[1], int(match[2]))

    def admin(self) -> Address:
        return self.address("admin port on")

    def readiness(self) -> int | None:
        """Status of /readyz; None while nobody answers."""
        try:
            return request(self.admin(), "GET", "/readyz", timeout=5).status
        except (OSError, ConnectionEnded):
            return None

    def wait_until_ready(self, timeout: float = START_SECONDS) -> None:
        self.admin()
        wait_until(lambda: self.readiness() == 200 or not self.running, "ready", timeout)
        if not self.running:
            raise AssertionError(f"{self.name} ended:\n{self.tail()}")

    def signal(self, number: int) -> None:
        if self.running:
            self._process.send_signal(number)

    def wait(self, timeout: float = START_SECONDS) -> int:
        """Waits for the end; the exit status."""
        status = self._process.wait(timeout)
        self._reader.join()
        return status

    def stop(self, timeout: float = START_SECONDS) -> int:
        """SIGTERM, and SIGKILL when that does not help; the exit status."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        self.signal(signal.SIGKILL)
        return self.wait()

    def tail(self, count: int = 30) -> str:
        """The last lines that the program said."""
        return "\n".join(line[:300] for line in self.lines[-count:])

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._said, select.POLLIN)
        while not self._ended:
            poll.poll()
            with self._changed:
                self._take()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _take(self) -> None:
        """Takes what waits in the pipe; the caller holds the condition's lock."""
        while not self._ended:
            try:
                chunk = os.read(self._said, 65536)
            except BlockingIOError:
                break
            *whole, self._begun = (self._begun + chunk).split(b"\n")
            if not chunk:
                self._ended = True
                whole, self._begun = [self._begun] if self._begun else [], b""
            self._lines += [line.decode("utf-8", "replace") for line in whole]
            self._changed.notify_all()


def _kept_variables() -> dict[str, str]:
    """Variables of the test's own environment that say how a sanitizer reports."""
    names = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "TMPDIR")
    return {name: os.environ[name] for name in names if name in os.environ}


class RedisServer:
    """A real redis-server on a free port, with a folder of its own and nothing kept on disk."""

    def __init__(self, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self._folder = tempfile.mkdtemp(prefix="gischat-redis-")
        options = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--dir": self._folder,
            "--save": "",
            "--appendonly": "no",
            "--client-output-buffer-limit": "pubsub 256mb 64mb 60",
            "--logfile": str(Path(self._folder) / "log"),
        }
        command = ["redis-server", *(part for pair in options.items() for part in pair)]
        self._process = ServerProcess(command, {})
        wait_until(lambda: self.answers() or not self._process.running, "redis answers PING")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
