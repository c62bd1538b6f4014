"""State with an object for each key, captured for a checkpoint while records keep flowing."""
# Theory of operation
# ===================
# Keys are held in their canonical form, so that equality is that of the encoded bytes. The
# partition of a key is not stored: it follows from the key.
#
# A capture is the state at one moment. User code changes state objects in place, so a key that is
# about to be worked on is encoded first if the capture still needs it; the others are encoded
# chunk by chunk between batches. So the flow waits for a chunk at a time and never for the whole.
#
# To mark the key of each record as changed would be one more look-up in a table that may be far
# from the processor. So while a state is small, its objects are found in a table of those in use,
# which is empty after each capture: a key is marked when it is taken in there.
#
# A capture holds what has changed since the last checkpoint that is known *committed*: what was
# captured for others stays marked until then, each key by the capture that had it first. So where
# a commit is heard of after the next capture, as it is if checkpoints take longer than their
# interval, what it holds is not marked any longer. When the changes since the last base outgrow the
# state itself, the next capture is a base, which holds everything: that bounds what is stored and
# what a restart has to read. Base and changes are put one over the other, in their order.
#
# A key that was deleted is one that has changed and is not there. Among changes it is stored as a
# tombstone, by which a restore takes it out again; a base does without. The key stays marked until
# a checkpoint is known committed that holds its tombstone, or is a base of a later moment: without
# the mark, a base that is abandoned would take the deletion with it.

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import compress, islice, repeat
from operator import not_
from typing import Any

import attrs

from wallarood.flow.failures import pass_on
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
from wallarood.flow.state.in_use import InUse
from wallarood.flow.stored.decode import FIRST_VERSION, decode_states
from wallarood.flow.stored.encode import encode_deleted, encode_states
from wallarood.flow.stored.versions import Versions
from wallarood.model.checkpoint import StatePart

FORGOTTEN_AT_ONCE = 4096
IN_USE_KEYS_MAX = 1 << 16
"""With more keys than that, few of them would be found in use, and the table would cost memory."""


@attrs.define(eq=False)
class _Capture:
    """A capture in progress: the keys that wait to be encoded, and those that have been."""

    number: int
    since: int
    base: bool
    waiting: Waiting
    keys: list[Any] = attrs.field(factory=list)
    chunks: Chunks = attrs.field(factory=Chunks)


