"""A state of an older version becomes one of the present version, or is named."""

import dataclasses
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import pytest

from wallarood.flow.state.at_once import SharedObject
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.stored.encode import encode_deleted, encode_states
from wallarood.flow.stored.versions import Stored, Versions
from wallarood.flow.timed.rows import UNMADE, Row
from wallarood.model.errors import ApplicationError


class Plain:
    def __init__(self, euros: float = 0) -> None:
        self.euros = euros


class Slots:
    __slots__ = ("euros",)

    def __init__(self, euros: float = 0) -> None:
        self.euros = euros


@attrs.define
class Attrs:
    euros: float = 0


@dataclasses.dataclass
class Data:
    euros: float = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    euros: float = 0


class Struct(msgspec.Struct):
    euros: float = 0


class Checked(msgspec.Struct):
    euros: float = 0

    def __post_init__(self) -> None:
        self.euros = float(self.euros)


@attrs.define
class Cents:
    """What the state is now, under the name that the older one had."""

    cents: int = 0


def in_cents(stored: Any, version: int) -> Cents:
    assert version == 1
    return Cents(round(stored.euros * 100))


def replace(kind: type, monkeypatch: pytest.MonkeyPatch) -> type:
    """Let the state's class be `Cents`, called as *kind* was."""
    now = type(kind.__name__, (Cents,), {"__module__": kind.__module__})
    now.__qualname__ = kind.__qualname__
    monkeypatch.setattr(f"{__name__}.{kind.__name__}", now)
    return now


def restored(make: Any, versions: Versions, *chunks: bytes) -> dict[Any, Any]:
    state = KeyedState("sums", make, versions)
    state.restore(chunks)
    return dict(state.by_key)


KINDS = [Plain, Slots, Attrs, Data, Frozen, Struct, Checked]


@pytest.mark.parametrize("kind", KINDS)
def test_a_migration_gets_the_fields_that_were_stored(
    kind: Callable[[float], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = encode_states("sums", ["a", "b"], [kind(1.5), kind(2)])
    assert isinstance(kind, type)
    now = replace(kind, monkeypatch)

    def migrate(stored: Any, version: int) -> Any:
        assert isinstance(stored, Stored)
        assert vars(stored) == {"euros": stored.euros}
        return now(in_cents(stored, version).cents)

    assert restored(now, Versions(2, migrate, now), *chunks) == {"a": now(150), "b": now(200)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_is_gone_is_none_the_worse(
    kind: Callable[[float], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = encode_states("sums", ["a"], [kind(1.5)])
    assert isinstance(kind, type)
    monkeypatch.delattr(f"{__name__}.{kind.__name__}")
    assert restored(Cents, Versions(2, in_cents, Cents), *chunks) == {"a": Cents(150)}


def test_a_class_that_is_kept_beside_the_new_one_gives_its_own_objects() -> None:
    seen = []

    def migrate(stored: Attrs, version: int) -> Cents:
        seen.append(stored)
        return in_cents(stored, version)

    chunks = encode_states("sums", ["a"], [Attrs(2)])
    assert restored(Cents, Versions(2, migrate, Cents), *chunks) == {"a": Cents(200)}
    assert seen == [Attrs(2)]


def test_a_state_without_fields_is_given_as_it_is() -> None:
    def migrate(stored: Any, version: int) -> Any:
        return {"sum": stored[0], "version": version}

    chunks = encode_states("sums", ["a"], [[7]], version=2)
    assert restored(dict, Versions(3, migrate, dict), *chunks) == {"a": {"sum": 7, "version": 2}}


def test_changes_of_the_new_version_go_over_a_base_of_the_old_one() -> None:
    old = encode_states("sums", ["a", "b", "c"], [Attrs(1), Attrs(2), Attrs(3)])
    new = encode_states("sums", ["b"], [Cents(5)], version=2)
    versions = Versions(2, in_cents, Cents)
    found = restored(Cents, versions, b"".join(old), *new, encode_deleted(["c"]))
    assert found == {"a": Cents(100), "b": Cents(5)}


def test_what_is_captured_is_of_the_present_version() -> None:
    state = KeyedState("sums", Cents, Versions(2, in_cents, Cents))
    next(state.use(["a"])).cents = 7
    state.capture(1, 0)
    while state.capturing:
        state.encode_some()
    chunks = state.finish().chunks
    assert restored(Cents, Versions(2, in_cents, Cents), *chunks) == {"a": Cents(7)}
    with pytest.raises(ApplicationError, match="stored by its version 2, and this application has"):
        restored(Cents, Versions(), *chunks)


def test_the_row_of_a_timed_computation_keeps_its_timers() -> None:
    row, empty = Row(), Row()
    row.state, row.timers = Attrs(3), {"unpaid": 5}
    chunks = encode_states("sums", ["a", "b"], [row, empty])
    found = restored(Row, Versions(2, in_cents, Cents, "state"), *chunks)
    assert (found["a"].state, found["a"].timers) == (Cents(300), {"unpaid": 5})
    assert found["b"].state is UNMADE


def test_one_state_for_all_records_is_migrated_too() -> None:
    shared = SharedObject("sums", Cents(), Cents, Versions(2, in_cents, Cents))
    [piece] = encode_states("sums", [None], [Attrs(3)])
    shared.decode(piece)
    assert shared.value == Cents(300)
    again = SharedObject("sums", Cents(), Cents, Versions(2, in_cents, Cents))
    again.decode(shared.encode())
    assert again.value == Cents(300)


def test_a_migration_that_raises_is_named_with_the_key() -> None:
    chunks = encode_states("sums", ["a"], [{"x": 1}])
    with pytest.raises(ApplicationError) as caught:
        restored(Cents, Versions(2, in_cents, Cents), *chunks)
    assert caught.value.message == (
        "the state of computation 'sums' for key 'a' cannot be migrated from version 1 to 2: "
        "migrate= raised AttributeError: 'dict' object has no attribute 'euros'"
    )


def test_a_migration_that_returns_something_else_is_named() -> None:
    chunks = encode_states("sums", ["a"], [Attrs(1)])
    with pytest.raises(ApplicationError, match="migrate= returned Attrs, and the state is"):
        restored(Cents, Versions(2, lambda stored, _: stored, Cents), *chunks)
