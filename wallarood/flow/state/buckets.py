"""State that ends by event time: rows of keys in buckets, each of which goes as a whole."""
# Theory of operation
# ===================
# A bucket is a stretch of event time, [start, end), and holds a row for each key that had a record
# in it. To drop one is a step for the bucket and none for each key: the table is taken out, and a
# checkpoint gets one tombstone for it. The memory of a table of a million rows is freed in slices.
#
# Captures work as those of `KeyedState`: what has changed since the last checkpoint that is known
# committed. A bucket that was begun since the last capture holds nothing that was captured, so
# none of its keys is marked: all of it counts as changed. In older ones the keys are marked. A
# capture keeps hold of a table that is dropped meanwhile, in which nothing changes any more.

from collections import deque
from collections.abc import Iterable, Mapping, Set
from functools import partial
from itertools import repeat, starmap
from typing import Any, Final, TypeAlias

import attrs

from wallarood.flow.state.capture import (
    DELETED,
    Bases,
    Chunks,
    DeltaCapture,
    FullCapture,
    Pieces,
    Taken,
    Waiting,
)
from wallarood.flow.stored.decode import Bucket, decode_pieces
from wallarood.flow.stored.encode import encode_bucket_deleted, encode_states
from wallarood.model.checkpoint import StatePart

__all__ = ["Bucket", "BucketState", "Rows"]

Rows: TypeAlias = dict[Any, Any]
"""Key → row of one bucket."""
FREED_AT_ONCE: Final = 4096
"""How many rows are freed in one step."""
_NO_ROWS: Final[Mapping[Any, Any]] = {}


@attrs.define(eq=False)
class _Capture:
    """A capture in progress; `keys` is how many of them it has encoded."""

    number: int
    since: int
    base: bool
    waiting: dict[Bucket, Waiting]
    dropped: set[Bucket]
    keys: int = 0
    chunks: Chunks = attrs.field(factory=Chunks)


@attrs.frozen
class _Marks:
    """What has changed between two captures: buckets begun, keys of others, buckets dropped."""

    born: Set[Bucket]
    changed: Mapping[Bucket, Set[Any]]
    dropped: Set[Bucket]


