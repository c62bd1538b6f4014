"""Who proposes a change: freeze, publish, ask, stage, accept; nothing is found twice or lost."""

from typing import Any

import attrs
import pytest
from support.nodes import STARTS_AT, changed, member, of, record, said, sent

from wallarood.control.change.decided import adopted
from wallarood.control.change.effects import AdoptChange, SetAside, TellOperator
from wallarood.control.change.events import AcceptanceFound, ChangeWanted, VoteWritten
from wallarood.control.change.proposing.changer import Changer
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.change.proposing.waits import BOUND_WAIT_S
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, Report, SendToMember
from wallarood.control.events import (
    ConnectionLost,
    Event,
    MemberMessage,
    MemberUp,
    TimerFired,
)
from wallarood.model import messages as say
from wallarood.model.change import Change, ChangeKind, Gone, PartName, Vote, Why
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import RefusedError
from wallarood.model.ids import NO_BALLOT, NO_SEAT, Ballot, WorkerName
from wallarood.model.topology import Topology

TRIO = ("alpha", "beta", "gamma")
HERE = record("alpha", *TRIO)
FIRST = Ballot(1, "alpha")
SHRINK = say.ChangeRequest("r", ChangeKind.SHRINK, ("gamma",))
OTHER = changed(HERE, *TRIO, "omega")


def replan(previous: Topology, workers: tuple[WorkerName, ...], /, *, epoch: int) -> Topology:
    return attrs.evolve(previous, epoch=epoch, workers=workers)


def heard(sender: str, message: say.ControlMessage) -> MemberMessage:
    return MemberMessage(sender, message)


def changer(name: str = "alpha", vote: Vote | None = None, *events: Event) -> Changer:
    """The machine of a member of three that all run, after *events*."""
    known: ClusterRecord = attrs.evolve(HERE, worker=name)
    view = View(member(name), known, running=True)
    for other in TRIO:
        view.is_up(member(other))
    machine = Changer(view, replan, vote, now=0.0)
    for event in events:
        machine.step(event, 0.0)
    return machine


def told(effects: list[Effect], kind: type) -> dict[str, Any]:
    """What of *kind* is said to whom."""
    return {e.name: e.message for e in of(SendToMember, effects) if isinstance(e.message, kind)}


def holds(machine: Changer, sender: str, **more: Any) -> MemberMessage:
    question = machine.proposal.question
    held = say.Holdings(question, 3, (STARTS_AT,), STARTS_AT, 4, 0)
    return heard(sender, attrs.evolve(held, **more))


LIFE = member("alpha").incarnation
COPIES = f"{LIFE.starts}-{LIFE.nonce}-copy-1"
COPIED = tuple(heard(name, say.CopiedAhead(COPIES, name)) for name in ("alpha", "beta"))
FROZEN = (
    ChangeWanted(SHRINK),
    *COPIED,
    heard("alpha", say.TakeCheckpoint(7, say.Purpose.CHANGE)),
    heard("alpha", say.CheckpointCommitted(7)),
)
PUBLISHED = (*FROZEN, *(heard(name, say.ChangePublished(7)) for name in TRIO))


def collecting() -> Changer:
    machine = changer("alpha", None, *PUBLISHED)
    assert machine.phase is Phase.COLLECTING
    return machine


def staging() -> Changer:
    machine = collecting()
    for name in TRIO:
        machine.step(holds(machine, name), 0.0)
    assert machine.phase is Phase.STAGING
    return machine


def accepting() -> Changer:
    machine = staging()
    for name in ("alpha", "beta"):
        machine.step(heard(name, say.Staged(FIRST, name, NO_SEAT)), 0.0)
    assert machine.phase is Phase.ACCEPTING
    return machine


def test_a_planned_change_begins_with_copies_of_what_moves_for_those_that_stay() -> None:
    effects = changer().step(ChangeWanted(SHRINK), 0.0)
    asked = told(effects, say.CopyAhead)
    assert set(asked) == {"alpha", "beta"}
    assert asked["beta"].name == COPIES
    assert asked["beta"].topology.workers == ("alpha", "beta")
    assert asked["beta"].previous == HERE.topology
    assert of(TellOperator, effects) == [TellOperator("r", True, "shrink: begun")]


