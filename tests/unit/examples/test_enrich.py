"""enrich finds a city for each order, in order, and writes a dead letter where it cannot."""

from pathlib import Path

from wallarood.examples.enrich import CUSTOMERS, Order, app
from wallarood.testing import run


def test_orders_get_a_city_and_unknown_customers_a_letter(tmp_path: Path) -> None:
    orders = [Order(0, 1), Order(1, CUSTOMERS), Order(2, 0)]
    result = run(app(["--output", str(tmp_path)]), {"orders": orders})
    assert [(each.number, each.city) for each in result["enriched"]] == [(0, "Cork"), (2, "Bergen")]
    (letter,) = result["unknown"]
    assert (letter.computation, letter.error) == ("enrich", f"KeyError: 'customer {CUSTOMERS}'")
    assert "number=1" in letter.record
