"""A worker that joins a running cluster: asks, stages, is in doubt, adopts what is decided."""

import attrs
import pytest
from support.nodes import changed, failure, founding, member, of, record, said, sent

from wallarood.control import effects as do
from wallarood.control.change.decided import adopted
from wallarood.control.change.effects import (
    AdoptChange,
    CopyAhead,
    SeekAt,
    SetAside,
    StageChange,
    Unstage,
)
from wallarood.control.change.events import AheadCopied, ChangeStaged, StagingFailed
from wallarood.control.change.newcomer import Newcomer, Phase
from wallarood.control.events import ConnectionLost, ConnectionOpened, TimerFired
from wallarood.model import messages as say
from wallarood.model.ids import Ballot

PAIR = ("alpha", "beta")
BEFORE = record("alpha", *PAIR)
CHANGE = changed(BEFORE, *PAIR, "gamma")
BALLOT = Ballot(1, "alpha")
WC = BEFORE.cluster_id
STAGE = say.Stage(BALLOT, WC, "alpha", CHANGE, BEFORE.topology, BEFORE.members)
STAGED = (1, say.Staged(BALLOT, "gamma", member("gamma").seat))


TO_BE = adopted(attrs.evolve(BEFORE, worker="gamma"), CHANGE)


def gamma(*, staged: bool = False) -> Newcomer:
    machine = Newcomer(founding("gamma"), 0.0, TO_BE if staged else None)
    machine.begin(0.0)
    machine.step(ConnectionOpened(1, ""), 0.0)
    return machine


def in_doubt() -> Newcomer:
    machine = gamma()
    machine.step(said(1, STAGE), 0.0)
    machine.step(ChangeStaged(BALLOT), 0.0)
    assert machine.phase is Phase.STAGED
    return machine


def test_it_asks_and_asks_again() -> None:
    machine = Newcomer(founding("gamma"), 0.0)
    (asked,) = sent(machine.step(ConnectionOpened(1, ""), 0.0))
    assert asked == (1, say.JoinRunning(member("gamma"), "app", (), say.PROTOCOL_VERSION))
    assert machine.deadline == 1.0
    assert sent(machine.step(TimerFired(), 1.0)) == [asked]


def test_it_goes_where_it_is_sent() -> None:
    there = member("beta").control
    assert gamma().step(said(1, say.AskThere(WC, there)), 0.0) == [
        SeekAt(there),
        do.Close(1),
    ]


def test_it_says_that_it_has_staged_once_that_is_durable() -> None:
    machine = gamma()
    (staging,) = of(StageChange, machine.step(said(1, STAGE), 0.0))
    assert staging.record.worker == "gamma"
    assert staging.record.change == CHANGE
    assert sent(machine.step(said(1, STAGE), 0.0)) == []
    assert sent(machine.step(ChangeStaged(BALLOT), 0.0)) == [STAGED]
    assert sent(machine.step(said(1, STAGE), 0.0)) == [STAGED]


def test_the_same_ballot_or_a_lower_one_in_a_later_epoch_is_another_change() -> None:
    machine = in_doubt()
    later = attrs.evolve(CHANGE, epoch=CHANGE.epoch + 1)
    asked = attrs.evolve(STAGE, change=later)
    (staging,) = of(StageChange, machine.step(said(1, asked), 0.0))
    assert staging.record.change == later
    assert sent(machine.step(said(1, STAGE), 0.0)) == [], "that epoch is over"
    assert machine.step(ChangeStaged(BALLOT), 0.0) != []
    latest = attrs.evolve(CHANGE, epoch=CHANGE.epoch + 2)
    lower = attrs.evolve(STAGE, change=latest, ballot=Ballot(0, "a"))
    (staging,) = of(StageChange, machine.step(said(1, lower), 0.0))
    assert staging.record.change == latest


ELSEWHERE = attrs.evolve(STAGE, cluster_id="wc-other", ballot=Ballot(9, "omega"))


@pytest.mark.parametrize("started", ["in this life", "in the last one"])
def test_who_is_in_doubt_asks_for_that_cluster_alone(started: str) -> None:
    machine = in_doubt() if started == "in this life" else gamma(staged=True)
    machine.step(ConnectionLost(1), 0.0)
    ((_, asked),) = sent(machine.step(ConnectionOpened(2, ""), 0.0))
    assert isinstance(asked, say.JoinRunning)
    assert (asked.cluster_id, asked.staged) == (WC, CHANGE.epoch)
    assert machine.step(said(2, ELSEWHERE), 0.0) == []
    assert machine.step(said(2, say.Decided("wc-other", CHANGE)), 0.0) == []
    assert of(AdoptChange, machine.step(said(2, say.Decided(WC, CHANGE)), 0.0))


