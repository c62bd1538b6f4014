"""What sources have acknowledged that may be on no disk that is left when workers are lost."""
# Theory of operation
# ===================
# A source with a journal acknowledges a record when it is on the disk of its worker and on that of
# the worker's holder. Once a checkpoint of this epoch is committed, a loss is made good from copies
# of this epoch, so the holder is there. Until then it may be made good from those of an older
# layout: its holders have what was acknowledged in it, and nothing of what was since. That is only
# with the holder of now, and counts as lost where its copy is not whole and it, or who had copies
# in between, is lost as well. A holder that is there and has no whole copy shows that nothing was
# acknowledged in this epoch; who held copies in the epochs between, if there are any, nobody knows.
# That matters only if a round ran in them. A change raises the number of the round by one, and so
# does each round, which all members know: where the changes alone account for it, there was none.

from collections.abc import Iterable, Mapping

import attrs

from wallarood.control.formation.founding import Journalled
from wallarood.control.replicas.ring import holder_of
from wallarood.model.change import Change
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import WorkerName
from wallarood.model.topology import SourcePartition


@attrs.frozen
class AtRisk:
    """What a `source` has acknowledged on `worker`, whose `holder` has no copy that will do."""

    source: str
    worker: WorkerName
    holder: WorkerName

    def __str__(self) -> str:
        return f"source {self.source!r} on {self.worker} (copied to {self.holder})"


def at_risk(
    record: ClusterRecord,
    lost: Iterable[WorkerName],
    whole: Mapping[WorkerName, int],
    *,
    journalled: Journalled,
) -> tuple[AtRisk, ...]:
    """What may be lost with *lost* where the basis of this epoch is had in an older layout.

    *whole* has the epoch in which any that stays last had all that each of these had acknowledged.
    """
    change, epoch, ring = record.change, record.topology.epoch, record.topology.workers
    if change is None:
        return ()
    gone, found = tuple(lost), []
    between = epoch - 1 if _has_run_since(change) else change.layout
    for name in gone:
        read = [
            (stage.steps[0], each)
            for stage in record.topology.stages
            for each in stage.source_partitions
            if each.worker == name and journalled(stage.steps[0])
        ]
        holder, there = holder_of(name, ring), max(change.layout, whole.get(name, 0))
        came = change.layout < epoch - 1 and any(_was_left(each) for _, each in read)
        if there < (epoch if holder in gone or came else between):
            found += [AtRisk(source, name, holder) for source in dict.fromkeys(s for s, _ in read)]
    return tuple(found)


def _has_run_since(change: Change) -> bool:
    """Whether a round may have run after that of the basis, and before *change*."""
    return change.round - change.basis.round > change.epoch - change.layout


def _was_left(partition: SourcePartition) -> bool:
    return bool(partition.left_by)


def refusal(found: Iterable[AtRisk], record: ClusterRecord) -> str:
    """What an operator is told of what is at risk, and what can be done."""
    assert record.change is not None
    number = record.change.basis.number
    return (
        f"no checkpoint of epoch {record.topology.epoch} is committed, and what was acknowledged "
        f"since checkpoint {number} may be on no disk that is left: "
        f"{', '.join(map(str, found))}; start these workers again if their disks are whole, or "
        f"--back-to {number} goes on from checkpoint {number} and loses it"
    )
