"""Applications of which another version follows, and what they must have written together."""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import attrs

from support.rests import RESTS
from support.upgrading import lines

# ---- numbers, counted by their rest: see `support.rests.check_counted` ---------------------------

RESTS_FIRST = f"""
import wallarood as w

class Seen:
    def __init__(self):
        self.count = 0

class Total:
    total = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number % {RESTS}, state.count

@w.state_computation(state=Total)
def total(number: int, state: Total) -> int:
    state.total += number
    return state.total

numbers = w.source("numbers", w.GeneratorSource(rate=1000)).key_by(
    lambda number: number % {RESTS}, name="by-rest"
)
app = w.application(
    "counts",
    numbers.to(seen).to_sink(w.FileSink("out"), name="out"),
    numbers.to(total).to_sink(w.FileSink("totals"), name="totals"),
)
"""
RESTS_SECOND = f"""
import wallarood as w

class Counted:
    def __init__(self, amount):
        self.amount = amount
        self.largest = 0

def of_seen(stored, version):
    assert version == 1
    return Counted(stored.count)

@w.state_computation(state=lambda: Counted(0), version=2, migrate=of_seen)
def counted(number: int, state: Counted) -> tuple[int, int]:
    state.amount += 1
    state.largest = max(number, state.largest)
    return number % {RESTS}, state.amount

numbers = w.source("naturals", w.GeneratorSource(rate=1000)).key_by(
    lambda number: number % {RESTS}, name="by-rest"
)
app = w.application(
    "counts",
    numbers.to(counted).to_sink(w.FileSink("out"), name="out"),
    numbers.aggregate(w.count(), name="many").to_sink(w.FileSink("many"), name="many-out"),
    was={{"counted": "seen", "naturals": "numbers"}},
)
"""
DROPS = ("--drop", "total", "--drop", "totals")
"""What the second version has no use for."""


def check_totals(directory: Path) -> None:
    """What the first version has of its own: the sum of all numbers of a rest until now."""
    totals = sorted(int(line) for line in lines(directory / "totals"))
    alike = [range(rest, len(totals), RESTS) for rest in range(RESTS)]
    assert totals == sorted(total for numbers in alike for total in accumulate(numbers))


# ---- words, counted ------------------------------------------------------------------------------

WORDS = 31
PARTITIONS = 3
WINDOW = 100
"""How many lines a window of the second version spans."""
_COMMON = f"""
import attrs

import wallarood as w


def line(number: int) -> str:
    return f"{{number}} w{{number % {WORDS}}} all"


def source(name: str):
    return w.source(name, w.GeneratorSource(line, rate=600, partitions={PARTITIONS}))


@w.computation_multi
def split(line: str) -> list[tuple[str, int]]:
    number, *words = line.split()
    return [(word, int(number)) for word in words]
"""
WORDS_FIRST = (
    _COMMON
    + """

@attrs.define
class Total:
    count: int = 0


@w.computation
def shout(at: tuple[str, int]) -> tuple[str, int]:
    return at[0].upper(), at[1]


@w.state_computation(state=Total)
def count(at: tuple[str, int], total: Total) -> tuple[str, int, int]:
    total.count += 1
    return at[0].lower(), at[1], total.count


app = w.application(
    "words",
    source("lines")
    .to(split)
    .to(shout)
    .key_by(lambda at: at[0].lower(), name="by-word")
    .to(count)
    .to_sink(w.FileSink("out"), name="out"),
)
"""
)
WORDS_SECOND = (
    _COMMON
    + f"""

@attrs.define
class Total:
    count: int = 0
    seen_by_the_second: int = 0


@w.state_computation(state=Total)
def count(at: tuple[str, int], total: Total) -> tuple[str, int, int, int]:
    total.count += 1
    total.seen_by_the_second += 1
    return *at, total.count, total.seen_by_the_second


@w.computation
def number(line: str) -> int:
    return int(line.split()[0])


@w.computation
def as_row(found: w.Windowed) -> str:
    return " ".join(map(str, found.value))


texts = source("texts")
app = w.application(
    "words",
    texts.to(split)
    .key_by(lambda at: at[0], name="by-word")
    .to(count)
    .to_sink(w.FileSink("out"), name="out"),
    texts.to(number)
    .key_by(lambda number: 0, name="of-all")
    .window(w.count_window({WINDOW}, ttl=w.forever))
    .collect(name="windows")
    .to(as_row)
    .to_sink(w.FileSink("windows"), name="windows-out"),
    was={{"texts": "lines"}},
)
"""
)


@attrs.frozen
class Counted:
    """A line of what was written: the `number` of the line of input, and how it was counted.

    `seen` is how often the second version has counted the word; None: the first counted it.
    """

    word: str
    number: int
    count: int
    seen: int | None = None

    @classmethod
    def read(cls, directory: Path) -> Iterator["Counted"]:
        """All that was written below *directory*."""
        for line in lines(directory / "out"):
            word, *numbers = line.split("\t")
            yield cls(word, *map(int, numbers))


def check_words(directory: Path) -> None:
    """Each word of each line was counted once, by one version or another: 1, 2, 3, …

    What the second version counts itself began at once for all lines of a word.
    """
    found = list(Counted.read(directory))
    read = {
        part: max(each.number for each in found if each.number % PARTITIONS == part)
        for part in range(PARTITIONS)
    }
    numbers = [n for part, last in read.items() for n in range(part, last + 1, PARTITIONS)]
    expected = [(word, number) for number in numbers for word in ("all", f"w{number % WORDS}")]
    assert sorted((each.word, each.number) for each in found) == sorted(expected)
    for word in {each.word for each in found}:
        of_it = [each for each in found if each.word == word]
        assert sorted(each.count for each in of_it) == list(range(1, len(of_it) + 1)), word
        assert len({each.count - each.seen for each in of_it if each.seen is not None}) <= 1, word


def check_windows(directory: Path) -> int:
    """All windows are full, and each number was in one at most of each time of the version.

    Each time of it has a writer of its own. Returns how many there were.
    """
    by_writer: dict[str, list[int]] = {}
    for file in (directory / "windows").glob("[!.]*"):
        for line in file.read_text().splitlines():
            numbers = [int(number) for number in line.split()]
            assert len(numbers) == WINDOW
            by_writer.setdefault(file.name.rsplit(".", 2)[0], []).extend(numbers)
    for writer, numbers in by_writer.items():
        assert len(set(numbers)) == len(numbers), writer
    return len(by_writer)
