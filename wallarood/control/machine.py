"""What all machines have in common, and the one way in which they take an event."""
# Theory of operation
# ===================
# A machine is in a phase, and its table says for every phase and every kind of event or message
# that it takes (its INPUTS) which phases that may lead to. Nowhere: a straggler, which is dropped.
# One phase: the table sets it, unless the machine has. A pair that is absent, or a phase that is
# not among those, is a bug of ours, and ends this process: systemd starts it again, with what is on
# disk.

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, Protocol, TypeAlias

from wallarood.control.effects import Effect
from wallarood.control.events import Event, kind_of
from wallarood.model.errors import LocalProtocolError

Table: TypeAlias = Mapping[tuple[Any, type], frozenset[Any]]


class Machine(Protocol):
    """A machine: it takes its INPUTS, which are kinds of events and of messages."""

    INPUTS: ClassVar[tuple[type, ...]]

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""


class Tabled(Protocol):
    """A machine that has a table."""

    TRANSITIONS: ClassVar[Table]
    phase: Any

    def take(self, event: Event, now: float) -> list[Effect]:
        """Do what the machine does with an event that its table lets in."""


def transition(machine: Tabled, event: Event, now: float) -> list[Effect]:
    """Have *machine* take *event* as its table says.

    Raises LocalProtocolError: the table has nothing on it, or did not allow what came of it.
    """
    before, kind = machine.phase, kind_of(event)
    allowed = _allowed(machine.TRANSITIONS, before, kind)
    effects = machine.take(event, now) if allowed else []
    if machine.phase is before and len(allowed) == 1:
        (machine.phase,) = allowed
    elif allowed:
        _check(allowed, before, kind, to=machine.phase)
    return effects


def check(table: Table, before: Enum, kind: type, *, to: Enum) -> None:
    """Raise LocalProtocolError if *table* does not allow the way from *before* to another phase."""
    _check(_allowed(table, before, kind), before, kind, to=to)


def _check(allowed: frozenset[Any], before: Enum, kind: type, *, to: Enum) -> None:
    if to not in allowed:
        raise LocalProtocolError(f"{before} may not become {to} by {kind.__name__}")


def only_way(table: Table, before: Enum, kind: type) -> Any:
    """The phase that *kind* leads to from *before*; a straggler leads nowhere else.

    Raises LocalProtocolError: the table has nothing on it, or has several ways.
    """
    allowed = _allowed(table, before, kind) or {before}
    if len(allowed) > 1:
        raise LocalProtocolError(f"there are several ways from {before} by {kind.__name__}")
    (phase,) = allowed
    return phase


def _allowed(table: Table, before: Enum, kind: type) -> frozenset[Any]:
    try:
        return table[before, kind]
    except KeyError:
        raise LocalProtocolError(f"there is no row for {kind.__name__} in {before}") from None