def test_when_all_have_copied_the_leader_takes_a_checkpoint() -> None:
    machine = changer("alpha", None, ChangeWanted(SHRINK), COPIED[1])
    other = heard("alpha", say.CopiedAhead("of-another", "alpha"))
    assert machine.step(other, 0.0) == []
    assert machine.phase is Phase.COPYING
    assert told(machine.step(COPIED[0], 0.0), say.RequestCheckpoint) == {
        "alpha": say.RequestCheckpoint(say.Purpose.CHANGE)
    }
    assert machine.phase is Phase.FREEZING


def test_who_has_not_copied_is_asked_again_and_may_take_long_while_it_is_there() -> None:
    machine = changer("alpha", None, ChangeWanted(SHRINK), COPIED[0])
    assert set(told(machine.step(TimerFired(), 2.0), say.CopyAhead)) == {"beta"}
    machine.step(TimerFired(), 61.0)
    assert machine.phase is Phase.COPYING


def test_copies_that_do_not_come_about_stop_nobody() -> None:
    machine = changer("alpha", None, ChangeWanted(SHRINK), COPIED[0])
    machine._view.is_down("beta")
    effects = machine.step(TimerFired(), 61.0)
    assert machine.phase is Phase.IDLE
    assert told(effects, say.ChangeProgress) == {}, "no round is to begin for that"
    (answer,) = of(TellOperator, effects)
    assert not answer.taken
    assert "copying what moves while records flow; waiting for beta" in answer.text


def test_what_cannot_be_is_refused_before_anything_stands_still() -> None:
    def refuses(previous: Topology, workers: tuple[WorkerName, ...], /, *, epoch: int) -> Topology:
        raise RefusedError("its journal is there")

    machine = changer()
    machine._replan = refuses
    effects = machine.step(ChangeWanted(SHRINK), 0.0)
    assert of(TellOperator, effects)[-1] == TellOperator("r", False, "its journal is there")
    assert of(SendToMember, effects) == []
    assert machine.phase is Phase.IDLE


def test_it_goes_on_when_all_have_published_that_checkpoint() -> None:
    machine = changer("alpha", None, *FROZEN, heard("beta", say.ChangePublished(7)))
    assert machine.phase is Phase.PUBLISHING
    machine.step(heard("gamma", say.ChangePublished(6)), 0.0)
    machine.step(heard("alpha", say.ChangePublished(7)), 0.0)
    assert machine.phase is Phase.PUBLISHING
    machine.step(heard("gamma", say.ChangePublished(7)), 0.0)
    assert machine.phase is Phase.COLLECTING


def test_each_step_is_said_in_words_with_those_who_have_not_done_it() -> None:
    assert changer().proposal.progress == ""
    assert changer("alpha", None, ChangeWanted(SHRINK), COPIED[0]).proposal.progress == (
        "change to epoch 2: copying what moves while records flow; waiting for beta"
    )
    assert changer("alpha", None, ChangeWanted(SHRINK), *COPIED).proposal.progress == (
        "change to epoch 2: taking a checkpoint after which all sources stand still"
    )
    machine = changer("alpha", None, *FROZEN, heard("beta", say.ChangePublished(7)))
    assert machine.proposal.progress == (
        "change to epoch 2: publishing what that checkpoint holds; waiting for alpha, gamma"
    )
    machine = staging()
    machine.step(heard("alpha", say.Staged(FIRST, "alpha", NO_SEAT)), 0.0)
    assert machine.proposal.progress == (
        "change to epoch 2: making what moves durable; waiting for beta"
    )
    assert accepting().proposal.progress.endswith(": deciding; waiting for alpha, beta, gamma")


def test_a_ballot_is_heard_by_others_only_when_it_is_durable_here() -> None:
    machine = changer("alpha", None, *PUBLISHED[:-1])
    asked = told(machine.step(PUBLISHED[-1], 0.0), say.Collect)
    assert set(asked) == {"alpha"}
    assert asked["alpha"].ballot == FIRST
    assert set(told(machine.step(TimerFired(), 2.0), say.Collect)) == {"alpha"}
    after = told(machine.step(holds(machine, "alpha"), 2.0), say.Collect)
    assert set(after) == {"beta", "gamma"}


