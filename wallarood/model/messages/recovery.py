"""How a round begins: what each worker holds, and where all continue from."""

from typing import TypeAlias

import attrs

from wallarood.model.change import PartName, Vote
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.ids import NO_BALLOT, Ballot, Member, WorkerName
from wallarood.model.messages.formation import Listing

_OMITTED = {"omit_default": True}
"""Not on the wire where nothing was ever changed."""


@attrs.frozen
class Collect:
    """The leader asks what the receiver holds. It stops its part of the job before it answers.

    `attempt` names this question; an answer to another one does not count. `ballot` is its place
    among what is proposed in this epoch: the receiver heeds nothing lower from then on.
    """

    attempt: str
    ballot: Ballot = attrs.field(default=NO_BALLOT, metadata=_OMITTED)


@attrs.frozen
class Holdings:
    """The answer to Collect: what the sender's store holds, with no write in flight.

    `round` is the highest that it has made durable, `highest` the highest checkpoint number it has
    ever seen, `committed` the highest checkpoint that it knows committed, `kept` the numbers of
    those that are kept by name. `accepted` is the change that the sender has accepted, if it has;
    `replicas` are the parts that it keeps for others. One that is `restored` may have forgotten
    what it has promised and accepted: its answer is no promise. `listings` has what the sources of
    a new version of the application list at the sender. `journals` has the epochs in which the
    sender's copies of what others' sources have acknowledged were whole last, where more than one
    epoch may have made some.
    """

    attempt: str
    round: int
    checkpoints: tuple[CheckpointId, ...]
    committed: CheckpointId
    highest: int
    line: int
    kept: tuple[int, ...] = ()
    accepted: Vote | None = attrs.field(default=None, metadata=_OMITTED)
    replicas: tuple[PartName, ...] = attrs.field(default=(), metadata=_OMITTED)
    restored: bool = attrs.field(default=False, metadata=_OMITTED)
    listings: tuple[Listing, ...] = attrs.field(default=(), metadata=_OMITTED)
    journals: tuple[tuple[WorkerName, int], ...] = attrs.field(default=(), metadata=_OMITTED)


@attrs.frozen
class RoundProposal:
    """In *round* all are to continue from *checkpoint*; all checkpoints above it are void.

    `members` are those who take part, with the incarnations that belong to the round and their
    newest addresses. `line` is one more than before if *checkpoint* is below one that was known
    committed, or may have been: what was published after it is made again, and sinks must tell one
    from the other. *afresh*: all have a restored directory, so what they are now is what counts.
    """

    attempt: str
    round: int
    checkpoint: CheckpointId
    highest: int
    members: tuple[Member, ...]
    line: int
    afresh: bool = attrs.field(default=False, metadata=_OMITTED)


@attrs.frozen
class RoundAccepted:
    """The sender has made the proposal of this round durable."""

    round: int


@attrs.frozen
class Resume:
    """All hold the proposal of this round: roll back to it and continue."""

    round: int


RecoveryMessage: TypeAlias = Collect | Holdings | RoundProposal | RoundAccepted | Resume
"""All that workers say in this protocol."""