@attrs.define(eq=False)
class BucketState:
    """Rows by bucket and key. Only its methods change what `buckets` holds."""

    computation: str
    buckets: dict[Bucket, Rows] = attrs.field(factory=dict)
    _born: set[Bucket] = attrs.field(factory=set)
    """Begun since the last capture: all that is in them has changed."""
    _changed: dict[Bucket, set[Any]] = attrs.field(factory=dict)
    _dropped: set[Bucket] = attrs.field(factory=set)
    _going: list[tuple[Bucket, Rows]] = attrs.field(factory=list)
    """What was dropped and has memory that is to be freed."""
    _unsure: dict[int, _Marks] = attrs.field(factory=dict)
    """What had changed before each capture that is not known committed, after the one before it."""
    _bases: Bases = attrs.field(factory=Bases)
    _pieces: Pieces = attrs.field(factory=Pieces)
    _capture: _Capture | None = None

    def rows(self, bucket: Bucket) -> Mapping[Any, Any]:
        """The rows of *bucket*, to be looked at; none if there is no such bucket."""
        return self.buckets.get(bucket, _NO_ROWS)

    def touch(self, bucket: Bucket, keys: Iterable[Any]) -> None:
        """The rows of these keys are about to be changed in place: a capture takes them first."""
        capture = self._capture
        if capture is not None and (waiting := capture.waiting.get(bucket)):
            self._encode(capture, bucket, self._pieces.take_of(waiting, keys))

    def mark(self, bucket: Bucket, keys: Iterable[Any]) -> Rows:
        """The rows of *bucket*, for those of these keys to be changed or put, in place.

        A row that is changed and not replaced is told to `touch` before.
        """
        rows = self.buckets.get(bucket)
        if rows is None:
            rows = self.buckets[bucket] = {}
            self._born.add(bucket)
        elif bucket not in self._born:
            self._changed.setdefault(bucket, set()).update(keys)
        return rows

    def put(self, bucket: Bucket, rows: Mapping[Any, Any]) -> None:
        """Put rows into the place of those of these keys."""
        if self._capture is not None:
            self.touch(bucket, rows)
        self.mark(bucket, rows).update(rows)

    def drop(self, bucket: Bucket) -> Rows:
        """Forget a bucket; what it held."""
        rows = self.buckets.pop(bucket, None)
        if rows is None:
            return {}
        if bucket in self._born:  # no capture has it, or that one has the tombstone already
            self._born.discard(bucket)
        else:
            self._dropped.add(bucket)
        self._changed.pop(bucket, None)
        return rows

    def let_go(self, bucket: Bucket) -> None:
        """As `drop`; the memory of the rows is freed by `free_some`, for that takes its time."""
        if rows := self.drop(bucket):
            self._going.append((bucket, rows))

    def free_some(self) -> bool:
        """Free some of the rows that were let go; whether there are more that can be freed now.

        Those of a bucket that a capture still has to encode stay until it has.
        """
        capture, left = self._capture, FREED_AT_ONCE
        kept: list[tuple[Bucket, Rows]] = []
        more = False
        for bucket, rows in self._going:
            held = capture is not None and capture.waiting.get(bucket)
            if not held:
                count = min(left, len(rows))
                deque(starmap(rows.popitem, repeat((), count)), maxlen=0)
                left -= count
            if rows:
                kept.append((bucket, rows))
                more = more or not held
        self._going = kept
        return more

    def __len__(self) -> int:
        """How many rows there are."""
        return sum(map(len, self.buckets.values()))

    # ---- captures --------------------------------------------------------------------------------

    def capture(self, number: int, since: int) -> None:
        """Begin to capture the state as it is now, for checkpoint *number*.

        *since* is the last checkpoint that is known committed. A capture in progress is dropped.
        """
        self._unsure[number] = _Marks(self._born, self._changed, self._dropped)
        self._born, self._changed, self._dropped = set(), {}, set()
        born, changed, dropped = self._marked()
        marked = sum(map(len, changed.values())) + sum(len(self.buckets[each]) for each in born)
        base = self._bases.wanted(marked + len(dropped), len(self))
        waiting: dict[Bucket, Waiting] = {}
        for bucket, rows in self.buckets.items():
            if base or bucket in born:
                waiting[bucket] = FullCapture(rows)
            elif bucket in changed:
                waiting[bucket] = DeltaCapture(changed[bucket], rows)
        self._capture = _Capture(number, since, base, waiting, dropped)
        if not base:
            self._capture.chunks.add(list(map(encode_bucket_deleted, sorted(dropped))))

    def _marked(self) -> tuple[set[Bucket], dict[Bucket, set[Any]], set[Bucket]]:
        """Of what is not known committed: buckets that are new, changes in others, what is gone.

        A bucket that was dropped and begun again is new: what was captured of it is gone.
        """
        born: set[Bucket] = set()
        dropped: set[Bucket] = set()
        changed: dict[Bucket, set[Any]] = {}
        for marks in self._unsure.values():
            born |= marks.born & self.buckets.keys()
            dropped |= marks.dropped
        for marks in self._unsure.values():
            for bucket in marks.changed.keys() & self.buckets.keys() - born:
                changed.setdefault(bucket, set()).update(marks.changed[bucket])
        return born, changed, dropped

    def _encode(self, capture: _Capture, bucket: Bucket, taken: Taken) -> None:
        encode = partial(encode_states, self.computation, bucket=bucket)
        for keys, pieces in self._pieces.encode(taken, encode):
            capture.keys += len(keys)
            capture.chunks.add(pieces)

    @property
    def capturing(self) -> bool:
        """Whether a capture has chunks left to encode."""
        return self._capture is not None and any(self._capture.waiting.values())

    @property
    def encoded(self) -> int:
        """How many keys of the capture in progress are encoded."""
        return 0 if self._capture is None else self._capture.keys

    def encode_some(self) -> None:
        """Encode the next chunk of the capture in progress.

        Raises ApplicationError: a row cannot be stored.
        """
        capture = self._capture
        assert capture is not None
        for bucket, waiting in list(capture.waiting.items()):
            if waiting:
                self._encode(capture, bucket, waiting.take(self._pieces.keys))
                return
            del capture.waiting[bucket]

    def finish(self) -> StatePart:
        """The capture, whole."""
        capture, self._capture = self._capture, None
        assert capture is not None
        keys, chunks = capture.keys, capture.chunks.all()
        part = StatePart(self.computation, capture.base, capture.since, chunks, keys)
        self._bases.captured(part, capture.number, keys + len(capture.dropped))
        return part

    def committed(self, number: int) -> None:
        """A checkpoint is known committed: what it holds is not marked as changed any longer."""
        self._bases.committed(number)
        for held in [each for each in self._unsure if each <= number]:
            del self._unsure[held]

    def size(self) -> tuple[int, int]:
        """See `wallarood.flow.state.state.State.size`."""
        return len(self), self._bases.size_bytes(len(self))

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Put captured chunks one over the other.

        Raises ApplicationError: the class of a row cannot take one of them.
        """
        for chunk in chunks:
            for piece in decode_pieces(chunk, computation=self.computation):
                bucket = piece.bucket
                assert bucket is not None
                if piece.states is DELETED:
                    self.buckets.pop(bucket, None)
                else:
                    rows = self.buckets.setdefault(bucket, {})
                    rows.update(zip(piece.keys, piece.states, strict=True))
        self._bases.restored(len(self))

    def base_next(self) -> None:
        """The next capture is to be a base: what is stored has what is not this worker's."""
        self._bases.unbased()

    def postpone_base(self, captures: int) -> None:
        """None of so many captures is to be a base, unless there is none at all."""
        self._bases.postponed = captures
