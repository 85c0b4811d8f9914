#!/usr/bin/env python3
"""Faults for as long as one likes: each again and again, then everything at once.

chaos.py MINUTES --bin-dir DIR [--seed N] [--only each|storm] [--logs DIR]

Half of the time goes to the faults of run.py, in an order drawn anew for every round, and to a
client that stops reading; the other half to all faults at random and at once, looked at every
minute. Prints its seed first, and at the end a table with how often each fault was held and its
worst figures. Ends with 1 when anything did not hold.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "conformance"))

from faults import all_faults  # noqa: E402
from run import layout_key, show  # noqa: E402
from scene import Report, Scene  # noqa: E402
from storm import Storm  # noqa: E402
from world import Layout  # noqa: E402

# Last: it puts folders in front of ours, in which there are modules of the same name.
sys.path.append(str(Path(__file__).resolve().parent.parent))
from bounds import in_one_of_rounds, stalled  # noqa: E402

STRETCH_SECONDS = 60.0
GROWTH_FACTOR, GROWTH_BYTES = 1.25, 16 << 20
STALL = "one client stops reading"


@dataclass
class Tally:
    """What came of a fault over all rounds."""

    reports: list[Report] = field(default_factory=list)

    def line(self, name: str) -> str:
        held = sum(not report.problems for report in self.reports)
        figures = [report.figures for report in self.reports]
        return (
            f"| {name} | {held} of {len(self.reports)} | {sum(f.sent for f in figures)} "
            f"| {sum(f.deliveries for f in figures)} | {sum(r.lost for r in self.reports)} "
            f"| {sum(f.refused for f in figures)} + {sum(f.unknown for f in figures)} "
            f"| {max(f.longest_answer for f in figures):.1f} s "
            f"| {max(f.longest_silence for f in figures):.1f} s "
            f"| {max(r.seconds_to_counts for r in self.reports):.1f} s |"
        )


class Chaos:
    """One run."""

    def __init__(self, bin_dir: Path, seed: int, logs: Path) -> None:
        self.held = True
        self._bin_dir = bin_dir
        self._random = random.Random(seed)
        self._logs = logs
        self._tallies: dict[str, Tally] = {}
        self._stalls: list[bool] = []  # whether each was held

    def repeat_each(self, deadline: float) -> None:
        """Rounds of all faults while there is time; at least one."""
        while True:
            self._stall_one()
            faults = all_faults()
            self._random.shuffle(faults)
            faults.sort(key=layout_key)
            groups = [list(g) for _, g in itertools.groupby(faults, lambda f: f.layout)]
            self._random.shuffle(groups)
            for group in groups:
                self._suffer(group[0].layout, group)
                if time.monotonic() > deadline:
                    return

    def storm(self, deadline: float) -> None:
        """Everything at once, in stretches of a minute; the survivors' memory has to stay flat."""
        scene = Scene(self._bin_dir, Storm.layout, self._random.randrange(1 << 30))
        memory: list[dict[str, int]] = []
        held = True
        try:
            while not memory or time.monotonic() < deadline:
                left = max(5.0, min(STRETCH_SECONDS, deadline - time.monotonic()))
                held &= self._take(scene.suffer(Storm(left, self._random)))
                memory.append({member.name: member.resident_bytes()
                               for member in scene.world.members if member.name.endswith("2")})
            self._check_memory(memory)
        except BaseException:
            held = False
            raise
        finally:
            self._end(scene, held)

    def summarise(self) -> None:
        print("\n| fault | held | messages | deliveries | lost | refused + unknown "
              "| slowest answer | longest silence | counts right within |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, tally in self._tallies.items():
            print(tally.line(name))
        if self._stalls:
            print(f"\n{STALL}: {sum(self._stalls)} of {len(self._stalls)} held")
        print("everything held" if self.held else "FAILED: not everything held")

    def _suffer(self, layout: Layout, faults: list) -> None:  # type: ignore[type-arg]
        scene = Scene(self._bin_dir, layout, self._random.randrange(1 << 30))
        held = False
        try:
            held = all([self._take(scene.suffer(fault)) for fault in faults])
        finally:
            self._end(scene, held)

    def _stall_one(self) -> None:
        """In a deployment of its own: what it is about is large, and slows down every other load."""
        try:
            figures, held = in_one_of_rounds(stalled, self._bin_dir), True
        except AssertionError as error:
            figures, held = str(error), False
        print(f"{'held' if held else 'FAILED':6} {STALL:34} {figures}", flush=True)
        self._stalls.append(held)
        self.held &= held

    def _take(self, report: Report) -> bool:
        show(report)
        self._tallies.setdefault(report.name, Tally()).reports.append(report)
        self.held &= not report.problems
        return not report.problems

    def _end(self, scene: Scene, held: bool) -> None:
        problems = scene.stop()
        for problem in problems:
            print(f"FAILED {problem}")
        self.held &= held and not problems
        if not held or problems:
            folder = self._logs / time.strftime("%H%M%S")
            scene.world.write_logs(folder)
            print(f"logs: {folder}", flush=True)

    def _check_memory(self, memory: list[dict[str, int]]) -> None:
        """No larger in the second half than the first half has made it."""
        half = (len(memory) + 1) // 2
        for name in memory[0]:
            course = ", ".join(f"{stretch[name] / 1e6:.0f}" for stretch in memory)
            print(f"memory of {name}, MB after each minute: {course}", flush=True)
            peak = max(stretch[name] for stretch in memory[:half])
            if memory[-1][name] > peak * GROWTH_FACTOR + GROWTH_BYTES:
                self.held = False
                print(f"FAILED {name} grew")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--bin-dir", type=Path, required=True, help="folder of the programs")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--only", choices=("each", "storm"), help="one half, for the whole time")
    parser.add_argument("--logs", type=Path, help="folder for logs when something does not hold")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end what was started
    print(f"seed {options.seed}", flush=True)
    logs = options.logs or Path(tempfile.mkdtemp(prefix="gischat-chaos-"))
    chaos = Chaos(options.bin_dir.resolve(), options.seed, logs)
    now, whole = time.monotonic(), options.minutes * 60
    try:
        if options.only != "storm":
            chaos.repeat_each(now + (whole if options.only == "each" else whole / 2))
        if options.only != "each":
            chaos.storm(now + whole)
    finally:
        chaos.summarise()
    return 0 if chaos.held else 1


if __name__ == "__main__":
    sys.exit(main())
