"""Pieces of a checkpoint back to keys and their state objects."""
# Theory of operation
# ===================
# The quick way is that of pickle, and takes it that the classes are as they were. If something
# fails, or the fields of a class are not those that were stored, the careful way takes the same
# piece: it goes by the names of the fields, and finds out the key of what cannot be taken.

import io
import pickle
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, TypeAlias

import attrs

from wallarood.flow.keys import shown_key
from wallarood.flow.stored.careful import CannotTakeError, load_carefully, put_together_carefully
from wallarood.flow.stored.classes import field_names, name_of
from wallarood.flow.stored.versions import Versions
from wallarood.model.errors import ApplicationError

FORMAT = 2
"""Of a piece. Without a number it is of the first, which had no names of fields."""
FORMAT_DELETED = 3
"""Of a piece that is keys alone: they were deleted, and so was their bucket, if it names one."""
FORMAT_BUCKET = 4
"""As the second, with the bucket that the keys are in."""
FORMAT_VERSION = 5
"""As the second, with the version of the computation whose states they are."""

FIRST_VERSION: Final = Versions()


def state_of(computation: str, key: Any) -> str:
    """A state in words; its key is in the canonical form, None if it has none."""
    of = f"the state of computation {computation!r}"
    return of if key is None else f"{of} for key {shown_key(key):.200}"


Bucket: TypeAlias = tuple[int, int]
"""The part of a state that ends at once: from one event time to before another."""


class Deleted(Enum):
    """The type of `DELETED`."""

    DELETED = "deleted"


DELETED: Final = Deleted.DELETED
"""In the place of states: there are none of these keys any longer."""


@attrs.frozen
class Piece:
    """Keys and their states. A deleted piece without keys is of all that its bucket held."""

    keys: list[Any]
    states: list[Any] | Deleted
    bucket: Bucket | None = None


def decode_pieces(
    chunk: bytes,
    *,
    computation: str = "",
    kind: type | None = None,
    versions: Versions = FIRST_VERSION,
) -> Iterator[Piece]:
    """The pieces that a chunk was joined of, in their order.

    *kind* is the present class of the states, None if it is not known, and *versions* says which
    version they are to have. Raises ApplicationError: a state is not one that the present classes
    can take, or that can be migrated.
    """
    stream = io.BytesIO(chunk)
    while stream.tell() < len(chunk):
        start = stream.tell()
        try:
            piece = _quick(stream, versions.version)
        except Exception:  # of whatever kind: the careful way finds out what it is about
            stream.seek(start)
            piece = _careful(stream, computation, versions)
        if piece.states is not DELETED:
            _check_kind(computation, piece.keys, piece.states, kind=kind)
        yield piece


def decode_states(
    chunk: bytes,
    *,
    computation: str = "",
    kind: type | None = None,
    versions: Versions = FIRST_VERSION,
) -> Iterator[tuple[list[Any], list[Any] | Deleted]]:
    """The keys and states of each piece of a chunk, as `decode_pieces`."""
    for piece in decode_pieces(chunk, computation=computation, kind=kind, versions=versions):
        yield piece.keys, piece.states


class _ChangedError(Exception):
    """A class has other fields than those that were stored, or the states another version."""


class _Unpickler(pickle.Unpickler):
    """Notes the classes that it has found, by the names under which they were stored."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.found: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = self.found[f"{module}:{name}"] = super().find_class(module, name)
        return found


@attrs.frozen
class _Head:
    """What stands before the states of a piece, in any format that has names of fields."""

    keys: list[Any]
    fields: dict[str, tuple[str, ...]]
    bucket: Bucket | None = None
    version: int = 1


def _head(first: tuple[Any, ...]) -> _Head | None:
    """None: the piece is of the first format."""
    match first:
        case (form, keys, fields) if form == FORMAT:
            return _Head(keys, fields)
        case (form, keys, fields, bucket) if form == FORMAT_BUCKET:
            return _Head(keys, fields, bucket)
        case (form, keys, fields, version) if form == FORMAT_VERSION:
            return _Head(keys, fields, version=version)
        case _:
            return None


def _quick(stream: io.BytesIO, version: int) -> Piece:
    first = pickle.load(stream)
    if first[0] == FORMAT_DELETED:
        return Piece(first[1], DELETED, *first[2:])
    head = _head(first)
    if (1 if head is None else head.version) != version:
        raise _ChangedError
    if head is None:
        return Piece(first[0], put_together(first[1:], len(first[0])))
    unpickler = _Unpickler(stream)
    body = unpickler.load()
    for name, found in unpickler.found.items():
        if name in head.fields and field_names(found) != head.fields[name]:
            raise _ChangedError
    return Piece(head.keys, put_together(body, len(head.keys)), head.bucket)


def put_together(body: tuple[type | None, Any], count: int) -> list[Any]:
    """*count* states of what was pickled of them. Raises what the class raises."""
    kind, attributes = body
    if kind is None:
        states: list[Any] = attributes
        return states
    made: list[Any] = [object.__new__(kind) for _ in range(count)]
    if type(attributes) is list:
        for each, own in zip(made, attributes, strict=True):
            each.__dict__.update(own)
    else:
        for name, column in attributes.items():
            deque(map(getattr(kind, name).__set__, made, column), maxlen=0)
    return made


def _careful(stream: io.BytesIO, computation: str, versions: Versions) -> Piece:
    try:
        start = stream.tell()
        first = load_carefully(stream, {})
        if first.value[0] == FORMAT_DELETED:
            return Piece(first.value[1], DELETED, *first.value[2:])
        head = _head(first.value)
        stored = 1 if head is None else head.version
        versions.check(computation, stored)
        replaced = versions.replaced if stored < versions.version else None
        if head is None:
            stream.seek(start)
            loaded = load_carefully(stream, {}, replaced)
            keys, *body = loaded.value
            head = _Head(keys, {})
        else:
            loaded = load_carefully(stream, head.fields, replaced)
            body = loaded.value
        states = put_together_carefully(body, loaded)
    except ApplicationError:
        raise
    except Exception as error:
        raise ApplicationError(
            f"the state of computation {computation!r} cannot be restored: "
            f"{type(error).__name__}: {error}; restart with the application as it was, or reset "
            "the state"
        ) from error
    for key, state in zip(head.keys, states, strict=True):
        try:
            loaded.check(state)
        except CannotTakeError as error:
            raise ApplicationError(
                f"{state_of(computation, key)} cannot be restored: {error}; or restart with the "
                "application as it was, or reset the state"
            ) from None
    if replaced is not None:
        states = [
            versions.migrated(computation, key, state, stored=stored)
            for key, state in zip(head.keys, states, strict=True)
        ]
    return Piece(head.keys, states, head.bucket)


def _check_kind(computation: str, keys: list[Any], states: list[Any], *, kind: type | None) -> None:
    """Raises ApplicationError: states are not of the class that the application says."""
    if kind is None or all(issubclass(each, kind) for each in set(map(type, states))):
        return
    if kind is tuple or not isinstance(kind(), kind):
        return  # the rows of an aggregation; a class that makes objects of another one
    key, stored = next(
        (key, type(each))
        for key, each in zip(keys, states, strict=True)
        if not isinstance(each, kind)
    )
    raise ApplicationError(
        f"{state_of(computation, key)} cannot be restored: it was stored as {name_of(stored)}, and "
        f"the state of the computation is {name_of(kind)} now; restore the class that state= had, "
        "or reset the state"
    )
