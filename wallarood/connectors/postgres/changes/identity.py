"""Whether a server is the one that was read before, and still has what was read."""

from typing import Any

from wallarood.connectors.postgres.changes.place import Place, lsn_of, shown
from wallarood.connectors.postgres.server import Database
from wallarood.model.errors import ApplicationError

LOST = "it has lost what was read, as an older backup or a standby that was behind has"
ADVICE = "Put its newest data back, or form a new cluster"


def identity_of(connection: Any) -> tuple[str, int, int]:
    """The system identifier, the timeline, and where the log ends."""
    system, timeline, flushed = connection.execute("IDENTIFY_SYSTEM").fetchone()[:3]
    return str(system), int(timeline), lsn_of(flushed)


def check_identity(connection: Any, database: Database, place: Place) -> int:
    """Where the log ends; *place* gets the server's timeline.

    Raises ApplicationError: it is another server, or one that has lost what was read.
    """
    system, timeline, end = identity_of(connection)
    if system != place.system:
        raise ApplicationError(
            f"{database} is another server than before: its system identifier is {system}, and was "
            f"{place.system}. Connect to the one before, or form a new cluster"
        )
    read = max(place.lsn, place.commit)
    if timeline != place.timeline:
        left = _left(connection, timeline, place.timeline)
        if left is None or left < read:
            where = "" if left is None else f" behind {shown(left)}"
            raise ApplicationError(
                f"{database} is on timeline {timeline}, which does not continue timeline "
                f"{place.timeline}{where}, and that was read up to {shown(read)}: {LOST}. {ADVICE}"
            )
        place.timeline = timeline
    elif end < read:
        raise ApplicationError(
            f"{database} ends at {shown(end)}, and was read up to {shown(read)}: {LOST}. {ADVICE}"
        )
    return end


def _left(connection: Any, timeline: int, before: int) -> int | None:
    """Where *timeline* has left an earlier one; None if it does not come from that."""
    if timeline < before:
        return None  # the first one has no history at all
    _, content = connection.execute(f"TIMELINE_HISTORY {timeline}").fetchone()
    text = content if isinstance(content, str) else bytes(content).decode("utf-8", "replace")
    for line in text.splitlines():
        number, *rest = line.split("\t")
        if number.strip() == str(before) and rest:
            return lsn_of(rest[0].strip())
    return None
