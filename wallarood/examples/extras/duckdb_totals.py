"""Adds up orders for each item, from a table of DuckDB into another, where the last total stays.

``wallarood dev wallarood.examples.extras.duckdb_totals -- shop.duckdb totals.duckdb``
"""

import wallarood as w
from wallarood.model.errors import UsageError


class Sold:
    """How many of an item were sold."""

    count = 0


@w.state_computation(state=Sold)
def sold(order: dict[str, object], state: Sold) -> tuple[str, int]:
    """The item, and how many were sold by now."""
    count = order["count"]
    assert isinstance(count, int)
    state.count += count
    return str(order["item"]), state.count


def app(args: list[str]) -> w.Application:
    """Arguments: a file with the table orders (item, count), and one for the table totals."""
    if len(args) != 2:
        raise UsageError("duckdb_totals: expected SHOP TOTALS")
    shop, totals = args
    columns = {"item": "VARCHAR", "count": "BIGINT"}
    source = w.DuckdbSource(shop, "orders", columns=["item", "count"], follow=False)
    return w.application(
        "duckdb-totals",
        w.source("orders", source)
        .key_by(lambda order: str(order["item"]), name="by-item")
        .to(sold)
        .to_sink(w.DuckdbSink(totals, "totals", columns=columns, key=["item"]), name="totals"),
    )
