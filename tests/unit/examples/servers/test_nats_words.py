"""The example of NATS, as far as it goes without a server."""

from wallarood.examples.servers.nats_words import app
from wallarood.testing import run


def test_it_counts_words() -> None:
    found = run(app(["nats://h", "LINES", "COUNTS"]), {"lines": ["a rose is", "a"]})
    assert sorted(found["counts"]) == [("a", 1), ("a", 2), ("is", 1), ("rose", 1)]
