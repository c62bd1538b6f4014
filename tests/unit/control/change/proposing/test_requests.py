"""Who asks to be taken in, and is a member already: by its seat, or by what it has staged."""

import pytest

from wallarood.control.change.effects import SetAside
from wallarood.control.change.proposing.requests import Door
from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendOnConnection
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation, Member
from wallarood.model.messages import PROTOCOL_VERSION, Decided, JoinRunning, Refused
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
    return door.turned_away(7, join, door.plan(join))


def test_a_newcomer_in_doubt_is_told_that_it_is_in_the_cluster() -> None:
    assert answered(staged=2) == [SendOnConnection(7, Decided("wc-1", CHANGE))]


@pytest.mark.parametrize("staged", [0, 1])
def test_one_that_has_staged_nothing_of_this_epoch_is_not_the_member(staged: int) -> None:
    effects = answered(staged)
    assert not [each for each in effects if isinstance(each, SetAside)]
    refusal = next(each for each in effects if isinstance(each, SendOnConnection))
    assert isinstance(refusal.message, Refused)
    assert "beta is a member of wc-1 and holds no state of it" in refusal.message.reason
