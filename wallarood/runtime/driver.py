"""The driver: the one place where events meet the machines."""
# Theory of operation
# ===================
# Everything that happens comes in by one queue, and what this worker has posted to itself comes
# first. The driver gives each event to the machines that it concerns and has their effects carried
# out. A machine's deadline is looked at only when there is no event: after a stall of this process,
# messages that have arrived meanwhile count before anybody's silence is judged.

import math
from typing import Protocol

import trio

from wallarood.control.effects import Effect, Formed, ReadyToLeave, SendToMember
from wallarood.control.events import (
    CheckpointWanted,
    ChoiceWritten,
    CommitRecorded,
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    Event,
    FinalPublished,
    HoldingsRead,
    JobBroke,
    JobDrained,
    JobHalted,
    MemberDown,
    MemberMessage,
    MemberUp,
    SinksPublished,
    SnapshotFailed,
    SnapshotMoved,
    SnapshotWritten,
    StopWanted,
    TimerFired,
    Woken,
)
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.model import messages as say
from wallarood.model.errors import WallaroodError
from wallarood.runtime.perform import perform
from wallarood.runtime.worker import Worker

FOUNDING = (
    say.Join,
    say.Waiting,
    say.Proposal,
    say.Prepared,
    say.Committed,
    say.Inquiry,
    say.Never,
)


class Machine(Protocol):
    """What all machines have in common."""

    @property
    def deadline(self) -> float | None: ...

    def step(self, event: Event, now: float) -> list[Effect]: ...


async def drive(worker: Worker, events: trio.MemoryReceiveChannel[Event]) -> None:
    """Run the machines until the worker has finished or failed (see `Worker`)."""
    perform(worker, _begin(worker))
    while not worker.finished and worker.failure is None:
        event = await _next(worker, events)
        try:
            effects = step(worker, event, trio.current_time())
            perform(worker, effects)
            _reuse_connection(worker, effects)
        except WallaroodError as error:  # the state directory cannot be written
            worker.failure = worker.failure or error


async def _next(worker: Worker, events: trio.MemoryReceiveChannel[Event]) -> Event:
    if worker.posted:
        return worker.posted.popleft()
    try:
        return events.receive_nowait()
    except trio.WouldBlock:
        with trio.move_on_at(_deadline(worker)):
            return await events.receive()
    return TimerFired()


def _begin(worker: Worker) -> list[Effect]:
    founding = worker.founding
    if isinstance(founding, Initializer):
        return founding.begin(trio.current_time())
    return founding.begin()


def _timed(worker: Worker) -> list[Machine]:
    """The machines that have deadlines."""
    running = worker.running
    machines: list[Machine | None] = [worker.founding, worker.membership, worker.recovery]
    if running is not None:
        machines += [running.coordinator, running.completion]
    return [each for each in machines if each is not None]


def _deadline(worker: Worker) -> float:
    deadlines = [each.deadline for each in _timed(worker)]
    return min((each for each in deadlines if each is not None), default=math.inf)


def step(worker: Worker, event: Event, now: float) -> list[Effect]:  # noqa: PLR0912
    """Give *event* to the machines that it concerns; return their effects."""
    running = worker.running
    match event:
        case TimerFired():
            return _timer(worker, now)
        case ConnectionOpened(connection, peer):
            return _opened(worker, connection, peer=peer, now=now)
        case ConnectionLost():
            effects = worker.founding.step(event, now)
            if worker.membership is not None:
                effects = [*effects, *worker.membership.step(event, now)]
            return effects
        case ConnectionMessage():
            return _received(worker, event, now)
        case MemberMessage(_, message):
            return _heard(worker, event, message=message, now=now)
        case MemberUp() | MemberDown():
            effects = worker.recovery.step(event, now) if worker.recovery else []
            if running is not None:
                effects = [
                    *effects,
                    *running.snapshotter.step(event, now),
                    *(running.coordinator.step(event, now) if running.coordinator else ()),
                    *running.completion.step(event, now),
                ]
            return effects
        case JobHalted() | HoldingsRead() | ChoiceWritten():
            return worker.rollback.step(event, now) if worker.rollback is not None else []
        case StopWanted():
            return running.snapshotter.step(event, now) if running else [ReadyToLeave()]
        case SnapshotMoved() | SnapshotWritten() | SnapshotFailed() | CommitRecorded():
            return running.snapshotter.step(event, now) if running else []
        case SinksPublished():
            return running.snapshotter.step(event, now) if running else []
        case CheckpointWanted(request):
            return _wanted(worker, event, request=request, now=now)
        case JobDrained() | FinalPublished():
            return running.completion.step(event, now) if running else []
        case JobBroke(error):
            return worker.membership.fail(error) if worker.membership is not None else []
        case Woken():
            return []