def test_what_follows_from_what_all_hold_is_staged_by_the_members_of_the_next_epoch() -> None:
    machine = collecting()
    machine.step(holds(machine, "alpha"), 0.0)
    machine.step(holds(machine, "beta"), 0.0)
    staged = told(machine.step(holds(machine, "gamma"), 0.0), say.Stage)
    assert set(staged) == {"alpha", "beta"}
    assert staged["beta"].change.workers == ("alpha", "beta")


def test_an_answer_of_a_restored_directory_is_no_promise() -> None:
    machine = collecting()
    for name in TRIO:
        effects = machine.step(holds(machine, name, restored=name == "gamma"), 0.0)
    assert machine.phase is Phase.IDLE
    (said,) = of(Report, effects)
    assert "the state directory of gamma was restored from a copy" in said.text


def test_once_all_have_staged_all_are_told_to_accept() -> None:
    machine = staging()
    machine.step(heard("alpha", say.Staged(FIRST, "alpha", NO_SEAT)), 0.0)
    effects = machine.step(heard("beta", say.Staged(FIRST, "beta", NO_SEAT)), 0.0)
    assert set(told(effects, say.Accept)) == set(TRIO), "one that leaves votes, too"


def test_who_cannot_stage_its_part_ends_the_change() -> None:
    effects = staging().step(heard("beta", say.Staged(FIRST, "beta", NO_SEAT, "no room")), 0.0)
    over = told(effects, say.ChangeProgress)
    assert {name: message.text for name, message in over.items()} == dict.fromkeys(TRIO, "")
    (answer,) = of(TellOperator, effects)
    assert "no room" in answer.text


def test_a_majority_decides_and_all_are_told_before_this_worker_adopts() -> None:
    machine = accepting()
    assert machine.step(heard("gamma", say.Accepted(FIRST)), 0.0) == []
    effects = machine.step(heard("alpha", say.Accepted(FIRST)), 0.0)
    assert set(told(effects, say.Decided)) == {"beta"}, "who leaves hears it from one that adopted"
    assert isinstance(effects[-1], AdoptChange)


def test_an_acceptance_at_another_ballot_is_not_counted() -> None:
    machine = accepting()
    machine.step(heard("gamma", say.Accepted(Ballot(1, "gamma"))), 0.0)
    assert machine.step(heard("alpha", say.Accepted(FIRST)), 0.0) == []


def test_what_was_accepted_is_finished_whatever_was_wanted() -> None:
    machine = collecting()
    lower = changed(HERE, "alpha")
    for name, vote in (
        ("alpha", None),
        ("beta", Vote(1, Ballot(3, "beta"), Ballot(3, "beta"), OTHER)),
    ):
        machine.step(holds(machine, name, accepted=vote), 0.0)
    older = Vote(1, Ballot(3, "beta"), Ballot(2, "gamma"), lower)
    effects = machine.step(holds(machine, "gamma", accepted=older), 0.0)
    assert {each.change.workers for each in told(effects, say.Accept).values()} == {OTHER.workers}


def test_a_question_with_a_higher_ballot_ends_it_and_a_lower_one_does_not() -> None:
    machine = staging()
    machine.step(heard("beta", say.Collect("b", NO_BALLOT)), 0.0)
    assert machine.phase is Phase.STAGING
    effects = machine.step(heard("beta", say.Collect("b", Ballot(2, "beta"))), 0.0)
    assert machine.phase is Phase.IDLE
    assert told(effects, say.ChangeProgress) == {}


def test_any_question_ends_a_change_that_has_not_asked_yet() -> None:
    machine = changer("alpha", None, *FROZEN)
    machine.step(heard("alpha", say.Collect("a round", NO_BALLOT)), 0.0)
    assert machine.phase is Phase.IDLE


def test_one_that_heeds_a_higher_ballot_ends_it() -> None:
    machine = accepting()
    machine.step(heard("gamma", say.Outbid(Ballot(4, "gamma"))), 0.0)
    assert machine.phase is Phase.IDLE
    machine.step(ChangeWanted(SHRINK), 0.0)
    for name in ("alpha", "beta"):
        machine.step(heard(name, say.CopiedAhead(machine.proposal.copies, name)), 0.0)
    for event in PUBLISHED[1:]:
        machine.step(event, 0.0)
    assert machine.proposal.bids.ballot == Ballot(5, "alpha")


