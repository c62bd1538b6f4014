"""Membership: who is missed, who comes back, who is a copy, and what holds the sources."""

from wallarood.control import effects as do
from wallarood.control.effects import Effect
from wallarood.control.events import ConnectionLost, ConnectionOpened, Received, TimerFired
from wallarood.control.membership import Membership
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Attach,
    Attached,
    Heartbeat,
    Leaving,
    Member,
    Refused,
)

HERE = Address("127.0.0.1", 1)
BETA, GAMMA = 1, 2


def member(name: str, starts: int = 1, nonce: str = "a") -> Member:
    return Member(name, HERE, HERE, Incarnation(starts, nonce))


def of(kind: type, effects: list[Effect]) -> list[Effect]:
    return [each for each in effects if isinstance(each, kind)]


def running() -> Membership:
    """Alpha with beta and gamma attached at time 0, records flowing."""
    machine = Membership(
        "wc-1",
        member("alpha"),
        (member("beta"), member("gamma")),
        heartbeat_s=1.0,
        liveness_deadline_s=5.0,
        name_taken_wait_s=2.0,
        now=0.0,
    )
    machine.step(Received(BETA, Attach(member("beta"), PROTOCOL_VERSION)), 0.0)
    machine.step(Received(GAMMA, Attach(member("gamma"), PROTOCOL_VERSION)), 0.0)
    assert machine.started() == [do.ResumeSources()]
    return machine


def beats(machine: Membership, until: int, *connections: int) -> list[Effect]:
    """A second at a time, heartbeats come on *connections* and the timer fires."""
    effects: list[Effect] = []
    for second in range(1, until + 1):
        for connection in connections:
            effects += machine.step(Received(connection, Heartbeat(())), float(second))
        effects += machine.step(TimerFired(), float(second))
    return effects


def test_attach_is_answered_and_dialling_begins_with_it() -> None:
    machine = running()
    answered = machine.step(Received(7, Attach(member("beta"), PROTOCOL_VERSION)), 1.0)
    assert do.Send(7, Attached(member("alpha"))) in answered
    opened = machine.step(ConnectionOpened(8, "gamma"), 1.0)
    assert opened == [do.Send(8, Attach(member("alpha"), PROTOCOL_VERSION))]


def test_as_long_as_heartbeats_come_nothing_is_paused() -> None:
    effects = beats(running(), 20, BETA, GAMMA)
    assert of(do.PauseSources, effects) == []
    assert len(of(do.Send, effects)) == 40


def test_a_silent_peer_is_missed_after_the_deadline_and_its_connections_are_closed() -> None:
    machine = running()
    assert of(do.PauseSources, beats(machine, 4, GAMMA)) == []
    effects = machine.step(TimerFired(), 5.0)
    assert do.Close(BETA) in effects
    assert do.PeerDown("beta") in effects
    assert of(do.PauseSources, effects) == [do.PauseSources("waiting for 1 of 3 workers: beta")]


def test_a_peer_with_the_same_incarnation_resumes() -> None:
    machine = running()
    machine.step(ConnectionLost(BETA), 1.0)
    effects = machine.step(Received(9, Attach(member("beta"), PROTOCOL_VERSION)), 60.0)
    assert do.ResumeSources() in effects
    assert do.PeerUp(member("beta")) in effects
    assert of(do.Fail, effects) == []


def test_another_incarnation_is_taken_when_the_old_one_has_gone() -> None:
    machine = running()
    machine.step(ConnectionLost(BETA), 1.0)
    effects = machine.step(Received(9, Attach(member("beta", 2, "b"), PROTOCOL_VERSION)), 2.0)
    assert do.Send(9, Attached(member("alpha"))) in effects
    assert do.PeerUp(member("beta", 2, "b")) in effects
    assert of(do.Fail, effects) == []


def test_a_copy_of_a_worker_that_speaks_is_refused() -> None:
    machine = running()
    copy = Attach(member("beta", 2, "copy"), PROTOCOL_VERSION)
    assert machine.step(Received(9, copy), 1.0) == []
    effects = machine.step(Received(BETA, Heartbeat(())), 1.5)
    (refusal,) = (e for e in of(do.Send, effects) if isinstance(e, do.Send) and e.connection == 9)
    assert isinstance(refusal.message, Refused)
    assert "beta is connected and alive" in refusal.message.reason
    assert of(do.Fail, effects) == []


def test_a_newcomer_takes_the_place_of_one_that_does_not_speak() -> None:
    machine = running()
    machine.step(Received(9, Attach(member("beta", 2, "b"), PROTOCOL_VERSION)), 1.0)
    assert machine.deadline <= 3.0
    effects = machine.step(TimerFired(), 3.0)
    assert do.Close(BETA) in effects
    assert do.PeerUp(member("beta", 2, "b")) in effects
    assert machine.name_on(9) == "beta"


def test_what_another_worker_misses_holds_our_sources_too() -> None:
    machine = running()
    effects = machine.step(Received(GAMMA, Heartbeat(("beta",))), 1.0)
    expected = "waiting for 1 of 3 workers: beta (missed by gamma)"
    assert of(do.PauseSources, effects) == [do.PauseSources(expected)]
    assert do.ResumeSources() in machine.step(Received(GAMMA, Heartbeat(())), 2.0)


def test_after_a_stall_of_our_own_nobody_is_judged_at_once() -> None:
    machine = running()
    effects = machine.step(TimerFired(), 60.0)
    assert of(do.PeerDown, effects) == []
    assert of(do.PeerDown, machine.step(TimerFired(), 61.0)) == []


def test_a_peer_that_leaves_is_reported_and_waited_for() -> None:
    machine = running()
    effects = machine.step(Received(BETA, Leaving(completed=False)), 1.0)
    assert do.Report("beta is leaving") in effects
    assert len(of(do.PauseSources, effects)) == 1


def test_a_peer_that_completed_holds_nobody() -> None:
    machine = running()
    effects = machine.step(Received(BETA, Leaving(completed=True)), 1.0)
    effects += machine.step(ConnectionLost(BETA), 1.0)
    assert of(do.PauseSources, effects) == []


def test_strangers_and_other_versions_are_refused() -> None:
    machine = running()
    for attach in (Attach(member("omega"), PROTOCOL_VERSION), Attach(member("beta"), 99)):
        effects = machine.step(Received(9, attach), 1.0)
        assert do.Close(9) in effects
        assert len(of(do.Send, effects)) == 1
