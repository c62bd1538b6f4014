"""An object that cannot be taken loses its own state, is named, and keeps no other from its."""

import io
import pickle
from typing import Any

import attrs
import pytest

from wallarood.flow.stored.careful import CannotTakeError, Loaded, load_carefully


class Gone:
    """A class that the present application has no more."""


@attrs.define
class Total:
    count: int = 0


class Picky:
    """Takes only what it likes of what was stored."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return Picky.made, (self.value,)

    @classmethod
    def made(cls, value: int) -> "Picky":
        if value < 0:
            raise ValueError("below zero")
        return cls(value)


def loaded(states: Any, monkeypatch: pytest.MonkeyPatch | None = None) -> Loaded:
    data = pickle.dumps(states, protocol=5)
    if monkeypatch is not None:
        monkeypatch.delattr(f"{__name__}.Gone")
    return load_carefully(io.BytesIO(data), {})


def test_a_state_that_is_whole_is_taken_as_it_was() -> None:
    found = loaded([Total(7), {"a": [1, 2]}, Picky(3)])
    total, plain, picky = found.value
    assert (total, plain, picky.value) == (Total(7), {"a": [1, 2]}, 3)
    for state in found.value:
        found.check(state)


def test_an_object_of_a_class_that_is_gone_is_named_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = loaded([Total(1), [{"deep": (Gone(),)}], Total(2)], monkeypatch)
    first, second, third = found.value
    assert (first, third) == (Total(1), Total(2))
    found.check(first)
    found.check(third)
    with pytest.raises(CannotTakeError, match=r"test_careful\.Gone, of which it has an object"):
        found.check(second)


def test_the_class_itself_in_a_state_is_missed_as_much_as_its_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = loaded([[Gone], [int]], monkeypatch)
    with pytest.raises(CannotTakeError, match="give the class its name back"):
        found.check(found.value[0])
    found.check(found.value[1])


def test_a_function_that_refuses_loses_only_what_it_made() -> None:
    found = loaded([Picky(1), Picky(2)])
    assert [each.value for each in found.value] == [1, 2]
    below = Picky(5)
    below.value = -5
    found = loaded([Picky(1), [below], Picky(2)])
    first, broken, last = found.value
    assert (first.value, last.value) == (1, 2)
    with pytest.raises(CannotTakeError, match=r"does not take what was stored .ValueError: below"):
        found.check(broken)


def test_what_is_lost_takes_whatever_is_put_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the rest of the pickle could not be read."""

    class Bag(Gone, list[int]):
        pass

    Bag.__module__, Bag.__qualname__ = __name__, "Bag"
    monkeypatch.setattr(f"{__name__}.Bag", Bag, raising=False)
    bag = Bag([1, 2, 3])
    data = pickle.dumps([bag, "after it"], protocol=5)
    monkeypatch.delattr(f"{__name__}.Bag")
    found = load_carefully(io.BytesIO(data), {})
    assert found.value[1] == "after it"
    with pytest.raises(CannotTakeError, match=r"\.Bag"):
        found.check(found.value[0])
