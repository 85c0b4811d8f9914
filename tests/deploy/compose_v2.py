"""Compose v2, which Debian 12 does not have: that of Debian 13, unpacked and not installed."""

from __future__ import annotations

import os
from pathlib import Path

from engine import run

SOURCE = (
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    "http://deb.debian.org/debian trixie main\n"
)


def fetch(folder: Path) -> tuple[str, ...]:
    """Unpacks it into the folder; the command that runs it. The packages of this machine stay."""
    lists = folder / "apt"
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (lists / needed).mkdir(parents=True)
    (lists / "sources.list").write_text(SOURCE, "utf-8")
    (lists / "status").touch()
    options = {
        "Dir::State": lists / "state",
        "Dir::State::status": lists / "status",
        "Dir::Cache": lists / "cache",
        "Dir::Etc::SourceList": lists / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", *(f"-o{name}={value}" for name, value in options.items()), "-q"]
    run(*apt, "update")
    run(*apt, "download", "docker-compose", cwd=folder)
    (package,) = folder.glob("docker-compose_*.deb")
    run("dpkg-deb", "-x", package, folder / "root")
    plugins = folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    found = folder / "root/usr/libexec/docker/cli-plugins/docker-compose"
    (plugins / "docker-compose").symlink_to(found)
    os.environ["DOCKER_CONFIG"] = str(plugins.parent)
    return ("docker", "compose")
