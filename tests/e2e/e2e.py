"""What the end-to-end tests share: the conformance suite's tools and their command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "conformance"))

from deployment import SETUPS, Deployment  # noqa: E402


def deployment_of_arguments(about: str, settings: dict[str, str]) -> Deployment:
    """Starts the set-up that the command line names."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--setup", choices=SETUPS, default="memory")
    options = parser.parse_args()
    return Deployment(options.bin_dir.resolve(), options.setup, settings)

