"""A change that is proposed: what is said to whom in which phase, and when it is enough."""

from typing import Any

import pytest
from support.nodes import STARTS_AT, changed, member, of, record

from wallarood.control.change.proposing.bids import Bids
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.change.proposing.composing import Plan
from wallarood.control.change.proposing.proposal import Proposal
from wallarood.control.change.proposing.requests import Door
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendToMember
from wallarood.model import messages as say
from wallarood.model.change import Change, ChangeKind, Gone, Vote, Why
from wallarood.model.ids import NO_SEAT, Ballot, WorkerName

TRIO = ("alpha", "beta", "gamma")
HERE = record("alpha", *TRIO)
EVICT = say.ChangeRequest("r", ChangeKind.EVICT, ("gamma",))
WITHOUT_GAMMA = changed(HERE, "alpha", "beta", gone=(Gone("gamma", NO_SEAT, Why.EVICTED),))


def proposed(phase: Phase, change: Change | None = None, *done: WorkerName) -> Proposal:
    """That of alpha, which hears of all, in *phase*."""
    view = View(member("alpha"), HERE)
    for name in TRIO:
        view.is_up(member(name))
    proposal = Proposal(view, Door(view), Bids("alpha"))
    proposal.begin(Plan(EVICT, view))
    proposal.begin_to_ask()
    proposal.phase, proposal.change, proposal.done = phase, change, set(done)
    return proposal


def told(effects: list[Effect]) -> dict[str, Any]:
    return {each.name: each.message for each in of(SendToMember, effects)}


def test_each_question_has_another_name_and_a_higher_ballot() -> None:
    proposal = proposed(Phase.IDLE)
    first, ballot = proposal.question, proposal.bids.ballot
    proposal.begin_to_ask()
    assert proposal.phase is Phase.COLLECTING
    assert proposal.question != first
    assert proposal.bids.ballot > ballot


def test_who_bids_asks_itself_first_whoever_is_to_be_asked() -> None:
    proposal = proposed(Phase.COLLECTING)
    assert set(told(proposal.ask())) == {"alpha"}
    assert set(told(proposal.ask(["beta"]))) == {"alpha"}
    proposal.done = {"alpha", "gamma"}
    assert told(proposal.ask()) == {"beta": say.Collect(proposal.question, proposal.bids.ballot)}


def test_the_members_of_the_next_epoch_stage_and_those_of_this_one_accept() -> None:
    staging = proposed(Phase.STAGING, WITHOUT_GAMMA, "alpha")
    asked = told(staging.ask())
    assert set(asked) == {"beta"}
    assert asked["beta"].old_members == staging.view.members
    assert set(told(proposed(Phase.ACCEPTING, WITHOUT_GAMMA, "alpha").ask())) == {"beta", "gamma"}


def test_nothing_is_asked_of_anybody_before_there_is_a_change() -> None:
    for phase in (Phase.IDLE, Phase.FREEZING, Phase.PUBLISHING, Phase.STAGING, Phase.ACCEPTING):
        assert proposed(phase).ask() == []


def test_a_change_of_ones_own_needs_the_promises_of_all_that_stay() -> None:
    assert not proposed(Phase.COLLECTING, None, "alpha", "gamma").promised
    assert proposed(Phase.COLLECTING, None, "alpha", "beta").promised


def test_a_change_of_another_is_finished_with_as_many_promises_as_could_have_decided_it() -> None:
    """Of four a majority is three, and two where the other two are certified dead."""
    four = (*TRIO, "delta")
    view = View(member("alpha"), record("alpha", *four))
    proposal = Proposal(view, Door(view), Bids("alpha"), done={"alpha", "beta"})
    assert not proposal.promised
    for certified in (False, True):
        gone = tuple(Gone(name, NO_SEAT, Why.EVICTED, certified) for name in ("gamma", "delta"))
        change = changed(view.record, "alpha", "beta", gone=gone)
        vote = Vote(1, Ballot(1, "beta"), Ballot(1, "beta"), change)
        held = say.Holdings("q", 0, (STARTS_AT,), STARTS_AT, 0, 0, accepted=vote)
        proposal.holdings["beta"] = held
        assert proposal.promised is certified
    proposal.holdings.clear()
    proposal.done.add("delta")
    assert proposal.promised


@pytest.mark.parametrize(
    ("accepted", "decided"), [((), False), (("gamma",), False), (("beta", "gamma"), True)]
)
def test_it_is_decided_when_a_majority_has_accepted(
    accepted: tuple[str, ...], decided: bool
) -> None:
    proposal = proposed(Phase.ACCEPTING, WITHOUT_GAMMA, *accepted)
    assert proposal.decided == (WITHOUT_GAMMA if decided else None)


def test_it_waits_for_nobody_who_has_done_what_is_asked() -> None:
    proposal = proposed(Phase.ACCEPTING, WITHOUT_GAMMA, "alpha")
    assert proposal.all_here(0.0)
    assert proposal.progress.endswith("waiting for beta, gamma")
    proposal.view.is_down("gamma")
    assert not proposal.all_here(0.0)
    proposal.done.add("gamma")
    assert proposal.all_here(0.0)


def test_it_waits_for_who_joins_until_that_is_connected() -> None:
    assert not proposed(Phase.STAGING, changed(HERE, *TRIO, "delta")).all_here(0.0)


def test_who_leaves_does_not_hear_the_decision_from_who_proposed_it() -> None:
    proposal = proposed(Phase.ACCEPTING, WITHOUT_GAMMA, "alpha", "beta")
    assert set(told(proposal.tell_decided(WITHOUT_GAMMA))) == {"beta"}
    assert set(told(proposal.tell_progress("staging"))) == set(TRIO)