def test_a_step_that_takes_too_long_ends_it() -> None:
    machine = changer("alpha", None, *FROZEN)
    over = told(machine.step(TimerFired(), 61.0), say.ChangeProgress)
    assert {message.text for message in over.values()} == {""}


def test_a_leader_that_was_away_when_a_change_was_abandoned_hears_of_it_when_it_is_back() -> None:
    """All sources stand still, and only the leader can begin another round."""
    leaves = attrs.evolve(SHRINK, names=("alpha",))
    machine = changer("beta", None, ChangeWanted(leaves))
    for name in ("beta", "gamma"):
        machine.step(heard(name, say.CopiedAhead(machine.proposal.copies, name)), 0.0)
    machine.step(heard("alpha", say.TakeCheckpoint(7, say.Purpose.CHANGE)), 0.0)
    machine.step(TimerFired(), 61.0)
    assert machine.phase is Phase.IDLE
    assert machine.step(MemberUp(member("gamma")), 62.0) == []
    over = {"alpha": say.ChangeProgress(NO_BALLOT, "")}
    assert told(machine.step(MemberUp(member("alpha")), 62.0), say.ChangeProgress) == over
    machine.step(heard("alpha", say.Collect("a round", NO_BALLOT)), 63.0)
    assert machine.step(MemberUp(member("alpha")), 64.0) == []


def test_what_is_being_accepted_is_never_given_up_by_who_proposes() -> None:
    machine = accepting()
    effects = machine.step(TimerFired(), 9999.0)
    assert set(told(effects, say.Accept)) == set(TRIO)
    assert machine.phase is Phase.ACCEPTING


BOUND = Vote(1, Ballot(3, "gamma"), Ballot(3, "gamma"), OTHER)


def test_who_has_accepted_and_hears_nothing_proposes_by_its_place() -> None:
    alpha, beta = changer("alpha", BOUND), changer("beta", BOUND)
    assert alpha.deadline == BOUND_WAIT_S
    assert beta.deadline is not None
    assert beta.deadline > BOUND_WAIT_S
    (asked,) = told(beta.step(TimerFired(), 60.0), say.Collect).values()
    assert asked.ballot == Ballot(4, "beta")
    beta.step(holds(beta, "beta", accepted=BOUND), 60.0)
    effects = beta.step(holds(beta, "gamma"), 60.0)
    assert set(told(effects, say.Accept)) == set(TRIO), "a majority of promises is enough"


def test_who_has_accepted_that_all_others_are_dead_finishes_it_alone() -> None:
    """It restarted before it adopted that: the other of the two never answers."""
    pair = record("alpha", "alpha", "beta")
    gone = (Gone("beta", NO_SEAT, Why.EVICTED, certified=True),)
    change = changed(pair, "alpha", gone=gone)
    vote = Vote(1, Ballot(3, "alpha"), Ballot(3, "alpha"), change)
    machine = Changer(View(member("alpha"), pair), replan, vote, now=0.0)
    machine.step(TimerFired(), 60.0)
    effects = machine.step(holds(machine, "alpha", accepted=vote), 60.0)
    assert told(effects, say.Accept)["alpha"] == say.Accept(Ballot(4, "alpha"), change)
    effects = machine.step(heard("alpha", say.Accepted(Ballot(4, "alpha"))), 60.0)
    assert isinstance(effects[-1], AdoptChange)


PAIR = record("alpha", "alpha", "beta")
GROWN = changed(PAIR, "alpha", "beta", "omega")
CERTIFIED = say.ChangeRequest("dead", ChangeKind.EVICT, ("beta",), certified=True)
FINISHED = (
    "the change to epoch 2, which was being decided, is finished without the vote of beta: ask "
    "again when the cluster is in epoch 2"
)


def bound_of_two(change: Change) -> Changer:
    """alpha has accepted a change, and beta burned before it said whether it has."""
    vote = Vote(1, Ballot(3, "alpha"), Ballot(3, "alpha"), change)
    return Changer(View(member("alpha"), PAIR), replan, vote, now=0.0)


