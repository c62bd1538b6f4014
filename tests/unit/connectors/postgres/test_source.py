"""How a source of changes is declared, as far as it goes without a server."""

from typing import Any

import pytest

import wallarood as w
from wallarood.connectors.postgres.source import client_of


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tables": ["a."]}, "expected names"),
        ({"tables": []}, "expected at least one table, or publication="),
        ({"slot": "Orders"}, "expected up to 63 of a-z, 0-9 and _"),
        ({"start": "now"}, "expected 'snapshot' or 'slot'"),
    ],
)
def test_what_is_wrong_is_said_at_once(arguments: dict[str, Any], said: str) -> None:
    tables = arguments.pop("tables", ["t"])
    with pytest.raises(w.ApplicationError, match=said):
        w.PostgresSource("postgresql://h/d", *tables, **arguments)


def test_a_source_has_one_partition_which_is_its_slot() -> None:
    source = w.PostgresSource("postgresql://h/d", "t", slot="orders")
    assert source.partitions() == ("orders",)
    assert source.publication == "orders"
    assert w.PostgresTableSource("postgresql://h/d", "t", slot="people").partitions() == ("people",)


def test_a_reader_is_called_as_the_server_keeps_it() -> None:
    called = client_of(w.SourceContext("été" + "x" * 80, "alpha", "c-1"))
    assert called.startswith("wallarood c-1/_t_xx")
    assert len(called) == 63
    assert called.isascii()
