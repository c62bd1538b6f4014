"""States that were stored with other classes than the present ones."""

import dataclasses
import pickle
import typing
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import pytest

from wallarood.flow.keys import canonical
from wallarood.flow.stored.decode import decode_states
from wallarood.flow.stored.encode import encode_states
from wallarood.model.errors import ApplicationError

Total: Any = None
"""The state class of the application that is running."""
Part: Any = None


def deploy(monkeypatch: pytest.MonkeyPatch, kind: Any, name: str = "Total") -> Any:
    """A version of the application whose class *name* is *kind*."""
    kind.__module__, kind.__qualname__, kind.__name__ = __name__, name, name
    monkeypatch.setattr(f"{__name__}.{name}", kind)
    return kind


def restored(pieces: list[bytes], kind: type | None = None) -> list[Any]:
    found = decode_states(b"".join(pieces), computation="sums", kind=kind)
    return [state for _, states in found for state in states]


def attrs_slots(**fields: Any) -> Any:
    return attrs.make_class("Total", fields, slots=True)


def attrs_open(**fields: Any) -> Any:
    return attrs.make_class("Total", fields)


def data(**fields: Any) -> Any:
    named = [(n, Any, _data_field(f)) for n, f in fields.items()]
    return dataclasses.make_dataclass("Total", named)


def data_slots(**fields: Any) -> Any:
    named = [(n, Any, _data_field(f)) for n, f in fields.items()]
    return dataclasses.make_dataclass("Total", named, slots=True)


def data_frozen(**fields: Any) -> Any:
    named = [(n, Any, _data_field(f)) for n, f in fields.items()]
    return dataclasses.make_dataclass("Total", named, slots=True, frozen=True)


def _data_field(field: Any) -> Any:
    default = field._default
    if default is attrs.NOTHING:
        return dataclasses.field()
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return dataclasses.field(default_factory=default.factory)
    return dataclasses.field(default=default)


MAKERS = [attrs_slots, attrs_open, data, data_slots, data_frozen]
Maker = Callable[..., Any]


def wrapped(state: Any, *, nested: bool) -> Any:
    return [state, {"again": state}] if nested else state


