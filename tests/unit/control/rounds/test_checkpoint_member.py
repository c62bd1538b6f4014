"""A worker's part in checkpoints: what lets it leave, pauses its sources, and is thrown away."""

import pytest

from wallarood.control.effects import (
    DiscardCheckpoint,
    Effect,
    HoldSources,
    PublishSinks,
    ReadyToLeave,
    RecordCommitted,
    ReleaseBarrier,
    SendToMember,
    StopOrderly,
    TakeBarrier,
)
from wallarood.control.events import (
    CommitRecorded,
    Event,
    MemberDown,
    MemberMessage,
    MemberUp,
    SnapshotWritten,
    StopWanted,
)
from wallarood.control.rounds.checkpoint_member import CheckpointMember
from wallarood.model.ids import Address, Incarnation
from wallarood.model.messages import (
    CheckpointAbandoned,
    CheckpointCommitted,
    CheckpointHeld,
    Member,
    Purpose,
    RequestCheckpoint,
    TakeCheckpoint,
)

HERE = Address("127.0.0.1", 1)
LEADER = Member("alpha", HERE, HERE, Incarnation(1, "nonce"))


def steps(machine: CheckpointMember, *events: Event) -> list[Effect]:
    """What the machine wants done for the last of *events*."""
    effects: list[Effect] = []
    for event in events:
        effects = machine.step(event, 0.0)
    return effects


def said(message: TakeCheckpoint | CheckpointCommitted | CheckpointAbandoned) -> MemberMessage:
    return MemberMessage("alpha", message)


def leaving(number: int) -> MemberMessage:
    return said(TakeCheckpoint(number, Purpose.LEAVE))


@pytest.fixture
def machine() -> CheckpointMember:
    return CheckpointMember("beta", "alpha", committed=0)


def test_who_leaves_needs_the_checkpoint_and_waits_for_no_publishing(
    machine: CheckpointMember,
) -> None:
    asking = steps(machine, StopWanted())
    assert asking == [SendToMember("alpha", RequestCheckpoint(Purpose.LEAVE))]
    assert steps(machine, leaving(1)) == [TakeBarrier(1, Purpose.LEAVE, "")]
    assert steps(machine, SnapshotWritten(1, 9)) == [SendToMember("alpha", CheckpointHeld(1, 9))]
    assert steps(machine, said(CheckpointCommitted(1))) == [RecordCommitted(1)]
    assert steps(machine, CommitRecorded(1)) == [PublishSinks(1), ReadyToLeave()]


def test_who_stops_behind_the_final_checkpoint_waits_for_no_publishing(
    machine: CheckpointMember,
) -> None:
    final = said(TakeCheckpoint(1, Purpose.FINAL))
    known = (SnapshotWritten(1, 9), said(CheckpointCommitted(1)), CommitRecorded(1))
    assert steps(machine, final, *known) == [PublishSinks(1)]
    assert steps(machine, StopWanted()) == [ReadyToLeave()]


def test_who_stops_while_the_final_checkpoint_is_taken_leaves_with_it(
    machine: CheckpointMember,
) -> None:
    steps(machine, said(TakeCheckpoint(1, Purpose.FINAL)), StopWanted(), SnapshotWritten(1, 9))
    known = steps(machine, said(CheckpointCommitted(1)), CommitRecorded(1))
    assert known == [PublishSinks(1), ReadyToLeave()]


def test_a_cluster_is_shut_down_when_its_checkpoint_is_committed(machine: CheckpointMember) -> None:
    steps(machine, said(TakeCheckpoint(1, Purpose.SHUTDOWN)), SnapshotWritten(1, 9))
    known = steps(machine, said(CheckpointCommitted(1)), CommitRecorded(1))
    assert known == [PublishSinks(1), StopOrderly()]


def test_a_checkpoint_of_another_purpose_lets_nobody_leave(machine: CheckpointMember) -> None:
    events = (
        StopWanted(),
        said(TakeCheckpoint(1, Purpose.INTERVAL)),
        SnapshotWritten(1, 9),
        said(CheckpointCommitted(1)),
        CommitRecorded(1),
    )
    assert steps(machine, *events) == [PublishSinks(1)]


def test_who_stops_a_moment_after_another_leaves_at_once(machine: CheckpointMember) -> None:
    """Sources stand still behind the checkpoint of the other: there is nothing to wait for."""
    done = (leaving(1), SnapshotWritten(1, 9), said(CheckpointCommitted(1)), CommitRecorded(1))
    assert steps(machine, *done, StopWanted()) == [ReadyToLeave()]


def test_who_waits_for_a_checkpoint_that_a_leaver_will_not_take_leaves_too(
    machine: CheckpointMember,
) -> None:
    done = (leaving(1), SnapshotWritten(1, 9), said(CheckpointCommitted(1)), CommitRecorded(1))
    steps(machine, *done, said(TakeCheckpoint(2, Purpose.INTERVAL)), StopWanted(), leaving(3))
    assert steps(machine, MemberDown("gamma")) == [ReadyToLeave()]


def test_a_commit_that_is_being_recorded_is_waited_for(machine: CheckpointMember) -> None:
    steps(machine, StopWanted(), leaving(1), SnapshotWritten(1, 9), said(CheckpointCommitted(1)))
    assert steps(machine, MemberDown("alpha")) == []
    assert steps(machine, CommitRecorded(1)) == [PublishSinks(1), ReadyToLeave()]


def test_sources_pause_as_long_as_there_is_a_reason(machine: CheckpointMember) -> None:
    hold = "too much output waits to be published on alpha"
    taking = (Purpose.INTERVAL, "", hold)
    assert steps(machine, said(TakeCheckpoint(1, *taking)))[0] == HoldSources(hold)
    assert steps(machine, said(TakeCheckpoint(2, *taking))) == [
        TakeBarrier(2, Purpose.INTERVAL, "")
    ]
    go_on = steps(machine, said(TakeCheckpoint(3, Purpose.INTERVAL)))
    assert go_on == [HoldSources(""), TakeBarrier(3, Purpose.INTERVAL, "")]


def test_only_what_is_void_is_thrown_away(machine: CheckpointMember) -> None:
    assert steps(machine, said(CheckpointAbandoned(4))) == [ReleaseBarrier(4)]
    void = steps(machine, said(CheckpointAbandoned(4, void=True)))
    assert void == [ReleaseBarrier(4), DiscardCheckpoint(4)]


def test_a_leader_that_was_away_hears_again_what_is_held_and_unpublished(
    machine: CheckpointMember,
) -> None:
    steps(machine, said(TakeCheckpoint(1, Purpose.INTERVAL)), SnapshotWritten(1, 9, 70))
    assert steps(machine, MemberUp(LEADER)) == [SendToMember("alpha", CheckpointHeld(1, 9, 70))]
