"""Keys and their state objects as bytes, many at once."""
# Theory of operation
# ===================
# Pickle asks every object for its state by a call into Python code. An object that is nothing but
# its attributes is spared that: the attributes of many are pickled as plain values, and objects
# are made of them again without calling their class. That is three times as fast for attributes
# in a `__dict__`, and six times for slots. Whatever says itself how it is pickled or made goes by
# pickle alone, and so does a class of which an object is met inside itself: a tree whose nodes
# know their parent, a bound method. Only pickle keeps that identity.
#
# A piece is two pickles: the keys with the names of the fields of each class met, and the states.
# By the names a later version of the application is found to have other fields.
#
# Some objects pickle and do not unpickle, as an exception with arguments of its own. To find that
# out after a crash would be too late, so a piece in which a class is met for the first time is
# decoded once.

import copyreg
import io
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter, methodcaller
from typing import Any, TypeAlias

from wallarood.flow.stored.classes import (
    CACHED_HASH,
    columns_of,
    field_names,
    is_heap_type,
    is_plain,
    loses_some,
    name_of,
    storage_of,
)
from wallarood.flow.stored.decode import (
    FORMAT,
    FORMAT_BUCKET,
    FORMAT_DELETED,
    FORMAT_VERSION,
    Bucket,
    put_together,
    state_of,
)
from wallarood.flow.stored.made import make_struct, put_attributes, put_struct
from wallarood.model.errors import ApplicationError

Reducer: TypeAlias = Callable[[Any], Any]

STATE_BYTES_MAX = 900 << 20
"""What one key may take in a checkpoint: SQLite stores up to 1,000,000,000 bytes in one value."""

__all__ = ["STATE_BYTES_MAX", "encode_bucket_deleted", "encode_deleted", "encode_states"]


def encode_deleted(keys: list[Any]) -> bytes:
    """The piece that says that these keys have no state any longer."""
    return pickle.dumps((FORMAT_DELETED, keys), protocol=5)


def encode_bucket_deleted(bucket: Bucket) -> bytes:
    """The piece that says that nothing is in *bucket* any longer."""
    return pickle.dumps((FORMAT_DELETED, [], bucket), protocol=5)


def encode_states(
    computation: str,
    keys: list[Any],
    states: list[Any],
    *,
    bucket: Bucket | None = None,
    version: int = 1,
) -> list[bytes]:
    """Keys and their states, all of them in *bucket* if one is given, as pieces, mostly one.

    *version* is that of the states; a bucket has none.

    Raises ApplicationError: a state cannot be stored, would not come back, or is too large.
    """
    try:
        piece = _encoded(keys, states, bucket=bucket, version=version)
    except Exception as error:
        raise ApplicationError(_blame(computation, keys, states, error=error)) from error
    if len(piece) <= STATE_BYTES_MAX:
        return [piece]
    if len(keys) == 1:
        raise ApplicationError(
            f"{state_of(computation, keys[0])} takes {len(piece):,} bytes in a checkpoint, and "
            f"{STATE_BYTES_MAX:,} is the most that one may take: keep less in it, or spread it "
            "over several keys"
        )
    del piece
    half = len(keys) // 2
    return [
        *encode_states(computation, keys[:half], states[:half], bucket=bucket, version=version),
        *encode_states(computation, keys[half:], states[half:], bucket=bucket, version=version),
    ]


class _MeetsItselfError(Exception):
    """An object that was taken apart is met as a value."""


class _Reducers(dict[type, Reducer]):
    """How objects are pickled, by their class. Its keys are the classes that were met.

    It is asked in C, and only once for each class in Python. *apart* are the objects that were
    taken apart, *struct* is what reduces Structs where not their own way.
    """

    def __init__(self, apart: Sequence[Any], struct: Reducer | None) -> None:
        super().__init__()
        self._apart = frozenset(map(id, apart))
        self._apart_kind = type(apart[0]) if apart else None
        self._struct = struct

    def __missing__(self, kind: type) -> Reducer:
        if issubclass(kind, type):
            raise KeyError(kind)  # a class goes by its name
        reduce = copyreg.dispatch_table.get(kind)
        if reduce is None:
            reduce = self._of(kind)
        if kind is self._apart_kind:
            reduce = partial(self._unless_apart, reduce)
        self[kind] = reduce
        return reduce

    def _of(self, kind: type) -> Reducer:
        if is_plain(kind) and loses_some(kind):
            return _reduce_by_name
        if hasattr(kind, "__struct_fields__"):
            if self._struct is not None:
                return self._struct
            if hasattr(kind, "__post_init__"):
                return _reduce_struct
        return _reduce_as_usual

    def _unless_apart(self, reduce: Reducer, obj: Any) -> Any:
        if id(obj) in self._apart:
            raise _MeetsItselfError
        return reduce(obj)


