"""The example of SQLite, as far as it goes without a file."""

from wallarood.examples.servers.sqlite_words import app
from wallarood.testing import run


def test_it_counts_the_words_of_rows() -> None:
    rows = [{"line": "a rose is"}, {"line": "a"}]
    found = run(app(["in.db", "lines", "out.db"]), {"lines": rows})
    assert sorted(found["counts"]) == [("a", 1), ("a", 2), ("is", 1), ("rose", 1)]
