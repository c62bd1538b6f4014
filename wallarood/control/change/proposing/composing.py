"""What a change is made of: who stays, from which checkpoint, and who takes over what."""
# Theory of operation
# ===================
# The basis is the highest checkpoint of which every survivor has its own part, and of which some
# survivor has a copy of the part of each seat that is lost, as it was in this epoch: in the one
# before it had another part. A leaver hands over its part itself, so it counts as a survivor here.
# Below the highest that is known committed there is no basis, unless
# an operator wants to go back so far: what was published after it is made again, in another line.
#
# The way back from an upgrade begins with the basis of that: each member keeps its part of it. What
# came after is made again, in another line. So is what may have come in an epoch that was being
# decided and has no living member: whether it was nobody knows.
#
# As long as no checkpoint of this epoch is committed, there are no copies of what its members have
# in it. Then the parts of the basis that it began with are put together once more as they were in
# the epoch before, or in that of the last commit: their owners and holders have kept them, and that
# epoch is the layout of the next one as well. What sources have acknowledged since is not in them:
# see `acknowledged`.

from collections.abc import Iterable, Mapping, Sequence, Set

import attrs

from wallarood.control.change.proposing.acknowledged import AtRisk, at_risk, refusal
from wallarood.control.change.view import View
from wallarood.control.formation.founding import Replanner
from wallarood.control.replicas.ring import holder_of
from wallarood.control.rounds.choosing import may_be_older, number_of
from wallarood.model.change import Change, ChangeKind, Gone, Heir, PartName, Why
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import RefusedError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import ChangeRequest, Holdings
from wallarood.model.topology import Topology

NO_WAY_BACK = (
    "there is no version to go back to: the cluster was not upgraded, or its members have changed "
    "since"
)
SAID_MAX = 8
"""How many stages are named of which something would be lost."""

_WHY = {
    ChangeKind.SHRINK: Why.LEFT,
    ChangeKind.EVICT: Why.EVICTED,
    ChangeKind.REPLACE: Why.REPLACED,
}


@attrs.frozen
class Plan:
    """A request as it concerns the cluster of *view*."""

    request: ChangeRequest
    view: View

    @property
    def gone(self) -> tuple[WorkerName, ...]:
        """The seats that are not in the next epoch."""
        return self.request.names if self.request.kind in _WHY else ()

    @property
    def survivors(self) -> tuple[WorkerName, ...]:
        """The members that stay, in their order."""
        return tuple(name for name in self.view.workers if name not in self.gone)

    @property
    def proposer(self) -> WorkerName | None:
        """Who is to propose it: the first survivor that is there."""
        here = [name for name in self.survivors if name not in self.view.away]
        return here[0] if here else None

    @property
    def needed(self) -> tuple[WorkerName, ...]:
        """Whose promises it needs: those of all that hand over what they have."""
        return self.view.workers if self.request.kind.needs_all else self.survivors

    @property
    def workers(self) -> tuple[WorkerName, ...]:
        """Those of the next epoch."""
        joiner = self.request.joiner
        return (*self.survivors, *(() if joiner is None else (joiner.name,)))

    def topology(self, replan: Replanner) -> Topology:
        """That of the next epoch, but of an upgrade. Raises RefusedError: there is none."""
        return replan(self.view.record.topology, self.workers, epoch=self.view.epoch + 1)

    @property
    def goes_back(self) -> bool:
        """Whether the version before the last upgrade is to go on from where it was."""
        return self.request.kind is ChangeKind.BACK

    @property
    def lost(self) -> tuple[WorkerName, ...]:
        """The seats whose parts are to be had from copies only."""
        return () if self.request.kind.needs_all else self.gone


def decides(
    view: View,
    change: Change,
    accepted: Set[WorkerName],
    certified: Set[WorkerName] = frozenset(),
) -> bool:
    """Whether a change is decided once these members have accepted it.

    A majority of the seats of the epoch before; if any is *certified* dead, by an operator or by
    the change, all others, and at least half. What a certified seat says is never counted.
    """
    of_change = {gone.name for gone in change.gone if gone.certified}
    voters = set(view.workers) - of_change - certified
    counted = voters & accepted
    if len(counted) >= view.majority and not of_change:
        return True
    all_others = counted == voters and len(counted) * 2 >= len(view.workers)
    return all_others and bool(certified or of_change)


def is_dropped(change: Change | None, plan: Plan | None) -> bool:
    """Whether *change*, which was accepted, may be lost: *plan* says so, and all in it are dead."""
    if change is None or plan is None or plan.request.back_to is None:
        return False
    return plan.request.certified and set(change.workers) <= set(plan.gone)


def basis(plan: Plan, holdings: Mapping[WorkerName, Holdings]) -> tuple[CheckpointId, int]:
    """The checkpoint to continue from, and the layout of its parts.

    Raises RefusedError: there is none.
    """
    everything = [holdings[name] for name in plan.needed]
    common = frozenset.intersection(*(frozenset(each.checkpoints) for each in everything))
    copies = {part for each in everything for part in each.replicas}
    epoch = plan.view.epoch
    found = {each: epoch for each in common if copies >= _parts(epoch, plan.lost, each)}
    found |= _as_before(plan, copies)
    if not found:
        lost = ", ".join(plan.lost)
        why = f" with a copy of the part of {lost}{_only_there(plan)}" if plan.lost else ""
        raise RefusedError(f"there is no checkpoint that all members that stay hold{why}")
    chosen = max(found, key=number_of)
    if found[chosen] != epoch and (risks := _at_risk(plan, holdings)):
        raise RefusedError(refusal(risks, plan.view.record))
    known = max((each.committed for each in everything), key=number_of)
    if chosen.number >= known.number:
        return chosen, found[chosen]
    wanted = [each for each in found if each.number == plan.request.back_to]
    if not wanted:
        raise RefusedError(
            f"checkpoint {chosen} is the highest that could be continued from, and {known} is "
            f"committed: --back-to {chosen.number} goes back to it and loses what came after"
        )
    return wanted[0], found[wanted[0]]


