"""Pipelines run with crashes: the output is the same, or it is said what differs."""

import itertools
from collections.abc import Callable

import pytest

import wallarood as w
from wallarood import testing


class Seen:
    """How often a key was seen."""

    def __init__(self) -> None:
        self.count = 0


@w.state_computation(state=Seen)
def count(word: str, seen: Seen) -> tuple[str, int]:
    """Count a word."""
    seen.count += 1
    return word, seen.count


def app(*steps: Callable[[w.Stream], w.Stream]) -> w.Application:
    """An application with these steps between a source and a sink."""
    stream = w.source("words", w.FileSource("words.txt"))
    for step in steps:
        stream = step(stream)
    return w.application("words", stream.to_sink(w.StdoutSink(), name="out"))


def by_word(stream: w.Stream) -> w.Stream:
    """By the word itself."""
    return stream.key_by(lambda word: word, name="by-word")


WORDS = [f"w{number * number % 17}" for number in range(100)]


@pytest.mark.parametrize("every", [1, 3, 10, 99, 1000])
def test_state_that_is_in_the_state_object_survives(every: int) -> None:
    counting = app(by_word, lambda stream: stream.to(count))
    found = testing.run_with_crashes(counting, {"words": WORDS}, every=every)
    assert found == testing.run(counting, {"words": WORDS})
    assert max(number for _, number in found["out"]) > 5


def test_state_outside_is_found() -> None:
    numbers = itertools.count()
    outside = app(lambda stream: stream.map(lambda word: (word, next(numbers) % 100), name="n"))
    with pytest.raises(AssertionError, match=r"sink 'out', record 0: .*outside the state object"):
        testing.run_with_crashes(outside, {"words": WORDS})


def test_records_that_come_only_sometimes_are_found() -> None:
    seen: set[str] = set()

    def fresh(word: str) -> bool:
        new = word not in seen
        seen.add(word)
        return new

    with pytest.raises(AssertionError, match="got 0 records with crashes and"):
        testing.run_with_crashes(app(lambda stream: stream.filter(fresh)), {"words": WORDS})


def test_a_state_that_cannot_be_stored_is_named() -> None:
    class Open:
        def __init__(self) -> None:
            self.lines = (line for line in ())

    @w.state_computation(state=Open)
    def keep(word: str, state: Open) -> str:
        return word

    with pytest.raises(w.ApplicationError, match="'keep' for key 'w0' cannot be stored"):
        testing.run_with_crashes(
            app(by_word, lambda stream: stream.to(keep)), {"words": WORDS}, every=1
        )


def test_every_is_a_positive_number() -> None:
    with pytest.raises(w.ApplicationError, match="every=0: expected 1 or more"):
        testing.run_with_crashes(app(), {"words": WORDS}, every=0)
