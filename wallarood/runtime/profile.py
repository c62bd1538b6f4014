"""Where the time of a worker goes: by stage and hop, while it runs.

Theory of operation
===================
Nothing on the road of records knows of this. When a worker is asked for a profile, the parts that
its tasks call are replaced, before the tasks start, by stand-ins that look at the clock around
each call; without a profile there is not even a question whether there is one. Calls are made a
batch at a time, so stand-ins cost nothing for each record.

Work holds the event loop (or a thread), so its seconds add up to what the worker has done. A wait
is that of one task; tasks wait at the same time, so the seconds of waits may add up to more than
have passed.
"""

import contextlib
import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Mapping
from enum import Enum
from typing import Any

import attrs

from wallarood.flow.compile import Concurrent, Inline, InThread, Segment
from wallarood.flow.state.state import State
from wallarood.flow.steps.operators import Operator
from wallarood.model.batch import Batch
from wallarood.model.ids import Address
from wallarood.model.pipeline import Application, StepKind
from wallarood.model.topology import Stage, Topology
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.outputs import LocalPort, Port
from wallarood.runtime.dataflow.tasks.stage_task import StageTask
from wallarood.runtime.peers.sender import RemotePort
from wallarood.runtime.ports import DataChannel, DialData
from wallarood.wire.records.codec import RecordCodec

_WITH_OPERATOR = frozenset(
    {
        StepKind.SIMPLE,
        StepKind.KEY_BY,
        StepKind.COLLECT,
        StepKind.REDISTRIBUTE,
        StepKind.STATEFUL,
        StepKind.PARTITIONED,
    }
)
CHANNEL = "data channel"


class Spent(Enum):
    """How time was spent."""

    WORK = "work"
    WAIT = "wait"


@attrs.define
class Hop:
    """One thing that a stage does: how often, with how many records, for how many seconds."""

    stage: str
    what: str
    spent: Spent
    calls: int = 0
    records: int = 0
    seconds: float = 0.0


@attrs.define(eq=False)
class Profile:
    """The hops of one worker, since *began* (perf_counter); a recovery adds to them."""

    began: float = attrs.field(factory=time.perf_counter)
    hops: dict[tuple[str, str], Hop] = attrs.field(factory=dict)

    def hop(self, stage: str, what: str, spent: Spent) -> Hop:
        """The hop of that name."""
        return self.hops.setdefault((stage, what), Hop(stage, what, spent))


def timed(function: Callable[..., Any], hop: Hop) -> Callable[..., Any]:
    """*function*, with its calls counted in *hop*; also one that is awaited."""
    clock = time.perf_counter

    def count(began: float, arguments: tuple[Any, ...], result: Any) -> None:
        hop.seconds += clock() - began
        hop.calls += 1
        batch = arguments[0] if arguments else result
        if not isinstance(batch, Batch):
            batch = result
        if isinstance(batch, Batch):
            hop.records += len(batch)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*arguments: Any) -> Any:
            began, result = clock(), None
            try:
                result = await function(*arguments)
            finally:
                count(began, arguments, result)
            return result

        return awaited

    def called(*arguments: Any) -> Any:
        began, result = clock(), None
        try:
            result = function(*arguments)
        finally:
            count(began, arguments, result)
        return result

    return called


class _StandIn:
    """In the place of *inner*: the methods of *hops* are timed, all else is handed through."""

    def __init__(self, inner: Any, **hops: Hop) -> None:
        self._inner = inner
        for name, hop in hops.items():
            setattr(self, name, timed(getattr(inner, name), hop))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _stand_in(inner: Any, **hops: Hop) -> Any:
    return _StandIn(inner, **hops)


def profile_codecs(
    profile: Profile, topology: Topology, codecs: Mapping[int, RecordCodec]
) -> dict[int, RecordCodec]:
    """*codecs* by edge, timed."""
    names = [stage.name for stage in topology.stages]
    return {
        index: _stand_in(
            codec,
            encode=profile.hop(names[topology.edges[index].source], "encoding", Spent.WORK),
            decode=profile.hop(names[topology.edges[index].target], "decoding", Spent.WORK),
        )
        for index, codec in codecs.items()
    }


def profile_dial(profile: Profile, dial: DialData) -> DialData:
    """*dial*, with what the channels send timed."""
    hop = profile.hop(CHANNEL, "sending", Spent.WAIT)

    @contextlib.asynccontextmanager
    async def dialled(address: Address) -> AsyncIterator[DataChannel]:
        async with dial(address) as channel:
            yield _stand_in(channel, send_all=hop, send_nowait=hop)

    return dialled