@attrs.define(eq=False)
class KeyedState:
    """A state object for each key, made by `make` when `by_key` is first asked for the key."""

    computation: str
    make: Callable[[], Any]
    versions: Versions = FIRST_VERSION
    by_key: defaultdict[Any, Any] = attrs.field(init=False)
    captures: int = attrs.field(default=0, init=False)
    """How many were begun: in each, the keys that are changed are to be marked again."""
    _in_use: InUse = attrs.field(init=False)
    _changed: set[Any] = attrs.field(factory=set)
    """Those that are not in `by_key` were deleted."""
    _deletes: bool = False
    """Whether a key has ever been deleted: if not, none is looked for."""
    _unsure: dict[int, Collection[Any]] = attrs.field(factory=dict)
    """What had changed before each capture that is not known committed, after the one before it.

    Those that were deleted are among them, also where the capture is a base, which does without.
    """
    _bases: Bases = attrs.field(factory=Bases)
    _pieces: Pieces = attrs.field(factory=Pieces)
    _capture: _Capture | None = None
    _captured: int = 0
    """The checkpoint of the last capture."""

    def __attrs_post_init__(self) -> None:
        self.by_key = defaultdict(self.make)
        self._in_use = InUse(self.of)

    def use(self, keys: list[Any]) -> Iterator[Any]:
        """The state object of each of *keys*, for user code to change; drawing makes new ones."""
        self.touch(keys)
        if len(self.by_key) <= IN_USE_KEYS_MAX:
            return map(self._in_use.__getitem__, keys)
        self._in_use.clear()
        # If one cannot be made, that must show when it is drawn.
        try:
            states = list(map(self.by_key.__getitem__, keys))
        except BaseException as error:
            pass_on(error)
            return map(self.of, keys)
        if len(states) < len(keys):  # making one raised StopIteration, which ended the loop
            return map(self.of, keys)
        self._changed.update(keys)
        return iter(states)

    def touch(self, keys: Iterable[Any]) -> None:
        """These keys are about to be worked on: what a capture needs of them is encoded."""
        if self._capture is not None and self._capture.waiting:
            self._encode(self._capture, self._pieces.take_of(self._capture.waiting, keys))

    def of(self, key: Any) -> Any:
        """The state object of a key that `touch` was told of, for user code to change."""
        state = self.by_key[key]
        self._changed.add(key)
        return state

    def put(self, states: Mapping[Any, Any]) -> None:
        """Put other state objects into the place of those of these keys."""
        self.touch(states)
        self.by_key.update(states)
        self._changed.update(states)

    def put_missing(self, keys: list[Any], states: list[Any]) -> list[Any]:
        """The state of each of *keys*; one that has none gets the one beside it.

        Those that did are to be marked, by `mark_all`.
        """
        self.touch(keys)
        return list(map(self.by_key.setdefault, keys, states))

    def mark(self, keys: Iterable[Any]) -> None:
        """What `by_key` has of these keys was changed; `touch` was told of them before."""
        self._changed.update(self.by_key.keys() & keys)

    def mark_all(self, keys: Iterable[Any]) -> None:
        """As `mark`, of keys that are all in `by_key`."""
        self._changed.update(keys)

    def delete(self, keys: Iterable[Any]) -> None:
        """Forget these keys; one that has no state is none the worse for it.

        A key that comes again begins with a new state, and so it does after any restore.
        """
        self.pop(list(keys))

    def pop(self, keys: list[Any]) -> list[Any]:
        """As `delete`; what each of *keys* had, None if it had no state."""
        self.touch(keys)
        self._deletes = True
        states = list(map(self.by_key.pop, keys, repeat(None)))
        if self._in_use:
            deque(map(self._in_use.pop, keys, repeat(None)), maxlen=0)
        self._changed.update(keys)
        return states

    def _encode(self, capture: _Capture, taken: Taken) -> None:
        if self._deletes and any(state is DELETED for state in taken[1]):
            taken = self._encode_deleted(capture, taken)
        version = self.versions.version
        encode = partial(encode_states, self.computation, version=version)
        for keys, pieces in self._pieces.encode(taken, encode):
            capture.keys += keys
            capture.chunks.add(pieces)

    def _encode_deleted(self, capture: _Capture, taken: Taken) -> Taken:
        """Encode those that are gone; the others."""
        there = [state is not DELETED for state in taken[1]]
        gone = list(compress(taken[0], map(not_, there)))
        capture.keys += gone
        capture.chunks.add([encode_deleted(gone)])
        return list(compress(taken[0], there)), list(compress(taken[1], there))

    def capture(self, number: int, since: int) -> None:
        """Begin to capture the state as it is now, for checkpoint *number*.

        *since* is the last checkpoint that is known committed. A capture in progress is dropped.
        """
        self.captures += 1
        self._captured = number
        own, self._changed = self._changed, set()
        self._in_use.clear()
        self._drop_capture()
        changed = own.union(*self._unsure.values()) if self._unsure else own
        base = self._bases.wanted(len(changed), len(self.by_key))
        waiting = FullCapture(self.by_key) if base else DeltaCapture(changed, self.by_key)
        self._capture = _Capture(number, since, base, waiting)
        # The set of a capture of changes is used up: its keys are listed as they are encoded.
        self._unsure[number] = own if base or changed is not own else self._capture.keys

    def _drop_capture(self) -> None:
        """A capture in progress will never be whole: what it has not encoded stays marked."""
        capture = self._capture
        if capture is not None and self._unsure.get(capture.number) is capture.keys:
            capture.keys += capture.waiting.left()

    @property
    def capturing(self) -> bool:
        """Whether a capture has chunks left to encode."""
        return self._capture is not None and bool(self._capture.waiting)

    @property
    def encoded(self) -> int:
        """How many keys of the capture in progress are encoded."""
        return 0 if self._capture is None else len(self._capture.keys)

    def encode_some(self) -> None:
        """Encode the next chunk of the capture in progress.

        Raises ApplicationError: a state object cannot be stored.
        """
        capture = self._capture
        assert capture is not None
        self._encode(capture, capture.waiting.take(self._pieces.keys))

    def finish(self) -> StatePart:
        """The capture, whole."""
        capture, self._capture = self._capture, None
        assert capture is not None
        keys, chunks = len(capture.keys), capture.chunks.all()
        part = StatePart(self.computation, capture.base, capture.since, chunks, keys)
        self._bases.captured(part, capture.number, keys)
        return part

    def committed(self, number: int) -> None:
        """A checkpoint is known committed: what it holds is not marked as changed any longer."""
        self._bases.committed(number)
        for held in [each for each in self._unsure if each <= number]:
            del self._unsure[held]

    def size(self) -> tuple[int, int]:
        """See `wallarood.flow.state.state.State.size`."""
        return len(self.by_key), self._bases.size_bytes(len(self.by_key))

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Put captured chunks one over the other.

        Raises ApplicationError: the class of the state cannot take one of them.
        """
        kind = self.make if isinstance(self.make, type) else None
        for chunk in chunks:
            decoded = decode_states(
                chunk, computation=self.computation, kind=kind, versions=self.versions
            )
            for keys, states in decoded:
                if states is DELETED:
                    self._deletes = True
                    for key in keys:
                        self.by_key.pop(key, None)
                else:
                    self.by_key.update(zip(keys, states, strict=True))
        self._bases.restored(len(self.by_key))

    # ---- a change of the cluster -----------------------------------------------------------------

    def is_at(self, number: int) -> bool:
        """Whether it is what was captured for checkpoint *number*: nothing has changed since."""
        unused = not self._changed and not self._in_use and self._capture is None
        return unused and self._captured == number

    def take_over(self, states: Iterable["KeyedState"], without: Iterable[Any] = ()) -> None:
        """Begin with what *states* have, each other keys; nobody else uses them any more.

        What the first has of the keys *without* is left out. As after a restore, nothing counts as
        changed.
        """
        for place, state in enumerate(states):
            if place:
                self.by_key.update(state.by_key)
            else:
                self.by_key = state.by_key
                self.by_key.default_factory = self.make
                gone = iter(without)
                while some := list(islice(gone, FORGOTTEN_AT_ONCE)):  # others take turns
                    deque(map(self.by_key.pop, some, repeat(None)), maxlen=0)
            self._deletes = self._deletes or state._deletes
        self._bases.restored(len(self.by_key))

    def base_next(self) -> None:
        """The next capture is to be a base: what is stored has what is not this worker's."""
        self._bases.unbased()

    def postpone_base(self, captures: int) -> None:
        """None of so many captures is to be a base, unless there is none at all."""
        self._bases.postponed = captures
