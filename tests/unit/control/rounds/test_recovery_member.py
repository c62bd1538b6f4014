"""A worker's part in recovery: stop, say what is held, write the choice, say so, go on from it."""

from typing import Any

import attrs
import pytest
from support.nodes import changed, record

from wallarood.control.change.effects import Distrust, WriteVote
from wallarood.control.change.events import VoteWritten
from wallarood.control.effects import BeginRound, HaltJob, ReadHoldings, SendToMember, WriteRound
from wallarood.control.events import (
    Event,
    HoldingsRead,
    JobHalted,
    MemberMessage,
    RoundWritten,
)
from wallarood.control.rounds.recovery_member import Phase, RecoveryMember
from wallarood.model.change import Trust, Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_BALLOT, Ballot, Incarnation
from wallarood.model.messages import (
    Accept,
    Accepted,
    Collect,
    Holdings,
    Outbid,
    Restored,
    Resume,
    RoundAccepted,
    RoundProposal,
)

BASIS = CheckpointId(1, 4)


def collect(attempt: str) -> MemberMessage:
    return MemberMessage("alpha", Collect(attempt))


def held(attempt: str) -> Holdings:
    return Holdings(attempt, 1, (BASIS,), BASIS, 4, 0)


def proposed(attempt: str, round_: int = 2) -> RoundProposal:
    return RoundProposal(attempt, round_, BASIS, 4, (), 0)


def choice(attempt: str, round_: int = 2) -> MemberMessage:
    return MemberMessage("alpha", proposed(attempt, round_))


def resume(round_: int = 2) -> MemberMessage:
    return MemberMessage("alpha", Resume(round_))


def to_leader(message: Any) -> list[SendToMember]:
    return [SendToMember("alpha", message)]


def member(*events: Event) -> RecoveryMember:
    """Beta after *events*."""
    machine = RecoveryMember("alpha")
    for event in events:
        machine.step(event, 0.0)
    return machine


REPORTED = (collect("a"), HoldingsRead(held("a")))
ACCEPTED = (*REPORTED, choice("a"), RoundWritten(2))
RUNNING = (*ACCEPTED, resume())


def test_a_round_from_the_question_to_the_start() -> None:
    machine = member()
    assert machine.step(collect("a"), 0.0) == [ReadHoldings("a")]
    assert machine.step(HoldingsRead(held("a")), 0.0) == to_leader(held("a"))
    assert machine.step(choice("a"), 0.0) == [WriteRound(proposed("a"))]
    assert machine.step(RoundWritten(2), 0.0) == to_leader(RoundAccepted(2))
    assert machine.round == 0
    assert machine.step(resume(), 0.0) == [BeginRound(proposed("a"))]
    assert (machine.phase, machine.round) == (Phase.RUNNING, 2)


def test_nothing_is_read_while_the_job_of_the_last_round_still_writes() -> None:
    machine = member(*RUNNING)
    assert machine.step(collect("b"), 0.0) == [HaltJob()]
    assert machine.round == 0
    assert machine.step(collect("c"), 0.0) == []
    assert machine.step(JobHalted(), 0.0) == [ReadHoldings("c")]


@pytest.mark.parametrize("before", [ACCEPTED, RUNNING], ids=["accepted", "running"])
def test_a_question_that_comes_again_does_not_stop_the_round_that_answered_it(
    before: tuple[Any, ...],
) -> None:
    """It was sent on another connection than the proposal, and came behind it."""
    machine = member(*before)
    phase = machine.phase
    assert machine.step(collect("a"), 0.0) == []
    assert machine.phase is phase


@pytest.mark.parametrize("before", [ACCEPTED, RUNNING], ids=["accepted", "running"])
@pytest.mark.parametrize("said", [choice("a"), resume()], ids=["proposal", "resume"])
def test_who_was_drawn_out_of_a_round_by_an_older_question_says_so(
    before: tuple[Any, ...], said: MemberMessage
) -> None:
    """What it answered first may be lost: what does not fit is answered by what is held again."""
    machine = member(*before, collect("older"), JobHalted(), HoldingsRead(held("older")))
    assert machine.phase is Phase.REPORTED
    assert machine.step(said, 0.0) == [ReadHoldings("older")]
    assert machine.step(HoldingsRead(held("older")), 0.0) == to_leader(held("older"))


