#!/usr/bin/env python3
"""Measures the chat beside yardsticks, and prints one table of what was wanted and what it is.

    run.py --bin-dir build/release/bin [--scenario NAME]… [--rounds N] [--quick]
           [--url ws://127.0.0.1:8000/channel/QGIS/ws [--pid PID]…]

Exit status: 0 when everything that is wanted holds, 1 when something does not or a delivery was
wrong, 2 when a run could not be made.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measuring import Numbers, RunFailed, make_picture, measure_pictures, put_load
from scenarios import SCENARIOS, Case, Scenario
from servers import Server, cores, running
from verdicts import Row, Want, judge, medians, table

SERVER_CORE, LOAD_CORE = {0}, {1}
# --quick: is everything wired up? Its figures say little.
QUICK_MOST = {"--clients": 300, "--joins": 100}
PICTURE_SIZE = (2272, 1704)
OTHER = "other"  # the server that --url names


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--scenario", action="append", choices=names, help="only these")
    parser.add_argument("--list", action="store_true", help="print the scenarios and end")
    parser.add_argument("--rounds", type=int, help="of each case, in turn (5; quick: 1)")
    parser.add_argument("--duration", type=float, help="of each measurement, in s (5; quick: 1)")
    parser.add_argument("--pin", choices=("both", "pinned", "free"), default="both")
    parser.add_argument("--quick", action="store_true", help="few clients, one short round")
    parser.add_argument("--url", action="append", default=[], help="another server beside ours")
    parser.add_argument("--pid", action="append", type=int, default=[], help="process of that one")
    parser.add_argument("--out", type=Path, help="every run as a line of JSON")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.duration = options.duration or (1.0 if options.quick else 5.0)
    return options


class Suite:
    """Runs scenarios one after the other, and keeps what they came to."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.rows: list[Row] = []
        self.problems: list[str] = []
        self._options = options
        self._picture = folder / "picture.jpg"

    def run(self, scenario: Scenario) -> None:
        print(f"==> {scenario.name}: {scenario.what}", file=sys.stderr)
        for pinned in scenario.pinned:
            if self._options.pin in ("both", "pinned" if pinned else "free"):
                self._run_on(scenario, pinned)

    def _run_on(self, scenario: Scenario, pinned: bool) -> None:
        cases = [*scenario.cases, *self._other(scenario)]
        found: dict[str, list[Numbers]] = {case.name: [] for case in cases}
        for number in range(self._options.rounds):
            for case in cases:
                found[case.name].append(self._measure(scenario, case, pinned, number))
        middle = {name: medians(runs) for name, runs in found.items()}
        for want in [*scenario.wants, *self._wants_of_other(scenario)]:
            row = judge(scenario.name, pinned, want, middle)
            self.rows.append(row)

    def _measure(self, scenario: Scenario, case: Case, pinned: bool, number: int) -> Numbers:
        name = f"{scenario.name}, {'pinned' if pinned else 'free'}, {case.name}"
        began = time.monotonic()
        numbers, problems = self._numbers(case, pinned)
        if numbers.get("driver_is_bound"):
            print(f"    {name}: the driver is at its limit, not the server", file=sys.stderr)
        self.problems += [f"{name}: {problem}" for problem in problems]
        print(f"    {name}, round {number + 1}: {time.monotonic() - began:.1f} s", file=sys.stderr)
        self._keep({"scenario": scenario.name, "case": case.name, "pinned": pinned, **numbers})
        return numbers

    def _numbers(self, case: Case, pinned: bool) -> tuple[Numbers, list[str]]:
        bin_dir = self._options.bin_dir
        server_cores, load_cores = (SERVER_CORE, LOAD_CORE) if pinned else (None, None)
        if case.server == "magick":
            self._make_picture()
            with cores(server_cores):
                return measure_pictures(bin_dir, self._picture, self._options.duration), []
        with contextlib.ExitStack() as stack:
            with cores(server_cores):
                server = stack.enter_context(self._server(case))
            with cores(load_cores):
                return put_load(bin_dir, server, self._flags(case))

    def _make_picture(self) -> None:
        if not self._picture.exists():
            make_picture(self._options.bin_dir, self._picture, *PICTURE_SIZE)

    def _server(self, case: Case) -> contextlib.AbstractContextManager[Server]:
        if case.server == OTHER:
            return contextlib.nullcontext(Server(self._options.url, self._options.pid))
        return running(case.server, self._options.bin_dir, case.settings)

    def _flags(self, case: Case) -> list[str]:
        if "{picture}" in case.flags:
            self._make_picture()
        flags = [flag.replace("{picture}", str(self._picture)) for flag in case.flags]
        flags += ["--duration", str(self._options.duration)]
        return lessened(flags) if self._options.quick else flags

    # The other server takes the place of ours, under the same load.
    def _other(self, scenario: Scenario) -> list[Case]:
        if not self._options.url:
            return []
        ours = next((case for case in scenario.cases if case.name == "gischat"), None)
        return [] if ours is None else [Case(OTHER, OTHER, ours.flags)]

    def _wants_of_other(self, scenario: Scenario) -> list[Want]:
        if not self._options.url:
            return []
        metrics = {want.metric: want for want in scenario.wants if want.case == "gischat"}
        return [
            Want(want.what, want.metric, against=OTHER, unit=want.unit, scale=want.scale)
            for want in metrics.values()
        ]

    def _keep(self, line: dict[str, object]) -> None:
        if self._options.out:
            with self._options.out.open("a") as file:
                print(json.dumps(line), file=file)


def lessened(flags: list[str]) -> list[str]:
    """The same load, smaller."""
    result = list(flags)
    for i, flag in enumerate(result[:-1]):
        if flag in QUICK_MOST:
            result[i + 1] = str(min(int(result[i + 1]), QUICK_MOST[flag]))
    return result


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gischat-bench-") as name:
        yield Path(name)


def main() -> int:
    options = arguments()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:18} {scenario.what}")
        return 0
    if options.pin != "free" and not SERVER_CORE | LOAD_CORE <= os.sched_getaffinity(0):
        print("pinning needs cores 0 and 1; --pin free does without", file=sys.stderr)
        return 2
    chosen = [s for s in SCENARIOS if not options.scenario or s.name in options.scenario]
    with _folder() as folder:
        suite = Suite(options, folder)
        try:
            for scenario in chosen:
                suite.run(scenario)
        except RunFailed as failure:
            suite.problems.append(str(failure))
            return 2
        finally:
            print(table(suite.rows))
            print("".join(f"WRONG: {problem}\n" for problem in suite.problems), end="")
    missed = [row for row in suite.rows if row.holds is False]
    return 1 if suite.problems or (missed and not options.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
