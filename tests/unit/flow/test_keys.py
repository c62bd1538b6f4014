"""Keys: equal exactly when their encoded bytes are, and spread the same on every machine."""

import dataclasses
import os
import pickle
import subprocess
import sys
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.flow.keys import (
    KeyTypeError,
    Partitioner,
    can_all_be_keys,
    canonical,
    encode_key,
    hold,
    original,
)


@attrs.frozen
class Place:
    town: str
    number: int


@dataclasses.dataclass(frozen=True)
class Spot:
    town: str
    number: int


@attrs.define
class Changing:
    town: str


@attrs.define
class Converting:
    """Its attribute can be set anew, though attrs guards the setting."""

    town: str = attrs.field(converter=str)


plain = st.one_of(st.text(), st.binary(), st.booleans(), st.integers())
keys = st.recursive(
    plain | st.builds(Place, st.text(), st.integers()) | st.builds(Spot, st.text(), st.integers()),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


def shape(key: Any) -> Any:
    """What a key is, with types: an oracle for equality that encodes nothing."""
    if isinstance(key, tuple):
        return (tuple, tuple(map(shape, key)))
    if isinstance(key, Place | Spot):
        return (type(key), key.town, key.number)
    return (type(key), key)


@given(keys, keys)
def test_keys_are_equal_exactly_when_they_are_the_same_value_of_the_same_type(
    one: Any, other: Any
) -> None:
    same = shape(one) == shape(other)
    assert (encode_key(one) == encode_key(other)) == same
    assert (canonical(one) == canonical(other)) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), ("1", 1), ("a", b"a"), (("a", "b"), ("ab",)), ((), ""),
     ((("a",), "b"), ("a", ("b",))), (Place("x", 1), Spot("x", 1)), (1 << 64, -(1 << 64))],
)  # fmt: skip
def test_look_alikes_differ(one: Any, other: Any) -> None:
    assert encode_key(one) != encode_key(other)
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "key",
    [1.0, None, ["a"], {"a": 1}, {1}, object(), Changing("a"), Converting("a"), ("a", 1.5), Place],
)
def test_other_types_are_refused_by_name(key: Any) -> None:
    with pytest.raises(KeyTypeError, match="expected str, bytes, int, bool"):
        encode_key(key)
    with pytest.raises(KeyTypeError):
        Partitioner(8)(key)


@given(st.lists(keys, max_size=20), st.integers(1, 300))
def test_a_partition_is_within_bounds_and_depends_on_the_key_alone(
    some: list[Any], partitions: int
) -> None:
    first, second = Partitioner(partitions), Partitioner(partitions)
    for key in some:
        assert 0 <= first(key) < partitions
        assert first(key) == second(key)


def test_partitions_are_the_same_in_another_process() -> None:
    code = (
        "from wallarood.flow.keys import Partitioner; p = Partitioner(256);"
        "print([p(k) for k in ('a', b'a', 1, True, ('x', 2))])"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {b"[221, 180, 62, 180, 53]\n"}


def test_many_keys_are_spread_evenly() -> None:
    partition_of = Partitioner(16)
    counts = [0] * 16
    for number in range(16_000):
        counts[partition_of(f"key-{number}")] += 1
    assert all(850 < count < 1150 for count in counts)


@dataclasses.dataclass(frozen=True)
class WithClassVar:
    name: str
    scale: ClassVar[float] = 1.5


def test_a_class_variable_is_no_part_of_a_key() -> None:
    assert encode_key(WithClassVar("a")) != encode_key(WithClassVar("b"))


KEYS = ["a", b"a", 1, True, (1, ("a", b"")), WithClassVar("a"), (WithClassVar("a"), False)]
NO_KEYS = [None, 1.0, [1], (1, None), (WithClassVar(1.5),), {"a": 1}]  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KEYS)
def test_what_can_be_a_key(key: Any) -> None:
    assert can_all_be_keys([key], type(key))
    assert can_all_be_keys([key, *KEYS], None)
    encode_key(key)


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_cannot_be_a_key(key: Any) -> None:
    assert not can_all_be_keys([key], type(key))
    assert not can_all_be_keys([*KEYS, key], None)
    with pytest.raises(KeyTypeError):
        encode_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "a",
        b"a",
        1,
        -(1 << 70),
        True,
        ("a", 1),
        (b"x", 2, "c"),
        ("a", True),
        (b"T",),
        (),
        ((1, 2), 3),
        Place("x", 1),
    ],
)
def test_what_is_held_gives_the_key_back_with_its_type(key: object) -> None:
    held = pickle.loads(pickle.dumps(hold(key)))

    assert original(held) == key
    assert type(original(held)) is type(key)
    assert held == hold(key)
    assert hash(held) == hash(hold(key))


def test_keys_that_python_takes_for_equal_are_held_apart() -> None:
    keys = [1, True, ("a", 1), ("a", True), (b"T",), (b"s",), "", b"", ((1, 2), 3), ((1, 2), True)]

    assert len(set(map(hold, keys))) == len(set(map(encode_key, keys))) == len(keys)
