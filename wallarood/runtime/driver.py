"""The driver: the one place where events meet the machines."""
# Theory of operation
# ===================
# Everything that happens comes in by one queue. The driver gives each event to the machines that it
# concerns and has their effects carried out. A machine's deadline is looked at only when the queue
# is empty: after a stall of this process, messages that have arrived meanwhile count before
# anybody's silence is judged.

import math

import structlog
import trio

from wallarood.control.effects import Effect, Formed
from wallarood.control.events import (
    ConnectionLost,
    ConnectionOpened,
    Event,
    JobDrained,
    LinksUp,
    Received,
    SinksPublished,
    TimerFired,
)
from wallarood.control.initializer import Initializer
from wallarood.control.joiner import Joiner
from wallarood.model import messages as say
from wallarood.runtime.perform import perform
from wallarood.runtime.worker import Worker

FOUNDING = (
    say.Join,
    say.Waiting,
    say.Proposal,
    say.Prepared,
    say.Committed,
    say.Connected,
    say.Start,
    say.Inquiry,
    say.Never,
)
COMPLETION = (say.Drained, say.Publish, say.Published, say.Completed)

log = structlog.get_logger(__name__)


async def drive(worker: Worker, events: trio.MemoryReceiveChannel[Event]) -> None:
    """Run the machines until the worker has finished or failed (see `Worker`)."""
    perform(worker, _begin(worker))
    while not worker.finished and worker.failure is None:
        try:
            event: Event = events.receive_nowait()
        except trio.WouldBlock:
            event = TimerFired()
            with trio.move_on_at(_deadline(worker)):
                event = await events.receive()
        effects = step(worker, event, trio.current_time())
        perform(worker, effects)
        _reuse_connection(worker, effects)


def _begin(worker: Worker) -> list[Effect]:
    founding = worker.founding
    if isinstance(founding, Initializer):
        return founding.begin(trio.current_time())
    return founding.begin()


def _deadline(worker: Worker) -> float:
    machines = (worker.founding, worker.membership, worker.completion)
    deadlines = [each.deadline for each in machines if each is not None]
    return min((each for each in deadlines if each is not None), default=math.inf)


def step(worker: Worker, event: Event, now: float) -> list[Effect]:
    """Give *event* to the machines that it concerns; return their effects."""
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
        case Received():
            return _received(worker, event, now)
        case LinksUp():
            return worker.founding.step(event, now)
        case JobDrained() | SinksPublished():
            return worker.completion.step(event, now) if worker.completion is not None else []


def _timer(worker: Worker, now: float) -> list[Effect]:
    effects: list[Effect] = []
    for machine in (worker.founding, worker.membership, worker.completion):
        if machine is not None and machine.deadline is not None and machine.deadline <= now:
            effects += machine.step(TimerFired(), now)
    return effects


def _opened(worker: Worker, connection: int, *, peer: str, now: float) -> list[Effect]:
    effects = worker.founding.step(ConnectionOpened(connection, peer), now) if not peer else []
    if worker.membership is not None and worker.record is not None:
        name = peer or worker.record.topology.leader
        effects = [*effects, *worker.membership.step(ConnectionOpened(connection, name), now)]
    return effects


def _received(worker: Worker, event: Received, now: float) -> list[Effect]:
    if worker.membership is None:
        return worker.founding.step(event, now)
    effects = worker.membership.step(event, now)
    if isinstance(event.message, FOUNDING):
        return [*effects, *worker.founding.step(event, now)]
    if isinstance(event.message, COMPLETION) and worker.completion is not None:
        sender = worker.membership.name_on(event.connection)
        if sender is not None:
            return [*effects, *worker.completion.step(event, now, sender=sender)]
    return effects


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
