"""How long a change may wait for one of its steps."""

import attrs

from wallarood.control.change.proposing import changer_phases as table
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.change.proposing.proposal import Proposal
from wallarood.control.change.view import View

BOUND_WAIT_S = 4.0
"""After which a worker that has accepted a change proposes it itself; longer by its place."""


def next_turn(view: View, now: float) -> float:
    """When that is, if nothing is heard by then."""
    return now + BOUND_WAIT_S * (1 + view.workers.index(view.me.name) / 2)


@attrs.define
class Waits:
    """Those of the step that is under way; each may last for `wait_s`."""

    wait_s: float
    ask_at: float = 0.0
    """When those who have not answered are asked again."""
    _until: float = 0.0
    _limit: float = 0.0

    def begin(self, now: float) -> None:
        """Another step begins."""
        self.ask_at = now + table.ASK_AGAIN_S
        self._until, self._limit = now + self.wait_s, now + self.wait_s * table.STAGING_WAITS

    def is_over(self, proposal: Proposal, now: float) -> bool:
        """Whether it has lasted too long, now that it is looked at; else all are asked again.

        What is copied may take long, as long as all that copy are there. What may be decided
        already is never given up.
        """
        if proposal.phase in (Phase.STAGING, Phase.COPYING):
            there = proposal.all_here(now)
            longest = min(now + self.wait_s, self._limit) if there else self._until
            self._until = proposal.bounded(longest)
        if now >= self._until and proposal.phase is not Phase.ACCEPTING:
            return True
        self.ask_at = now + table.ASK_AGAIN_S
        return False
