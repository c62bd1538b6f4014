"""States of every sort of class as bytes and back; pickle is the oracle."""

import io
import pickle
from dataclasses import dataclass, field
from functools import cached_property
from types import MemberDescriptorType
from typing import Any

import attrs
import msgspec
import pytest

from wallarood.flow.keys import canonical
from wallarood.flow.stored import encode
from wallarood.flow.stored.decode import decode_states
from wallarood.flow.stored.encode import encode_states
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
BY_COLUMNS = {Slotted, WithAttrs, Derived, SlottedData, FrozenData}


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


def back(pieces: list[bytes]) -> list[tuple[list[Any], list[Any]]]:
    return list(decode_states(b"".join(pieces)))


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
    [piece] = encode_states("sums", [1, 2], [kind("a"), kind("b")])
    stream = io.BytesIO(piece)
    pickle.load(stream)
    _, attributes = pickle.load(stream)

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


def test_pieces_that_were_joined_come_apart_in_their_order() -> None:
    pieces = [p for n in range(0, 150, 7) for p in encode_states("s", [n], [WithAttrs("x" * n)])]

    keys = [key for keys, _ in back(pieces) for key in keys]

    assert keys == list(range(0, 150, 7))


@pytest.mark.parametrize("kind", [Bare, WithAttrs])
def test_a_state_that_cannot_be_stored_is_named(kind: type) -> None:
    with pytest.raises(ApplicationError, match=r"'sums' for key 'two' cannot be stored.*generator"):
        encode_states("sums", ["one", "two"], [kind(1), kind(n for n in ())])


class Counting:
    """Its handlers are its own methods."""

    def __init__(self) -> None:
        self.total = 0
        self.handlers = {"add": self.add}

    def add(self) -> None:
        self.total += 1


class Node:
    def __init__(self, parent: Any = None) -> None:
        self.parent, self.children, self.total = parent, [], 0


class Root(Node):
    def __init__(self) -> None:
        super().__init__()
        self.children = [Node(self)]


@attrs.define(eq=False)
class SlottedNode:
    parent: Any = None
    children: list[Any] = attrs.field(factory=list)


class StructNode(msgspec.Struct):
    name: str
    parent: Any = None
    children: list[Any] = []


def test_a_method_of_the_state_itself_is_still_its_own() -> None:
    [(_, states)] = back(encode_states("s", [1, 2], [Counting(), Counting()]))

    for state in states:
        state.handlers["add"]()
        assert state.total == 1


def test_a_tree_that_knows_its_root_still_does() -> None:
    [(_, states)] = back(encode_states("s", [1, 2], [Root(), Root()]))

    for root in states:
        assert root.children[0].parent is root


@pytest.mark.parametrize("kind", [Node, SlottedNode])
def test_objects_that_know_each_other_still_do(kind: Any) -> None:
    root, child = kind(), kind()
    child.parent, root.children = root, [child, child]

    [(_, (back_again,))] = back(encode_states("s", [1], [root]))

    assert back_again.children[0].parent is back_again
    assert back_again.children[1] is back_again.children[0]


@pytest.mark.parametrize("alone", [True, False])
def test_structs_that_know_each_other_still_do(alone: bool) -> None:
    root = StructNode("root")
    root.children = [StructNode("child", root)]

    [(_, (found,))] = back(encode_states("s", [1], [root if alone else {"tree": root}]))

    tree = found if alone else found["tree"]
    assert (tree.name, tree.children[0].name) == ("root", "child")
    assert tree.children[0].parent is tree


class NotDecorated(WithAttrs):
    """It has a `__dict__`, of which the pickling that attrs gave to its base knows nothing."""


class Doubling(msgspec.Struct):
    value: int

    def __post_init__(self) -> None:
        self.value *= 2


@pytest.mark.parametrize("nested", [False, True])
def test_nothing_is_lost_of_a_subclass_that_attrs_does_not_know(nested: bool) -> None:
    state = NotDecorated(1)
    state.later = "set later"  # type: ignore[attr-defined]

    [(_, (found,))] = back(encode_states("s", [1], [[state] if nested else state]))

    found = found[0] if nested else found
    assert (found.value, found.others, found.later) == (1, [], "set later")


def test_a_struct_is_not_made_a_second_time() -> None:
    [(_, (found,))] = back(encode_states("s", [1], [[Doubling(1)]]))

    assert found[0].value == 2


def test_a_hash_that_attrs_has_cached_is_not_kept() -> None:
    state = Hashed("a")
    hash(state)

    [(_, (found,))] = back(encode_states("s", [1], [[state]]))

    assert getattr(found[0], "_attrs_cached_hash", None) is None
    assert hash(found[0]) == hash(state)


class TwoWordsError(Exception):
    def __init__(self, one: Any, other: Any) -> None:
        super().__init__(f"{one}{other}")


def test_what_pickles_and_does_not_unpickle_is_found_when_it_is_stored() -> None:
    states = [Bare(1), Bare([TwoWordsError(1, 2)])]

    with pytest.raises(ApplicationError, match=r"key 'two' holds an object.*not unpickled.*other"):
        encode_states("sums", ["one", "two"], states)


def test_a_state_that_is_too_large_is_named_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "STATE_BYTES_MAX", 5_000)
    sizes = [10, 4_000, 3_000, 20]
    states = [WithAttrs(b"x" * size) for size in sizes]

    pieces = encode_states("sums", list(range(4)), states)

    assert [state for _, found in back(pieces) for state in found] == states
    assert max(map(len, pieces)) <= 5_000
    with pytest.raises(ApplicationError, match=r"'sums' for key \('a', 1\) takes 6,\d\d\d bytes"):
        encode_states("sums", [1, canonical(("a", 1))], [states[0], WithAttrs(b"x" * 6_000)])
