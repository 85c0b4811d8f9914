#!/usr/bin/env python3
"""Runs docker-compose.yaml for real, on a Docker engine of its own. As root.

    run_compose.py [--engine unix:///SOCKET]

- The images are built; everything gets healthy.
- Containers run as nobody, can write nowhere, and only nginx is published.
- The conformance suite passes through nginx and TLS, spread over both edges.
- Every service is restarted in turn while people talk: nothing is lost, doubled or reordered.
- The profile `monitoring` finds every process and loads the alerts; all in one runs alone.

What could not be run as it stands is said at the end. Nothing is left behind, data and images
included. Fails where no engine can start.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

from engine import PROFILES, Compose, Engine, compose_file, run
from through_nginx import ComposedDeployment, TlsForwarder

import tools  # noqa: F401  (finds the modules of the conformance suite)
from case import BENCH, CHANNEL_NAMES, SettingsCase
from chat_client import ChatClient
from http_client import Address, HttpConnection, request
from ports import free_port
from processes import wait_until
from run import MODULES
from websocket_client import Closed

OPEN_FILES = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
PARTS = ["redis", "moderation", "presence", "fanout", "edge-1", "edge-2", "nginx"]
SERVICES = ["moderation", "presence", "fanout"]
# nginx reads the head of a request and refuses what is wrong with it; these ask how edges do that.
NOT_THE_EDGE = {
    "test_guards.Requests.test_oversized_handshake_is_431",
    "test_guards.Requests.test_oversized_headers_are_431",
    "test_guards.Requests.test_slow_request_is_408",
}


def make_certificate(folder: Path) -> None:
    """As the README says."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost".split()
    run(*command, "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem")
    folder.chmod(0o755)
    (folder / "privkey.pem").chmod(0o644)


def check_hardening(compose: Compose, services: list[str]) -> list[str]:
    faults = []
    for service in services:
        container = compose.container(service)
        host = container["HostConfig"]
        published = {port for port, bound in container["NetworkSettings"]["Ports"].items() if bound}
        wanted = {
            "runs as nobody": container["Config"]["User"] not in ("", "0", "root"),
            "read-only root": host["ReadonlyRootfs"],
            "no capabilities": host["CapDrop"] == ["ALL"] and not host["CapAdd"],
            "publishes nothing": service == "nginx" or not published,
            "can write nowhere": not can_write(container["Id"]),
        }
        faults += [f"{service}: {what}" for what, holds in wanted.items() if not holds]
    return faults


