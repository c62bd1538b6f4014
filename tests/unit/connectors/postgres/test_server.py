"""How a PostgreSQL server is called."""

import pytest

from wallarood.connectors.postgres.server import Database


@pytest.mark.parametrize(
    ("conninfo", "name"),
    [
        ("postgresql://me:secret@host:5/db?sslmode=disable", "host:5/db"),
        ("postgresql://host/db", "host/db"),
        ("postgresql://me:se/cret@host/db", "host/db"),
        ("postgresql://me:se@cret@host/db", "host/db"),
        ("postgresql://me:se#cret@host/db", "host/db"),
        ("postgresql://me:se?cret@host/db", "a URL"),
        ("host=h dbname=d user=me password=secret", "h:5432/d"),
    ],
)
def test_a_server_is_called_without_password(conninfo: str, name: str) -> None:
    assert Database(conninfo).name == name
