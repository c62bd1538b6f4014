"""How far a worker has brought a change, and what may come of each event then."""

from enum import Enum

from wallarood.control.change.events import AcceptanceFound, ChangeWanted, VoteWritten
from wallarood.control.events import (
    ConnectionLost,
    MemberDown,
    MemberUp,
    TimerFired,
)
from wallarood.model.messages import (
    Accepted,
    ChangeAnswered,
    ChangePublished,
    ChangeRequest,
    CheckpointCommitted,
    Collect,
    CopiedAhead,
    Holdings,
    JoinRunning,
    Outbid,
    Staged,
    TakeCheckpoint,
)


class Phase(Enum):
    """What a change that is proposed here waits for."""

    IDLE = "idle"
    COPYING = "copying"
    """For what moves, which is copied while records flow."""
    FREEZING = "freezing"
    """For a checkpoint after whose barrier no source moves."""
    PUBLISHING = "publishing"
    COLLECTING = "collecting"
    STAGING = "staging"
    ACCEPTING = "accepting"


I_, K, F, P, C, G, A = Phase

ASK_AGAIN_S = 2.0
WAIT_S = 60.0
"""How long a change may wait for one step before it is abandoned."""
STAGING_WAITS = 20
"""How many times as long staging may take, as long as all that stage are there."""

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: dict[tuple[Phase, type], frozenset[Phase]] = {
    **{
        (phase, kind): frozenset({phase})
        for phase in Phase
        for kind in (MemberUp, MemberDown, ConnectionLost, VoteWritten, ChangeAnswered)
    },
    **{
        (phase, kind): frozenset({phase})
        for phase in Phase
        for kind in (ChangeWanted, ChangeRequest, JoinRunning)
    },
    **{(phase, JoinRunning): frozenset({phase, I_}) for phase in (K, F, P, C, G)},
    **{(A, kind): frozenset({A, C}) for kind in (ChangeWanted, ChangeRequest)},
    **{(I_, kind): frozenset({I_, K, C}) for kind in (ChangeWanted, ChangeRequest, JoinRunning)},
    **{(phase, Collect): frozenset({phase, I_}) for phase in Phase},
    **{(phase, Outbid): frozenset({phase, I_}) for phase in Phase},
    **{(phase, AcceptanceFound): frozenset({A}) for phase in Phase},
    (I_, TimerFired): frozenset({I_, C}),
    **{(phase, TimerFired): frozenset({phase, I_}) for phase in (K, F, P, C, G)},
    (A, TimerFired): frozenset({A}),
    (K, CopiedAhead): frozenset({K, F}),
    (F, TakeCheckpoint): frozenset({F}),
    (F, CheckpointCommitted): frozenset({F, P, C}),
    (F, ChangePublished): frozenset({F}),
    (P, ChangePublished): frozenset({P, C}),
    (C, Holdings): frozenset({C, G, A, I_}),
    (G, Staged): frozenset({G, A, I_}),
    (A, Accepted): frozenset({A}),
    **{
        (phase, kind): frozenset()
        for phase in (I_, K, P, C, G, A)
        for kind in (TakeCheckpoint, CheckpointCommitted)
    },
    **{(phase, CopiedAhead): frozenset() for phase in Phase if phase is not K},
    **{(phase, ChangePublished): frozenset() for phase in (I_, K, C, G, A)},
    **{(phase, Holdings): frozenset() for phase in (I_, K, F, P, G, A)},
    **{(phase, Staged): frozenset() for phase in (I_, K, F, P, C, A)},
    **{(phase, Accepted): frozenset() for phase in (I_, K, F, P, C, G)},
}
