"""What the leader makes of what the members hold, and what it says of it."""

from collections.abc import Iterable, Mapping

from wallarood.control.effects import Effect, Level, Report, SendToMember
from wallarood.model.change import Change
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import DamagedStateError
from wallarood.model.ids import NO_BALLOT, WorkerName
from wallarood.model.messages import Holdings, Refused


def number_of(checkpoint: CheckpointId) -> int:
    """What orders checkpoints."""
    return checkpoint.number


def common(everything: Iterable[Holdings]) -> frozenset[CheckpointId]:
    """The checkpoints that all hold."""
    return frozenset.intersection(*(frozenset(each.checkpoints) for each in everything))


def may_be_older(everything: Iterable[Holdings], number: int) -> bool:
    """Whether what is above a checkpoint, and held by some, may have been published.

    A member that was alone in knowing it committed may have come back with a copy of its state
    that was made before. That cannot be told from a member that never held it. Another line is
    safe in either case; it is not begun at each crash because copies are put back only while a
    checkpoint is kept, which need not be the one that the round starts from.
    """
    holdings = tuple(everything)
    kept = any(each <= number for held in holdings for each in held.kept)
    return kept and any(max(map(number_of, held.checkpoints)) > number for held in holdings)


def is_for_another_round(question: str, than: str) -> bool:
    """Whether a question is another *than* one, and not of a change (`Proposal.question`)."""
    return question != than and not question.rpartition("-")[0].endswith("-change")


def accepted_change(everything: Iterable[Holdings]) -> Change | None:
    """The change that is to be finished: of those that were accepted, that of the highest ballot.

    Only it can have been decided, or can still be: whoever proposed it had found the others.
    """
    votes = [each.accepted for each in everything if each.accepted is not None]
    highest = max(votes, key=lambda vote: vote.accepted or NO_BALLOT, default=None)
    return None if highest is None else highest.change


def refused(name: WorkerName, known: CheckpointId, holdings: Holdings) -> list[Effect]:
    """Refuse a member that holds no checkpoint with the others."""
    held = ", ".join(str(each) for each in holdings.checkpoints) or "none"
    reason = (
        f"{name} lacks checkpoint {known}, which the cluster has committed (it holds {held}): "
        "put back its state directory, or a copy that was made at a checkpoint which the others "
        "have kept (wallarooctl checkpoint --keep), or stop all workers and start them without "
        "--cluster-id for a new cluster"
    )
    return [
        Report(f"refused: {reason}", Level.WARNING),
        SendToMember(name, Refused(reason, DamagedStateError.exit_code)),
    ]


def lacking(known: CheckpointId, holdings: Mapping[WorkerName, Holdings]) -> list[WorkerName]:
    """The members that do not hold what is known committed."""
    return [name for name, each in holdings.items() if known not in each.checkpoints]


def starts(round_: int, checkpoint: CheckpointId, known: CheckpointId) -> Report:
    """Say from which checkpoint a round starts; *known* is the highest that is known committed."""
    text = f"round {round_} starts from checkpoint {checkpoint}"
    if checkpoint.number >= known.number:
        return Report(text)
    text += f", which is older than {known}: output published after it will be produced again"
    return Report(text, Level.WARNING)
