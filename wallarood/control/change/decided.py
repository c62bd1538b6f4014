"""What a worker does that hears what its cluster has become."""
# Theory of operation
# ===================
# Only what is decided is ever told, so whoever is told obeys. A worker that is in the new epoch, in
# the same seat, has made everything durable before the change could be accepted: it adopts. All
# others put aside what they have of the cluster: those that left end as they were told, those that
# were evicted or replaced learn of it. A member has taken part in each change, so it is never two
# epochs behind; a directory that is, is an older copy.

import attrs

from wallarood.control.change.effects import AdoptChange, CopyAhead, SetAside
from wallarood.control.effects import Effect, Fail, Report
from wallarood.model import messages
from wallarood.model.change import Change, Departed, Why
from wallarood.model.cluster_record import ClusterRecord, Layout, RecordState, WayBack
from wallarood.model.errors import RefusedError
from wallarood.model.ids import Member, are_same

DEPARTED_MAX = 32
"""Of how many seats that went is known how they did."""


def obey(
    me: Member, record: ClusterRecord, change: Change, departed: Departed | None = None
) -> list[Effect]:
    """Go on in the epoch of *change*, or put aside the cluster of *record*.

    *departed* is how this worker went before that, if it was told.
    """
    epoch = record.topology.epoch
    if change.epoch <= epoch:
        return []
    if not change.has(me):
        return [set_aside(me, change, departed)]
    if change.epoch > epoch + 1:
        reason = (
            f"the cluster is at epoch {change.epoch}, and what {me.name} holds is of {epoch}: its "
            "state directory is an older copy; put the newer one back, or take it in anew with "
            f"wallarooctl replace {me.name}"
        )
        return [Fail(RefusedError(reason))]
    return [Report(f"epoch {change.epoch} is decided"), AdoptChange(adopted(record, change))]


def adopted(record: ClusterRecord, change: Change, before: Layout | None = None) -> ClusterRecord:
    """The record of a cluster that has become what *change* says.

    What is staged has in *before* who has which part of the basis. A new version of the application
    could not take over those parts as they are; the version before can, as long as nothing else
    changes.
    """
    same = change.fingerprint == record.fingerprint
    return attrs.evolve(
        record,
        state=RecordState.STARTED,
        fingerprint=change.fingerprint,
        topology=change.topology,
        members=change.members,
        change=change,
        before=before if same else None,
        back=None if same or goes_back(record, change) else _way_back(record, change),
        departed=(*record.departed, *_departed(change))[-DEPARTED_MAX:],
    )


def goes_back(record: ClusterRecord, change: Change) -> bool:
    """Whether *change* takes the cluster of *record* back to the version before the upgrade."""
    way = record.back
    return way is not None and (change.layout, change.fingerprint) == (
        way.topology.epoch,
        way.fingerprint,
    )


def _way_back(record: ClusterRecord, change: Change) -> WayBack:
    return WayBack(record.fingerprint, record.topology, change.basis)


def effect_of(wanted: messages.CopyAhead) -> CopyAhead:
    """What is to be done where a worker is asked to copy what it will take over."""
    return CopyAhead(
        wanted.name, wanted.cluster_id, wanted.topology, wanted.previous, wanted.old_members
    )


def _departed(change: Change) -> tuple[Departed, ...]:
    return tuple(Departed(each.name, each.seat, each.why, change.epoch) for each in change.gone)


def set_aside(me: Member, change: Change, departed: Departed | None = None) -> SetAside:
    """What a worker does that is not in the new epoch, and went by it, or before as *departed*."""
    for gone in (*_departed(change), *(() if departed is None else (departed,))):
        if gone.name == me.name and are_same(gone.seat, me.seat):
            if gone.why is Why.LEFT:
                left = f"{me.name} has left the cluster at epoch {gone.epoch}"
                return SetAside(left, 0, change.members)
            why = f"{me.name} was {gone.why.value} at epoch {gone.epoch}"
            return SetAside(why, RefusedError.exit_code, change.members)
    why = f"{me.name} is no longer a member of the cluster, since epoch {change.epoch} or before"
    return SetAside(why, RefusedError.exit_code, change.members)
