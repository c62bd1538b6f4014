"""The coordinator: who asks for a checkpoint while one is in flight gets another."""

from wallarood.control.effects import Effect, Tell
from wallarood.control.events import CheckpointWanted, Heard
from wallarood.control.rounds.checkpoint_leader import Coordinator
from wallarood.model.messages import CheckpointHeld, Purpose, RequestCheckpoint, TakeCheckpoint


def taken(effects: list[Effect]) -> list[TakeCheckpoint]:
    return [
        each.message
        for each in effects
        if isinstance(each, Tell) and isinstance(each.message, TakeCheckpoint)
    ]


def asked(keep: str = "", purpose: Purpose = Purpose.ASKED) -> CheckpointWanted:
    return CheckpointWanted(RequestCheckpoint(purpose, keep))


def coordinator() -> Coordinator:
    return Coordinator(("alpha",), highest=0, committed=0, interval_s=9.0, deadline_s=9.0, now=0.0)


def test_an_order_to_keep_is_carried_out_behind_the_one_in_flight() -> None:
    machine = coordinator()
    assert taken(machine.step(asked(), 1.0)) == [TakeCheckpoint(1, Purpose.ASKED)]
    assert machine.step(asked("before the upgrade"), 1.1) == []
    behind = taken(machine.step(Heard("alpha", CheckpointHeld(1, 0)), 1.2))
    assert behind == [TakeCheckpoint(2, Purpose.ASKED, "before the upgrade")]


def test_two_who_leave_share_a_checkpoint() -> None:
    machine = coordinator()
    machine.step(asked(purpose=Purpose.LEAVE), 1.0)
    machine.step(asked(purpose=Purpose.LEAVE), 1.1)
    assert taken(machine.step(Heard("alpha", CheckpointHeld(1, 0)), 1.2)) == []
