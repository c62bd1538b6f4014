"""The example of PostgreSQL, as far as it goes without a server."""

from wallarood.examples.servers.postgres_words import app
from wallarood.testing import run


def test_it_counts_words() -> None:
    found = run(app(["dbname=x", "in", "counts"]), {"lines": ["a rose is", "a"]})
    assert sorted(found["counts"]) == [("a", 1), ("a", 2), ("is", 1), ("rose", 1)]
