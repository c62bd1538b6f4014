"""Classes as users write them, and a comparison by type and value at every depth."""

import collections
import dataclasses
import enum
from typing import Any, NamedTuple

import attrs
import msgspec


@dataclasses.dataclass
class Plain:
    number: int
    name: str | None = None


@dataclasses.dataclass
class Derived(Plain):
    more: str = "more"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    number: int
    tags: tuple[str, ...] = ()


@dataclasses.dataclass
class Price:
    """Given in one unit, kept in another."""

    cents: int

    def __post_init__(self) -> None:
        self.cents = self.cents * 100


@dataclasses.dataclass
class Tree:
    number: int
    below: list["Tree"] = dataclasses.field(default_factory=list)


@attrs.define
class Order:
    number: int
    price: float = 1.0


@attrs.define
class Private:
    number: int
    _secret: int = 0


@attrs.define
class Converted:
    name: str = attrs.field(converter=str.upper)


@attrs.define(slots=False)
class Open:
    number: int


class Packed(msgspec.Struct, frozen=True):
    number: int
    name: str


class Doubled(msgspec.Struct):
    number: int

    def __post_init__(self) -> None:
        self.number *= 2


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Ratio(enum.Enum):
    HALF = 0.5
    THIRD = (1, 3)


class Level(enum.IntEnum):
    LOW = 1


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: float


class Word(str):
    pass


class Number(int):
    pass


class BadError(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")


def with_more(number: int) -> Open:
    """An object with an attribute that its class does not know."""
    made = Open(number)
    made.more = "more"  # type: ignore[attr-defined]
    return made


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in type and value at every depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left.hex() == right.hex()
    if isinstance(left, dict):
        pairs = zip(left.items(), right.items(), strict=True)
        return len(left) == len(right) and all(same(a, b) for a, b in pairs)
    if isinstance(left, list | tuple | collections.deque):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, set | frozenset):
        kinds = [sorted(type(each).__name__ for each in every) for every in (left, right)]
        return left == right and kinds[0] == kinds[1]
    names = [*getattr(left, "__dict__", ()), *_slots(type(left))]
    if names and not isinstance(left, enum.Enum):
        if getattr(left, "__dict__", {}).keys() != getattr(right, "__dict__", {}).keys():
            return False
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    return bool(left == right)


def _slots(kind: type) -> list[str]:
    found = [getattr(base, "__slots__", ()) for base in kind.__mro__]
    fields = [getattr(kind, "__struct_fields__", ())]
    names = [name for each in (*found, *fields) for name in each]
    return [name for name in dict.fromkeys(names) if not name.startswith("__")]
