"""Completion: nobody publishes before all have prepared, and a lost connection loses nothing."""

import itertools

import pytest

from wallarood.control import effects as do
from wallarood.control.completion import Completion, Phase
from wallarood.control.effects import Effect
from wallarood.control.events import JobDrained, Received, SinksPublished, TimerFired
from wallarood.model.messages import Completed, ControlMessage, Drained, Publish, Published

WORKERS = ("alpha", "beta", "gamma")


class Cluster:
    """Three machines that hear each other at once, but for those that are cut off."""

    def __init__(self) -> None:
        self.machines = {
            name: Completion(name, WORKERS, completion_wait_s=60.0) for name in WORKERS
        }
        self.cut: set[str] = set()
        self.published: list[str] = []
        self.done: list[str] = []
        for a, b in itertools.permutations(WORKERS, 2):
            self.perform(a, self.machines[a].peer_up(b, WORKERS.index(b)))

    def perform(self, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case do.Send(connection, message):
                    self.deliver(name, WORKERS[connection], message)
                case do.PublishSinks():
                    drained = {n for n, m in self.machines.items() if m.phase is not Phase.RUNNING}
                    assert drained == set(WORKERS), "published before all were drained"
                    self.published.append(name)
                case do.JobDone():
                    self.done.append(name)

    def deliver(self, sender: str, target: str, message: ControlMessage) -> None:
        if not self.cut & {sender, target}:
            event = Received(WORKERS.index(sender), message)
            self.perform(target, self.machines[target].step(event, 0.0, sender=sender))

    def tell(self, name: str, event: JobDrained | SinksPublished) -> None:
        self.perform(name, self.machines[name].step(event, 0.0))

    def reconnect(self) -> None:
        self.cut.clear()
        for a, b in itertools.permutations(WORKERS, 2):
            self.perform(a, self.machines[a].peer_up(b, WORKERS.index(b)))


@pytest.mark.parametrize("order", list(itertools.permutations(WORKERS)))
def test_all_complete_in_whatever_order_they_drain_and_publish(order: tuple[str, ...]) -> None:
    cluster = Cluster()
    for name in order:
        cluster.tell(name, JobDrained())
    assert sorted(cluster.published) == sorted(WORKERS)
    for name in reversed(order):
        cluster.tell(name, SinksPublished())
    assert sorted(cluster.done) == sorted(WORKERS)


@pytest.mark.parametrize("away", WORKERS)
def test_what_was_said_while_a_connection_was_away_is_said_again(away: str) -> None:
    cluster = Cluster()
    cluster.cut = {away}
    for name in WORKERS:
        cluster.tell(name, JobDrained())
    assert cluster.published == []
    cluster.reconnect()
    assert sorted(cluster.published) == sorted(WORKERS)
    cluster.cut = {away}
    for name in WORKERS:
        cluster.tell(name, SinksPublished())
    assert len(cluster.done) < 3
    cluster.reconnect()
    assert sorted(cluster.done) == sorted(WORKERS)


def test_a_worker_that_has_published_gives_up_a_missing_peer_after_the_wait() -> None:
    machine = Cluster().machines["beta"]
    machine.step(JobDrained(), 0.0)
    machine.step(Received(0, Publish()), 0.0, sender="alpha")
    machine.step(SinksPublished(), 0.0)
    assert machine.deadline is None
    machine.peer_down("alpha", 10.0)
    assert machine.deadline == 70.0
    assert machine.step(TimerFired(), 69.0) == []
    (failed,) = machine.step(TimerFired(), 70.0)
    assert isinstance(failed, do.Fail)
    assert failed.error.exit_code == 69


def test_stragglers_change_nothing() -> None:
    machine = Cluster().machines["beta"]
    for message in (Publish(), Completed(), Drained(), Published()):
        assert machine.step(Received(0, message), 0.0, sender="alpha") == []
    assert machine.phase is Phase.RUNNING
