"""What is handed to a journal at once."""

from wallarood.connectors.journal.handed import Handed


def test_its_size_is_that_of_its_payloads() -> None:
    assert Handed([("", 0, b"ab"), ("c", 1, b"d")], [(1, 0), (2, 0)]).size_bytes == 3
    assert Handed([], []).size_bytes == 0
