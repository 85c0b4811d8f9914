"""What clients saw, held against what has to hold. Pure: no sockets, no clocks.

A message is (writer, number): the session that sent it and its place among what it sent. Every
session has a View, which is told each message as it arrives. All views of a channel have to be
stretches of one order, found as the views report: whoever is ahead extends it. Where the first
message of a view stands is known when it has reached others, unless there are none. What does not
fit is a fault at once:

  lost          the view goes on behind a message that others saw
  doubled       the view had the message before
  out of order  a message comes after others that it precedes, in the order or of its own writer

Every sender has a Ledger: each message that it sent is answered by its echo or by a refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

Message = tuple[int, int]  # writer, number

_REMEMBERED = 50_000  # messages of a channel that may be looked back to
_TOLD = 20  # faults kept in words


@dataclass
class Findings:
    """What was found since the last look."""

    faults: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)

    def add(self, kind: str, words: str, times: int = 1) -> None:
        self.faults[kind] += times
        if len(self.words) < _TOLD:
            self.words.append(f"{kind}: {words}")

    def take_back(self, kind: str, times: int = 1) -> None:
        """A fault turned out to be another one."""
        self.faults[kind] -= times


class Order:
    """The one order of a channel."""

    def __init__(self, name: str, findings: Findings) -> None:
        self.name = name
        self.findings = findings
        self.views: set[View] = set()
        self._strangers: dict[Message, list[View]] = {}  # views by their first message, not known
        self._places: dict[Message, int] = {}
        self._messages: dict[int, Message] = {}
        self.length = 0
        self._kept_from = 0

    def join(self, label: str) -> View:
        """A view that begins wherever its first message stands."""
        view = View(self, label)
        self.views.add(view)
        return view

    def place_of(self, message: Message) -> int | None:
        return self._places.get(message)

    def message_at(self, place: int) -> Message | None:
        return self._messages.get(place)

    def append(self, message: Message) -> int:
        place = self.length
        self._places[message] = place
        self._messages[place] = message
        self.length += 1
        if self.length - self._kept_from > 2 * _REMEMBERED:
            self._forget(self.length - _REMEMBERED)
        for view in self._strangers.pop(message, []):
            view.find_place()
        return place

    def has_anchored_views(self) -> bool:
        """Whether any view tells where messages stand."""
        return any(view.next is not None for view in self.views)

    def wait_for(self, message: Message, view: View) -> None:
        self._strangers.setdefault(message, []).append(view)

    def stragglers(self) -> list[View]:
        """Views that have not seen everything yet, or whose messages no other has seen."""
        return [view for view in self.views if view.missing or view.is_stranger]

    def leave(self, view: View) -> None:
        """One view less; when nobody is left who knows, the next one begins the order anew."""
        self.views.discard(view)
        if view.is_stranger:
            self._strangers = {
                message: [other for other in views if other is not view]
                for message, views in self._strangers.items()
            }
        if not self.has_anchored_views():
            self.settle()

    def settle(self) -> None:
        """Nobody will say any more where the strangers stand: they do it themselves."""
        for views in list(self._strangers.values()):
            for view in views:
                if view.is_stranger:
                    view.find_place()
        self._strangers.clear()

    def _forget(self, before: int) -> None:
        for place in range(self._kept_from, before):
            self._places.pop(self._messages.pop(place), None)
        self._kept_from = before


class View:
    """What one session sees of its channel."""

    def __init__(self, order: Order, label: str) -> None:
        self.label = label
        self.next: int | None = None  # place of the next message; None: nothing seen yet
        self.seen = 0
        self._joined_at: int | None = None
        self._order = order
        self._last_of_writer: dict[int, int] = {}
        self._holes: set[int] = set()
        self._waiting: list[Message] = []  # until the first one's place is known

    def see(self, message: Message) -> bool:
        """Takes the next message; False when it was there before."""
        place = self._order.place_of(message)
        writer, number = message
        if number <= self._last_of_writer.get(writer, 0):
            self._note_old(message, place)
            return False
        self._last_of_writer[writer] = number
        self.seen += 1
        if self._waiting or self._is_first_and_unknown(place):
            if not self._waiting:
                self._order.wait_for(message, self)
            self._waiting.append(message)
        else:
            self._take_its_place(message)
        return True

    @property
    def is_stranger(self) -> bool:
        """It has seen messages, and where they stand is not known yet."""
        return len(self._waiting) > 0

    def find_place(self) -> None:
        """Where its first message stands is known now, or for it to say."""
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._take_its_place(message)

    def _is_first_and_unknown(self, place: int | None) -> bool:
        return self.next is None and place is None and self._order.has_anchored_views()

    def _take_its_place(self, message: Message) -> None:
        place = self._order.place_of(message)
        if place is None:
            place = self._order.length
            if self.next is None:
                self.next = place
            self._extend(message, place)
            return
        if self.next is None or place == self.next:
            self.next = place + 1
        elif place > self.next:
            self._note_hole(message, place)
        elif place in self._holes:
            self._note_late(message, place)
        else:  # before its first message, in the order that others saw
            self._fault("out of order", f"{message} at {place}, {self._around(place)}")

    def _extend(self, message: Message, place: int) -> None:
        assert self.next is not None
        if place > self.next:
            self._note_hole(message, place)
        self.next = place + 1
        self._order.append(message)

    def joined(self) -> None:
        """The session is in the channel: whatever comes from now on it has to see."""
        if self._joined_at is None:
            self._joined_at = self._order.length

    @property
    def missing(self) -> int:
        """Messages at the end that others saw."""
        begin = self._joined_at if self.next is None else self.next
        return 0 if begin is None or self.is_stranger else self._order.length - begin

    def leave(self) -> None:
        """The session has ended: what it has not seen it need not see."""
        self._order.leave(self)

    def note_missing(self) -> None:
        """Nothing more is to come: what is still missing is lost."""
        if missing := self.missing:
            first = self._order.message_at(self._order.length - missing)
            self._fault("lost", f"{missing} at the end from {first} on", missing)
            self.next = self._order.length

    def _note_old(self, message: Message, place: int | None) -> None:
        if place is not None and place in self._holes:
            return self._note_late(message, place)
        if place is not None and self.next is not None and place >= self.next:
            return self._fault("out of order", f"{message}, its writer is further already")
        self._fault("doubled", f"{message} at {place}")

    def _note_hole(self, message: Message, place: int) -> None:
        assert self.next is not None
        missing = range(self.next, place)
        self._holes.update(missing)
        first = self._order.message_at(self.next)
        words = f"{len(missing)} from {first} on, before {message}"
        self._fault("lost", words, len(missing))
        self.next = place + 1

    def _note_late(self, message: Message, place: int) -> None:
        self._holes.discard(place)
        self._order.findings.take_back("lost")
        self._fault("out of order", f"{message} late, {self._around(place)}")

    def _around(self, place: int) -> str:
        near = [self._order.message_at(at) for at in range(place - 1, place + 2)]
        return f"others saw {near}, here {self.next} is next"

    def _fault(self, kind: str, words: str, times: int = 1) -> None:
        self._order.findings.add(kind, f"{self._order.name}, {self.label}: {words}", times)


class Ledger:
    """What a session sent, and what became of it."""

    def __init__(self, label: str, findings: Findings) -> None:
        self.label = label
        self.waiting: dict[int, float] = {}  # number -> when it was sent
        self.echoed = 0
        self.refused = 0  # told: not delivered
        self.unknown = 0  # told: may not have been delivered
        self._findings = findings

    def send(self, number: int, now: float) -> None:
        self.waiting[number] = now

    def echo(self, number: int, now: float) -> float | None:
        """Seconds that the echo took; None when it was not waited for."""
        sent = self.waiting.pop(number, None)
        if sent is None:
            return None
        self.echoed += 1
        return now - sent

    def refuse(self, reason: str) -> None:
        """An answer that is no echo."""
        if "may not have been delivered" in reason:
            self.unknown += 1
        elif "not delivered" in reason:
            self.refused += 1
        else:
            self._findings.add("odd refusal", f"{self.label}: {reason}")

    @property
    def unanswered(self) -> int:
        """Messages that are still owed an answer."""
        return max(0, len(self.waiting) - self.refused - self.unknown)

    def close(self) -> None:
        """Nothing more is to come, and everybody has seen everything."""
        if self.unanswered:
            first = min(self.waiting, default=0)
            words = f"{self.label}: {self.unanswered}, the first is number {first}"
            self._findings.add("unanswered", words, self.unanswered)
        if len(self.waiting) < self.refused:
            words = f"{self.label}: {self.refused} refused, only {len(self.waiting)} not seen"
            self._findings.add("told no, yet delivered", words)
        self.waiting.clear()
        self.refused = self.unknown = 0


class Membership:
    """Who is registered, as one session is told by newcomers and exiters."""

    def __init__(self, label: str, findings: Findings) -> None:
        self.label = label
        self.present: set[str] = set()
        self.exits: Counter[str] = Counter()
        self.again_allowed = False  # names may be announced again, after everything was lost
        self._findings = findings

    def newcomer(self, name: str) -> None:
        if name in self.present and not self.again_allowed:
            self._findings.add("newcomer twice", f"{self.label}: {name}")
        self.present.add(name)

    def exiter(self, name: str) -> None:
        self.exits[name] += 1
        self.present.discard(name)

    def ghosts(self, living: Iterable[str]) -> set[str]:
        """Names that this session takes for present though they are gone."""
        return self.present - set(living)
