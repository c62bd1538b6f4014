"""Checks what word_count wrote, with nothing of the engine: plain files in, plain files out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from wallarood.examples.word_count import options
from wallarood.model.errors import ApplicationError

MOST_FREQUENT = 10


def verify(args: list[str], cluster_id: str) -> list[str]:
    """Count the input again and compare. Returns lines for a person.

    Checked are: for each word the updates are 1, 2, 3, … in this order, all from one worker, and
    the last one is how often the word stands in the input.

    Raises ApplicationError: something differs; the message says what.
    """
    chosen = options(args)
    expected = count_words(chosen.input, chosen.repeat)
    parts = sorted(Path(chosen.output).glob(f"counts@*-{cluster_id[-8:]}.*"))
    found = last_counts(parts)
    if found != expected:
        raise ApplicationError(_difference(found, expected))
    words = sum(expected.values())
    most = sorted(expected.items(), key=lambda each: (-each[1], each[0]))[:MOST_FREQUENT]
    wide = max((len(word) for word, _ in most), default=0)
    return [
        f"the {len(most)} most frequent words:" if most else "the input has no words",
        *(f"  {word:<{wide}}  {times:>10,}" for word, times in most),
        "",
        f"counts verified: {words:,} words, {len(expected):,} different, each counted 1, 2, 3, … "
        "by one worker",
    ]


def count_words(paths: Iterable[str], repeat: int) -> dict[str, int]:
    """How often each word stands in the files, all read *repeat* times."""
    counts: Counter[str] = Counter()
    for path in dict.fromkeys(paths):
        with Path(path).open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                counts.update(line.split())
    return {word: times * repeat for word, times in counts.items()}


def last_counts(parts: Iterable[Path]) -> dict[str, int]:
    """The last count of each word. Raises ApplicationError: an update is missing or out of order.

    The parts of one worker come one after the other; a word that a second worker counted as well
    would begin again at 1, or continue where the first left off, and neither passes.
    """
    last: dict[str, int] = {}
    counted_by: dict[str, str] = {}
    for part in parts:
        writer = part.name.rsplit(".", 2)[0]
        for word, count in _updates(part):
            before = last.get(word, 0)
            if count != before + 1:
                raise ApplicationError(
                    f"{part}: the word {word!r} was counted {count} after {before}, "
                    f"expected {before + 1}"
                )
            if counted_by.setdefault(word, writer) != writer:
                raise ApplicationError(
                    f"the word {word!r} was counted by {counted_by[word]} and by {writer}: "
                    "expected one worker"
                )
            last[word] = count
    return last


def _updates(part: Path) -> Iterator[tuple[str, int]]:
    with part.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            word, _, count = line.rstrip("\n").partition("\t")
            yield word, int(count)


def _difference(found: dict[str, int], expected: dict[str, int]) -> str:
    wrong = sorted(
        word for word in found.keys() | expected.keys() if found.get(word) != expected.get(word)
    )
    some = ", ".join(
        f"{word!r}: {found.get(word, 0):,} instead of {expected.get(word, 0):,}"
        for word in wrong[:5]
    )
    return f"{len(wrong):,} of {len(expected):,} words have a wrong count ({some})"
