"""What travels between tasks: batches of records, and marks that keep their place among them."""
# Theory of operation
# ===================
# A batch is a set of columns of equal length. Whoever makes a batch from another one does so by its
# methods, which know all columns: so none gets lost where a new one is added. A batch that has
# nothing of another, as what a function over a whole list returns, is made of its columns.

from collections.abc import Iterable, Sequence
from itertools import chain, compress, repeat
from typing import Any, Final, TypeAlias

import attrs

from wallarood.model.time import Condition

Runs: TypeAlias = list[tuple[str, int]]
"""Source partitions, each with how many records of it follow."""


@attrs.define(slots=True)
class Batch:
    """Records as parallel columns.

    `values` has one entry a record. `keys`, on a keyed stream, has the key of each record in the
    same order; None on a stream without keys. `kind` is the type of all keys, None where they are
    of several or not known yet: it is looked at once, and then travels with the keys. `key_index`
    is which item of each record is its key, None if none is or it is not known.
    `times` has the stamp of each record, in microseconds since 1970 UTC; None on a stream without
    event time. `runs` says of which source partitions the records are, between a source and what
    stamps its records. `trace` says that what becomes of the batch is traced, and as part of what;
    it is set as a batch is handed on, and only transports keep it. A batch that was handed on
    belongs to the receiver: it is not changed afterwards.
    """

    values: list[Any]
    keys: list[Any] | None = None
    kind: type | None = attrs.field(default=None, eq=False, repr=False)
    key_index: int | None = attrs.field(default=None, eq=False, repr=False)
    times: list[int] | None = None
    runs: Runs | None = attrs.field(default=None, eq=False, repr=False)
    trace: bytes | None = attrs.field(default=None, eq=False, repr=False)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing beside the records."""
        return self.keys is None and self.times is None and self.runs is None

    def replace(self, values: list[Any], *, key_index: int | None = None) -> "Batch":
        """*values* in the place of the records; *key_index* is which item of each is its key."""
        return Batch(values, self.keys, self.kind, key_index, self.times, self.runs)

    def rekey(
        self, keys: list[Any] | None, kind: type | None = None, *, key_index: int | None = None
    ) -> "Batch":
        """The same records with other *keys*, or without."""
        return Batch(self.values, keys, kind, key_index, self.times, self.runs)

    def stamp(self, times: list[int] | None) -> "Batch":
        """The same records with other *times*, or without; of which partition is not known."""
        return Batch(self.values, self.keys, self.kind, self.key_index, times)

    def sift(self, flags: Iterable[Any], values: list[Any] | None = None) -> "Batch":
        """Where *flags* are true, the records, or *values*, which stand beside them."""
        flags = flags if isinstance(flags, list | bytes | bytearray) else list(flags)
        key_index = self.key_index if values is None else None
        values = list(compress(self.values if values is None else values, flags))
        keys = None if self.keys is None else list(compress(self.keys, flags))
        times = None if self.times is None else list(compress(self.times, flags))
        runs = None if self.runs is None else _sifted(self.runs, flags)
        return Batch(values, keys, self.kind, key_index, times, runs)

    def without(self, places: Sequence[int]) -> "Batch":
        """All but the records at these *places*, in order; quicker than `sift` for few."""
        runs = self.runs
        if runs is not None:
            flags = bytearray(b"\1") * len(self)
            for place in places:
                flags[place] = 0
            runs = _sifted(runs, flags)
        values = all_but(self.values, places)
        keys = None if self.keys is None else all_but(self.keys, places)
        times = None if self.times is None else all_but(self.times, places)
        return Batch(values, keys, self.kind, self.key_index, times, runs)

    def spread(self, lists: Sequence[Sequence[Any]]) -> "Batch":
        """What is in *lists*, each of which is what a record gave."""
        values = list(chain.from_iterable(lists))
        if self.is_bare:
            return Batch(values)
        sizes = list(map(len, lists))
        runs = None if self.runs is None else _sized(self.runs, sizes)
        return Batch(
            values, _repeated(self.keys, sizes), self.kind, None, _repeated(self.times, sizes), runs
        )

    def reorder(self, places: Sequence[int]) -> "Batch":
        """The records at these *places*, in their order; of which partition is not known then."""
        values = list(map(self.values.__getitem__, places))
        keys = None if self.keys is None else list(map(self.keys.__getitem__, places))
        times = None if self.times is None else list(map(self.times.__getitem__, places))
        return Batch(values, keys, self.kind, self.key_index, times)

    def cut(self, start: int, end: int) -> "Batch":
        """The records from *start* to before *end*."""
        keys = None if self.keys is None else self.keys[start:end]
        times = None if self.times is None else self.times[start:end]
        runs = None if self.runs is None else _cut(self.runs, start, end=end)
        return Batch(self.values[start:end], keys, self.kind, self.key_index, times, runs)

    def every(self, first: int, step: int) -> "Batch":
        """The record at *first*, and then one of so many."""
        keys = None if self.keys is None else self.keys[first::step]
        times = None if self.times is None else self.times[first::step]
        return Batch(self.values[first::step], keys, self.kind, self.key_index, times)

    def deal(self, chosen: Iterable[int], count: int) -> "list[Batch]":
        """*count* batches: each record goes to the one whose number stands beside it."""
        keys, times = self.keys, self.times
        # Where the records are the keys, their parts are too.
        own_keys = keys is not None and keys is not self.values
        columns: list[list[Any]] = [self.values]
        if keys is not None and own_keys:
            columns.append(keys)
        if times is not None:
            columns.append(times)
        parts = _in_two(columns, chosen) if count == 2 else _in_many(columns, chosen, count)
        return [
            Batch(
                part[0],
                None if keys is None else part[1 if own_keys else 0],
                self.kind,
                self.key_index,
                None if times is None else part[-1],
            )
            for part in parts
        ]

    @staticmethod
    def join(batches: "Sequence[Batch]") -> "Batch":
        """The records of *batches*, of which there is one at least, one after the other.

        If several are traced, the trace of the first goes on.
        """
        first = batches[0]
        if len(batches) == 1:
            return first
        values = list(chain.from_iterable(batch.values for batch in batches))
        keys, kinds = None, {batch.kind for batch in batches}
        if first.keys is not None:
            keys = list(chain.from_iterable(batch.keys or () for batch in batches))
        times = None
        if first.times is not None:
            times = list(chain.from_iterable(batch.times or () for batch in batches))
        runs = None
        if first.runs is not None:
            runs = list(chain.from_iterable(batch.runs or () for batch in batches))
        kind = kinds.pop() if len(kinds) == 1 else None
        traces = [batch.trace for batch in batches if batch.trace]
        return Batch(values, keys, kind, None, times, runs, traces[0] if traces else None)


def all_but(column: list[Any], places: Sequence[int]) -> list[Any]:
    """*column* without what is at these *places*, which are in order and few."""
    column = column.copy()
    for place in reversed(places):
        del column[place]
    return column


def _repeated(column: list[Any] | None, sizes: list[int]) -> list[Any] | None:
    return None if column is None else list(chain.from_iterable(map(repeat, column, sizes)))


def _sifted(runs: Runs, flags: Sequence[Any]) -> Runs:
    done, start = [], 0
    for partition, count in runs:
        done.append((partition, sum(map(bool, flags[start : start + count]))))
        start += count
    return done


def _sized(runs: Runs, sizes: list[int]) -> Runs:
    done, start = [], 0
    for partition, count in runs:
        done.append((partition, sum(sizes[start : start + count])))
        start += count
    return done


def _cut(runs: Runs, start: int, *, end: int) -> Runs:
    done, at = [], 0
    for partition, count in runs:
        within = min(at + count, end) - max(at, start)
        if within > 0:
            done.append((partition, within))
        at += count
    return done


_Columns = list[list[Any]]
_NOT: Final = bytes([1]) + bytes(255)
"""What `bytes.translate` makes 1 of 0 with, and 0 of all else."""


def _in_two(columns: _Columns, chosen: Iterable[int]) -> list[_Columns]:
    """The parts 0 and 1, without a step of Python for each record."""
    second = bytes(chosen)
    first = second.translate(_NOT)
    return [[list(compress(column, flags)) for column in columns] for flags in (first, second)]


def _in_many(columns: _Columns, chosen: Iterable[int], targets: int) -> list[_Columns]:
    parts: list[_Columns] = [[[] for _ in columns] for _ in range(targets)]
    targets_of = list(chosen)
    for place, column in enumerate(columns):
        adds = [part[place].append for part in parts]
        for value, target in zip(column, targets_of, strict=True):
            adds[target](value)
    return parts


@attrs.frozen
class Barrier:
    """A cut: what came before belongs to checkpoint (round, number), what comes later does not."""

    round: int
    number: int


@attrs.frozen
class Watermark:
    """No record with an earlier event time (microseconds since 1970 UTC) will follow.

    An *idle* sender has nothing to say about time: a receiver with other inputs goes by these.
    """

    time: int
    idle: bool = False


@attrs.frozen
class EndOfStream:
    """Nothing will follow from this sender on this edge."""


@attrs.frozen
class Loaded:
    """All that there was of an endless input when it was begun has come, and more may follow."""


@attrs.frozen
class Unread:
    """What a source could not read, between its batches: `wallarood.flow.failures.Failure`s."""

    failures: tuple[Any, ...]


@attrs.frozen
class Reading:
    """What a source does with *partition* from here on, after what it has read of it."""

    partition: str
    condition: Condition


@attrs.frozen
class Tick:
    """The wall clock has come to where an instance is to look at it."""


Mark: TypeAlias = Barrier | Watermark | Loaded | EndOfStream
Item: TypeAlias = Batch | Mark | Unread | Reading | Tick
