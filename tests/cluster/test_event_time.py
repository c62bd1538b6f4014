"""Windows in a cluster whose workers are killed: each closes once, with every record in it."""

import random
from collections import Counter
from pathlib import Path

import pytest
from support.harness import hosts_in
from support.killer import Killer

NUMBERS, KEYS, SIZE = 8_000, 13, 250

APPLICATION = f"""
import wallarood as w

def seconds(number: int) -> float:
    # Neighbours are out of order, by less than is allowed.
    return (number ^ 7) / 100

def key(number: int) -> int:
    return number % {KEYS}

def shown(window: w.Windowed[int, int]) -> str:
    return f"{{window.key}} {{window.start}} {{window.value}}"

def numbers(name: str) -> w.Stream[int]:
    time = w.event_time(seconds, unit="s", out_of_order="100ms", future="400000d")
    return w.source(name, w.GeneratorSource(rate=3000, count={NUMBERS}), time=time)

app = w.application(
    "windows",
    numbers("one").merge(numbers("two"))
    .key_by(key)
    .window(w.tumbling("{SIZE * 10}ms"))
    .aggregate(w.count())
    .map(shown)
    .to_sink(w.FileSink("windows-out")),
)
"""


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_windows_close_once_whatever_is_killed(workers: int, tmp_path: Path) -> None:
    file = tmp_path / "windows.py"
    file.write_text(APPLICATION)
    rng = random.Random(workers)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), workers)
        for _ in range(2):
            cluster.until("running")
            cluster.strike(rng, most=2)
        cluster.until("completed")
        cluster.end()
    found = [
        tuple(map(int, line.split()))
        for out in (tmp_path / "windows-out").glob("[!.]*")
        for line in out.read_text().splitlines()
    ]
    wanted = Counter(
        (number % KEYS, (number ^ 7) // SIZE * SIZE * 10_000) for number in range(NUMBERS)
    )
    assert sorted(found) == sorted((key, start, 2 * n) for (key, start), n in wanted.items())
