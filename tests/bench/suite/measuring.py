"""One measurement: load on a server, and what came of it as named numbers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import Server, redis_info

Numbers = dict[str, float]
# Beyond what the flags of a run ask for: connecting, draining, patience.
GRACE_SECONDS = 900
BACKGROUND_SECONDS = 2.0
COUNT_SECONDS = 0.1  # between two looks at what Redis has done

FAULTS = (
    "lost",
    "doubled",
    "misordered",
    "misrouted",
    "other_order",
    "closed",
    "newcomers_lost",
    "newcomers_doubled",
    "newcomers_misrouted",
    "join_failures",
)


class RunFailed(Exception):
    """A run that could not be made at all."""


@dataclass(frozen=True)
class RedisCount:
    """How many commands Redis had done at a moment of the monotonic clock, those inside of scripts
    and the question itself too."""

    at: float
    commands: float


def put_load(bin_dir: Path, server: Server, flags: Sequence[str]) -> tuple[Numbers, list[str]]:
    """Runs gischat-load; its numbers, and what was wrong in words."""
    command = [str(bin_dir / "gischat-load")]
    for url in server.urls:
        command += ["--url", url]
    for pid in server.pids:
        command += ["--pid", str(pid)]
    background = _redis_background(server)
    threads_before = _threads_of(server.pids)
    with _redis_watched(server) as counts:
        report = _run([*command, *flags])
    numbers = flat(report)
    add_derived(numbers)
    _add_balance(threads_before, _threads_of(server.pids), numbers)
    if counts and numbers.get("sent_per_second"):
        began, seconds = numbers["began"], numbers["seconds"]
        rate = commands_per_second(counts, began, began + seconds) - background
        numbers["redis_commands_per_message"] = rate / numbers["sent_per_second"]
    return numbers, problems_of(report)


def _run(command: Sequence[str]) -> dict[str, Any]:
    run = subprocess.run(command, capture_output=True, text=True, timeout=GRACE_SECONDS)
    if run.returncode not in (0, 1) or not run.stdout:
        raise RunFailed(run.stderr.strip() or f"gischat-load ended with {run.returncode}")
    return json.loads(run.stdout)


def measure_pictures(bin_dir: Path, picture: Path, seconds: float) -> Numbers:
    """What Magick++ alone does with a picture; under the names that gischat-load uses."""
    command = [bin_dir / "gischat-image-yardstick", "run", picture, "800", str(seconds)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=GRACE_SECONDS)
    if run.returncode != 0:
        raise RunFailed(run.stderr.strip())
    report = json.loads(run.stdout)
    return {
        "deliveries_per_second": report["per_second"],
        "server_cpu_us_per_delivery": report["cpu_seconds_each"] * 1e6,
    }


def make_picture(bin_dir: Path, path: Path, width: int, height: int) -> None:
    """Writes a JPEG with the detail of a photo."""
    command = [bin_dir / "gischat-image-yardstick", "make", path, str(width), str(height)]
    subprocess.run([str(part) for part in command], check=True, timeout=GRACE_SECONDS)


def flat(report: dict[str, Any]) -> Numbers:
    """All numbers, with those of inner objects as `outer.inner`; lists are left out."""
    numbers: Numbers = {}
    for key, value in report.items():
        if isinstance(value, dict):
            numbers.update({f"{key}.{inner}": v for inner, v in flat(value).items()})
        elif isinstance(value, bool | int | float):
            numbers[key] = float(value)
    return numbers


def problems_of(report: dict[str, Any]) -> list[str]:
    """What was wrong with a run, and what makes it say little."""
    problems = [f"{name} {report[name]}" for name in FAULTS if report.get(name)]
    if report.get("unpublished", 0) > report.get("refusals", 0):
        problems.append(f"unpublished {report['unpublished']}")
    if report.get("refusals"):
        problems.append(f"refusals {report['refusals']}: {report['first_refusal'][:100]}")
    if report.get("first_join_failure"):
        problems.append(report["first_join_failure"][:100])
    return problems


def add_derived(numbers: Numbers) -> None:
    """Numbers that are made of those that gischat-load tells."""
    if rate := numbers.get("deliveries_per_second"):
        numbers["us_per_delivery"] = 1e6 / rate
    if stalled := numbers.get("stalled"):
        grown = numbers["server_most_above_begin_mib"]
        numbers["mib_per_stalled"] = grown / stalled


def _threads_of(pids: Sequence[int]) -> dict[tuple[int, str], int]:
    """Processor time of each thread so far, in ns."""
    times = {}
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                times[(pid, task.name)] = int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue  # it has ended
    return times


def _add_balance(
    before: dict[tuple[int, str], int], after: dict[tuple[int, str], int], numbers: Numbers
) -> None:
    """How much more the busiest thread did than the one after it."""
    spent = sorted((after[thread] - before.get(thread, 0) for thread in after), reverse=True)
    if len(spent) > 1 and spent[1] > 0:
        numbers["busiest_thread_to_next"] = spent[0] / spent[1]


def commands_per_second(counts: Sequence[RedisCount], began: float, ended: float) -> float:
    """What Redis did between two moments, without the counting itself."""
    inside = [count for count in counts if began <= count.at <= ended]
    if len(inside) < 2:
        raise RunFailed("too short to count the commands of Redis")
    first, last = inside[0], inside[-1]
    counting = len(inside) - 1
    return (last.commands - first.commands - counting) / (last.at - first.at)


@contextlib.contextmanager
def _redis_watched(server: Server) -> Iterator[list[RedisCount]]:
    """Counts what Redis does meanwhile; the list is empty without one."""
    counts: list[RedisCount] = []
    port, over = server.redis_port, threading.Event()
    if port is None:
        yield counts
        return

    def watch() -> None:
        while not over.wait(COUNT_SECONDS):
            counts.append(_redis_count(port))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()


def _redis_count(port: int) -> RedisCount:
    commands = float(redis_info(port)["total_commands_processed"])
    return RedisCount(time.monotonic(), commands)


def _redis_background(server: Server) -> float:
    """Commands a second while nothing happens: heartbeats and leases."""
    began = time.monotonic()
    with _redis_watched(server) as counts:
        if server.redis_port is None:
            return 0
        time.sleep(BACKGROUND_SECONDS)
    return commands_per_second(counts, began, time.monotonic())
