"""The columns of a Parquet file that follow from a class of records, or are wanted of a file."""
# Theory of operation
# ===================
# msgspec tells the fields of every kind of class with hints (dataclass, attrs, Struct, TypedDict,
# named tuple) in one way. A column is nullable if its hint has None. Times are kept in UTC, in
# microseconds, which is what Python has.

import base64
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from wallarood.connectors.parquet.arrow import arrow
from wallarood.model.errors import ApplicationError

_inspect = msgspec.inspect

CLASSES = (
    _inspect.StructType,
    _inspect.DataclassType,
    _inspect.TypedDictType,
    _inspect.NamedTupleType,
)
_PLAIN: dict[Any, str] = {
    _inspect.IntType: "int64",
    _inspect.FloatType: "float64",
    _inspect.StrType: "string",
    _inspect.BytesType: "binary",
    _inspect.BoolType: "bool_",
    _inspect.DateType: "date32",
}
_TIMES: dict[Any, str] = {_inspect.TimeType: "time64", _inspect.TimeDeltaType: "duration"}


@attrs.frozen
class Fields:
    """The fields of a class of records: names, those that a record must have, and the kind."""

    names: tuple[str, ...]
    required: frozenset[str]
    is_tuple: bool


def fields_of(owner: str, record: Any) -> Fields | None:
    """The fields of *record*; None if it is a dict. Raises ApplicationError: it has none."""
    if record in (None, Any, dict) or getattr(record, "__origin__", None) is dict:
        return None
    try:
        found = _inspect.type_info(record)
    except TypeError as error:
        raise ApplicationError(f"{owner}: record={record!r:.100}: {error}") from None
    if not isinstance(found, CLASSES):
        raise ApplicationError(
            f"{owner}: record={record!r:.100}: expected dict, or a dataclass, attrs class, Struct, "
            "TypedDict or named tuple"
        )
    return Fields(
        tuple(field.encode_name for field in found.fields),
        frozenset(field.encode_name for field in found.fields if field.required),
        isinstance(found, _inspect.NamedTupleType),
    )


def schema_of(owner: str, record: Any) -> Any:
    """The ``pyarrow.Schema`` for records of a class.

    Raises ApplicationError: it has no fields, or one of a type that no column has.
    """
    fields_of(owner, record)
    return _schema(owner, _inspect.type_info(record))


def _schema(owner: str, found: Any) -> Any:
    fields = [
        _field(f"{owner}: field {each.name!r}", each.encode_name, each.type)
        for each in found.fields
    ]
    return arrow().schema(fields)


def _field(named: str, name: str, kind: Any) -> Any:
    nullable = False
    if isinstance(kind, _inspect.UnionType):
        nullable = any(isinstance(each, _inspect.NoneType) for each in kind.types)
        rest = [each for each in kind.types if not isinstance(each, _inspect.NoneType)]
        kinds = {type(each) for each in rest}
        if kinds == {_inspect.IntType, _inspect.FloatType}:
            rest = [_inspect.FloatType()]
        if len(rest) != 1:
            raise ApplicationError(f"{named} may be of several types: expected one, or None")
        (kind,) = rest
    return arrow().field(name, _type(named, kind), nullable=nullable)


def _type(named: str, kind: Any) -> Any:
    pa = arrow()
    if type(kind) in _PLAIN:
        return getattr(pa, _PLAIN[type(kind)])()
    if type(kind) in _TIMES:
        return getattr(pa, _TIMES[type(kind)])("us")
    match kind:
        case _inspect.DateTimeType():
            return pa.timestamp("us", tz="UTC")
        case _inspect.LiteralType() if all(isinstance(each, str) for each in kind.values):
            return pa.string()
        case _inspect.LiteralType() if all(isinstance(each, int) for each in kind.values):
            return pa.int64()
        case _inspect.ListType() | _inspect.VarTupleType() | _inspect.SetType():
            return pa.list_(_field(named, "item", kind.item_type))
        case _inspect.DictType():
            value = _field(named, "value", kind.value_type)
            return pa.map_(_type(named, kind.key_type), value)
    if isinstance(kind, CLASSES):
        return pa.struct(list(_schema(named, kind)))
    raise ApplicationError(
        f"{named} is of a type that has no column ({type(kind).__name__.removesuffix('Type')}): "
        "give schema=, a pyarrow.Schema, or make it another type before the sink"
    )


def text_of(schema: Any) -> str:
    """A schema as text, for the state of a sink."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def schema_from(text: str) -> Any:
    """The schema that `text_of` was given."""
    pa = arrow()
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def check_there(path: str, wanted: Sequence[str], found: Sequence[str]) -> None:
    """Raises ApplicationError: a column that is wanted is not among those *found* in a file."""
    missing = [each for each in wanted if each not in found]
    if missing:
        raise ApplicationError(
            f"input file {path} has no column {missing[0]!r}; it has {', '.join(found)}"
        )
