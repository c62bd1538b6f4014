"""orders says of each order whether it was paid, and who has ordered."""

from pathlib import Path

from wallarood.examples.orders import (
    Customer,
    Line,
    Order,
    Payment,
    app,
    customer,
    order,
    payment,
)
from wallarood.testing import run, run_with_crashes


def test_orders_meet_their_payments_and_customers(tmp_path: Path) -> None:
    application = app(["--output", str(tmp_path)])
    inputs = {
        "orders": [Order(1, 5, 100, 0), Order(2, 6, 100, 10), Order(3, 7, 100, 20)],
        "payments": [Payment(1, 100, 60), Payment(3, 100, 7200), Payment(9, 100, 100)],
        "customers": [Customer(5, "Ada", -1), Customer(6, "Ben", -1), Customer(6, "", 5)],
    }
    lines = run(application, inputs)["lines"]
    assert sorted(lines, key=lambda line: line.order) == [
        Line(1, "paid", "Ada", 5),
        Line(2, "unpaid", "", 6),
        Line(3, "unpaid", "", 7),
        Line(3, "payment without an order"),
        Line(9, "payment without an order"),
    ]


def test_what_is_made_up_comes_through_crashes_whole(tmp_path: Path) -> None:
    application = app(["--output", str(tmp_path)])
    count = 300
    inputs = {
        "orders": [order(number) for number in range(count)],
        "payments": [payment(number) for number in range(count)],
        "customers": [customer(number) for number in range(50)],
    }
    lines = run_with_crashes(application, inputs, every=70)["lines"]
    assert sorted(line.order for line in lines if line.customer >= 0) == list(range(count))
    unpaid = [n for n in range(count) if n % 10 == 9 or n % 25 == 24]
    assert sorted(line.order for line in lines if line.status == "unpaid") == unpaid
    assert all(line.name for line in lines if line.customer >= 0)
