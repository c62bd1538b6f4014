"""What another worker takes over, read from the checkpoints here and chosen by slot."""
# Theory of operation
# ===================
# Who takes slots over asks for them while records flow, and then once more for what has changed
# since. While records flow the reader rests after each piece, for it takes turns with the flow: so
# it costs a tenth of it at most, a fifth where it has to catch up with what has changed meanwhile,
# and holds up no record for long. It rests by the processor time that it has used: that it has
# waited for its turn is no reason to wait longer. Meanwhile no base is begun, or all would have
# changed.
#
# The keys that are handed over are noted: this worker forgets them when the change is adopted, and
# would have to look at each of its keys to find them.

import time
from collections.abc import Callable, Iterator

import attrs
import msgspec

from wallarood.flow.compile import make_states
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.flow.state.moving import Choice
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.messages.replicas import LAST, Chunk, PartHead, PartWanted
from wallarood.model.pipeline import Application
from wallarood.runtime.change.kept import Gone, Noted
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.ports import RecordStore

REST, REST_LATER = 9.0, 4.0
"""For how many times as long as it works a reader rests while records flow: the first time, and
when it reads what has changed since, which must not take as long as to change it."""
CHUNK_S = 10.0
"""How long it may rest over one chunk: who waits for that takes long silence for a dead link."""
WORK_S = 0.001
"""How long it works at least before it rests."""
CAPTURES = 16
"""How many captures after a chunk was read are no base."""


@attrs.frozen
class Exporter:
    """What is read of *store*, in the epoch of *record*; *job* is what works on the states."""

    store: RecordStore
    record: ClusterRecord
    application: Application
    gone: Gone
    job: Job | None = None
    resting: set[object] = attrs.field(factory=set)
    """One for each reader here that rests while records flow: together they cost no more."""

    def read(self, wanted: PartWanted) -> tuple[PartHead, Iterator[list[Chunk]]]:
        """A part of a checkpoint, of its state by key only the slots that are wanted. Blocks.

        No slots of a computation that is named are all of it. There are as many chunks as there
        were: some may be empty. Raises as `RecordStore.read_part`, and ApplicationError while it is
        read.
        """
        head, chunks = self.store.read_part(self.record.cluster_id, wanted, there=wanted.there)
        choices = self._choices(wanted)
        if wanted.part.number == LAST:
            return head, self._at_rest(chunks, choices, REST_LATER if wanted.there else REST)
        return head, (self._chosen(some, choices) for some in chunks) if choices else chunks

    def _choices(self, wanted: PartWanted) -> dict[str, Choice]:
        slots = {name: frozenset(those) for name, those in wanted.slots or () if those}
        choices = {
            name: Choice(state, slots[name], len(stage.partition_owners))
            for stage in self.record.topology.stages
            if stage.partition_owners and slots
            for name, state in make_states(self.application, stage).items()
            if name in slots
        }
        for name in choices:
            if not wanted.there:
                self.gone[name, slots[name]] = Noted()
        return choices

    def _chosen(self, chunks: list[Chunk], choices: dict[str, Choice]) -> list[Chunk]:
        return [self._of(chunk, choices.get(chunk.computation)) for chunk in chunks]

    def _of(
        self, chunk: Chunk, choice: Choice | None, rest: Callable[[], None] = lambda: None
    ) -> Chunk:
        if choice is None:
            return chunk
        noted = self.gone.setdefault((chunk.computation, choice.slots), Noted())
        data = choice.of(chunk.data, noted.keys, rest=rest)
        noted.chunks.add((chunk.number, chunk.sequence))
        return msgspec.structs.replace(chunk, data=data)

    def _at_rest(
        self, chunks: Iterator[list[Chunk]], choices: dict[str, Choice], times: float
    ) -> Iterator[list[Chunk]]:
        this = object()
        self.resting.add(this)
        try:
            for some in chunks:
                for chunk in some:
                    rest = self._rests(choices, times)
                    yield [self._of(chunk, choices.get(chunk.computation), rest)]
        finally:
            self.resting.discard(this)

    def _rests(self, choices: dict[str, Choice], times: float) -> Callable[[], None]:
        """What lets records flow for a while, called now and then by one thread."""
        self._postpone_bases(choices)
        began, hurries_at = time.thread_time(), time.monotonic() + CHUNK_S

        def rest() -> None:
            nonlocal began
            worked = time.thread_time() - began
            if worked >= WORK_S and time.monotonic() < hurries_at:
                self._postpone_bases(choices)
                readers = max(1, len(self.resting))
                time.sleep(((times + 1) * readers - 1) * worked)
                began = time.thread_time()

        return rest

    def _postpone_bases(self, choices: dict[str, Choice]) -> None:
        states = self.job.collector.states.values() if self.job is not None else ()
        for some in states:
            for name, state in some.items():
                if name in choices and isinstance(state, KeyedState | BucketState):
                    state.postpone_base(CAPTURES)
