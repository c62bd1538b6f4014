"""An owner is told what is here when its round is written here, and that a part is held, until
this worker is asked what it holds."""

from wallarood.control.effects import Effect
from wallarood.control.events import Event, RoundWritten
from wallarood.control.replicas.effects import DropOwner, SayHeld, TellReplicas
from wallarood.control.replicas.events import (
    OwnerCame,
    OwnerLost,
    ReplicaLacking,
    ReplicaWritten,
    RoundOver,
)
from wallarood.control.replicas.holder import Holder
from wallarood.model.change import PartName

PART = PartName(1, "alpha", 3, 7)
CAME = OwnerCame("alpha", 3)


def lived(*events: Event) -> list[Effect]:
    """What came of the last of *events* at beta, which keeps the replicas of alpha."""
    machine, effects = Holder("beta", ("alpha", "beta", "gamma")), list[Effect]()
    for event in events:
        effects = machine.step(event, 0.0)
    return effects


def test_an_owner_waits_until_its_round_is_written_here() -> None:
    assert lived(CAME) == []
    assert lived(CAME, RoundWritten(3)) == [TellReplicas("alpha")]
    assert lived(RoundWritten(3), CAME) == [TellReplicas("alpha")]
    assert lived(RoundWritten(2), CAME) == []
    assert lived(RoundWritten(2), CAME, RoundOver(), RoundWritten(3)) == [TellReplicas("alpha")]


def test_an_owner_of_an_older_round_or_of_another_place_is_dropped() -> None:
    assert lived(RoundWritten(4), CAME) == [DropOwner("alpha")]
    assert lived(CAME, RoundWritten(4)) == [DropOwner("alpha")]
    assert lived(RoundWritten(3), OwnerCame("gamma", 3)) == [DropOwner("gamma")]


def test_a_part_is_held_when_it_is_written() -> None:
    assert lived(RoundWritten(3), CAME, ReplicaWritten(PART)) == [SayHeld(PART)]


def test_who_has_lacked_more_than_was_sent_is_told_what_is_here() -> None:
    assert lived(RoundWritten(3), CAME, ReplicaLacking("alpha")) == [TellReplicas("alpha")]
    assert lived(RoundWritten(3), CAME, RoundOver(), ReplicaLacking("alpha")) == []


def test_no_part_is_held_after_the_question_what_is_held() -> None:
    asked = (RoundWritten(3), CAME, RoundOver())
    assert lived(*asked, ReplicaWritten(PART)) == []
    assert lived(*asked, RoundWritten(4), ReplicaWritten(PART)) == []


def test_after_the_question_what_is_held_no_journal_of_the_owner_grows_here() -> None:
    over = (RoundWritten(3), CAME, RoundOver())
    assert lived(*over) == [DropOwner("alpha")]
    assert lived(*over, RoundOver()) == []
    # It comes again, and hears nothing until there is another round.
    assert lived(*over, CAME) == []
    assert lived(*over, CAME, RoundWritten(4)) == [DropOwner("alpha")]
    assert lived(RoundWritten(2), CAME, RoundOver()) == [], "its round is to come"


def test_parts_are_taken_in_the_round_that_is_written_until_that_question() -> None:
    machine = Holder("beta", ("alpha", "beta", "gamma"))
    assert not machine.takes(0)
    machine.step(RoundWritten(3), 0.0)
    assert machine.takes(3)
    assert not machine.takes(2)
    machine.step(RoundOver(), 0.0)
    assert not machine.takes(3)
    machine.step(RoundWritten(4), 0.0)
    assert not machine.takes(3)
    assert machine.takes(4)


def test_an_owner_that_is_lost_is_told_nothing() -> None:
    lost = (CAME, OwnerLost("alpha"))
    assert lived(*lost, RoundWritten(3)) == []
    assert lived(CAME, OwnerLost("gamma"), RoundWritten(3)) == [TellReplicas("alpha")]
