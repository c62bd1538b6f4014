"""Planted bugs of changes, each with what is said of it when it is caught."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from wallarood.control.change.decided import obey
from wallarood.control.change.proposing.bids import Bids
from wallarood.control.change.proposing.changer import Changer
from wallarood.control.change.proposing.changer_phases import Phase
from wallarood.control.change.proposing.composing import Plan
from wallarood.control.change.proposing.proposal import Proposal
from wallarood.control.change.proposing.requests import Asker
from wallarood.control.change.view import View
from wallarood.control.effects import Effect
from wallarood.control.machine import Table
from wallarood.control.replicas.holder import Holder
from wallarood.control.rounds.newer import NewerVersions
from wallarood.control.rounds.recovery_leader import RecoveryLeader
from wallarood.control.rounds.recovery_member import Phase as Phases
from wallarood.control.rounds.recovery_member import RecoveryMember
from wallarood.control.settings import MachineClasses as Classes
from wallarood.model.change import Change, ChangeKind
from wallarood.model.ids import NO_BALLOT, Ballot, Member, WorkerName
from wallarood.model.messages import Collect, Holdings

from .brief import RARELY
from .bugs import Bugs


class Running(RecoveryMember):
    """Promises while its part of the job runs."""

    TRANSITIONS: ClassVar[Table] = {
        **RecoveryMember.TRANSITIONS,
        (Phases.RUNNING, Collect): frozenset({Phases.RUNNING, Phases.HALTING, Phases.PROMISING}),
    }

    def _collect(self, sender: WorkerName, asked: Collect) -> list[Effect]:
        if self.phase is Phases.RUNNING and asked.ballot > self._heeded:
            self._asker, self._asked = sender, asked
            return self._answer()
        return super()._collect(sender, asked)


class AnyBallot(RecoveryMember):
    """Heeds any ballot, whatever it has promised."""

    @property
    def _heeded(self) -> Ballot:
        return NO_BALLOT


class SameBallot(Bids):
    """Bids what is known already."""

    def bid(self) -> Ballot:
        self.ballot = Ballot(max(1, self.known.counter), self.name)
        self.heard(self.ballot)
        return self.ballot


class SameBallots(Changer):
    """Bids the same ballot again."""

    def __init__(self, view: View, *rest: Any, **options: Any) -> None:
        super().__init__(view, *rest, **options)
        bids = self.proposal.bids
        self.proposal.bids = SameBallot(bids.name, bids.known)


class Hasty(Changer):
    """Takes what is accepted by one for decided."""

    def _accepted(self, sender: WorkerName) -> list[Effect]:
        self.proposal.done |= set(self._view.workers) if self.phase is Phase.ACCEPTING else set()
        return super()._accepted(sender)


class Ignoring(Changer):
    """Makes what it was asked for, though it finds that another change was accepted."""

    def _collected(self, sender: WorkerName, held: Holdings, now: float) -> list[Effect]:
        if self.proposal.plan is not None:
            held = attrs.evolve(held, accepted=None)
        return super()._collected(sender, held, now)


class CountsTheDead(Proposal):
    """Counts what a seat says that is certified dead."""

    @property
    def decided(self) -> Change | None:
        counted = self.change if len(self.done) >= self.view.majority else None
        return counted or super().decided


class CountingTheDead(Changer):
    """Proposes so."""

    def __init__(self, view: View, *rest: Any, **options: Any) -> None:
        super().__init__(view, *rest, **options)
        self.proposal = CountsTheDead(view, self.proposal.door, self.proposal.bids)


class Gone(Changer):
    """Leaves as soon as it finds that this is decided, though nobody else knows."""

    def _tell_if_decided(self) -> list[Effect]:
        effects, change, view = super()._tell_if_decided(), self.proposal.decided, self._view
        leaves = change is not None and not change.has(view.me)
        return [*effects, *(obey(view.me, view.record, change) if change and leaves else [])]


class SameLine(Changer):
    """Goes back to the version before in the line that there is."""

    def _stage(self, now: float) -> list[Effect]:
        effects, proposal = super()._stage(now), self.proposal
        change = proposal.change
        if change is None or proposal.plan is None or not proposal.plan.goes_back:
            return effects
        proposal.change = attrs.evolve(change, line=change.line - 1)
        return proposal.ask()


class TooEarly(Changer):
    """Begins an upgrade as soon as the newer version runs here."""

    def _asked(self, plan: Plan, asker: Asker, now: float) -> list[Effect]:
        early = plan.request.kind is ChangeKind.UPGRADE and self._view.upgrade is not None
        if not early or self._busy or self._view.away:
            return super()._asked(plan, asker, now)
        self.proposal.begin(plan)
        return self._collect(now)


class AnyVersion(NewerVersions):
    """Sees nothing in versions that differ."""

    def seen(self, *_: Any) -> list[Effect]:
        return []


class OfAnyVersion(RecoveryLeader):
    """Begins rounds whatever versions run."""

    def __init__(self, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._newer = AnyVersion()


class FirstVersion(NewerVersions):
    """Takes the version that runs on the leader for that of all."""

    def seen(
        self, workers: Sequence[WorkerName], present: Mapping[WorkerName, Member]
    ) -> list[Effect]:
        version = present[workers[0]].version
        alike = {name: attrs.evolve(each, version=version) for name, each in present.items()}
        return super().seen(workers, alike if version else present)


class OfFirstVersion(RecoveryLeader):
    """Has an upgrade proposed so."""

    def __init__(self, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._newer = FirstVersion()


class TakesAlways(Holder):
    """Takes what was on its way when it was asked what it holds, or voted."""

    def takes(self, round_: int) -> bool:
        return self._round == round_


class StaysConnected(Holder):
    """Keeps the connection of its owner when it was asked what it holds."""

    def _rest(self) -> list[Effect]:
        return []


FIVE = ("alpha", "beta", "gamma", "delta", "epsilon")
THREE = FIVE[:3]
PLANTED_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a promise is said before it is durable": (
        {"early_promise": True},
        "(promises|accepts|asks with) .*, which is not durable",
    ),
    "a promise does not halt the job": (
        {"bugs": Bugs(classes=Classes(recovery_member=Running))},
        "and its job runs",
    ),
    "a lower ballot is accepted": (
        {"bugs": Bugs(classes=Classes(recovery_member=AnyBallot))},
        "after it has promised",
    ),
    "a ballot is used twice": (
        {"bugs": Bugs(classes=Classes(changer=SameBallots))},
        "asks twice with",
    ),
    "one acceptance is taken for a majority": (
        {"bugs": Bugs(classes=Classes(changer=Hasty))},
        "is not decided|says that [0-9]+ is decided",
    ),
    "who leaves goes before another has adopted": (
        {"bugs": Bugs(classes=Classes(changer=Gone))},
        "leaves before anybody has adopted",
    ),
    "an old layout is pruned when a change is adopted": (
        {"early_pruned": True, "loses": True, "workers": FIVE},
        "not done after",
    ),
    "an heir publishes under its own writer": (
        {"heirs_own": True, "loses": True, "workers": THREE},
        "has two contents for part",
    ),
    "a journal is acknowledged before its copy is there": (
        {"told_early": True, "loses": True, "workers": THREE, "span": RARELY},
        "were acknowledged, and",
    ),
    "a replica is said to be held before the journal is copied": (
        {"part_first": True, "loses": True, "workers": THREE, "span": RARELY},
        "entries of its journal, and",
    ),
    "a journal is acknowledged after a promise": (
        {
            "bugs": Bugs(classes=Classes(holder=StaysConnected)),
            "loses": True,
            "journals": True,
            "workers": THREE,
            "certifies": True,
            "span": RARELY,
        },
        "were acknowledged, and",
    ),
    "a copy is written after a vote": (
        {
            "bugs": Bugs(classes=Classes(holder=TakesAlways)),
            "loses": True,
            "workers": THREE,
            "certifies": True,
            "copying": True,
            "span": RARELY,
        },
        "after it has voted",
    ),
    "a choice is taken for committed before it is copied": (
        {
            "bugs": Bugs(early_committed=True),
            "chosen": True,
            "loses": True,
            "workers": THREE,
            "span": RARELY,
        },
        "is asked to go back, and nothing is lost",
    ),
    "a part is said to be staged before it is durable": (
        {"early_staged": True},
        "lacks its part",
    ),
    "what was accepted is ignored by who wants another change": (
        {"bugs": Bugs(classes=Classes(changer=Ignoring)), "loses": True, "workers": FIVE},
        "two changes are decided for epoch",
    ),
    "a seat that is certified dead is counted": (
        {
            "bugs": Bugs(classes=Classes(changer=CountingTheDead)),
            "loses": True,
            "workers": THREE,
            "certifies": True,
        },
        "adopts epoch .*, which is not decided|says that .* is decided",
    ),
    "a restored seat votes": (
        {"votes_restored": True, "restores": True, "workers": THREE},
        "votes, and its directory is a copy",
    ),
    "the version before goes on in the same line": (
        {
            "bugs": Bugs(classes=Classes(changer=SameLine)),
            "upgrades": True,
            "returns": True,
            "span": RARELY,
        },
        "goes back in line",
    ),
    "a round begins where another version runs": (
        {
            "bugs": Bugs(classes=Classes(recovery_leader=OfAnyVersion)),
            "upgrades": True,
            "span": RARELY,
        },
        "begins round .*, and runs another version than epoch",
    ),
    "an upgrade is proposed where the version before runs": (
        {
            "bugs": Bugs(classes=Classes(changer=TooEarly, recovery_leader=OfFirstVersion)),
            "upgrades": True,
            "mixes": True,
            "workers": THREE,
            "span": RARELY,
        },
        "proposes .*, and .* has not run that",
    ),
    "the first round of an epoch looks above its basis": (
        {"keeps_above": True, "lags": True, "loses": True, "workers": THREE},
        "which is of the epoch before and not its basis",
    ),
}
