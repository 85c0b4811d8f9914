"""docker-compose.yaml as a file: hardening, settings, limits. Whether it runs, run.py sees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from manifests import ROOT, refused_settings

FILE = ROOT / "docker-compose.yaml"
SETTINGS = ROOT / "k8s/compose/settings/gischat.conf"
PARTS = {"edge-1": "gischat-edge", "edge-2": "gischat-edge", "gischat": "gischat"} | {
    part: f"gischat-{part}" for part in ("moderation", "presence", "fanout")
}
# gischat-edge:4.0.0 is a tag of an image, VERSION=4.0.0 a label, and newTag: "4.0.0" kustomize's.
VERSIONS = r"(?:gischat[-a-z]*:|VERSION=|gischat-\w+, newTag: \")(\d[\d.]+)"
# Only these may be reached from outside, the last two from this machine.
PUBLISHED = {"nginx", "gischat", "grafana", "prometheus"}


def services() -> dict[str, Any]:
    """With every ${NAME:-default} replaced by its default."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text("utf-8"))
    return yaml.safe_load(text)["services"]


def check(bin_dir: Path) -> list[str]:
    faults = []
    for name, service in services().items():
        wanted = {
            "read-only root": service.get("read_only") is True,
            "no capabilities": service.get("cap_drop") == ["ALL"] and "cap_add" not in service,
            "no new privileges": "no-new-privileges:true" in service.get("security_opt", []),
            "memory and processor limits": {"mem_limit", "cpus", "pids_limit"} <= service.keys(),
            "not root": name in PARTS or re.fullmatch(r"[1-9]\d*:\d+", service.get("user", "")),
            "publishes ports": "ports" not in service or name in PUBLISHED,
            "starts a program": name in PARTS or len(service["entrypoint"]) == 1,
        }
        faults += [f"compose {name}: {what}" for what, holds in wanted.items() if not holds]
        if name in PARTS:
            settings = {key: str(value) for key, value in service["environment"].items()}
            settings["GISCHAT_CONFIG"] = str(SETTINGS)
            faults += refused_settings(bin_dir / PARTS[name], settings)
    return faults + check_health() + check_version()


def check_health() -> list[str]:
    """What an image starts is what says whether it is ready."""
    text = (ROOT / "k8s/Dockerfile").read_text("utf-8")
    asked = re.findall(r'^HEALTHCHECK .* CMD \["/usr/bin/([\w-]+)", "--probe"\]$', text, re.M)
    started = re.findall(r'^ENTRYPOINT \["/usr/bin/([\w-]+)"\]$', text, re.M)
    if asked != started or set(started) != set(PARTS.values()):
        return [f"k8s/Dockerfile: {started} are started, {asked} are asked whether they are ready"]
    return []


def check_version() -> list[str]:
    """One version in CMakeLists.txt, the images and the files that name them."""
    cmake = (ROOT / "CMakeLists.txt").read_text("utf-8")
    project = re.search(r"project\(gischat VERSION ([\d.]+)", cmake)
    assert project is not None
    faults = []
    for path in ("docker-compose.yaml", "k8s/Dockerfile", "k8s/base/kustomization.yaml"):
        text = (ROOT / path).read_text("utf-8")
        versions = set(re.findall(VERSIONS, text))
        if versions != {project[1]}:
            faults.append(f"{path}: version {versions}, CMakeLists.txt: {project[1]}")
    return faults
