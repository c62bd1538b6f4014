"""Every machine says what it does with every event in every phase, and never waits for ever."""

import random
from typing import Any

import attrs
import pytest

from wallarood.control.events import (
    ConnectionLost,
    ConnectionMessage,
    ConnectionOpened,
    Event,
    TimerFired,
)
from wallarood.control.formation import initializer, joiner
from wallarood.control.formation.founding import Founder
from wallarood.control.rounds import checkpoint_leader as checkpoint
from wallarood.control.rounds import checkpoint_member as snapshot
from wallarood.control.rounds import completion
from wallarood.control.rounds import recovery_leader as recovery
from wallarood.control.rounds import recovery_member as rollback
from wallarood.model import messages as say
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation
from wallarood.model.topology import Topology

TABLES = {
    name: (module.Phase, module.TRANSITIONS)
    for name, module in {
        "initializer": initializer,
        "joiner": joiner,
        "recovery": recovery,
        "rollback": rollback,
        "checkpoint": checkpoint,
        "snapshot": snapshot,
        "completion": completion,
    }.items()
}

HERE = Address("127.0.0.1", 1)


def member(name: str, starts: int = 1) -> say.Member:
    return say.Member(name, HERE, HERE, Incarnation(starts, name))


def founder(name: str, **options: Any) -> Founder:
    made = Founder(
        member(name), f"nonce-{name}", "app", ("application app",), 3, (),
        lambda workers, _: Topology(1, "app", workers, (), ()),
    )  # fmt: skip
    return attrs.evolve(made, **options)


def committed(name: str) -> ClusterRecord:
    topology = Topology(1, "app", ("alpha", "beta", "gamma"), (), ())
    state = RecordState.COMMITTED
    return ClusterRecord("wc-1", state, name, "alpha", ("application app",), topology, ())


@pytest.mark.parametrize("name", TABLES)
def test_every_phase_says_what_it_does_with_every_event(name: str) -> None:
    phases, table = TABLES[name]
    kinds = {kind for _, kind in table}
    assert set(table) == {(phase, kind) for phase in phases for kind in kinds}


@pytest.mark.parametrize("name", TABLES)
def test_every_phase_can_be_reached(name: str) -> None:
    phases, table = TABLES[name]
    reached = {next(iter(phases))}
    if name == "initializer":
        reached.add(phases.RETURNED)  # where a committed record leads to at start
    while True:
        more = {to for (phase, _), goes in table.items() if phase in reached for to in goes}
        if more <= reached:
            break
        reached |= more
    assert reached == set(phases)


def any_event(rng: random.Random) -> Event:
    name = rng.choice(["alpha", "beta", "gamma", "delta"])
    topology = Topology(1, "app", ("alpha", "beta", "gamma"), (), ())
    message: say.ControlMessage = rng.choice(
        [
            founder(name).join(nonce=str(rng.randrange(3))),
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


@pytest.mark.parametrize("seed", range(200))
def test_no_sequence_of_events_brings_a_machine_out_of_its_table(seed: int) -> None:
    rng = random.Random(seed)
    now = 0.0
    machines: list[initializer.Initializer | joiner.Joiner] = [
        initializer.Initializer(founder("alpha"), now),
        joiner.Joiner(founder("beta"), now),
        initializer.Initializer(founder("alpha", anew=True), now, committed("alpha")),
        joiner.Joiner(founder("beta", anew=True), now, committed("beta")),
    ]
    for _ in range(100):
        now += rng.random()
        event = any_event(rng)
        for machine in machines:
            machine.step(event, now)


@pytest.mark.parametrize("seed", range(50))
def test_a_founding_machine_that_waits_has_a_deadline(seed: int) -> None:
    rng = random.Random(seed)
    machine = initializer.Initializer(founder("alpha"), 0.0)
    other = joiner.Joiner(founder("beta"), 0.0)
    returned = initializer.Initializer(founder("alpha", anew=True), 0.0, committed("alpha"))
    for step in range(50):
        event = any_event(rng)
        for each in (machine, other, returned):
            each.step(event, float(step))
            if each.phase.value not in ("formed", "failed"):
                assert each.deadline is not None, each.phase
