"""What each customer has ordered, in a table of PostgreSQL that follows two others.

The tables, and the rows that come and change while it runs::

    CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, customer int, cents int);
    CREATE TABLE totals (customer int PRIMARY KEY, name text, cents bigint);

``wallarood dev wallarood.examples.servers.postgres_totals --workers 3 -- postgresql://localhost/shop``
"""

import attrs

import wallarood as w
from wallarood.model.errors import UsageError


@attrs.frozen
class Amount:
    """By how much a customer's total changes."""

    customer: int
    cents: int


class Total:
    """What a customer has ordered by now, and what is known of each order."""

    cents = 0


@w.state_computation(state=Total)
def total(amount: Amount, state: Total) -> tuple[int, int]:
    """The customer and the total."""
    state.cents += amount.cents
    return amount.customer, state.cents


class Order:
    """An order as it was told last; no customer: there is none."""

    customer: int | None = None
    cents = 0


@w.state_computation_multi(state=Order)
def difference(change: w.PostgresChange, state: Order) -> list[Amount]:
    """What a change of an order means for the totals of its customers."""
    amounts = []
    if state.customer is not None:
        amounts.append(Amount(state.customer, -state.cents))
    state.customer, state.cents = None, 0
    if change.values is not None:
        state.customer, state.cents = change.values["customer"], change.values["cents"]
        amounts.append(Amount(change.values["customer"], change.values["cents"]))
    return amounts


def row(pair: tuple[tuple[int, int], w.PostgresRow | None]) -> tuple[int, str, int]:
    """A row of the table of totals."""
    (customer, cents), known = pair
    name = known.values["name"] if known is not None and known.values is not None else ""
    return customer, name, cents


def app(args: list[str]) -> w.Application:
    """Arguments: the database as a URL."""
    if len(args) != 1:
        raise UsageError("postgres_totals: expected the URL of a database")
    (url,) = args
    customers = w.source("customers", w.PostgresTableSource(url, "customers", slot="customers"))
    names = w.table(
        customers.key_by(lambda row: int(row.key[0]), name="by-id"),
        ttl=w.forever,
        deleted=lambda row: row.deleted,
    )
    return w.application(
        "postgres-totals",
        w.source("orders", w.PostgresSource(url, "orders", slot="orders"))
        .key_by(lambda change: int(change.key[0]), name="by-order")
        .to(difference)
        .key_by(lambda amount: amount.customer, name="by-customer")
        .to(total)
        .key_by(lambda pair: pair[0], name="by-name")
        .enrich(names)
        .map(row)
        .to_sink(
            w.PostgresSink(url, "totals", columns=["customer", "name", "cents"], key=["customer"]),
            name="totals",
        ),
    )
