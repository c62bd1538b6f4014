"""The leader of a recovery: in which line a round goes on."""

import attrs
import pytest

from wallarood.control.effects import Effect, SendToMember
from wallarood.control.events import Event, MemberDown, MemberMessage, MemberUp
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import (
    ChangeRequest,
    Collect,
    Holdings,
    Member,
    Resume,
    RoundAccepted,
    RoundProposal,
)

AT = Address("127.0.0.1", 1)


def member(name: str) -> Member:
    return Member(name, AT, AT, Incarnation(1, name))


def choice_of(
    *holdings: tuple[tuple[int, ...], int, int], kept: dict[str, tuple[int, ...]] | None = None
) -> RoundProposal:
    """What is chosen when workers hold (checkpoints, known committed, line), and have kept some."""
    names = tuple("abc"[: len(holdings)])
    leader = RecoveryLeader(member("a"), names)
    effects: list[Effect] = leader.begin(0.0)
    for name in names[1:]:
        effects = leader.step(MemberUp(member(name)), 0.0)
    said = [each.message for each in effects if isinstance(each, SendToMember)]
    (attempt,) = {each.attempt for each in said if isinstance(each, Collect)}
    for name, (held, committed, line) in zip(names, holdings, strict=True):
        checkpoints = tuple(CheckpointId(1, number) for number in held)
        answer = Holdings(attempt, 1, checkpoints, CheckpointId(1, committed), 9, line)
        answer = attrs.evolve(answer, kept=(kept or {}).get(name, ()))
        effects = leader.step(MemberMessage(name, answer), 0.0)
    said = [each.message for each in effects if isinstance(each, SendToMember)]
    chosen = [message for message in said if isinstance(message, RoundProposal)]
    assert len(set(chosen)) == 1
    return chosen[0]


def test_a_round_stays_in_the_line_when_nothing_that_was_committed_is_void() -> None:
    proposal = choice_of(((3, 4, 5), 3, 2), ((3, 4), 3, 2))
    assert (proposal.checkpoint.number, proposal.line) == (4, 2)


def test_a_round_that_goes_back_below_what_was_committed_begins_another_line() -> None:
    proposal = choice_of(((3, 7), 7, 2), ((3,), 3, 0))
    assert (proposal.checkpoint.number, proposal.line) == (3, 3)


def test_a_copy_that_is_put_back_does_not_take_the_line_back() -> None:
    proposal = choice_of(((3,), 3, 4), ((3,), 3, 1))
    assert (proposal.checkpoint.number, proposal.line) == (3, 4)


def test_a_round_that_goes_back_to_a_kept_checkpoint_when_some_hold_more_begins_another_line() -> (
    None
):
    """The leader alone knew checkpoint 4 committed, and a copy made before is put back on it."""
    proposal = choice_of(((3,), 3, 0), ((3, 4), 3, 0), kept={"a": (3,)})
    assert (proposal.checkpoint.number, proposal.line) == (3, 1)


def test_a_round_that_goes_on_from_a_kept_checkpoint_above_which_is_nothing_stays_in_the_line() -> (
    None
):
    proposal = choice_of(((3,), 3, 2), ((2, 3), 2, 2), kept={"a": (3,), "b": (2, 3)})
    assert (proposal.checkpoint.number, proposal.line) == (3, 2)


def test_the_checkpoint_that_is_gone_back_to_need_not_be_the_kept_one() -> None:
    """A worker that is stopped to be copied takes one more."""
    proposal = choice_of(((3, 4), 4, 0), ((3, 4, 5), 4, 0), kept={"a": (3,), "b": (3,)})
    assert (proposal.checkpoint.number, proposal.line) == (4, 1)


def told(leader: RecoveryLeader, *events: Event) -> list[object]:
    """What it tells members after *events*, all of whom answer what they are asked at once."""
    told: list[object] = []
    for event in events:
        waiting = leader.step(event, 0.0)
        while waiting:
            sent = [each for each in waiting if isinstance(each, SendToMember)]
            told += [each.message for each in sent]
            asked = [(e.name, e.message) for e in sent if isinstance(e.message, Collect)]
            waiting = []
            for name, question in asked:
                held = (CheckpointId(1, 1),)
                answer = Holdings(question.attempt, 1, held, CheckpointId(1, 1), 1, 0)
                waiting += leader.step(MemberMessage(name, answer), 0.0)
    return told


def answer(question: str) -> MemberMessage:
    held = (CheckpointId(1, 1),)
    return MemberMessage("b", Holdings(question, 1, held, CheckpointId(1, 1), 1, 0))


@pytest.mark.parametrize("runs", [False, True], ids=["proposed", "running"])
def test_who_answers_an_older_question_is_not_in_the_round_so_all_are_asked_again(
    runs: bool,
) -> None:
    leader = RecoveryLeader(member("a"), ("a", "b"))
    leader.begin(0.0)
    said = told(leader, MemberUp(member("b")))
    (attempt,) = {each.attempt for each in said if isinstance(each, Collect)}
    if runs:
        said = told(leader, *(MemberMessage(name, RoundAccepted(2)) for name in "ab"))
        assert kinds(said) == [Resume, Resume]
    of_a_change = f"{attempt.rpartition('-')[0]}-change-1"
    for dropped in (attempt, of_a_change):
        assert leader.step(answer(dropped), 0.0) == []
    assert kinds(told(leader, answer("older-1")))[:2] == [Collect, Collect]


def kinds(told: list[object]) -> list[type]:
    return [type(each) for each in told]


def test_an_upgrade_is_proposed_once_more_when_a_member_that_was_away_is_back() -> None:
    """In the same lives: no worker has to be restarted for that."""
    alpha, beta = (attrs.evolve(member(name), version="v2") for name in "ab")
    leader = RecoveryLeader(alpha, ("a", "b"))
    leader.begin(0.0)
    proposed = [
        kinds(told(leader, event)).count(ChangeRequest)
        for event in (MemberUp(beta), MemberUp(beta), MemberDown("b"), MemberUp(beta))
    ]
    assert proposed == [1, 0, 0, 1]


def test_a_member_that_comes_back_with_another_version_ends_the_job_of_all() -> None:
    """Else the others would read on, and none of that could ever be committed."""
    leader = RecoveryLeader(member("a"), ("a", "b"))
    leader.begin(0.0)
    assert RoundProposal in kinds(told(leader, MemberUp(member("b"))))
    newer = attrs.evolve(member("b"), version="v2", incarnation=Incarnation(2, "b"))
    assert kinds(told(leader, MemberUp(newer))) == [Collect, Collect]
    back = attrs.evolve(member("b"), incarnation=Incarnation(3, "b"))
    assert RoundProposal in kinds(told(leader, MemberUp(back)))
