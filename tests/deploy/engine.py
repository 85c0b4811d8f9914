"""A Docker engine of our own, with its data in a temporary folder, and docker-compose on it.

Debian's docker.io, docker-compose and mmdebstrap have to be installed. Where the registry can't be
reached, images of others are stood in for by the same programs of Debian, under the same names, so
that docker-compose.yaml runs as it is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from manifests import ROOT

import tools  # noqa: F401  (finds the modules of the conformance suite)
from processes import ServerProcess, wait_until

BASE_IMAGE = "debian:bookworm-slim"
PULL_SECONDS = 120
PROFILES = ("--profile", "monitoring", "--profile", "allinone")
STAND_INS = """
FROM debian:bookworm-slim AS base
LABEL gischat.stand-in=yes
RUN apt-get update \\
 && apt-get install -y --no-install-recommends curl nginx-light prometheus redis-server
FROM base AS redis
RUN install -d -o 999 -g 999 /data
FROM base AS nginx
FROM base AS prometheus
RUN install -d -o 65534 -g 65534 /data
"""


class Network:
    """What dockerd changes of this machine's network and leaves behind when it ends."""

    BRIDGE = "docker0"
    FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")

    def __init__(self) -> None:
        self._rules = run("iptables-save")
        self._forwarding = self.FORWARDING.read_text("ascii")
        self._had_bridge = self._has_bridge()

    def restore(self) -> None:
        """As it was. Else every packet on loopback, too, would pass through the rules."""
        # Of a table that was never used nothing is said.
        unused = {"filter", "nat"} - set(re.findall(r"^\*(\w+)", self._rules, re.MULTILINE))
        run(
            "iptables-restore",
            input=self._rules + "".join(f"*{table}\nCOMMIT\n" for table in unused),
        )
        self.FORWARDING.write_text(self._forwarding, "ascii")
        if self._has_bridge() and not self._had_bridge:
            run("ip", "link", "delete", self.BRIDGE)

    def _has_bridge(self) -> bool:
        return Path("/sys/class/net", self.BRIDGE).exists()


class Engine:
    """A running dockerd. Everything that it holds goes with it, unless it is somebody else's."""

    def __init__(self, running: str | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gischat-docker-"))
        self._process: ServerProcess | None = None
        self._network: Network | None = None
        host = running or f"unix://{self._folder}/sock"
        os.environ["DOCKER_HOST"] = host
        os.environ["DOCKER_BUILDKIT"] = "0"
        os.environ["COMPOSE_DOCKER_CLI_BUILD"] = "0"
        if running is None:
            self._start(host)

    def _start(self, host: str) -> None:
        options = {
            "--data-root": self._folder / "data",
            "--exec-root": self._folder / "exec",
            "--pidfile": self._folder / "pid",
            "--host": host,
        }
        self._network = Network()
        command = ["dockerd", *(f"{key}={value}" for key, value in options.items())]
        self._process = ServerProcess(command, {})
        try:
            wait_until(lambda: self.answers() or not self._process.running, "dockerd", 60)
            if not self._process.running:
                raise AssertionError(f"dockerd does not start:\n{self._process.tail()}")
        except BaseException:
            self.stop()
            raise

    def answers(self) -> bool:
        done = subprocess.run(["docker", "version"], capture_output=True, check=False)
        return done.returncode == 0

    def stop(self) -> None:
        """Ends the engine and removes its data; the containers have been taken down before."""
        if self._process is not None:
            self._process.stop(60)
        if self._network is not None:
            self._network.restore()
        for mount in Path("/proc/mounts").read_text("utf-8").splitlines():
            if (place := mount.split()[1]).startswith(f"{self._folder}/"):
                run("umount", place)  # dockerd leaves the namespace of networks behind
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder.exists():
            raise AssertionError(f"{self._folder} can't be removed")

    def fetch_images(self, services: dict[str, Any]) -> None:
        """The base image, and those that docker-compose.yaml does not build."""
        if not there(BASE_IMAGE):
            archive = self._folder / "base.tar"
            run("mmdebstrap", "--quiet", "--variant=minbase", "bookworm", archive)
            run("docker", "import", archive, BASE_IMAGE)
            archive.unlink()
        recipe = self._folder / "stand-ins"
        recipe.mkdir()
        (recipe / "Dockerfile").write_text(STAND_INS, "utf-8")
        for service in services.values():
            image = service["image"]
            target = image.rpartition("/")[2].partition(":")[0]
            if "build" in service or target == "grafana" or there(image):
                continue
            run("docker", "build", "-q", "--target", target, "-t", image, recipe)
        shutil.rmtree(recipe)

    def stood_in(self) -> list[str]:
        """Images of others that are stand-ins."""
        command = ["docker", "images", "--filter", "label=gischat.stand-in", "--format"]
        return sorted(set(run(*command, "{{.Repository}}:{{.Tag}}").split()) - {"<none>:<none>"})


class Compose:
    """docker-compose.yaml in a project of its own. `command`: that of compose 1.29, or of v2."""

    def __init__(self, command: tuple[str, ...], settings: dict[str, str]) -> None:
        self._command = command
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": "gischat-test",
            "COMPOSE_FILE": str(ROOT / "docker-compose.yaml"),
            **settings,
        }

    def __call__(self, *arguments: str) -> str:
        return run(*self._command, *arguments, cwd=ROOT, env=self._environment)

    def shell(self, lines: str, cwd: Path = ROOT) -> str:
        """Runs lines of the README; where these say docker-compose, the command is this one."""
        lines = lines.replace("docker-compose ", f"{' '.join(self._command)} ")
        return run("bash", "-euo", "pipefail", "-c", lines, cwd=cwd, env=self._environment)

    def version(self) -> str:
        return self("version", "--short").strip()

    def container(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of a service's container."""
        identity = self(*PROFILES, "ps", "-q", service).strip()
        return json.loads(run("docker", "inspect", identity))[0]

    def wait_until_healthy(self, services: list[str]) -> None:
        for service in services:
            wait_until(lambda s=service: self._healthy(s), f"{service} is healthy", 60)

    def _healthy(self, service: str) -> bool:
        state = self.container(service)["State"]
        return state["Status"] == "running" and state["Health"]["Status"] == "healthy"


def there(image: str) -> bool:
    """Whether the engine has the image, from the registry if need be."""
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    if found.returncode == 0:
        return True
    try:
        done = subprocess.run(
            ["docker", "pull", "-q", image], capture_output=True, timeout=PULL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def run(*command: str | Path, **options: Any) -> str:
    """Output of a command; AssertionError with its words when it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr)[-3000:]
        raise AssertionError(f"{' '.join(map(str, command))}:\n{words}")
    return done.stdout


def compose_file() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text("utf-8"))
