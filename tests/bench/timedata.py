"""The input of the workloads with time, and what must come of it, computed by sorting it first.

T1: sums in tumbling windows of 10 s. T2: sums of sessions with a gap of 1 s. T3: pairs of two
streams whose stamps are at most a second apart. T4: each record of the left, with the last of the
right before it. A record is (key, number, stamp in microseconds); 5 % of them are out of order.
Parts are of the same time, so no record is late for those who wait `OUT_OF_ORDER_S`.
"""

import bisect
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

SECOND = 1_000_000
BEGIN_S = 1_600_000_000
RATE, KEYS = 20_000, 10_000
"""Records a second of event time, of all parts and both sides, and how many keys they have."""
WINDOW_S, GAP_S, WITHIN_S, OUT_OF_ORDER_S = 10, 1, 1, 5
SIZES = {"T1": 400_000, "T2": 400_000, "T3": 200_000, "T4": 200_000}
"""Records in all: of both sides where there are two."""
TWO_SIDES = ("T3", "T4")

Reading = tuple[str, int, int]


def readings(choose: random.Random, count: int, parts: int) -> list[Reading]:
    """The records of one of *parts*."""
    made = []
    for number in range(count):
        lag_s = choose.random() * (OUT_OF_ORDER_S - 1) if choose.random() < 0.05 else 0.0
        stamp = BEGIN_S * SECOND + int((number * parts / RATE - lag_s) * SECOND)
        made.append((f"key-{choose.randrange(KEYS)}", choose.randrange(100), stamp))
    return made


def sides_of(workload: str, size: int, *, part: int, parts: int, seed: int) -> list[list[Reading]]:
    """The records of a part: of each side where there are two."""
    names = ("left", "right") if workload in TWO_SIDES else ("only",)
    count = size // parts // len(names)
    return [
        readings(random.Random(f"{seed} {name} {part}"), count, parts * len(names))
        for name in names
    ]


def mistake_in(
    outputs: list[list[Any]], workload: str, sides: Iterable[list[list[Reading]]]
) -> str:
    """What is wrong with *outputs*, a list for each process; *sides* are those of each part."""
    joined = [[reading for part in side for reading in part] for side in zip(*sides, strict=True)]
    expected = Counter(_EXPECTED[workload](*joined))
    found = Counter(tuple(output) for part in outputs for output in part)
    missing, more = expected - found, found - expected
    if missing:
        return f"{missing.total()} of {expected.total()} are missing, as {next(iter(missing))}"
    return f"{more.total()} are too many, as {next(iter(more))}" if more else ""


def _tumbling(records: list[Reading]) -> Iterator[tuple[Any, ...]]:
    sums: Counter[tuple[str, int]] = Counter()
    for key, number, stamp in records:
        sums[key, stamp // (WINDOW_S * SECOND)] += number
    return ((key, number) for (key, _), number in sums.items())


def _by_key(records: list[Reading]) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key, number, stamp in records:
        found[key].append((stamp, number))
    for each in found.values():
        each.sort()
    return found


def _sessions(records: list[Reading]) -> Iterator[tuple[Any, ...]]:
    for key, sorted_ in _by_key(records).items():
        total, last = 0, None
        for stamp, number in sorted_:
            if last is not None and stamp - last >= GAP_S * SECOND:
                yield key, total
                total = 0
            total, last = total + number, stamp
        yield key, total


def _pairs(left: list[Reading], right: list[Reading]) -> Iterator[tuple[Any, ...]]:
    others = _by_key(right)
    for key, number, stamp in left:
        for other, other_number in others.get(key, ()):
            if abs(other - stamp) <= WITHIN_S * SECOND:
                yield key, number, other_number


def _as_of(left: list[Reading], right: list[Reading]) -> Iterator[tuple[Any, ...]]:
    others = _by_key(right)
    for key, number, stamp in left:
        before = others.get(key, [])
        place = bisect.bisect_right(before, (stamp, 1 << 30))
        yield key, number, before[place - 1][1] if place else None


_EXPECTED: dict[str, Any] = {
    "T1": _tumbling,
    "T2": _sessions,
    "T3": _pairs,
    "T4": _as_of,
}
