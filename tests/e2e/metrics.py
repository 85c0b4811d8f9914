#!/usr/bin/env python3
"""Holds the metrics of every program against the lists in golden/ and against the README.

    metrics.py --bin-dir build/dev/bin [--renew]

A line of a list has the name, the type and the labels with their values; a star stands for values
that come from settings. Every value of a fixed label has to be there before it is first counted,
and nothing may appear by use. --renew writes the lists as the programs are now; look at the
difference before you keep it: dashboards of others go by these names.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path

import e2e  # noqa: F401  (makes the suite's tools importable)

from chat_client import ChatClient
from deployment import Deployment
from http_client import request
from processes import ServerProcess, wait_until

GOLDEN = Path(__file__).parent / "golden"
README = Path(__file__).resolve().parents[2] / "README.md"
CHANNEL = "QGIS"
OF_SETTINGS = ("channel", "version", "connection")
OF_SURROUNDINGS = "gischat_memory_limit_bytes"  # only in a container that has a limit


def metrics_of(text: str) -> set[str]:
    """The page of metrics as lines of a list."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    labels: dict[str, dict[str, set[str]]] = {name: {} for name in types}
    for series, pairs in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.M):
        base = re.sub(r"_(bucket|sum|count)$", "", series)
        name = base if types.get(base) == "histogram" else series
        for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', pairs):
            labels[name].setdefault(label, set()).add("*" if label in OF_SETTINGS else value)
    return {
        " ".join([name, kind] + [f"{l}={','.join(in_order(v))}" for l, v in sorted(labels[name].items())])
        for name, kind in types.items()
        if name != OF_SURROUNDINGS
    }


def in_order(values: set[str]) -> list[str]:
    """Numbers (bounds of buckets) by size, words by the alphabet."""
    try:
        return sorted(values, key=float)
    except ValueError:
        return sorted(values)


def scrape(process: ServerProcess) -> set[str]:
    return metrics_of(request(process.admin(), "GET", "/metrics").text)


def use(deployment: Deployment) -> None:
    """A little of everything."""
    clients = [ChatClient(edge, CHANNEL) for edge in deployment.edges]
    for client in clients:
        client.wait_for_count(len(clients))
    clients[0].register("Ada")
    for client in clients[1:]:
        client.expect("newcomer")
    for kind in ("text", "image"):
        clients[0].send_kind(kind)
        for client in clients:
            client.expect(kind)
    clients[0].say("x" * 300)
    clients[0].expect_refusal("text")
    for target in ("/status", f"/channel/{CHANNEL}/users", f"/channel/{CHANNEL}/last", "/none"):
        request(deployment.edges[0], "GET", target)


def observe(bin_dir: Path) -> tuple[dict[str, set[str]], list[str]]:
    """The metrics of each program, and what appeared by use."""
    found: dict[str, set[str]] = {}
    faults = []
    for setup in ("split", "redis", "memory"):
        deployment = Deployment(bin_dir, setup, {"CHANNELS": CHANNEL})
        try:
            everywhere = [p for p in deployment.processes if p.name in ("gischat", "gischat-presence")]
            for process in everywhere:  # edges have told presence of their channels
                wait_until(
                    lambda p=process: any("presence_connections" in line for line in scrape(p)),
                    "presence has heard of the edges",
                )
            before = {process.pid: scrape(process) for process in deployment.processes}
            use(deployment)
            for process in deployment.processes:
                name = process.name if setup != "memory" else "gischat in memory"
                found[name] = before[process.pid]
                changed = scrape(process) ^ before[process.pid]
                faults += [f"{name}: other by use: {line}" for line in sorted(changed)]
        finally:
            faults += deployment.stop()
    return found, faults


def check_memory(found: dict[str, set[str]]) -> list[str]:
    """What works in memory has the same metrics but those of Redis."""
    wanted = {line for line in found["gischat"] if not line.startswith("gischat_redis_")}
    in_memory = found.pop("gischat in memory")
    return [f"gischat in memory is different: {line}" for line in sorted(in_memory ^ wanted)]


def check_golden(program: str, lines: list[str]) -> list[str]:
    path = GOLDEN / f"{program}.metrics"
    golden = path.read_text("utf-8").splitlines() if path.exists() else []
    return [
        f"{path.name}: {line}"
        for line in difflib.unified_diff(golden, lines, "golden", "now", lineterm="", n=0)
    ]


def check_readme(found: dict[str, set[str]]) -> list[str]:
    """Every name stands in the table, and every name in the table is somewhere."""
    section = README.read_text("utf-8").split("### Metrics")[1].split("\n### ")[0]
    told = set(re.findall(r"\b(gischat_\w+)", section))
    real = {line.split()[0] for lines in found.values() for line in lines} | {OF_SURROUNDINGS}
    real = {name for name in real if not name.startswith("process_")}
    return [f"README does not tell {name}" for name in sorted(real - told)] + [
        f"README tells {name}, which no program has" for name in sorted(told - real)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--renew", action="store_true", help="write the lists as they are now")
    options = parser.parse_args()
    found, faults = observe(options.bin_dir.resolve())
    faults += check_memory(found)
    for program, metrics in found.items():
        lines = sorted(metrics)
        if options.renew:
            (GOLDEN / f"{program}.metrics").write_text("\n".join(lines) + "\n", "utf-8")
        faults += check_golden(program, lines)
    faults += check_readme(found)
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"metrics: {len(found)} programs, {sum(map(len, found.values()))} metrics, "
          f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
