"""What counts as done only when it is copied is kept back until then, and no longer than needed."""

from collections.abc import Sequence

import attrs
import pytest
from support.nodes import member, record

from wallarood.control.effects import Effect
from wallarood.control.events import Event, MemberMessage, RoundWritten, SnapshotWritten
from wallarood.control.replicas.copies import Copies
from wallarood.control.replicas.effects import SeekHolder, SendPart, TellReplicas
from wallarood.control.replicas.events import (
    HolderHas,
    OwnerCame,
    PartCaptured,
    PartHeld,
    RoundOver,
)
from wallarood.control.replicas.holder import Holder
from wallarood.control.replicas.replicator import Replicator
from wallarood.model.change import Change, PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Ballot
from wallarood.model.messages import Collect, Drained, RoundProposal

TRIO = ("alpha", "beta", "gamma")
START = CheckpointId(2, 6)
ROUND = 3
WRITTEN, SNAPSHOT = RoundWritten(ROUND), SnapshotWritten(7, 100)
ANSWER = MemberMessage("beta", Drained())


def known(change: Change | None = None) -> ClusterRecord:
    return attrs.evolve(record("alpha", *TRIO), change=change)


def copies(of: ClusterRecord | None = None, *, replicas: int = 1) -> Copies:
    owner = Replicator("alpha", TRIO, layout=1) if replicas else None
    made = Copies(of or known(), Holder("alpha", TRIO), owner)
    made.proposed(RoundProposal("a", ROUND, START, 6, tuple(map(member, TRIO)), 0))
    return made


def part(checkpoint: CheckpointId) -> PartName:
    return PartName(1, "alpha", checkpoint.round, checkpoint.number)


def asked(attempt: str, ballot: int = 0) -> MemberMessage:
    return MemberMessage("beta", Collect(attempt, Ballot(ballot, "")))


def lived(made: Copies, *events: Event) -> tuple[Sequence[Effect], list[Event]]:
    """What came of the last of *events*."""
    outcome: tuple[Sequence[Effect], list[Event]] = ([], [])
    for event in events:
        outcome = made.take(event, 0.0)
    return outcome


def test_a_round_is_written_when_its_start_is_copied() -> None:
    made = copies()
    assert lived(made, WRITTEN) == ([SeekHolder("beta", ROUND)], [])
    assert lived(made, HolderHas(())) == ([SendPart(part(START))], [])
    assert lived(made, PartHeld(part(START))) == ([], [WRITTEN])


OLDER = part(CheckpointId(2, 5))


@pytest.mark.parametrize(
    ("committed", "there"), [(START.number, (OLDER,)), (START.number, ()), (START.number - 1, ())]
)
def test_a_round_waits_for_no_copy_of_what_was_committed_without_one(
    committed: int, there: tuple[PartName, ...]
) -> None:
    """No copies were kept until now: all state is to be copied, while records flow."""
    made, written = copies(), RoundWritten(ROUND, committed)
    assert lived(made, written) == ([SeekHolder("beta", ROUND)], [])
    assert made.keeps_round
    assert lived(made, HolderHas(there)) == ([SendPart(part(START))], [written])
    assert not made.keeps_round
    assert lived(made, HolderHas(there), SNAPSHOT)[1] == []  # it is committed with its copy only
    lived(made, PartHeld(part(START)))
    assert lived(made, PartHeld(part(CheckpointId(ROUND, 7)))) == ([], [SNAPSHOT])


@pytest.mark.parametrize(("committed", "there"), [(START.number - 1, (OLDER,)), (0, ())])
def test_a_round_waits_for_the_copy_of_what_may_not_be_committed(
    committed: int, there: tuple[PartName, ...]
) -> None:
    made = copies()
    lived(made, RoundWritten(ROUND, committed))
    assert lived(made, HolderHas(there)) == ([SendPart(part(START))], [])
    assert made.keeps_round


