"""Chains: what is joined to a stage, and what ends it."""

import pytest

import wallarood as w
from wallarood.model.topology import StageKind
from wallarood.planning.coalesce import coalesce


class Total:
    count = 0


@w.state_computation(state=Total)
def number(word: str, total: Total) -> str:
    total.count += 1
    return f"{word} {total.count}"


def words() -> w.Stream[str]:
    return w.source("words", w.ListSource(["a"], record=str))


def chains(*ends: w.End) -> list[tuple[str, StageKind, str]]:
    return [(c.name, c.kind, c.stopped_by) for c in coalesce(w.application("app", *ends))]


def test_simple_computations_join_what_precedes_them() -> None:
    stream = words().map(str.upper, name="up").filter(str.isalpha, name="alpha")
    assert chains(stream.to_sink(w.ListSink([]))) == [
        (
            "words → up → alpha",
            StageKind.SOURCE,
            "list-sink is a sink: a task of its own on the same worker",
        ),
        ("list-sink", StageKind.SINK, "a sink is the end of its stream"),
    ]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda s: s.key_by(str, name="k").to(number), "number keeps state per key"),
        (lambda s: s.collect(name="c").to(number), "number keeps one state for all records"),
        (lambda s: s.redistribute(name="deal"), "deal deals records to all workers"),
        (lambda s: s.merge(words_of_others(), name="m"), "m merges several streams"),
    ],
)
def test_what_ends_a_chain_is_said(end: object, why: str) -> None:
    stream = end(words())  # type: ignore[operator]
    assert why in chains(stream.to_sink(w.ListSink([])))[0][2]


def words_of_others() -> w.Stream[str]:
    return w.source("others", w.ListSource(["b"], record=str))


def test_a_branch_and_a_stream_that_is_used_twice_end_their_chain() -> None:
    yes, no = words().branch(str.isalpha, name="which")
    [first, *_] = chains(yes.to_sink(w.ListSink([])), no.to_sink(w.ListSink([])))
    assert first[2] == "which sends each record to one of two streams"
    twice = words()
    [first, *_] = chains(twice.to_sink(w.ListSink([])), twice.to_sink(w.ListSink([])))
    assert first[2] == "2 streams continue from words"
