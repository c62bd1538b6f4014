"""Adds up orders for each country, from CSV to CSV, and puts the rows that are wrong aside.

    wallarood demo turnover --workers 3

The first row of each file names its columns. Every other row becomes an `Order`, with its fields
turned into the types that the class has; a row that is none becomes a dead letter, which says the
file, the line and why. Everything else goes on.
"""

import argparse
from decimal import Decimal
from pathlib import Path

import attrs

import wallarood as w
from wallarood.examples.samples import orders_file


@attrs.frozen
class Order:
    """A row of the input. An empty discount is None."""

    number: int
    country: str
    price: Decimal
    discount: Decimal | None = None


@attrs.frozen
class Turnover:
    """A row of the output."""

    country: str
    orders: int
    total: Decimal


@attrs.define
class Country:
    """What is remembered for one country."""

    orders: int = 0
    total: Decimal = Decimal(0)


@w.state_computation(state=Country)
def add_up(order: Order, country: Country) -> Turnover:
    """Add an order to its country."""
    country.orders += 1
    country.total += order.price - (order.discount or 0)
    return Turnover(order.country, country.orders, country.total)


def app(args: list[str]) -> w.Application:
    """The application: orders → by country → turnover. Without --input they are made up."""
    parser = argparse.ArgumentParser("turnover", description="add up orders, put bad rows aside")
    parser.add_argument("--input", nargs="+", metavar="FILE", default=[])
    parser.add_argument("--delimiter", default=",", metavar="CHARACTER")
    parser.add_argument("--output", default="turnover", metavar="DIR")
    chosen = parser.parse_args(args)
    paths = chosen.input or [str(orders_file(Path(chosen.output)))]
    bad_rows = w.FileSink(f"{chosen.output}/bad-rows", format="json", if_exists="replace")
    orders = w.FileSource(
        *paths,
        format="csv",
        delimiter=chosen.delimiter,
        record=Order,
        on_error=w.dead_letter(bad_rows),
    )
    return w.application(
        "turnover by country",
        w.source("orders", orders)
        .key_by(lambda order: order.country, name="by-country")
        .to(add_up)
        .to_sink(w.FileSink(chosen.output, format="csv", if_exists="replace"), name="turnover"),
    )
