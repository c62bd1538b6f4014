"""Failures: the letter names the place in the application, whatever the record and the error."""

import inspect
import json
from typing import Any

import pytest

from wallarood.flow.failures import ComputationFailed, Failure, fail, letter_of
from wallarood.model.pipeline import Computation, ErrorPolicy, Shape, Where


def parse(record: Any) -> Any:
    return json.loads(record)


LINE = inspect.getsourcelines(parse)[1]


def computation(policy: ErrorPolicy = ErrorPolicy.STOP) -> Computation:
    return Computation("parse", parse, Shape.ONE, Where(__file__, LINE), on_error=policy)


def raised_by(record: Any) -> Exception:
    try:
        parse(record)
    except Exception as error:
        return error
    raise AssertionError("it was expected to raise")


def test_the_place_is_the_line_of_the_application_not_of_the_library_it_called() -> None:
    letter = letter_of(computation(), "{", raised_by("{"))
    assert (letter.file, letter.line) == (__file__, LINE + 1)
    assert letter.error.startswith("JSONDecodeError: Expecting property name")
    assert letter.record == "'{'"


def test_an_error_without_a_frame_in_the_application_is_placed_at_the_computation() -> None:
    assert letter_of(computation(), 1, ValueError("x")).line == LINE


class Unshown(Exception):  # noqa: N818
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_records_and_errors_that_cannot_be_shown_are_still_described() -> None:
    letter = letter_of(computation(), Unshown(), Unshown())
    assert letter.record == "<Unshown whose repr raised RuntimeError>"
    assert letter.error == "Unshown: (its message cannot be shown)"


def test_a_long_record_is_cut_at_a_thousand_characters() -> None:
    assert letter_of(computation(), "x" * 998, ValueError()).record == repr("x" * 998)
    assert letter_of(computation(), "x" * 999, ValueError()).record == "'" + "x" * 999 + "…"


@pytest.mark.parametrize("policy", [ErrorPolicy.SKIP, ErrorPolicy.DEAD_LETTER])
def test_a_policy_that_goes_on_adds_the_failure(policy: ErrorPolicy) -> None:
    failures: list[Failure] = []
    error = raised_by("{")
    fail(computation(policy), "{", error, failures=failures)
    assert failures == [Failure(policy, letter_of(computation(), "{", error))]


def test_stop_raises_with_name_place_error_and_record() -> None:
    failures: list[Failure] = []
    error = raised_by("{")
    with pytest.raises(ComputationFailed) as caught:
        fail(computation(), "{", error, failures=failures)
    assert failures == []
    assert caught.value.__cause__ is error
    assert caught.value.exit_code == 65
    for part in ("'parse'", f"{__file__}:{LINE + 1}", "JSONDecodeError", "record: '{'"):
        assert part in caught.value.message
