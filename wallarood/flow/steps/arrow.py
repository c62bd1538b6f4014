"""Computations over Arrow record batches: records become columns, and rows become records.

pyarrow is imported when such a computation is compiled, and nowhere else.
"""

import importlib
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import attrs

from wallarood.flow.failures import Failure, fail
from wallarood.flow.steps.operators import Operator, Plain
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation

_PLAIN = (str, bytes, bool, int, float, type(None))


def columnar(computation: Computation) -> Operator:
    """The operator of a computation from a RecordBatch to a RecordBatch. Keys are lost."""
    arrow = importlib.import_module("pyarrow")
    function, schema = computation.function, computation.schema

    def run(batch: Batch, failures: list[Failure]) -> Batch:
        if not batch.values:
            return Batch([])
        try:
            return Batch(_rows(arrow, function(_record_batch(arrow, batch.values, schema))))
        except BaseException as error:
            fail(computation, batch.values, error, failures=failures)
            return Batch([])

    return Plain(run)


def _rows(arrow: Any, result: Any) -> list[Any]:
    if not isinstance(result, arrow.RecordBatch | arrow.Table):
        raise TypeError(f"expected a RecordBatch or a Table, found {type(result).__name__}")
    rows: list[Any] = result.to_pylist()
    return rows


def _record_batch(arrow: Any, records: list[Any], schema: Any) -> Any:
    """*records* as columns: keys of dicts, fields of classes, items of tuples, or ``value``."""
    kinds = set(map(type, records))
    if kinds == {dict}:
        return arrow.RecordBatch.from_pylist(records, schema=schema)
    if kinds == {tuple}:
        if schema is None:
            raise TypeError("records are tuples: name their items with schema=")
        columns = list(zip(*records, strict=True))
        return arrow.RecordBatch.from_pydict(
            dict(zip(schema.names, columns, strict=True)), schema=schema
        )
    if len(kinds) == 1 and (names := _fields_of(kinds.pop())):
        if schema is not None:
            names = schema.names
        named = {name: [getattr(record, name) for record in records] for name in names}
        return arrow.RecordBatch.from_pydict(named, schema=schema)
    if all(isinstance(record, _PLAIN) for record in records):
        name = "value" if schema is None else itemgetter(0)(schema.names)
        return arrow.RecordBatch.from_pydict({name: records}, schema=schema)
    shown = ", ".join(sorted({type(record).__name__ for record in records}))
    raise TypeError(
        f"records of {shown}: expected dicts, tuples, plain values, or objects of one attrs class "
        "or dataclass"
    )


def _fields_of(cls: type) -> Sequence[str]:
    if attrs.has(cls):
        return [field.name for field in attrs.fields(cls)]
    return list(getattr(cls, "__dataclass_fields__", ()))
