"""An application for the tests of a cluster, and what it must have written."""

from collections import Counter
from pathlib import Path

from support.harness import writer_of
from support.rests import RESTS, counting


def slow_counting(numbers: int, rate: int = 5000) -> str:
    """An application that counts so many numbers, *rate* in a second."""
    return counting(
        "slow_count", f"rate={rate}, count={numbers}", sink='w.FileSink("slow_count-out")'
    )


def check_slow_count(directory: Path, numbers: int = 20_000) -> None:
    """Each rest is counted 1, 2, 3, … by one worker, with no gap and no repeat."""
    updates: dict[int, list[tuple[str, int]]] = {}
    for file in sorted((directory / "slow_count-out").glob("[!.]*")):
        for line in file.read_text().splitlines():
            rest, count = map(int, line.split("\t"))
            updates.setdefault(rest, []).append((writer_of(file), count))
    expected = Counter(number % RESTS for number in range(numbers))
    found = {rest: [count for _, count in each] for rest, each in updates.items()}
    assert found == {rest: list(range(1, count + 1)) for rest, count in expected.items()}
    for rest, each in updates.items():
        assert len({writer for writer, _ in each}) == 1, f"{rest} was counted by several workers"
