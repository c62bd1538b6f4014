"""Computations over Arrow record batches."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import wallarood as w
from wallarood import testing


@attrs.frozen
class Order:
    customer: str
    price: float | None


@dataclass
class Reading:
    customer: str
    price: float


@w.computation_arrow
def dear(orders: pa.RecordBatch) -> pa.RecordBatch:
    """Orders for more than one."""
    return orders.filter(pc.field("price") > 1)


def run(computation: Any, records: list[Any], **options: Any) -> list[Any]:
    stream = w.source("in", w.FileSource("in")).to(computation, **options)
    app = w.application("columns", stream.to_sink(w.StdoutSink(), name="out"))
    return testing.run_with_crashes(app, {"in": records}, every=3)["out"]


@pytest.mark.parametrize(
    "records",
    [
        [{"customer": "a", "price": 2.5}, {"customer": "b", "price": 0.5}],
        [Order("a", 2.5), Order("b", None)],
        [Reading("a", 2.5), Reading("b", 1.0)],
    ],
    ids=["dicts", "attrs", "dataclass"],
)
def test_records_become_columns_and_rows_become_dicts(records: list[Any]) -> None:
    assert run(dear, records * 3) == [{"customer": "a", "price": 2.5}] * 3


def test_tuples_need_a_schema_and_plain_values_have_a_column() -> None:
    schema = pa.schema([("word", pa.string()), ("count", pa.int64())])

    @w.computation_arrow(schema=schema)
    def totals(rows: pa.RecordBatch) -> pa.Table:
        assert rows.schema == schema
        return pa.Table.from_batches([rows]).group_by("word").aggregate([("count", "sum")])

    found = run(totals, [("a", 1), ("b", 2), ("a", 3)])
    assert sorted((row["word"], row["count_sum"]) for row in found) == [("a", 4), ("b", 2)]

    @w.computation_arrow
    def doubled(numbers: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch({"twice": pc.multiply(numbers["value"], 2)})

    assert run(doubled, [1, None, 3]) == [{"twice": 2}, {"twice": None}, {"twice": 6}]
    with pytest.raises(
        w.ApplicationError, match="records are tuples: name their items with schema="
    ):
        run(dear, [("a", 1)])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"price": "x"}], "ArrowNotImplementedError"),
        ([{"price": 1 << 70}], "Overflow|ArrowInvalid"),
        ([{"price": 2}, [1]], "TypeError: records of dict, list: expected dicts, tuples"),
        ([object()], "TypeError: records of object"),
    ],
)
def test_records_that_do_not_fit_are_left_to_on_error(records: list[Any], message: str) -> None:
    with pytest.raises(w.ApplicationError, match=f"'dear' failed at {__file__}:\\d+: .*{message}"):
        run(dear, records)
    good = {"customer": "a", "price": 2.0}
    padding = [good] * (3 - len(records))
    assert run(dear, [*records, *padding, good], on_error="skip") == [good]


def test_something_else_than_columns_is_refused() -> None:
    with pytest.raises(
        w.ApplicationError, match=r"TypeError: expected a RecordBatch .* found list"
    ):
        run(w.computation_arrow(name="wrong")(lambda rows: rows.to_pylist()), [1])
    with pytest.raises(w.PipelineError, match="schema='x': expected a pyarrow"):
        w.computation_arrow(schema="x")
    with pytest.raises(w.PipelineError, match="unknown option 'concurrency'"):
        w.computation_arrow(concurrency=1)  # type: ignore[call-overload]


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(w.PipelineError, match=r"needs pyarrow .*'wallarood\[arrow\]'"):
        w.computation_arrow(dear.function)


def test_nobody_else_imports_pyarrow() -> None:
    script = "import sys, wallarood, wallarood.testing; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_attribute_that_raises_stop_iteration_loses_no_record() -> None:
    @attrs.frozen
    class Odd:
        number: int

        def __getattribute__(self, name: str) -> Any:
            found = object.__getattribute__(self, name)
            if name == "number" and found == 2:
                raise StopIteration
            return found

    @w.computation_arrow
    def same(columns: pa.RecordBatch) -> pa.RecordBatch:
        return columns

    with pytest.raises(w.ApplicationError, match="StopIteration"):
        run(same, [Odd(n) for n in range(3)])
