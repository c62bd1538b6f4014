"""Who is missed by all others for long is evicted; who is heard by one, or has left, is not."""

import attrs
import pytest
from support.nodes import member, of, record

from wallarood.control.change.evictor import Evictor
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, Report, SendToMember
from wallarood.control.events import MemberDown, MemberMessage, MemberUp, TimerFired
from wallarood.control.membership.presence import Peer, Presence
from wallarood.model.change import ChangeKind, Trust
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.messages import (
    ChangeRequest,
    DropKept,
    Misses,
    Purpose,
    RoundProposal,
    TakeCheckpoint,
)

AFTER_S, BEAT_S = 10.0, 1.0
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")


@attrs.define(eq=False)
class Cluster:
    """What *name* of *count* workers sees: all others were heard at 0."""

    name: str = "alpha"
    count: int = 3
    now: float = 0.0
    view: View = attrs.field(init=False)
    peers: dict[str, Peer] = attrs.field(init=False)
    machine: Evictor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        names = NAMES[: self.count]
        self.view = View(member(self.name), record(self.name, *names))
        others = [name for name in names if name != self.name]
        self.peers = {name: Peer(member(name), Presence.CONNECTED, 1) for name in others}
        self.machine = Evictor(
            self.view, self.peers, evict_after_s=AFTER_S, beat_s=BEAT_S, now=self.now
        )

    def loses(self, *names: str, presence: Presence = Presence.MISSING) -> None:
        """This worker hears some no longer."""
        for name in names:
            self.peers[name].presence, self.peers[name].connection = presence, None
            assert self.machine.step(MemberDown(name), self.now) == []

    def hears(self, name: str) -> None:
        """A member is back."""
        self.peers[name] = Peer(member(name), Presence.CONNECTED, 1, last_heard=self.now)
        self.machine.step(MemberUp(member(name)), self.now)

    def says(self, sender: str, *names: str, for_s: float = 0.0) -> None:
        """Another says whom it misses."""
        misses = Misses(tuple((name, for_s) for name in names))
        assert self.machine.step(MemberMessage(sender, misses), self.now) == []

    def at(self, now: float) -> list[Effect]:
        """Time passes."""
        self.now = now
        return self.machine.step(TimerFired(), now)


def asked(effects: list[Effect]) -> list[tuple[str, ...]]:
    """Whose eviction is asked for."""
    wanted = [each.message for each in of(SendToMember, effects)]
    requests = [each for each in wanted if isinstance(each, ChangeRequest)]
    assert all(each.kind is ChangeKind.EVICT and not each.certified for each in requests)
    return [each.names for each in requests]


def test_who_is_missed_by_all_others_for_the_whole_time_is_evicted() -> None:
    cluster = Cluster()
    cluster.now = 1.0
    cluster.loses("gamma")
    cluster.says("beta", "gamma", for_s=1.0)
    assert asked(cluster.at(9.9)) == []
    effects = cluster.at(10.9)
    assert asked(effects) == [("gamma",)]
    (said,) = of(Report, effects)
    assert said.text.startswith("evicting gamma: not heard by any other worker for 10 s")


def test_it_is_asked_for_again_after_as_long_a_time_and_no_sooner() -> None:
    cluster = Cluster()
    cluster.loses("gamma")
    cluster.says("beta", "gamma")
    times = [float(second) for second in range(1, 32) if asked(cluster.at(float(second)))]
    assert times == [10.0, 20.0, 30.0]


def test_all_that_are_heard_are_told_a_heartbeat_apart_and_once_when_it_is_back() -> None:
    cluster = Cluster("gamma", 4)
    assert cluster.machine.deadline is None
    cluster.loses("beta")
    assert cluster.machine.deadline == 0.0
    told = of(SendToMember, cluster.at(1.5))
    assert told == [SendToMember(name, Misses((("beta", 1.5),))) for name in ("alpha", "delta")]
    assert cluster.machine.deadline == 1.5 + BEAT_S
    cluster.hears("beta")
    names = ("alpha", "beta", "delta")
    assert cluster.at(2.6) == [SendToMember(name, Misses(())) for name in names]
    assert cluster.machine.deadline is None


def test_a_cut_cable_between_two_of_three_evicts_nobody() -> None:
    cluster = Cluster()
    cluster.loses("gamma")
    assert [asked(cluster.at(float(second))) for second in range(1, 60)] == [[]] * 59
    cluster.says("beta", "alpha", for_s=50)
    assert asked(cluster.at(60.0)) == []


@pytest.mark.parametrize(("name", "count"), [("beta", 3), ("alpha", 2), ("alpha", 4)])
def test_only_the_first_that_stays_asks_and_only_for_a_majority(name: str, count: int) -> None:
    cluster = Cluster(name, count)
    lost = NAMES[2:4] if count > 2 else NAMES[1:2]
    cluster.loses(*[each for each in lost if each in cluster.peers])
    for other in set(cluster.peers) - set(lost):
        cluster.says(other, *[each for each in lost if each in cluster.peers])
    assert [asked(cluster.at(float(second))) for second in range(1, 60)] == [[]] * 59


