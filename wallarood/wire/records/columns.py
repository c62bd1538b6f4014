"""Columns of a payload that need no type hint: msgpack of keys, and pickle."""

import pickle
from typing import Any, Protocol, get_args

import msgspec

from wallarood.model.batch import Batch
from wallarood.model.errors import RemoteProtocolError
from wallarood.wire.records.untyped import RecordCodecError

PLAIN_KEYS = frozenset({str, bytes, bool})
SIMPLE_KEYS = PLAIN_KEYS | {int}
_INT64 = 1 << 63

encode_plain = msgspec.msgpack.Encoder().encode


class Made(Protocol):
    """Which records a column holds: their type hint, and what makes them."""

    @property
    def record(self) -> Any:
        """The type hint."""

    @property
    def maker(self) -> str:
        """What makes them, for messages."""


def shown(hint: Any) -> str:
    """A type hint as a person writes it."""
    return hint.__qualname__ if isinstance(hint, type) and not get_args(hint) else str(hint)


def decoded(column: memoryview) -> Any:
    """What was encoded as msgpack. Raises RemoteProtocolError: it is malformed."""
    try:
        return msgspec.msgpack.decode(column)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"malformed records: {error}") from error


def plain_keys(batch: Batch) -> bytes | None:
    """The keys in msgpack; None if it does not give back exactly these."""
    keys = batch.keys or []
    if batch.kind not in PLAIN_KEYS:
        kinds = set(map(type, keys))
        if not kinds <= PLAIN_KEYS and not (
            kinds <= SIMPLE_KEYS
            and all(-_INT64 <= key < _INT64 for key in keys if type(key) is int)
        ):
            return None
    try:
        return encode_plain(keys)
    except ValueError:  # lone surrogates
        return None


def unpickled(column: memoryview, made: Made) -> Any:
    """What was pickled, of records as *made*.

    Raises RemoteProtocolError: it is malformed. Raises RecordCodecError: user code has failed.
    """
    try:
        return pickle.loads(column)
    except pickle.UnpicklingError as error:
        raise RemoteProtocolError(f"malformed records: {error}") from error
    except (Exception, SystemExit, GeneratorExit) as error:
        raise RecordCodecError(
            f"records of {made.maker or 'a step'} (type {shown(made.record)}) cannot be "
            f"unpickled on this worker: {type(error).__name__}: {error}"
        ) from error
