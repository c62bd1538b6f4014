"""Records come out of another worker as they went in, or are refused where they are made."""

import collections
import dataclasses
import datetime
import decimal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.record_types import (
    BadError,
    Color,
    Converted,
    Derived,
    Doubled,
    Frozen,
    Level,
    Number,
    Open,
    Order,
    Packed,
    Permission,
    Plain,
    Point,
    Price,
    Private,
    Ratio,
    Tree,
    Word,
    same,
    with_more,
)

from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError, RemoteProtocolError
from wallarood.wire.records.codec import RecordCodec, is_typed
from wallarood.wire.records.untyped import PickleRule, RecordCodecError

ints = st.integers(-(1 << 70), 1 << 70)
texts = st.text(st.characters(codec=None), max_size=4)  # lone surrogates too
floats = st.floats(allow_nan=False)
LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, texts),
    (bytes, st.binary(max_size=4)),
    (bool, st.booleans()),
    (int, ints),
    (float, floats),
    (Plain, st.builds(Plain, ints, st.none() | texts)),
    (Frozen, st.builds(Frozen, ints, st.tuples(texts))),
    (Price, st.builds(Price, ints)),
    (Order, st.builds(Order, ints, floats)),
    (Private, st.builds(Private, ints, ints)),
    (Converted, st.builds(Converted, st.sampled_from(["a", "b"]))),
    (Open, st.builds(Open, ints)),
    (Packed, st.builds(Packed, ints, texts)),
    (Doubled, st.builds(Doubled, ints)),
    (Color, st.sampled_from(Color)),
    (Ratio, st.sampled_from(Ratio)),
    (Level, st.sampled_from(Level)),
    (Permission, st.sampled_from([Permission.READ, Permission.READ | Permission.WRITE])),
    (Point, st.builds(Point, ints, floats)),
]
HASHABLE = [leaf for leaf in LEAVES if leaf[0] in (str, bytes, bool, int, float, Color, Frozen)]
ODD = st.one_of(
    st.none(),
    st.builds(Derived, ints),
    st.builds(with_more, ints),
    st.builds(Tree, ints, st.lists(st.builds(Tree, ints), max_size=2)),
    st.builds(Word, texts),
    st.builds(Number, ints),
    st.builds(bytearray, st.binary(max_size=3)),
    st.builds(collections.deque, st.lists(ints, max_size=2)),
    st.builds(collections.OrderedDict, st.dictionaries(texts, ints, max_size=2)),
    st.builds(lambda d: collections.defaultdict(list, d), st.dictionaries(texts, ints, max_size=2)),
    st.decimals(allow_nan=False),
    st.just(datetime.datetime(2024, 10, 27, 2, 30, fold=1)),
    *(values for _, values in LEAVES),
)
"""Values that are of no hint, or of another."""


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Types and values of containers of these."""

    def of(pair: tuple[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
        hint, values = pair
        wrong = st.lists(values, max_size=3)
        return st.sampled_from(
            [
                (list[hint], wrong | wrong.map(tuple)),
                (tuple[hint, ...], wrong.map(tuple) | wrong),
                (tuple[str, hint], st.tuples(texts, values) | st.tuples(values)),
                (dict[str, hint], st.dictionaries(texts, values, max_size=3)),
                (hint | None, values | st.none()),
            ]
        )

    def of_hashable(pair: tuple[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
        hint, values = pair
        sets = st.sets(values, max_size=3)
        return st.sampled_from(
            [
                (set[hint], sets | sets.map(frozenset)),
                (frozenset[hint], sets.map(frozenset) | sets),
                (dict[hint, int], st.dictionaries(values, ints | st.booleans(), max_size=3)),
            ]
        )

    return inner.flatmap(of) | st.sampled_from(HASHABLE).flatmap(of_hashable)


typed = st.recursive(st.sampled_from(LEAVES), containers, max_leaves=4)


@given(data=st.data(), pair=typed)
def test_what_arrives_is_what_left_in_type_and_value_at_every_depth(
    data: st.DataObject, pair: tuple[Any, st.SearchStrategy[Any]]
) -> None:
    hint, values = pair
    codec = RecordCodec.for_types(hint, rule=PickleRule.ALLOWED)
    records = data.draw(st.lists(values | ODD, min_size=1, max_size=3))
    found = codec.decode(codec.encode(Batch(records))).values
    assert all(map(same, found, records)), (hint, records, found)


@given(data=st.data(), pair=typed)
def test_without_pickle_what_arrives_is_what_left_or_it_is_refused(
    data: st.DataObject, pair: tuple[Any, st.SearchStrategy[Any]]
) -> None:
    hint, values = pair
    try:
        codec = RecordCodec.for_types(hint, rule=PickleRule.FORBIDDEN)
    except ApplicationError:
        return
    batch = Batch(data.draw(st.lists(values | ODD, min_size=1, max_size=3)))
    faults = codec.faults(batch)
    if codec.all_go(batch) and not faults:
        assert all(map(same, codec.decode(codec.encode(batch)).values, batch.values))
    whole = [record for place, record in enumerate(batch.values) if place not in faults]
    found = codec.decode(codec.encode(Batch(whole))).values if whole else []
    assert all(map(same, found, whole))


def local_word() -> Any:
    return type("Local", (str,), {})("x")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: lambda: 1, "cannot be pickled"),
        (lambda: (n for n in ()), "cannot be pickled"),
        (lambda: collections.defaultdict(lambda: 1), "cannot be pickled"),
        (local_word, "cannot be pickled"),
        (lambda: BadError(7, "x"), "cannot be unpickled"),
    ],
)
@pytest.mark.parametrize("hint", [Any, int])
def test_a_record_that_cannot_go_is_found_where_it_is_made(
    hint: Any, make: Callable[[], Any], why: str
) -> None:
    codec = RecordCodec.for_types(hint, rule=PickleRule.ALLOWED)
    batch = Batch([1, make(), 2])
    assert not codec.all_go(batch)
    faults = codec.faults(batch)
    assert list(faults) == [1]
    assert why in faults[1]
    with pytest.raises(RecordCodecError, match=why):
        codec.encode(batch)


def test_what_does_not_unpickle_on_this_worker_names_step_and_type() -> None:
    codec = RecordCodec.for_types(Any, rule=PickleRule.ALLOWED, maker="computation 'make'")
    payload = codec.encode(Batch([decimal.Decimal(1)]))
    missing = payload.replace(b"Decimal", b"Decimil")
    with pytest.raises(RecordCodecError, match=r"of computation .make. .* unpickled"):
        codec.decode(missing)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, "a"),
        (tuple[str, int], ("a", 1)),
        (dict[str, float], {"a": 1.0}),
        (Plain, Plain(1)),
        (Frozen, Frozen(1, ("a",))),
        (Order, Order(1)),
        (Open, Open(1)),
        (Packed, Packed(1, "a")),
        (Color, Color.RED),
        (list[Level], [Level.LOW]),
    ],
)
def test_exact_types_go_as_typed_msgpack(hint: Any, value: Any) -> None:
    codec = RecordCodec.for_types(hint, rule=PickleRule.FORBIDDEN)
    assert codec.why_untyped == ""
    assert is_typed(codec.encode(Batch([value])))


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (Private, "private attribute"),
        (Price, "__post_init__"),
        (Doubled, "__post_init__"),
        (Converted, "converter"),
        (Tree, "refers to itself"),
        (Ratio, "not all str or int"),
        (list[Private], "private attribute"),
        (Any, "no type hint"),
    ],
)
def test_types_that_are_not_exact_are_refused_where_pickle_is_not_allowed(
    hint: Any, why: str
) -> None:
    assert why in RecordCodec.for_types(hint, rule=PickleRule.ALLOWED).why_untyped
    with pytest.raises(ApplicationError, match=why):
        RecordCodec.for_types(hint, rule=PickleRule.FORBIDDEN, maker="computation 'f'")


def test_a_record_that_is_not_of_its_hint_is_told_of_once_with_step_and_type() -> None:
    codec = RecordCodec.for_types(int, rule=PickleRule.ALLOWED, maker="computation 'f' (a.py:3)")
    codec.encode(Batch([1, 2]))
    assert codec.news() == ""
    codec.encode(Batch([1, True]))
    said = codec.news()
    assert "computation 'f' (a.py:3)" in said
    assert "found bool True, expected int" in said
    codec.encode(Batch([1, "a"]))
    assert codec.news() == ""


@dataclasses.dataclass(frozen=True)
class Key:
    user: str


@pytest.mark.parametrize("rule", PickleRule)
@pytest.mark.parametrize(
    "keys",
    [["k\ud800", "k"], [("a", 1), ("a", True)], [1 << 200, 1], [1, True], [("\ud800",), (b"",)]],
)
def test_keys_come_out_as_they_went_in(rule: PickleRule, keys: list[Any]) -> None:
    codec = RecordCodec.for_types(tuple[str, int], rule=rule)
    batch = Batch([("a", 1), ("b", 2)], keys)
    assert codec.all_go(batch) or not codec.faults(batch)
    found = codec.decode(codec.encode(batch)).keys
    assert same(found, keys)


def test_a_key_of_a_class_needs_pickle() -> None:
    batch = Batch(["a"], [Key("a")])
    codec = RecordCodec.for_types(str, rule=PickleRule.FORBIDDEN)
    assert not codec.all_go(batch)
    assert list(codec.faults(batch)) == [0]
    allowed = RecordCodec.for_types(str, rule=PickleRule.ALLOWED)
    assert allowed.all_go(batch)
    assert same(allowed.decode(allowed.encode(batch)).keys, [Key("a")])


def test_a_private_attribute_as_key_is_not_taken_from_a_record_that_lost_it() -> None:
    codec = RecordCodec.for_types(Private, rule=PickleRule.ALLOWED)
    batch = Batch([Private(1, 2), Private(1, 3)], ["u2", "u3"])
    assert codec.decode(codec.encode(batch)) == batch


def test_pickled_records_are_refused_where_pickle_is_not_allowed() -> None:
    pickled = RecordCodec.for_types(str, rule=PickleRule.ALLOWED).encode(Batch([1]))
    with pytest.raises(RemoteProtocolError, match="not allowed"):
        RecordCodec.for_types(str, rule=PickleRule.FORBIDDEN).decode(pickled)
