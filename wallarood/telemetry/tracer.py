"""What a worker tells of its rounds, checkpoints and batches, made to spans."""

from collections.abc import Sequence

import attrs

from wallarood.control.effects import ShellEffect
from wallarood.control.events import Event
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.worker import Worker
from wallarood.telemetry.batches import trace_batches
from wallarood.telemetry.checkpoints import Checkpoints
from wallarood.telemetry.rounds import Recoveries
from wallarood.telemetry.spans import Spans


@attrs.define(eq=False)
class WorkerTracer:
    """Of one worker, into *spans*. One batch in *every* is traced, none if it is 0."""

    worker: Worker
    spans: Spans
    every: int
    _recoveries: Recoveries = attrs.field(init=False)
    _checkpoints: Checkpoints = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        node, name = self.worker.node, self.worker.member.name
        self._recoveries = Recoveries(name, self.spans, self._cluster, lambda: node.leads)
        self._checkpoints = Checkpoints(
            name, self.spans, self._cluster, lambda: node.leads, lambda: node.stamp.round
        )
        self.worker.tracer = self
        self.worker.checkpoint_log.on_end = self._checkpoints.ended

    def _cluster(self) -> str | None:
        record = self.worker.node.record
        return record.cluster_id if record is not None else None

    def stepped(self, event: Event, effects: Sequence[ShellEffect]) -> None:
        """See `wallarood.runtime.tracer.Tracer.stepped`."""
        self._checkpoints.stepped(event)
        self._recoveries.stepped(event, effects)

    def built(self, job: Job) -> None:
        """See `wallarood.runtime.tracer.Tracer.built`."""
        if self.every:
            trace_batches(job, self.worker.member.name, spans=self.spans, every=self.every)

    def ready(self, round_: int) -> None:
        """See `wallarood.runtime.tracer.Tracer.ready`."""
        self._recoveries.ready(round_)
