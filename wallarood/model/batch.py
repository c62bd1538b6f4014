"""What travels between tasks: batches of records, and marks that keep their place among them."""

from typing import Any, TypeAlias

import attrs


@attrs.define(slots=True)
class Batch:
    """Records as parallel columns.

    `values` has one entry a record. `keys`, on a keyed stream, has the key of each record in the
    same order; None on a stream without keys. A batch that was handed on belongs to the receiver:
    nobody changes it afterwards.
    """

    values: list[Any]
    keys: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.values)


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


Mark: TypeAlias = Barrier | Watermark | EndOfStream
Item: TypeAlias = Batch | Mark
