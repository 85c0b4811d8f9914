#!/usr/bin/env python3
"""Runs fuzz targets for some seconds each, and says how many executions that was.

Starts from the seeds beside this file. New inputs that reach further are thrown away, or kept in
the folder of --keep, from which a later run goes on. What breaks a promise is kept in
BUILD_DIR/findings, with the command that repeats it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent

# By the wall clock: one input that takes so long hangs. What takes too much processor time is found
# by the target itself (libfuzzer.cc). The tests' own limit (CMakeLists.txt) is longer than this and
# half of it, which is when libFuzzer looks at last.
SECONDS_PER_INPUT = 90

# Bytes of the largest inputs that are made up, where the default of 4096 is not what it takes.
LARGEST_INPUTS = {"lax_numbers": 256, "image": 2048, "http_request": 8192, "websocket": 8192}

# What libFuzzer ends with when somebody stops it.
INTERRUPTED = 72

# Whose server keeps timers from one input to the next, which would set off a search for leaks after
# most inputs. The replay in the preset asan searches once at its end.
STATEFUL = {"http_request", "websocket"}


@dataclass
class Outcome:
    target: str
    executions: int
    seconds: float
    coverage: str
    status: int
    log: str


def all_targets() -> list[str]:
    return sorted(path.name for path in (HERE / "corpus").iterdir() if path.is_dir())


def command(target: str, build_dir: pathlib.Path, seconds: int, corpora: list[pathlib.Path]
            ) -> list[str]:
    arguments = [str(build_dir / "bin" / f"fuzz_{target}"), f"-max_total_time={seconds}",
                 f"-timeout={SECONDS_PER_INPUT}", "-rss_limit_mb=2048", "-print_final_stats=1",
                 "-entropic_scale_per_exec_time=1",
                 f"-artifact_prefix={build_dir / 'findings' / target}-"]
    if target in LARGEST_INPUTS:
        arguments.append(f"-max_len={LARGEST_INPUTS[target]}")
    if target in STATEFUL:
        arguments.append("-detect_leaks=0")
    dictionary = HERE / f"{target}.dict"
    if dictionary.exists():
        arguments.append(f"-dict={dictionary}")
    return arguments + [str(corpus) for corpus in corpora]


def run(target: str, build_dir: pathlib.Path, seconds: int, keep: pathlib.Path | None) -> Outcome:
    (build_dir / "findings").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        grown = keep / target if keep else pathlib.Path(scratch) / "corpus"
        grown.mkdir(parents=True, exist_ok=True)
        arguments = command(target, build_dir, seconds, [grown, HERE / "corpus" / target])
        began = time.monotonic()
        done = subprocess.run(arguments, cwd=scratch, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                              check=False)
        took = time.monotonic() - began
    executions = re.search(r"stat::number_of_executed_units: (\d+)", done.stdout)
    coverage = re.findall(r"cov: \d+ ft: \d+", done.stdout)
    return Outcome(target, int(executions[1]) if executions else 0, took,
                   coverage[-1] if coverage else "", done.returncode, done.stdout)


def tell(outcome: Outcome, build_dir: pathlib.Path) -> None:
    rate = outcome.executions / max(outcome.seconds, 0.001)
    print(f"{outcome.target:<18} {outcome.executions:>11,} executions in {outcome.seconds:4.0f} s "
          f"({rate:,.0f}/s), {outcome.coverage}", flush=True)
    if outcome.status == INTERRUPTED:
        print(f"{outcome.target} was interrupted")
    if outcome.status in (0, INTERRUPTED):
        return
    print("\n".join(outcome.log.splitlines()[-60:]))
    found = re.search(r"Test unit written to (\S+)", outcome.log)
    if found:
        print(f"\nTo repeat it: {build_dir / 'bin' / ('fuzz_' + outcome.target)} {found[1]}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for inputs that reach further")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(all_targets())}; none: all")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(all_targets())
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(all_targets())}")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    build_dir = arguments.build_dir.resolve()
    keep = arguments.keep.resolve() if arguments.keep else None
    targets = arguments.targets or all_targets()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = [pool.submit(run, target, build_dir, arguments.seconds, keep)
                for target in targets]
        outcomes = []
        for finished in concurrent.futures.as_completed(runs):
            outcomes.append(finished.result())
            tell(outcomes[-1], build_dir)
    total = sum(outcome.executions for outcome in outcomes)
    broken = sorted(outcome.target for outcome in outcomes
                    if outcome.status not in (0, INTERRUPTED))
    if len(outcomes) > 1 or broken:
        print(f"{total:,} executions; " + (f"broken: {', '.join(broken)}" if broken else "all held"))
    return 0 if all(outcome.status == 0 and outcome.executions > 0 for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
