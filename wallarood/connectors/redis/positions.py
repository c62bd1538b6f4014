"""Positions in a stream of Redis, and what is said where entries are gone that were not read."""

from collections.abc import Mapping
from typing import Any

import attrs

from wallarood.model.errors import ApplicationError


@attrs.define
class Place:
    """The ID and the number of the last entry that was read.

    `deleted` is the last that was deleted by its ID when the cluster began; empty if unknown.
    """

    id: str
    number: int
    deleted: str = ""

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> "Place":
        """From a position of a source."""
        return cls(position["id"], position["number"], position.get("deleted", ""))

    @property
    def position(self) -> dict[str, Any]:
        """As a position of a source."""
        return {"id": self.id, "number": self.number, "deleted": self.deleted}


def check_whole(known: Mapping[bytes, Any], place: Place, *, stream: str, server: str) -> None:
    """Raises ApplicationError: *known* tells of another stream, or of entries that are gone."""
    last = known[b"last-generated-id"].decode()
    if _order(last) < _order(place.id) or known[b"entries-added"] < place.number:
        raise ApplicationError(
            f"stream {stream!r} of {server} ends at {last}, after "
            f"{known[b'entries-added']:,} entries, and was read up to {place.id}, the "
            f"{place.number:,}th: it was deleted and made anew, or the server has lost "
            "entries. Put its data back, or form a new cluster to read it from its beginning"
        )
    deleted = known[b"max-deleted-entry-id"].decode()
    place.deleted = place.deleted or deleted
    if deleted != place.deleted and _order(deleted) > _order(place.id):
        raise ApplicationError(
            f"stream {stream!r} of {server}: entry {deleted} was deleted before it was "
            f"read (the last read is {place.id}). Form a new cluster to read without it"
        )
    removed = known[b"entries-added"] - known[b"length"]
    if removed > place.number:
        first = known[b"first-entry"]
        lowest = first[0].decode() if first else "none"
        raise ApplicationError(
            f"stream {stream!r} of {server}: entries after {place.id} are gone: "
            f"{removed - place.number:,} were trimmed or deleted before they were read; the "
            f"lowest available is {lowest}. Nothing was skipped. Let it keep more (MAXLEN), "
            "and form a new cluster to read from the lowest"
        )


def _order(name: str) -> tuple[int, int]:
    time, _, number = name.partition("-")
    return int(time), int(number)