def profile_accepted(profile: Profile, channel: DataChannel) -> DataChannel:
    """A channel that a peer has made, with the waiting for records timed."""
    hop = profile.hop(CHANNEL, "waiting for peers", Spent.WAIT)
    channel = _stand_in(channel, receive_some=hop)
    return channel


def profile_job(profile: Profile, job: Job, application: Application) -> None:
    """Put stand-ins into the tasks of *job*, before they start."""
    names = {stage.index: stage.name for stage in job.wiring.stages}
    job.collector.states = {
        stage: {name: _profile_state(profile, names[stage], state) for name, state in each.items()}
        for stage, each in job.collector.states.items()
    }
    for task in job.stages:
        task.states = tuple(job.collector.states[task.stage.index].values())
        _profile_stage(profile, task, application)
    for name, source in job.sources.items():
        hop = functools.partial(profile.hop, _stage_of(job, name).name)
        job.sources[name] = attrs.evolve(
            source,
            source=_opening(source.source, {"read": hop("reading", Spent.WAIT)}),
            inbox=_stand_in(source.inbox, wait_for_room=hop("backpressure", Spent.WAIT)),
            gate=_stand_in(source.gate, wait_open=hop("paused", Spent.WAIT)),
        )
    for sink in job.sinks:
        hop = functools.partial(profile.hop, names[sink.stage])
        steps = ("write", "prepare", "commit")
        sink.sink = _opening(sink.sink, {each: hop(f"sink: {each}", Spent.WAIT) for each in steps})
        sink.inbox = _stand_in(sink.inbox, get=hop("waiting for input", Spent.WAIT))


def _profile_state(profile: Profile, stage: str, state: State) -> Any:
    hop = functools.partial(profile.hop, stage, spent=Spent.WORK)
    return _stand_in(
        state,
        capture=hop("checkpoint: capturing"),
        encode_some=hop("checkpoint: encoding"),
    )


def _stage_of(job: Job, step: str) -> Stage:
    return next(each for each in job.wiring.stages if each.steps[0] == step)


def _opening(connector: Any, hops: dict[str, Hop]) -> Any:
    """A source or sink of which the opened reader or writer is timed."""
    stand_in = _stand_in(connector)

    async def opened(*arguments: Any) -> Any:
        return _StandIn(await connector.open(*arguments), **hops)

    stand_in.open = opened
    return stand_in


def _profile_stage(profile: Profile, task: StageTask, application: Application) -> None:
    hop = functools.partial(profile.hop, task.stage.name)
    steps = [application.step(name) for name in task.stage.steps]
    names = iter([step.name for step in steps if step.kind in _WITH_OPERATOR])
    task.segments = [_profile_segment(segment, names, hop) for segment in task.segments]
    if task.branch is not None:
        task.branch = timed(task.branch, hop(f"user code: {steps[-1].name}", Spent.WORK))
    task.inbox = _stand_in(task.inbox, get=hop("waiting for input", Spent.WAIT))
    full = hop("backpressure", Spent.WAIT)
    edges = tuple(
        attrs.evolve(
            each,
            router=_stand_in(each.router, split=hop("routing", Spent.WORK)),
            ports={target: _profile_port(port, full) for target, port in each.ports.items()},
        )
        for each in task.outputs.edges
    )
    task.outputs = attrs.evolve(task.outputs, edges=edges)


def _profile_port(port: Port, full: Hop) -> Port:
    if isinstance(port, LocalPort):
        return attrs.evolve(port, inbox=_stand_in(port.inbox, wait_for_room=full))
    if isinstance(port, RemotePort):
        return attrs.evolve(port, sender=_stand_in(port.sender, wait_for_credit=full))
    return port


def _profile_segment(segment: Segment, names: Any, hop: Callable[[str, Spent], Hop]) -> Segment:
    def operator(each: Operator) -> Operator:
        wrapped: Operator = _stand_in(each, on_batch=hop(f"user code: {next(names)}", Spent.WORK))
        return wrapped

    match segment:
        case Inline():
            return Inline(tuple(map(operator, segment.operators)), segment.timed)
        case InThread():
            return InThread(operator(segment.operator), segment.threads)
        case Concurrent():
            name = next(names)
            function = timed(segment.computation.function, hop(f"user code: {name}", Spent.WAIT))
            return Concurrent(attrs.evolve(segment.computation, function=function))
