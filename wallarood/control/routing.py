"""Which machines of a worker take an event, and in which order."""
# Theory of operation
# ===================
# Before a cluster exists, the machine of formation takes all messages. Then membership takes them
# first, since each is a sign of life; those of formation go on to that machine, since a worker that
# comes late may still ask what became of the cluster; any other comes from a member, and the
# machines of rounds know it by its name.

from collections.abc import Sequence

from wallarood.control import effects as do
from wallarood.control import events as on
from wallarood.control.change.effects import Distrust, WriteVote
from wallarood.control.change.events import OF_STAGING, OfAChange
from wallarood.control.formation.founding import FORMATION_MESSAGES
from wallarood.control.formation.joiner import Joiner
from wallarood.control.machine import Machine
from wallarood.control.machines import Machines
from wallarood.control.replicas.events import RoundOver
from wallarood.model.change import Trust
from wallarood.model.ids import NO_BALLOT, WorkerName
from wallarood.model.messages import (
    Collect,
    CopiedAhead,
    JoinRunning,
    Purpose,
    Staged,
    TakeCheckpoint,
    Waiting,
)
from wallarood.model.messages.change import ChangeMessage

FROM_NEWCOMERS = (JoinRunning, CopiedAhead, Staged)
"""What a worker says that wants to join a cluster that runs."""

FOR_ALL = (on.ConnectionLost, *OF_STAGING)
"""What all machines take that it is an input of, also before there is a cluster."""


def wake(machines: Machines, event: on.Event, now: float) -> None:
    """Have the machines of changes made, if *event* is the first here that is of one."""
    if machines.make_changing is not None and _is_of_a_change(event):
        machines.make_changing(now)


def _is_of_a_change(event: on.Event) -> bool:
    match event:
        case on.MemberMessage(_, Collect() as asked):
            return asked.ballot != NO_BALLOT
        case on.MemberMessage(_, TakeCheckpoint() as taken):
            return taken.purpose is Purpose.CHANGE
        case on.MemberMessage(_, message) | on.ConnectionMessage(_, message):
            return isinstance(message, ChangeMessage)
        case _:
            return isinstance(event, OfAChange)


def give(machines: Sequence[Machine], event: on.Event, now: float) -> list[do.Effect]:
    """Have those of *machines* take an event that it is an input of."""
    kind = on.kind_of(event)
    effects: list[do.Effect] = []
    for machine in machines:
        if kind in machine.INPUTS:
            effects += machine.step(event, now)
    return effects


def give_of_rounds(machines: Machines, event: on.Event, now: float) -> list[do.Effect]:
    """Have the machines of rounds take an event, and those of replicas before them.

    Before there is a cluster it is for what joins one.
    """
    if machines.copies is None:
        takers = machines.all if machines.membership is None else machines.of_rounds
        return give(takers, event, now)
    effects, passed = machines.copies.take(event, now)
    for each in passed:
        effects += give(machines.of_rounds, each, now)
    return effects


def follows(machines: Machines, effect: do.Effect) -> list[on.Event]:
    """What the machines of replicas are to be told of an effect of others."""
    match effect:
        case do.WriteRound(proposal) if machines.copies is not None:
            machines.copies.proposed(proposal)
        case do.HaltJob() | WriteVote() | do.ReadHoldings() if machines.copies is not None:
            return [RoundOver()]
        case Distrust() if machines.view is not None:
            machines.view.trust = Trust.RESTORED
    return []


def opened(
    machines: Machines, event: on.ConnectionOpened, *, leader: WorkerName | None, now: float
) -> list[do.Effect]:
    """A connection is open. One that names no peer is that of a joiner to the initializer."""
    effects = [] if event.peer else give([machines.formation], event, now)
    if machines.membership is None or leader is None:
        return effects
    between = on.ConnectionOpened(event.connection, event.peer or leader)
    return [*effects, *machines.membership.step(between, now)]


def heard(
    machines: Machines, event: on.ConnectionMessage, now: float
) -> tuple[list[do.Effect], on.MemberMessage | None]:
    """A message has come. What is to be done, and what a member said to the machines of rounds."""
    membership = machines.membership
    if membership is None:
        founds = isinstance(event.message, Waiting) and machines.found_instead(event.message, now)
        begun: on.Event = on.ConnectionOpened(event.connection, "") if founds else event
        return machines.formation.step(begun, now), None
    effects = membership.step(event, now)
    changer = machines.changer
    if isinstance(event.message, FROM_NEWCOMERS) and membership.name_on(event.connection) is None:
        return [*effects, *(changer.step(event, now) if changer is not None else ())], None
    if isinstance(event.message, FORMATION_MESSAGES):
        return [*effects, *machines.formation.step(event, now)], None
    sender = membership.name_on(event.connection)
    return effects, None if sender is None else on.MemberMessage(sender, event.message)


def fire(machines: Machines, now: float) -> list[do.Effect]:
    """The time of at least one deadline has come: tell those machines."""
    effects: list[do.Effect] = []
    for machine in machines.all:
        if machine.deadline is not None and machine.deadline <= now:
            effects += machine.step(on.TimerFired(), now)
    return effects


def reuse_connection(machines: Machines, leader: WorkerName, now: float) -> list[do.Effect]:
    """A joiner's connection to the initializer continues as that between two members."""
    formation, membership = machines.formation, machines.membership
    if not isinstance(formation, Joiner) or formation.connection is None or membership is None:
        return []
    return membership.step(on.ConnectionOpened(formation.connection, leader), now)
