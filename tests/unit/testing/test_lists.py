"""Running pipelines on lists: everything that the API can say, with its result."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

import wallarood as w
from wallarood import testing


class Total:
    count = 0


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word, total.count


class Seen:
    def __init__(self) -> None:
        self.words: list[str] = []


@w.state_computation_multi(state=Seen)
def all_so_far(word: str, seen: Seen) -> list[str]:
    seen.words.append(word)
    return list(seen.words)


@w.computation_batch
def backwards(words: list[str]) -> list[str]:
    return words[::-1]


def parse(line: str) -> int:
    return int(line)


def by_itself(record: Any) -> Any:
    return record


def source(name: str = "in") -> w.Stream:
    return w.source(name, w.FileSource("not-there.txt"))


def run(
    build: Callable[[w.Stream], w.Stream], records: list[Any], *, batch_records: int = 1024
) -> list[Any]:
    stream = build(w.source("in", w.GeneratorSource()).map(lambda record: record))
    application = w.application("test", stream.to_sink(w.FileSink("not-there"), name="out"))
    return testing.run(application, {"in": records}, batch_records=batch_records)["out"]


def test_simple_steps() -> None:
    words = ["to", "be", "or", "not"]
    assert run(lambda s: s.map(str.upper), words) == ["TO", "BE", "OR", "NOT"]
    assert run(lambda s: s.map(lambda each: each if "o" in each else None), words) == [
        "to",
        "or",
        "not",
    ]
    assert run(lambda s: s.filter(lambda each: len(each) > 2), words) == ["not"]
    assert run(lambda s: s.flat_map(iter), ["ab", "", "c"]) == ["a", "b", "c"]
    assert run(lambda s: s.to(backwards), words) == words[::-1]
    assert run(lambda s: s.to(backwards), words, batch_records=2) == ["be", "to", "not", "or"]


def test_inspect_sees_every_record() -> None:
    seen: list[int] = []
    assert run(lambda s: s.inspect(seen.append), [1, 2, 3]) == [1, 2, 3]
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("batch_records", [1, 2, 1024])
def test_a_state_for_each_key(batch_records: int) -> None:
    words = ["be", "or", "be", "be", "or"]
    counted = run(lambda s: s.key_by(by_itself).to(count), words, batch_records=batch_records)
    assert counted == [("be", 1), ("or", 1), ("be", 2), ("be", 3), ("or", 2)]


def test_keys_that_are_equal_in_python_do_not_meet() -> None:
    counted = run(lambda s: s.key_by(by_itself).to(count), [1, True, "1", 1])
    assert [number for _, number in counted] == [1, 1, 1, 2]


def test_a_key_that_cannot_be_one_is_an_error() -> None:
    with pytest.raises(w.ApplicationError, match=r"key 1\.5 is a float"):
        run(lambda s: s.key_by(by_itself).to(count), [1.5])


def test_one_state_for_all_records() -> None:
    assert run(lambda s: s.collect().to(all_so_far), ["a", "b"], batch_records=1) == ["a", "a", "b"]


def test_a_second_run_begins_with_new_state() -> None:
    stream = source().key_by(by_itself).to(count)
    application = w.application("test", stream.to_sink(w.StdoutSink(), name="out"))
    for _ in range(2):
        assert testing.run(application, {"in": ["a"]}) == {"out": [("a", 1)]}


def test_branch_merge_and_several_sinks() -> None:
    numbers = w.source("numbers", w.GeneratorSource())
    odd, even = numbers.branch(lambda number: number % 2)
    application = w.application(
        "test",
        odd.to_sink(w.StdoutSink(), name="odd"),
        even.merge(w.source("more", w.GeneratorSource())).to_sinks(w.StdoutSink(), w.StdoutSink()),
    )
    found = testing.run(application, {"numbers": [1, 2, 3, 4], "more": [10]})
    assert found["odd"] == [1, 3]
    assert sorted(found["stdout-sink"]) == sorted(found["stdout-sink-2"]) == [2, 4, 10]


def test_a_stream_merged_with_itself_has_every_record_twice() -> None:
    assert sorted(run(lambda s: s.merge(s), [1, 2])) == [1, 1, 2, 2]


async def test_coroutines_run_at_once_and_keep_the_order() -> None:
    running, most = 0, 0

    @w.computation(concurrency=3)
    async def slowly(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.lowlevel.checkpoint()
        running -= 1
        return -number

    application = w.application(
        "test",
        w.source("in", w.GeneratorSource()).to(slowly).to_sink(w.StdoutSink(), name="out"),
    )
    found = await testing.run_async(application, {"in": list(range(20))})
    assert found == {"out": [-number for number in range(20)]}
    assert most == 3


def test_a_blocking_computation_runs() -> None:
    assert run(lambda s: s.to(w.computation(blocking=True)(parse)), ["1", "2"]) == [1, 2]


def test_stop_names_the_computation_its_line_and_the_record() -> None:
    with pytest.raises(w.ApplicationError) as caught:
        run(lambda s: s.map(parse), ["1", "x"])
    line = parse.__code__.co_firstlineno + 1
    assert f"computation 'parse' failed at {__file__}:{line}: ValueError" in str(caught.value)
    assert "record: 'x'" in str(caught.value)


def test_skip_lets_the_others_go_on() -> None:
    assert run(lambda s: s.map(parse, on_error="skip"), ["1", "x", "3"]) == [1, 3]


def test_dead_letters_come_from_every_computation_that_has_them() -> None:
    lost = w.dead_letter(w.StdoutSink(), name="lost")
    stream = source().map(parse, on_error=lost).map(lambda n: 6 // n, name="part", on_error=lost)
    application = w.application("test", stream.to_sink(w.StdoutSink(), name="out"))
    found = testing.run(application, {"in": ["1", "x", "0", "3"]})
    assert found["out"] == [6, 2]
    assert sorted((each.computation, each.record) for each in found["lost"]) == [
        ("parse", "'x'"),
        ("part", "0"),
    ]
    assert {each.file for each in found["lost"]} == {__file__}


def test_inputs_must_name_the_sources() -> None:
    application = w.application("test", source("lines").to_sink(w.StdoutSink(), name="out"))
    wrong: list[dict[str, list[str]]] = [{}, {"line": []}, {"lines": [], "more": []}]
    for inputs in wrong:
        with pytest.raises(w.ApplicationError, match="has the sources 'lines'"):
            testing.run(application, inputs)
    with pytest.raises(w.ApplicationError, match="batch_records=0"):
        testing.run(application, {"lines": []}, batch_records=0)


def test_no_records_give_empty_lists() -> None:
    assert run(lambda s: s.key_by(by_itself).to(count), []) == []
