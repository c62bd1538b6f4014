"""Aggregations in a cluster whose workers are killed: every record counts once, none is lost."""

import random
from collections import Counter
from pathlib import Path

from support.harness import hosts_in, writer_of
from support.killer import Killer

NUMBERS, RESTS = 12_000, 97

APPLICATION = f"""
import wallarood as w

def rest(number: int) -> int:
    return number % {RESTS}

app = w.application(
    "sums",
    w.source("numbers", w.GeneratorSource(rate=4000, count={NUMBERS}))
    .key_by(rest)
    .aggregate(w.count(), w.sum(), w.min(), w.max(), w.mean())
    .to_sink(w.FileSink("sums-out")),
)
"""


def test_aggregations_survive_kills(tmp_path: Path) -> None:
    file = tmp_path / "sums.py"
    file.write_text(APPLICATION)
    rng = random.Random(7)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), 2)
        for _ in range(3):
            cluster.until("running")
            cluster.strike(rng, most=2)
        assert cluster.kills.total() >= 2
        cluster.until("completed")
        cluster.end()
    check(tmp_path)


def check(directory: Path) -> None:
    """The source counts up, so the count of a key says all else about it."""
    updates: dict[int, list[int]] = {}
    writers: dict[int, set[str]] = {}
    for file in sorted((directory / "sums-out").glob("[!.]*")):
        for line in file.read_text().splitlines():
            rest, count, total, least, greatest = map(int, line.split("\t")[:5])
            seen = range(rest, NUMBERS, RESTS)[:count]
            assert (count, total) == (len(seen), sum(seen))
            assert (least, greatest) == (seen[0], seen[-1])
            assert float(line.split("\t")[5]) == total / count
            updates.setdefault(rest, []).append(count)
            writers.setdefault(rest, set()).add(writer_of(file))
    expected = Counter(number % RESTS for number in range(NUMBERS))
    assert {rest: counts[-1] for rest, counts in updates.items()} == expected
    for rest, counts in updates.items():
        assert counts == sorted(set(counts)), f"updates of {rest} are out of order or repeated"
        assert len(writers[rest]) == 1, f"{rest} was counted by several workers"
