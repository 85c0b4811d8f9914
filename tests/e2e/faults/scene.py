"""A deployment under load to which faults happen, and the verdict on each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from http_client import ConnectionEnded, request
from processes import wait_until

from crowd import Crowd
from load import UNECHOED, Load
from session import Figures
from world import CHANNELS, CROWDED, Edge, Layout, World

WARM_UP_SECONDS = 1.5
AFTERMATH_SECONDS = 1.0
REST_SECONDS = 20.0  # until everything is answered and seen
COUNTS_SECONDS = 10.0

LOST = "lost"


@dataclass(frozen=True)
class Promise:
    """What need not hold during a fault. By default everything does."""

    may_lose: bool = False  # messages that nobody could keep; they are counted
    may_refuse: bool = False  # senders may be told no, or that the outcome is unknown
    names_again: bool = False  # nicknames may be announced a second time


class Fault(Protocol):
    """Something that happens to a deployment, and is over when strike() returns."""

    name: str
    layout: Layout
    promise: Promise

    def strike(self, scene: Scene) -> None:
        """Makes it happen and heals it; AssertionError for what does not hold meanwhile."""


@dataclass
class Report:
    """What came of one fault."""

    name: str
    figures: Figures
    problems: list[str] = field(default_factory=list)
    lost: int = 0
    seconds_to_rest: float = 0.0  # from the end of the load
    seconds_to_counts: float = 0.0
    notes: list[str] = field(default_factory=list)  # figures of this fault only

    def line(self) -> str:
        figures = self.figures
        words = [
            f"{'FAILED' if self.problems else 'held':6} {self.name:34}",
            f"{figures.sent:5} sent, {figures.deliveries:6} delivered, {self.lost} lost,",
            f"{figures.refused} refused, {figures.unknown} unknown,",
            f"slowest answer {figures.longest_answer:.2f} s,",
            f"longest silence {figures.longest_silence:.2f} s,",
            f"{figures.joins} joins (slowest {figures.longest_join:.2f} s),",
            f"counts right after {self.seconds_to_counts:.1f} s",
        ]
        return " ".join(words) + "".join(f"; {note}" for note in self.notes)


@dataclass
class Living:
    """Who is really there, in one channel."""

    connections: int
    names: list[str]


class Scene:
    """One deployment and its load."""

    def __init__(self, bin_dir: Path, layout: Layout, seed: int) -> None:
        self.world = World(bin_dir, layout)
        self.load = Load(self.world, seed)
        self.crowd: Crowd | None = None  # clients besides those of the load
        self.notes: list[str] = []

    def stop(self) -> list[str]:
        self.load.stop()
        return self.world.stop()

    # What faults are made of

    def go(self, seconds: float) -> None:
        """Lets the load go on for a while: the length of a fault, not a wait for anything."""
        time.sleep(seconds)

    def until(self, condition: Callable[[], bool], what: str, timeout: float) -> float:
        """Waits until something holds; gives the seconds that it took."""
        began = time.monotonic()
        wait_until(condition, what, timeout)
        return time.monotonic() - began

    def note(self, words: str) -> None:
        """Adds a figure to the report of the fault."""
        self.notes.append(words)

    def other_edge(self, edge: Edge) -> Edge:
        return next(other for other in self.world.edges if other is not edge)

    # A fault from begin to verdict

    def suffer(self, fault: Fault) -> Report:
        """Lets a fault happen under load, and says what came of it."""
        self.notes = []
        self.load.allow_names_again(fault.promise.names_again)
        self.load.set_active(True)
        problems: list[str] = []
        try:
            self.until(self._residents_are_named, "every resident has its nickname", 15)
            self.go(WARM_UP_SECONDS)
            self.load.begin_measuring()
            fault.strike(self)
            self.go(AFTERMATH_SECONDS)
        except AssertionError as error:
            problems.append(str(error))
        return self._conclude(fault, problems)

    def _conclude(self, fault: Fault, problems: list[str]) -> Report:
        self.load.set_active(False)
        report = Report(fault.name, self.load.figures, problems, notes=self.notes)
        try:
            report.seconds_to_rest = self.until(self._is_at_rest, "", REST_SECONDS)
        except AssertionError:
            pass  # the books say what is missing
        if fault.promise.may_lose:
            self._forget_missed_exits()
        try:
            report.seconds_to_counts = self.until(
                lambda: not self.wrong_counts(), "", COUNTS_SECONDS
            )
        except AssertionError:
            problems += self.wrong_counts()
        self.load.close_books()
        findings = self.load.findings
        report.lost = findings.faults[LOST]
        kinds = {kind: times for kind, times in findings.faults.items() if times}
        if fault.promise.may_lose:
            kinds.pop(LOST, None)
        if fault.promise.may_refuse:
            kinds.pop(UNECHOED, None)
        problems += [f"{times} {kind}" for kind, times in kinds.items()]
        problems += findings.words if kinds else []
        findings.faults.clear()
        findings.words.clear()
        figures = report.figures
        if not fault.promise.may_refuse and figures.refused + figures.unknown:
            problems.append(f"{figures.refused} refused, {figures.unknown} with unknown outcome")
            problems += [f"{times} x {reason}" for reason, times in figures.reasons.items()]
        problems += self.world.crashed()
        return report

    def _forget_missed_exits(self) -> None:
        """Exiters may have been lost like every other message."""

        def forget() -> None:
            for session in self.load.open_sessions():
                session.names.present.intersection_update(
                    self.living(session.channel).names)

        self.load.call(forget)

    def _residents_are_named(self) -> bool:
        return self.load.call(
            lambda: all(seat.session is not None and seat.session.name == seat.name
                        for seat in self.load.seats if seat.edge not in self.load.closed_edges)
        )

    def _is_at_rest(self) -> bool:
        """Everything is answered, and everybody has seen everything."""

        def look() -> bool:
            sessions = self.load.open_sessions()
            return (
                not any(session.ledger.unanswered or session.wanted for session in sessions)
                and not any(order.stragglers() for order in self.load.orders.values())
            )

        return self.load.call(look) and self._residents_are_named()

    # Who is there

    def living(self, channel: str) -> Living:
        """Who is connected to a channel."""

        def look() -> Living:
            there = [s for s in self.load.open_sessions() if s.channel == channel]
            living = Living(len(there), sorted(s.name for s in there if s.name is not None))
            if self.crowd is not None and channel == CROWDED:
                living.connections += len(self.crowd.members)
                living.names = sorted(living.names + self.crowd.names)
            return living

        return self.load.call(look)

    def wrong_counts(self, edges: list[Edge] | None = None) -> list[str]:
        """Where edges or clients believe something else about who is there."""
        wrong = []
        for channel in (*CHANNELS, CROWDED):
            living = self.living(channel)
            for edge in edges or self.world.edges:
                wrong += self.wrong_at(edge, channel, living)
            wrong += self.load.call(lambda: self._wrong_among_clients(channel, living))
        return wrong

    def wrong_at(self, edge: Edge, channel: str, living: Living) -> list[str]:
        try:
            status = request(edge.address, "GET", "/status", timeout=2)
            users = request(edge.address, "GET", f"/channel/{quote(channel)}/users", timeout=2)
        except (OSError, ConnectionEnded) as error:
            return [f"{edge.name} does not answer: {error}"]
        if (status.status, users.status) != (200, 200):
            return [f"{edge.name}: /status is {status.status} {status.text[:200]}, "
                    f"users of {channel} {users.status}"]
        entries = status.json()["channels"]
        count = next(e["nb_connected_users"] for e in entries if e["name"] == channel)
        wrong = []
        if count != living.connections:
            wrong.append(f"{edge.name} counts {count} in {channel}, there are {living.connections}")
        if sorted(users.json()) != living.names:
            odd = sorted(set(users.json()) ^ set(living.names))
            wrong.append(f"{edge.name}: users of {channel} differ in {odd}")
        return wrong

    def _wrong_among_clients(self, channel: str, living: Living) -> list[str]:
        wrong = []
        for session in self.load.open_sessions():
            if session.channel != channel:
                continue
            if session.count != living.connections:
                words = f"{session.count} in {channel}, there are {living.connections}"
                wrong.append(f"{session.label} was told {words}")
            if ghosts := session.names.ghosts(living.names):
                wrong.append(f"{session.label} was not told that {sorted(ghosts)} left")
        return wrong