def test_a_part_is_written_when_it_is_copied() -> None:
    made = copies()
    lived(made, WRITTEN, HolderHas((part(START),)))
    sent = part(CheckpointId(ROUND, 7))
    assert lived(made, SNAPSHOT) == ([SendPart(sent)], [])
    assert lived(made, ANSWER) == ([], [ANSWER])
    assert lived(made, PartHeld(sent)) == ([], [SNAPSHOT])


def test_a_part_that_was_copied_while_it_was_written_is_told_at_once() -> None:
    made = copies()
    lived(made, WRITTEN, HolderHas((part(START),)))
    seventh = CheckpointId(ROUND, 7)
    assert lived(made, PartCaptured(seventh)) == ([SendPart(part(seventh))], [])
    assert lived(made, PartHeld(part(seventh))) == ([], [])  # it is not on this disk
    assert lived(made, SNAPSHOT) == ([], [SNAPSHOT])


def test_of_parts_that_will_never_be_copied_nothing_is_kept_back() -> None:
    made = copies()
    lived(made, WRITTEN, HolderHas((part(START),)))
    lived(made, *(SnapshotWritten(number, 100) for number in (7, 8, 9)))
    lived(made, PartHeld(part(CheckpointId(ROUND, 7))))
    ninth = part(CheckpointId(ROUND, 9))
    assert lived(made, PartHeld(ninth)) == ([], [SnapshotWritten(9, 100)])
    again = tuple(part(CheckpointId(ROUND, number)) for number in (8, 9))
    assert lived(made, HolderHas(again), SnapshotWritten(10, 100))[1] == []
    tenth = part(CheckpointId(ROUND, 10))
    assert lived(made, PartHeld(tenth)) == ([], [SnapshotWritten(10, 100)])


def test_without_replicas_all_is_told_at_once_and_those_of_others_are_kept() -> None:
    made = copies(replicas=0)
    assert lived(made, OwnerCame("gamma", ROUND), WRITTEN) == ([TellReplicas("gamma")], [WRITTEN])
    assert lived(made, SNAPSHOT) == ([], [SNAPSHOT])


def test_a_newer_question_is_answered_though_the_holder_is_away() -> None:
    made = copies()
    assert lived(made, WRITTEN, asked("b")) == ([], [asked("b"), WRITTEN])
    assert lived(made, HolderHas((part(START),))) == ([], [])  # it was told already


def test_a_question_again_or_one_that_is_not_heeded_lets_nothing_pass() -> None:
    assert lived(copies(), WRITTEN, asked("a")) == ([], [asked("a")])
    assert lived(copies(), asked("a", 5), WRITTEN, asked("b", 4)) == ([], [asked("b", 4)])
    assert lived(copies(), asked("a", 5), WRITTEN, asked("b", 6)) == (
        [],
        [asked("b", 6), WRITTEN],
    )


def test_a_part_of_a_round_that_is_over_is_never_told() -> None:
    made = copies()
    lived(made, WRITTEN, HolderHas((part(START),)), SNAPSHOT, RoundOver())
    made.proposed(RoundProposal("b", ROUND + 1, START, 7, tuple(map(member, TRIO)), 0))
    lived(made, RoundWritten(ROUND + 1))
    sent = part(CheckpointId(ROUND, 7))
    assert lived(made, HolderHas((part(START), sent))) == ([], [RoundWritten(ROUND + 1)])


def test_the_first_round_of_a_new_ring_goes_on_at_once() -> None:
    basis = known()
    change = Change(2, (), (), basis.topology, (), START, 1, ROUND, 0)
    made = copies(known(change))
    assert lived(made, WRITTEN) == ([SeekHolder("beta", ROUND)], [WRITTEN])
    assert lived(made, HolderHas(())) == ([SendPart(part(START))], [])
    assert lived(made, PartHeld(part(START)), SNAPSHOT)[1] == []
