"""The stages of an application in one process, fed with lists.

Theory of operation
===================
The pipeline is planned for one worker and compiled as in a cluster, so coalescing, keys, state and
`on_error` are the real ones. A batch that is fed to a source goes through stage after stage until
nothing waits, and behind it the watermark that it moved. Sources and sinks are not opened: lists
stand in their places. A checkpoint encodes the state as a worker does, and a crash leaves nothing
but what was encoded. The wall clock shows what the test says.

A list is what an endless source has when a worker starts: a stream waits for it where it is that of
a table. Of a script nothing is there at the start.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wallarood.flow.align import Alignment
from wallarood.flow.compile import compile_branch, compile_stage, make_states
from wallarood.flow.route import Router
from wallarood.flow.source_time import SourceTime
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.state.state import State
from wallarood.flow.watermarks import restored_watermark
from wallarood.model.batch import Batch, EndOfStream, Loaded, Mark
from wallarood.model.errors import ApplicationError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, Step, StepKind
from wallarood.model.time import Condition
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.plan import plan
from wallarood.planning.tables import loaded_first, waits_for_rows, waits_for_table
from wallarood.runtime.dataflow.build.crossing import codecs_of, copiers_of, guards_of
from wallarood.runtime.dataflow.build.stages import read_first, sides_of
from wallarood.runtime.dataflow.build.wiring import SOURCE_EDGE, Wiring
from wallarood.runtime.timing.clock import wall_clock
from wallarood.testing.outlets import Emitted, Outlets
from wallarood.testing.running import WORKER, RunningStage
from wallarood.testing.sharing import with_witnesses
from wallarood.wire.records.untyped import PickleRule

PARTITION = "list"
"""What the partition is called that a list stands for."""


def sources_of(application: Application, inputs: Mapping[str, Sequence[Any]]) -> list[str]:
    """The names of the sources. Raises ApplicationError: *inputs* are not for these."""
    names = source_names(application)
    if inputs.keys() == set(names):
        return names
    raise ApplicationError(
        f"inputs for {_listed(inputs)}: application {application.name!r} has the "
        f"sources {_listed(names)}; give a list for each of them, and for nothing else"
    )


def source_names(application: Application) -> list[str]:
    """The names of the sources."""
    return [step.name for step in application.steps if step.kind is StepKind.SOURCE]


class Stages:
    """All stages of *application*, with their state, and what its sinks have got so far.

    *partitions* are those of each source that records are fed to; without them each has one, and
    `loaded` says when all of it was fed. `now` is what the wall clock shows, in microseconds since
    1970 UTC.
    """

    def __init__(
        self,
        application: Application,
        *,
        partitions: Mapping[str, Sequence[str]] | None = None,
        now: int | None = None,
    ) -> None:
        self.now = wall_clock() if now is None else now
        self._application = application
        self._partitions = partitions or {}
        self._waits = waits_for_rows if partitions is None else waits_for_table
        self._loaded: list[str] = []
        """The endless sources of which all was fed, and for which streams have waited."""
        sources = [step for step in application.steps if step.kind is StepKind.SOURCE]
        self._topology = _plan(application, sources)
        self._waiting: dict[int, list[tuple[int, Batch | Mark]]] = {}
        self._chunks: dict[tuple[int, str], list[bytes]] = {}
        self._checkpoints = 0
        self._published: dict[str, int] = {}
        self._emitted: list[Emitted] = []
        self._codecs = codecs_of(application, self._topology, rule=PickleRule.ALLOWED)
        self.results: dict[str, list[Any]] = {
            stage.steps[0]: [] for stage in self._topology.stages if stage.kind is StageKind.SINK
        }
        self._begin()

    def _begin(self) -> None:
        """What a new process builds, from the last checkpoint if there is one."""
        self._states: dict[int, dict[str, State]] = {}
        self._runs: dict[int, RunningStage] = {}
        self._waiting.clear()
        wiring = Wiring(self._topology, WORKER)
        for stage in self._topology.stages:
            if stage.kind is StageKind.SINK:
                continue
            states = self._states[stage.index] = make_states(self._application, stage)
            for name, state in states.items():
                state.restore(self._chunks.get((stage.index, name), ()))
            first = read_first(self._application, wiring, stage, self._waits)
            segments, witnesses = with_witnesses(
                self._application,
                stage,
                compile_stage(self._application, stage, states, wall=lambda: self.now),
                states=states,
            )
            running = self._runs[stage.index] = RunningStage(
                segments,
                witnesses,
                compile_branch(self._application, stage),
                self._outlets(stage),
                Alignment(wiring.inputs(stage), restored_watermark(states.values()), first=first),
                sides_of(self._application, wiring, stage),
                self._source_time(stage),
            )
            if first:
                running.hold()
        for source in self._loaded:
            self._put(source, Loaded())

    def _source_time(self, stage: Stage) -> SourceTime | None:
        for state in self._states[stage.index].values():
            if isinstance(state, AtOnce) and isinstance(state.of, SourceTime):
                names = self._partitions.get(stage.steps[0], (PARTITION,))
                state.of.expect(names)
                for name in names:
                    state.of.tell(name, Condition.ACTIVE)
                return state.of
        return None

    def _outlets(self, stage: Stage) -> Outlets:
        application, topology = self._application, self._topology
        edges = tuple(edge for edge in topology.edges if edge.source == stage.index)
        guards = guards_of(application, stage, codecs=self._codecs, edges=edges)
        for guard in guards.values():
            guard.full = True
        return Outlets(
            edges,
            {edge.index: Router(edge, topology, WORKER) for edge in edges},
            self._codecs,
            guards,
            copiers_of(application, topology, stage),
            self._waiting,
            self._emitted,
        )

    def _source_stage(self, source: str) -> Stage:
        return next(
            stage
            for stage in self._topology.stages
            if stage.kind is StageKind.SOURCE and stage.steps[0] == source
        )

    async def feed(
        self,
        source: str,
        records: list[Any],
        *,
        partition: str = PARTITION,
        times: list[int] | None = None,
    ) -> None:
        """Let *records* of a source flow to the sinks. Raises what a computation raises."""
        runs = [(partition, len(records))]
        batch = Batch(records, times=times, runs=runs if self.time_of(source) else None)
        self._put(source, batch)
        await self.flow()

    def _put(self, source: str, item: Batch | Mark) -> None:
        stage = self._source_stage(source).index
        self._waiting.setdefault(stage, []).append((SOURCE_EDGE, item))

    async def loaded(self, source: str) -> None:
        """All was fed of *source*: no stream waits for it any longer."""
        if self._waits is waits_for_rows and source in loaded_first(self._application):
            self._loaded.append(source)
            self._put(source, Loaded())
            await self.flow()

    def time_of(self, source: str) -> SourceTime | None:
        """How far *source* has come; None if its records have no stamps."""
        return self._runs[self._source_stage(source).index].source_time

    async def end(self) -> None:
        """All sources have ended."""
        for source in source_names(self._application):
            time = self.time_of(source)
            if time is not None:
                for partition in time.partitions:
                    time.tell(partition, Condition.ENDED)
            self._put(source, EndOfStream())
        await self.flow()

    async def flow(self) -> None:
        """Let all that waits go to the sinks, and time behind it."""
        for stage in self._topology.stages:
            running = self._runs.get(stage.index)
            for edge, item in self._waiting.pop(stage.index, []):
                if running is not None:
                    await running.take(edge, item)
                    await running.follow(self.now)
                elif isinstance(item, Batch):
                    self.results[stage.steps[0]] += item.values
            if running is not None:
                await running.follow(self.now)

    async def look_at_clock(self) -> None:
        """Let happen what is due by the wall clock."""
        for stage in self._topology.stages:
            if stage.index in self._runs:
                await self._runs[stage.index].look_at_clock(self.now)
        await self.flow()

    @property
    def wall_due(self) -> int | None:
        """When something is to happen next though nothing comes; None if nothing is."""
        dues = [running.wall_due for running in self._runs.values()]
        return min((due for due in dues if due is not None), default=None)

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
        """Lose everything since the last checkpoint, and start again from there."""
        for name, records in self.results.items():
            del records[self._published.get(name, 0) :]
        self._begin()


def _plan(application: Application, sources: Sequence[Step]) -> Topology:
    listings = tuple(Listing(step.name, (PARTITION,)) for step in sources)
    return plan(application, (WORKER,), ((WORKER, listings),))


def _listed(names: Any) -> str:
    return ", ".join(sorted(repr(name) for name in names)) or "nothing"