def test_a_change_that_was_accepted_is_finished_without_who_is_certified_dead() -> None:
    """Of two it is the only one that can have been decided, and no majority is left to say so."""
    machine = bound_of_two(GROWN)
    plain = attrs.evolve(CERTIFIED, certified=False)
    (answer,) = machine.step(ChangeWanted(plain), 1.0)
    assert answer == TellOperator("dead", False, "a change is being decided")
    machine.step(TimerFired(), 5.0)
    assert machine.step(holds(machine, "alpha", accepted=vote_of(machine)), 5.0) != []
    assert machine.phase is Phase.COLLECTING, "beta has not answered"
    effects = machine.step(ChangeWanted(CERTIFIED), 6.0)
    assert effects[0] == TellOperator("dead", False, FINISHED)
    effects = machine.step(holds(machine, "alpha", accepted=vote_of(machine)), 6.0)
    ballot = Ballot(5, "alpha")
    assert told(effects, say.Accept)["alpha"] == say.Accept(ballot, GROWN)
    effects = machine.step(heard("alpha", say.Accepted(ballot)), 6.0)
    assert isinstance(effects[-1], AdoptChange)
    assert effects[-1].record.change == GROWN


def vote_of(machine: Changer) -> Vote:
    vote = machine._vote
    assert vote.accepted is not None
    return vote


def test_who_proposes_and_waits_for_the_dead_decides_at_once() -> None:
    machine = bound_of_two(GROWN)
    machine.step(AcceptanceFound(Ballot(4, "alpha"), GROWN), 0.0)
    assert machine.step(heard("alpha", say.Accepted(Ballot(4, "alpha"))), 0.0) == []
    effects = machine.step(heard("alpha", CERTIFIED), 1.0)
    assert isinstance(effects[-1], AdoptChange)


def test_who_was_certified_dead_and_is_heard_of_is_waited_for() -> None:
    machine = bound_of_two(GROWN)
    machine.step(ChangeWanted(CERTIFIED), 1.0)
    machine.step(MemberUp(member("beta")), 2.0)
    machine.step(holds(machine, "alpha", accepted=vote_of(machine)), 2.0)
    assert machine.phase is Phase.COLLECTING


def test_an_epoch_in_which_nobody_is_left_is_dropped_only_if_that_is_said() -> None:
    leaves = changed(PAIR, "beta", gone=(Gone("alpha", NO_SEAT, Why.LEFT),))
    machine = bound_of_two(leaves)
    (answer,) = machine.step(ChangeWanted(CERTIFIED), 1.0)
    assert isinstance(answer, TellOperator)
    assert "a change was being decided after which only beta would be left" in answer.text
    assert "--back-to N goes back to checkpoint N all the same" in answer.text
    assert machine.phase is Phase.IDLE

    (answer, *_) = machine.step(ChangeWanted(attrs.evolve(CERTIFIED, back_to=0)), 2.0)
    assert answer == TellOperator("dead", True, "evict: begun")
    copied = (PartName(1, "beta", STARTS_AT.round, STARTS_AT.number),)
    held = holds(machine, "alpha", accepted=vote_of(machine)).message
    effects = machine.step(heard("alpha", attrs.evolve(held, replicas=copied)), 2.0)
    (staged,) = told(effects, say.Stage).values()
    assert staged.change.workers == ("alpha",)
    assert staged.change.line == 1, "what came after may have been published"


def test_who_has_accepted_is_bound_as_soon_as_that_is_durable() -> None:
    machine = changer()
    assert machine.deadline is None
    machine.step(VoteWritten(BOUND), 10.0)
    assert machine.deadline == 10.0 + BOUND_WAIT_S
    (answer,) = machine.step(ChangeWanted(SHRINK), 10.0)
    assert answer == TellOperator("r", False, "a change is being decided")


def test_the_leader_hands_over_what_it_has_found() -> None:
    machine = changer()
    effects = machine.step(AcceptanceFound(Ballot(5, "alpha"), OTHER), 0.0)
    assert told(effects, say.Accept)["beta"] == say.Accept(Ballot(5, "alpha"), OTHER)


