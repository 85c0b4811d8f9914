#!/usr/bin/env python3
"""Runs the conformance suite against one set-up.

    run.py --bin-dir build/dev/bin --setup split [-k pattern] [-v] [test_module…]

The suite is the wire contract with clients as executable cases. Its sections, as the files name
them: 1 clients and what breaks them, 2 HTTP, 3 WebSocket, 4 messages, 5 uncompliant, 6 images,
7 settings.
"""

from __future__ import annotations

import argparse
import sys
import time
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from case import BENCH  # noqa: E402
from deployment import SETUPS  # noqa: E402

MODULES = (
    "test_client_selftest",
    "test_http",
    "test_put",
    "test_websocket",
    "test_counts",
    "test_kinds",
    "test_identity",
    "test_limits",
    "test_numbers",
    "test_geojson",
    "test_nicknames",
    "test_likes",
    "test_replies",
    "test_replay",
    "test_images",
    "test_settings",
    "test_bad_input",
    "test_guards",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("modules", nargs="*", default=MODULES, help="files to run (default: all)")
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--setup", choices=SETUPS, default="memory")
    parser.add_argument("-k", action="append", dest="patterns", help="only cases that match")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every case")
    parser.add_argument("-f", "--failfast", action="store_true", help="stop at the first failure")
    return parser.parse_args()


def load(options: argparse.Namespace) -> unittest.TestSuite:
    loader = unittest.TestLoader()
    if options.patterns:
        loader.testNamePatterns = [p if "*" in p else f"*{p}*" for p in options.patterns]
    return loader.loadTestsFromNames([Path(name).stem for name in options.modules])


def summary(result: unittest.TestResult, setup: str, seconds: float, problems: list[str]) -> str:
    bad = [("FAILED", case) for case, _ in result.failures]
    bad += [("ERROR", case) for case, _ in result.errors]
    lines = [f"{word} {case.id()}" for word, case in bad]
    lines += [f"PROCESS {problem}" for problem in problems]
    lines.append(
        f"conformance {setup}: {result.testsRun} cases, {len(result.failures)} failures, "
        f"{len(result.errors)} errors, {seconds:.0f} s"
    )
    return "\n".join(lines)


def main() -> int:
    options = arguments()
    BENCH.bin_dir, BENCH.setup = options.bin_dir.resolve(), options.setup
    runner = unittest.TextTestRunner(
        stream=sys.stdout, verbosity=1 + options.verbose, failfast=options.failfast
    )
    begin = time.monotonic()
    problems: list[str] = []
    try:
        result = runner.run(load(options))
    finally:
        problems = BENCH.stop()
    print(summary(result, options.setup, time.monotonic() - begin, problems))
    return 0 if result.wasSuccessful() and not problems else 1


if __name__ == "__main__":
    sys.exit(main())
