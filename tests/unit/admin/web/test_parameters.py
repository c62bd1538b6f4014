"""A parameter is taken as the document describes it, and refused with what was expected."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.admin.web.parameters import CHARACTERS_MAX, Parameter, values_of

KNOWN = {
    "stage": Parameter("its name", required=True),
    "count": Parameter("how many", int, 1, 1000),
    "seconds": Parameter("how long", float, 0, 20),
}


def values(**query: str) -> dict[str, Any]:
    return values_of(KNOWN, {"stage": "a", **query})


def test_values_have_the_types_that_are_meant_and_others_are_left_out() -> None:
    assert values(count="7", seconds="2", unknown="x") == {"stage": "a", "count": 7, "seconds": 2.0}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("count", "0", "count=0: expected a whole number from 1 to 1000"),
        ("count", "1001", "expected a whole number"),
        ("count", "1.5", "expected a whole number"),
        ("count", "1_0", "expected a whole number"),
        ("count", "\u0663", "expected a whole number"),
        ("count", "9" * 5000, "expected a whole number"),
        ("seconds", "20.1", "seconds=20.1: expected a number from 0 to 20"),
        ("seconds", "-1", "expected a number"),
        ("seconds", "nan", "expected a number"),
        ("seconds", "inf", "expected a number"),
        ("seconds", "1e999", "expected a number"),
        ("stage", "x" * (CHARACTERS_MAX + 1), "stage: expected 1 to 1,024 characters"),
        ("stage", "", "stage: expected 1 to 1,024 characters"),
    ],
)
def test_what_is_wrong_is_refused(name: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as refused:
        values(**{name: text})
    assert len(str(refused.value)) < 200


def test_what_is_missing_is_named_with_what_it_is() -> None:
    with pytest.raises(ValueError, match="stage is missing: its name"):
        values_of(KNOWN, {"count": "7"})


@given(st.floats(0, 20))
def test_every_number_in_its_bounds_is_taken(number: float) -> None:
    assert values(seconds=repr(number))["seconds"] == number


def test_the_schema_has_the_bounds() -> None:
    assert KNOWN["count"].schema == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert KNOWN["stage"].schema["minLength"] == 1
