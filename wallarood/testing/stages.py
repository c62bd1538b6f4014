"""The stages of an application in one process, fed with lists.

Theory of operation
===================
The pipeline is planned for one worker and compiled as in a cluster, so coalescing, keys, state and
`on_error` are the real ones. A batch that is fed to a source goes through stage after stage until
nothing waits. Sources and sinks are not opened: lists stand in their places. A checkpoint encodes
the state as a worker does, and a crash leaves nothing but what was encoded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from wallarood.flow.compile import compile_branch, compile_stage, make_states
from wallarood.flow.failures import Failure
from wallarood.flow.route import Router
from wallarood.flow.state import State
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import ERRORS_OUTPUT, Application, ErrorPolicy, Step, StepKind
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.segments import run_segments

_WORKER = "test"
_PARTITION = "list"


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
            self._runs[stage.index] = _StageRun.of(
                self._application, self._topology, stage, states=states, waiting=self._waiting
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
        """Lose everything since the last checkpoint, and begin anew from there."""
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

    @classmethod
    def of(
        cls,
        application: Application,
        topology: Topology,
        stage: Stage,
        *,
        states: Mapping[str, State],
        waiting: dict[int, list[Batch]],
    ) -> "_StageRun":
        return cls(
            compile_stage(application, stage, states),
            compile_branch(application, stage),
            _Outputs(topology, stage, waiting),
        )

    async def work(self, batch: Batch) -> None:
        failures: list[Failure] = []
        done = await run_segments(self.segments, batch, failures)
        if self.branch is not None:
            done, refused = self.branch(done, failures)
            self.outputs.send(1, refused)
        self.outputs.send(0, done)
        self.outputs.send_letters(failures)


@attrs.frozen
class _Outputs:
    topology: Topology
    stage: Stage
    waiting: dict[int, list[Batch]]
    _routers: dict[int, Router] = attrs.field(factory=dict, init=False)

    def send(self, output: int, batch: Batch, *, origin: str | None = None) -> None:
        """Leave *batch* for the stages behind *output*; routing it checks the keys."""
        for edge in self.topology.edges:
            if edge.source != self.stage.index or edge.output != output:
                continue
            if origin is not None and edge.origin != origin:
                continue
            router = self._routers.get(edge.index)
            if router is None:
                router = self._routers[edge.index] = Router(edge, self.topology, _WORKER)
            for _, part in router.split(batch):
                self.waiting.setdefault(edge.target, []).append(part)

    def send_letters(self, failures: Sequence[Failure]) -> None:
        """Leave the letters of *failures* for the sinks of the steps that failed."""
        for each in failures:
            if each.policy is ErrorPolicy.DEAD_LETTER:
                self.send(ERRORS_OUTPUT, Batch([each.letter]), origin=each.letter.computation)


def _listed(names: Any) -> str:
    return ", ".join(sorted(repr(name) for name in names)) or "nothing"
