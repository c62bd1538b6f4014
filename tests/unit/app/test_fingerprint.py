"""The fingerprint: the same for the same pipeline, a readable difference for another."""

from collections.abc import Callable

import pytest
from support.shelves import ShelvesSource

import wallarood as w


class Total:
    count = 0


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word, total.count


@w.state_computation(state=Total, partitions=8, name="count")
def count_in_few(word: str, total: Total) -> tuple[str, int]:
    return word, total.count


@w.state_computation(state=Total, name="count")
def count_untyped(word, total):  # type: ignore[no-untyped-def]
    return word, total.count


def by_word(word: str) -> str:
    return word


def pipeline(
    source: str = "lines",
    computation: Callable[..., object] = count,
    make_sink: Callable[[], w.Sink] = w.StdoutSink,
) -> tuple[str, ...]:
    stream = w.source(source, w.FileSource("book.txt")).key_by(by_word).to(computation)
    return w.application("word count", stream.to_sink(make_sink(), name="out")).fingerprint


def test_a_line_for_each_fact() -> None:
    assert pipeline() == (
        "application word count",
        "source lines: carries str; FileSource",
        "key_by by_word: carries str; from lines[0]; keyed by str",
        "partitioned count: carries tuple[str, int]; from by_word[0]; keyed by str; 256 partitions",
        "sink out: carries tuple[str, int]; from count[0]; keyed by str; StdoutSink",
    )


def test_whether_a_source_is_watched_decides_who_reads_what() -> None:
    def line(*, bounded: bool) -> str:
        source = ShelvesSource("x", bounded=bounded)
        return w.application("a", w.source("in", source).to_sink(w.StdoutSink())).fingerprint[1]

    assert line(bounded=True) == "source in: carries str; ShelvesSource"
    assert line(bounded=False) == "source in: carries str; ShelvesSource; watched"


def test_it_does_not_depend_on_what_was_built_before() -> None:
    first = pipeline()
    pipeline("others")
    assert pipeline() == first


@pytest.mark.parametrize(
    ("other", "fact"),
    [
        (lambda: pipeline("book"), "source book"),
        (lambda: pipeline(computation=count_in_few), "8 partitions"),
        (lambda: pipeline(computation=count_untyped), "carries Any"),
        (lambda: pipeline(make_sink=lambda: w.FileSink("counts")), "FileSink"),
    ],
)
def test_a_difference_shows_in_its_line(other: Callable[[], tuple[str, ...]], fact: str) -> None:
    differing = set(other()) - set(pipeline())
    assert any(fact in line for line in differing)
