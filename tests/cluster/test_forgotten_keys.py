"""Keys that are forgotten and come back, in a cluster whose workers are killed meanwhile.

A key that was deleted and is in an older checkpoint must not be found again: it would go on
counting where it had stopped. Most keys wait to be forgotten, so that captures are of changes.
"""

import random
from collections import Counter
from pathlib import Path

import pytest
from support.harness import hosts_in
from support.killer import Killer

NUMBERS, BURST, GROUPS, KEYS = 18_000, 200, 40, 50
TTL_BURSTS = 20

APPLICATION = f"""
import wallarood as w

class Seen:
    count = 0

def stamp(number: int) -> int:
    return number

def key(number: int) -> int:
    # The keys of a group have {BURST} records, and then none for {GROUPS - 1} times as long.
    return number // {BURST} % {GROUPS} * {KEYS} + number % {KEYS}

def gone(seen: Seen, *, key: int) -> tuple[str, int, int]:
    return "gone", key, seen.count

@w.state_computation_timed(state=Seen, ttl="{BURST * TTL_BURSTS}ms", on_expire=gone, in_order=True)
def count(number: int, seen: Seen, timers: w.Timers) -> tuple[str, int, int]:
    seen.count += 1
    return "seen", number, seen.count

app = w.application(
    "forgotten",
    w.source(
        "numbers",
        w.GeneratorSource(rate=2000, count={NUMBERS}),
        time=w.event_time(stamp, unit="ms", out_of_order="0s"),
    )
    .key_by(key)
    .to(count)
    .to_sink(w.FileSink("forgotten-out")),
)
"""


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_a_key_that_was_forgotten_begins_again_whatever_is_killed(
    workers: int, tmp_path: Path
) -> None:
    file = tmp_path / "forgotten.py"
    file.write_text(APPLICATION)
    rng = random.Random(workers)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), workers)
        for _ in range(3):
            cluster.until("running")
            cluster.strike(rng, most=workers)
        assert cluster.kills.total() >= 2
        cluster.until("completed")
        cluster.end()
    seen: dict[int, int] = {}
    gone: Counter[int] = Counter()
    for part in (tmp_path / "forgotten-out").glob("[!.]*"):
        for line in part.read_text().splitlines():
            what, which, count = line.split("\t")
            if what == "seen":
                assert int(which) not in seen
                seen[int(which)] = int(count)
            else:
                assert int(count) == BURST // KEYS
                gone[int(which)] += 1
    assert seen == {number: number % BURST // KEYS + 1 for number in range(NUMBERS)}
    # The end forgets nothing, and may come before time has come to what is due just before it.
    # A key that has come back and begun again was forgotten in any case.
    bursts = NUMBERS // BURST
    assert due(bursts - GROUPS) <= gone <= due(bursts - TTL_BURSTS)


def due(bursts: int) -> Counter[int]:
    """How often each key is forgotten after so many bursts."""
    return Counter(
        burst % GROUPS * KEYS + place for burst in range(bursts) for place in range(KEYS)
    )
