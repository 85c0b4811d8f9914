#!/usr/bin/env python3
"""Faults of every part under load, each once: what must hold, holds.

run.py --bin-dir DIR [--seed N] [-k PATTERN] [--list] [--logs DIR]

One deployment for all faults that need the same one. Prints a line with figures for each fault;
ends with 1 when something did not hold, with the logs of all processes in a folder that it names.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "conformance"))

from faults import Event, all_faults  # noqa: E402
from scene import Report, Scene  # noqa: E402
from world import Layout  # noqa: E402


def show(report: Report) -> None:
    print(report.line(), flush=True)
    for problem in report.problems:
        print("    " + problem.replace("\n", "\n        "), flush=True)


def suffer_all(bin_dir: Path, layout: Layout, faults: list[Event], seed: int, logs: Path) -> bool:
    """Whether everything held, with one deployment."""
    scene = Scene(bin_dir, layout, seed)
    reports = []
    problems: list[str] = []
    try:
        for fault in faults:
            reports.append(scene.suffer(fault))
            show(reports[-1])
    finally:
        problems = scene.stop()
        for problem in problems:
            print(f"FAILED {problem}")
        held = len(reports) == len(faults) and not problems and not any(r.problems for r in reports)
        if not held:
            folder = logs / f"{time.strftime('%H%M%S')}-{layout.replicas}-{layout.redis}"
            scene.world.write_logs(folder)
            print(f"logs: {folder}")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("-k", action="append", dest="patterns", help="only faults named like it")
    parser.add_argument("--list", action="store_true", help="names the faults and ends")
    parser.add_argument("--logs", type=Path, help="folder for logs when something does not hold")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end what was started
    faults = [f for f in all_faults() if not options.patterns or
              any(pattern in f.name for pattern in options.patterns)]
    if options.list or not faults:
        print("\n".join(fault.name for fault in faults))
        return 0 if faults else 2
    print(f"seed {options.seed}", flush=True)
    logs = options.logs or Path(tempfile.mkdtemp(prefix="gischat-faults-"))
    held = True
    for layout, group in itertools.groupby(sorted(faults, key=layout_key), lambda f: f.layout):
        held &= suffer_all(options.bin_dir.resolve(), layout, list(group), options.seed, logs)
    return 0 if held else 1


def layout_key(fault: Event) -> tuple[int, str, bool]:
    """Sorts faults so that those of one layout stand together."""
    return fault.layout.replicas, fault.layout.redis, fault.layout.proxied


if __name__ == "__main__":
    sys.exit(main())
