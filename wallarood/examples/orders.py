"""Orders, what was paid for them, and who has ordered: an outer join, and a table.

    wallarood demo orders --workers 3

An order is paid within half an hour, or it is unpaid; a payment without an order is reported, too.
The names of customers are the newest record of each in a stream of changes.
"""

import argparse

import attrs

import wallarood as w

CUSTOMERS = 50
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve")


@attrs.frozen
class Order:
    """An order, with the time in seconds since 1970 UTC."""

    number: int
    customer: int
    cents: int
    at: int


@attrs.frozen
class Payment:
    """What was paid for an order."""

    order: int
    cents: int
    at: int


@attrs.frozen
class Customer:
    """A change of a customer; an empty name deletes it."""

    number: int
    name: str
    at: int


@attrs.frozen
class Line:
    """What became of an order."""

    order: int
    status: str
    name: str = ""
    customer: int = -1


def order(number: int) -> Order:
    """A made-up order; there is one every ten seconds."""
    return Order(number, number * 7 % CUSTOMERS, 100 + number % 900, 10 * number)


def payment(number: int) -> Payment:
    """A made-up payment: a minute after the order, for some much later, for some of no order."""
    odd = number % 10 == 9
    paid = number + 1_000_000 if number % 25 == 24 else number
    return Payment(paid, 100 + number % 900, 10 * number + (7200 if odd else 60))


def customer(number: int) -> Customer:
    """The name of a customer before the first order."""
    return Customer(number, f"{NAMES[number % len(NAMES)]} {number}", -1)


def status_of(pair: tuple[Order | None, Payment | None]) -> Line:
    """An order without a payment is unpaid, a payment without an order is nobody's."""
    order, payment = pair
    if order is None:
        assert payment is not None
        return Line(payment.order, "payment without an order")
    status = "unpaid" if payment is None else "paid"
    return Line(order.number, status, customer=order.customer)


def named(pair: tuple[Line, Customer | None]) -> Line:
    """The line with the name of the customer."""
    line, customer = pair
    return line if customer is None else attrs.evolve(line, name=customer.name)


def app(args: list[str]) -> w.Application:
    """The application: orders and payments → what became of each → with the customer's name."""
    parser = argparse.ArgumentParser("orders", description="join orders, payments and customers")
    parser.add_argument("--orders", type=int, default=10_000, metavar="N")
    parser.add_argument("--output", default="lines", metavar="DIR")
    chosen = parser.parse_args(args)
    count = chosen.orders
    orders = w.source(
        "orders",
        w.GeneratorSource(order, count=count),
        time=w.event_time(lambda order: order.at, unit="s"),
    ).key_by(lambda order: order.number, name="by-number")
    payments = w.source(
        "payments",
        w.GeneratorSource(payment, count=count),
        time=w.event_time(lambda payment: payment.at, unit="s", out_of_order="2h"),
    ).key_by(lambda payment: payment.order, name="by-order")
    customers = w.source(
        "customers",
        w.GeneratorSource(customer, count=CUSTOMERS),
        time=w.event_time(lambda customer: customer.at, unit="s"),
    ).key_by(lambda customer: customer.number, name="by-customer")
    table = w.table(customers, ttl=w.forever, deleted=lambda customer: not customer.name)
    return w.application(
        "orders",
        orders.join(payments, within=("0s", "30min"), how="outer")
        .map(status_of)
        .key_by(lambda line: line.customer, name="whose")
        .enrich(table, as_of="event")
        .map(named)
        .to_sink(w.FileSink(chosen.output, format="json", if_exists="replace"), name="lines"),
    )
