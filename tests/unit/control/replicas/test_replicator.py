"""An owner sends what its holder lacks, the newest next, and nothing when its round is over."""

from wallarood.control.effects import Effect
from wallarood.control.events import Event
from wallarood.control.replicas.effects import Copied, LeaveHolder, SeekHolder, SendPart
from wallarood.control.replicas.events import (
    HolderHas,
    HolderLost,
    PartCaptured,
    PartHeld,
    PartToCopy,
    RoundOver,
)
from wallarood.control.replicas.replicator import Phase, Replicator
from wallarood.model.change import PartName
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointId

ROUND = 3


def replicator() -> Replicator:
    return Replicator("alpha", ("alpha", "beta", "gamma"), layout=2)


def at(number: int) -> CheckpointId:
    return CheckpointId(ROUND, number)


def part(number: int) -> PartName:
    return PartName(2, "alpha", ROUND, number)


def to_copy(number: int) -> PartToCopy:
    return PartToCopy(at(number), ROUND)


def lived(machine: Replicator, *events: Event) -> list[Effect]:
    """What came of the last of *events*."""
    effects: list[Effect] = []
    for event in events:
        effects = machine.step(event, 0.0)
    return effects


def test_what_the_holder_lacks_is_sent_and_copied_when_it_is_held() -> None:
    machine = replicator()
    assert lived(machine, to_copy(7)) == [SeekHolder("beta", ROUND)]
    assert machine.copied is None
    assert lived(machine, HolderHas((part(6),))) == [SendPart(part(7))]
    assert lived(machine, PartHeld(part(7))) == [Copied(at(7))]
    assert (machine.phase, machine.copied) == (Phase.READY, at(7))
    assert lived(machine, to_copy(8)) == [SendPart(part(8))]


def test_what_the_holder_has_is_not_sent() -> None:
    assert lived(replicator(), to_copy(7), HolderHas((part(7),))) == [Copied(at(7))]


def test_a_part_of_another_round_or_layout_with_the_number_is_another_part() -> None:
    for other in (PartName(2, "alpha", 2, 7), PartName(1, "alpha", ROUND, 7)):
        assert lived(replicator(), to_copy(7), HolderHas((other,))) == [SendPart(part(7))]


def test_the_empty_checkpoint_is_everywhere() -> None:
    empty = PartToCopy(FIRST_CHECKPOINT, ROUND)
    assert lived(replicator(), empty, HolderHas(())) == [Copied(FIRST_CHECKPOINT)]


def test_of_what_is_written_while_a_part_is_under_way_the_newest_goes_next() -> None:
    machine = replicator()
    assert lived(machine, to_copy(7), HolderHas(()), to_copy(8), to_copy(9)) == []
    assert lived(machine, PartHeld(part(7))) == [Copied(at(7)), SendPart(part(9))]
    assert lived(machine, PartHeld(part(9))) == [Copied(at(9))]


def test_a_part_is_sent_while_it_is_written_here() -> None:
    machine = replicator()
    lived(machine, to_copy(7), HolderHas((part(7),)))
    assert lived(machine, PartCaptured(at(8))) == [SendPart(part(8))]
    assert lived(machine, to_copy(8)) == []  # it is under way
    assert lived(machine, PartHeld(part(8))) == [Copied(at(8))]
    assert lived(machine, PartCaptured(at(9)), PartHeld(part(9))) == [Copied(at(9))]
    assert lived(machine, to_copy(9)) == [Copied(at(9))]  # held before it was written here


def test_a_part_that_is_captured_when_the_round_is_over_makes_no_connection() -> None:
    """It would be one of the round that is over, and the next round would go on with it."""
    machine = replicator()
    assert lived(machine, to_copy(7), RoundOver(), PartCaptured(at(8))) == []
    assert lived(machine, PartToCopy(at(7), ROUND + 1)) == [SeekHolder("beta", ROUND + 1)]


def test_what_is_known_of_the_holder_does_not_grow_with_the_round() -> None:
    machine = replicator()
    lived(machine, to_copy(7), HolderHas((part(5), part(6), part(9))))
    for number in range(7, 50):
        lived(machine, to_copy(number), PartHeld(part(number)))
    assert machine.copied == at(49)
    assert lived(machine, to_copy(48)) == [SendPart(part(48))]  # forgotten, and wanted no more


def test_a_lost_connection_begins_with_what_the_holder_has() -> None:
    machine = replicator()
    assert lived(machine, to_copy(7), HolderHas(()), HolderLost()) == []
    assert lived(machine, PartHeld(part(7))) == []  # of the connection that is lost
    assert lived(machine, HolderHas((part(7),))) == [Copied(at(7))]
    assert lived(machine, HolderLost(), HolderHas(())) == []  # nothing is wanted


def test_a_holder_that_lacks_more_than_was_thought_says_so_and_gets_it() -> None:
    machine = replicator()
    lived(machine, to_copy(7), HolderHas((part(6),)))
    assert lived(machine, HolderHas((part(6),))) == [SendPart(part(7))]


def test_when_the_round_is_over_nothing_is_sent_or_told() -> None:
    machine = replicator()
    assert lived(machine, to_copy(7), HolderHas(()), RoundOver()) == [LeaveHolder()]
    assert lived(machine, PartHeld(part(7)), HolderHas(()), HolderLost(), RoundOver()) == []
    again = PartToCopy(at(6), ROUND + 1)
    assert lived(machine, again) == [SeekHolder("beta", ROUND + 1)]
    assert lived(machine, HolderHas(())) == [SendPart(part(6))]
