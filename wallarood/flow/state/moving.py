"""State on its way to another worker: chosen by slot, put together, and made one where it meets."""
# Theory of operation
# ===================
# What leaves its worker is chosen from the chunks of a checkpoint, piece by piece, in their order:
# so a restore of what is chosen leaves what a restore of all of it would leave of these slots.
# Where it arrives it is put together, and encoded as a base without tombstones: among the chunks of
# another worker a tombstone of a bucket would take out what is not meant.
#
# A worker that gives slots away keeps its chunks as they are. What is not its own any longer is
# left out when they are restored, until a base has taken their place.
#
# Of the watermarks that meet, that of a source is the least, for records of the slowest partition
# are not late anywhere yet; that of any other stage the highest, for what has fired there must not
# fire again.

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from operator import not_
from typing import Any

import attrs
from xxhash import xxh3_64_intdigest

from wallarood.flow.keys import Held, encode_key, encoder_of, kind_of
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.capture import Chunks
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.state import State
from wallarood.flow.stored.decode import DELETED, FIRST_VERSION, Bucket, Piece, decode_pieces
from wallarood.flow.stored.encode import encode_bucket_deleted, encode_deleted, encode_states
from wallarood.flow.stored.versions import Versions
from wallarood.flow.watermarks import Clock
from wallarood.model.errors import LocalProtocolError
from wallarood.model.topology import StageKind

PIECE_KEYS = 1024


def is_by_key(state: State) -> bool:
    """Whether *state* has something for each key."""
    return isinstance(state, KeyedState | BucketState)


def flags_of(keys: list[Any], slots: frozenset[int], partitions: int) -> list[bool]:
    """For each of *keys*, as a state holds them, whether its slot is among *slots*."""
    wanted = [slot in slots for slot in range(partitions)]
    kind = kind_of(keys)
    encode = encoder_of(kind) if kind is not None else None
    if encode is None:
        return [wanted[slot_of(key, partitions)] for key in keys]
    return [wanted[digest % partitions] for digest in map(xxh3_64_intdigest, map(encode, keys))]


def slot_of(held: Any, partitions: int) -> int:
    """The slot of a key as a state holds it, in either canonical form.

    It is that of `wallarood.flow.keys.Partitioner` for the key itself.
    """
    if type(held) is Held or (type(held) is tuple and len(held) == 1 and type(held[0]) is bytes):
        return xxh3_64_intdigest(held[0]) % partitions
    return xxh3_64_intdigest(encode_key(held)) % partitions


@attrs.frozen
class Choice:
    """Slots of a state by key, such as *state*, of which there are *partitions* in all."""

    state: State
    slots: frozenset[int]
    partitions: int

    def of(
        self,
        chunk: bytes,
        keys: list[list[Any]] | None = None,
        *,
        rest: Callable[[], None] = lambda: None,
    ) -> bytes:
        """What a chunk has of the slots, may be empty; its keys are added to *keys*.

        *rest* is called after each piece of the chunk, some milliseconds of work. Raises
        ApplicationError: a state cannot be read or migrated.
        """
        state, found = self.state, []
        pieces = decode_pieces(chunk, computation=state.computation, versions=_versions_of(state))
        for piece in pieces:
            found += self._of_piece(piece, keys)
            rest()
        return b"".join(found)

    def _of_piece(self, piece: Piece, noted: list[list[Any]] | None) -> list[bytes]:
        if piece.states is DELETED and not piece.keys:
            return [] if piece.bucket is None else [encode_bucket_deleted(piece.bucket)]
        flags = flags_of(piece.keys, self.slots, self.partitions)
        keys = list(compress(piece.keys, flags))
        if not keys:
            return []
        if noted is not None:
            noted.append(keys)
        if piece.states is DELETED:
            return [encode_deleted(keys)]
        states = list(compress(piece.states, flags))
        return _encoded(self.state, keys, states, bucket=piece.bucket)


def _versions_of(state: State) -> Versions:
    return state.versions if isinstance(state, KeyedState) else FIRST_VERSION


def _encoded(
    of: State, keys: list[Any], states: list[Any], *, bucket: Bucket | None
) -> list[bytes]:
    version = _versions_of(of).version
    return encode_states(of.computation, keys, states, bucket=bucket, version=version)


def put_together(state: State, chunks: Iterable[bytes]) -> tuple[bytes, ...]:
    """What *chunks* leave in *state*, which is new and by key, as a base.

    Raises ApplicationError: a state cannot be read or stored.
    """
    state.restore(chunks)
    return as_base(state)


def as_base(state: State) -> tuple[bytes, ...]:
    """All that *state*, which is by key, has. Raises ApplicationError: it cannot be stored."""
    encoded = Chunks()
    for keys, states, bucket in _rows_of(state):
        encoded.add(_encoded(state, keys, states, bucket=bucket))
    return encoded.all()


def _rows_of(state: State) -> Iterator[tuple[list[Any], list[Any], Any]]:
    match state:
        case KeyedState():
            tables = [(None, state.by_key)]
        case BucketState():
            tables = list(state.buckets.items())  # type: ignore[arg-type]
        case _:
            raise LocalProtocolError(f"the state of {state.computation!r} is not by key")
    for bucket, rows in tables:
        items = iter(rows.items())
        while some := list(islice(items, PIECE_KEYS)):
            yield [key for key, _ in some], [row for _, row in some], bucket


def keep_only(state: State, slots: frozenset[int], partitions: int) -> None:
    """Leave out of *state*, which was restored, the keys of slots that are not among *slots*.

    What is stored of it still has them, so the next capture is to be a base.
    """
    match state:
        case KeyedState():
            tables: list[dict[Any, Any]] = [state.by_key]
        case BucketState():
            tables = list(state.buckets.values())
        case _:
            return
    for rows in tables:
        keys = list(rows)
        for key in compress(keys, map(not_, flags_of(keys, slots, partitions))):
            del rows[key]
    if isinstance(state, BucketState):
        for bucket in [each for each, rows in state.buckets.items() if not rows]:
            del state.buckets[bucket]
    state.base_next()


def met(state: AtOnce, kind: StageKind, chunks: Sequence[bytes]) -> bytes:
    """What the instance of a stage of *kind* has of what several had, each as one of *chunks*.

    *state* is new. Raises LocalProtocolError: it is one that only a single instance can have.
    """
    if len(chunks) == 1:
        return chunks[0]
    match state.of:
        case Clock():
            choose = min if kind is StageKind.SOURCE else max
            return choose(chunks, key=_time_in)
        case SourceTime():
            return _times_met(chunks)
        case _:
            raise LocalProtocolError(f"the state of {state.computation!r} is on several workers")


def _time_in(chunk: bytes) -> int:
    clock = Clock()
    clock.decode(chunk)
    return clock.time


def times_renamed(chunk: bytes, names: Mapping[str, str]) -> bytes:
    """The times of a source on another worker, of those partitions that have new *names* here.

    Those of any other are left out: one of this worker may have the same name.
    """
    watermark, rows = json.loads(chunk)
    rows = {names[name]: row for name, row in rows.items() if name in names}
    return json.dumps([watermark, rows]).encode()


def _times_met(chunks: Sequence[bytes]) -> bytes:
    """All partitions of a source; which are read here is found when the job is built."""
    read = [json.loads(chunk) for chunk in chunks]
    rows: dict[str, list[int]] = {}
    for _, partitions in read:
        for name, row in partitions.items():
            rows[name] = max(row, rows.get(name, row))
    return json.dumps([min(watermark for watermark, _ in read), rows]).encode()
