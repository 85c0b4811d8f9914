"""Everything at once, at random: several faults at a time, of every part."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from faults import READY_SECONDS
from scene import Promise, Scene
from world import Edge, Layout, Member

MOST_AT_ONCE = 3
_PAUSE_SECONDS = (0.2, 2.0)


@dataclass
class Trouble:
    """A fault that is under way."""

    target: str  # one at a time for each
    name: str
    until: float
    heal: Callable[[], None]


class Storm:
    """A stretch of it. The second replica of each part is never ended, so that its memory can be
    watched; it hangs like the others."""

    name = "all at once, at random"
    layout = Layout(replicas=2, proxied=True)
    promise = Promise(may_refuse=True, names_again=True)

    def __init__(self, seconds: float, random_source: random.Random) -> None:
        self._seconds = seconds
        self._random = random_source
        self._under_way: list[Trouble] = []
        self.done: Counter[str] = Counter()

    def strike(self, scene: Scene) -> None:
        end = time.monotonic() + self._seconds
        try:
            while time.monotonic() < end:
                if len(self._under_way) < MOST_AT_ONCE:
                    self._begin_something(scene)
                scene.go(self._random.uniform(*_PAUSE_SECONDS))
                self._heal(time.monotonic())
        finally:
            self._heal(float("inf"))
        for member in scene.world.members:
            scene.until(member.is_ready, f"{member.name} is ready", READY_SECONDS)
        scene.note(", ".join(f"{times} x {name}" for name, times in sorted(self.done.items())))

    def _heal(self, now: float) -> None:
        due = [trouble for trouble in self._under_way if trouble.until <= now]
        self._under_way = [trouble for trouble in self._under_way if trouble.until > now]
        for trouble in due:
            trouble.heal()

    def _begin_something(self, scene: Scene) -> None:
        choices = [self._of_member(scene, member) for member in scene.world.members]
        choices += [self._of_redis(scene), self._of_redis(scene), self._of_links(scene)]
        choice = self._random.choice(choices)
        busy = {trouble.target for trouble in self._under_way}
        target, name, seconds, begin, heal = choice
        if target in busy:
            return
        begin()
        self.done[name] += 1
        self._under_way.append(Trouble(target, name, time.monotonic() + seconds, heal))

    def _of_member(self, scene: Scene, member: Member) -> Choice:
        may_end = member.name.endswith("1")
        kind = self._random.choice(("kill", "hang", "end") if may_end else ("hang",))
        name = f"{kind} {member.kind}"
        if kind == "hang":
            return member.name, name, self._random.uniform(0.5, 5.0), member.hang, member.resume
        if isinstance(member, Edge):
            return member.name, name, 2.0, *self._end_of_edge(scene, member, kind)
        end = member.kill if kind == "kill" else member.ask_to_end
        return member.name, name, self._random.uniform(0.5, 4.0), end, _restart(scene, member)

    def _end_of_edge(self, scene: Scene, edge: Edge, kind: str) -> tuple[Action, Action]:
        restart = _restart(scene, edge)

        def end() -> None:
            scene.load.forsake(edge)
            if kind == "kill":
                edge.kill()
            else:
                edge.ask_to_end()

        def heal() -> None:
            restart()
            scene.load.return_to(edge)

        return end, heal

    def _of_redis(self, scene: Scene) -> Choice:
        redis = scene.world.redis
        assert redis is not None
        kind = self._random.choice(("kill", "hang", "end", "cut subscribers of"))
        if kind == "hang":
            seconds = self._random.uniform(0.5, 4.0)
            return "redis", "hang redis", seconds, redis.hang, redis.resume
        if kind == "cut subscribers of":
            return "redis", f"{kind} redis", 0.5, redis.cut_subscribers, lambda: None
        end = redis.kill if kind == "kill" else redis.end
        return "redis", f"{kind} redis", self._random.uniform(0.1, 2.0), end, redis.start

    def _of_links(self, scene: Scene) -> Choice:
        number = self._random.randrange(len(scene.world.links))
        link = scene.world.links[number]
        seconds = self._random.uniform(0.5, 5.0)
        return f"link {number}", "cut network", seconds, link.cut, link.mend


Action = Callable[[], None]
Choice = tuple[str, str, float, Action, Action]  # target, name, seconds, what begins and heals it


def _restart(scene: Scene, member: Member) -> Action:
    def restart() -> None:
        scene.until(lambda: not member.running, f"{member.name} has ended", READY_SECONDS)
        member.start()
        scene.until(lambda: member.get("/livez") == 200, f"{member.name} lives", READY_SECONDS)

    return restart
