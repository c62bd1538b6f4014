"""What happens to a worker in a change; see `wallarood.control.events`."""

from typing import TypeAlias

import msgspec

from wallarood.model.change import Change, Vote
from wallarood.model.ids import Ballot
from wallarood.model.messages.change import ChangeRequest


class ChangeWanted(msgspec.Struct, frozen=True):
    """An operator wants a change here, or the configuration."""

    request: ChangeRequest


class AcceptanceFound(msgspec.Struct, frozen=True):
    """All have promised to heed *ballot*, and a change was accepted: it is to be finished."""

    ballot: Ballot
    change: Change


class VoteWritten(msgspec.Struct, frozen=True):
    """This vote is durable here."""

    vote: Vote


class AheadCopied(msgspec.Struct, frozen=True):
    """What could be copied for the request *name* while records flow is here."""

    name: str


class ChangeStaged(msgspec.Struct, frozen=True):
    """What this worker has in the epoch of a change is durable here."""

    ballot: Ballot


class StagingFailed(msgspec.Struct, frozen=True):
    """What this worker would have in the epoch of a change cannot be had."""

    ballot: Ballot
    reason: str


OfAChange: TypeAlias = (
    ChangeWanted | AcceptanceFound | VoteWritten | AheadCopied | ChangeStaged | StagingFailed
)
"""All of them."""

OF_STAGING = (AheadCopied, ChangeStaged, StagingFailed)
"""What a worker that is no member yet hears as well."""
