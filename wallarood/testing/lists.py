"""Running a pipeline on lists: no cluster, no files, no sockets.

Theory of operation
===================
The pipeline is planned for one worker and compiled as in a cluster, so coalescing, keys, state and
`on_error` are the real ones. Then stage after stage gets everything that those before it have sent.
Sources and sinks are not opened: a list of records stands in the place of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import trio

from wallarood.flow.compile import compile_branch, compile_stage, make_states
from wallarood.flow.failures import Failure
from wallarood.flow.route import Router
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import ERRORS_OUTPUT, Application, ErrorPolicy, Step, StepKind
from wallarood.model.topology import Stage, StageKind, Topology
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.segments import run_segments

BATCH_RECORDS = 1024

_WORKER = "test"
_PARTITION = "list"


def run(
    application: Application,
    inputs: Mapping[str, Sequence[Any]],
    *,
    batch_records: int = BATCH_RECORDS,
) -> dict[str, list[Any]]:
    """Run *application* on *inputs*; return what its sinks got.

    *inputs* has the records of each source by the source's name; the result has those of each sink
    by the sink's name, dead-letter sinks included. Records are processed in the order of the lists,
    in batches of *batch_records* (default 1,024). State is new in each run.

    Raises ApplicationError: a computation failed and its `on_error` is "stop", a key is of a type
    that cannot be one, or *inputs* does not name the sources. Inside trio use `run_async`.

    >>> import wallarood as w
    >>> from wallarood import testing
    >>> lines = w.source("lines", w.FileSource("book.txt"))
    >>> app = w.application(
    ...     "shout", lines.map(str.upper).to_sink(w.FileSink("loud"), name="loud")
    ... )
    >>> testing.run(app, {"lines": ["to be", "or not"]})
    {'loud': ['TO BE', 'OR NOT']}
    """
    return trio.run(_Run(application, inputs, batch_records).run)


async def run_async(
    application: Application,
    inputs: Mapping[str, Sequence[Any]],
    *,
    batch_records: int = BATCH_RECORDS,
) -> dict[str, list[Any]]:
    """As `run`, for a test that is itself a coroutine function run by trio.

    >>> import trio
    >>> import wallarood as w
    >>> from wallarood import testing
    >>> async def test() -> None:
    ...     numbers = w.source("numbers", w.GeneratorSource(count=3))
    ...     app = w.application("copy", numbers.to_sink(w.StdoutSink(), name="out"))
    ...     assert await testing.run_async(app, {"numbers": [1, 2]}) == {"out": [1, 2]}
    >>> trio.run(test)
    """
    return await _Run(application, inputs, batch_records).run()


@attrs.define(eq=False)
class _Run:
    application: Application
    inputs: Mapping[str, Sequence[Any]]
    batch_records: int
    waiting: dict[int, list[Batch]] = attrs.field(factory=dict)

    async def run(self) -> dict[str, list[Any]]:
        sources = [step for step in self.application.steps if step.kind is StepKind.SOURCE]
        self._check(sources)
        listings = tuple(Listing(step.name, (_PARTITION,)) for step in sources)
        topology = plan(self.application, (_WORKER,), ((_WORKER, listings),))
        results: dict[str, list[Any]] = {}
        for stage in topology.stages:
            batches = self.waiting.pop(stage.index, [])
            if stage.kind is StageKind.SINK:
                results[stage.steps[0]] = [each for batch in batches for each in batch.values]
            elif stage.kind is StageKind.SOURCE:
                await self._run_stage(topology, stage, self._input(stage.steps[0]))
            else:
                await self._run_stage(topology, stage, iter(batches))
        return results

    def _check(self, sources: Sequence[Step]) -> None:
        if self.batch_records < 1:
            raise ApplicationError(f"batch_records={self.batch_records}: expected 1 or more")
        names = {step.name for step in sources}
        if self.inputs.keys() == names:
            return
        raise ApplicationError(
            f"inputs for {_listed(self.inputs)}: application {self.application.name!r} has the "
            f"sources {_listed(names)}; give a list for each of them, and for nothing else"
        )

    def _input(self, source: str) -> Iterator[Batch]:
        records = self.inputs[source]
        for start in range(0, len(records), self.batch_records):
            yield Batch(list(records[start : start + self.batch_records]))

    async def _run_stage(self, topology: Topology, stage: Stage, batches: Iterator[Batch]) -> None:
        states = make_states(self.application, stage)
        segments = compile_stage(self.application, stage, states)
        branch = compile_branch(self.application, stage)
        outputs = _Outputs(topology, stage, self.waiting)
        for batch in batches:
            failures: list[Failure] = []
            done = await run_segments(segments, batch, failures)
            if branch is not None:
                done, refused = branch(done, failures)
                outputs.send(1, refused)
            outputs.send(0, done)
            outputs.send_letters(failures)


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


def _listed(names: Mapping[str, Any] | set[str]) -> str:
    return ", ".join(sorted(repr(name) for name in names)) or "nothing"