def can_write(container: str) -> bool:
    command = ["docker", "exec", container, "touch", "/usr/bin/x", "/etc/x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "Read-only file system" not in done.stderr


def cases(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from cases(entry)
        else:
            yield entry


def check_conformance(address: Address) -> list[str]:
    """All cases that need neither settings nor processes of their own."""
    BENCH.setup = "compose"
    BENCH._shared = ComposedDeployment(address)  # pylint: disable=protected-access
    BENCH._slow = HttpConnection(address)  # pylint: disable=protected-access
    everything = cases(unittest.defaultTestLoader.loadTestsFromNames(list(MODULES)))
    chosen = unittest.TestSuite(
        case
        for case in everything
        if not isinstance(case, SettingsCase)
        and not case.id().startswith("test_settings.")
        and case.id() not in NOT_THE_EDGE
    )
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(chosen)
    print(f"conformance through nginx: {result.testsRun} cases", flush=True)
    return [f"conformance {case.id()}" for case, _ in result.failures + result.errors]


class Talker(threading.Thread):
    """Says numbered words, each as soon as the last one came back."""

    def __init__(self, address: Address, name: str) -> None:
        super().__init__(daemon=True)
        self.name = name
        self.said = 0
        self.fault: str | None = None
        self._ended = threading.Event()
        self._client = ChatClient(address, "QGIS")

    def run(self) -> None:
        try:
            while not self._ended.wait(0.02):
                self._client.say(f"{self.name} {self.said}", self.name)
                while (message := self._client.receive()).get("author") != self.name:
                    if message["type"] == "uncompliant":
                        raise AssertionError(message.raw)
                self.said += 1
        except (AssertionError, OSError, Closed) as error:
            self.fault = f"{self.name}: {error!r}"

    def end(self) -> None:
        self._ended.set()
        self.join()


class Hearer(threading.Thread):
    """Keeps every text that comes."""

    def __init__(self, address: Address) -> None:
        super().__init__(daemon=True)
        self.heard: list[str] = []
        self._client = ChatClient(address, "QGIS")

    def run(self) -> None:
        try:
            while True:
                message = self._client.receive(60)
                if message["type"] == "text":
                    self.heard.append(message["text"])
        except (OSError, Closed, AssertionError):
            pass


def check_rolling_restart(compose: Compose, address: Address) -> list[str]:
    hearers = [Hearer(address) for _ in range(4)]
    for hearer in hearers:
        hearer.start()
    talkers = [Talker(address, name) for name in ("Ada", "Bob", "Cyd", "Dan")]
    for talker in talkers:
        talker.start()
    for service in SERVICES:
        before = [talker.said for talker in talkers]
        compose("restart", service)
        compose.wait_until_healthy([service])
        wait_until(
            lambda b=before: all(t.said > s + 20 or t.fault for t, s in zip(talkers, b)),
            f"people talk on after {service}", 30
        )
    for talker in talkers:
        talker.end()
    faults = [talker.fault for talker in talkers if talker.fault]
    faults += ["a client was cut off" for hearer in hearers if not hearer.is_alive()]
    if faults:
        return faults
    for hearer in hearers:
        wait_until(lambda h=hearer: len(h.heard) >= sum(t.said for t in talkers), "all is heard")
        if hearer.heard != hearers[0].heard:
            faults.append("two clients heard different things")
        for talker in talkers:
            own = [text for text in hearer.heard if text.startswith(talker.name)]
            if own != [f"{talker.name} {number}" for number in range(talker.said)]:
                faults.append(f"lost, doubled or out of order: what {talker.name} said")
    print(f"rolling restart: {sum(t.said for t in talkers)} messages, 4 hearers", flush=True)
    return faults


def check_monitoring(compose: Compose) -> list[str]:
    """Prometheus sees every process, and has read the alerts. (Grafana is not there.)"""
    compose("--profile", "monitoring", "up", "-d", "--no-build", "prometheus")
    networks = compose.container("prometheus")["NetworkSettings"]["Networks"].values()
    address = Address(next(iter(networks))["IPAddress"], 9090)

    def seen() -> list[str]:
        try:
            found = request(address, "GET", "/api/v1/query?query=up==1").json()
        except OSError:
            return []
        return sorted(series["metric"]["component"] for series in found["data"]["result"])

    wanted = ["edge", "edge", "fanout", "moderation", "presence"]
    wait_until(lambda: seen() == wanted, "Prometheus sees every process", 60)
    groups = request(address, "GET", "/api/v1/rules").json()["data"]["groups"]
    print(f"Prometheus: {len(seen())} processes, {sum(len(g['rules']) for g in groups)} alerts")
    return [] if groups else ["Prometheus has no alerts"]


def check_everything(compose: Compose, ports: dict[str, int], faults: list[str]) -> None:
    """Adds to the faults as it goes."""
    begin = time.monotonic()
    compose("build")
    print(f"images: {time.monotonic() - begin:.0f} s\n{run('docker', 'images', 'gischat*')}")
    compose("up", "-d")
    compose.wait_until_healthy(PARTS)
    print(f"everything is healthy: {time.monotonic() - begin:.0f} s", flush=True)
    forwarder = TlsForwarder(Address("127.0.0.1", ports["GISCHAT_HTTPS_PORT"]))
    faults += check_hardening(compose, PARTS)
    faults += check_conformance(forwarder.address)
    faults += check_rolling_restart(compose, forwarder.address)
    faults += check_monitoring(compose)
    compose("up", "-d", "gischat")
    compose.wait_until_healthy(["gischat"])
    whole = Address("127.0.0.1", ports["GISCHAT_PORT"])
    if request(whole, "GET", "/version").status != 200:
        faults.append("all in one does not answer")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--engine", help="one that runs already, to be left as it is")
    engine = Engine(parser.parse_args().engine)
    faults: list[str] = []
    stood_in: list[str] = []
    try:
        engine.fetch_images(compose_file()["services"])
        with tempfile.TemporaryDirectory(prefix="gischat-tls-") as tls:
            make_certificate(Path(tls))
            names = ("GISCHAT_HTTP_PORT", "GISCHAT_HTTPS_PORT", "GISCHAT_PORT")
            ports = {name: free_port() for name in names}
            compose = Compose(
                {name: str(port) for name, port in ports.items()}
                | {
                    "CHANNELS": ",".join(CHANNEL_NAMES),
                    "GISCHAT_OPEN_FILES": str(OPEN_FILES),
                    "GISCHAT_TLS_DIR": tls,
                    "GISCHAT_ACME_DIR": tls,
                }
            )
            try:
                check_everything(compose, ports, faults)
            finally:
                stood_in = engine.stood_in()
                compose(*PROFILES, "down", "-v", "-t", "5")
    except AssertionError as error:
        faults.append(str(error))
    finally:
        engine.stop()
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"not as they are, but the same programs of Debian: {', '.join(stood_in) or 'none'}")
    print("not run: Grafana")
    print(f"deploy: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
