"""Every fault: what happens, how it is healed, and what must hold meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from crowd import Crowd
from scene import Promise, Scene
from session import Session
from world import CROWDED, DRAIN_SECONDS, SERVICES, Edge, Layout

HANG_SECONDS = 5.0
RESTART_SECONDS = 3.0
READY_SECONDS = 15.0

PAIRS = Layout(replicas=2)
SINGLES = Layout(replicas=1)
PROXIED = Layout(replicas=2, proxied=True)
GUARDED = Layout(replicas=2, redis="guarded")
EVERYTHING_HOLDS = Promise()


@dataclass(frozen=True)
class Event:
    """A fault made of a function."""

    name: str
    layout: Layout
    action: Callable[[Scene], None]
    promise: Promise = EVERYTHING_HOLDS

    def strike(self, scene: Scene) -> None:
        self.action(scene)


# Services


def kill_service(kind: str) -> Callable[[Scene], None]:
    """kill -9 of each replica in turn; started again after a while."""

    def strike(scene: Scene) -> None:
        for member in scene.world.services(kind):
            member.kill()
            scene.go(RESTART_SECONDS)
            member.start()
            scene.until(member.is_ready, f"{member.name} is ready", READY_SECONDS)

    return strike


def hang_service(kind: str) -> Callable[[Scene], None]:
    """SIGSTOP of each replica in turn, SIGCONT after 5 s."""

    def strike(scene: Scene) -> None:
        for member in scene.world.services(kind):
            member.hang()
            scene.go(HANG_SECONDS)
            member.resume()
            scene.until(member.is_ready, f"{member.name} is ready", READY_SECONDS)

    return strike


# Redis


def restart_redis(scene: Scene) -> None:
    """Ends it in an orderly way and starts it with its data."""
    redis = scene.world.redis
    assert redis is not None
    redis.end()
    redis.start()
    scene.world.wait_until_ready()


def kill_redis(scene: Scene) -> None:
    """kill -9, then a start with its data."""
    redis = scene.world.redis
    assert redis is not None
    redis.kill()
    scene.go(1.0)
    redis.start()
    scene.world.wait_until_ready()


def hang_redis(scene: Scene) -> None:
    redis = scene.world.redis
    assert redis is not None
    redis.hang()
    scene.go(HANG_SECONDS)
    redis.resume()
    scene.world.wait_until_ready()


def cut_subscribers(scene: Scene) -> None:
    """CLIENT KILL TYPE pubsub, several times."""
    redis = scene.world.redis
    assert redis is not None
    for _ in range(5):
        redis.cut_subscribers()
        scene.go(0.4)


def empty_redis(scene: Scene) -> None:
    """Redis comes back without its data. Live messages flow again soon, and the loss is counted."""
    redis = scene.world.redis
    assert redis is not None
    redis.end()
    redis.start(empty=True)
    took = scene.until(flow_of_messages(scene), "everybody hears new messages", 3.0)
    scene.note(f"everybody heard new messages after {took:.1f} s")
    counted = sum(edge.metric("gischat_edge_channel_restarts_total") for edge in scene.world.edges)
    assert counted > 0, "no metric of the edges counts the channels that began afresh"
    scene.world.wait_until_ready()


def fail_over(scene: Scene) -> None:
    """kill -9 of the master; Sentinel makes a master of a replica."""
    guarded = scene.world.guarded
    assert guarded is not None
    fallen = guarded.master
    fallen.kill()
    flows = flow_of_messages(scene)
    took = scene.until(guarded.has_new_master, "a replica is master", 15.0)
    flowing = scene.until(flows, "everybody hears new messages", 10.0)
    scene.note(f"new master after {took:.1f} s, everybody heard messages {flowing:.1f} s later")
    scene.world.wait_until_ready()
    scene.load.set_active(False)
    guarded.bring_back(fallen)
    scene.load.set_active(True)


def fail_over_hung(scene: Scene) -> None:
    """The master hangs for longer than Sentinel waits, and comes back when another one rules."""
    guarded = scene.world.guarded
    assert guarded is not None
    hung = guarded.master
    hung.hang()
    flows = flow_of_messages(scene)
    scene.until(guarded.has_new_master, "a replica is master", 15.0)
    scene.until(flows, "everybody hears new messages", 10.0)
    hung.resume()
    scene.until(lambda: guarded.follows(hung), "the former master follows the new one", 30.0)


def flow_of_messages(scene: Scene) -> Callable[[], bool]:
    """Holds when every resident has heard a message that was said after this call."""
    said = time.monotonic()

    def flows() -> bool:
        return scene.load.call(
            lambda: all(session.last_heard > said for session in scene.load.residents())
        )

    return flows


# Edges


def kill_edge(scene: Scene) -> None:
    """kill -9 of an edge with ten named clients: gone within 10 s, told to all, names free."""
    edge, other = scene.world.edges
    names = names_on(scene, edge)
    assert len(names) == 10, names
    scene.load.forsake(edge)
    exits = exits_heard(scene, other)
    edge.kill()
    took = scene.until(lambda: all_left(scene, other, names, exits), "ten exiters", 10.0)
    scene.note(f"its 10 names gone and told after {took:.1f} s")
    scene.load.set_active(False)
    right = scene.until(lambda: not scene.wrong_counts([other]), "counts right", 10 - took)
    scene.note(f"counts right {right:.1f} s later")
    take_names(scene, other, sorted(names))
    scene.load.set_active(True)
    edge.start()
    scene.until(edge.is_ready, "the edge is ready", READY_SECONDS)
    scene.load.return_to(edge)


def hang_edge(scene: Scene) -> None:
    """SIGSTOP of an edge for 15 s: its clients stay, are announced again, nobody twice."""
    edge, other = scene.world.edges
    names = names_on(scene, edge)
    exits = exits_heard(scene, other)
    edge.hang()
    began = time.monotonic()
    took = scene.until(lambda: all_left(scene, other, names, exits), "ten exiters", 10.0)
    scene.note(f"its 10 names gone and told after {took:.1f} s")
    scene.go(max(0.0, 15.0 - (time.monotonic() - began)))
    edge.resume()
    scene.until(lambda: names_known(scene, other, names), "its names are back", 10.0)


def names_on(scene: Scene, edge: Edge) -> set[str]:
    """Nicknames of the residents of an edge."""
    return scene.load.call(
        lambda: {session.name for session in scene.load.residents(edge) if session.name}
    )


def exits_heard(scene: Scene, edge: Edge) -> dict[Session, dict[str, int]]:
    """What each resident of an edge has been told of exiters so far."""
    return scene.load.call(
        lambda: {session: dict(session.names.exits) for session in scene.load.residents(edge)}
    )


def all_left(scene: Scene, edge: Edge, names: set[str],
             before: dict[Session, dict[str, int]]) -> bool:
    """Whether every resident of an edge has been told since, once each, who of its channel left."""

    def look() -> bool:
        channels = {seat.name: seat.channel for seat in scene.load.seats}
        return all(
            session.names.exits[name] == before.get(session, {}).get(name, 0) + 1
            for session in scene.load.residents(edge)
            for name in names
            if channels[name] == session.channel
        )

    return scene.load.call(look)


def names_known(scene: Scene, edge: Edge, names: set[str]) -> bool:
    """Whether every resident of an edge has been told that these are there."""

    def look() -> bool:
        channels = {seat.name: seat.channel for seat in scene.load.seats}
        return all(
            name in session.names.present
            for session in scene.load.residents(edge)
            for name in names
            if channels[name] == session.channel
        )

    return scene.load.call(look)


def take_names(scene: Scene, edge: Edge, names: list[str]) -> None:
    """Nicknames are free: others get them, and give them back."""
    channels = {seat.name: seat.channel for seat in scene.load.seats}

    def take() -> list[Session]:
        takers = [scene.load.connect(edge, channels[name]) for name in names]
        for session, name in zip(takers, names):
            session.register(name)
        return takers

    takers = scene.load.call(take)
    scene.until(lambda: scene.load.call(lambda: all(t.name for t in takers)),
                "the names of the dead are free", 5.0)
    scene.load.call(lambda: [taker.leave() for taker in takers])
    scene.until(lambda: not scene.wrong_counts([edge]), "the takers are gone", 5.0)


# Network


def cut_network(scene: Scene) -> None:
    """Nothing passes between an edge and the services for 5 s."""
    link = scene.world.links[0]
    link.cut()
    scene.go(HANG_SECONDS)
    link.mend()
    scene.world.wait_until_ready()


# Clients

CROWD = 2000
NAMED_OF_CROWD = 100
_COUNT_INTERVAL = 0.1


def stampede(scene: Scene) -> None:
    """2,000 clients, 100 of them named, leave and come back at once."""
    edges = scene.world.edges
    crowd = scene.crowd = Crowd(edges, CROWD, NAMED_OF_CROWD)
    crowd.come(30.0)
    crowd.attend(lambda: crowd_is_counted(scene, crowd), "counts right", 10.0)
    crowd.leave()
    took = crowd.come(30.0)
    right = crowd.attend(lambda: crowd_is_counted(scene, crowd), "counts right", 2.0)
    scene.note(f"{CROWD} came back in {took:.1f} s, counts right {right:.2f} s after the last")
    crowd.attend(lambda: all(m.count == CROWD for m in crowd.members), "everybody is told", 2.0)
    told = max(member.counts_told for member in crowd.members)
    scene.note(f"nb_users frames per client: {told} at most")
    assert told <= (took + right) / _COUNT_INTERVAL + 3, f"{told} counts in {took + right:.1f} s"
    later = time.monotonic() + 1.0
    crowd.attend(lambda: time.monotonic() > later, "a second passes", 2.0)
    assert crowd_is_counted(scene, crowd), "counts were right, and are not any more"
    crowd.leave()
    scene.until(lambda: crowd_is_counted(scene, crowd), "the crowd is gone", 5.0)
    scene.crowd = None


def crowd_is_counted(scene: Scene, crowd: Crowd) -> bool:
    """Whether both edges count the whole crowd and name its nicknames."""
    living = scene.living(CROWDED)
    return not any(scene.wrong_at(edge, CROWDED, living) for edge in scene.world.edges)


# Deploys


def drain_edge(scene: Scene) -> None:
    drain(scene, scene.world.edges[0])


def drain(scene: Scene, edge: Edge) -> None:
    """SIGTERM: unready at once, closes with 1001, what was accepted is delivered first."""
    sessions = scene.load.call(lambda: list(scene.load.residents(edge)))
    scene.load.forsake(edge)
    edge.ask_to_end()
    scene.until(lambda: edge.get("/readyz") != 200, "the edge is unready", 0.5)
    took = scene.until(lambda: not edge.running, "the edge has ended", 15.0)
    assert edge.process.wait() == 0, edge.process.tail()
    codes = {session.close_code for session in sessions}
    assert codes == {1001}, f"closed with {codes}"
    ends = [session.ended_at for session in sessions]
    spread = max(ends) - min(ends)
    assert DRAIN_SECONDS / 2 < spread <= DRAIN_SECONDS + 1, f"closed within {spread:.1f} s"
    scene.note(f"closed over {spread:.1f} s, ended after {took:.1f} s")
    edge.start()
    scene.until(edge.is_ready, "the edge is ready", READY_SECONDS)
    scene.load.return_to(edge)


def roll_services(scene: Scene) -> None:
    """SIGTERM and a new start of every service, one after the other: no client notices."""
    for kind in SERVICES:
        for member in scene.world.services(kind):
            member.ask_to_end()
            scene.until(lambda: not member.running, f"{member.name} has ended", 15.0)
            assert member.process.wait() == 0, member.process.tail()
            member.start()
            scene.until(member.is_ready, f"{member.name} is ready", READY_SECONDS)


def roll_everything(scene: Scene) -> None:
    """The services, then the edges."""
    roll_services(scene)
    for edge in scene.world.edges:
        drain(scene, edge)


def all_faults() -> list[Event]:
    """Every fault once."""
    found = []
    for kind in SERVICES:
        found.append(Event(f"kill one {kind} of two", PAIRS, kill_service(kind)))
        found.append(Event(f"hang one {kind} of two", PAIRS, hang_service(kind)))
        found.append(Event(f"kill the only {kind}", SINGLES, kill_service(kind)))
        found.append(Event(f"hang the only {kind}", SINGLES, hang_service(kind)))
    lost = Promise(may_lose=True, may_refuse=True, names_again=True)
    found += [
        Event("redis restarted", PAIRS, restart_redis),
        Event("redis killed", PAIRS, kill_redis),
        Event("redis hung", PAIRS, hang_redis),
        Event("redis cuts its subscribers", PAIRS, cut_subscribers),
        Event("redis restarted empty", PAIRS, empty_redis, lost),
        Event("redis fails over", GUARDED, fail_over, lost),
        Event("redis hangs and fails over", GUARDED, fail_over_hung, lost),
        Event("kill an edge", SINGLES, kill_edge),
        Event("hang an edge", PAIRS, hang_edge),
        Event("network cut", PROXIED, cut_network),
        Event("stampede", SINGLES, stampede),
        Event("drain an edge", PAIRS, drain_edge),
        Event("rolling restart", PAIRS, roll_everything),
    ]
    return found