def test_only_the_newest_question_is_answered() -> None:
    machine = member(collect("a"))
    assert machine.step(collect("b"), 0.0) == []
    assert machine.step(HoldingsRead(held("a")), 0.0) == [ReadHoldings("b")]
    assert machine.step(HoldingsRead(held("b")), 0.0) == to_leader(held("b"))


@pytest.mark.parametrize("before", [REPORTED, ACCEPTED], ids=["reported", "accepted"])
def test_a_new_question_is_answered_anew_wherever_this_worker_is(before: tuple[Any, ...]) -> None:
    assert member(*before).step(collect("b"), 0.0) == [ReadHoldings("b")]


def test_a_choice_for_an_older_question_is_not_taken() -> None:
    """What it was made of may have changed since: what is held is said again."""
    machine = member(*REPORTED, collect("b"), HoldingsRead(held("b")))
    assert machine.step(choice("a"), 0.0) == [ReadHoldings("b")]
    assert machine.step(HoldingsRead(held("b")), 0.0) == to_leader(held("b"))


def test_a_choice_is_not_acted_on_before_all_have_it() -> None:
    machine = member(*REPORTED, choice("a"))
    assert machine.step(resume(), 0.0) == []  # a straggler: it is not even durable here
    machine.step(RoundWritten(2), 0.0)
    assert machine.phase is Phase.ACCEPTED


def test_a_question_while_the_choice_is_written_is_answered_after_the_write() -> None:
    machine = member(*REPORTED, choice("a"))
    assert machine.step(collect("b"), 0.0) == []
    assert machine.step(RoundWritten(2), 0.0) == [ReadHoldings("b")]
    assert machine.step(resume(), 0.0) == []


@pytest.mark.parametrize("before", [ACCEPTED, RUNNING], ids=["accepted", "running"])
def test_a_choice_that_comes_again_is_confirmed_again(before: tuple[Any, ...]) -> None:
    machine = member(*before)
    assert machine.step(choice("a"), 0.0) == to_leader(RoundAccepted(2))
    assert machine.step(choice("a", 3), 0.0) == []


def test_another_round_is_not_begun() -> None:
    machine = member(*ACCEPTED)
    assert machine.step(resume(1), 0.0) == []
    assert machine.phase is Phase.ACCEPTED


def test_it_never_waits_by_itself() -> None:
    for events in ((), REPORTED, ACCEPTED, RUNNING):
        assert member(*events).deadline is None


LOW, HIGH = Ballot(1, "alpha"), Ballot(2, "beta")
CHANGE = changed(record("beta", "alpha", "beta"), "alpha", "beta", "gamma")


def asked(ballot: Ballot, attempt: str = "c", sender: str = "alpha") -> MemberMessage:
    return MemberMessage(sender, Collect(attempt, ballot))


def accept(ballot: Ballot, sender: str = "alpha") -> MemberMessage:
    return MemberMessage(sender, Accept(ballot, CHANGE))


def voter(*events: Event, vote: Vote | None = None) -> RecoveryMember:
    machine = RecoveryMember("alpha", vote or Vote(1))
    for event in events:
        machine.step(event, 0.0)
    return machine


PROMISED = Vote(1, LOW)
BOUND = Vote(1, LOW, LOW, CHANGE)


def test_a_promise_halts_the_job_and_is_durable_before_it_is_given() -> None:
    machine = member(*RUNNING)
    assert machine.step(asked(LOW, sender="gamma"), 0.0) == [HaltJob()]
    (writing,) = machine.step(JobHalted(), 0.0)
    assert writing == WriteVote(Vote(0, LOW))
    assert machine.step(VoteWritten(Vote(0, LOW)), 0.0) == [ReadHoldings("c")]
    assert machine.step(HoldingsRead(held("c")), 0.0) == [SendToMember("gamma", held("c"))]


def test_without_a_ballot_nothing_is_written() -> None:
    assert member().step(collect("a"), 0.0) == [ReadHoldings("a")]


