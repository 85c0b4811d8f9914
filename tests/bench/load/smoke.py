#!/usr/bin/env python3
"""Starts the chat, puts a few seconds of load on it, and fails when a delivery was wrong.

    smoke.py --bin-dir build/dev/bin --setup memory [flags of gischat-load…]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance"))

from deployment import SETUPS, Deployment  # noqa: E402

LOAD = ["--clients", "50", "--duration", "3", "--warmup", "0.5", "--newcomers"]
TIMEOUT_SECONDS = 90


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--setup", choices=SETUPS, default="memory")
    return parser.parse_known_args()


def command(bin_dir: Path, deployment: Deployment) -> list[str]:
    words = [str(bin_dir / "gischat-load")]
    for edge in deployment.edges:
        words += ["--url", f"ws://{edge.host}:{edge.port}/channel/QGIS/ws"]
    for process in deployment.processes:
        words += ["--pid", str(process.pid)]
    return words


def main() -> int:
    options, flags = arguments()
    deployment = Deployment(options.bin_dir, options.setup)
    try:
        run = subprocess.run(
            command(options.bin_dir, deployment) + LOAD + flags, timeout=TIMEOUT_SECONDS, check=False
        )
    finally:
        problems = deployment.stop()
    print("\n".join(problems), end="", file=sys.stderr)
    return run.returncode or len(problems)


if __name__ == "__main__":
    sys.exit(main())
