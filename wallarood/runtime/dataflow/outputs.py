"""Where a stage's records go: from an output, over its edges, to ports here and elsewhere."""

from collections.abc import Mapping
from typing import Protocol

import attrs

from wallarood.flow.route import Router
from wallarood.model.batch import Batch, Mark
from wallarood.model.ids import WorkerName
from wallarood.model.pipeline import ERRORS_OUTPUT, DeadLetter
from wallarood.model.topology import Edge
from wallarood.runtime.dataflow.inbox import Inbox, InputId


class Port(Protocol):
    """One target of one edge."""

    async def send(self, batch: Batch) -> None:
        """Hand over a batch; waits while the target has no room: this is backpressure."""

    def mark(self, mark: Mark) -> None:
        """Hand over a mark, behind every batch that was sent before. Never waits."""


@attrs.frozen
class LocalPort:
    """A target on this worker: the list itself is handed over, nothing is encoded."""

    inbox: Inbox
    source: InputId

    async def send(self, batch: Batch) -> None:
        """See `Port.send`."""
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
    """All edges that leave a stage instance."""

    edges: tuple[EdgeOutput, ...]

    async def send(self, output: int, batch: Batch) -> None:
        """Send *batch* over every edge of *output* (see `wallarood.model.topology.Edge`)."""
        if not batch.values:
            return
        for each in self.edges:
            if each.edge.output == output:
                for worker, part in each.router.split(batch):
                    await each.ports[worker].send(part)

    async def send_letters(self, letters: list[DeadLetter]) -> None:
        """Send dead letters over the edges of the steps that they come from."""
        for each in self.edges:
            if each.edge.output == ERRORS_OUTPUT:
                mine = [one for one in letters if one.computation == each.edge.origin]
                if mine:
                    for worker, part in each.router.split(Batch(list(mine))):
                        await each.ports[worker].send(part)

    def mark(self, mark: Mark) -> None:
        """Send *mark* to every target of every edge."""
        for each in self.edges:
            for worker in each.router.targets:
                each.ports[worker].mark(mark)