def _back(plan: Plan, holdings: Mapping[WorkerName, Holdings]) -> tuple[CheckpointId, int]:
    """As `basis`, of a way back to the version before the last upgrade."""
    way = plan.view.record.back
    if way is None:
        raise RefusedError(NO_WAY_BACK)
    lacking = [name for name in plan.needed if way.part_of(name) not in holdings[name].replicas]
    if lacking:
        raise RefusedError(
            f"checkpoint {way.basis} of epoch {way.topology.epoch} is not kept any more on "
            f"{', '.join(lacking)} (dropped by an operator, for a journal that was filling up, or "
            "damaged): there is no way back"
        )
    return way.basis, way.topology.epoch


def _only_there(plan: Plan) -> str:
    """What lost workers had, in words: the states, and the partitions of sources."""
    stages, had = plan.view.record.topology.stages, []
    for stage in stages:
        read = [e.partition for e in stage.source_partitions if e.worker in plan.lost]
        if read:
            had.append(f"what source {stage.steps[0]!r} has taken in there ({', '.join(read)})")
        elif stage.kind.has_state and set(stage.workers) & set(plan.lost):
            had.append(f"state of {stage.name!r}")
    return f": lost would be {', '.join(had[:SAID_MAX])}" if had else ""


def _parts(layout: int, owners: Iterable[WorkerName], of: CheckpointId) -> Set[PartName]:
    return {PartName(layout, owner, of.round, of.number) for owner in owners}


def _as_before(plan: Plan, copies: Set[PartName]) -> dict[CheckpointId, int]:
    """The basis of this epoch, if all of it is there in an older layout and somebody is lost."""
    change, before = plan.view.record.change, plan.view.record.before
    if not plan.lost or change is None or before is None:
        return {}
    wanted = _parts(change.layout, before.topology.workers, change.basis)
    return {change.basis: change.layout} if copies >= wanted else {}


def _at_risk(plan: Plan, holdings: Mapping[WorkerName, Holdings]) -> tuple[AtRisk, ...]:
    """What may be lost if an older layout is gone on from; nothing where the operator knows."""
    view, whole = plan.view, dict[WorkerName, int]()
    if view.record.change is None or plan.request.back_to == view.record.change.basis.number:
        return ()
    for owner, epoch in (each for name in plan.needed for each in holdings[name].journals):
        whole[owner] = max(epoch, whole.get(owner, 0))
    return at_risk(view.record, plan.lost, whole, journalled=view.journalled)


def compose(plan: Plan, holdings: Mapping[WorkerName, Holdings], replan: Replanner) -> Change:
    """The change that *plan* asks for. Raises RefusedError: it cannot be made."""
    view, request = plan.view, plan.request
    record = view.record
    chosen, layout = _back(plan, holdings) if plan.goes_back else basis(plan, holdings)
    everything = [holdings[name] for name in plan.needed]
    joiner = () if request.joiner is None else (request.joiner,)
    workers = plan.workers
    known = max(each.committed.number for each in everything)
    line = max(each.line for each in everything)
    common = frozenset.intersection(*(frozenset(each.checkpoints) for each in everything))
    unsure = plan.lost and max(map(number_of, common)) > chosen.number
    below = plan.goes_back or chosen.number < known or any(e.accepted for e in everything)
    if unsure or below or may_be_older(everything, chosen.number):
        line += 1
    if request.kind is ChangeKind.UPGRADE:
        if view.upgrade is None:
            raise RefusedError(f"{view.me.name} runs the application of this epoch")
        listings = tuple((name, holdings[name].listings) for name in workers)
        topology, fingerprint = view.upgrade(record, listings), view.upgrade.fingerprint
    elif plan.goes_back and record.back is not None:
        topology = attrs.evolve(record.back.topology, epoch=view.epoch + 1)
        fingerprint = record.back.fingerprint
    else:
        topology = plan.topology(replan)
        fingerprint = record.fingerprint
    stay = (attrs.evolve(view.member(name), version="") for name in plan.survivors)
    return Change(
        view.epoch + 1,
        (*stay, *joiner),
        tuple(_gone(plan, name) for name in plan.gone),
        topology,
        fingerprint,
        chosen,
        layout,
        max(each.round for each in everything) + 1,
        line,
        _heirs(plan, workers, layout),
    )


def _gone(plan: Plan, name: WorkerName) -> Gone:
    request, seat = plan.request, plan.view.member(name).seat
    return Gone(name, seat, _WHY[request.kind], request.certified)


def _heirs(plan: Plan, workers: Sequence[WorkerName], layout: int) -> tuple[Heir, ...]:
    """Who takes over what a seat had: of one that is lost who has a copy of it, else each in turn.

    In an older layout there may be those that were gone already, and what they had is had again.
    """
    if plan.lost:
        old = plan.view.layout(layout)
        ring, stay = old.topology.workers, {(m.name, m.seat) for m in plan.view.members}
        stay -= {(name, plan.view.member(name).seat) for name in plan.gone}
        return tuple(
            Heir(
                each.name,
                each.seat,
                each.name if each.name in workers else holder_of(each.name, ring),
            )
            for each in old.members
            if (each.name, each.seat) not in stay
        )
    return tuple(
        Heir(name, plan.view.member(name).seat, workers[place % len(workers)])
        for place, name in enumerate(plan.gone)
    )
