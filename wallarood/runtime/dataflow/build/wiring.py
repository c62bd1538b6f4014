"""From a topology to the inputs and outputs of one worker's stage instances: pure look-ups."""

from collections.abc import Iterator

import attrs

from wallarood.model.ids import InputId, WorkerName
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology

SOURCE_EDGE = -1
"""The edge index of the input through which a source task feeds its own stage."""


@attrs.frozen
class Wiring:
    """The part of *topology* that *worker* runs."""

    topology: Topology
    worker: WorkerName

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that have an instance here."""
        return self.topology.stages_on(self.worker)

    def inputs(self, stage: Stage) -> tuple[InputId, ...]:
        """Every (edge, sending worker) that feeds the instance of *stage* here."""
        if stage.kind is StageKind.SOURCE:
            return ((SOURCE_EDGE, self.worker),)
        return tuple(
            (edge.index, sender)
            for edge in self.topology.edges
            if edge.target == stage.index
            for sender in self._senders(edge)
        )

    def _senders(self, edge: Edge) -> Iterator[WorkerName]:
        for sender in self.topology.stages[edge.source].workers:
            if edge.routing is not Routing.FORWARD or sender == self.worker:
                yield sender

    def edges_from(self, stage: Stage) -> tuple[Edge, ...]:
        """The edges that leave *stage*, in their order."""
        return tuple(edge for edge in self.topology.edges if edge.source == stage.index)

    def edges_of(self, stage: Stage) -> tuple[Edge, ...]:
        """The edges that leave *stage* or reach it."""
        return tuple(
            edge for edge in self.topology.edges if stage.index in (edge.source, edge.target)
        )

    def parts(self, edge: Edge) -> int:
        """Among how many workers the records of *edge* are split."""
        keyed = edge.routing is Routing.KEYED
        return len(self.topology.stages[edge.target].workers) if keyed else 1
