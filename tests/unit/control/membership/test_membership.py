"""Membership: who is missed, who comes back, who is a copy, and what holds the sources."""

from collections.abc import Callable

import attrs
import pytest

from wallarood.control import effects as do
from wallarood.control.change.decided import adopted
from wallarood.control.change.effects import AdoptChange, SetAside
from wallarood.control.effects import Effect
from wallarood.control.events import ConnectionLost, ConnectionMessage, ConnectionOpened, TimerFired
from wallarood.control.membership.membership import Membership
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import ApplicationError, DamagedStateError
from wallarood.model.ids import Address, Incarnation, Seat
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Attach,
    Attached,
    Busy,
    Decided,
    Heartbeat,
    JobFailed,
    Leaving,
    Member,
    Refused,
)
from wallarood.model.topology import Topology

NAMES = ("alpha", "beta", "gamma")
HERE = Address("127.0.0.1", 1)
BETA, GAMMA = 1, 2


def member(name: str, starts: int = 1, nonce: str = "a") -> Member:
    return Member(name, HERE, HERE, Incarnation(starts, nonce))


def attach(of: Member, epoch: int = 1, cluster_id: str = "wc-1") -> Attach:
    return Attach(of, PROTOCOL_VERSION, cluster_id, epoch)


def of(kind: type, effects: list[Effect]) -> list[Effect]:
    return [each for each in effects if isinstance(each, kind)]


def topology(epoch: int, workers: tuple[str, ...] = NAMES) -> Topology:
    return Topology(epoch, "app", workers, (), ())


def change(epoch: int, workers: tuple[str, ...] = NAMES) -> Change:
    members = tuple(member(name) for name in workers)
    basis = CheckpointId(1, 1)
    return Change(epoch, members, (), topology(epoch, workers), (), basis, 1, 2, 0)


def record(epoch: int) -> ClusterRecord:
    started, members = RecordState.STARTED, tuple(member(name) for name in NAMES)
    made = ClusterRecord("wc-1", started, "alpha", "alpha", (), topology(1), members)
    return made if epoch == 1 else adopted(made, change(epoch))


def running(epoch: int = 1) -> Membership:
    """Alpha with beta and gamma attached at time 0, records flowing."""
    machine = Membership(
        record(epoch),
        member("alpha"),
        (member("beta"), member("gamma")),
        heartbeat_s=1.0,
        liveness_deadline_s=5.0,
        name_taken_wait_s=2.0,
        now=0.0,
    )
    machine.step(ConnectionMessage(BETA, attach(member("beta"), epoch)), 0.0)
    machine.step(ConnectionMessage(GAMMA, attach(member("gamma"), epoch)), 0.0)
    assert machine.started() == [do.ResumeSources()]
    return machine


def beats(machine: Membership, until: int, *connections: int) -> list[Effect]:
    """A second at a time, heartbeats come on *connections* and the timer fires."""
    effects: list[Effect] = []
    for second in range(1, until + 1):
        for connection in connections:
            effects += machine.step(ConnectionMessage(connection, Heartbeat(())), float(second))
        effects += machine.step(TimerFired(), float(second))
    return effects


def test_attach_is_answered_and_dialling_begins_with_it() -> None:
    machine = running()
    answered = machine.step(ConnectionMessage(7, attach(member("beta"))), 1.0)
    assert do.SendOnConnection(7, Attached(member("alpha"))) in answered
    opened = machine.step(ConnectionOpened(8, "gamma"), 1.0)
    assert opened == [do.SendOnConnection(8, attach(member("alpha")))]


def test_as_long_as_heartbeats_come_nothing_is_paused() -> None:
    effects = beats(running(), 20, BETA, GAMMA)
    assert of(do.PauseSources, effects) == []
    assert len(of(do.SendOnConnection, effects)) == 40


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
    effects = machine.step(ConnectionMessage(9, attach(member("beta"))), 60.0)
    assert do.ResumeSources() in effects
    assert do.PeerUp(member("beta")) in effects
    assert of(do.Fail, effects) == []


