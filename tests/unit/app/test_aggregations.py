"""Declaring aggregations: names, types, and mistakes that are found when the pipeline is built."""

from collections.abc import Iterator
from decimal import Decimal
from operator import itemgetter
from typing import Any

import attrs
import pytest

import wallarood as w
from wallarood.model.pipeline import FunctionShape, StepKind


@attrs.frozen
class Order:
    customer: str
    amount: int
    price: Decimal


@attrs.frozen
class Summary:
    customer: str
    orders: int


def customer(order: Order) -> str:
    return order.customer


def amount(order: Order) -> int:
    return order.amount


def price(order: Order) -> Decimal:
    return order.price


async def ask(order: Order) -> int:
    return order.amount


def drawn(order: Order) -> Iterator[int]:
    yield order.amount


def summary(customer: str, orders: int) -> Summary:
    return Summary(customer, orders)


def keyed() -> w.Stream:
    """Orders by customer; anew each time, for a stream that was used needs a sink."""
    return orders().key_by(customer)


def orders() -> w.Stream:
    """Orders without a key."""
    return w.source("orders", w.FileSource("orders", format="json", record=Order))


def built(stream: w.Stream) -> w.Application:
    return w.application("orders", stream.to_sink(w.StdoutSink(), name="out"))


def test_an_aggregation_is_a_partitioned_step_with_a_name() -> None:
    step = built(keyed().aggregate(w.count(), partitions=8)).step("count")
    assert step.kind is StepKind.PARTITIONED
    assert step.partitions == 8
    assert step.computation is not None
    assert step.computation.shape is FunctionShape.AGGREGATE
    assert step.where.file == step.computation.where.file == __file__
    several = built(keyed().aggregate(w.sum(of=amount), w.mean(of=amount)))
    assert "sum-mean" in [step.name for step in several.steps]
    assert "totals" in [
        each.name for each in built(keyed().aggregate(w.count(), name="totals")).steps
    ]


@pytest.mark.parametrize(
    ("aggregation", "record"),
    [
        (w.count(), tuple[str, int]),
        (w.sum(of=amount), tuple[str, int]),
        (w.mean(of=amount), tuple[str, float]),
        (w.mean(of=price), tuple[str, Any]),
        (w.max(of=price), tuple[str, Decimal]),
        (w.min(of=customer), tuple[str, str]),
        (w.sum(of=itemgetter(1)), tuple[str, Any]),
    ],
)
def test_types_of_records_follow(aggregation: w.Aggregation, record: Any) -> None:
    steps = built(keyed().aggregate(aggregation, name="it")).steps
    assert steps[2].record == record
    assert steps[2].key is str


def test_into_says_the_type() -> None:
    assert built(keyed().aggregate(w.count(), into=Summary, name="it")).step("it").record is Summary
    assert built(keyed().aggregate(w.count(), into=summary, name="it")).step("it").record is Summary


def test_the_fingerprint_covers_what_is_aggregated() -> None:
    one = built(keyed().aggregate(w.min(of=amount), name="it")).fingerprint
    other = built(keyed().aggregate(w.max(of=amount), name="it")).fingerprint
    assert one != other
    assert "aggregates min" in one[3]
    several = built(keyed().aggregate(w.count(), w.mean(of=amount), name="it")).fingerprint
    assert several[3].endswith("256 partitions; aggregates count, mean")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: orders().aggregate(w.count()), "count: the stream has no key: put .key_by"),
        (lambda: orders().collect().aggregate(w.count()), "count: the stream has no key"),
        (lambda: keyed().aggregate(*()), "expected at least one aggregation"),
        (lambda: keyed().aggregate(w.count), "such as w.count\\(\\), found <function count"),
        (lambda: keyed().aggregate(w.sum(of="amount")), "sum: expected a function .* 'amount'"),
        (lambda: keyed().aggregate(w.sum(of=w.count())), "sum: expected a function"),
        (lambda: keyed().aggregate(w.max(of=ask)), "max: .* neither awaits nor yields"),
        (lambda: keyed().aggregate(w.max(of=drawn)), "max: .* neither awaits nor yields"),
        (lambda: keyed().aggregate(w.sum(of=customer)), "sum needs a number, found str: set of="),
        (lambda: keyed().aggregate(w.mean()), "mean needs a number, found Order: set of="),
        (lambda: keyed().aggregate(w.sum(of=len)), None),
        (lambda: keyed().aggregate(w.sum(of=str.upper)), None),
        (
            lambda: keyed().map(amount).aggregate(w.sum(of=amount)),
            "sum is of Order, but the stream carries int",
        ),
        (lambda: keyed().aggregate(w.count(), name="a/b"), "step name 'a/b'"),
        (lambda: keyed().aggregate(w.count(), on_error="ignore"), "on_error='ignore'"),
        (lambda: keyed().aggregate(w.count(), partitions=0), "count: partitions=0"),
        (lambda: keyed().aggregate(w.count(), state=int), "unknown option 'state'"),
        (
            lambda: keyed().aggregate(w.count(), into=customer),
            "into cannot be called with a key and",
        ),
        (lambda: keyed().aggregate(w.count(), into=7), "into=7: expected a function"),
    ],
)
def test_mistakes_are_found_when_the_pipeline_is_built(wrong: Any, message: str | None) -> None:
    if message is None:
        assert wrong()
        return
    with pytest.raises(w.PipelineError, match=f"^{__file__}:\\d+: .*{message}"):
        wrong()


def test_two_of_the_same_name_are_refused() -> None:
    with pytest.raises(w.PipelineError, match="the name 'count' is already used"):
        built(keyed().aggregate(w.count()).map(itemgetter(1)).aggregate(w.count()))
