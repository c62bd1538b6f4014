"""Joins, timers, expiry and distinct records in a cluster whose workers are killed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.harness import hosts_in
from support.killer import Killer

ORDERS, USERS = 12_000, 50

APPLICATION = f"""
import wallarood as w

Order = tuple[int, int]

def order(number: int) -> Order:
    return number, number

def payment(number: int) -> Order:
    return number, number + (4500 if number % 7 == 0 else 500)

class Seen:
    count = 0

def fired(name: str, seen: Seen, timers: w.Timers, *, key: int) -> tuple[int, int]:
    return key, seen.count

def gone(seen: Seen, *, key: int) -> tuple[int, int]:
    return key, seen.count

@w.state_computation_timed(state=Seen, on_timer=fired, ttl=w.forever)
def of_user(order: Order, seen: Seen, timers: w.Timers) -> None:
    seen.count += 1
    timers.after("1min")

@w.state_computation_timed(state=Seen, ttl="500ms", on_expire=gone)
def forget(order: Order, seen: Seen, timers: w.Timers) -> None:
    seen.count += 1

time = w.event_time(lambda record: record[1], unit="ms")
orders = w.source("orders", w.GeneratorSource(order, rate=4000, count={ORDERS}), time=time)
payments = w.source("payments", w.GeneratorSource(payment, rate=4000, count={ORDERS}), time=time)
users = w.source("users", w.ListSource([(user, 0) for user in range({USERS})]), time=time)
by_order = orders.key_by(lambda order: order[0])
by_user = orders.key_by(lambda order: order[0] % {USERS}, name="user")
table = w.table(users.key_by(lambda user: user[0] + 0), ttl=w.forever)
paid = by_order.join(payments.key_by(lambda payment: payment[0]), within=("0s", "2s"), how="left")

def line(pair: tuple[Order, Order | None]) -> tuple[int, int]:
    return pair[0][0], 0 if pair[1] is None else pair[1][1]

app = w.application(
    "orders",
    paid.map(line).to_sink(w.FileSink("paid")),
    by_user.enrich(table, as_of="event").map(line).to_sink(w.FileSink("named")),
    by_user.to(of_user).to_sink(w.FileSink("users")),
    by_order.to(forget).to_sink(w.FileSink("gone")),
    orders.distinct(lambda order: order[0] % 100, within="1s").to_sink(w.FileSink("first")),
)
"""


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_joins_and_timers_survive_kills(tmp_path: Path, workers: int) -> None:
    file = tmp_path / "orders.py"
    file.write_text(APPLICATION)
    rng = random.Random(workers)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(file), workers)
        for _ in range(2):
            cluster.until("running")
            cluster.strike(rng, most=workers)
        assert cluster.kills.total() >= 2
        cluster.until("completed")
        cluster.end()
    check(tmp_path)


def check(directory: Path) -> None:
    """Every result is there once, as all records follow from their numbers."""
    assert sorted(lines(directory / "paid")) == [
        (number, 0 if number % 7 == 0 else number + 500) for number in range(ORDERS)
    ]
    assert sorted(lines(directory / "named")) == [(number, 0) for number in range(ORDERS)]
    assert sorted(lines(directory / "users")) == [(user, ORDERS // USERS) for user in range(USERS)]
    assert sorted(lines(directory / "first")) == [
        (number, number) for number in range(ORDERS) if number // 100 % 10 == 0
    ]
    gone = [number for number, count in lines(directory / "gone") if count == 1]
    assert len(gone) == len(set(gone)) > 0
    assert max(gone) < ORDERS - 500


def lines(output: Path) -> Iterator[tuple[int, int]]:
    for file in output.glob("[!.]*"):
        for line in file.read_text().splitlines():
            first, second = map(int, line.split("\t"))
            yield first, second
