"""What the objects of a class consist of, and how they are filled when the class has changed."""

import dataclasses
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest

from wallarood.flow.stored.classes import (
    columns_of,
    field_names,
    fill_in,
    is_heap_type,
    is_plain,
    loses_some,
    name_of,
    put,
    storage_of,
)


@attrs.define
class Slotted:
    b: int
    a: str = "x"


@attrs.define(slots=False)
class Open:
    b: int
    _a: list[int] = attrs.Factory(list)


@attrs.frozen(cache_hash=True)
class Hashed:
    a: int


@dataclasses.dataclass
class Data:
    b: int
    a: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class SlottedData:
    b: int
    a: str = "x"


class Struct(msgspec.Struct):
    b: int
    a: str = "x"


class Tuple(NamedTuple):
    b: int
    a: str


class Plain:
    def __init__(self) -> None:
        self.b = 1


class Slots:
    __slots__ = ("a", "b")


class Both(Slots):
    pass


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Slotted, ("b", "a")),
        (Open, ("b", "_a")),
        (Data, ("b", "a")),
        (SlottedData, ("b", "a")),
        (Struct, ("b", "a")),
        (Tuple, ("b", "a")),
        (Slots, ("a", "b")),
        (Plain, None),
        (int, None),
        ("no class", None),
    ],
)
def test_a_class_declares_its_fields_in_their_order(kind: Any, names: Any) -> None:
    assert field_names(kind) == names


def test_slots_are_those_of_all_bases_but_for_a_cached_hash() -> None:
    assert set(storage_of(Both)) == {"a", "b"}
    assert set(storage_of(Hashed)) == {"a"}
    assert storage_of(Plain) == {}


def test_a_class_is_stored_by_module_and_name() -> None:
    assert name_of(Slotted) == f"{__name__}:Slotted"
    assert is_heap_type(Slotted)
    assert not is_heap_type(dict)


class Reduced(Plain):
    def __reduce__(self) -> Any:
        return (Reduced, ())


class Made(Plain):
    def __new__(cls) -> "Made":
        return super().__new__(cls)


class Stateful(Plain):
    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)


class WithArguments(Plain):
    def __getnewargs_ex__(self) -> Any:
        return (), {}


class Mapped(dict[str, int]):
    pass


@pytest.mark.parametrize("kind", [Slotted, Open, Data, SlottedData, Plain, Slots, Both, Hashed])
def test_classes_that_leave_their_pickling_to_python_are_plain(kind: type) -> None:
    assert is_plain(kind)


@pytest.mark.parametrize(
    "kind", [Reduced, Made, Stateful, WithArguments, Mapped, Struct, Tuple, int]
)
def test_classes_that_have_a_say_in_it_are_not(kind: type) -> None:
    assert not is_plain(kind)


@dataclasses.dataclass(slots=True, frozen=True)
class ByPlace:
    b: int
    a: str = "x"


class More(Slotted):
    pass


def test_pickling_that_goes_by_places_or_knows_own_fields_only_is_not_enough() -> None:
    assert loses_some(ByPlace)
    assert loses_some(More)  # it has a __dict__, of which attrs does not know
    assert not any(map(loses_some, (Slotted, Open, Data, Plain)))


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        (Slotted, {"a", "b"}),
        (SlottedData, {"a", "b"}),
        (Slots, {"a", "b"}),
        (Plain, set()),
        (Data, set()),
        (Both, None),
        (Hashed, None),
    ],
)
def test_only_objects_that_are_their_slots_or_their_dict_go_by_columns(
    kind: type, columns: set[str] | None
) -> None:
    assert columns_of(kind) == columns


def new(kind: type) -> Any:
    return kind.__new__(kind)


def test_attributes_go_where_the_class_has_a_place_for_them() -> None:
    slotted, plain = new(Slotted), new(Plain)
    for made in (slotted, plain):
        put(made, {"b": 7, "gone": 8})
    assert slotted.b == 7
    assert not hasattr(slotted, "gone")
    assert vars(plain) == {"b": 7, "gone": 8}


def test_a_field_that_the_class_has_no_longer_is_left_out() -> None:
    made = new(Data)
    put(made, {"b": 7, "old": 8, "extra": 9}, stored=("b", "old"))
    assert vars(made) == {"b": 7, "extra": 9}  # what was never a field may be one's own


def test_a_frozen_object_is_filled_and_its_hash_is_computed_again() -> None:
    made = new(Hashed)
    put(made, {"a": 7, "_attrs_cached_hash": 12345})
    assert made == Hashed(7)
    assert hash(made) == hash(Hashed(7))


def test_fields_that_an_object_does_not_have_take_their_defaults() -> None:
    data, other, slotted = new(Data), new(Data), new(Slotted)
    for made in (data, other, slotted):
        put(made, {"b": 7})
        fill_in(made, ("b",))
    assert (data.a, slotted.a) == ([], "x")
    assert data.a is not other.a


def test_a_default_goes_through_factory_and_converter() -> None:
    @attrs.define
    class Converted:
        b: int
        a: str = attrs.field(default=5, converter=str)
        twice: int = attrs.Factory(lambda self: self.b * 2, takes_self=True)

    made = new(Converted)
    put(made, {"b": 7})
    fill_in(made, ("b",))
    assert made == Converted(7, "5", 14)


def test_a_new_field_without_a_default_is_named() -> None:
    for kind in (Slotted, Data):
        with pytest.raises(ValueError, match="field 'b' is new and has no default: give it one"):
            fill_in(new(kind), ())


def test_a_field_that_an_object_never_had_is_not_new() -> None:
    """It was deleted, or not yet set, when it was stored."""
    made = new(Slotted)
    fill_in(made, ("b", "a"))
    assert not hasattr(made, "b")