def test_what_is_lower_than_what_was_promised_is_not_heeded() -> None:
    for machine in (voter(vote=Vote(1, HIGH)), voter(asked(HIGH))):
        for lower in (asked(LOW), asked(NO_BALLOT), accept(LOW)):
            assert machine.step(lower, 0.0) in ([], to_leader(Outbid(HIGH)))
    assert voter(vote=Vote(1, HIGH)).step(asked(LOW), 0.0) == to_leader(Outbid(HIGH))
    assert voter(vote=Vote(1, HIGH)).step(accept(LOW), 0.0) == to_leader(Outbid(HIGH))


def test_a_leader_that_proposes_a_round_and_missed_a_later_question_is_told_of_it() -> None:
    """Nobody else may tell it: who has asked may be gone, and it would wait for an answer."""
    later = (asked(HIGH, "d", "beta"), VoteWritten(Vote(1, HIGH)), HoldingsRead(held("d")))
    machine = voter(collect("a"), HoldingsRead(held("a")), *later)
    assert machine.step(choice("a"), 0.0) == to_leader(Outbid(HIGH))


def test_an_acceptance_is_durable_before_it_is_said_and_said_again_when_asked() -> None:
    machine = voter(asked(LOW), VoteWritten(PROMISED), HoldingsRead(held("c")))
    assert machine.step(accept(LOW), 0.0) == [WriteVote(BOUND)]
    assert machine.step(accept(LOW), 0.0) == []
    assert machine.step(VoteWritten(BOUND), 0.0) == to_leader(Accepted(LOW))
    assert machine.step(accept(LOW), 0.0) == to_leader(Accepted(LOW))
    assert machine.phase is Phase.BOUND


def test_a_restart_forgets_neither_promise_nor_acceptance() -> None:
    assert voter(vote=PROMISED).step(accept(LOW), 0.0) == [WriteVote(BOUND)]
    assert voter(vote=BOUND).phase is Phase.BOUND


def test_who_has_accepted_says_so_to_whoever_asks_and_takes_part_in_no_round() -> None:
    machine = voter(asked(HIGH, "d", "beta"), vote=BOUND)
    higher = attrs.evolve(BOUND, promised=HIGH)
    machine.step(VoteWritten(higher), 0.0)
    (answer,) = machine.step(HoldingsRead(held("d")), 0.0)
    assert answer == SendToMember("beta", attrs.evolve(held("d"), accepted=higher))
    assert machine.step(choice("d"), 0.0) == []
    assert machine.step(resume(), 0.0) == []


def test_a_change_of_another_epoch_is_not_accepted() -> None:
    assert voter(vote=Vote(2)).step(accept(LOW), 0.0) == []


def test_a_worker_that_runs_accepts_nothing() -> None:
    assert member(*RUNNING).step(accept(LOW), 0.0) == []


def test_a_question_that_comes_while_an_acceptance_is_written_is_answered_after_it() -> None:
    machine = voter(accept(LOW), asked(HIGH, "d", "beta"))
    (writing,) = machine.step(VoteWritten(BOUND), 0.0)
    assert writing == WriteVote(attrs.evolve(BOUND, promised=HIGH))


def test_a_restored_directory_answers_and_neither_promises_nor_accepts() -> None:
    machine = RecoveryMember("alpha", PROMISED, Trust.RESTORED)
    assert machine.step(asked(HIGH), 0.0) == [ReadHoldings("c")]
    (answer,) = machine.step(HoldingsRead(held("c")), 0.0)
    assert answer == SendToMember("alpha", attrs.evolve(held("c"), restored=True))
    assert machine.step(accept(HIGH), 0.0) == []
    assert machine.step(choice("c"), 0.0) == [WriteRound(proposed("c"))], "rounds need all members"


def test_who_is_told_that_its_directory_is_a_copy_promises_nothing_any_more() -> None:
    machine = RecoveryMember("alpha", PROMISED)
    known = MemberMessage("gamma", Restored(Incarnation(7, "another")))
    (distrusts,) = machine.step(known, 0.0)
    assert distrusts == Distrust("gamma knows start 7 of it, which was another one")
    assert machine.step(known, 0.0) == []
    (reading,) = machine.step(MemberMessage("gamma", Collect("c", Ballot(9, "gamma"))), 0.0)
    assert reading == ReadHoldings("c")
