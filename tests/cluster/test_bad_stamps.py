"""Stamps that are none: each fails its record, by on_error, the same on one worker and on three."""

import json
from collections import Counter
from pathlib import Path

import pytest
from support.harness import hosts_in

COUNT = 500

APPLICATION = """
import time
from datetime import UTC, datetime

import wallarood as w

STAMPS = (
    lambda number: datetime(2025, 1, 1),
    lambda number: None,
    lambda number: float("nan"),
    lambda number: time.time() + 7200,
    lambda number: "soon",
    lambda number: True,
    lambda number: 1e300,
    lambda number: -5,
    lambda number: 12.5,
    lambda number: datetime(1970, 1, 1, 0, 0, 25, tzinfo=UTC),
)

def stamp(number: int):
    return STAMPS[number % 10](number)

def rest(number: int) -> int:
    return number % 10

def line(result: w.Windowed[int, int]) -> str:
    return f"{result.key} {result.start} {result.value}"

def app(args):
    on_error = "stop" if args else w.dead_letter(w.FileSink("bad", format="json"))
    time = w.event_time(stamp, unit="s", out_of_order="1h", on_error=on_error)
    numbers = w.source("numbers", w.GeneratorSource(count=500, partitions=3), time=time)
    counts = numbers.key_by(rest).window(w.tumbling("10s")).aggregate(w.count())
    return w.application("stamps", counts.map(line).to_sink(w.FileSink("good", format="lines")))
"""


def run(directory: Path, workers: int, *args: str) -> tuple[set[int], str]:
    """How the workers have ended, and what they have said."""
    (directory / "stamps.py").write_text(APPLICATION)
    with hosts_in(directory) as hosts:
        started = hosts.start_cluster(workers, "stamps.py", "--exit-on-completion", args=args)
        ended = {each.wait(60) for each in started}
        return ended, "\n".join(each.said for each in started)


def lines_in(directory: Path) -> list[str]:
    return [line for part in directory.glob("[!.]*") for line in part.read_text().splitlines()]


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_what_is_no_stamp_becomes_a_dead_letter(workers: int, tmp_path: Path) -> None:
    ended, said_by_all = run(tmp_path, workers)
    assert ended == {0}, said_by_all
    each = COUNT // 10
    assert sorted(lines_in(tmp_path / "good")) == [
        f"7 -10000000 {each}",
        f"8 10000000 {each}",
        f"9 20000000 {each}",
    ]
    letters = [json.loads(line) for line in lines_in(tmp_path / "bad")]
    assert sorted(int(letter["record"]) for letter in letters) == [
        number for number in range(COUNT) if number % 10 < 7
    ]
    said = Counter((int(letter["record"]) % 10, letter["error"]) for letter in letters)
    for (rest, error), count in said.items():
        assert WHY[rest] in error
        assert rest == 3 or count == each
    assert all(letter["file"].endswith("stamps.py") for letter in letters)


WHY = {
    0: "without a time zone",
    1: "found None",
    2: "expected a finite number",
    3: "ahead of the clock",
    4: "found 'soon' (str)",
    5: "found True (bool)",
    6: "out of range",
}


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_or_it_ends_the_job_and_the_message_names_the_line(workers: int, tmp_path: Path) -> None:
    ended, said = run(tmp_path, workers, "stop")
    assert ended == {65}, said
    line = 1 + APPLICATION.splitlines().index("def stamp(number: int):")
    assert f"stamps.py:{line}" in said
    assert "StampError: " in said
    assert "record: " in said
    assert "Traceback" not in said
