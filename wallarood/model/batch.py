"""What travels between tasks: batches of records, and marks that keep their place among them."""

from typing import Any, TypeAlias

import attrs


@attrs.define(slots=True)
class Batch:
    """Records as parallel columns.

    `values` has one entry a record. `keys`, on a keyed stream, has the key of each record in the
    same order; None on a stream without keys. `kind` is the type of all keys, None where they are
    of several or nobody has looked: it is looked at once, and then travels with the keys. `item` is
    the number of the item that the key is of its record, None if it is none or nobody knows. A
    batch that was handed on belongs to the receiver: nobody changes it afterwards.
    """

    values: list[Any]
    keys: list[Any] | None = None
    kind: type | None = attrs.field(default=None, eq=False, repr=False)
    item: int | None = attrs.field(default=None, eq=False, repr=False)

    def __len__(self) -> int:
        return len(self.values)

    def cut(self, start: int, end: int) -> "Batch":
        """The records from *start* to before *end*."""
        keys = None if self.keys is None else self.keys[start:end]
        return Batch(self.values[start:end], keys, self.kind, self.item)


@attrs.frozen
class Barrier:
    """A cut: what came before belongs to checkpoint (round, number), what comes later does not."""

    round: int
    number: int


@attrs.frozen
class Watermark:
    """No record with an earlier event time (seconds since the epoch) will follow."""

    time: float


@attrs.frozen
class EndOfStream:
    """Nothing will follow from this sender on this edge."""


@attrs.frozen
class Unread:
    """What a source could not read, between its batches: `wallarood.flow.failures.Failure`s."""

    failures: tuple[Any, ...]


Mark: TypeAlias = Barrier | Watermark | EndOfStream
Item: TypeAlias = Batch | Mark | Unread
