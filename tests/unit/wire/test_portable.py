"""Pickle that says when what comes out is not what went in."""

import pickle
from typing import Any

import pytest
from support.record_types import BadError, Doubled, Plain, Point, Private, same

from wallarood.wire.portable import NotPortableError, all_flat, dumps


class Growing:
    """Is pickled by a way of its own, which makes more of it."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Growing) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __reduce__(self) -> Any:
        return Growing, (self.value + 1,)


class Quitting:
    def __reduce__(self) -> Any:
        raise SystemExit("enough")


@pytest.mark.parametrize("value", [Plain(1), Private(1, 2), Point(1, 2.0), Doubled(3)])
def test_what_goes_comes_out_as_it_is(value: Any) -> None:
    (found,) = pickle.loads(dumps([value]))
    assert same(found, value) or found == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Growing(0.5), "another value"),
        (BadError(1, "x"), "cannot be unpickled"),
        (lambda: 1, "cannot be pickled"),
        (Quitting(), "cannot be pickled: SystemExit: enough"),
        ([Plain(1, BadError(1, "x"))], "cannot be unpickled"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_go_says_why(value: Any, why: str) -> None:
    with pytest.raises(NotPortableError, match=why):
        dumps([value])


@pytest.mark.parametrize("value", [1, "a", (1, None), [b"", 1.5], {"a": 1, 2: True}])
def test_flat_values_go(value: Any) -> None:
    assert all_flat([value])
    assert same(pickle.loads(dumps([value])), [value])


@pytest.mark.parametrize("value", [[[1]], {"a": {}}, {(1,): 1}, Plain(1), {1}])
def test_values_that_are_not_flat(value: Any) -> None:
    assert not all_flat([1, value])
