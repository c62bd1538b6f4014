"""Traces of some batches: from the source that read them, over all workers, to the sinks."""
# Theory of operation
# ===================
# Nothing on the road of records knows of this but that a batch may carry a trace. Where batches are
# traced, stand-ins are put into the tasks of a job before they start, as for a profile: a source's
# begins a trace for one batch in so many; a stage's and a sink's takes note of a batch that carries
# one, and of when it was done with; and what leaves a stage meanwhile carries the trace on.
#
# What a stage keeps and emits later, as a window does, is part of no trace. Of batches that were
# joined because they waited, the first that is traced counts.

import random
from collections.abc import Mapping
from typing import Any

import attrs

from wallarood.model.batch import Batch
from wallarood.model.ids import InputId, WorkerName
from wallarood.runtime.dataflow.inbox import Blocking, Inbox
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.outputs import Port
from wallarood.runtime.dataflow.tasks.sink_task import SinkTask
from wallarood.runtime.dataflow.tasks.stage_task import StageTask
from wallarood.telemetry.spans import Attributes, Open, Place, Spans


class _StandIn:
    """In the place of *inner*: what is not defined here is handed through."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@attrs.define(eq=False)
class Hand:
    """What one instance does with the traced batch that it has, if it has one."""

    name: str
    about: Mapping[str, str]
    spans: Spans
    trace: bytes | None = None
    """What leaves the instance now is part of this."""
    _open: Open | None = None

    def take(self, batch: Batch) -> None:
        """The instance begins with *batch*."""
        if batch.trace is None:
            return
        before = Place.from_bytes(batch.trace)
        place = before.below()
        about: Attributes = {**self.about, "wallarood.records": len(batch)}
        self._open = Open(self.name, place, before.span, about)
        self.trace = place.to_bytes()

    def done(self) -> None:
        """The instance has done with what it had."""
        if self._open is not None:
            self.spans.add(self._open.ended())
            self._open = self.trace = None


class _Taking(_StandIn):
    """An inbox, as the task of the instance sees it: who asks for more has done with the last."""

    def __init__(self, inner: Any, hand: Hand) -> None:
        super().__init__(inner)
        self._hand = hand

    async def get(self, alignment: Blocking) -> Any:
        self._hand.done()
        source, item = await self._inner.get(alignment)
        if isinstance(item, Batch):
            self._hand.take(item)
        return source, item


class _Lent(_StandIn):
    """The task of an instance, as a sender sees that processes a batch in its place."""

    def __init__(self, inner: Any, hand: Hand) -> None:
        super().__init__(inner)
        self._hand = hand

    async def process(self, batch: Batch, source: InputId) -> None:
        self._hand.take(batch)
        try:
            await self._inner.process(batch, source)
        finally:
            self._hand.done()


class _Carrying(_StandIn):
    """A port: what is sent carries the trace of what it was made of."""

    def __init__(self, inner: Port, hand: Hand) -> None:
        super().__init__(inner)
        self._hand = hand

    async def send(self, batch: Batch) -> None:
        if self._hand.trace is not None:
            batch.trace = self._hand.trace
        await self._inner.send(batch)


class _Reading(_StandIn):
    """The inbox that a source hands over to: it begins a trace for one batch in so many."""

    def __init__(self, inner: Inbox, like: Open, sampling: "Sampling") -> None:
        super().__init__(inner)
        self._like = like
        self._sampling = sampling

    async def put(self, source: InputId, batch: Batch) -> None:
        if not self._sampling.is_next():
            await self._inner.put(source, batch)
            return
        about = {**self._like.attributes, "wallarood.records": len(batch)}
        begun = Open(self._like.name, Place.new(), None, about)
        batch.trace = begun.place.to_bytes()
        try:
            await self._inner.put(source, batch)
        finally:
            self._sampling.spans.add(begun.ended())


@attrs.define(eq=False)
class Sampling:
    """Chooses one batch in *every*, not always at the same distance. The first one is chosen."""

    spans: Spans
    every: int
    _left: int = attrs.field(default=1, init=False)

    def is_next(self) -> bool:
        """Whether the next batch is traced."""
        self._left -= 1
        if self._left:
            return False
        self._left = random.randrange(1, 2 * self.every)
        return True


def trace_batches(job: Job, worker: WorkerName, *, spans: Spans, every: int) -> None:
    """Put stand-ins into the tasks of *job*, which have not begun."""
    names = {stage.index: stage.name for stage in job.wiring.stages}
    tasks: list[tuple[int, str, StageTask | SinkTask]] = [
        *((each.stage.index, "stage", each) for each in job.stages),
        *((each.stage, "sink", each) for each in job.sinks),
    ]
    for index, kind, task in tasks:
        about = {"wallarood.worker": worker, "wallarood.stage": names[index]}
        hand = Hand(f"{kind} {names[index]}", about, spans)
        inbox: Any = _Taking(task.inbox, hand)
        task.inbox = inbox
        if job.inboxes[index].consumer is task:
            consumer: Any = _Lent(task, hand)
            job.inboxes[index].consumer = consumer
        if isinstance(task, StageTask):
            _carry(task, hand)
    for name, source in job.sources.items():
        about = {"wallarood.worker": worker, "wallarood.source": name}
        like = Open(f"source {name}", Place(0, 0), None, about)
        reading: Any = _Reading(source.inbox, like, Sampling(spans, every))
        job.sources[name] = attrs.evolve(source, inbox=reading)


def _carry(task: StageTask, hand: Hand) -> None:
    edges = tuple(
        attrs.evolve(
            each, ports={target: _Carrying(port, hand) for target, port in each.ports.items()}
        )
        for each in task.outputs.edges
    )
    task.outputs = attrs.evolve(task.outputs, edges=edges)
