"""The background load: residents who stay and visitors who come and go, all in one thread.

Twenty residents, ten on each edge, every one with a nickname, over three channels and both APIs;
four visitors at a time, half of them with a nickname. Together they write 200 messages a second.
"""

from __future__ import annotations

import queue
import random
import selectors
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from messages import CHANNELS as CHANNELS_API
from messages import ROOMS as ROOMS_API

from checker import Findings, Order
from session import Figures, Session, State, pick_kind
from world import CHANNELS, CROWDED, Edge, World

T = TypeVar("T")

UNECHOED = "delivered, its sender closed before the echo"
RATE = 200.0  # messages per second
RESIDENTS_PER_EDGE = 10
VISITORS = 4
_TURN_SECONDS = 0.005
_CLAIM_PAUSE = 0.5  # after a nickname was refused
_IMAGE_PAUSE = 0.5  # images cost as much as a hundred texts


class Seat:
    """A resident's place: taken again whenever its connection ended for a good reason."""

    def __init__(self, number: int, edge: Edge) -> None:
        self.edge = edge
        self.channel = CHANNELS[number % len(CHANNELS)]
        self.api = (CHANNELS_API, ROOMS_API)[number // 2 % 2]
        self.name = f"resident-{number}"
        self.session: Session | None = None


class Load:
    """Runs from its making until stop()."""

    def __init__(self, world: World, seed: int) -> None:
        self.findings = Findings()
        self.figures = Figures()
        self.orders = {name: Order(name, self.findings) for name in (*CHANNELS, CROWDED)}
        self.seats = [Seat(number, edge) for edge in world.edges
                      for number in range(*_numbers_on(world, edge))]
        self.writing = False
        self.visiting = False
        self.again_allowed = False  # names may be announced a second time
        self.closed_edges: set[Edge] = set()  # nobody goes there
        self._world = world
        self._random = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[int, Session] = {}
        self._ended: list[Session] = []
        self._visits: dict[int, float] = {}  # session -> when it ends
        self._last_session = 0
        self._owed = 0.0
        self._last_turn = time.monotonic()
        self._next_image = 0.0
        self._asked: queue.Queue[Callable[[], None]] = queue.Queue()
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # For other threads

    def call(self, action: Callable[[], T]) -> T:
        """Runs an action in the thread of the load; gives what it returns."""
        if threading.current_thread() is self._thread:
            return action()
        answer: queue.Queue[T | BaseException] = queue.Queue()

        def run() -> None:
            try:
                answer.put(action())
            except BaseException as error:  # noqa: BLE001  (handed on)
                answer.put(error)

        self._asked.put(run)
        while True:
            try:
                result = answer.get(timeout=1.0)
            except queue.Empty:
                if not self._thread.is_alive():
                    raise AssertionError(f"the load has ended: {self._failure!r}") from None
                continue
            if isinstance(result, BaseException):
                raise result
            return result

    def stop(self) -> None:
        self._stopping = True
        self._thread.join()
        for session in self._sessions.values():
            session.socket.close()

    def begin_measuring(self) -> None:
        """New figures from now on."""

        def begin() -> None:
            self.figures = Figures()
            now = time.monotonic()
            for session in self._sessions.values():
                session.figures = self.figures
                session.last_heard = now

        self.call(begin)

    def set_active(self, active: bool) -> None:
        """Writing and visiting, or neither (visitors who are there stay)."""

        def change() -> None:
            self.writing = self.visiting = active
            self._last_turn = time.monotonic()
            for session in self._sessions.values():
                session.last_heard = self._last_turn

        self.call(change)

    def residents(self, edge: Edge | None = None) -> list[Session]:
        return [seat.session for seat in self.seats
                if seat.session is not None and edge in (None, seat.edge)]

    def open_sessions(self) -> list[Session]:
        return [session for session in self._sessions.values() if session.state == State.OPEN]

    def forsake(self, edge: Edge) -> None:
        """The edge is about to end: its connections may end, nobody connects to it."""

        def forsake() -> None:
            self.closed_edges.add(edge)
            for session in self._sessions.values():
                if session.edge is edge:
                    session.may_end = True

        self.call(forsake)

    def return_to(self, edge: Edge) -> None:
        """The edge is there again."""
        self.call(lambda: self.closed_edges.discard(edge))

    def connect(self, edge: Edge, channel: str, api: str = CHANNELS_API) -> Session:
        """One more connection. For the thread of the load."""
        self._last_session += 1
        view = self.orders[channel].join(f"session {self._last_session} on {edge.name}")
        session = Session(self._last_session, edge, channel, api, view, self.findings, self.figures)
        session.names.again_allowed = self.again_allowed
        self._sessions[session.number] = session
        session.on_ended = self._on_ended
        self._selector.register(session.socket, selectors.EVENT_READ | selectors.EVENT_WRITE,
                                session)
        return session

    def allow_names_again(self, allowed: bool) -> None:
        def change() -> None:
            self.again_allowed = allowed
            for session in self._sessions.values():
                session.names.again_allowed = allowed

        self.call(change)

    def close_books(self) -> None:
        """Everything has come to rest: what is missing now is lost. Forgets ended sessions."""

        def close() -> None:
            for order in self.orders.values():
                order.settle()
            for session in [*self._ended, *self._sessions.values()]:
                if session.state == State.ENDED:
                    self._check_farewell(session)
                else:
                    session.view.note_missing()
                    session.ledger.close()
            self._ended.clear()

        self.call(close)

    # In the thread of the load

    def _check_farewell(self, session: Session) -> None:
        """Whoever is closed in an orderly way has seen its messages, as far as they went."""
        order = self.orders[session.channel]
        for number in session.ledger.waiting if session.close_code == 1001 else ():
            if order.place_of((session.number, number)) is not None:
                words = f"{session.label}: number {number}"
                self.findings.add(UNECHOED, words)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        except BaseException as error:
            self._failure = error
            raise

    def _turn(self) -> None:
        while not self._asked.empty():
            self._asked.get()()
        now = time.monotonic()
        self._fill_seats(now)
        self._visit(now)
        self._write(now)
        for session in list(self._sessions.values()):
            session.check_join(now)
            self._care_for(session)
        for key, events in self._selector.select(_TURN_SECONDS):
            session = key.data
            if events & selectors.EVENT_WRITE and session.state != State.ENDED:
                session.on_writable()
            if events & selectors.EVENT_READ and session.state != State.ENDED:
                session.on_readable()

    def _care_for(self, session: Session) -> None:
        if session.state == State.ENDED:
            return
        events = selectors.EVENT_READ
        if session.wants_to_write():
            events |= selectors.EVENT_WRITE
        if self._selector.get_key(session.socket).events != events:
            self._selector.modify(session.socket, events, session)

    def _on_ended(self, session: Session) -> None:
        self._selector.unregister(session.socket)
        self._visits.pop(session.number, None)
        del self._sessions[session.number]
        self._ended.append(session)

    def _fill_seats(self, now: float) -> None:
        for seat in self.seats:
            ended = seat.session is None or seat.session.state == State.ENDED
            if ended and seat.edge not in self.closed_edges:
                seat.session = self.connect(seat.edge, seat.channel, seat.api)
            session = seat.session
            if session is None or session.state != State.OPEN or session.name or session.wanted:
                continue
            if session.count is not None and now - session.refused_at > _CLAIM_PAUSE:
                session.register(seat.name)

    def _visit(self, now: float) -> None:
        for number, end in list(self._visits.items()):
            session = self._sessions.get(number)
            if session is not None and now > end and self.visiting:
                session.leave()
        if not self.visiting or len(self._visits) >= VISITORS:
            return
        edges = [edge for edge in self._world.edges if edge not in self.closed_edges]
        if not edges:
            return
        session = self.connect(
            self._random.choice(edges), self._random.choice(CHANNELS),
            self._random.choice((CHANNELS_API, ROOMS_API)),
        )
        self._visits[session.number] = now + self._random.uniform(1.0, 4.0)
        if session.number % 2:
            session.register(f"visitor-{session.number}")

    def _write(self, now: float) -> None:
        self._owed += RATE * (now - self._last_turn) if self.writing else 0.0
        self._last_turn = now
        if self._owed < 1.0:
            return
        # A rest after a delay of our own, not a burst that nobody would send.
        due, self._owed = min(int(self._owed), 50), self._owed % 1.0
        writers = [session for session in self._sessions.values()
                   if session.state == State.OPEN and session.channel != CROWDED]
        for _ in range(due if writers else 0):
            session = self._random.choice(writers)
            kind = pick_kind(self._random, session.name is not None)
            if kind == "image":
                kind = "image" if now >= self._next_image else "text"
                self._next_image = max(self._next_image, now + _IMAGE_PAUSE)
            session.write(kind)


def _numbers_on(world: World, edge: Edge) -> tuple[int, int]:
    first = world.edges.index(edge) * RESIDENTS_PER_EDGE
    return first, first + RESIDENTS_PER_EDGE
