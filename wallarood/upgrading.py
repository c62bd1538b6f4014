"""Whether a new version of an application can go on from what a worker has stored."""
# Theory of operation
# ===================
# What a cluster would refuse is found by the same means: the steps are compared by their names, the
# topology of the next epoch is planned from that of now, and what this worker takes over is read.
# For that a copy of its state directory is enough, on any host.

from collections.abc import Collection, Iterator
from pathlib import Path

import attrs

from wallarood.model.checkpoint import Restored
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import ApplicationError, ConfigurationError, RefusedError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application
from wallarood.planning.upgrade import pending, successors, taken_over, upgraded
from wallarood.runtime.change.takeover import Takeover
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.state_directory import look_into


def check_upgrade(
    path: Path,
    application: Application,
    listings: tuple[Listing, ...],
    *,
    drop: Collection[str] = (),
) -> Iterator[str]:
    """Compare *application* with what the state directory *path* holds.

    Gives a line for each computation with state, source and sink. What is taken over is read with
    the classes of *application*, as a start would; nothing is changed. *listings* has the
    partitions of its sources. Without *drop* that is dropped which a cluster that waits for this
    version was told.

    Raises ConfigurationError: there is no running cluster in *path*. Raises ApplicationError: the
    application cannot go on; all reasons together. Raises DamagedStateError: a value is damaged.
    """
    stored = _Stored.of(path)
    record, waits = stored.record, pending(stored.kept)
    way = record.back
    if way is not None and way.fingerprint == application.fingerprint:
        yield (
            f"this is the version before the upgrade to epoch {record.topology.epoch}: with it on "
            f"all hosts, wallarooctl upgrade --back goes back to its checkpoint {way.basis}"
        )
        return
    drop = drop or waits or ()
    yield (
        f"from epoch {record.topology.epoch} of {record.cluster_id}, checkpoint "
        f"{stored.part.checkpoint}, as {record.worker} holds it"
    )
    found = successors(record.fingerprint, application, drop=drop)
    for each in found:
        yield str(each)
    problems = [str(each) for each in found if each.problem]
    if waits is not None and set(waits) != set(drop):
        problems.append(
            f"the cluster waits for a version that drops {_names(waits)}, and --drop says "
            f"{_names(drop)}: wallarooctl upgrade --cancel, and say upgrade again with the same"
        )
    former = taken_over([each for each in found if not each.problem])
    epoch, every = record.topology.epoch + 1, record.topology.workers
    topology = upgraded(
        application,
        record.topology,
        tuple((name, listings) for name in every),
        former=former,
        epoch=epoch,
    )
    for name in every:
        takeover = Takeover(application, record.topology, topology, name, former)
        problems += stored.unfit(takeover) if name == record.worker else _moving(takeover)
    if problems:
        raise ApplicationError("\n".join(dict.fromkeys(problems)))


@attrs.frozen
class _Stored:
    """What a worker holds: its part of the last checkpoint, and the names of those it keeps."""

    record: ClusterRecord
    part: Restored
    kept: Collection[str]

    @classmethod
    def of(cls, path: Path) -> "_Stored":
        """What is in *path*. Raises as `check_upgrade`."""
        record = look_into(path).load_record() if path.is_dir() else None
        if record is None or record.state is RecordState.PREPARED:
            raise ConfigurationError(
                f"{path} holds no cluster: there is nothing to upgrade from; name the state "
                "directory of the worker with --state-directory (of the unit it is "
                "/var/lib/wallarood)"
            )
        store = inspect_checkpoints(look_into(path).checkpoints_path, record.cluster_id)
        try:
            return cls(record, store.restore(store.committed.number), tuple(store.kept))
        finally:
            store.close()

    def unfit(self, takeover: Takeover) -> Iterator[str]:
        """What is stored here and cannot be taken over, in words."""
        try:
            for part in takeover.parts():
                try:
                    part.state.restore(self.part.chunks.get(part.was, ()))
                except ApplicationError as error:
                    yield error.message
            takeover.check_sinks((e.step, e.state, e.unpublished) for e in self.part.sinks)
        except (ApplicationError, RefusedError) as error:
            yield error.message


def _moving(takeover: Takeover) -> Iterator[str]:
    """What another worker could not take over, as far as that is known here."""
    try:
        for _ in takeover.parts():
            pass
    except (ApplicationError, RefusedError) as error:
        yield error.message


def _names(drop: Collection[str]) -> str:
    return ", ".join(map(repr, drop)) or "nothing"