_reduce_as_usual: Reducer = methodcaller("__reduce_ex__", 5)


def _reduce_by_name(made: Any) -> Any:
    kind = type(made)
    attributes = dict(vars(made)) if kind.__dictoffset__ else {}
    for name, member in storage_of(kind).items():
        try:
            attributes[name] = member.__get__(made)
        except AttributeError:  # a slot that was never set
            continue
    if hasattr(made, CACHED_HASH):
        attributes[CACHED_HASH] = None
    return _NEW, (kind,), attributes, None, None, put_attributes


def _reduce_struct(made: Any) -> Any:
    values = {name: getattr(made, name) for name in made.__struct_fields__}
    return make_struct, (type(made), values), values, None, None, put_struct


def _reduce_struct_in_cycle(made: Any) -> Any:
    """It is made empty first, so that what is in it may refer to it."""
    values = {name: getattr(made, name) for name in made.__struct_fields__}
    return make_struct, (type(made), dict.fromkeys(values)), values, None, None, put_struct


_NEW: Any = copyreg.__newobj__  # type: ignore[attr-defined]
_PROVEN: set[type] = set()
_WHOLE: set[type] = set()
"""Classes of which an object has been met inside itself."""
_COLUMNS: dict[type, frozenset[str] | None] = {}
_FIELDS: dict[type, tuple[str, ...] | None] = {}


def _encoded(keys: list[Any], states: list[Any], *, bucket: Bucket | None, version: int) -> bytes:
    kinds: set[type] = set(map(type, states))
    kind = kinds.pop() if len(kinds) == 1 else None
    body = None
    if kind is not None and (apart := _taken_apart(kind, states)) is not None:
        try:
            body, kinds = _pickled((kind, apart), apart=states)
        except _MeetsItselfError:
            _WHOLE.add(kind)
        else:
            kinds.add(kind)
    if body is None:
        body, kinds = _pickled((None, states))
    fields = {name_of(each): names for each in kinds if (names := _fields_of(each)) is not None}
    head = pickle.dumps(_first(keys, fields, bucket=bucket, version=version), protocol=5)
    new = {each for each in kinds if is_heap_type(each)} - _PROVEN
    if new:
        put_together(pickle.loads(body), len(keys))
        _PROVEN.update(new)
    return head + body


def _first(keys: list[Any], fields: Any, *, bucket: Bucket | None, version: int) -> tuple[Any, ...]:
    if bucket is not None:
        return FORMAT_BUCKET, keys, fields, bucket
    return (FORMAT, keys, fields) if version == 1 else (FORMAT_VERSION, keys, fields, version)


def _fields_of(kind: type) -> tuple[str, ...] | None:
    if kind not in _FIELDS:
        _FIELDS[kind] = field_names(kind)
    return _FIELDS[kind]


def _pickled(value: Any, *, apart: Sequence[Any] = ()) -> tuple[bytes, set[type]]:
    """*value* and the classes that were met in it. *apart* are objects not to be met."""
    try:
        return _pickled_by(_Reducers(apart, None), value)
    except RecursionError:
        return _pickled_by(_Reducers(apart, _reduce_struct_in_cycle), value)


def _pickled_by(reducers: _Reducers, value: Any) -> tuple[bytes, set[type]]:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.dispatch_table = reducers
    pickler.dump(value)
    return file.getvalue(), set(reducers)


def _taken_apart(kind: type, states: list[Any]) -> Any:
    """The attributes of all *states*; None if they are to be pickled as they are."""
    if kind not in _COLUMNS:
        _COLUMNS[kind] = columns_of(kind) if is_plain(kind) else None
    columns = _COLUMNS[kind]
    if columns is None or kind in _WHOLE:
        return None
    if not columns:
        return list(map(vars, states))
    try:
        return {name: list(map(attrgetter(name), states)) for name in columns}
    except AttributeError:  # a slot that was never set
        return None


def _blame(computation: str, keys: list[Any], states: list[Any], *, error: Exception) -> str:
    """The message for states that cannot be stored; it names the first that cannot be."""
    for key, state in zip(keys, states, strict=True):
        named = state_of(computation, key)
        try:
            body, _ = _pickled((None, [state]))
        except Exception as own:
            return (
                f"{named} cannot be stored in a checkpoint: {type(own).__name__}: {own}; keep "
                "only plain values in it"
            )
        try:
            pickle.loads(body)
        except Exception as own:
            return (
                f"{named} holds an object that can be pickled and not unpickled: "
                f"{type(own).__name__}: {own}; keep only plain values in it"
            )
    return f"the state of computation {computation!r} cannot be stored: {error}"
