"""Kubernetes' files: rendered, held against the API's own types, and against what we want."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
TYPES = ("kubernetes-types@1.30.0", "typescript@5.4.5")  # from npm, into build/deploy
# The Prometheus Operator's, which operator_types.py looks at.
FOREIGN_KINDS = {"PodMonitor", "PrometheusRule"}
# What overlays don't combine.
COMBINATIONS = {
    "external-redis": ["external-redis", "network-policies"],
    "sentinel": ["network-policies", "external-redis", "sentinel", "autoscaling"],
}

# From here on kubectl knows includeTemplates (kustomize 4.5.7).
OLDEST_KUBECTL = (1, 25)

Object = dict[str, Any]


def can_render() -> bool:
    """Whether there is a kubectl that is new enough (Debian 12 has 1.20)."""
    if shutil.which("kubectl") is None:
        return False
    command = ["kubectl", "version", "--client", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    version = json.loads(done.stdout)["clientVersion"]
    return (int(version["major"]), int(version["minor"].rstrip("+"))) >= OLDEST_KUBECTL


def one_by_one() -> list[Object]:
    """The objects of every file that is a resource of a base, an overlay or a component, and their
    ConfigMaps; what overlays and components change in those of the base is left out."""
    objects = []
    for file in sorted(K8S.rglob("kustomization.yaml")):
        plan = yaml.safe_load(file.read_text("utf-8"))
        for name in plan.get("resources", []):
            if (resource := file.parent / name).is_file():
                objects += [o for o in yaml.safe_load_all(resource.read_text("utf-8")) if o]
        for generator in plan.get("configMapGenerator", []):
            if "behavior" not in generator:
                objects.append(config_map(generator, file.parent))
    return objects


def config_map(generator: Object, folder: Path) -> Object:
    """What kustomize makes of it, without a digest."""
    data: dict[str, str] = {}
    for name in generator.get("envs", []):
        data |= settings_in((folder / name).read_text("utf-8"))
    for name in generator.get("files", []):
        key, _, path = name.rpartition("=")
        data[key or path] = (folder / path).read_text("utf-8")
    metadata = {"name": generator["name"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def settings_in(text: str) -> dict[str, str]:
    """Of lines NAME=VALUE, and comments."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def render() -> dict[str, list[Object]]:
    """Every way to put the files together, by name."""
    rendered = {}
    for folder in ("base", "overlays/dev", "overlays/prod"):
        rendered[folder] = kustomize(K8S / folder)
    (ROOT / "build").mkdir(exist_ok=True)
    for name, components in COMBINATIONS.items():
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
            to_k8s = os.path.relpath(K8S, Path(folder).resolve())
            plan = {
                "resources": [f"{to_k8s}/base"],
                "components": [f"{to_k8s}/components/{component}" for component in components],
            }
            (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(plan), "utf-8")
            rendered[f"base with {', '.join(components)}"] = kustomize(Path(folder))
    return rendered


def kustomize(folder: Path) -> list[Object]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{folder}: {done.stderr.strip()}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def check_types(rendered: dict[str, list[Object]], modules: Path) -> list[str]:
    """Has tsc look for unknown fields and wrong types, in all of them at once."""
    if not (modules / "node_modules/kubernetes-types").exists():
        modules.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-save", "--silent", "--prefix", str(modules), *TYPES]
        subprocess.run(command, check=True)
    lines, number = [], 0
    for name, objects in rendered.items():
        for thing in objects:
            if thing["kind"] in FOREIGN_KINDS:
                continue
            number += 1
            where = f"{name}: {thing['kind']} {thing['metadata']['name']}"
            lines.append(f'import {{ {thing["kind"]} as T{number} }} from "{module_of(thing)}";')
            value = json.dumps(thing, indent=1)
            lines.append(f"// {where}\nexport const c{number}: T{number} = {value};")
    source = modules / "rendered.ts"
    source.write_text("\n".join(lines), "utf-8")
    tsc = modules / "node_modules/.bin/tsc"
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "es2020"]
    options += ["--moduleResolution", "node"]
    done = subprocess.run([tsc, *options, source], capture_output=True, text=True, check=False)
    return [f"tsc: {line}" for line in done.stdout.splitlines()]


def module_of(thing: Object) -> str:
    group, _, version = thing["apiVersion"].rpartition("/")
    return f"kubernetes-types/{group.split('.')[0] or 'core'}/{version}"


def pods(objects: list[Object]) -> list[Object]:
    return [thing for thing in objects if thing["kind"] in ("Deployment", "StatefulSet")]


def deployments(objects: list[Object]) -> list[Object]:
    """Of our own programs."""
    return [thing for thing in objects if thing["kind"] == "Deployment"]


def check_pods(objects: list[Object], rendered: bool) -> list[str]:
    """Pod Security `restricted`, and what a pod of ours has besides. Tags come with rendering."""
    faults = []
    accounts = {o["metadata"]["name"] for o in objects if o["kind"] == "ServiceAccount"}
    for workload in pods(objects):
        name = workload["metadata"]["name"]
        spec = workload["spec"]["template"]["spec"]
        security = spec.get("securityContext", {})
        wanted = {
            "pod runs as non-root": security.get("runAsNonRoot") is True,
            "user by number": security.get("runAsUser", 0) > 0,
            "seccomp": security.get("seccompProfile") == {"type": "RuntimeDefault"},
            "no service links": spec.get("enableServiceLinks") is False,
            "no token": spec.get("automountServiceAccountToken") is False,
            "account of its own": spec.get("serviceAccountName") in accounts,
            "no host": not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(),
            "volumes": all(
                {"configMap", "emptyDir", "secret"} & volume.keys()
                for volume in spec.get("volumes", [])
            ),
            "labels fit the selector": workload["spec"]["selector"]["matchLabels"].items()
            <= workload["spec"]["template"]["metadata"]["labels"].items(),
        }
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container.get("securityContext", {})
            wanted |= {
                "no escalation": own.get("allowPrivilegeEscalation") is False,
                "read-only root": own.get("readOnlyRootFilesystem") is True,
                "no capabilities": own.get("capabilities") == {"drop": ["ALL"]},
                "memory limit": "memory" in container["resources"]["limits"],
                "probes": {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(),
                "image has a tag": not rendered or ":" in container["image"].rpartition("/")[2],
                "no host port": all("hostPort" not in p for p in container["ports"]),
            }
        faults += [f"{name}: {what}" for what, holds in wanted.items() if not holds]
    return faults


def refused_settings(program: Path, settings: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [program, "--check-config"], env=settings, capture_output=True, text=True, check=False
    )
    return done.stderr.splitlines() if done.returncode else []