@pytest.mark.parametrize("ends", ["it could not be staged", "it is decided without it"])
def test_who_is_in_doubt_no_more_may_be_taken_in_by_another_cluster(ends: str) -> None:
    if ends == "it could not be staged":
        machine = gamma()
        machine.step(said(1, attrs.evolve(STAGE, ballot=Ballot(99, "alpha"))), 0.0)
        machine.step(StagingFailed(Ballot(99, "alpha"), "no room"), 0.0)
    else:
        machine = in_doubt()
        machine.step(said(1, say.Decided(WC, changed(BEFORE, *PAIR))), 0.0)
    machine.step(ConnectionLost(1), 0.0)
    ((_, asked),) = sent(machine.step(ConnectionOpened(2, ""), 0.0))
    assert isinstance(asked, say.JoinRunning)
    assert (asked.cluster_id, asked.staged) == (None, 0)
    (staging,) = of(StageChange, machine.step(said(2, ELSEWHERE), 0.0))
    assert staging.record.cluster_id == "wc-other"


def test_what_it_cannot_stage_it_says() -> None:
    machine = gamma()
    machine.step(said(1, STAGE), 0.0)
    ((_, answer),) = sent(machine.step(StagingFailed(BALLOT, "no room"), 0.0))
    assert isinstance(answer, say.Staged)
    assert answer.problem == "no room"


def test_what_is_decided_is_adopted_whoever_says_it() -> None:
    machine = in_doubt()
    machine.step(ConnectionLost(1), 0.0)
    machine.step(ConnectionOpened(2, ""), 0.0)
    (adopts,) = of(AdoptChange, machine.step(said(2, say.Decided(WC, CHANGE)), 0.0))
    assert adopts.record.change == CHANGE
    assert machine.phase is Phase.ADMITTED


def test_a_start_in_doubt_adopts_what_is_decided() -> None:
    machine = gamma(staged=True)
    (adopts,) = of(AdoptChange, machine.step(said(1, say.Decided(WC, CHANGE)), 0.0))
    assert adopts.record.cluster_id == WC


def test_what_is_decided_without_it_ends_the_doubt() -> None:
    other = attrs.evolve(changed(BEFORE, *PAIR), epoch=2)
    machine = gamma(staged=True)
    assert machine.step(said(1, say.Decided(WC, other)), 0.0) == [Unstage(2)]
    assert machine.phase is Phase.ASKING


def test_a_seat_whose_part_is_lost_is_not_taken_up_again() -> None:
    """It is in the cluster, but what it had staged is gone."""
    (aside,) = gamma().step(said(1, say.Decided(WC, CHANGE)), 0.0)
    assert isinstance(aside, SetAside)


def test_a_refusal_ends_it() -> None:
    assert "no room" in str(failure(gamma().step(said(1, say.Refused("no room", 76)), 0.0)))


@pytest.mark.parametrize("staged", [False, True])
def test_it_does_not_wait_for_ever(staged: bool) -> None:
    machine = gamma(staged=staged)
    error = str(failure(machine.step(TimerFired(), 60.0)))
    assert ("kept for the next start" in error) is staged


def test_who_takes_it_for_a_member_is_told_to_come_later() -> None:
    attach = say.Attach(member("beta"), say.PROTOCOL_VERSION, WC, 2)
    ((_, answer),) = sent(gamma().step(said(9, attach), 0.0))
    assert isinstance(answer, say.Busy)
    assert of(do.Fail, gamma().step(said(9, say.Heartbeat(())), 0.0)) == []


COPY = say.CopyAhead("first", WC, CHANGE.topology, BEFORE.topology, BEFORE.members)
COPIED = say.CopiedAhead("first", "gamma")


def test_it_copies_ahead_and_says_so_also_on_another_connection() -> None:
    machine = gamma()
    (wanted,) = of(CopyAhead, machine.step(said(1, COPY), 0.0))
    assert wanted.topology == CHANGE.topology
    assert machine.step(said(1, COPY), 0.0) == []
    machine.step(ConnectionLost(1), 0.0)
    assert machine.step(AheadCopied("first"), 0.0) == []
    machine.step(ConnectionOpened(2, ""), 0.0)
    assert sent(machine.step(said(2, COPY), 0.0)) == [(2, COPIED)]
    assert machine.phase is Phase.ASKING


def test_one_in_doubt_copies_nothing_over_what_it_has_staged() -> None:
    machine = in_doubt()
    effects = machine.step(said(1, COPY), 0.0)
    assert of(CopyAhead, effects) == []
    assert sent(effects) == [(1, COPIED)]
