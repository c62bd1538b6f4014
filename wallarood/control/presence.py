"""What is known of a peer, and what is said of its coming and going."""

from enum import Enum

import attrs

from wallarood.control.effects import Level, Report
from wallarood.model.errors import PeersGoneError, WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import JobFailed, Leaving, Member


class Presence(Enum):
    """Whether a peer is heard."""

    EXPECTED = "expected"
    CONNECTED = "connected"
    MISSING = "missing"
    LEFT = "left"


@attrs.define
class Peer:
    """What is known of one member."""

    member: Member
    presence: Presence = Presence.EXPECTED
    connection: int | None = None
    last_heard: float = 0.0
    misses: tuple[WorkerName, ...] = ()
    ended_by: int = 0
    """The exit status that it has ended with, if it has said so."""
    newcomer: tuple[int, Member, float] | None = None
    """A connection that claims the name with another incarnation, and until when it waits."""


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
