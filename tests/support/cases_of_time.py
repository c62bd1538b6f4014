"""The cases of event time for a real cluster: what is fed step by step, and what must come out.

The application is this file; its argument is a directory with a file ``released``: how many steps
its sources may feed. The test of the cluster counts on when all that follows from a step is done,
so that each watermark has its place, as on one worker.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

import wallarood as w
from support.made_of_streams import (
    Streams,
    as_of,
    counted,
    day_line,
    distinct,
    enriched,
    expiring,
    joined,
    key_of,
    number_of,
    repeated,
    timed,
    value_line,
    windows,
)
from support.released import Released, Step


@attrs.frozen
class Case:
    """Steps, what is made of the streams of their sources, and the lines that follow."""

    steps: Sequence[Step]
    made: Callable[[Streams, str], Any]
    lines: Sequence[str]
    out_of_order: str = "0s"
    held: bool = False
    """Whether the stream waits for a table: nothing is counted before the end."""


def a(seconds: float, value: int = 1) -> Step:
    """A record of key a."""
    return Step((("a", seconds, str(value)),))


def to(seconds: float) -> Step:
    """The watermark comes to this, where nothing may be out of order."""
    return Step((("-", seconds, ""),))


def left(seconds: float, value: str) -> Step:
    """A record of the left one of two streams."""
    return Step((("a", seconds, value),), "left")


def right(seconds: float, value: str) -> Step:
    """A record of the right one of two streams."""
    return Step((("a", seconds, value),), "right")


def both(seconds: float) -> list[Step]:
    """The watermarks of both come to this."""
    return [Step((("-", seconds, ""),), side) for side in ("left", "right")]


def noon(*date: int) -> float:
    """Noon of a date in seconds."""
    return datetime(*date, 12, tzinfo=UTC).timestamp()


# ---- the cases ---------------------------------------------------------------------------------

TEN = w.tumbling("10s")
GREATEST = w.max(of=number_of)
BERLIN, SAO_PAULO = noon(2025, 3, 30), noon(2018, 11, 4)
WINDOWS: dict[str, Case] = {
    "case1": Case(
        [a(0), a(9.999999, 2), a(10, 4)], windows(TEN), ["0-10 3 on_time", "10-20 4 on_time"]
    ),
    "case2": Case([a(-0.000001), to(0)], windows(TEN), ["-10-0 1 on_time"]),
    "case3": Case([to(10), a(9)], windows(TEN), ["late 9"]),
    "case4": Case(
        [a(0), a(12), a(7), a(15), a(26)],
        windows(TEN),
        ["0-10 2 on_time", "10-20 2 on_time", "20-30 1 on_time"],
        out_of_order="5s",
    ),
    "case5": Case(
        [a(240), to(300), a(180, 2), to(360), a(240, 9)],
        windows(w.tumbling("5min"), grace="1min"),
        ["0-300 1 on_time", "0-300 3 late", "late 240"],
    ),
    "case6": Case(
        [a(45), to(60), to(90)],
        windows(w.hopping("60s", every="30s")),
        ["0-60 1 on_time", "30-90 1 on_time"],
    ),
    "case7": Case(
        [
            *(
                Step(tuple(("a", n, str(n)) for n in batch))
                for batch in ((5, 8, 3), (15, 19, 23), (9, 13, 10))
            ),
            to(60),
        ],
        windows(w.tumbling("60s"), emit="updates"),
        ["0-60 16 early", "0-60 73 early", "0-60 105 early", "0-60 105 on_time"],
        out_of_order="20s",
    ),
    "case14": Case([a(5), to(100), a(5, 2)], windows(TEN), ["0-10 1 on_time", "late 5"]),
    "case15": Case([a(3, 7)], windows(TEN), ["0-10 7 on_time"]),
    "case16": Case(
        [a(5, 9), a(65, 1)],
        windows(w.hopping("60s", every="10s"), GREATEST),
        [
            *(f"{start}-{start + 60} 9 on_time" for start in range(-50, 10, 10)),
            *(f"{start}-{start + 60} 1 on_time" for start in range(10, 70, 10)),
        ],
    ),
    "case17": Case(
        [a(0), a(10), to(20)], windows(w.session("10s")), ["0-10 1 on_time", "10-20 1 on_time"]
    ),
    "case18": Case(
        [a(0), a(15), a(8)], windows(w.session("10s")), ["0-25 3 on_time"], out_of_order="20s"
    ),
    "case19": Case(
        [a(0), to(10), a(9), to(19)],
        windows(w.session("10s"), grace="20s"),
        ["0-10 1 on_time", "0-19 2 on_time for 0-10"],
    ),
    "case20": Case(
        [a(0), a(8), a(14), a(16)],
        windows(w.session("10s", max="15s")),
        ["0-15 3 on_time", "16-26 1 on_time"],
    ),
    "case21": Case(
        [a(BERLIN)], windows(w.calendar("day", tz="Europe/Berlin"), line=day_line), ["29T23-30T22"]
    ),
    "case22": Case(
        [a(SAO_PAULO)],
        windows(w.calendar("day", tz="America/Sao_Paulo"), line=day_line),
        ["04T03-05T02"],
    ),
    "case23": Case(
        [a(0), a(5, 2), a(10, 4), to(11)],
        windows(w.rolling("10s"), line=value_line),
        ["1 on_time", "3 on_time", "6 on_time"],
    ),
    "case24": Case([a(n) for n in range(7)], counted, ["3 on_time", "3 on_time", "1 partial"]),
}
JOINS: dict[str, Case] = {
    "case8": Case(
        [
            *(left(n, str(n)) for n in range(3)),
            *(right(n, str(n)) for n in range(3)),
        ],
        joined("0s", "2s"),
        ["0-0", "0-1", "1-1", "0-2", "1-2", "2-2"],
    ),
    "case25": Case(
        [left(100, "L"), *both(110), left(110, "M"), *both(110.000001)],
        joined("-5s", "10s", "left"),
        ["L-None", "M-None"],
    ),
    "case26": Case([*both(98), right(95, "R"), left(100, "L")], joined("-5s", "10s"), ["L-R"]),
    "case27": Case(
        [right(20, "b"), right(20, "c"), left(20, "T"), *both(20.000001)], as_of, ["T-c"]
    ),
    "case28": Case(
        [right(20, "v2"), right(10, "v1"), left(25, "?")], enriched, ["?-v2"], held=True
    ),
    "case28b": Case(
        [right(20, "v2"), right(30, "delete"), right(25, "v3"), left(40, "?")],
        enriched,
        ["?-None"],
        held=True,
    ),
    "case29": Case([left(0, "order"), right(5, "name")], enriched, ["order-name"], held=True),
}
KEYS: dict[str, Case] = {
    "case30": Case(
        [*(Step((("a", 0, each),)) for each in ("b@10", "a@10", "c@5")), to(10)],
        timed,
        ["c", "a", "b"],
    ),
    "case31": Case([a(0)], repeated, ["fired"]),
    # One partition holds time at 0 until the end; the furthest is at 14. The timer of key a fires
    # at 10, 11, 12, 13, 14 and then at the end, that of the other key at the end.
    "case31b": Case([a(0), Step((("-", 0, ""),), partition="1"), to(14)], repeated, ["fired"] * 7),
    "case32": Case(
        [Step((("a", 0, "timer"),)), to(11), to(19), Step((("a", 30, ""),))],
        expiring,
        ["1", "1"],
    ),
    "case33": Case([a(0), a(86_340), a(86_400)], distinct, ["0", "86400"]),
}
CASES = {**WINDOWS, **JOINS, **KEYS}


# ---- the application -----------------------------------------------------------------------------


def app(args: list[str]) -> w.Application:
    """Each case with sources of its own; all lines in one sink."""
    (directory,) = args
    lines = []
    for name, case in CASES.items():
        streams: Streams = {}
        for source in dict.fromkeys(step.source for step in case.steps):
            own = [each for each in enumerate(case.steps) if each[1].source == source]
            time = w.event_time(
                lambda row: row[1],
                unit="s",
                out_of_order=case.out_of_order,
                future="100000d",
                idle=None,
            )
            streams[source] = w.source(
                f"{name} {source}", Released(Path(directory), tuple(own)), time=time
            ).key_by(key_of, name=f"{name} {source} key")
        result = case.made(streams, name)
        lines.append(result.map(lambda line, name=name: f"{name} {line}", name=f"{name} line"))
    return w.application(
        "cases", w.merge(*lines).to_sink(w.FileSink(f"{directory}/out", format="lines"), name="out")
    )