def test_one_that_leaves_may_finish_the_change_and_stays_until_another_has_adopted_it() -> None:
    """Without its vote the others might never learn that it was decided."""
    leaving = changed(HERE, "alpha", "beta", gone=(Gone("gamma", NO_SEAT, Why.LEFT),))
    machine = changer("gamma")
    machine.step(AcceptanceFound(Ballot(5, "gamma"), leaving), 0.0)
    machine.step(heard("beta", say.Accepted(Ballot(5, "gamma"))), 0.0)
    effects = machine.step(heard("gamma", say.Accepted(Ballot(5, "gamma"))), 0.0)
    assert set(told(effects, say.Decided)) == {"alpha", "beta"}
    assert of(SetAside, effects) == []
    again = machine.step(TimerFired(), 2.0)
    assert set(told(again, say.Decided)) == {"alpha", "beta"}


@pytest.mark.parametrize("request_", [SHRINK, attrs.evolve(SHRINK, names=("beta",))])
def test_a_request_goes_to_the_first_that_stays(request_: say.ChangeRequest) -> None:
    assert changer("gamma").step(ChangeWanted(request_), 0.0) == [SendToMember("alpha", request_)]
    leader_leaves = attrs.evolve(SHRINK, names=("alpha",))
    assert changer().step(ChangeWanted(leader_leaves), 0.0) == [SendToMember("beta", leader_leaves)]


def test_one_change_at_a_time() -> None:
    machine = changer("alpha", None, ChangeWanted(SHRINK))
    (answer,) = machine.step(heard("beta", attrs.evolve(SHRINK, name="s")), 0.0)
    assert isinstance(answer, SendToMember)
    assert isinstance(answer.message, say.ChangeAnswered)
    assert (answer.message.taken, answer.name) == (False, "beta")


def join(**more: Any) -> say.JoinRunning:
    asked = say.JoinRunning(member("omega"), "app", (), say.PROTOCOL_VERSION)
    return attrs.evolve(asked, **more)


def test_who_wants_to_join_is_sent_to_the_one_that_proposes() -> None:
    ((_, answer),) = sent(changer("beta").step(said(9, join()), 0.0))
    assert answer == say.AskThere(HERE.cluster_id, member("alpha").control)


def test_who_joins_stages_its_part_on_the_connection_that_it_asks_on() -> None:
    machine = changer("alpha")
    ((connection, copy),) = sent(machine.step(said(8, join()), 0.0))
    assert (connection, type(copy)) == (8, say.CopyAhead)
    copied = heard("gamma", say.CopiedAhead(COPIES, "gamma"))
    for event in (*COPIED, copied, said(8, say.CopiedAhead(COPIES, "omega")), *PUBLISHED[3:]):
        machine.step(event, 0.0)
    for name in TRIO:
        effects = machine.step(holds(machine, name), 0.0)
    ((connection, stage),) = sent(effects)
    assert (connection, type(stage)) == (8, say.Stage)
    ((connection, again),) = sent(machine.step(said(9, join()), 0.0))
    assert (connection, again) == (9, stage)
    for name in TRIO:
        machine.step(heard(name, say.Staged(FIRST, name, NO_SEAT)), 0.0)
    machine.step(said(9, say.Staged(FIRST, "omega", NO_SEAT)), 0.0)
    assert machine.phase is Phase.ACCEPTING


def staging_for_omega(**more: Any) -> Changer:
    """Nothing is waited for but *omega*, which asks on connection 8."""
    machine = changer("alpha", None, said(8, join(**more)))
    copied = heard("gamma", say.CopiedAhead(COPIES, "gamma"))
    for event in (*COPIED, copied, said(8, say.CopiedAhead(COPIES, "omega")), *PUBLISHED[3:]):
        machine.step(event, 0.0)
    for name in TRIO:
        machine.step(holds(machine, name), 0.0)
        machine.step(heard(name, say.Staged(FIRST, name, NO_SEAT)), 0.0)
    for name in TRIO:
        machine.step(heard(name, say.Staged(FIRST, name, NO_SEAT)), 0.0)
    assert machine.phase is Phase.STAGING
    return machine


EMPTY = join(member=attrs.evolve(member("omega"), seat="5e"))


