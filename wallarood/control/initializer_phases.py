"""The phases of the initializer, and where each event may lead."""

from enum import Enum

from wallarood.control.events import ConnectionLost, LinksUp, TimerFired
from wallarood.model.messages import Attach, Connected, Heartbeat, Inquiry, Join, Prepared


class Phase(Enum):
    """How far the founding has come."""

    GATHERING = "gathering"
    PROPOSED = "proposed"
    CONNECTING = "connecting"
    FORMED = "formed"
    FAILED = "failed"


G, P, C, F, X = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (G, Join): frozenset({G, P, C}),
    (G, Prepared): frozenset(),
    (G, Connected): frozenset(),
    (G, Inquiry): frozenset({G}),
    (G, Attach): frozenset({X}),
    (G, Heartbeat): frozenset({G}),
    (G, ConnectionLost): frozenset({G}),
    (G, LinksUp): frozenset(),
    (G, TimerFired): frozenset({G, P, C, X}),
    (P, Join): frozenset({P, G}),
    (P, Prepared): frozenset({P, C}),
    (P, Connected): frozenset(),
    (P, Inquiry): frozenset({P, C}),
    (P, Attach): frozenset({P}),
    (P, Heartbeat): frozenset({P}),
    (P, ConnectionLost): frozenset({P}),
    (P, LinksUp): frozenset(),
    (P, TimerFired): frozenset({P, G}),
    (C, Join): frozenset({C}),
    (C, Prepared): frozenset({C}),
    (C, Connected): frozenset({C, F}),
    (C, Inquiry): frozenset({C}),
    (C, Attach): frozenset({C}),
    (C, Heartbeat): frozenset({C}),
    (C, ConnectionLost): frozenset({C}),
    (C, LinksUp): frozenset({C, F}),
    (C, TimerFired): frozenset({C, X}),
    (F, Join): frozenset({F}),
    (F, Prepared): frozenset({F}),
    (F, Connected): frozenset({F}),
    (F, Inquiry): frozenset({F}),
    (F, Attach): frozenset({F}),
    (F, Heartbeat): frozenset({F}),
    (F, ConnectionLost): frozenset({F}),
    (F, LinksUp): frozenset({F}),
    (F, TimerFired): frozenset({F}),
    **{(X, kind): frozenset() for kind in (Join, Prepared, Connected, Inquiry, Attach, Heartbeat)},
    (X, ConnectionLost): frozenset(),
    (X, LinksUp): frozenset(),
    (X, TimerFired): frozenset(),
}
