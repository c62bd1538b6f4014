"""How far the leader has brought a round, and what may come of each event then."""

from enum import Enum

from wallarood.control.change.events import VoteWritten
from wallarood.control.events import MemberDown, MemberUp, TimerFired
from wallarood.model.messages import ChangeProgress, Collect, Holdings, Outbid, RoundAccepted


class Phase(Enum):
    """How far the leader has brought the round."""

    GATHERING = "gathering"
    """Not all members are attached."""
    COLLECTING = "collecting"
    PROPOSED = "proposed"
    RUNNING = "running"
    YIELDED = "yielded"
    """Another question has a higher ballot: a change is proposed."""


G, C, P, R, Y = Phase

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    (G, MemberUp): frozenset({G, C}),
    (C, MemberUp): frozenset({C, G}),
    (P, MemberUp): frozenset({P, C, G}),
    (R, MemberUp): frozenset({R, G, C}),
    (G, MemberDown): frozenset({G}),
    (C, MemberDown): frozenset({C}),
    (P, MemberDown): frozenset({P}),
    (R, MemberDown): frozenset({R}),
    (G, Holdings): frozenset(),
    (C, Holdings): frozenset({C, P, G, Y}),
    (P, Holdings): frozenset({P, G, C}),
    (R, Holdings): frozenset({R, G, C}),
    (G, RoundAccepted): frozenset(),
    (C, RoundAccepted): frozenset(),
    (P, RoundAccepted): frozenset({P, R}),
    (R, RoundAccepted): frozenset({R}),
    (G, TimerFired): frozenset(),
    (C, TimerFired): frozenset({C}),
    (P, TimerFired): frozenset({P}),
    (R, TimerFired): frozenset(),
    (Y, MemberUp): frozenset({Y, G, C}),
    (Y, MemberDown): frozenset({Y}),
    (Y, TimerFired): frozenset({Y, G, C}),
    **{(Y, kind): frozenset() for kind in (Holdings, RoundAccepted)},
    **{(phase, Collect): frozenset({phase, Y}) for phase in Phase},
    **{(phase, Outbid): frozenset({phase, Y}) for phase in Phase},
    **{(phase, VoteWritten): frozenset({phase}) for phase in Phase},
    **{(phase, ChangeProgress): frozenset({phase}) for phase in (G, C, P)},
    **{(phase, ChangeProgress): frozenset({phase, G, C}) for phase in (R, Y)},
}
