"""A worker's part in recovery: stop, say what is held, write the choice, say so, go on from it."""

from typing import Any

import pytest

from wallarood.control.effects import BeginRound, HaltJob, ReadHoldings, SendToMember, WriteRound
from wallarood.control.events import (
    Event,
    HoldingsRead,
    JobHalted,
    MemberMessage,
    RoundWritten,
)
from wallarood.control.rounds.recovery_member import Phase, RecoveryMember
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.messages import Collect, Holdings, Resume, RoundAccepted, RoundProposal

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


def test_a_question_that_comes_again_does_not_stop_the_round_that_answered_it() -> None:
    machine = member(*RUNNING)
    assert machine.step(collect("a"), 0.0) == []
    assert machine.phase is Phase.RUNNING


def test_only_the_newest_question_is_answered() -> None:
    machine = member(collect("a"))
    assert machine.step(collect("b"), 0.0) == []
    assert machine.step(HoldingsRead(held("a")), 0.0) == [ReadHoldings("b")]
    assert machine.step(HoldingsRead(held("b")), 0.0) == to_leader(held("b"))


@pytest.mark.parametrize("before", [REPORTED, ACCEPTED], ids=["reported", "accepted"])
def test_a_new_question_is_answered_anew_wherever_this_worker_is(before: tuple[Any, ...]) -> None:
    assert member(*before).step(collect("b"), 0.0) == [ReadHoldings("b")]


def test_a_choice_for_an_older_question_is_not_taken() -> None:
    """What it was made of may have changed since."""
    machine = member(*REPORTED, collect("b"), HoldingsRead(held("b")))
    assert machine.step(choice("a"), 0.0) == []
    assert machine.phase is Phase.REPORTED


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