def test_another_incarnation_is_taken_when_the_old_one_has_gone() -> None:
    machine = running()
    machine.step(ConnectionLost(BETA), 1.0)
    effects = machine.step(ConnectionMessage(9, attach(member("beta", 2, "b"))), 2.0)
    assert do.SendOnConnection(9, Attached(member("alpha"))) in effects
    assert do.PeerUp(member("beta", 2, "b")) in effects
    assert of(do.Fail, effects) == []


def test_a_copy_of_a_worker_that_speaks_is_refused() -> None:
    machine = running()
    copy = attach(member("beta", 2, "copy"))
    assert machine.step(ConnectionMessage(9, copy), 1.0) == []
    effects = machine.step(ConnectionMessage(BETA, Heartbeat(())), 1.5)
    sent = (each for each in effects if isinstance(each, do.SendOnConnection))
    (refusal,) = (each for each in sent if each.connection == 9)
    assert isinstance(refusal.message, Refused)
    assert "beta is connected and alive" in refusal.message.reason
    assert of(do.Fail, effects) == []


def test_a_newcomer_takes_the_place_of_one_that_does_not_speak() -> None:
    machine = running()
    machine.step(ConnectionMessage(9, attach(member("beta", 2, "b"))), 1.0)
    assert machine.deadline <= 3.0
    effects = machine.step(TimerFired(), 3.0)
    assert do.Close(BETA) in effects
    assert do.PeerUp(member("beta", 2, "b")) in effects
    assert machine.name_on(9) == "beta"


def test_a_heartbeat_says_where_the_slowest_partitions_of_its_sender_stand() -> None:
    machine = running()
    slowest = (("lines", 5), ("orders", None))
    effects = machine.step(ConnectionMessage(GAMMA, Heartbeat((), slowest)), 1.0)
    assert effects == [do.SlowestElsewhere("gamma", slowest)]


def test_what_another_worker_misses_holds_our_sources_too() -> None:
    machine = running()
    effects = machine.step(ConnectionMessage(GAMMA, Heartbeat(("beta",))), 1.0)
    expected = "waiting for 1 of 3 workers: beta (missed by gamma)"
    assert of(do.PauseSources, effects) == [do.PauseSources(expected)]
    assert do.ResumeSources() in machine.step(ConnectionMessage(GAMMA, Heartbeat(())), 2.0)


def test_after_a_stall_of_our_own_nobody_is_judged_at_once() -> None:
    machine = running()
    effects = machine.step(TimerFired(), 60.0)
    assert of(do.PeerDown, effects) == []
    assert of(do.PeerDown, machine.step(TimerFired(), 61.0)) == []


def test_a_peer_that_leaves_is_reported_and_waited_for() -> None:
    machine = running()
    effects = machine.step(ConnectionMessage(BETA, Leaving(completed=False)), 1.0)
    assert do.Report("beta is leaving") in effects
    assert len(of(do.PauseSources, effects)) == 1


def test_trouble_of_a_workers_own_is_no_failure_of_the_job() -> None:
    """Whoever has it ends; the others wait, and say how it has ended."""
    error = DamagedStateError("a byte was flipped")
    assert running().fail(error) == [do.Fail(error)]
    told = Leaving(False, "a byte was flipped", 65)
    both = [do.SendOnConnection(BETA, told), do.SendOnConnection(GAMMA, told)]
    assert running().leave(error) == both
    effects = running().step(ConnectionMessage(BETA, told), 1.0)
    assert of(do.Fail, effects) == []
    text = "waiting for 1 of 3 workers: beta (ended with status 65)"
    assert effects[-1] == do.PauseSources(text)
    [report] = of(do.Report, effects)
    assert isinstance(report, do.Report)
    assert "a byte was flipped" in report.text


def test_a_peer_that_is_back_has_not_ended_any_more() -> None:
    machine = running()
    machine.step(ConnectionMessage(BETA, Leaving(False, "a byte was flipped", 65)), 1.0)
    machine.step(ConnectionLost(BETA), 1.0)
    machine.step(ConnectionMessage(4, attach(member("beta", 2, "b"))), 2.0)
    [pause] = of(do.PauseSources, machine.step(ConnectionMessage(4, Leaving(completed=False)), 3.0))
    assert pause == do.PauseSources("waiting for 1 of 3 workers: beta")


