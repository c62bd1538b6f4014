"""Entries of a journal that are read again, as what they are to the application."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from wallarood.app.connector import SourceBatch, SourceLimits, Unreadable
from wallarood.model.errors import ApplicationError

Taken: TypeAlias = tuple[Any, int]
"""A record, or an `Unreadable`, and when it came, in microseconds since 1970 UTC."""
Decode: TypeAlias = Callable[[bytes], Taken]


def some_of(replay: Iterator[tuple[int, bytes]], limits: SourceLimits) -> list[tuple[int, bytes]]:
    """The next entries, as many as a batch may have."""
    found: list[tuple[int, bytes]] = []
    size_bytes = 0
    for number, payload in replay:
        found.append((number, payload))
        size_bytes += len(payload)
        if len(found) >= limits.batch_records_max or size_bytes >= limits.batch_bytes_max:
            break
    return found


def decoded_again(decode: Decode, entry: tuple[int, bytes], journal: Path) -> Taken:
    """What an entry is. Raises ApplicationError: the source cannot read it, being another one."""
    number, payload = entry
    try:
        return decode(payload)
    except (ValueError, RecursionError) as error:
        raise ApplicationError(
            f"entry {number:,} of the journal {journal} can no longer be decoded: {error}: restore "
            "the options format, record and on_error of the source, or set on_error to skip or "
            "w.dead_letter(sink)"
        ) from error


def batch_of(taken: list[Taken], position: int) -> SourceBatch[Any]:
    """A batch, which ends at *position*."""
    unreadable = tuple(record for record, _ in taken if isinstance(record, Unreadable))
    if unreadable:
        taken = [each for each in taken if not isinstance(each[0], Unreadable)]
    records = [record for record, _ in taken]
    return SourceBatch(records, position, unreadable, [micros for _, micros in taken])
