"""Where a stage's records go: from an output, over its edges, to ports here and elsewhere."""

from collections.abc import Mapping
from typing import Protocol

import attrs
import structlog

from wallarood.flow.failures import Failure
from wallarood.flow.guard import Guard
from wallarood.flow.route import Router
from wallarood.model.batch import Batch, Mark
from wallarood.model.ids import InputId, WorkerName
from wallarood.model.pipeline import ERRORS_OUTPUT, LATE_OUTPUT, DeadLetter
from wallarood.model.topology import Edge
from wallarood.runtime.dataflow.counters import Stopwatch
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.wire.copies import Copier
from wallarood.wire.records.untyped import RecordCodecError

log = structlog.get_logger(__name__)


class Port(Protocol):
    """One target of one edge."""

    async def send(self, batch: Batch) -> None:
        """Hand over a batch; waits while the target has no room: this is backpressure."""

    def mark(self, mark: Mark) -> None:
        """Hand over a mark, after every batch that was sent before. Never waits."""


@attrs.frozen
class LocalPort:
    """A target on this worker: the list itself is handed over, nothing is encoded."""

    inbox: Inbox
    source: InputId
    blocked: Stopwatch = attrs.field(factory=Stopwatch)
    """That of the stage which sends."""

    async def send(self, batch: Batch) -> None:
        """See `Port.send`."""
        if self.inbox.is_full(self.source):
            with self.blocked:
                await self.inbox.wait_for_room(self.source)
        await self.inbox.put(self.source, batch)

    def mark(self, mark: Mark) -> None:
        """See `Port.mark`."""
        self.inbox.mark_nowait(self.source, mark)


@attrs.frozen
class EdgeOutput:
    """An edge with its router and its ports by target worker."""

    edge: Edge
    router: Router
    ports: Mapping[WorkerName, Port]


@attrs.frozen
class Outputs:
    """All edges that leave a stage instance.

    `guards` stand, by output, where records may cross to other workers in a cluster of several;
    `copiers` where a stream is used more than once.
    """

    edges: tuple[EdgeOutput, ...]
    guards: Mapping[int, Guard] = attrs.field(factory=dict)
    copiers: Mapping[int, Copier] = attrs.field(factory=dict)

    async def send(self, output: int, batch: Batch, failures: list[Failure]) -> None:
        """Send *batch* over every edge of *output* (see `wallarood.model.topology.Edge`).

        Records that cannot be sent are left out and added to *failures*. Raises ApplicationError:
        the policy of one is to stop.
        """
        guard, copier = self.guards.get(output), self.copiers.get(output)
        if guard is not None and batch.values:
            batch = guard.sift(batch, failures)
        if not batch.values:
            return
        edges = [each for each in self.edges if each.edge.output == output]
        # All copies are made before a consumer gets any: it may change its records at once.
        copies = [batch] * len(edges) if copier is None else copier.copies(batch, len(edges))
        for each, own in zip(edges, copies, strict=True):
            for worker, part in each.router.split(own):
                try:
                    await each.ports[worker].send(part)
                except RecordCodecError as error:
                    if guard is None:
                        raise
                    rest = part.cut(error.first, len(part))
                    sifted = guard.sift_each(rest, failures)
                    if len(sifted) == len(rest):
                        raise
                    if sifted.values:
                        await each.ports[worker].send(sifted)
        if guard is not None and (news := guard.codec.news()):
            log.warning("records go a slower way to other workers", reason=news)

    async def send_letters(self, letters: list[DeadLetter], output: int = ERRORS_OUTPUT) -> None:
        """Send dead letters over the edges of the steps that they come from."""
        for each in self.edges:
            if each.edge.output == output:
                mine = [one for one in letters if one.computation == each.edge.origin]
                if mine:
                    for worker, part in each.router.split(Batch(list(mine))):
                        await each.ports[worker].send(part)

    async def send_late(self, step: str, batch: Batch) -> None:
        """Send records that came too late for *step* over its edges for these."""
        for each in self.edges:
            if each.edge.output == LATE_OUTPUT and each.edge.origin == step:
                for worker, part in each.router.split(batch):
                    await each.ports[worker].send(part)

    def mark(self, mark: Mark) -> None:
        """Send *mark* to every target of every edge."""
        for each in self.edges:
            for worker in each.router.targets:
                each.ports[worker].mark(mark)
