"""What the members of a cluster that exists say to each other, whatever the job does."""

from typing import TypeAlias

import attrs

from wallarood.model.ids import ClusterId, Member, WorkerName


@attrs.frozen
class Attach:
    """A member opens a control channel to another member, or answers so one that is ahead of it.

    Answered by Attached, Refused, or, if the sender's epoch is older, by Decided.
    """

    member: Member
    protocol: int
    cluster_id: ClusterId
    epoch: int


@attrs.frozen
class Attached:
    """The answer to Attach."""

    member: Member


@attrs.frozen
class Heartbeat:
    """The sender lives. `missing` are the workers that it does not hear from.

    `slowest` says where the slowest partition stands that it reads of each source whose partitions
    may not drift apart, in microseconds since 1970 UTC; None if none counts. See `event_time`.
    """

    missing: tuple[WorkerName, ...]
    slowest: tuple[tuple[str, int | None], ...] = ()


@attrs.frozen
class StatusWanted:
    """The sender asks how the receiver does; *number* is that of the question.

    With a *query*, a JSON object, it asks for something else; see `wallarood.admin.gathering`.
    """

    number: int
    query: str = ""


@attrs.frozen
class StatusTold:
    """The answer to StatusWanted: the sender's status as JSON, or what was asked for."""

    number: int
    status: str


@attrs.frozen
class Leaving:
    """The sender ends in an orderly way. `completed` is whether the job is done.

    `reason` is the trouble of its own that it ends by, with its `exit_code`; empty if it has none.
    """

    completed: bool
    reason: str = ""
    exit_code: int = 0


@attrs.frozen
class JobFailed:
    """The job cannot continue. All workers end with `exit_code`."""

    worker: WorkerName
    reason: str
    exit_code: int


@attrs.frozen
class ShutDown:
    """An operator ends the whole cluster: stop in an orderly way."""


MembershipMessage: TypeAlias = (
    Attach | Attached | Heartbeat | StatusWanted | StatusTold | Leaving | JobFailed | ShutDown
)
"""All that workers say in this protocol."""
