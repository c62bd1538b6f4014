"""The driver: the one place where events meet the decisions, and decisions become deeds."""
# Theory of operation
# ===================
# Everything that happens comes in by one queue, and what this worker has posted to itself comes
# first. The driver gives each event to the node and has its effects carried out. The node's
# deadline is looked at only when there is no event: after a stall of this process, messages that
# have arrived meanwhile count before the silence of a peer is judged.

import math

import structlog
import trio

from wallarood.control.events import Event, HostFailed, TimerFired
from wallarood.model.errors import WallaroodError
from wallarood.runtime.perform import perform
from wallarood.runtime.worker import Woken, Worker

log = structlog.get_logger(__name__)


async def drive(worker: Worker, events: trio.MemoryReceiveChannel[Event | Woken]) -> None:
    """Step the node until it has ended (see `WorkerState`)."""
    perform(worker, worker.node.begin(trio.current_time()))
    while not worker.node.ended:
        event = await _next(worker, events)
        if not isinstance(event, Woken):
            step(worker, event)


def step(worker: Worker, event: Event) -> None:
    """Give *event* to the node, and carry out what it wants done."""
    now = trio.current_time()
    try:
        effects = worker.node.step(event, now)
        if worker.tracer is not None:
            worker.tracer.stepped(event, effects)
        perform(worker, effects)
        _tell_change(worker)
    except WallaroodError as error:  # the state directory cannot be written
        perform(worker, worker.node.step(HostFailed(error), now))


def _tell_change(worker: Worker) -> None:
    """Log each step of a change of the cluster, and let the service manager show it."""
    text, change = worker.node.machines.change_text.partition("; ")[0], worker.change
    if text == change.told:
        return
    change.told = text
    if text:
        log.info(text)
    worker.notify()


async def _next(worker: Worker, events: trio.MemoryReceiveChannel[Event | Woken]) -> Event | Woken:
    if worker.posted:
        return worker.posted.popleft()
    try:
        return events.receive_nowait()
    except trio.WouldBlock:
        deadline = worker.node.deadline
        with trio.move_on_at(math.inf if deadline is None else deadline):
            return await events.receive()
    return TimerFired()
