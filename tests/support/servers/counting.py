"""Numbers, counted by their rests, into a sink under test: on three workers that are killed."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.rests import RESTS, counting, counting_from
from support.servers.process import Server

NUMBERS_FOR_A_KILL = 3000
Pair = tuple[int, int]


def generated(numbers: int, sink: str) -> str:
    """An application that counts so many numbers into *sink*."""
    arguments = f"rate=2000, count={numbers}, partitions=3"
    return counting("counting", arguments, sink=f'{sink}, name="out"')


def through(source: str, sink: str) -> str:
    """An application that counts what comes from *source* into *sink*."""
    return counting_from(f'"in", {source}', f'{sink}, name="out"', name="through")


def expected_counts(numbers: int) -> dict[int, list[int]]:
    """What comes out: every rest is counted 1, 2, 3, …"""
    times = Counter(number % RESTS for number in range(numbers))
    return {rest: list(range(1, count + 1)) for rest, count in times.items()}


def check_all(found: Sequence[Pair], numbers: int) -> None:
    """Every rest was counted 1, 2, 3, … in this order, as often as there were such numbers."""
    counts: dict[int, list[int]] = {}
    for rest, count in found:
        counts.setdefault(rest, []).append(count)
    expected = expected_counts(numbers)
    wrong = {rest for rest in expected | counts if expected.get(rest) != counts.get(rest)}
    assert not wrong, [(rest, counts.get(rest), expected.get(rest)) for rest in sorted(wrong)[:2]]


def check_last(found: Sequence[Pair], numbers: int) -> None:
    """Every rest has its last count, and only that."""
    last = {rest: counts[-1] for rest, counts in expected_counts(numbers).items()}
    assert sorted(found) == sorted(last.items())


def count_into(
    sink: str,
    read: Callable[[], Sequence[Pair]],
    *,
    directory: Path,
    server: Server,
    kills: int = 5,
    server_kills: int = 2,
    workers: int = 3,
    check: Callable[[Sequence[Pair], int], None] = check_all,
) -> Counter[str]:
    """Kill *workers*, and the server, while counts go into *sink*; check what a reader sees."""
    rng, numbers = random.Random(kills), NUMBERS_FOR_A_KILL * kills
    file = directory / "counting.py"
    file.write_text(generated(numbers, sink))
    with hosts_in(directory) as hosts:
        cluster = Killer(hosts, str(file), workers)
        cluster.until("running")
        for number in range(kills):
            cluster.strike(rng, most=min(2, workers))
            if server_kills and number % max(1, kills // server_kills) == 0:
                server.restart_killed()
        cluster.until("completed", wait_s=300)
        check(read(), numbers)
        cluster.end()
    check(read(), numbers)
    return cluster.kills


def count_through(
    source: str,
    sink: str,
    *,
    feed: Callable[[range], None],
    read: Callable[[], Sequence[Pair]],
    directory: Path,
    server: Server,
    turns: int = 5,
    workers: int = 3,
) -> None:
    """The same from a source of that server, which *feed* gives numbers between the strikes."""
    rng, each = random.Random(turns), NUMBERS_FOR_A_KILL // 2
    file = directory / "through.py"
    file.write_text(through(source, sink))
    with hosts_in(directory) as hosts:
        cluster = Killer(hosts, str(file), workers)
        cluster.until("running")
        for turn in range(turns):
            feed(range(turn * each, (turn + 1) * each))
            cluster.strike(rng, most=min(2, workers))
            if turn % 2:
                server.restart_killed()
        wait_for("all is counted", lambda: len(read()) >= turns * each, wait_s=90)
        cluster.until("running")
        cluster.end()
    check_all(read(), turns * each)