def test_who_dies_while_it_joins_and_comes_again_with_nothing_asks_for_a_change_of_its_own() -> (
    None
):
    """Its directory had nothing whole in it, so it has another seat now."""
    machine = staging_for_omega()
    machine.step(ConnectionLost(8), 1.0)
    effects = machine.step(said(9, EMPTY), 1.5)
    assert machine.phase is Phase.IDLE
    assert set(told(effects, say.ChangeProgress)) == set(TRIO)
    (report,) = of(Report, effects)
    assert "omega was started again" in report.text


def test_another_of_the_same_name_does_not_end_the_change_of_one_that_is_there() -> None:
    machine = staging_for_omega()
    ((_, answer),) = sent(machine.step(said(9, EMPTY), 1.5))
    assert isinstance(answer, say.Busy)
    assert machine.phase is Phase.STAGING


def test_nobody_stands_still_for_long_for_one_that_joins_and_is_gone() -> None:
    machine = staging_for_omega()
    machine.step(ConnectionLost(8), 1.0)
    machine.step(TimerFired(), 10.0)
    assert machine.phase is Phase.STAGING
    machine.step(TimerFired(), 12.0)
    assert machine.phase is Phase.IDLE


def test_one_that_joins_and_is_back_in_time_is_waited_for() -> None:
    machine = staging_for_omega()
    machine.step(ConnectionLost(8), 1.0)
    machine.step(said(9, join()), 10.0)
    machine.step(TimerFired(), 12.0)
    assert machine.phase is Phase.STAGING


def staging_omega() -> Changer:
    """It joins on connection 8; all others have staged."""
    machine = changer("alpha")
    machine.step(said(8, join()), 0.0)
    copied = heard("gamma", say.CopiedAhead(COPIES, "gamma"))
    for event in (*COPIED, copied, said(8, say.CopiedAhead(COPIES, "omega")), *PUBLISHED[3:]):
        machine.step(event, 0.0)
    for name in TRIO:
        machine.step(holds(machine, name), 0.0)
    for name in TRIO:
        machine.step(heard(name, say.Staged(FIRST, name, NO_SEAT)), 0.0)
    return machine


def test_a_joiner_that_cannot_take_over_its_part_is_tried_ever_more_seldom() -> None:
    """All sources stand still for each time."""
    machine = staging_omega()
    machine.step(said(8, say.Staged(FIRST, "omega", NO_SEAT, "no such file")), 0.0)
    assert machine.phase is Phase.IDLE
    ((_, answer),) = sent(machine.step(said(8, join()), 1.9))
    assert answer == say.Busy("it could not be taken in: tried again after 2 s")
    machine.step(said(8, join()), 2.0)
    assert machine.phase is Phase.COPYING


@pytest.mark.parametrize("runs", [True, False])
def test_a_joiner_that_was_stopped_holds_up_the_cluster_for_no_longer_than_a_step(
    runs: bool,
) -> None:
    """Its connection lives: a process that is stopped closes none."""
    machine = staging_omega()
    for now in range(1, 100):
        if runs:
            machine.step(said(8, join()), now)
        if machine.deadline is not None:
            machine.step(TimerFired(), now)
    assert machine.phase is (Phase.STAGING if runs else Phase.IDLE)


def test_a_cluster_that_plans_no_changes_says_so() -> None:
    machine = Changer(View(member("alpha"), HERE, running=True), None, now=0.0)
    request = attrs.evolve(SHRINK, kind=ChangeKind.EVICT)
    (answer,) = machine.step(ChangeWanted(request), 0.0)
    assert answer == TellOperator("r", False, "this cluster cannot change")


def test_a_seat_that_is_in_the_cluster_by_now_is_told_so() -> None:
    change: Change = attrs.evolve(
        OTHER, members=(*OTHER.members[:-1], attrs.evolve(member("omega"), seat="5e"))
    )
    view = View(member("alpha"), adopted(HERE, change), running=True)
    machine = Changer(view, replan, now=0.0)
    asks = join(member=attrs.evolve(member("omega"), seat="5e"))
    assert sent(machine.step(said(9, asks), 0.0)) == [(9, say.Decided(HERE.cluster_id, change))]
