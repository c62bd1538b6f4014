"""What is known of a peer, and what is said of its coming and going."""

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

import attrs

from wallarood.control.effects import Level, Report
from wallarood.control.events import ConnectionLost, TimerFired
from wallarood.control.machine import Table, only_way
from wallarood.model.errors import PeersGoneError, WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Attached, JobFailed, Leaving, Member


class Presence(Enum):
    """Whether a peer is heard."""

    EXPECTED = "expected"
    CONNECTED = "connected"
    MISSING = "missing"
    LEFT = "left"


E, C, M, L = Presence

# Where each event may lead in each phase. Empty: a straggler, dropped.
TRANSITIONS: Table = {
    **{(presence, Attached): frozenset({C}) for presence in Presence},
    **{(presence, Leaving): frozenset({L}) for presence in (C, L)},
    **{(presence, Leaving): frozenset() for presence in (E, M)},
    (C, ConnectionLost): frozenset({M}),
    (L, ConnectionLost): frozenset({L}),
    **{(presence, ConnectionLost): frozenset() for presence in (E, M)},
    **{(presence, TimerFired): frozenset({M}) for presence in (C, L)},
    **{(presence, TimerFired): frozenset() for presence in (E, M)},
}


@attrs.define
class Peer:
    """What is known of one member. A timer fires for it when it was silent for too long."""

    TRANSITIONS: ClassVar[Table] = TRANSITIONS
    INPUTS: ClassVar[tuple[type, ...]] = (Attached, Leaving, ConnectionLost, TimerFired)

    member: Member
    presence: Presence = Presence.EXPECTED
    connection: int | None = None
    last_heard: float = 0.0
    misses: tuple[WorkerName, ...] = ()
    ended_by: int = 0
    """The exit status that it has ended with, if it has said so."""
    newcomer: tuple[int, Member, float] | None = None
    """A connection that claims the name with another incarnation, and until when it waits."""

    def taken(self, kind: type) -> None:
        """Something has come of it, or nothing for too long: its presence is what follows."""
        self.presence = only_way(TRANSITIONS, self.presence, kind)


def missing(peers: Mapping[WorkerName, Peer]) -> tuple[WorkerName, ...]:
    """Those that are not connected."""
    gone = (Presence.MISSING, Presence.LEFT, Presence.EXPECTED)
    return tuple(name for name, peer in peers.items() if peer.presence in gone)


def gone(name: WorkerName, why: str) -> Report:
    """A peer is away, as far as is known here."""
    return Report(
        f"lost contact with {name} ({why}); sources paused until it reconnects", Level.WARNING
    )


def refusal(reason: str, exit_code: int) -> WallaroodError:
    """What this worker ends with when it is refused."""
    error = WallaroodError(reason)
    error.exit_code = exit_code
    return error


def left(name: WorkerName, message: Leaving) -> Report:
    """A peer has said that it ends."""
    if message.exit_code:
        return Report(
            f"{name} ends with status {message.exit_code}, by trouble of its own; sources pause "
            f"until it is back: {message.reason}",
            Level.WARNING,
        )
    return Report(f"{name} has completed and left" if message.completed else f"{name} is leaving")


def alone(wait_s: float) -> PeersGoneError:
    """What this worker ends with when all is done here, and the peers may have ended for good."""
    return PeersGoneError(
        "this worker has published its part of the output, and not all of its peers have come "
        f"back for {wait_s:g} s (timing.completion-wait): they may have ended"
    )


def failure(message: JobFailed) -> WallaroodError:
    """What this worker ends with when the job has failed on another."""
    error = WallaroodError(f"the job failed on {message.worker}: {message.reason}")
    error.exit_code = message.exit_code
    return error
