"""Files: words from files that grow, and from splits of large ones, are counted into files.

The splits are read slowly, so that they last, until the file ``fast`` is there.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from support.systems.system import PARTS, Counts

APPLICATION = """
import itertools
import time
from pathlib import Path

import wallarood as w

class Seen:
    count = 0

read = itertools.count()

def slowly(word: str) -> str:
    # Not at each record: to sleep takes longer than that where others run.
    if next(read) % {many} == 0 and not Path("fast").exists():
        time.sleep({slow_s})
    return word

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

app = w.application(
    "counting",
    w.source("in", w.FileSource("in/*.txt", follow=True))
    .merge(w.source("split", w.FileSource("split", split="{split}")).map(slowly))
    .key_by(lambda word: word, name="by-word")
    .to(seen)
    .to_sink(w.FileSink("out"), name="out"),
)
"""
SPLIT = "256KiB"
MANY, SLOW_S = 32, 0.02
"""After so many words of the large files it takes so long."""
LARGE = 2, 120_000
"""So many files have so many words each."""


@attrs.define(eq=False)
class Files:
    """See `Fed`. All that is followed is one partition; of splits there are many."""

    directory: Path
    parts: int = PARTS
    at_first: Counter[str] = attrs.field(factory=Counter)
    """What the large files have."""

    @property
    def application(self) -> str:
        """The whole application."""
        return APPLICATION.format(split=SPLIT, many=MANY, slow_s=SLOW_S)

    def begin(self) -> None:
        """See `Fed`."""
        rng = random.Random(1)
        (self.directory / "split").mkdir()
        (self.directory / "in").mkdir()
        for file in range(LARGE[0]):
            words = [f"split{rng.randrange(400)}" for _ in range(LARGE[1])]
            (self.directory / "split" / f"{file}.txt").write_text("\n".join([*words, ""]))
            self.at_first.update(words)

    def feed(self, words: Mapping[int, Sequence[str]]) -> None:
        """See `Fed`."""
        for part, given in words.items():
            with (self.directory / "in" / f"{part}.txt").open("a") as file:
                file.write("".join(f"{word}\n" for word in given))

    def hurry(self) -> None:
        """Let the large files be read to their end at once."""
        (self.directory / "fast").touch()

    def counts(self) -> Counts:
        """See `Fed`: of who counts a word later each file must rise."""
        found: Counts = []
        for file in sorted((self.directory / "out").glob("[!.]*")):
            lines = (line.split("\t") for line in file.read_text().splitlines())
            found += in_order([(word, int(count)) for word, count in lines], file.name)
        return sorted(found)


def in_order(counts: Counts, writer: str) -> Counts:
    """*counts*, of which those of a word must rise with the same writer."""
    last: dict[str, int] = {}
    for word, count in counts:
        assert count > last.get(word, 0), f"{writer}: {word} {count} after {last[word]}"
        last[word] = count
    return counts
