"""Which machines a worker has when: for the founding, in a cluster, in a round, between rounds."""

import attrs
import pytest
from support.nodes import founding, member, record

from wallarood.control.change.events import ChangeWanted
from wallarood.control.change.participant import Participant
from wallarood.control.change.proposing.changer import Changer
from wallarood.control.events import (
    ConnectionMessage,
    Event,
    MemberDown,
    MemberMessage,
    TimerFired,
)
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import Role
from wallarood.control.machines import Machines
from wallarood.control.membership.membership import Membership
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.control.rounds.completion import Completion
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.control.routing import wake
from wallarood.control.settings import MachineClasses, NodeSettings, Timing
from wallarood.model.change import ChangeKind, Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import RecordState
from wallarood.model.messages import (
    ChangeRequest,
    Collect,
    JoinRunning,
    Purpose,
    RoundProposal,
    TakeCheckpoint,
)

TRIO = ("alpha", "beta", "gamma")
SETTINGS = NodeSettings(Timing(checkpoint_interval_s=7.0))
PROPOSAL = RoundProposal("a", 3, CheckpointId(2, 9), 11, tuple(map(member, TRIO)), 0)


def machines(name: str, *, stage: str) -> Machines:
    """Those of a worker that is founding, formed, running or halted."""
    role = Role.INITIALIZER if name == "alpha" else Role.JOINER
    known = record(name, *TRIO, state=RecordState.STARTED)
    made = Machines.of(founding(name), role, None, classes=None, now=0.0)
    if stage != "founding":
        made.form(founding(name), known, settings=SETTINGS, now=0.0)
    if stage in ("running", "halted"):
        made.begin_round(known, PROPOSAL, settings=SETTINGS, now=100.0)
    made.halted = stage == "halted"
    return made


def kinds(made: Machines) -> list[type]:
    return [type(each) for each in made.all]


FORMED = (Membership, RecoveryMember)
LEADING = (Membership, RecoveryLeader, RecoveryMember)


@pytest.mark.parametrize(
    ("name", "stage", "expected"),
    [
        ("alpha", "founding", [Initializer]),
        ("beta", "founding", [Joiner]),
        ("alpha", "formed", [Initializer, *LEADING]),
        ("beta", "formed", [Joiner, *FORMED]),
        (
            "alpha",
            "running",
            [Initializer, *LEADING, CheckpointMember, CheckpointLeader, Completion],
        ),
        ("beta", "running", [Joiner, *FORMED, CheckpointMember, Completion]),
        ("alpha", "halted", [Initializer, *LEADING]),
        ("beta", "halted", [Joiner, *FORMED]),
    ],
)
def test_only_the_first_worker_leads(name: str, stage: str, expected: list[type]) -> None:
    assert kinds(machines(name, stage=stage)) == expected


@pytest.mark.parametrize(
    "event",
    [
        ChangeWanted(ChangeRequest("r", ChangeKind.SHRINK, ("gamma",))),
        MemberMessage("beta", ChangeRequest("r", ChangeKind.SHRINK, ("gamma",))),
        MemberMessage("beta", Collect("q", (1, "beta"))),
        MemberMessage("alpha", TakeCheckpoint(3, Purpose.CHANGE)),
        ConnectionMessage(1, JoinRunning(member("delta"), "app", (), 1)),
    ],
)
def test_the_first_event_of_a_change_makes_its_machines(event: Event) -> None:
    made = machines("alpha", stage="running")
    for ordinary in (
        MemberMessage("alpha", Collect("q")),
        MemberMessage("alpha", TakeCheckpoint(2, Purpose.INTERVAL)),
        MemberDown("gamma"),
        TimerFired(),
    ):
        wake(made, ordinary, 1.0)
    assert made.changer is None
    wake(made, event, 1.0)
    assert kinds(made)[1:6] == [*LEADING, Changer, Participant]
    changer = made.changer
    wake(made, event, 2.0)
    assert made.changer is changer


def test_whoever_has_voted_has_them_at_once() -> None:
    made = Machines.of(founding("beta"), Role.JOINER, None, classes=None, now=0.0)
    vote = Vote(1, promised=(1, "alpha"))
    known = record("beta", *TRIO, state=RecordState.STARTED)
    made.form(founding("beta"), known, settings=SETTINGS, vote=vote, now=0.0)
    assert kinds(made) == [Joiner, *FORMED, Changer, Participant]


def test_a_halted_round_is_still_the_last_one() -> None:
    made = machines("beta", stage="halted")
    assert made.active_round is None
    assert made.round is not None
    assert made.round.proposal == PROPOSAL


def test_a_round_goes_on_from_the_checkpoint_that_was_chosen() -> None:
    made = machines("alpha", stage="running")
    assert made.active_round is not None
    leader = made.active_round.checkpoint_leader
    assert leader is not None
    assert leader.deadline == 107.0  # an interval after it has begun
    assert made.active_round.proposal.checkpoint == CheckpointId(2, 9)
    assert not made.active_round.completed


def test_a_new_round_has_new_machines() -> None:
    made = machines("alpha", stage="running")
    before = made.active_round
    assert before is not None
    known = record("alpha", *TRIO, state=RecordState.STARTED)
    made.halted = True
    made.begin_round(known, attrs.evolve(PROPOSAL, round=4), settings=SETTINGS, now=200.0)
    assert made.active_round is not None
    assert made.active_round.proposal.round == 4
    assert not set(map(id, before.machines)) & set(map(id, made.active_round.machines))


def test_the_simulation_may_plant_other_classes() -> None:
    class Wrong(RecoveryMember):
        pass

    classes = MachineClasses(recovery_member=Wrong)
    made = Machines.of(founding("beta"), Role.JOINER, None, classes=classes, now=0.0)
    made.form(founding("beta"), record("beta", *TRIO), settings=SETTINGS, now=0.0)
    assert isinstance(made.recovery_member, Wrong)
