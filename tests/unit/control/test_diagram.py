"""The diagrams in the manual are those of the tables."""

from pathlib import Path

from wallarood.control.change import newcomer
from wallarood.control.change.proposing import changer_phases as changer
from wallarood.control.diagram import diagram
from wallarood.control.formation import initializer, joiner
from wallarood.control.rounds import checkpoint_leader as checkpoint
from wallarood.control.rounds import checkpoint_member as snapshot
from wallarood.control.rounds import completion
from wallarood.control.rounds import recovery_leader as recovery
from wallarood.control.rounds import recovery_member as rollback

PAGE = Path(__file__).parents[3] / "man" / "wallarood-protocol.7"
BEGIN, END = '.\\" formation diagram begin\n', '.\\" formation diagram end\n'


def drawn() -> str:
    machines = {
        "initializer": initializer,
        "joiner": joiner,
        "recovery": recovery,
        "rollback": rollback,
        "checkpoint": checkpoint,
        "snapshot": snapshot,
        "completion": completion,
        "changer": changer,
        "newcomer": newcomer,
    }
    text = "\n\n".join(f"{n}:\n{diagram(m.TRANSITIONS)}" for n, m in machines.items())
    return ".nf\n" + text.replace("-", "\\-") + "\n.fi\n"


def test_the_manual_shows_the_tables_as_they_are() -> None:
    _, _, behind = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    found, _, _ = behind.partition(END)
    assert found == drawn(), f"put this between the markers of {PAGE.name}:\n{drawn()}"


def test_a_way_that_stays_in_its_phase_is_left_out() -> None:
    text = diagram(completion.TRANSITIONS)
    assert "running     --JobDrained" in text
    assert "running     --Drained" not in text
