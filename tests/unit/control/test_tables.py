"""Every machine says what it does with every event in every phase, and never waits for ever."""

import random
import re
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from wallarood.control import events as on
from wallarood.control.change.evictor import Evictor
from wallarood.control.change.newcomer import Newcomer
from wallarood.control.change.participant import Participant
from wallarood.control.change.proposing.changer import Changer
from wallarood.control.effects import ShellEffect
from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    Event,
    TimerFired,
)
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.membership.membership import Membership
from wallarood.control.membership.presence import Peer
from wallarood.control.replicas.holder import Holder
from wallarood.control.replicas.replicator import Replicator
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.completion import Completion
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.model import messages as say
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.topology import Topology

MACHINES = {
    machine.__name__: machine
    for machine in (
        Initializer,
        Joiner,
        RecoveryLeader,
        RecoveryMember,
        CheckpointLeader,
        CheckpointMember,
        Completion,
        Peer,
        Changer,
        Participant,
        Newcomer,
        Replicator,
        Holder,
    )
}
WITH_TABLES = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)

OF_MEMBERSHIP = {
    say.Attach,
    say.Attached,
    say.Decided,
    say.Heartbeat,
    say.Leaving,
    say.JobFailed,
    say.ShutDown,
    say.Refused,
    say.Busy,
}
OF_THE_NODE = {
    say.StatusWanted,
    say.StatusTold,
    on.ConnectionMessage,
    on.MemberMessage,
    on.CheckpointWanted,
    on.JobBroke,
    on.ShutdownWanted,
    on.LeaveWanted,
    on.OutputPublished,
    on.DropWanted,
    on.StatusAsked,
    on.StatusGiven,
    on.KeyRefused,
    on.HostFailed,
}
"""What the node takes itself, see `wallarood.control.node`."""

ROOT = Path(__file__).parents[3]
HERE = Address("127.0.0.1", 1)


def member(name: str, starts: int = 1) -> say.Member:
    return say.Member(name, HERE, HERE, Incarnation(starts, name))


def founding(name: str, **options: Any) -> FormationSettings:
    made = FormationSettings(
        member(name), f"nonce-{name}", "app", ("application app",), 3, (),
        lambda workers, _: Topology(1, "app", workers, (), ()),
    )  # fmt: skip
    return attrs.evolve(made, **options)


def committed(name: str) -> ClusterRecord:
    topology = Topology(1, "app", ("alpha", "beta", "gamma"), (), ())
    state = RecordState.COMMITTED
    return ClusterRecord("wc-1", state, name, "alpha", ("application app",), topology, ())


def phases_of(machine: Any) -> list[Enum]:
    return list(dict.fromkeys(phase for phase, _ in machine.TRANSITIONS))


@WITH_TABLES
def test_every_phase_says_what_it_does_with_every_input(machine: Any) -> None:
    (phases,) = {type(phase) for phase, _ in machine.TRANSITIONS}
    expected = {(phase, kind) for phase in phases for kind in machine.INPUTS}
    assert set(machine.TRANSITIONS) == expected


def test_every_message_and_every_event_is_an_input_of_somebody() -> None:
    """A new one fails here until something takes it."""
    machines = (*MACHINES.values(), Membership, Evictor)
    inputs = {kind for machine in machines for kind in machine.INPUTS}
    kinds = {*get_args(say.ControlMessage), *get_args(on.Event)}
    assert kinds == inputs | OF_MEMBERSHIP | OF_THE_NODE


@pytest.mark.parametrize(
    "paths",
    [
        ("wallarood/runtime/perform.py", "wallarood/runtime/replicas.py"),
        ("tests/world/node.py", "tests/world/replicas.py"),
    ],
)
def test_every_effect_that_a_node_leaves_has_a_branch_in_the_shell(paths: tuple[str, ...]) -> None:
    source = "".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
    for effect in get_args(ShellEffect):
        assert re.search(rf"case .*\b(do|change)\.{effect.__name__}\(", source), effect


@WITH_TABLES
def test_every_phase_can_be_reached(machine: Any) -> None:
    first, *_ = phases_of(machine)
    reached = {first}
    if machine is Initializer:
        reached.add(type(first).RETURNED)  # where a committed record leads to at start
    while True:
        table = machine.TRANSITIONS.items()
        more = {to for (phase, _), goes in table if phase in reached for to in goes}
        if more <= reached:
            break
        reached |= more
    assert reached == set(type(first))


def any_event(rng: random.Random) -> Event:
    name = rng.choice(["alpha", "beta", "gamma", "delta"])
    topology = Topology(1, "app", ("alpha", "beta", "gamma"), (), ())
    message: say.ControlMessage = rng.choice(
        [
            founding(name).join(nonce=str(rng.randrange(3))),
            say.Waiting(("alpha",), 3),
            say.Proposal("wc-1", (), topology, (), ()),
            say.Prepared("wc-1"),
            say.Committed("wc-1"),
            say.Inquiry(rng.choice(["wc-1", "wc-2"]), name),
            say.Never("wc-1"),
            say.Busy("later"),
            say.Attach(member(name), 1, "wc-1", 1),
            say.Heartbeat(()),
            say.Drained(),
            say.Leaving(completed=False),
        ]
    )
    connection = rng.randrange(4)
    return rng.choice(
        [
            ConnectionMessage(connection, message),
            ConnectionMessage(connection, message),
            ConnectionMessage(connection, message),
            ConnectionOpened(connection, ""),
            ConnectionLost(connection),
            TimerFired(),
        ]
    )


def give(machine: Initializer | Joiner, event: Event, now: float) -> None:
    """As the node does it: any message, and of all else the machine's inputs."""
    if isinstance(event, ConnectionMessage) or type(event) in machine.INPUTS:
        machine.step(event, now)


@pytest.mark.parametrize("seed", range(200))
def test_no_sequence_of_events_brings_a_machine_out_of_its_table(seed: int) -> None:
    rng = random.Random(seed)
    now = 0.0
    machines: list[Initializer | Joiner] = [
        Initializer(founding("alpha"), now),
        Joiner(founding("beta"), now),
        Initializer(founding("alpha", forms_new=True), now, committed("alpha")),
        Joiner(founding("beta", forms_new=True), now, committed("beta")),
    ]
    for _ in range(100):
        now += rng.random()
        event = any_event(rng)
        for machine in machines:
            give(machine, event, now)


@pytest.mark.parametrize("seed", range(50))
def test_a_founding_machine_that_waits_has_a_deadline(seed: int) -> None:
    rng = random.Random(seed)
    machine = Initializer(founding("alpha"), 0.0)
    other = Joiner(founding("beta"), 0.0)
    returned = Initializer(founding("alpha", forms_new=True), 0.0, committed("alpha"))
    for step in range(50):
        event = any_event(rng)
        for each in (machine, other, returned):
            give(each, event, float(step))
            if each.phase.value not in ("formed", "failed"):
                assert each.deadline is not None, each.phase
