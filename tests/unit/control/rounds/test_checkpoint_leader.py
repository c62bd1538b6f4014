"""The coordinator: which checkpoint is taken when, and how patiently; when sources pause."""

from itertools import pairwise
from typing import Any

from wallarood.control.effects import Effect, SendToMember
from wallarood.control.events import MemberMessage, TimerFired
from wallarood.control.rounds.checkpoint_leader import CheckpointLeader
from wallarood.model.messages import (
    CheckpointAbandoned,
    CheckpointCommitted,
    CheckpointFailed,
    CheckpointHeld,
    Purpose,
    RequestCheckpoint,
    TakeCheckpoint,
)


def taken(effects: list[Effect]) -> list[TakeCheckpoint]:
    return [
        each.message
        for each in effects
        if isinstance(each, SendToMember) and isinstance(each.message, TakeCheckpoint)
    ]


def asked(keep: str = "", purpose: Purpose = Purpose.ASKED) -> MemberMessage:
    return MemberMessage("beta", RequestCheckpoint(purpose, keep))


def coordinator() -> CheckpointLeader:
    return CheckpointLeader(
        ("alpha",), highest=0, committed=0, interval_s=9.0, deadline_s=9.0, now=0.0
    )


def test_an_order_to_keep_is_carried_out_behind_the_one_in_flight() -> None:
    machine = coordinator()
    assert taken(machine.step(asked(), 1.0)) == [TakeCheckpoint(1, Purpose.ASKED)]
    assert machine.step(asked("before the upgrade"), 1.1) == []
    behind = taken(machine.step(MemberMessage("alpha", CheckpointHeld(1, 0)), 1.2))
    assert behind == [TakeCheckpoint(2, Purpose.ASKED, "before the upgrade")]


def test_two_who_leave_share_a_checkpoint() -> None:
    machine = coordinator()
    machine.step(asked(purpose=Purpose.LEAVE), 1.0)
    machine.step(asked(purpose=Purpose.LEAVE), 1.1)
    assert taken(machine.step(MemberMessage("alpha", CheckpointHeld(1, 0)), 1.2)) == []


def said(effects: list[Effect], kind: type) -> list[Any]:
    """The messages of a kind, each once: all workers are told the same."""
    messages = [each.message for each in effects if isinstance(each, SendToMember)]
    return list(dict.fromkeys(each for each in messages if isinstance(each, kind)))


def timer(machine: CheckpointLeader) -> tuple[float, list[Effect]]:
    """Let the next deadline come."""
    assert machine.deadline is not None
    now = machine.deadline
    return now, machine.step(TimerFired(), now)


def test_each_silent_checkpoint_doubles_the_patience_with_the_next() -> None:
    machine = coordinator()
    patience = []
    for _ in range(7):
        began, _ = timer(machine)
        ended, effects = timer(machine)
        assert said(effects, CheckpointAbandoned)[0].void is False
        patience.append((ended - began) / 9)
    assert patience == [1, 2, 4, 8, 16, 16, 16]
    timer(machine)
    machine.step(MemberMessage("alpha", CheckpointHeld(8, 0)), 5000.0)
    began, _ = timer(machine)
    ended, _ = timer(machine)
    assert ended - began == 9


def test_writes_that_are_slower_than_the_deadline_commit_again_and_again() -> None:
    """The store of a worker writes one part after the other, and of those that wait the newest."""
    machine = CheckpointLeader(
        ("alpha",), highest=0, committed=0, interval_s=5.0, deadline_s=30.0, now=0.0
    )
    writing, waiting, done_at, committed = 0, 0, 0.0, []
    now = 0.0
    while now < 7200:
        assert machine.deadline is not None
        if writing and done_at <= machine.deadline:
            now = done_at
            effects = machine.step(MemberMessage("alpha", CheckpointHeld(writing, 0)), now)
            committed += [now for _ in said(effects, CheckpointCommitted)]
            writing, waiting = waiting, 0
        else:
            now, effects = timer(machine)
        for each in taken(effects):
            waiting = each.number
        if waiting and not writing:
            writing, waiting = waiting, 0
        if writing and done_at <= now:
            done_at = now + 200.0
    gaps = [later - earlier for earlier, later in pairwise(committed)]
    assert max(gaps) <= 400


def test_a_checkpoint_that_a_worker_could_not_write_is_void_also_when_it_is_late() -> None:
    machine = coordinator()
    timer(machine)
    effects = machine.step(MemberMessage("alpha", CheckpointFailed(1, "disk full")), 10.0)
    assert said(effects, CheckpointAbandoned) == [CheckpointAbandoned(1, void=True)]
    timer(machine)
    timer(machine)  # the second is given up for its silence
    late = machine.step(MemberMessage("alpha", CheckpointFailed(2, "disk full")), 50.0)
    assert said(late, CheckpointAbandoned) == [CheckpointAbandoned(2, void=True)]
    assert machine.step(MemberMessage("alpha", CheckpointHeld(2, 0)), 51.0) == []


def test_sources_pause_when_too_much_waits_to_be_published_and_barriers_go_on() -> None:
    machine = coordinator()
    for unpublished, hold in ((63, False), (64, True), (1, False)):
        _, effects = timer(machine)
        (taking,) = taken(effects)
        machine.step(MemberMessage("alpha", CheckpointHeld(taking.number, 0, unpublished)), 1.0)
        _, effects = timer(machine)
        (behind,) = taken(effects)
        assert ("waits to be published on alpha" in behind.hold) is hold
        machine.step(MemberMessage("alpha", CheckpointHeld(behind.number, 0, unpublished)), 1.0)


def test_sources_pause_when_no_checkpoint_can_be_committed_until_one_is() -> None:
    machine = coordinator()
    holds = []
    for _ in range(66):
        now, effects = timer(machine)
        (taking,) = taken(effects)
        holds.append(taking.hold)
        machine.step(MemberMessage("alpha", CheckpointFailed(taking.number, "disk full")), now)
    assert holds[63] == ""
    assert "disk full" in holds[64]
    assert holds[64] == holds[65]
    now, effects = timer(machine)
    machine.step(MemberMessage("alpha", CheckpointHeld(taken(effects)[0].number, 0)), now)
    _, effects = timer(machine)
    assert taken(effects)[0].hold == ""
