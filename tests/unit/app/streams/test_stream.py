"""Streams: what each method adds to the pipeline, and what it refuses."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

import wallarood as w
from wallarood.app.hints import show
from wallarood.model.pipeline import Step, StepKind


class Total:
    count = 0


@w.computation
def parse(line: str) -> int:
    return int(line)


@w.computation_multi
def split(line: str) -> list[str]:
    return line.split()


@w.computation_batch
def sort(lines: list[str]) -> list[str]:
    return sorted(lines)


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word, total.count


async def look_up(word: str) -> str:
    return word


@attrs.define
class Loose:
    name: str


def lines() -> w.Stream:
    return w.source("lines", w.ListSource(["to be"], record=str))


def more() -> w.Stream:
    return w.source("more", w.ListSource(["or not"], record=str))


def last_step(stream: w.Stream) -> Step:
    """The step before the sink that *stream* gets."""
    return w.application("test", stream.to_sink(w.ListSink([]))).steps[-2]


def by_word(word: str) -> str:
    return word


def test_records_and_keys_by_type_hints() -> None:
    keyed = lines().flat_map(split).key_by(by_word)
    assert show(last_step(keyed).record) == "str"
    assert last_step(keyed).key is str
    counted = last_step(keyed.to(count))
    assert (show(counted.record), counted.key) == ("tuple[str, int]", str)


@pytest.mark.parametrize(
    "pass_on",
    [
        lambda stream: stream.map(str.upper),
        lambda stream: stream.filter(bool),
        lambda stream: stream.flat_map(split),
        lambda stream: stream.inspect(print),
        lambda stream: stream.to(count),
        lambda stream: stream.merge(more().key_by(by_word)),
        lambda stream: w.merge(*stream.branch(bool)),
    ],
)
def test_keys_survive(pass_on: Callable[[w.Stream], w.Stream]) -> None:
    assert last_step(pass_on(lines().key_by(by_word))).key is str


@pytest.mark.parametrize(
    "pass_on",
    [
        lambda stream: stream.to(sort),
        lambda stream: stream.collect(),
        lambda stream: stream.collect().to(count),
        lambda stream: stream.merge(w.source("more", w.ListSource([]))),
    ],
)
def test_keys_are_lost(pass_on: Callable[[w.Stream], w.Stream]) -> None:
    assert last_step(pass_on(lines().key_by(by_word))).key is None


def test_state_is_per_key_behind_key_by_and_one_behind_collect() -> None:
    words = lines().flat_map(split)
    keyed = last_step(words.key_by(by_word).to(count))
    assert (keyed.kind, keyed.partitions) == (StepKind.PARTITIONED, 256)
    single = last_step(words.key_by(by_word).collect().filter(bool).to(count))
    assert (single.kind, single.partitions) == (StepKind.STATEFUL, 0)
    again = last_step(words.collect().key_by(by_word).to(count))
    assert again.kind is StepKind.PARTITIONED


def test_predicates_and_inspection_leave_the_record_type_alone() -> None:
    assert last_step(lines().filter(lambda line: line)).record is str
    assert last_step(lines().inspect(print)).record is str


def test_a_computation_may_be_used_in_another_shape() -> None:
    @w.computation
    def letters(word: str) -> list[str]:
        return list(word)

    assert last_step(lines().flat_map(letters)).record is str
    assert last_step(lines().to(letters)).record == list[str]


def test_where_a_step_is_declared_is_kept() -> None:
    stream = lines().map(str.upper)
    line = test_where_a_step_is_declared_is_kept.__code__.co_firstlineno + 1
    assert str(last_step(stream).where) == f"{__file__}:{line}"


def test_the_streams_of_one_branch_have_two_outputs() -> None:
    good, bad = lines().branch(lambda line: line)
    steps = w.application(
        "test", good.to_sink(w.ListSink([])), bad.map(str.upper).to_sink(w.ListSink([]))
    ).steps
    outputs = [each.output for step in steps for each in step.inputs if each.step == "branch"]
    assert sorted(outputs) == [0, 1]


def by_length(word: str) -> float:
    return len(word) / 2


def by_object(word: str) -> Loose:
    return Loose(word)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "types that do not fit": (
        lambda: lines().to(parse).to(split),
        "split expects str, but the stream carries int",
    ),
    "key function that does not fit": (
        lambda: lines().to(parse).key_by(by_word),
        "by_word expects str, but the stream carries int",
    ),
    "predicate that does not fit": (
        lambda: lines().to(parse).branch(by_word),
        "by_word expects str, but the stream carries int",
    ),
    "state without key": (lambda: lines().to(count), "put .key_by(…) before it"),
    "state after a batch": (lambda: lines().key_by(by_word).to(sort).to(count), "has no key"),
    "second state after one collect": (
        lambda: lines().collect().to(count).to(count, name="again"),
        "again keeps state but the stream has no key",
    ),
    "float as key": (
        lambda: lines().key_by(by_length),
        "by_length returns float, which cannot be a key: expected str, bytes, int, bool",
    ),
    "mutable key": (lambda: lines().key_by(by_object), "by_object returns Loose"),
    "async key": (lambda: lines().key_by(look_up), "neither awaits nor blocks"),
    "async branch": (lambda: lines().branch(look_up), "neither awaits nor blocks"),
    "state in map": (lambda: lines().map(count), "count keeps state: pass it to .to(…)"),
    "state in key_by": (lambda: lines().key_by(count), "count keeps state: pass it to .to(…)"),
    "multi in map": (lambda: lines().map(split), "split is a many computation: pass it to .to(…)"),
    "no function": (lambda: lines().map("upper"), "expected a function, found 'upper'"),  # type: ignore[arg-type]
    "nameless state": (
        lambda: lines().collect().to(w.state_computation(state=Total)(lambda _r, _t: 1)),
        "set name=",
    ),
    "no sink": (lambda: lines().to_sink(print), "expected a sink"),  # type: ignore[arg-type]
    "class of a sink": (lambda: lines().to_sink(w.StdoutSink), "expected a sink"),  # type: ignore[arg-type]
    "no sinks": (lambda: lines().to_sinks(), "expected at least one sink"),
    "no source": (lambda: w.source("lines", ["a"]), "expected a source"),  # type: ignore[arg-type]
    "class of a source": (lambda: w.source("a", w.FileSource), "expected a source"),  # type: ignore[arg-type]
    "arguments swapped": (lambda: w.source(w.ListSource([]), "lines"), "source name"),  # type: ignore[arg-type]
    "source without name": (lambda: w.source("", w.ListSource([])), "source name ''"),
    "merge of one": (lambda: w.merge(lines()), "expected two streams or more"),
    "merge with an end": (
        lambda: lines().merge(lines().to_sink(w.ListSink([]))),  # type: ignore[arg-type]
        "expected streams, found End",
    ),
    "bad step name": (lambda: lines().map(str.upper, name="../up"), "step name '../up'"),
    "bad policy": (
        lambda: lines().map(str.upper, on_error="retry"),  # type: ignore[arg-type]
        "on_error='retry'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_names_the_line_of_the_application(case: str) -> None:
    build, message = WRONG[case]
    with pytest.raises(w.PipelineError) as caught:
        build()
    file, line, text = str(caught.value).split(":", 2)
    assert message in text
    assert file == __file__
    first = build.__code__.co_firstlineno
    assert first <= int(line) <= first + 2
