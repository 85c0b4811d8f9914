"""What pods are told: in their environment, and in the file that they read again on SIGHUP."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path, PurePosixPath

from manifests import Object, deployments, refused_settings, settings_in

# Its name has no digest, so that a change of it restarts nobody.
FOLLOWED = "gischat-settings"


def environment(workload: Object, objects: list[Object]) -> dict[str, str]:
    """What a workload's program finds in its environment, Secrets excepted."""
    container = workload["spec"]["template"]["spec"]["containers"][0]
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            found.update(config_maps(objects)[source["configMapRef"]["name"]])
    found.update({entry["name"]: entry["value"] for entry in container.get("env", [])})
    return found


def config_maps(objects: list[Object]) -> dict[str, dict[str, str]]:
    return {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "ConfigMap"}


def file_of(workload: Object, objects: list[Object]) -> tuple[str, list[str]]:
    """The text of the file that GISCHAT_CONFIG names, and what is wrong with how it gets there."""
    path = PurePosixPath(environment(workload, objects).get("GISCHAT_CONFIG", ""))
    spec = workload["spec"]["template"]["spec"]
    volumes = {v["name"]: v.get("configMap", {}).get("name") for v in spec.get("volumes", [])}
    for mount in spec["containers"][0].get("volumeMounts", []):
        source = volumes.get(mount["name"])
        text = config_maps(objects).get(source, {}).get(path.name)
        if mount["mountPath"] != str(path.parent) or text is None:
            continue
        faults = ["a file under subPath never changes"] if "subPath" in mount else []
        if source != FOLLOWED:
            faults.append(f"{source} is not {FOLLOWED}: a change restarts who reads it")
        return text, faults
    return "", [f"no ConfigMap brings GISCHAT_CONFIG, {path}"]


def check_settings(objects: list[Object], bin_dir: Path) -> list[str]:
    """Each program accepts what it is told, what can change while it runs stands in the file and
    the rest in the environment, and who reads a setting reads the same as the others."""
    faults = []
    told: dict[str, dict[str, str]] = {}  # by part
    changeable: dict[str, dict[str, bool]] = {}  # by part, of what its program knows
    for workload in deployments(objects):
        part = workload["metadata"]["name"]
        program = bin_dir / f"gischat-{part}"
        in_environment = environment(workload, objects)
        text, found = file_of(workload, objects)
        faults += [f"{part}: {fault}" for fault in found]
        faults += refused(program, in_environment, text)
        told[part] = settings_in(text) | in_environment
        changeable[part] = declared(program)
        for name, can_change in changeable[part].items():
            if name in in_environment and can_change:
                faults.append(f"{part}: {name} can change while it runs: its place is the file")
            if name in settings_in(text) and not can_change:
                faults.append(f"{part}: {name} needs a restart: its place is the environment")
    for name in sorted(set().union(*told.values())):
        readers = [part for part, names in changeable.items() if name in names]
        if not readers:
            faults.append(f"setting {name}: no program reads it")
        if len({told[part].get(name) for part in readers}) > 1:
            faults.append(f"setting {name}: not the same for {', '.join(readers)}")
    return faults


def refused(program: Path, in_environment: dict[str, str], text: str) -> list[str]:
    """What --check-config says, with the file where the program finds it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as file:
        file.write(text)
        file.flush()
        lines = refused_settings(program, in_environment | {"GISCHAT_CONFIG": file.name})
        return [line.replace(file.name, FOLLOWED) for line in lines]


def declared(program: Path) -> dict[str, bool]:
    """The settings that a program knows by its --help, and whether they change while it runs."""
    command = [program, "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for paragraph in re.split(r"^  (?=[A-Z])", text, flags=re.M)[1:]:
        words = " ".join(paragraph.split())
        names = re.match(r"[A-Z0-9_]+(?:, [A-Z0-9_]+)*", words)
        assert names is not None, words
        found |= dict.fromkeys(names[0].split(", "), words.endswith("read again on SIGHUP]"))
    return found


def check_drain(objects: list[Object]) -> list[str]:
    """The edge has the time that it needs to take leave of its clients."""
    edge = next(w for w in deployments(objects) if w["metadata"]["name"] == "edge")
    spec = edge["spec"]["template"]["spec"]
    waits = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    drains = int(environment(edge, objects)["GISCHAT_DRAIN_SECONDS"])
    grace = spec["terminationGracePeriodSeconds"]
    if waits + drains + 10 > grace:
        return [f"edge: preStop {waits} s, drain {drains} s and 10 s do not fit into {grace} s"]
    return []
