"""What is wanted of the numbers, and the table that says whether it holds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from measuring import Numbers

Medians = dict[str, Numbers]  # by case


@dataclass(frozen=True)
class Want:
    """A number of a case, alone or as a ratio to that of another case, and its bound.

    `most` and `least` bound the ratio if there is one, else the number itself; none of them: the
    number is only stated. `scale` turns it into `unit`.
    """

    what: str
    metric: str
    case: str = "gischat"
    against: str | None = None
    most: float | None = None
    least: float | None = None
    unit: str = ""
    scale: float = 1.0


@dataclass
class Row:
    """One line of the table."""

    scenario: str
    pinned: bool
    what: str
    value: float | None
    unit: str
    base: float | None
    base_name: str
    judged: float | None  # what the bound is compared with
    bound: str
    holds: bool | None  # None: nothing is wanted, or nothing is known


def medians(runs: Iterable[Numbers]) -> Numbers:
    """The median of each number over the runs that have it."""
    gathered: dict[str, list[float]] = {}
    for numbers in runs:
        for name, value in numbers.items():
            gathered.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in gathered.items()}


def judge(scenario: str, pinned: bool, want: Want, found: Medians) -> Row:
    """Holds the numbers against what is wanted."""
    value = _number(found, want.case, want.metric, want.scale)
    base = _number(found, want.against, want.metric, want.scale) if want.against else None
    judged = value
    if want.against is not None:
        judged = value / base if value is not None and base else None
    return Row(
        scenario=scenario,
        pinned=pinned,
        what=want.what if want.case == "gischat" else f"{want.what} ({want.case})",
        value=value,
        unit=want.unit,
        base=base,
        base_name=want.against or "",
        judged=judged,
        bound=_bound(want),
        holds=_holds(want, judged),
    )


def _number(found: Medians, case: str, metric: str, scale: float) -> float | None:
    value = found.get(case, {}).get(metric)
    return None if value is None else value * scale


def _bound(want: Want) -> str:
    sign = " x" if want.against else f" {want.unit}".rstrip()
    words = []
    if want.least is not None:
        words.append(f">= {want.least:g}{sign}")
    if want.most is not None:
        words.append(f"<= {want.most:g}{sign}")
    return ", ".join(words)


def _holds(want: Want, judged: float | None) -> bool | None:
    if judged is None or (want.most is None and want.least is None):
        return None
    enough = want.least is None or judged >= want.least
    return enough and (want.most is None or judged <= want.most)


def short(value: float | None) -> str:
    """Three significant digits, thousands separated."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{round(value, 2 - len(str(int(abs(value)))) + 1):,.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """Markdown, with columns wide enough to be read as it is."""
    head = ["scenario", "cores", "what", "gischat", "yardstick", "ratio", "wanted", ""]
    lines = [head]
    for row in rows:
        base = f"{short(row.base)} {row.base_name}" if row.base_name else ""
        lines.append(
            [
                row.scenario,
                "pinned" if row.pinned else "free",
                row.what,
                f"{short(row.value)} {row.unit}".rstrip(),
                base,
                short(row.judged) if row.base_name else "",
                row.bound,
                {True: "yes", False: "NO", None: ""}[row.holds],
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    texts = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in lines
    ]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(texts)
