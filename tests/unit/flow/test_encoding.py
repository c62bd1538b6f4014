"""States of every sort of class as bytes and back; pickle is the oracle."""

import pickle
from dataclasses import dataclass, field
from functools import cached_property
from types import MemberDescriptorType
from typing import Any

import attrs
import pytest

from wallarood.flow import encoding
from wallarood.flow.encoding import decode_states, encode_states, join_pieces
from wallarood.model.errors import ApplicationError


class Bare:
    count = 0

    def __init__(self, value: Any) -> None:
        if value is not None:
            self.count = value


class Slotted:
    __slots__ = ("_own", "value")

    def __init__(self, value: Any) -> None:
        self.value, self._own = value, [value]


class Mixed(Slotted):
    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.more = value


class Unset:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        if value:
            self.value = value


@attrs.define
class WithAttrs:
    value: Any
    others: list[Any] = attrs.field(factory=list)


@attrs.define
class Derived(WithAttrs):
    extra: int = 1


@attrs.define(slots=False)
class OpenAttrs:
    value: Any


@attrs.frozen(cache_hash=True)
class Hashed:
    value: Any


@attrs.define
class Cached:
    value: Any

    @cached_property
    def twice(self) -> tuple[Any, Any]:
        return self.value, self.value


@dataclass
class Data:
    value: Any
    others: dict[Any, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SlottedData:
    value: Any


@dataclass(slots=True, frozen=True)
class FrozenData:
    value: Any


class OwnState:
    def __init__(self, value: Any) -> None:
        self.value, self.open = value, True

    def __getstate__(self) -> dict[str, Any]:
        return {"value": self.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.value, self.open = state["value"], False


class Reduced:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (("again", self.value),)


class Counter(dict[str, Any]):
    def __init__(self, value: Any = 0) -> None:
        super().__init__(value=value)


KINDS = [
    Bare,
    Slotted,
    Mixed,
    Unset,
    WithAttrs,
    Derived,
    OpenAttrs,
    Hashed,
    Cached,
    Data,
    SlottedData,
    FrozenData,
    OwnState,
    Reduced,
    Counter,
]
VALUES = [None, 0, 1, 1 << 80, "text", b"bytes", [1, [2]], {"a": 1}, ("x", None)]
BY_COLUMNS = {Slotted, WithAttrs, Derived, SlottedData}


def inside(state: Any) -> Any:
    """All that is in an object; a hash that was remembered is not, since it holds nowhere else."""
    slots = [
        (name, getattr(state, name, None))
        for base in type(state).__mro__
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType) and name != "_attrs_cached_hash"
    ]
    items = dict(state) if isinstance(state, dict) else None
    return type(state), slots, items, getattr(state, "__dict__", None)


def back(piece: bytes) -> list[tuple[list[Any], list[Any]]]:
    return list(decode_states(piece))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_state_comes_back_as_pickle_brings_it_back(kind: type) -> None:
    states = [kind(value) for value in VALUES]
    keys = [("key", index) for index in range(len(states))]
    expected = pickle.loads(pickle.dumps(states, protocol=5))

    [(keys_back, states_back)] = back(encode_states("sums", keys, states))

    assert keys_back == keys
    assert list(map(inside, states_back)) == list(map(inside, expected))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_only_objects_that_are_their_slots_go_by_columns(kind: type) -> None:
    piece = encode_states("sums", [1, 2], [kind("a"), kind("b")])
    _, _, attributes = pickle.loads(piece)

    assert (type(attributes) is dict) == (kind in BY_COLUMNS | {Unset})


def test_states_of_several_classes_come_back() -> None:
    states = [Bare(1), WithAttrs(2), 3, None, [4]]

    [(_, states_back)] = back(encode_states("sums", list(range(5)), states))

    assert list(map(type, states_back)) == list(map(type, states))
    assert states_back[1:] == states[1:]


def test_what_two_states_share_they_share_again() -> None:
    shared = [1]

    [(_, (one, other))] = back(encode_states("s", [1, 2], [WithAttrs(shared), WithAttrs(shared)]))

    assert one.value is other.value


def test_pieces_that_were_joined_come_apart_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK_BYTES", 200)
    pieces = [encode_states("sums", [n], [WithAttrs("x" * n)]) for n in range(0, 150, 7)]

    chunks = join_pieces(pieces)

    assert 1 < len(chunks) < len(pieces)
    keys = [key for chunk in chunks for keys, _ in back(chunk) for key in keys]
    assert keys == list(range(0, 150, 7))


@pytest.mark.parametrize("kind", [Bare, WithAttrs])
def test_a_state_that_cannot_be_stored_is_named(kind: type) -> None:
    with pytest.raises(ApplicationError, match=r"'sums' for key 'two' cannot be stored.*generator"):
        encode_states("sums", ["one", "two"], [kind(1), kind(n for n in ())])


def test_a_class_that_has_changed_since_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = encode_states("sums", [1], [WithAttrs(1)])
    changed = attrs.make_class("WithAttrs", ["value"], slots=True)
    monkeypatch.setattr(f"{__name__}.WithAttrs", changed)

    with pytest.raises(ApplicationError, match=r"WithAttrs is not what it was .*others"):
        back(piece)
