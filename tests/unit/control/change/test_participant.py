"""A member says when it has published what a change waits for, and stages what it is told."""

from support.nodes import changed, member, of, record

from wallarood.control.change.decided import adopted
from wallarood.control.change.effects import CopyAhead, StageChange
from wallarood.control.change.events import AheadCopied, ChangeStaged, StagingFailed
from wallarood.control.change.participant import Participant, Phase
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendToMember
from wallarood.control.events import Event, MemberMessage, MemberUp, SinksPublished
from wallarood.model import messages as say
from wallarood.model.cluster_record import Layout
from wallarood.model.ids import NO_SEAT, Ballot
from wallarood.model.messages import ChangePublished, Purpose, Stage, Staged, TakeCheckpoint

PAIR = ("alpha", "beta")
HERE = record("beta", *PAIR)
CHANGE = changed(HERE, *PAIR, "gamma")
LOW, HIGH = Ballot(1, "alpha"), Ballot(2, "alpha")


def stage(ballot: Ballot) -> MemberMessage:
    message = Stage(ballot, HERE.cluster_id, "alpha", CHANGE, HERE.topology, HERE.members)
    return MemberMessage("alpha", message)


def participant(*events: Event) -> Participant:
    machine = Participant(View(member("beta"), HERE))
    for event in events:
        machine.step(event, 0.0)
    return machine


def said(effects: list[Effect]) -> list[object]:
    return [each.message for each in of(SendToMember, effects)]


def taking(number: int, purpose: Purpose) -> MemberMessage:
    return MemberMessage("alpha", TakeCheckpoint(number, purpose))


def test_all_are_told_when_what_was_taken_for_a_change_is_published() -> None:
    machine = participant(taking(4, Purpose.CHANGE))
    effects = machine.step(SinksPublished(4), 0.0)
    assert effects == [SendToMember(name, ChangePublished(4)) for name in PAIR]
    again = machine.step(MemberUp(member("alpha")), 0.0)
    assert again == [SendToMember("alpha", ChangePublished(4))]


def test_nobody_is_told_of_any_other_checkpoint() -> None:
    machine = participant(taking(4, Purpose.INTERVAL))
    assert machine.step(SinksPublished(4), 0.0) == []
    assert machine.step(MemberUp(member("alpha")), 0.0) == []


BEFORE = Layout(HERE.topology, HERE.members)


def test_what_is_staged_is_said_once_it_is_durable_and_again_when_asked() -> None:
    machine = participant()
    (staging,) = machine.step(stage(LOW), 0.0)
    assert staging == StageChange(LOW, adopted(HERE, CHANGE, BEFORE), HERE.topology, HERE.members)
    assert machine.step(stage(LOW), 0.0) == []
    durable = Staged(LOW, "beta", NO_SEAT)
    assert said(machine.step(ChangeStaged(LOW), 0.0)) == [durable]
    assert said(machine.step(stage(LOW), 0.0)) == [durable]


def test_of_two_proposals_the_higher_is_staged() -> None:
    machine = participant(stage(HIGH))
    assert machine.step(stage(LOW), 0.0) == []
    machine = participant(stage(LOW))
    assert len(of(StageChange, machine.step(stage(HIGH), 0.0))) == 1
    assert machine.step(ChangeStaged(LOW), 0.0) == []
    assert machine.phase is Phase.STAGING


def test_what_cannot_be_staged_is_said_and_may_be_tried_again() -> None:
    machine = participant(stage(LOW))
    (answer,) = said(machine.step(StagingFailed(LOW, "no room"), 0.0))
    assert answer == Staged(LOW, "beta", NO_SEAT, "no room")
    assert len(of(StageChange, machine.step(stage(LOW), 0.0))) == 1


def test_what_is_waited_for_is_said_until_a_round_runs_again() -> None:
    view = View(member("beta"), HERE)
    machine = Participant(view)
    assert machine.progress == ""
    machine.step(stage(LOW), 0.0)
    assert machine.progress == "change to epoch 2: making what moves durable"
    machine.step(ChangeStaged(LOW), 0.0)
    assert machine.progress.endswith("is durable; waiting for the others")
    view.running = True
    assert machine.progress == ""


def copying(name: str) -> MemberMessage:
    message = say.CopyAhead(name, HERE.cluster_id, CHANGE.topology, HERE.topology, HERE.members)
    return MemberMessage("alpha", message)


def test_what_will_be_taken_over_is_copied_ahead_once() -> None:
    machine = participant()
    (wanted,) = machine.step(copying("first"), 0.0)
    assert wanted == CopyAhead(
        "first", HERE.cluster_id, CHANGE.topology, HERE.topology, HERE.members
    )
    assert machine.step(copying("first"), 0.0) == [], "it is under way"
    assert machine.step(AheadCopied("older"), 0.0) == []
    done = [SendToMember("alpha", say.CopiedAhead("first", "beta"))]
    assert machine.step(AheadCopied("first"), 0.0) == done
    assert machine.step(copying("first"), 0.0) == done
    assert [type(each) for each in machine.step(copying("second"), 0.0)] == [CopyAhead]


def test_a_late_wish_for_copies_does_not_disturb_what_is_being_staged() -> None:
    machine = participant(stage(LOW))
    assert machine.step(copying("late"), 0.0) == [
        SendToMember("alpha", say.CopiedAhead("late", "beta"))
    ]
    assert of(SendToMember, machine.step(ChangeStaged(LOW), 0.0))