def test_a_failure_of_the_job_is_told_to_all_and_passed_on() -> None:
    """Beta may not hear gamma at this moment: then it hears of it from alpha."""
    error = ApplicationError("it broke")
    failed = JobFailed("alpha", "it broke", 65)
    assert running().fail(error) == [
        do.SendOnConnection(BETA, failed),
        do.SendOnConnection(GAMMA, failed),
        do.Fail(error),
    ]
    heard = JobFailed("gamma", "it broke", 65)
    effects = running().step(ConnectionMessage(GAMMA, heard), 1.0)
    assert do.SendOnConnection(BETA, heard) in effects
    fail = effects[-1]
    assert isinstance(fail, do.Fail)
    assert (fail.error.message, fail.error.exit_code) == ("the job failed on gamma: it broke", 65)


def test_a_peer_that_completed_holds_nobody() -> None:
    machine = running()
    effects = machine.step(ConnectionMessage(BETA, Leaving(completed=True)), 1.0)
    effects += machine.step(ConnectionLost(BETA), 1.0)
    assert of(do.PauseSources, effects) == []


def test_strangers_and_other_versions_are_refused() -> None:
    machine = running()
    for asked in (attach(member("omega")), Attach(member("beta"), 99, "wc-1", 1)):
        effects = machine.step(ConnectionMessage(9, asked), 1.0)
        assert do.Close(9) in effects
        assert len(of(do.SendOnConnection, effects)) == 1


@pytest.mark.parametrize("message", [Attached, attach])
def test_another_directory_in_the_name_of_a_member_is_refused_whoever_dials(
    message: Callable[[Member], Attach | Attached],
) -> None:
    machine = running()
    machine.step(ConnectionLost(BETA), 1.0)
    known, other = (attrs.evolve(member("beta", 2, "b"), seat=Seat(each)) for each in "ab")
    assert of(do.PeerUp, machine.step(ConnectionMessage(8, message(known)), 1.0))
    machine.step(ConnectionLost(8), 1.0)
    effects = machine.step(ConnectionMessage(9, message(other)), 1.0)
    assert do.Close(9) in effects
    assert of(do.PeerUp, effects) == []
    (answer,) = of(do.SendOnConnection, effects)
    assert "its state directory is another one" in str(answer)


def test_a_member_of_another_cluster_is_sent_away_and_not_stopped() -> None:
    effects = running().step(ConnectionMessage(9, attach(member("beta"), cluster_id="wc-2")), 1.0)
    [answer] = of(do.SendOnConnection, effects)
    assert isinstance(answer, do.SendOnConnection)
    assert answer.message == Busy("beta of cluster wc-2 has reached wc-1")
    assert effects[-1] == do.Close(9)


def test_a_member_that_is_behind_is_told_what_was_decided() -> None:
    effects = running(epoch=3).step(ConnectionMessage(9, attach(member("beta", 2, "b"), 2)), 1.0)
    assert do.SendOnConnection(9, Decided("wc-1", change(3))) in effects
    assert effects[-1] == do.Close(9)
    assert of(do.PeerUp, effects) == []


def test_a_member_that_is_behind_the_one_that_dials_asks_to_be_told() -> None:
    effects = running(epoch=2).step(ConnectionMessage(9, attach(member("beta", 2, "b"), 3)), 1.0)
    assert effects == [do.SendOnConnection(9, attach(member("alpha"), 2))]


def test_what_was_decided_is_adopted_if_it_is_newer() -> None:
    newer = Decided("wc-1", change(2))
    adopts = AdoptChange(adopted(record(1), change(2)))
    assert running(epoch=1).step(ConnectionMessage(9, newer), 1.0)[-1] == adopts
    assert running(epoch=2).step(ConnectionMessage(9, newer), 1.0) == []


def test_who_is_no_member_any_longer_puts_aside_what_it_has() -> None:
    gone = Decided("wc-1", change(2, ("beta", "gamma")))
    [aside] = running().step(ConnectionMessage(9, gone), 1.0)
    assert isinstance(aside, SetAside)
    assert aside.exit_code == 76
    assert "alpha is no longer a member of the cluster, since epoch 2" in aside.reason
