"""The ballots of one worker that proposes: each higher than any that it knows to be heeded."""

import attrs

from wallarood.model.change import Vote
from wallarood.model.ids import NO_BALLOT, Ballot, WorkerName

OF_AN_EPOCH = 1 << 20
"""So many numbers are those of one epoch: what is said late in another is not of a bid of that."""


@attrs.define
class Bids:
    """What *name* proposes at. `known` is the highest ballot that anybody is known to heed.

    A bid counts as known at once: none is made twice. It is durable before any other worker hears
    it, since the one that bids asks itself first, and its own answer is a promise as well.
    """

    name: WorkerName
    known: Ballot = NO_BALLOT
    ballot: Ballot = NO_BALLOT
    """The last bid."""
    above: int = 0
    """No bid has this number or a lower one."""

    @classmethod
    def after(cls, name: WorkerName, vote: Vote) -> "Bids":
        """Those of a worker in the epoch of its *vote*."""
        return cls(name, vote.promised, above=(vote.epoch - 1) * OF_AN_EPOCH)

    def heard(self, ballot: Ballot) -> None:
        """Somebody heeds *ballot*."""
        self.known = max(self.known, ballot)

    def bid(self) -> Ballot:
        """A ballot above all that is known."""
        self.ballot = Ballot(max(self.known.counter, self.above) + 1, self.name)
        self.heard(self.ballot)
        return self.ballot

    def bid_for_a_round(self) -> Ballot:
        """As `bid`; no ballot as long as no change was ever proposed in this epoch."""
        self.ballot = NO_BALLOT if self.known == NO_BALLOT else self.bid()
        return self.ballot

    @property
    def outbid(self) -> bool:
        """Whether a higher ballot than the last bid is heeded."""
        return self.known > self.ballot
