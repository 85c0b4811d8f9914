"""The table of what is measured and what it must come to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from verdicts import Want

# Texts are about 180 bytes long as they are delivered.
TEXT = ["--payload", "62"]

# While thousands connect, everybody is told the growing number every 100 ms, which takes longer than
# the connecting itself. Where that is not what is measured, they are told once a second.
RARE_COUNTS = {"GISCHAT_COUNT_INTERVAL_MS": "1000"}

CPU = "server_cpu_us_per_delivery"
RATE = "deliveries_per_second"


@dataclass(frozen=True)
class Case:
    """One server under one load. `server`: see servers.running(); `magick` is no server but the
    image library alone, and `{picture}` in the flags is a JPEG of four million pixels."""

    name: str
    server: str
    flags: list[str]
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """Cases that are run in turn, and what is wanted of them."""

    name: str
    what: str
    cases: list[Case]
    wants: list[Want]
    pinned: tuple[bool, ...] = (True, False)


def window(clients: int, under_way: int) -> list[str]:
    """Clients in a closed loop with so many messages under way altogether."""
    senders = math.gcd(under_way, 2 ** int(math.log2(min(clients, under_way))))
    return [
        *("--clients", str(clients), "--senders", str(senders)),
        *("--window", str(under_way // senders), *TEXT),
    ]


def beside(
    flags: list[str],
    *yardsticks: str,
    server: str = "memory",
    settings: dict[str, str] | None = None,
) -> list[Case]:
    """The chat and yardsticks under the same load."""
    ours = Case("gischat", server, flags, settings or {})
    return [*(Case(name, name, flags) for name in yardsticks), ours]


def _one_message_at_a_time(clients: int) -> Scenario:
    return Scenario(
        f"n{clients}-w1",
        f"{clients} clients, one message under way",
        beside(window(clients, 1), "one-send"),
        [
            Want("CPU per delivery", CPU, against="one-send", most=1.2, unit="us"),
            Want("deliveries/s", RATE, against="one-send"),
        ],
    )


def _many_messages_at_once(clients: int) -> Scenario:
    return Scenario(
        f"n{clients}-w16",
        f"{clients} clients, 16 messages under way",
        beside(window(clients, 16), "gathering"),
        [
            Want("deliveries/s", RATE, against="gathering", least=0.75),
            Want("CPU per delivery", CPU, against="gathering", most=1.4, unit="us"),
        ],
    )


def _large_channel(under_way: int) -> Scenario:
    return Scenario(
        f"n10000-w{under_way}",
        f"10,000 clients, {under_way} under way",
        beside(
            [*window(10_000, under_way), "--warmup", "2"],
            "one-send",
            "gathering",
            settings=RARE_COUNTS,
        ),
        [
            Want("deliveries/s", RATE, against="one-send", least=0.85),
            Want("deliveries/s", RATE, against="gathering", least=0.8),
            Want("CPU per delivery", CPU, against="one-send", unit="us"),
        ],
    )


def _round_trips() -> list[Scenario]:
    def trip(percent: str, most: float) -> Want:
        metric = f"round_trip_ms.{percent}"
        return Want(f"round trip {percent}", metric, unit="us", scale=1000, most=most)

    flags = window(2, 1)
    return [
        Scenario("pair", "two clients", beside(flags, "one-send"), [trip("p50", 200)]),
        Scenario(
            "pair-parts",
            "two clients; in parts, one of each, with Redis",
            beside(flags, server="parts"),
            [trip("p50", 350), trip("p99", 3000)],
            pinned=(False,),  # six processes have one core for themselves nowhere
        ),
    ]


def _small_channel() -> Scenario:
    return Scenario(
        "ten-parts",
        "10 clients, 16 messages under way; in parts, one of each, with Redis",
        beside(window(10, 16), server="parts"),
        [
            Want("messages/s", "sent_per_second", least=20_000),
            Want("CPU per message, all", "server_cpu_us_per_message", most=80, unit="us"),
        ],
        pinned=(False,),
    )


def _steady() -> Scenario:
    flags = ["--clients", "1000", "--rate", "20", *TEXT]
    return Scenario(
        "steady",
        "1,000 clients, 20 messages a second by the clock",
        beside(flags, "one-send"),
        [
            Want("p50", "latency_ms.p50", against="one-send", most=1.25, unit="ms"),
            Want("p99", "latency_ms.p99", against="one-send", most=1.5, unit="ms"),
        ],
    )


def _idle() -> Scenario:
    return Scenario(
        "idle",
        "10,000 connections that nobody writes to",
        beside(["--clients", "10000", "--idle", "3"], "one-send", settings=RARE_COUNTS),
        [Want("memory each", "server_kib_per_connection", most=4, unit="KiB")],
        pinned=(False,),
    )


def _joins() -> Scenario:
    cases = [
        Case(f"{name}{clients}", server, ["--clients", str(clients), "--joins", "3000"])
        for clients in (1000, 10_000)
        for name, server in (("one-send-", "one-send"), ("", "memory"))
    ]
    metric = "joins_per_second"
    return Scenario(
        "joins",
        "3,000 come to 1,000 and to 10,000, without nicknames",
        cases,
        [
            Want("joins/s", metric, case="1000", least=5000),
            Want("joins/s", metric, case="10000", least=5000),
            Want("joins/s", metric, case="10000", against="1000", least=0.7),
            Want("joins/s", metric, case="1000", against="one-send-1000"),
        ],
    )


def _joins_with_names(clients: int) -> Scenario:
    joins = 2000 if clients <= 1000 else 500
    flags = ["--clients", str(clients), "--joins", str(joins), "--newcomers"]
    return Scenario(
        f"newcomers-{clients}",
        f"{joins} come to {clients}, each with a nickname that everybody is told",
        beside(flags, "gathering"),
        [Want("joins/s", "joins_per_second", against="gathering", least=0.7)],
    )


def _crowds() -> list[Scenario]:
    def crowd(name: str, what: str, server: str, clients: int) -> Scenario:
        flags = ["--clients", str(clients), "--rate", "1", "--senders", "1", *TEXT]
        return Scenario(
            name,
            what,
            beside([*flags, "--patience", "60"], server=server, settings=RARE_COUNTS),
            [
                Want("connected in", "connect_seconds", unit="s"),
                Want("lost", "lost", most=0),
                Want("p99", "latency_ms.p99", unit="ms"),
                Want("memory, all", "server_most_mib", unit="MiB"),
            ],
            pinned=(False,),
        )

    return [
        crowd("crowd-15000", "15,000 on one edge, a message a second", "memory", 15_000),
        crowd("crowd-50000", "50,000 on four edges, a message a second", "split-4", 50_000),
    ]


def _stalled() -> Scenario:
    flags = ["--clients", "500", "--rate", "20", "--payload", "8000"]
    return Scenario(
        "stalled",
        "10% of 500 clients stop reading",
        [Case("all-read", "memory", flags), Case("gischat", "memory", [*flags, "--stalled", "10"])],
        [
            Want("p99 of the others", "latency_ms.p99", against="all-read", most=1.5, unit="ms"),
            Want("lost", "lost", most=0),
            Want("memory each stalled", "mib_per_stalled", most=16, unit="MiB"),
        ],
    )


def _edges() -> Scenario:
    def flags(clients: int) -> list[str]:
        # The counts of all who came are told by then.
        return ["--clients", str(clients), "--rate", "50", "--warmup", "3", *TEXT]

    redis = "redis_commands_per_message"
    return Scenario(
        "edges",
        "1,000 clients on two edges against one; 100 clients",
        [
            Case("one-edge", "split-1", flags(1000)),
            Case("gischat", "split-2", flags(1000)),
            Case("few-clients", "split-2", flags(100)),
        ],
        [
            Want("CPU per delivery", CPU, against="one-edge", most=1.1, unit="us"),
            Want("Redis commands/message", redis, against="one-edge", most=1.1),
            Want("Redis commands/message", redis, against="few-clients", most=1.1),
        ],
    )


def _layers() -> Scenario:
    flags = ["--clients", "1000", "--senders", "1", "--kind", "geojson", "--features", "500"]
    return Scenario(
        "layers",
        "layers of 500 features (150 kB) to 1,000 clients",
        beside(flags, "gathering"),
        [
            Want("time per delivery", "us_per_delivery", against="gathering", most=1.3, unit="us"),
            Want("CPU per delivery", CPU, against="gathering", unit="us"),
        ],
    )


def _pictures() -> Scenario:
    flags = ["--clients", "1", "--window", "4", "--kind", "image", "--file", "{picture}"]
    return Scenario(
        "pictures",
        "JPEG of 4 million pixels in, PNG out, each picture another; one worker",
        [
            Case("magick", "magick", []),
            Case("gischat", "memory", flags, {"GISCHAT_IMAGE_WORKERS": "1"}),
        ],
        [
            Want("pictures/s", RATE, against="magick", least=0.8),
            Want("CPU per picture", CPU, against="magick", unit="ms", scale=1e-3),
        ],
    )


def _threads() -> Scenario:
    flags = ["--clients", "1000", "--rate", "50", *TEXT]
    return Scenario(
        "threads",
        "two io threads against one",
        [
            Case("one-thread", "memory", flags, {"GISCHAT_THREADS": "1"}),
            Case("gischat", "memory", flags, {"GISCHAT_THREADS": "2"}),
        ],
        [
            Want("CPU per delivery", CPU, against="one-thread", most=1.1, unit="us"),
            Want("busier thread to the other", "busiest_thread_to_next", most=1.2),
        ],
        pinned=(False,),
    )


SCENARIOS = [
    _one_message_at_a_time(100),
    _one_message_at_a_time(1000),
    _many_messages_at_once(100),
    _many_messages_at_once(1000),
    _large_channel(1),
    _large_channel(4),
    *_round_trips(),
    _small_channel(),
    _steady(),
    _idle(),
    _joins(),
    _joins_with_names(1000),
    _joins_with_names(10_000),
    *_crowds(),
    _stalled(),
    _edges(),
    _layers(),
    _pictures(),
    _threads(),
]
