"""The example that follows tables; tests/servers runs it against a server."""

import pytest

from wallarood.examples.servers.postgres_totals import app
from wallarood.model.errors import UsageError


def test_it_needs_a_database() -> None:
    assert app(["postgresql://localhost/shop"]).name == "postgres-totals"
    with pytest.raises(UsageError, match="expected the URL of a database"):
        app([])
