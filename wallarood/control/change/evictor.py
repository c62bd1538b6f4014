"""Who evicts members that all others miss for long, without an operator."""
# Theory of operation
# ===================
# Where it is configured (`cluster.evict-after`), a member that misses others tells all that it
# hears, a heartbeat apart, whom it misses and for how long. The first of those that stay asks for
# the eviction, as an operator would: when all that stay, a majority, miss the same members, have
# not heard of any of them for the whole time, and have heard each other for as long. So a cut cable
# between two of three evicts nobody, and of the halves of a cut at most one goes on.
#
# Who has said that it leaves is not lost: it is expected back, and as long as it is away nobody is
# evicted. Nor is anybody while an upgrade is pending: from when a checkpoint is to be kept for it,
# or for the way back, until that is dropped or the next epoch begins. Who is away then may be one
# that is being restarted with the new version. Nor is anybody when the job is done. The time in
# which this worker itself was held up does not count: see `membership`, which gives every peer a
# whole deadline again.
#
# What is asked for may be refused, as where there is no copy of what was lost: it is asked for
# again after as long a time.

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import ClassVar

from wallarood.control.change.view import View
from wallarood.control.effects import Effect, Level, Report, SendToMember
from wallarood.control.events import Event, MemberDown, MemberMessage, MemberUp, TimerFired
from wallarood.control.membership.presence import Peer, Presence
from wallarood.model.change import ChangeKind, Trust
from wallarood.model.checkpoint import waits_for_version
from wallarood.model.ids import WorkerName
from wallarood.model.messages import (
    ChangeRequest,
    DropKept,
    Misses,
    RoundProposal,
    TakeCheckpoint,
)

LOST = (Presence.MISSING, Presence.EXPECTED)


class Evictor:
    """The machine of one member. *view* and *peers* are those of the node. Times are in seconds."""

    INPUTS: ClassVar[tuple[type, ...]] = (
        *(TimerFired, MemberUp, MemberDown, Misses),
        *(TakeCheckpoint, DropKept, RoundProposal),
    )

    def __init__(
        self,
        view: View,
        peers: Mapping[WorkerName, Peer],
        *,
        evict_after_s: float,
        beat_s: float,
        waits: Iterable[tuple[str, int]] = (),
        now: float,
    ) -> None:
        self._view, self._peers = view, peers
        self._evict_after_s, self._beat_s = evict_after_s, beat_s
        self._began = self._look_at = self._asked_at = now
        self._asked = 0
        self._waits = dict(waits)
        """The checkpoints that are kept while another version is waited for, by their names."""
        self._said = False
        self._reports: dict[WorkerName, dict[WorkerName, float]] = {}
        """Since when each member that is heard misses others; of those that miss none, nothing."""
        self._parted: dict[frozenset[WorkerName], float] = {}
        """When two members last did not hear each other, as far as one of them has said so."""

    @property
    def deadline(self) -> float | None:
        """When `TimerFired` is due; None: never."""
        watches = not self._view.completed and (self._said or self._lost)
        return self._look_at if watches else None

    @property
    def _lost(self) -> dict[WorkerName, float]:
        """Since when this worker misses others that have not said that they leave."""
        peers = self._peers.items()
        return {name: peer.last_heard for name, peer in peers if peer.presence in LOST}

    def step(self, event: Event, now: float) -> list[Effect]:
        """Take one event, return what is to be done about it."""
        match event:
            case MemberUp(member):
                self._reports.pop(member.name, None)
                self._are_parted(self._view.me.name, member.name, now)
            case MemberDown(name):
                self._reports.pop(name, None)
                self._look_at = now
            case MemberMessage(sender, Misses(silent)):
                for name in {*self._reports.get(sender, ()), *dict(silent)}:
                    self._are_parted(sender, name, now)
                self._reports[sender] = {name: now - silent_s for name, silent_s in silent}
            case MemberMessage(_, TakeCheckpoint(number, keep=keep)) if waits_for_version(keep):
                self._waits[keep] = number
            case MemberMessage(_, DropKept(name)):
                self._waits.pop(name, None)
            case MemberMessage(_, RoundProposal(checkpoint=start)):  # what is above it is void
                self._waits = {
                    k: number for k, number in self._waits.items() if number <= start.number
                }
            case TimerFired() if now >= self._look_at:
                self._look_at = now + self._beat_s
                return [*self._say(now), *self._evict(now)]
            case _:
                pass
        return []

    def _are_parted(self, one: WorkerName, other: WorkerName, now: float) -> None:
        self._parted[frozenset((one, other))] = now

    def _say(self, now: float) -> list[Effect]:
        """Tell all that are heard who is missed here; once more when nobody is any longer."""
        lost = self._lost
        told, self._said = self._said, bool(lost)
        if not lost and not told:
            return []
        misses = Misses(tuple((name, max(0.0, now - since)) for name, since in lost.items()))
        heard = (name for name, peer in self._peers.items() if peer.connection is not None)
        return [SendToMember(name, misses) for name in heard]

    def _evict(self, now: float) -> list[Effect]:
        lost, me = self._lost, self._view.me.name
        stay = [name for name in self._view.workers if name not in lost]
        if not lost or stay[0] != me or not self._may_evict(stay) or not self._agree(stay, lost):
            return []
        if now - max(self._times(stay, lost)) < self._evict_after_s:
            return []
        self._asked, self._asked_at = self._asked + 1, now
        names = tuple(name for name in self._view.workers if name in lost)
        request = f"evict-after-{self._view.me.incarnation.nonce}-{self._asked}"
        text = (
            f"evicting {', '.join(names)}: not heard by any other worker for "
            f"{self._evict_after_s:g} s (cluster.evict-after)"
        )
        asks = ChangeRequest(request, ChangeKind.EVICT, names, lose_output=True)
        return [Report(text, Level.WARNING), SendToMember(me, asks)]

    def _may_evict(self, stay: list[WorkerName]) -> bool:
        view = self._view
        one_version = not any(view.member(name).version for name in view.workers)
        return (
            view.trust is Trust.WHOLE
            and not view.completed
            and not self._waits
            and one_version
            and len(stay) >= view.majority
        )

    def _agree(self, stay: list[WorkerName], lost: Mapping[WorkerName, float]) -> bool:
        """Whether all that stay are there, and miss the same."""
        return all(
            self._peers[name].presence is Presence.CONNECTED
            and self._reports.get(name, {}).keys() == lost.keys()
            for name in stay[1:]
        )

    def _times(self, stay: list[WorkerName], lost: Mapping[WorkerName, float]) -> Iterator[float]:
        """Since when each thing is so that must have been so for the whole time."""
        yield from (self._began, self._asked_at)
        yield from lost.values()
        for name in stay[1:]:
            yield from self._reports[name].values()
        for pair in combinations(stay, 2):
            yield self._parted.get(frozenset(pair), self._began)
