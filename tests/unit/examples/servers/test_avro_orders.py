"""The example of Avro, as far as it goes without a server."""

import pytest

from wallarood.examples.servers.avro_orders import ORDER, Order, Total, app
from wallarood.model.errors import UsageError
from wallarood.testing import run


def test_totals_are_those_of_the_orders() -> None:
    application = app(["k:9092", "in", "out"])
    orders = [Order("a", 2), Order("b", 1), Order("a", 3)]
    found = run(application, {"orders": orders})["totals"]
    assert [each for each in found if each.item == "a"] == [Total("a", 2), Total("a", 5)]
    steps = {step.name: step.connector for step in application.steps}
    assert steps["orders"].format.schema == ORDER


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected BROKERS"):
        app([])