def test_two_of_five_are_evicted_together_and_the_first_as_well() -> None:
    cluster = Cluster("beta", 5)
    cluster.loses("alpha", "epsilon")
    for other in ("gamma", "delta"):
        cluster.says(other, "alpha", "epsilon")
    assert asked(cluster.at(10.0)) == [("alpha", "epsilon")]


def test_who_has_said_that_it_leaves_is_waited_for_and_so_is_whoever_is_lost_beside_it() -> None:
    cluster = Cluster("alpha", 5)
    cluster.loses("delta", presence=Presence.LEFT)
    cluster.loses("epsilon")
    for other in ("beta", "gamma"):
        cluster.says(other, "epsilon")
    assert [asked(cluster.at(float(second))) for second in range(1, 60)] == [[]] * 59


def test_those_that_stay_must_have_heard_each_other_for_as_long() -> None:
    """The network was in pieces: who is back last has had no time to come."""
    cluster = Cluster("alpha", 5)
    cluster.loses("epsilon")
    for other in ("beta", "gamma", "delta"):
        cluster.says(other, "epsilon")
    cluster.now = 8.0
    cluster.says("gamma", "epsilon", "delta", for_s=8.0)
    cluster.now = 9.0
    cluster.says("gamma", "epsilon", for_s=9.0)
    assert asked(cluster.at(12.0)) == []
    assert asked(cluster.at(17.9)) == []
    assert asked(cluster.at(19.0)) == [("epsilon",)]


def test_a_member_that_was_away_itself_must_be_heard_for_as_long() -> None:
    cluster = Cluster()
    cluster.loses("beta", "gamma")
    cluster.at(30.0)
    cluster.hears("beta")
    cluster.says("beta", "gamma", for_s=30.0)
    assert asked(cluster.at(39.0)) == []
    assert asked(cluster.at(40.0)) == [("gamma",)]


def test_one_that_another_has_heard_since_is_not_evicted() -> None:
    cluster = Cluster()
    cluster.loses("gamma")
    cluster.now = 9.0
    cluster.says("beta", "gamma", for_s=2.0)
    assert asked(cluster.at(16.0)) == []
    assert asked(cluster.at(17.0)) == [("gamma",)]


@pytest.mark.parametrize("why", ["restored", "completed", "version", "version of the lost one"])
def test_nobody_is_evicted_by_a_copy_after_the_end_or_amid_an_upgrade(why: str) -> None:
    cluster = Cluster()
    cluster.loses("gamma")
    cluster.says("beta", "gamma")
    match why:
        case "restored":
            cluster.view.trust = Trust.RESTORED
        case "completed":
            cluster.view.completed = True
        case _:
            name = "beta" if why == "version" else "gamma"
            cluster.view.is_up(attrs.evolve(member(name), version="2"))
    assert [asked(cluster.at(float(second))) for second in range(1, 40)] == [[]] * 39


def kept(number: int, name: str) -> MemberMessage:
    return MemberMessage("alpha", TakeCheckpoint(number, Purpose.ASKED, name))


def begins(number: int) -> MemberMessage:
    start = CheckpointId(1, number)
    return MemberMessage("alpha", RoundProposal("a", 2, start, number, (), 0))


@pytest.mark.parametrize(
    ("heard", "evicts"),
    [
        ([kept(7, "upgrade")], False),
        ([kept(7, "upgrade --drop total")], False),
        ([kept(7, "upgrade --back")], False),
        ([kept(7, "nightly")], True),
        ([kept(7, "upgraded")], True),
        ([kept(7, "upgrade"), MemberMessage("alpha", DropKept("nightly"))], False),
        ([kept(7, "upgrade"), MemberMessage("alpha", DropKept("upgrade"))], True),
        ([kept(7, "upgrade"), begins(7)], False),
        ([kept(7, "upgrade"), begins(6)], True),
    ],
)
def test_nobody_is_evicted_from_when_an_upgrade_is_ordered_until_it_is_cancelled(
    heard: list[MemberMessage], evicts: bool
) -> None:
    """Who is away may be one that is being restarted, before any has said its new version."""
    cluster = Cluster()
    for message in heard:
        assert cluster.machine.step(message, 0.0) == []
    cluster.loses("gamma")
    cluster.says("beta", "gamma")
    assert (asked(cluster.at(10.0)) == [("gamma",)]) == evicts


def test_nor_by_one_that_was_started_while_it_is_pending() -> None:
    cluster = Cluster()
    cluster.machine = Evictor(
        cluster.view,
        cluster.peers,
        evict_after_s=AFTER_S,
        beat_s=BEAT_S,
        waits=(("upgrade", 7),),
        now=0.0,
    )
    cluster.loses("gamma")
    cluster.says("beta", "gamma")
    assert asked(cluster.at(10.0)) == []
