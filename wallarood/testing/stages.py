"""The stages of an application in one process, fed with lists.

Theory of operation
===================
The pipeline is planned for one worker and compiled as in a cluster, so coalescing, keys, state and
`on_error` are the real ones. A batch that is fed to a source goes through stage after stage until
nothing waits. Sources and sinks are not opened: lists stand in their places. A checkpoint encodes
the state as a worker does, and a crash leaves nothing but what was encoded.

Where records may change worker in a cluster, each of them is encoded and decoded, as if it did. So
what cannot be sent fails here too, and nothing that follows shares an object with what precedes.
"""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from wallarood.flow.compile import compile_branch, compile_stage, make_states
from wallarood.flow.failures import Failure
from wallarood.flow.guard import Guard
from wallarood.flow.route import Router
from wallarood.flow.state import State
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import (
    ERRORS_OUTPUT,
    LATE_LETTERS_OUTPUT,
    LATE_OUTPUT,
    Application,
    ErrorPolicy,
    Step,
    StepKind,
)
from wallarood.model.topology import Edge, Stage, StageKind, Topology
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build import codecs_of, copiers_of, guards_of
from wallarood.runtime.dataflow.segments import run_segments
from wallarood.wire.copies import Copier
from wallarood.wire.portable import dumps
from wallarood.wire.records import PickleRule, RecordCodec

_WORKER = "test"
_PARTITION = "list"


class HintWarning(UserWarning):
    """A record is not of its type hint: between workers it takes a slower way."""


def sources_of(application: Application, inputs: Mapping[str, Sequence[Any]]) -> list[str]:
    """The names of the sources. Raises ApplicationError: *inputs* are not for these."""
    names = [step.name for step in application.steps if step.kind is StepKind.SOURCE]
    if inputs.keys() == set(names):
        return names
    raise ApplicationError(
        f"inputs for {_listed(inputs)}: application {application.name!r} has the "
        f"sources {_listed(names)}; give a list for each of them, and for nothing else"
    )


class Stages:
    """All stages of *application*, with their state, and what its sinks have got so far."""

    def __init__(self, application: Application) -> None:
        self._application = application
        sources = [step for step in application.steps if step.kind is StepKind.SOURCE]
        self._topology = _plan(application, sources)
        self._waiting: dict[int, list[Batch]] = {}
        self._chunks: dict[tuple[int, str], list[bytes]] = {}
        self._checkpoints = 0
        self._published: dict[str, int] = {}
        self._emitted: list[_Emitted] = []
        self._codecs = codecs_of(application, self._topology, rule=PickleRule.ALLOWED)
        self.results: dict[str, list[Any]] = {
            stage.steps[0]: [] for stage in self._topology.stages if stage.kind is StageKind.SINK
        }
        self._begin()

    def _begin(self) -> None:
        """What a new process builds, from the last checkpoint if there is one."""
        self._states: dict[int, dict[str, State]] = {}
        self._runs: dict[int, _StageRun] = {}
        for stage in self._topology.stages:
            if stage.kind is StageKind.SINK:
                continue
            states = self._states[stage.index] = make_states(self._application, stage)
            for name, state in states.items():
                state.restore(self._chunks.get((stage.index, name), ()))
            self._runs[stage.index] = _StageRun(
                compile_stage(self._application, stage, states),
                compile_branch(self._application, stage),
                self._outputs(stage),
            )

    def _outputs(self, stage: Stage) -> "_Outputs":
        application, topology = self._application, self._topology
        edges = tuple(edge for edge in topology.edges if edge.source == stage.index)
        guards = guards_of(application, stage, codecs=self._codecs, edges=edges)
        for guard in guards.values():
            guard.full = True
        return _Outputs(
            edges,
            {edge.index: Router(edge, topology, _WORKER) for edge in edges},
            self._codecs,
            guards,
            copiers_of(application, topology, stage),
            self._waiting,
            self._emitted,
        )

    async def feed(self, source: str, records: list[Any]) -> None:
        """Let *records* of a source flow to the sinks. Raises what a computation raises."""
        for stage in self._topology.stages:
            if stage.kind is StageKind.SOURCE and stage.steps[0] == source:
                await self._runs[stage.index].work(Batch(records))
            for batch in self._waiting.pop(stage.index, []):
                if stage.kind is StageKind.SINK:
                    self.results[stage.steps[0]] += batch.values
                else:
                    await self._runs[stage.index].work(batch)

    def finish(self) -> None:
        """Raises AssertionError: a record was changed after it had been emitted."""
        for each in self._emitted:
            each.compare()

    def checkpoint(self) -> None:
        """Encode what has changed. Raises ApplicationError: a state cannot be stored."""
        self._checkpoints += 1
        number = self._checkpoints
        for stage, states in self._states.items():
            for name, state in states.items():
                state.capture(number, number - 1)
                while state.capturing:
                    state.encode_some()
                part = state.finish()
                before = [] if part.base else self._chunks.get((stage, name), [])
                self._chunks[stage, name] = [*before, *part.chunks]
                state.committed(number)
        self._published = {name: len(records) for name, records in self.results.items()}

    def crash(self) -> None:
        """Lose everything since the last checkpoint, and restart from there."""
        for name, records in self.results.items():
            del records[self._published.get(name, 0) :]
        self._begin()


def _plan(application: Application, sources: Sequence[Step]) -> Topology:
    listings = tuple(Listing(step.name, (_PARTITION,)) for step in sources)
    return plan(application, (_WORKER,), ((_WORKER, listings),))


@attrs.frozen
class _StageRun:
    segments: Sequence[Any]
    branch: Any
    outputs: "_Outputs"

    async def work(self, batch: Batch) -> None:
        failures: list[Failure] = []
        done = await run_segments(self.segments, batch, failures)
        if self.branch is not None:
            done, refused = self.branch(done, failures)
            self.outputs.send(1, refused, failures)
        self.outputs.send(0, done, failures)
        self.outputs.send_letters(failures)


@attrs.frozen
class _Emitted:
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
class _Outputs:
    edges: tuple[Edge, ...]
    routers: Mapping[int, Router]
    codecs: Mapping[int, RecordCodec]
    guards: Mapping[int, Guard]
    copiers: Mapping[int, Copier]
    waiting: dict[int, list[Batch]]
    emitted: list[_Emitted]

    def send(self, output: int, batch: Batch, failures: list[Failure]) -> None:
        """Leave *batch* for the stages that follow *output*, as `runtime.dataflow.outputs` does."""
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
            for _, part in self.routers[edge.index].split(own):
                codec = self.codecs.get(edge.index)
                if codec is not None:
                    self.emitted.append(_Emitted(codec.maker, part.values, dumps(part.values)))
                    part = codec.decode(codec.encode(part))  # noqa: PLW2901
                self.waiting.setdefault(edge.target, []).append(part)

    def send_letters(self, failures: Sequence[Failure]) -> None:
        """Leave the letters of *failures* for the sinks of the steps that failed."""
        for each in failures:
            for edge in self.edges:
                output = LATE_LETTERS_OUTPUT if each.late else ERRORS_OUTPUT
                dead = each.policy is ErrorPolicy.DEAD_LETTER and edge.output == output
                if dead and edge.origin == each.letter.computation:
                    self.waiting.setdefault(edge.target, []).append(Batch([each.letter]))
                late = each.batch is not None and edge.output == LATE_OUTPUT
                if each.batch is not None and late and edge.origin == each.letter.computation:
                    self.waiting.setdefault(edge.target, []).append(each.batch)


def _listed(names: Any) -> str:
    return ", ".join(sorted(repr(name) for name in names)) or "nothing"
