"""Planted bugs of the founding: each is something that a careless change might do."""

from typing import TYPE_CHECKING

import attrs

from wallarood.control.effects import Persist, PersistNever, SendOnConnection, ShellEffect
from wallarood.control.formation.initializer import Initializer
from wallarood.control.settings import MachineClasses as Classes
from wallarood.model.cluster_record import RecordState
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Committed, Prepared

from .bugs import Bugs
from .founding import Founding

if TYPE_CHECKING:
    from .node import Node


class Hasty(Initializer):
    """Takes one worker less for all."""

    def _absent(self) -> list[WorkerName]:
        return super()._absent()[1:]


def _said_first(kind: type, effects: list[ShellEffect]) -> list[ShellEffect]:
    said = [e for e in effects if isinstance(e, SendOnConnection) and isinstance(e.message, kind)]
    return [*said, *(effect for effect in effects if effect not in said)]


def announce_before_persist(_: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """The initializer says that the cluster is committed before that is durable."""
    return _said_first(Committed, effects)


def prepared_before_persist(_: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """A worker says that it is prepared before that is durable."""
    return _said_first(Prepared, effects)


def never_not_durable(_: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """What is said to be never is not written down."""
    return [effect for effect in effects if not isinstance(effect, PersistNever)]


def commit_not_durable(node: "Node", effects: list[ShellEffect]) -> list[ShellEffect]:
    """The initializer does not write down that the cluster is committed."""
    return [
        effect
        for effect in effects
        if not (
            node.name == "alpha"
            and isinstance(effect, Persist)
            and effect.record.state is RecordState.COMMITTED
        )
    ]


@attrs.frozen
class Planted:
    """A bug, what must be said of it (a regular expression), and in which worlds."""

    says: str
    bugs: Bugs = attrs.field(factory=Bugs)
    founding: Founding = attrs.field(factory=Founding)
    kills: range = range(0)
    """With all killed before an effect in this range, one after the other."""


PLANTED_FOUNDING = {
    "committed is announced before it is durable": Planted(
        "says committed of .*: not durable", Bugs(transform=announce_before_persist)
    ),
    "prepared is said before it is durable": Planted(
        "says prepared of .*: not durable", Bugs(transform=prepared_before_persist)
    ),
    "never is not durable": Planted(
        "says never of .*: not durable", Bugs(transform=never_not_durable)
    ),
    "committed is not durable at the initializer": Planted(
        "says committed of .*: not durable", Bugs(transform=commit_not_durable)
    ),
    "committed without the last worker": Planted(
        "is committed, but .* lacks it", Bugs(classes=Classes(initializer=Hasty))
    ),
    "a record in doubt is forgotten at a restart": Planted(
        "no cluster after", founding=Founding(forget_doubt=True)
    ),
    "a cluster never gives way": Planted(
        "no cluster after",
        founding=Founding(wanted=None, gives_way=False),
        kills=range(20, 50),
    ),
    "the initializer is who has the flag and not who is on record": Planted(
        "before it exists",
        founding=Founding(flag_moves=True, role_by_flag=True),
        kills=range(20, 50),
    ),
}
