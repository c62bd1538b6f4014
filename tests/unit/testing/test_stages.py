"""Running on lists finds what would differ on several workers."""

from collections.abc import Callable
from typing import Any

import pytest
from support.record_types import BadError, Plain

import wallarood as w
from wallarood import testing
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import DeadLetter


@w.state_computation(state=list, name="keep")
def keep(record: Any, seen: list[Any]) -> Any:
    seen.append(record)
    return record


def by_text(record: Any) -> str:
    return "k" if callable(record) else str(record)


def lists_source() -> w.Stream[Any]:
    return w.source("in", w.GeneratorSource())


def make(number: int) -> Any:
    return (lambda: number) if number == 2 else number


def run(*ends: w.End, records: list[Any]) -> dict[str, list[Any]]:
    return testing.run(w.application("test", *ends), {"in": records})


def crossing(function: Callable[[Any], Any], **options: Any) -> w.End:
    made = lists_source().map(function, name="make", **options)
    return made.key_by(by_text).to(keep).to_sink(w.ListSink([]), name="out")


def test_a_record_that_cannot_be_sent_stops_and_names_step_line_and_record() -> None:
    with pytest.raises(ApplicationError, match="cannot be sent to another worker") as caught:
        run(crossing(make), records=[1, 2, 3])
    said = str(caught.value)
    assert "computation 'make' failed at" in said
    assert "test_stages.py:" in said
    assert "record: <function" in said


def test_a_record_that_cannot_be_sent_is_skipped() -> None:
    assert run(crossing(make, on_error="skip"), records=[1, 2, 3]) == {"out": [1, 3]}


def test_a_record_that_does_not_unpickle_becomes_a_dead_letter() -> None:
    def bad(number: int) -> Any:
        return BadError(number, "x") if number == 2 else number

    letters = w.dead_letter(w.ListSink([]), name="dead")
    found = run(crossing(bad, on_error=letters), records=[1, 2, 3])
    assert found["out"] == [1, 3]
    (letter,) = found["dead"]
    assert isinstance(letter, DeadLetter)
    assert (letter.computation, letter.record) == ("make", "BadError('2 x')")
    assert "cannot be unpickled" in letter.error


def test_a_record_of_a_source_that_cannot_be_sent_names_the_source() -> None:
    end = lists_source().key_by(by_text).to(keep).to_sink(w.ListSink([]), name="out")
    with pytest.raises(ApplicationError, match="a record of source 'in'"):
        run(end, records=[lambda: 1])


def test_a_record_that_is_not_of_its_type_hint_is_a_warning_and_stays_as_it_is() -> None:
    def hinted(number: int) -> float:
        return number

    with pytest.warns(testing.HintWarning, match="'make' .* found int 1, expected float"):
        found = run(crossing(hinted), records=[1])
    assert [type(each) for each in found["out"]] == [int]


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_what_cannot_be_a_key_is_the_failure_of_its_record(on_error: Any) -> None:
    def key(number: int) -> Any:
        return None if number == 2 else f"k{number}"

    keyed = lists_source().key_by(key, name="by-key", on_error=on_error)
    end = keyed.to(keep).to_sink(w.ListSink([]), name="out")
    if on_error == "skip":
        assert run(end, records=[1, 2, 3]) == {"out": [1, 3]}
        return
    with pytest.raises(ApplicationError, match=r"'by-key' failed at .* key None is a NoneType"):
        run(end, records=[1, 2, 3])


def test_a_branch_that_changes_its_records_does_not_change_those_of_another() -> None:
    def free(record: dict[str, int]) -> dict[str, int]:
        record["price"] = 0
        return record

    source = lists_source().map(lambda record: record, name="untyped")
    found = run(
        source.map(free, name="free").to_sink(w.ListSink([]), name="changed"),
        source.map(lambda record: record, name="same").to_sink(w.ListSink([]), name="unchanged"),
        records=[{"price": 5}],
    )
    assert found == {"changed": [{"price": 0}], "unchanged": [{"price": 5}]}


def test_a_record_that_is_changed_after_it_was_emitted_is_found() -> None:
    @w.state_computation(state=lambda: Plain(0), name="total")
    def total(number: int, state: Plain) -> Plain:
        state.number += number
        return state

    totals = lists_source().collect().to(total)
    end = totals.map(lambda each: each.number).to_sink(w.ListSink([]), name="out")
    application = w.application("test", end)
    with pytest.raises(AssertionError, match=r"'total' .* has changed a record after"):
        testing.run(application, {"in": [1, 2]}, batch_records=1)
