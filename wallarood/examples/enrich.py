"""Looks up the city of each order's customer: many slow look-ups at once, results in order.

    wallarood demo enrich --workers 2

An `async` computation is awaited for many records at a time. An unknown customer does not
stop the job: the order goes to a file of dead letters, with the reason.
"""

import argparse

import attrs
import trio

import wallarood as w

CITIES = ("Bergen", "Cork", "Ghent", "Lyon", "Porto", "Turku")
CUSTOMERS = 50
LOOK_UP_S = 0.002


@attrs.frozen
class Order:
    """An order; the city is empty until it was looked up."""

    number: int
    customer: int
    city: str = ""


def order(number: int) -> Order:
    """A made-up order; every fortieth or so is of an unknown customer."""
    return Order(number, number * 7 % (CUSTOMERS + 1))


async def look_up(customer: int) -> str:
    """Ask for a customer's city; stands for a call to a service. Raises KeyError: unknown."""
    await trio.sleep(LOOK_UP_S)
    if customer >= CUSTOMERS:
        raise KeyError(f"customer {customer}")
    return CITIES[customer % len(CITIES)]


def app(args: list[str]) -> w.Application:
    """The application: orders → with city → a file; failures → another file."""
    parser = argparse.ArgumentParser("enrich", description="add a city to each order")
    parser.add_argument("--orders", type=int, default=2_000, metavar="N")
    parser.add_argument("--output", default="orders", metavar="DIR")
    chosen = parser.parse_args(args)
    unknown = w.dead_letter(
        w.FileSink(chosen.output, format="json", if_exists="replace"), name="unknown"
    )

    @w.computation(on_error=unknown, concurrency=64)
    async def enrich(each: Order) -> Order:
        return attrs.evolve(each, city=await look_up(each.customer))

    return w.application(
        "enrich",
        w.source("orders", w.GeneratorSource(order, count=chosen.orders))
        .to(enrich)
        .to_sink(w.FileSink(chosen.output, format="json", if_exists="replace"), name="enriched"),
    )
