"""Timed computations, joins and tables as mypy sees them."""

from typing import reveal_type

import wallarood as w

Order = tuple[str, float]
Payment = tuple[str, int]


class Seen:
    count = 0


@w.state_computation_timed(state=Seen, ttl="1h")
def late(order: Order, seen: Seen, timers: w.Timers) -> int | None:
    timers.after("5min", "name")
    return seen.count


@w.state_computation_timed(state=Seen, ttl=w.forever)
def with_key(order: Order, seen: Seen, timers: w.Timers, *, key: str) -> int:
    return seen.count


orders = w.source("orders", w.ListSource([("a", 0.5)])).key_by(lambda order: order[0])
payments = w.source("payments", w.ListSource([("a", 5)])).key_by(lambda payment: payment[0])
reveal_type(orders)  # type: KeyedStream[str, tuple[str, float]]
reveal_type(orders.to(late))  # type: KeyedStream[str, int]
reveal_type(orders.to(with_key))  # type: KeyedStream[str, int]
day = ("0s", "1d")
reveal_type(orders.join(payments, within=day))  # type: KeyedStream[str, tuple[tuple[str, float], tuple[str, int]]]
reveal_type(orders.join(payments, within=day, how="left"))  # type: KeyedStream[str, tuple[tuple[str, float], tuple[str, int] | None]]
reveal_type(orders.join(payments, within=day, how="right"))  # type: KeyedStream[str, tuple[tuple[str, float] | None, tuple[str, int]]]
reveal_type(orders.join(payments, within=day, how="outer"))  # type: KeyedStream[str, tuple[tuple[str, float] | None, tuple[str, int] | None]]
reveal_type(orders.join_asof(payments, within="1h"))  # type: KeyedStream[str, tuple[tuple[str, float], tuple[str, int] | None]]
table = w.table(payments, ttl=w.forever, deleted=lambda payment: payment[1] == 0)
reveal_type(table)  # type: Table[str, tuple[str, int]]
reveal_type(orders.enrich(table))  # type: KeyedStream[str, tuple[tuple[str, float], tuple[str, int] | None]]
reveal_type(orders.enrich(table, how="inner"))  # type: KeyedStream[str, tuple[tuple[str, float], tuple[str, int]]]
reveal_type(orders.distinct(lambda order: order[1] > 0, within="1h"))  # type: KeyedStream[bool, tuple[str, float]]

orders.map(str).to(late)  # error: incompatible type
orders.join(payments)  # error: No overload variant
orders.join(payments, within="1h")  # error: No overload variant
orders.join_asof(payments)  # error: Missing named argument "within"
orders.enrich(payments)  # error: No overload variant
orders.collect().join(payments, within=day)  # error: has no attribute "join"
w.table(payments)  # error: Missing named argument "ttl"
w.table(orders.collect(), ttl="1h")  # error: incompatible type


@w.state_computation_timed(state=Seen)  # error: Argument 1 to "__call__" of "TimedDecorator"
def no_timers(order: Order, seen: Seen) -> int:
    return seen.count
