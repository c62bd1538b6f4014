"""Entries of a journal, as batches."""

from pathlib import Path

import pytest

from wallarood.app.connector import SourceLimits, Unreadable
from wallarood.connectors.journal.replay import Taken, batch_of, decoded_again, some_of
from wallarood.model.errors import ApplicationError


def test_a_batch_has_a_limit_of_records_and_of_bytes() -> None:
    entries = [(number, b"x" * 10) for number in range(100)]
    limits = SourceLimits(batch_records_max=7, batch_bytes_max=1000)
    assert some_of(iter(entries), limits) == entries[:7]
    assert some_of(iter(entries), SourceLimits(batch_bytes_max=35)) == entries[:4]
    assert some_of(iter([(0, b"x" * 100)]), SourceLimits(batch_bytes_max=35)) == [(0, b"x" * 100)]


def test_what_is_unreadable_stands_beside_the_records() -> None:
    bad = Unreadable("no", b"x")
    batch = batch_of([(1, 10), (bad, 20), (2, 30)], 3)
    assert (batch.records, batch.times, batch.unreadable) == ([1, 2], [10, 30], (bad,))
    assert batch.position == 3


def test_an_entry_that_the_source_cannot_read_any_more_is_named() -> None:
    def decode(payload: bytes) -> Taken:
        return int(payload), 0

    assert decoded_again(decode, (4, b"1"), Path("j")) == (1, 0)
    with pytest.raises(ApplicationError, match="entry 1,004 of the journal j can no longer"):
        decoded_again(decode, (1004, b"x"), Path("j"))
