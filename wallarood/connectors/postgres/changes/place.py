"""Where a source of changes stands: in the slot, in the first reading of the tables, or in both."""
# Theory of operation
# ===================
# The slot is made first. Then the rows that are there are read in a *pass*: one transaction, whose
# snapshot says which transactions it sees. When all is read, the changes since the slot was made
# follow, but for those of transactions that the pass has seen. So each row is told once, as it was
# in the snapshot, and then each change of it that came after.
#
# A snapshot ends with its connection. What was not read by then is read in another pass, which sees
# more; so each key belongs to the pass that has read the place where it stands in the order of its
# table, and a change of it is dropped if that pass has seen its transaction. Which place comes
# first the server says, since only it knows the order of texts.
#
# A transaction may have been written to the log and not be seen yet: then a pass that begins too
# early has it not, and neither has a slot that was made meanwhile. So a pass begins only when all
# transactions have ended that were open when the slot was first looked at (`since`).

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

XID_BITS = 32


def lsn_of(text: str) -> int:
    """A place in the log from its usual form, as 16/B374D848."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def shown(lsn: int) -> str:
    """The usual form."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


@attrs.frozen
class Snapshot:
    """Which transactions a pass sees, as ``pg_current_snapshot()`` says (xmin:xmax:xip)."""

    text: str
    xmin: int = attrs.field(init=False)
    xmax: int = attrs.field(init=False)
    open: frozenset[int] = attrs.field(init=False)

    @xmin.default
    def _xmin(self) -> int:
        return int(self.text.split(":")[0])

    @xmax.default
    def _xmax(self) -> int:
        return int(self.text.split(":")[1])

    @open.default
    def _open(self) -> frozenset[int]:
        return frozenset(map(int, filter(None, self.text.split(":")[2].split(","))))

    def sees(self, xid: int) -> bool:
        """Whether it sees transaction *xid*, of which the log has only the lower 32 bits."""
        behind = (xid - self.xmax) % (1 << XID_BITS)
        if behind < 1 << (XID_BITS - 1):
            return False
        whole = self.xmax - ((1 << XID_BITS) - behind)
        return whole < self.xmin or whole not in self.open


@attrs.frozen
class Pass:
    """A reading of tables: what was committed at `end` or later it surely does not see.

    It has read all up to `table` and, in that table, up to `key`; with an empty `table` all there
    is.
    """

    snapshot: Snapshot
    end: int
    table: str = ""
    key: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Pass":
        """From a position."""
        return cls(
            Snapshot(stored["snapshot"]),
            lsn_of(stored["end"]),
            stored["table"],
            tuple(stored["key"]),
        )

    @property
    def stored(self) -> dict[str, Any]:
        """For a position."""
        return {
            "snapshot": self.snapshot.text,
            "end": shown(self.end),
            "table": self.table,
            "key": list(self.key),
        }


@attrs.define
class Place:
    """All before `lsn` is done, and of the transaction behind it `skip` changes.

    That transaction is the one that was committed at `commit`. `tables` are those that passes read,
    in this order; `schemas` what columns they had when a change of them was last told. `system` and
    `timeline` are the server's.
    """

    system: str
    timeline: int
    lsn: int
    skip: int = 0
    commit: int = 0
    since: int = 0
    tables: tuple[str, ...] = ()
    passes: tuple[Pass, ...] = ()
    schemas: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Place":
        """From a position."""
        return cls(
            stored["system"],
            stored["timeline"],
            lsn_of(stored["lsn"]),
            stored["skip"],
            lsn_of(stored["commit"]),
            stored["since"],
            tuple(stored["tables"]),
            tuple(map(Pass.of, stored["passes"])),
            dict(stored["schemas"]),
        )

    @property
    def position(self) -> dict[str, Any]:
        """As a position of a source."""
        return {
            "system": self.system,
            "timeline": self.timeline,
            "lsn": shown(self.lsn),
            "skip": self.skip,
            "commit": shown(self.commit),
            "since": self.since,
            "tables": list(self.tables),
            "passes": [each.stored for each in self.passes],
            "schemas": dict(self.schemas),
        }

    @property
    def is_read(self) -> bool:
        """Whether all rows that were there have been read."""
        return not self.tables or (bool(self.passes) and not self.passes[-1].table)

    def begins(self, snapshot: Snapshot, end: int) -> None:
        """Another pass goes on where the last one was ended, and has read nothing yet."""
        starts = [(self.tables[0], ()), *((each.table, each.key) for each in self.passes)]
        kept = self.passes
        if starts[-1] == starts[-2:][0]:  # the last one has read nothing
            kept = kept[:-1]
        self.passes = (*kept, Pass(snapshot, end, *starts[-1]))

    def has_read(self, table: str, key: Sequence[str]) -> None:
        """The pass has read up to *key* of *table*; with an empty *table* all."""
        *before, last = self.passes
        self.passes = (*before, attrs.evolve(last, table=table, key=tuple(key)))

    def forget(self, commit: int) -> None:
        """The transaction that was committed at *commit* comes: no later one was seen by a pass."""
        if self.passes and commit >= max(each.end for each in self.passes):
            self.passes, self.tables = (), ()

    def passes_of(self, table: str) -> tuple[Pass, ...]:
        """Those that have read something of *table*, in order; none if all changes of it count."""
        if table not in self.tables:
            return ()
        order = {name: place for place, name in enumerate(self.tables)}
        order[""] = len(order)
        here = order[table]
        found = []
        for each in self.passes:
            if order[each.table] >= here and (order[each.table] > here or each.key):
                found.append(each)
            if order[each.table] > here:
                break
        return tuple(found)
