"""Who asks to be taken in, and is a member already: by its seat, or by what it has staged."""

import attrs
import pytest

from wallarood.control.change.effects import SetAside, TellOperator
from wallarood.control.change.events import ChangeWanted
from wallarood.control.change.proposing.changer import Changer
from wallarood.control.change.proposing.composing import Plan
from wallarood.control.change.proposing.requests import EXPECTED_S, Asker, Door
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendOnConnection
from wallarood.control.events import TimerFired
from wallarood.model.change import Change, ChangeKind
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation, Member, Seat
from wallarood.model.messages import PROTOCOL_VERSION, ChangeRequest, Decided, JoinRunning, Refused
from wallarood.model.topology import Topology

HERE = Address("127.0.0.1", 1)
ALPHA, BETA = (Member(name, HERE, HERE, Incarnation(1, name)) for name in ("alpha", "beta"))
TOPOLOGY = Topology(2, "app", ("alpha", "beta"), (), ())
CHANGE = Change(2, (ALPHA, BETA), (), TOPOLOGY, ("f",), CheckpointId(1, 5), 1, 4, 0)
RECORD = ClusterRecord(
    "wc-1", RecordState.STARTED, "alpha", "alpha", ("f",), TOPOLOGY, (ALPHA, BETA), CHANGE
)


def answered(staged: int) -> list[Effect]:
    door = Door(View(ALPHA, RECORD))
    join = JoinRunning(BETA, "app", ("f",), PROTOCOL_VERSION, None, staged)
    return door.turned_away(7, join, door.plan(join, 0.0))


def test_a_newcomer_in_doubt_is_told_that_it_is_in_the_cluster() -> None:
    assert answered(staged=2) == [SendOnConnection(7, Decided("wc-1", CHANGE))]


@pytest.mark.parametrize("staged", [0, 1])
def test_one_that_has_staged_nothing_of_this_epoch_is_not_the_member(staged: int) -> None:
    effects = answered(staged)
    assert not [each for each in effects if isinstance(each, SetAside)]
    refusal = next(each for each in effects if isinstance(each, SendOnConnection))
    assert isinstance(refusal.message, Refused)
    assert "beta is a member of wc-1 and holds no state of it" in refusal.message.reason


TRIO = attrs.evolve(
    RECORD,
    topology=attrs.evolve(TOPOLOGY, workers=("alpha", "beta", "gamma")),
    members=(ALPHA, BETA, attrs.evolve(BETA, name="gamma")),
    change=None,
)
OTHER_BETA = attrs.evolve(BETA, seat=Seat("another"))


def door_of_three() -> Door:
    """That of alpha, which hears gamma; beta is lost."""
    view = View(ALPHA, TRIO)
    view.is_up(attrs.evolve(BETA, name="gamma"))
    return Door(view)


def test_who_has_a_member_s_name_takes_its_place_only_where_an_operator_has_said_so() -> None:
    door = door_of_three()
    join = JoinRunning(OTHER_BETA, "app", ("f",), PROTOCOL_VERSION)
    (_, refusal, _) = door.turned_away(7, join, door.plan(join, 0.0))
    assert isinstance(refusal, SendOnConnection)
    assert isinstance(refusal.message, Refused)
    assert "wallarooctl replace beta" in refusal.message.reason

    request = ChangeRequest("r", ChangeKind.REPLACE, ("beta",), certified=True)
    answer, taken = door.answer(Plan(request, door.plan(join, 0.0).view), Asker(), "", now=0.0)
    text = "waiting for beta to join with an empty state directory"
    assert (answer, taken) == ([TellOperator("r", True, text)], False)

    plan = door.plan(join, 0.0)
    assert door.turned_away(7, join, plan) == []
    assert plan.request == attrs.evolve(request, joiner=OTHER_BETA)
    assert (plan.gone, plan.survivors, plan.lost) == (("beta",), ("alpha", "gamma"), ("beta",))
    _, taken = door.answer(plan, Asker(connection=7), "", now=0.0)
    assert taken


def test_whom_it_waits_for_is_said_until_a_member_of_that_name_is_there() -> None:
    door = door_of_three()
    view = door.plan(GAMMAS, 0.0).view
    assert door.progress == ""
    door.answer(Plan(ChangeRequest("r", ChangeKind.REPLACE, ("beta",)), view), Asker(), "", now=0.0)
    start = "start it with an empty state directory and worker.join (--join)"
    assert door.progress == f"waiting for a new beta: {start}"
    view.is_up(BETA)
    assert door.progress == ""


@pytest.mark.parametrize(
    ("later", "back", "taken"),
    [(EXPECTED_S - 1, "gamma", True), (EXPECTED_S, "gamma", False), (1.0, "beta", False)],
    ids=["in time", "too late", "the member is back"],
)
def test_nobody_is_expected_for_ever(later: float, back: str, *, taken: bool) -> None:
    """An empty disk that comes days later may be there by mistake."""
    door = door_of_three()
    join = JoinRunning(OTHER_BETA, "app", ("f",), PROTOCOL_VERSION)
    request = ChangeRequest("r", ChangeKind.REPLACE, ("beta",), certified=True)
    door.answer(Plan(request, door.plan(join, 0.0).view), Asker(), "", now=0.0)
    door.forget(later, back)
    assert (door.turned_away(7, join, door.plan(join, later)) == []) is taken


def test_who_is_in_doubt_of_another_cluster_is_told_which_this_is() -> None:
    door = Door(View(ALPHA, RECORD))
    join = JoinRunning(BETA, "app", ("f",), PROTOCOL_VERSION, "wc-2", 2)
    (_, refusal, _) = door.turned_away(7, join, door.plan(join, 0.0))
    assert isinstance(refusal, SendOnConnection)
    assert isinstance(refusal.message, Refused)
    reason = "wrong cluster ID: beta asks for wc-2, of which it may be a member, but this is wc-1"
    assert refusal.message.reason.startswith(reason)


def test_a_member_that_is_there_is_not_replaced() -> None:
    door = door_of_three()
    plan = Plan(ChangeRequest("r", ChangeKind.REPLACE, ("gamma",)), door.plan(GAMMAS, 0.0).view)
    (told,), taken = door.answer(plan, Asker(), "", now=0.0)
    assert isinstance(told, TellOperator)
    assert not taken
    assert told.text == "gamma is connected: stop it, and empty its state directory"


GAMMAS = JoinRunning(attrs.evolve(BETA, name="gamma"), "app", ("f",), PROTOCOL_VERSION)


def test_nobody_says_that_it_waits_for_one_that_is_expected_no_longer() -> None:
    view = View(ALPHA, TRIO)
    view.is_up(attrs.evolve(BETA, name="gamma"))
    machine = Changer(view, lambda previous, _, **__: previous, now=0.0)
    machine.step(ChangeWanted(ChangeRequest("r", ChangeKind.REPLACE, ("beta",))), 1.0)
    assert "waiting for a new beta" in machine.proposal.progress
    assert machine.deadline == 1.0 + EXPECTED_S
    assert machine.step(TimerFired(), machine.deadline) == []
    assert machine.proposal.progress == ""
    assert machine.deadline is None
