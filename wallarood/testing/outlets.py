"""What leaves a stage in a test, as `wallarood.runtime.dataflow.outputs` sends it."""
# Theory of operation
# ===================
# Where records may change worker in a cluster, each of them is encoded and decoded, as if it did.
# So what cannot be sent fails here too, and nothing that follows shares an object with what
# precedes. What was emitted is kept in its encoded form, and compared at the end: a record that was
# changed after it had been emitted would be seen here, and not on another worker.

import pickle
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from wallarood.flow.failures import Failure
from wallarood.flow.guard import Guard
from wallarood.flow.route import Router
from wallarood.model.batch import Batch, Mark
from wallarood.model.pipeline import (
    ERRORS_OUTPUT,
    LATE_LETTERS_OUTPUT,
    LATE_OUTPUT,
    ErrorPolicy,
    StepKind,
)
from wallarood.model.topology import Edge
from wallarood.wire.copies import Copier
from wallarood.wire.portable import dumps
from wallarood.wire.records.codec import RecordCodec


class HintWarning(UserWarning):
    """A record is not of its type hint: between workers it takes a slower way."""


@attrs.frozen
class Emitted:
    """Records that have gone to another stage, and what they were then."""

    maker: str
    records: list[Any]
    before: bytes

    def compare(self) -> None:
        """Raises AssertionError: one of them is not what it was."""
        if dumps(self.records) == self.before:
            return
        for was, now in zip(pickle.loads(self.before), self.records, strict=True):
            if was != now and dumps([was]) != dumps([now]):
                raise AssertionError(
                    f"{self.maker} has changed a record after it had emitted it: {was!r:.200} "
                    f"became {now!r:.200}; on another worker that is not seen: emit a copy of what "
                    "is kept and changed later"
                )


@attrs.frozen
class Outlets:
    """All edges that leave a stage. `waiting` has what waits for each stage, beside its edge."""

    edges: tuple[Edge, ...]
    routers: Mapping[int, Router]
    codecs: Mapping[int, RecordCodec]
    guards: Mapping[int, Guard]
    copiers: Mapping[int, Copier]
    waiting: dict[int, list[tuple[int, Batch | Mark]]]
    emitted: list[Emitted]

    def send(self, output: int, batch: Batch, failures: list[Failure]) -> None:
        """Leave *batch* for the stages that follow *output*."""
        guard, copier = self.guards.get(output), self.copiers.get(output)
        if guard is not None:
            batch = guard.sift(batch, failures)
            # In the place of a source stands a list: what is in it is the test's own affair.
            news = guard.codec.news() if guard.maker.kind is not StepKind.SOURCE else ""
            if news:
                warnings.warn(news, HintWarning, stacklevel=2)
        edges = [edge for edge in self.edges if edge.output == output]
        copies = [batch] * len(edges) if copier is None else copier.copies(batch, len(edges))
        for edge, own in zip(edges, copies, strict=True):
            self._send_over(edge, own)

    def _send_over(self, edge: Edge, batch: Batch) -> None:
        for _, part in self.routers[edge.index].split(batch):
            codec = self.codecs.get(edge.index)
            if codec is not None:
                self.emitted.append(Emitted(codec.maker, part.values, dumps(part.values)))
                part = codec.decode(codec.encode(part))  # noqa: PLW2901
            self._leave(edge, part)

    def _leave(self, edge: Edge, item: Batch | Mark) -> None:
        self.waiting.setdefault(edge.target, []).append((edge.index, item))

    def send_failed(self, failures: Sequence[Failure]) -> None:
        """Leave what became of *failures* for those that the steps which failed lead to."""
        for each in failures:
            output = LATE_LETTERS_OUTPUT if each.late else ERRORS_OUTPUT
            for edge in self.edges:
                if edge.origin != each.letter.computation:
                    continue
                if each.policy is ErrorPolicy.DEAD_LETTER and edge.output == output:
                    self._leave(edge, Batch([each.letter]))
                if each.batch is not None and edge.output == LATE_OUTPUT:
                    self._send_over(edge, each.batch)

    def mark(self, mark: Mark) -> None:
        """Leave *mark* for all stages that follow."""
        for edge in self.edges:
            self._leave(edge, mark)
