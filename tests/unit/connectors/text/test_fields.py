"""The fields of a record are those that the application calls by name, in its order."""

import dataclasses
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest

from wallarood.connectors.text.fields import has_text, names_of, values_of


@attrs.define
class OfAttrs:
    b: int = 1
    a: int = 2


@dataclasses.dataclass
class OfDataclasses:
    b: int = 1
    a: int = 2


class OfMsgspec(msgspec.Struct, rename="upper"):
    b: int = 1
    a: int = 2


class Named(NamedTuple):
    b: int = 1
    a: int = 2


class OfPydantic:
    """As pydantic says it."""

    model_fields = {"b": None, "a": None}  # noqa: RUF012
    b, a = 1, 2


class Plain:
    """It has no fields that anybody has declared."""


@pytest.mark.parametrize("kind", [OfAttrs, OfDataclasses, OfMsgspec, Named, OfPydantic])
def test_names_are_those_of_the_class_in_its_order(kind: Any) -> None:
    names = names_of(kind)
    assert names == ("b", "a")
    assert values_of(names)(kind()) == (1, 2)


@pytest.mark.parametrize("kind", [Plain, dict, int, tuple, str])
def test_what_declares_no_fields_has_none(kind: Any) -> None:
    assert names_of(kind) is None


def test_one_field_and_none_are_tuples_as_well() -> None:
    assert values_of(("a",))(OfAttrs()) == (2,)
    assert values_of(())(OfAttrs()) == ()


def test_text_tells_what_an_object_is_if_its_class_says_how() -> None:
    assert has_text(OfAttrs)
    assert has_text(int)
    assert not has_text(Plain)
