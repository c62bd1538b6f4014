"""The ballots of one worker that proposes: each higher than any that it knows to be heeded."""

import attrs

from wallarood.model.ids import NO_BALLOT, Ballot, WorkerName


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

    def heard(self, ballot: Ballot) -> None:
        """Somebody heeds *ballot*."""
        self.known = max(self.known, ballot)

    def bid(self) -> Ballot:
        """A ballot above all that is known."""
        self.ballot = Ballot(self.known.counter + 1, self.name)
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