@pytest.mark.parametrize("nested", [False, True], ids=["itself", "inside"])
@pytest.mark.parametrize("make", MAKERS)
def test_a_new_field_takes_its_default(
    make: Maker, nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = deploy(monkeypatch, make(n=attrs.field(default=0)))
    pieces = encode_states("sums", [1, 2], [wrapped(old(n), nested=nested) for n in (1, 2)])
    new = deploy(
        monkeypatch,
        make(
            first=attrs.field(default="x"),
            n=attrs.field(default=0),
            seen=attrs.field(factory=list),
        ),
    )

    found = restored(pieces)

    totals = [each[0] for each in found] if nested else found
    assert totals == [new("x", 1, []), new("x", 2, [])]
    assert all(each[0] is each[1]["again"] for each in found if nested)
    totals[0].seen.append(1)
    assert totals[1].seen == []


@pytest.mark.parametrize("nested", [False, True], ids=["itself", "inside"])
@pytest.mark.parametrize("make", MAKERS)
def test_a_field_that_is_gone_is_left_out(
    make: Maker, nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = deploy(monkeypatch, make(old=attrs.field(), n=attrs.field()))
    pieces = encode_states("sums", [1], [wrapped(old("gone", 7), nested=nested)])
    new = deploy(monkeypatch, make(n=attrs.field()))

    [found] = restored(pieces)

    total = found[0] if nested else found
    assert total == new(7)
    assert not hasattr(total, "old")


@pytest.mark.parametrize("make", MAKERS)
def test_a_new_field_without_a_default_is_named(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = deploy(monkeypatch, make(n=attrs.field()))
    pieces = encode_states("sums", [canonical("k1")], [old(7)])
    deploy(monkeypatch, make(n=attrs.field(), more=attrs.field()))

    with pytest.raises(ApplicationError, match=r"key 'k1'.*Total.*'more' is new.*default"):
        restored(pieces)


def test_a_plain_class_finds_its_new_attributes_in_the_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = deploy(monkeypatch, type("Total", (), {"n": 0}))
    state = old()
    state.n = 3
    pieces = encode_states("sums", [1], [state])
    deploy(monkeypatch, type("Total", (), {"n": 0, "more": "default"}))

    [found] = restored(pieces)

    assert (found.n, found.more) == (3, "default")


@pytest.mark.parametrize("make", ["struct", "keywords", "tuple"])
def test_fields_are_known_by_their_names_and_not_by_their_places(
    make: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(*names: str) -> Any:
        if make == "tuple":
            return typing.NamedTuple("Part", [(name, int) for name in names])  # type: ignore[misc]
        fields = [(name, int, 0) for name in names]
        return msgspec.defstruct("Part", fields, kw_only=make == "keywords", module=__name__)

    old = deploy(monkeypatch, version("gone", "a", "b"), "Part")
    if make == "tuple":
        old.__new__.__defaults__ = (0, 0, 0)
    pieces = encode_states("sums", [1], [[old(gone=1, a=2, b=3)]])
    new = deploy(monkeypatch, version("b", "more", "a"), "Part")
    if make == "tuple":
        new.__new__.__defaults__ = (0, 0, 0)

    [found] = restored(pieces)

    assert found == [new(b=3, more=0, a=2)]


@pytest.mark.parametrize("nested", [False, True], ids=["itself", "inside"])
def test_a_class_that_is_not_there_any_more_is_named_with_the_key(
    nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = deploy(monkeypatch, type("Total", (), {"n": 0}))
    keys = [canonical(key) for key in ("a", ("k", 7), "c")]
    pieces = encode_states("sums", keys, [None, wrapped(kind(), nested=nested), kind()])
    monkeypatch.delattr(f"{__name__}.Total")

    with pytest.raises(
        ApplicationError,
        match=r"'sums' for key \('k', 7\) cannot be restored: .*Total.*is not there.*alias",
    ):
        restored(pieces)


def test_a_class_under_another_name_will_do_with_an_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = deploy(monkeypatch, attrs_slots(n=attrs.field()))
    pieces = encode_states("sums", [1], [kind(4)])
    renamed = attrs.make_class("Sum", {"n": attrs.field(), "more": attrs.field(default=1)})
    monkeypatch.setattr(f"{__name__}.Total", renamed)

    assert restored(pieces, renamed) == [renamed(4, 1)]


def test_a_state_of_another_class_than_the_present_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = deploy(monkeypatch, type("Total", (), {"n": 0}))
    other = type("Other", (), {})
    pieces = encode_states("sums", [canonical("k")], [kind()])

    assert type(restored(pieces, kind)[0]) is kind
    for present in (other, dict):
        with pytest.raises(ApplicationError, match=r"'sums' for key 'k'.*Total.*(Other|dict) now"):
            restored(pieces, present)


def test_a_class_that_does_not_take_what_it_was_stored_with_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def setstate(self: Any, state: Any) -> None:
        self.__dict__.update(state, double=state["n"] * 2)

    kind = deploy(monkeypatch, type("Total", (), {"__setstate__": setstate}))
    state = kind()
    state.n = 2
    pieces = encode_states("sums", [canonical("a"), canonical("b")], [[], [state]])

    def stricter(self: Any, state: Any) -> None:
        raise KeyError("unit")

    kind.__setstate__ = stricter

    with pytest.raises(ApplicationError, match=r"'sums' for key 'b'.*Total does not take.*'unit'"):
        restored(pieces)


def test_what_an_earlier_version_stored_is_read() -> None:
    first = pickle.dumps((["a", "b"], None, [1, [2]]), protocol=5)

    assert list(decode_states(first + first)) == 2 * [(["a", "b"], [1, [2]])]
