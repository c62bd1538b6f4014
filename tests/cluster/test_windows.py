"""Windows in a cluster whose workers are killed: each result comes out, and once."""

import random
from collections import defaultdict
from pathlib import Path

import pytest
from support.harness import hosts_in
from support.killer import Killer

NUMBERS, RESTS, RATE = 12_000, 97, 4000
SIZE_S, GAP_S = 10, 7

APPLICATION = f"""
import wallarood as w

def rest(number: int) -> int:
    return number * number % {RESTS}

def second(number: int) -> float:
    return number / 40 - number % 3

numbers = w.source(
    "numbers",
    w.GeneratorSource(rate={RATE}, count={NUMBERS}, partitions=2),
    time=w.event_time(second, unit="s", out_of_order="5s", future="365d"),
).key_by(rest)

def line(result: w.Windowed[int, tuple[int, int]]) -> str:
    count, total = result.value
    return f"{{result.key}} {{result.start}} {{result.end}} {{count}} {{total}} {{result.pane}}"

sums = numbers.window(w.tumbling("{SIZE_S}s")).aggregate(w.count(), w.sum())
visits = numbers.window(w.session("{GAP_S}s")).aggregate(w.count(), w.sum())
app = w.application(
    "windows",
    sums.map(line).to_sink(w.FileSink("sums", format="lines")),
    visits.map(line).to_sink(w.FileSink("visits", format="lines"), name="visits"),
)
"""


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_windows_survive_kills(tmp_path: Path, workers: int) -> None:
    file = tmp_path / "windows.py"
    file.write_text(APPLICATION)
    rng = random.Random(workers)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), workers)
        for _ in range(3):
            cluster.until("running")
            cluster.strike(rng, most=min(2, workers))
        assert cluster.kills.total() >= 2
        cluster.until("completed")
        cluster.end()
    assert lines_in(tmp_path / "sums") == sorted(sums())
    assert lines_in(tmp_path / "visits") == sorted(visits())


def lines_in(directory: Path) -> list[str]:
    return sorted(
        line for file in directory.glob("[!.]*") for line in file.read_text().splitlines()
    )


def stamp(number: int) -> int:
    return round((number / 40 - number % 3) * 1_000_000)


def shown(key: int, start: int, end: int, numbers: list[int]) -> str:
    return f"{key} {start} {end} {len(numbers)} {sum(numbers)} on_time"


def sums() -> list[str]:
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    size = SIZE_S * 1_000_000
    for number in range(NUMBERS):
        found[number * number % RESTS, stamp(number) // size * size].append(number)
    return [shown(key, start, start + size, own) for (key, start), own in found.items()]


def visits() -> list[str]:
    by_key: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number in range(NUMBERS):
        by_key[number * number % RESTS].append((stamp(number), number))
    found = []
    for key, own in by_key.items():
        own.sort()
        start = 0
        for place, (at, _) in enumerate(own):
            if place + 1 == len(own) or own[place + 1][0] >= at + GAP_S * 1_000_000:
                numbers = [number for _, number in own[start : place + 1]]
                found.append(shown(key, own[start][0], at + GAP_S * 1_000_000, numbers))
                start = place + 1
    return found
