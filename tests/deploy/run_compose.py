#!/usr/bin/env python3
"""Runs docker-compose.yaml for real, on a Docker engine of its own. As root.

    run_compose.py --bin-dir build/dev/bin [--engine unix:///SOCKET]

- The images are built; everything gets healthy.
- Containers run as nobody, have no compiler and can write nowhere, and only nginx is published.
- The conformance suite passes through nginx and TLS, spread over both edges.
- Whatever the README tells operators to do is done while people talk: see operations.py.
- The profile `monitoring` finds every process, and misses one that is dead; all in one runs alone.
- All but the conformance suite once more with compose v2: the above is done by compose 1.29.

What could not be run as it stands is said at the end. Nothing is left behind, data and images
included. Fails where no engine can start.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

import compose_v2
import operations
from engine import PROFILES, Compose, Engine, compose_file, run
from through_nginx import ComposedDeployment, TlsForwarder

import tools  # noqa: F401  (finds the modules of the conformance suite)
from case import BENCH, CHANNEL_NAMES, SettingsCase
from http_client import Address, ConnectionEnded, HttpConnection, request
from ports import free_port
from processes import wait_until
from run import MODULES

OPEN_FILES = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
PARTS = ["redis", "moderation", "presence", "fanout", "edge-1", "edge-2", "nginx"]
PUBLISHED = ["nginx", "gischat", "prometheus"]
# nginx reads the head of a request and refuses what is wrong with it; these ask how edges do that.
NOT_THE_EDGE = {
    "test_guards.Requests.test_oversized_handshake_is_431",
    "test_guards.Requests.test_oversized_headers_are_431",
    "test_guards.Requests.test_slow_request_is_408",
}


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
            "publishes nothing": service in PUBLISHED or not published,
            "can write nowhere": not can_write(container["Id"]),
            "no compiler": not compilers(container["Id"]),
        }
        faults += [f"{service}: {what}" for what, holds in wanted.items() if not holds]
    return faults


def check_networks(compose: Compose) -> list[str]:
    """From `inside` there is no way out."""
    name = next(iter(compose.container("fanout")["NetworkSettings"]["Networks"]))
    internal = run("docker", "network", "inspect", "-f", "{{.Internal}}", name).strip()
    return [] if internal == "true" else [f"network {name} is not internal"]


def compilers(container: str) -> str:
    command = ["docker", "exec", container, "find", "/usr", "-name", "cc1*", "-o", "-name", "ld"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


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


def check_spread(compose: Compose) -> list[str]:
    """Both edges have had their part of the clients."""
    accepted = {edge: accepted_by(compose, edge) for edge in ("edge-1", "edge-2")}
    print(f"connections accepted: {accepted}", flush=True)
    fair = sum(accepted.values()) / 4
    return [f"{edge} had {count:.0f} clients" for edge, count in accepted.items() if count < fair]


def accepted_by(compose: Compose, edge: str) -> float:
    text = request(Address(address_of(compose, edge), 8001), "GET", "/metrics").text
    series = r"^gischat_edge_connections_accepted_total\{.*\} (\S+)$"
    return sum(float(value) for value in re.findall(series, text, re.MULTILINE))


def address_of(compose: Compose, service: str) -> str:
    networks = compose.container(service)["NetworkSettings"]["Networks"].values()
    return str(next(iter(networks))["IPAddress"])


def check_monitoring(compose: Compose, port: int) -> list[str]:
    """Prometheus sees every process, misses who is dead, and has read the alerts. (Grafana is not
    there.)"""
    compose("--profile", "monitoring", "up", "-d", "--no-build", "prometheus")
    prometheus = Address("127.0.0.1", port)

    def found(query: str) -> list[str]:
        try:
            answer = request(prometheus, "GET", f"/api/v1/query?query={query}")
        except (OSError, ConnectionEnded):
            return []
        if answer.status != 200:  # it has only just started
            return []
        series = answer.json()["data"]["result"]
        return sorted(one["metric"]["component"] for one in series)

    wanted = ["edge", "edge", "fanout", "moderation", "presence"]
    wait_until(lambda: found("up==1") == wanted, "Prometheus sees every process", 60)
    groups = request(prometheus, "GET", "/api/v1/rules").json()["data"]["groups"]
    compose("kill", "edge-2")
    wait_until(lambda: found("up==0") == ["edge"], "Prometheus misses a dead edge", 60)
    compose("up", "-d", "--no-build", "--no-deps", "edge-2")
    compose.wait_until_healthy(["edge-2"])
    print(f"Prometheus: {len(wanted)} processes, {sum(len(g['rules']) for g in groups)} alerts")
    return [] if groups else ["Prometheus has no alerts"]


def check_all(deployment: Deployed, bin_dir: Path, faults: list[str], brief: bool) -> None:
    """Adds to the faults as it goes; `brief`: without the conformance suite."""
    compose, ports = deployment.compose, deployment.ports
    begin = time.monotonic()
    print(f"compose {compose.version()}", flush=True)
    compose("build")
    print(f"images: {time.monotonic() - begin:.0f} s\n{run('docker', 'images', 'gischat*')}")
    compose("up", "-d")
    compose.wait_until_healthy(PARTS)
    print(f"everything is healthy: {time.monotonic() - begin:.0f} s", flush=True)
    https = Address("127.0.0.1", ports["GISCHAT_HTTPS_PORT"])
    address = TlsForwarder(https).address
    faults += check_hardening(compose, PARTS) + check_networks(compose)
    if not brief:
        faults += check_conformance(address)
        faults += check_spread(compose)
    settings = (compose, https, deployment.folder / "settings", deployment.settings)
    faults += operations.check_upgrade_of_services(compose, address, bin_dir)
    faults += operations.check_settings(compose, address, *settings[2:])
    faults += operations.check_addresses(*settings)
    faults += operations.check_new_certificate(
        compose, https, address, deployment.folder / "tls"
    )
    faults += operations.check_plain_http(
        Address("127.0.0.1", ports["GISCHAT_HTTP_PORT"]), deployment.folder / "acme"
    )
    faults += operations.check_upgrade_of_edges(compose, address)
    faults += operations.check_backup(compose, address, deployment.folder)
    faults += check_monitoring(compose, ports["PROMETHEUS_PORT"])
    compose("up", "-d", "gischat")
    compose.wait_until_healthy(["gischat"])
    faults += check_hardening(compose, ["gischat", "prometheus"])
    whole = Address("127.0.0.1", ports["GISCHAT_PORT"])
    if request(whole, "GET", "/version").status != 200:
        faults.append("all in one does not answer")
    print(f"compose {compose.version()}: {time.monotonic() - begin:.0f} s", flush=True)


class Deployed:
    """docker-compose.yaml with ports, settings and a certificate for this run."""

    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        self.folder = folder
        for name in ("tls", "acme", "settings"):
            (folder / name).mkdir()
        folder.chmod(0o755)
        operations.make_certificate(folder / "tls")
        self.settings = {"CHANNELS": ",".join(CHANNEL_NAMES)}
        operations.write_settings(folder / "settings", self.settings)
        names = ("GISCHAT_HTTP_PORT", "GISCHAT_HTTPS_PORT", "GISCHAT_PORT", "PROMETHEUS_PORT")
        self.ports = {name: free_port() for name in names}
        environment = {
            "GISCHAT_OPEN_FILES": str(OPEN_FILES),
            "GISCHAT_SETTINGS_DIR": str(folder / "settings"),
            "GISCHAT_TLS_DIR": str(folder / "tls"),
            "GISCHAT_ACME_DIR": str(folder / "acme"),
        }
        ports = {name: str(port) for name, port in self.ports.items()}
        self.compose = Compose(command, environment | ports)


def check_compose(
    command: tuple[str, ...], bin_dir: Path, faults: list[str], brief: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="gischat-compose-") as folder:
        deployment = Deployed(command, Path(folder))
        try:
            check_all(deployment, bin_dir, faults, brief)
        finally:
            deployment.compose(*PROFILES, "down", "-v", "-t", "5")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bin-dir", type=Path, required=True, help="where gischat-load is")
    parser.add_argument("--engine", help="one that runs already, to be left as it is")
    options = parser.parse_args()
    begin = time.monotonic()
    engine = Engine(options.engine)
    faults: list[str] = []
    stood_in: list[str] = []
    try:
        engine.fetch_images(compose_file()["services"])
        stood_in = engine.stood_in()
        check_compose(("docker-compose",), options.bin_dir, faults, brief=False)
        with tempfile.TemporaryDirectory(prefix="gischat-compose-v2-") as folder:
            v2 = compose_v2.fetch(Path(folder))
            check_compose(v2, options.bin_dir, faults, brief=True)
    except AssertionError as error:
        faults.append(str(error))
    finally:
        engine.stop()
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"not as they are, but the same programs of Debian: {', '.join(stood_in) or 'none'}")
    print("not run: Grafana")
    print(f"deploy: {len(faults)} faults, {time.monotonic() - begin:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
