"""Completion: the final checkpoint comes when all are drained, and nothing said is lost."""

import itertools

import pytest

from wallarood.control import effects as do
from wallarood.control.effects import Effect
from wallarood.control.events import (
    Event,
    FinalPublished,
    JobDrained,
    MemberDown,
    MemberMessage,
    MemberUp,
    TimerFired,
)
from wallarood.control.rounds.completion import Completion, Phase
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import (
    Completed,
    ControlMessage,
    Drained,
    Member,
    Published,
    Purpose,
    RequestCheckpoint,
)

WORKERS = ("alpha", "beta", "gamma")
HERE = Address("127.0.0.1", 1)


def member(name: str) -> Member:
    return Member(name, HERE, HERE, Incarnation(1, name))


class Cluster:
    """Three machines that hear each other at once, but for those that are cut off."""

    def __init__(self) -> None:
        self.machines = {
            name: Completion(name, WORKERS, completion_wait_s=60.0) for name in WORKERS
        }
        self.cut: set[str] = set()
        self.finals = 0
        self.done: list[str] = []

    def tell(self, name: str, event: Event) -> None:
        for effect in self.machines[name].step(event, 0.0):
            self.perform(name, effect)

    def perform(self, name: str, effect: Effect) -> None:
        match effect:
            case do.SendToMember("alpha", RequestCheckpoint(Purpose.FINAL)):
                drained = {n for n, m in self.machines.items() if m.phase is not Phase.RUNNING}
                assert drained == set(WORKERS), "a final checkpoint before all were drained"
                self.finals += 1
            case do.SendToMember(target, message):
                self.deliver(name, target, message)
            case do.JobDone():
                self.done.append(name)

    def deliver(self, sender: str, target: str, message: ControlMessage) -> None:
        if sender == target or not self.cut & {sender, target}:
            self.tell(target, MemberMessage(sender, message))

    def reconnect(self) -> None:
        self.cut.clear()
        for a, b in itertools.permutations(WORKERS, 2):
            self.tell(a, MemberUp(member(b)))


@pytest.mark.parametrize("order", list(itertools.permutations(WORKERS)))
def test_all_complete_in_whatever_order_they_drain_and_publish(order: tuple[str, ...]) -> None:
    cluster = Cluster()
    for name in order:
        cluster.tell(name, JobDrained())
    assert cluster.finals == 1
    for name in reversed(order):
        assert cluster.done == []
        cluster.tell(name, FinalPublished())
    assert sorted(cluster.done) == sorted(WORKERS)


@pytest.mark.parametrize("away", WORKERS)
def test_what_was_said_while_a_connection_was_away_is_said_again(away: str) -> None:
    cluster = Cluster()
    cluster.cut = {away}
    for name in WORKERS:
        cluster.tell(name, JobDrained())
    assert cluster.finals == 0
    cluster.reconnect()
    assert cluster.finals == 1
    cluster.cut = {away}
    for name in WORKERS:
        cluster.tell(name, FinalPublished())
    assert len(cluster.done) < 3
    cluster.reconnect()
    assert sorted(cluster.done) == sorted(WORKERS)


def test_a_worker_that_has_published_gives_up_a_missing_peer_after_the_wait() -> None:
    cluster = Cluster()
    machine = cluster.machines["beta"]
    machine.step(JobDrained(), 0.0)
    machine.step(FinalPublished(), 0.0)
    assert machine.deadline is None
    machine.step(MemberDown("alpha"), 10.0)
    assert machine.deadline == 70.0
    assert machine.step(TimerFired(), 69.0) == []
    (failed,) = machine.step(TimerFired(), 70.0)
    assert isinstance(failed, do.Fail)
    assert failed.error.exit_code == 69


def test_stragglers_change_nothing() -> None:
    machine = Cluster().machines["beta"]
    for message in (Completed(), Published()):
        assert machine.step(MemberMessage("alpha", message), 0.0) == []
    assert machine.phase is Phase.RUNNING


def test_a_worker_that_drains_twice_is_counted_once() -> None:
    machine = Cluster().machines["alpha"]
    for name in ("beta", "beta", "gamma", "gamma"):
        effects = machine.step(MemberMessage(name, Drained()), 0.0)
        assert do.SendToMember("alpha", RequestCheckpoint(Purpose.FINAL)) not in effects