def _timer(worker: Worker, now: float) -> list[Effect]:
    effects: list[Effect] = []
    for machine in _timed(worker):
        if machine.deadline is not None and machine.deadline <= now:
            effects += machine.step(TimerFired(), now)
    return effects


def _opened(worker: Worker, connection: int, *, peer: str, now: float) -> list[Effect]:
    effects = worker.founding.step(ConnectionOpened(connection, peer), now) if not peer else []
    if worker.membership is not None and worker.record is not None:
        name = peer or worker.record.topology.leader
        effects = [*effects, *worker.membership.step(ConnectionOpened(connection, name), now)]
    return effects


def _received(worker: Worker, event: ConnectionMessage, now: float) -> list[Effect]:
    if worker.membership is None:
        return worker.founding.step(event, now)
    effects = worker.membership.step(event, now)
    if isinstance(event.message, FOUNDING):
        return [*effects, *worker.founding.step(event, now)]
    sender = worker.membership.name_on(event.connection)
    if sender is None:
        return effects
    heard = MemberMessage(sender, event.message)
    return [*effects, *_heard(worker, heard, message=event.message, now=now)]


def _heard(worker: Worker, event: MemberMessage, *, message: object, now: float) -> list[Effect]:
    """What one member says to another, or this worker to itself."""
    running = worker.running
    machine: Machine | None = None
    match message:
        case say.Holdings() | say.ChoiceHeld():
            machine = worker.recovery
        case say.Collect() | say.Choice() | say.Resume():
            return worker.rollback.step(event, now) if worker.rollback is not None else []
        case (
            say.RequestCheckpoint()
            | say.CheckpointProgress()
            | say.CheckpointHeld()
            | say.CheckpointFailed()
        ):
            machine = running.coordinator if running is not None else None
        case (
            say.TakeCheckpoint()
            | say.CheckpointCommitted()
            | say.CheckpointGivenUp()
            | say.DropKept()
        ):
            return running.snapshotter.step(event, now) if running is not None else []
        case say.Drained() | say.Published() | say.Completed():
            machine = running.completion if running is not None else None
        case say.StatusWanted() | say.StatusTold():
            worker.on_status(event.sender, message)
        case say.Refused() if worker.membership is not None:
            return worker.membership.refused(message)
    return machine.step(event, now) if machine is not None else []


def _wanted(
    worker: Worker, event: CheckpointWanted, *, request: say.RequestCheckpoint, now: float
) -> list[Effect]:
    """A checkpoint out of turn: the leader's affair."""
    running = worker.running
    if running is None or worker.record is None:
        return []
    if running.coordinator is not None:
        return running.coordinator.step(event, now)
    return [SendToMember(worker.record.topology.leader, request)]


def _reuse_connection(worker: Worker, effects: list[Effect]) -> None:
    """A joiner's connection to the initializer goes on as the one between two members."""
    if worker.membership is None or not isinstance(worker.founding, Joiner):
        return
    if any(isinstance(each, Formed) for each in effects):
        connection = worker.founding.connection
        if connection is not None and worker.record is not None:
            leader = worker.record.topology.leader
            opened = ConnectionOpened(connection, leader)
            perform(worker, worker.membership.step(opened, trio.current_time()))
