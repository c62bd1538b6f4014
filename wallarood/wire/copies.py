"""Copies of records for streams that are used twice."""
# Theory of operation
# ===================
# A record belongs to the function that gets it: it may change it. Where a stream is used twice,
# each use must have records of its own, as it has on different workers. Values that cannot be
# changed are shared. Of a hint it is found out once whether its values can be; and each batch is
# checked to be of it.

import copy
import pickle
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from wallarood.model.batch import Batch
from wallarood.wire.exact import Check, NotExactError, compile_check, fields_of
from wallarood.wire.portable import NotPortableError, dumps

_FIXED = frozenset({str, bytes, bool, int, float, complex, type(None)})


@attrs.frozen
class Copier:
    """Copies batches of one output. Made by `for_type`."""

    _check: Check | None

    @classmethod
    def for_type(cls, record: Any) -> "Copier":
        """What copies records of type *record* (Any if no hint says)."""
        try:
            return cls(compile_check(record) if _is_fixed(record) else None)
        except NotExactError:
            return cls(None)

    def copies(self, batch: Batch, count: int) -> list[Batch]:
        """*count* batches that no change of a record in one can be seen in another."""
        values = batch.values
        if self._are_fixed(values):
            return [batch] * count
        copied = [_copied(values) for _ in range(count - 1)]
        return [batch.replace(each, key_index=batch.key_index) for each in copied] + [batch]

    def _are_fixed(self, values: list[Any]) -> bool:
        if self._check is not None and self._check(values):
            return True
        kinds = set(map(type, values))
        if kinds == {tuple}:
            return all(_FIXED.issuperset(map(type, each)) for each in values)
        return kinds <= _FIXED


def _copied(values: list[Any]) -> list[Any]:
    try:
        copied: list[Any] = pickle.loads(dumps(values))
        return copied
    except NotPortableError:
        return [_copied_alone(each) for each in values]


def _copied_alone(value: Any) -> Any:
    """A copy; the value itself if it is of a kind that cannot be copied, such as a generator."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def _is_fixed(hint: Any) -> bool:
    """Whether a value cannot be changed that is exactly a *hint*."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) or origin in (tuple, frozenset):
        return all(each is Ellipsis or _is_fixed(each) for each in arguments)
    if not isinstance(hint, type) or origin is not None:
        return hint is None
    if hint in _FIXED or issubclass(hint, Enum):
        return True
    return _is_frozen(hint) and all(map(_is_fixed, fields_of(hint).values()))


def _is_frozen(kind: Any) -> bool:
    if attrs.has(kind):
        return kind.__delattr__ is not object.__delattr__
    config: Any = getattr(kind, "__struct_config__", None)
    parameters: Any = getattr(kind, "__dataclass_params__", config)
    return bool(parameters is not None and parameters.frozen)
